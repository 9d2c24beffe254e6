"""Sphinx's settings for the book's site; `lstmbook build` runs Sphinx with them."""

import tomllib
from pathlib import Path

import lstmbook

ROOT = Path(__file__).parent
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["lstmbook"]

project = "Long Short-Term Memory from First Principles"
author = "the lstmbook authors"
copyright = "the lstmbook authors. Text under CC BY 4.0, code under the MIT licence"
version = release = lstmbook.__version__

extensions = [
    "myst_nb",
    "sphinx_external_toc",
    "sphinx_design",
    "sphinx_copybutton",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.mathjax",
    "lstmbook.explore.sphinx",
    "lstmbook.book.sphinx",
]
external_toc_path = "_toc.yml"
external_toc_exclude_missing = False
exclude_patterns = ["_build", "**.ipynb_checkpoints"]

# The notebooks arrive executed (lstmbook.book.site executes what changed and keeps the rest).
nb_execution_mode = "off"
nb_merge_streams = True
myst_enable_extensions = ["amsmath", "colon_fence", "deflist", "dollarmath"]
myst_dmath_double_inline = True
myst_heading_anchors = 4
myst_heading_slug_func = "lstmbook.book.pages.anchor"
# ref.python: one name documented in two places (a protocol and a class) is no broken reference
suppress_warnings = ["mystnb.unknown_mime_type", "ref.python"]

autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
# a name is documented in the module that defines it, not where it is handed on
autodoc_default_options = {"ignore-module-all": True}
autodoc_type_aliases = {"Array": "Array", "Numbers": "Numbers"}
napoleon_google_docstring = False
napoleon_use_ivar = True

html_theme = "sphinx_book_theme"
html_title = "LSTM from First Principles"
html_baseurl = ""
html_static_path: list[str] = []
html_show_sourcelink = True
html_context = {"default_mode": "auto"}
html_theme_options = {
    "repository_url": SETTINGS["repository"],
    "repository_branch": SETTINGS["branch"],
    "path_to_docs": "",
    "use_repository_button": True,
    "use_download_button": True,
    "use_fullscreen_button": False,
    "launch_buttons": {
        "binderhub_url": "https://mybinder.org",
        "colab_url": "https://colab.research.google.com",
        "notebook_interface": "jupyterlab",
    },
    "navbar_persistent": [],
    "show_toc_level": 2,
    "home_page_in_toc": True,
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
copybutton_exclude = ".linenos, .gp, .go"

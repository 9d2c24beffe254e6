"""The colours of every drawing: one table for Matplotlib, the style sheet and the script.

The hues follow Okabe and Ito, so that they can be told apart with any common kind of colour
vision; each has a light and a dark variant that reaches a contrast of 3:1 on its ground (text
colours: 4.5:1).
"""

from __future__ import annotations

from typing import Final

LIGHT: Final[dict[str, str]] = {
    "blue": "#0072b2",
    "orange": "#b87400",
    "green": "#00876b",
    "red": "#c9431c",
    "purple": "#a0468f",
    "sky": "#2c8fc4",
    "yellow": "#8f7d00",
    "grey": "#737a82",
    "ink": "#1f2328",
    "muted": "#59616b",
    "line": "#868e97",
    "grid": "#e4e7eb",
    "paper": "#ffffff",
    "raised": "#f6f7f9",
    "accent": "#005f96",
}
DARK: Final[dict[str, str]] = {
    "blue": "#5aaef2",
    "orange": "#eda42b",
    "green": "#35c39c",
    "red": "#ff8563",
    "purple": "#df93cb",
    "sky": "#98d5f7",
    "yellow": "#e6dc55",
    "grey": "#98a0a9",
    "ink": "#e4e7eb",
    "muted": "#aab2bb",
    "line": "#7b848e",
    "grid": "#2f363e",
    "paper": "#14161a",
    "raised": "#1d2126",
    "accent": "#7cc0f5",
}

CYCLE: Final = ("blue", "orange", "green", "red", "purple", "sky", "yellow", "grey")

# Ten stops of each ramp, low to high. Sequential: lightness rises evenly from blue to yellow.
# Diverging: blue for negative, a pale middle, orange for positive.
RAMPS: Final[dict[str, tuple[str, ...]]] = {
    "sequential": (
        "#00224e",
        "#123570",
        "#3b496c",
        "#575d6d",
        "#707173",
        "#8a8678",
        "#a59c74",
        "#c3b369",
        "#e1cc55",
        "#fee838",
    ),
    "diverging": (
        "#08396b",
        "#1b5f9e",
        "#4b8cc2",
        "#93bbdb",
        "#dbe6ec",
        "#f3e6d8",
        "#e6b98a",
        "#cf8440",
        "#a75410",
        "#6b2f02",
    ),
}


def style_variables() -> str:
    """Return the CSS that defines ``--xp-<name>`` for light and dark pages.

    ``data-theme`` on the root (sphinx themes) and JupyterLab's ``data-jp-theme-light`` decide
    where they are present; the reader's system decides elsewhere.
    """
    light = ";".join(f"--xp-{name}:{value}" for name, value in LIGHT.items())
    dark = ";".join(f"--xp-{name}:{value}" for name, value in DARK.items())
    return (
        f":root{{{light}}}\n"
        "@media screen and (prefers-color-scheme:dark){"
        f":root:not([data-theme]):not(:has([data-jp-theme-light])){{{dark}}}}}\n"
        f"@media screen{{html[data-theme=dark],[data-jp-theme-light=false]{{{dark}}}}}\n"
    )

"""The project's files agree with each other."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from rattler import MatchSpec

import lstmbook
from lstmbook.book import browser

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
ENVIRONMENT = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))


def required(*extras):
    """Return the requirements of the package and of some extras, by name."""
    listed = list(PROJECT["project"]["dependencies"])
    for extra in extras:
        listed += PROJECT["project"]["optional-dependencies"][extra]
    found = [Requirement(each) for each in listed]
    return {canonicalize_name(each.name): each for each in found}


def conda_specs():
    return [each for each in ENVIRONMENT["dependencies"] if isinstance(each, str)]


def locked():
    """Return the requirements of the lock: name to the list of its pinned versions."""
    pins = {}
    for name, version in re.findall(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", LOCK, re.MULTILINE):
        pins.setdefault(canonicalize_name(name), []).append(version)
    return pins


def test_conda_environment_has_the_names_and_bounds_of_the_project():
    specs = {name: Requirement(name) for name in conda_specs() if name != "pip"}
    python = Requirement(next(each for each in specs if each.startswith("python>")))
    assert (
        python.specifier == Requirement(f"python{PROJECT['project']['requires-python']}").specifier
    )

    mine = {canonicalize_name(each.name): each.specifier for each in specs.values()}
    del mine["python"]
    theirs = {name: each.specifier for name, each in required("engine", "site").items()}
    assert mine == theirs


@pytest.mark.parametrize("spec", conda_specs())
def test_conda_understands_each_spec(spec):
    assert MatchSpec(spec, strict=True).name.normalized == re.match(r"[\w-]+", spec).group()


def test_conda_environment_installs_the_package_itself():
    assert {"pip": ["-e ."]} in ENVIRONMENT["dependencies"]
    assert "pip" in ENVIRONMENT["dependencies"]


def test_lock_pins_every_requirement_within_its_bounds():
    pins = locked()
    every = required("site", "test")
    every |= {
        canonicalize_name(Requirement(each).name): Requirement(each)
        for each in PROJECT["dependency-groups"]["build"]
    }
    for name, requirement in every.items():
        assert name in pins, f"requirements.lock lacks {name}; CONTRIBUTING.md says how to renew it"
        for version in pins[name]:
            assert requirement.specifier.contains(version), (name, version)


def test_lock_hashes_everything_and_names_no_address():
    entries = re.split(r"\n(?=[a-z0-9])", re.sub(r"^#.*\n", "", LOCK, flags=re.MULTILINE).strip())
    assert len(entries) > 100
    assert [each for each in entries if "--hash=sha256:" not in each] == []
    assert not re.search(r"://|file:|^-", LOCK, re.MULTILINE)


def test_lock_leaves_out_the_frameworks_that_weigh_gigabytes():
    assert not {"torch", "tensorflow"} & set(locked())
    assert not [name for name in locked() if name.startswith("nvidia")]


def committed():
    asked = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [ROOT / name for name in asked.stdout.split("\0") if name]


def test_no_committed_file_names_a_package_registry():
    # put together here, so that this file does not name one either
    hosts = ["pypi." + "org", "pythonhosted." + "org", "npmjs." + "org", "npmjs." + "com"]
    hosts += ["yarnpkg." + "com", "anaconda." + "org", "anaconda." + "com", "jsdelivr." + "net"]
    hosts += ["unpkg." + "com", "conda." + "io"]
    pattern = re.compile("|".join(rf"//[\w.-]*\b{re.escape(host)}" for host in hosts).encode())
    naming = [
        (path.relative_to(ROOT).as_posix(), pattern.search(path.read_bytes()).group())
        for path in committed()
        if path.is_file() and "vendor" not in path.parts and pattern.search(path.read_bytes())
    ]
    assert naming == []


def test_one_version_everywhere():
    assert PROJECT["project"]["version"] == lstmbook.__version__ == CITATION["version"]


def test_one_address_everywhere():
    repository = PROJECT["tool"]["lstmbook"]["repository"]
    assert CITATION["repository-code"] == repository
    assert f"git clone {repository} " in (ROOT / "README.md").read_text(encoding="utf-8")


def test_licences_are_there_and_named_alike():
    assert (ROOT / "LICENSE").read_text().startswith("MIT License")
    text = (ROOT / "LICENSE-TEXT").read_text()
    assert "Creative Commons Attribution 4.0 International Public License" in text
    assert "Section 8 -- Interpretation." in text
    assert PROJECT["project"]["license"] == "MIT"
    assert CITATION["license"] == ["MIT", "CC-BY-4.0"]


def test_every_vendored_folder_carries_its_licences():
    folders = {path.parent for path in (ROOT / "lstmbook").rglob("vendor/*") if path.is_file()}
    assert [folder for folder in folders if not (folder / "LICENSES.txt").is_file()] == []


def test_files_that_the_readme_links_exist():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", text)
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_commands_of_the_readme_are_those_of_the_launcher():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"^python3 book.py (\w+)$", text, re.MULTILINE) == ["read", "test"]


def test_types_are_checked_strictly_against_the_python_that_runs():
    settings = PROJECT["tool"]["mypy"]
    assert settings["strict"]
    assert "python_version" not in settings


def test_the_one_command_of_the_readme_is_what_runs_everything_elsewhere():
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    command = "book.py test"
    assert f"python3 {command}\n" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert script.splitlines()[-1] == f'"$python" {command}'
    # which brings its own browser
    assert "chrom" not in script.lower()


def test_launcher_needs_the_standard_library_only():
    tree = ast.parse((ROOT / "book.py").read_text(encoding="utf-8"))
    names = {
        alias.name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    names |= {
        node.module.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)
    }
    assert names <= set(sys.stdlib_module_names)


def test_browser_named_by_the_variable_must_exist(monkeypatch, tmp_path):
    monkeypatch.setenv(browser.VARIABLE, str(tmp_path / "none"))
    with pytest.raises(browser.BrowserMissing, match="none"):
        browser.find()
    here = tmp_path / "chromium"
    here.touch()
    monkeypatch.setenv(browser.VARIABLE, str(here))
    assert browser.find() == here

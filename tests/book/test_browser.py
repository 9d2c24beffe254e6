"""A Chromium is found, or installed by what the machine allows. All its tools here are fakes."""

import os
import platform
import shutil
import sys

import pytest

from lstmbook.book import browser

PYTHON = sys.executable
BROKEN = "sys.exit(1)"


class Machine:
    """Commands that note how they are called, alone on the PATH."""

    def __init__(self, folder):
        self.folder = folder
        self.log = folder / "log"
        (folder / "env").symlink_to(shutil.which("env"))
        if limit := shutil.which("timeout"):
            (folder / "timeout").symlink_to(limit)
        else:  # not everywhere a command of the system
            self.has(
                "timeout",
                "import subprocess\n"
                "try: sys.exit(subprocess.run(sys.argv[4:], timeout=int(sys.argv[3])).returncode)\n"
                "except subprocess.TimeoutExpired: sys.exit(124)",
                silent=True,
            )

    def has(self, name, code="", silent=False):
        path = self.folder / name
        noting = f"print({name!r}, *sys.argv[1:], file=open({str(self.log)!r}, 'a'), flush=True)"
        path.write_text(f"#!{PYTHON}\nimport os, sys\n{'' if silent else noting}\n{code}\n")
        path.chmod(0o755)
        return path

    def gives(self, name, code=""):
        """Return code by which a fake brings a command."""
        ready = self.has(f"{name}.ready", code, silent=True)
        return f"os.link({str(ready)!r}, {str(self.folder / name)!r})"

    def called(self, name):
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [line.split()[1:] for line in lines if line.split()[0] == name]


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Debian, as root, with nothing that can be installed."""
    monkeypatch.delenv(browser.VARIABLE, raising=False)
    made = Machine(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(browser, "PLACES", ())
    monkeypatch.setattr(os, "geteuid", lambda: 0, raising=False)
    is_system(monkeypatch, ID="debian")
    made.has("apt-get", BROKEN)
    playwright(made, monkeypatch, BROKEN)
    return made


def is_system(monkeypatch, **release):
    monkeypatch.setattr(platform, "freedesktop_os_release", lambda: release)


def playwright(machine, monkeypatch, code):
    """Let this Python know a Playwright; its own Chromium, if it comes, is the command `own`."""
    asked = f"if sys.argv[1] == '-c': sys.exit(print({str(machine.folder / 'own')!r}))\n"
    monkeypatch.setattr(sys, "executable", str(machine.has("python", asked + code)))


def asked_of_playwright(machine):
    return [words[2:] for words in machine.called("python") if words[0] == "-m"]


def installs(what):
    return f"if 'install' in sys.argv: {what}"


def test_what_is_there_is_used_and_nothing_installed(machine):
    machine.has("chromium-browser", BROKEN)  # Ubuntu's, which only says that there is a snap
    chrome = machine.has("google-chrome")
    assert browser.provide() == chrome
    assert not machine.called("apt-get")
    assert not asked_of_playwright(machine)


def test_root_installs_debians_in_silence(machine, capfd):
    say = "print('chatter', os.environ['DEBIAN_FRONTEND'], file=sys.stderr)\n"
    machine.has("apt-get", say + installs(machine.gives("chromium")))
    assert browser.provide() == machine.folder / "chromium"
    update, install = machine.called("apt-get")
    assert update[-1] == "update"
    assert install[-2:] == ["chromium", "fonts-dejavu-core"]
    assert "DPkg::Lock::Timeout=120" in install
    assert not asked_of_playwright(machine)
    said = capfd.readouterr()
    assert said.out == ("no Chromium or Chrome here: apt-get installs chromium fonts-dejavu-core\n")
    assert said.err == ""


def test_a_failed_update_is_no_end(machine):
    code = installs(machine.gives("chromium")) + "\nelse: sys.exit(100)"
    machine.has("apt-get", code)
    assert browser.provide() == machine.folder / "chromium"


def test_others_install_through_a_sudo_that_asks_nothing(machine, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000, raising=False)
    machine.has("apt-get", installs(machine.gives("chromium")))
    true = machine.has("true", silent=True)
    assert browser.provide() is None  # no sudo at all
    machine.has("sudo", BROKEN)  # one that wants a password
    assert browser.provide() is None
    assert not machine.called("apt-get")
    assert machine.called("sudo") == [["-n", true.name]]
    machine.has("sudo", "os.execvp(sys.argv[2], sys.argv[2:])")
    assert browser.provide() == machine.folder / "chromium"
    asked = machine.called("sudo")[2:]
    assert [words[:2] for words in asked] == [["-n", "timeout"]] * 2
    assert all("apt-get" in words for words in asked)


@pytest.mark.parametrize(
    ("release", "tried"),
    [
        ({"ID": "ubuntu", "ID_LIKE": "debian"}, True),
        ({"ID": "linuxmint", "ID_LIKE": "ubuntu debian"}, True),
        ({"ID": "fedora"}, False),
        ({"ID": "opensuse", "ID_LIKE": "suse opensuse"}, False),
    ],
)
def test_only_debian_and_its_kin_are_asked_for_packages(machine, monkeypatch, release, tried):
    is_system(monkeypatch, **release)
    assert browser.provide() is None
    assert bool(machine.called("apt-get")) == tried
    assert asked_of_playwright(machine) == [["install", "chromium"]]


def test_a_system_without_a_name_has_playwrights(machine, monkeypatch):
    def nameless():
        raise OSError

    monkeypatch.setattr(platform, "freedesktop_os_release", nameless)
    playwright(machine, monkeypatch, machine.gives("own"))
    assert browser.provide() == machine.folder / "own"
    assert not machine.called("apt-get")


def test_a_package_that_is_only_a_stub_leads_on_to_playwrights(machine, monkeypatch):
    is_system(monkeypatch, ID="ubuntu", ID_LIKE="debian")
    machine.has("apt-get", installs(machine.gives("chromium", BROKEN)))
    playwright(machine, monkeypatch, machine.gives("own"))
    assert browser.provide() == machine.folder / "own"
    assert asked_of_playwright(machine) == [["install", "chromium"]]


def test_what_apt_said_is_shown_when_it_failed(machine, monkeypatch, capfd):
    machine.has("apt-get", "sys.exit('E: no space left')")
    playwright(machine, monkeypatch, machine.gives("own"))
    assert browser.provide() == machine.folder / "own"
    said = capfd.readouterr().out
    assert "E: no space left" in said
    assert "fonts-dejavu-core failed (1)\n" in said


def test_an_apt_that_hangs_is_ended(machine, monkeypatch, capfd):
    monkeypatch.setattr(browser, "SECONDS", 1)
    machine.has("apt-get", "import time\ntime.sleep(600)")
    playwright(machine, monkeypatch, machine.gives("own"))
    assert browser.provide() == machine.folder / "own"
    assert "was ended after 1 s" in capfd.readouterr().out


def test_playwrights_is_given_the_libraries_it_lacks(machine, monkeypatch):
    lacking = machine.gives("own", f"sys.exit(not os.path.exists({str(machine.folder / 'lib')!r}))")
    code = f"if 'install-deps' in sys.argv: open({str(machine.folder / 'lib')!r}, 'w')\nelse: "
    playwright(machine, monkeypatch, code + lacking)
    assert browser.provide() == machine.folder / "own"
    assert asked_of_playwright(machine) == [["install", "chromium"], ["install-deps", "chromium"]]


def test_a_chromium_that_is_named_is_taken_as_it_is(machine, monkeypatch):
    named = machine.has("mine", BROKEN)
    monkeypatch.setenv(browser.VARIABLE, str(named))
    assert browser.provide() == named
    assert not machine.log.exists()

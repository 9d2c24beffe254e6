"""Read or test the book: ``python3 book.py read`` or ``python3 book.py test``.

Needs only Python 3.11 or newer. The first run makes an environment in ``.venv`` beside this file
and installs what ``requirements.lock`` names; later runs start at once. Whatever stands after
``book.py`` goes to the ``lstmbook`` command: ``python3 book.py --help``.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent
HOME = ROOT / ".venv"
PYTHON = HOME / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
STAMP = HOME / "lstmbook-installed"
OLDEST = (3, 11)


def say(text: str) -> None:
    """Print a line about the set-up, at once."""
    print(f"book.py: {text}", flush=True)


def works(python: Path) -> bool:
    """Return whether an interpreter starts and is new enough."""
    check = f"import sys; sys.exit(sys.version_info < {OLDEST})"
    try:
        return subprocess.run([python, "-c", check], capture_output=True).returncode == 0
    except OSError:
        return False


def wanted() -> str:
    """Return what the environment must have been made from: a hash of the lock and the project."""
    parts = [(ROOT / name).read_bytes() for name in ("requirements.lock", "pyproject.toml")]
    return hashlib.sha256(b"\n".join([*parts, str(ROOT).encode()])).hexdigest()


def has_pip() -> bool:
    """Return whether the environment holds pip, or could be given it."""
    return any(
        subprocess.run([PYTHON, "-m", *words], capture_output=True).returncode == 0
        for words in (["pip", "--version"], ["ensurepip"])
    )


def make() -> None:
    """Make the environment, with the standard library or, where that cannot, with uv."""
    say(f"making an environment in {HOME}")
    clear = ["--clear"] if HOME.exists() else []
    made = subprocess.run(
        [sys.executable, "-m", "venv", *clear, HOME], capture_output=True, text=True
    )
    if made.returncode == 0:
        return
    uv = shutil.which("uv")
    if uv:
        say("this Python cannot make one with pip in it; using uv")
        subprocess.run(
            [uv, "venv", "--quiet", "--seed", "--clear", "--python", sys.executable, HOME],
            check=True,
        )
        return
    shutil.rmtree(HOME, ignore_errors=True)
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    raise SystemExit(
        f"{(made.stdout + made.stderr).strip()}\n\n"
        f"book.py: {sys.executable} cannot make an environment. On Debian and Ubuntu:\n"
        f"    sudo apt install python{version}-venv\n"
        "Anywhere else install Python from python.org, or uv, and run this again."
    )


def pip(words: list[str], total: int) -> None:
    """Run pip in the environment; tell how many of `total` packages it has come to."""
    command = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", "install", *words]
    log: list[str] = []
    seen = 0
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as running:
        assert running.stdout is not None
        for line in running.stdout:
            log.append(line)
            if line.startswith(("Collecting ", "Processing ")) and total:
                seen += 1
                if seen % 20 == 0:
                    say(f"  {seen} of some {total} packages")
            elif line.startswith("Installing collected") and total:
                say("  unpacking them")
    if running.returncode:
        print("".join(log[-40:]), flush=True)
        raise subprocess.CalledProcessError(running.returncode, command)


def install() -> None:
    """Install the lock and then the project into the environment."""
    lock = ROOT / "requirements.lock"
    total = sum("==" in line for line in lock.read_text(encoding="utf-8").splitlines())
    say("installing the packages of requirements.lock (a few minutes, 1.3 GB on disk)")
    words = ["--require-hashes", "--progress-bar", "off", "--no-warn-script-location"]
    pip([*words, "-r", str(lock)], total)
    say("installing the book's own package")
    pip(["--no-deps", "--no-build-isolation", "--editable", str(ROOT)], 0)


def set_up() -> None:
    """Bring the environment to what the lock and the project say; do nothing when it is there."""
    if STAMP.exists() and STAMP.read_text() == wanted() and works(PYTHON):
        return
    started = time.monotonic()
    if not (works(PYTHON) and has_pip()):
        make()
    STAMP.unlink(missing_ok=True)
    install()
    STAMP.write_text(wanted())
    say(f"ready after {time.monotonic() - started:.0f} s")


def main() -> int:
    """Set up, then hand over to the ``lstmbook`` command."""
    if sys.version_info < OLDEST:
        needed, here = ".".join(map(str, OLDEST)), sys.version.split()[0]
        print(f"book.py: needs Python {needed} or newer; {sys.executable} is {here}.")
        return 1
    try:
        set_up()
    except subprocess.CalledProcessError as error:
        say(f"the set-up failed (see above): {' '.join(map(str, error.cmd))}")
        say("run the same command again to take it up where it stopped")
        return 1
    command = [str(PYTHON), "-m", "lstmbook", *sys.argv[1:]]
    if os.name == "nt":  # there, exec would hand the prompt back while the book still runs
        return subprocess.run(command).returncode
    os.execv(command[0], command)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)

"""Without a framework the package works, and says what is missing when it is wanted."""

import subprocess
import sys

import pytest

from lstmbook import adapters
from lstmbook.adapters import extras


def test_a_framework_that_is_missing_is_named_with_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    wanted = r"this learner needs torch, which is not installed: pip install 'lstmbook\[torch\]'"
    with pytest.raises(ImportError, match=wanted):
        adapters.TorchLearner(None, None, module=dict, optimiser=dict)


def test_an_error_inside_a_framework_is_not_taken_for_its_absence(monkeypatch, tmp_path):
    (tmp_path / "halved.py").write_text("import nothing_of_that_name")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="nothing_of_that_name"):
        extras.framework("halved")


def test_importing_an_adapter_imports_no_framework():
    code = (
        "import sys; from lstmbook.adapters import JaxLearner, TorchLearner; "
        "print([name for name in ('jax', 'torch') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_what_the_front_has():
    assert set(adapters.__all__) <= set(dir(adapters))
    with pytest.raises(AttributeError, match=r"'lstmbook.adapters' has no attribute 'Keras'"):
        adapters.Keras  # noqa: B018

"""Learners made of other people's frameworks; each is an extra, imported when one is made.

`torch_module` (the extra `torch`): any module of PyTorch with an optimiser. `jax_step` (the extra
`jax`): a function for one step. Both are learners like any other: see `docs/learners.md`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lstmbook.adapters.jax_step import JaxLearner
    from lstmbook.adapters.torch_module import TorchLearner

_HOMES = {"JaxLearner": "jax_step", "TorchLearner": "torch_module"}

__all__ = ["JaxLearner", "TorchLearner"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

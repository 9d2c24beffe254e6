"""The published experiments as data, and what runs, keeps and compares them.

`designs` (a row of a table: task, learner, criterion, cap), `store` (one SQLite file, one row a
trial), `runner` (`run`), `training` (`train`: a trial with its learner), `report` (published
beside ours). What is used most can be imported from here; it is loaded when it is first asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lstmbook.experiments.designs import Design, design, table, table_names
    from lstmbook.experiments.runner import Progress, run
    from lstmbook.experiments.store import Record, Store
    from lstmbook.experiments.training import TrainedTrial, train

_HOMES = {
    "Design": "designs",
    "Progress": "runner",
    "Record": "store",
    "Store": "store",
    "TrainedTrial": "training",
    "design": "designs",
    "run": "runner",
    "table": "designs",
    "table_names": "designs",
    "train": "training",
}

__all__ = [
    "Design",
    "Progress",
    "Record",
    "Store",
    "TrainedTrial",
    "design",
    "run",
    "table",
    "table_names",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

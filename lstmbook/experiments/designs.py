"""Designs of experiments, and the rows of the published tables as designs."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cache, cached_property
from importlib import resources
from typing import Any

import numpy as np

from lstmbook.abuse import Plateau
from lstmbook.experiments.options import canonical
from lstmbook.experiments.recipes import (
    LearnerRecipe,
    LSTMRecipe,
    OwnLearner,
    ReberSets,
    TaskRecipe,
    settings_of,
)
from lstmbook.lanes.draws import Stream, stream_key
from lstmbook.learners.catalogue import KINDS
from lstmbook.learners.recipe import NetRecipe
from lstmbook.lstm import Topology
from lstmbook.protocols import Learner, Task
from lstmbook.tasks.criteria import RunOfRight
from lstmbook.tasks.long_time_lags import RandomDistractors, RandomMiddle, TwoSequences
from lstmbook.validation import as_count

TASKS: dict[str, Callable[..., Task | TaskRecipe]] = {
    "two sequences": TwoSequences,
    "random middle": RandomMiddle,
    "random distractors": RandomDistractors,
    "embedded Reber grammar": ReberSets,
}


REPORT_SEED = 1000
"""Rows are reported on trials with seeds from here on: no option was chosen on them."""


VARIANT_SEED = 500
"""Variants of rows, on which options are chosen, have the seeds from here to `REPORT_SEED`."""


def is_of_variants(seed: int) -> bool:
    """Return whether a seed is one of those on which variants of rows are run."""
    return VARIANT_SEED <= seed < REPORT_SEED


@dataclass(frozen=True)
class Published:
    """What a paper prints for a row; None where it prints nothing.

    Attributes
    ----------
    success
        Share of successful trials.
    sequences
        Sequences until success, mean of the successful trials.
    trials
        How many trials the numbers are of.
    more_than
        Printed in place of a count: no success within so many sequences.
    runs, range
        Counts of single runs; the least and the greatest.
    """

    success: float | None = None
    sequences: float | None = None
    trials: int | None = None
    more_than: int | None = None
    runs: tuple[int, ...] = ()
    range: tuple[int, ...] = ()


@dataclass(frozen=True)
class Design:
    """An experiment that can be run: every trial of it is defined by this, a dtype and a seed.

    Attributes
    ----------
    name
        What its results are kept under; a row's is "table2/q50-p50".
    task
        The task with its criterion, or a recipe for one that differs from trial to trial.
    learner
        The recipe of the learner.
    max_sequences
        The cap.
    method
        What tables call the learner.
    trials
        How many trials to run unless told otherwise.
    expected
        Sequences that a trial may take, for estimates of time only.
    """

    name: str
    task: Task | TaskRecipe
    learner: LearnerRecipe
    max_sequences: int
    method: str = field(default="", compare=False)
    trials: int = field(default=20, compare=False)
    expected: float | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("name is empty; results are kept under it")
        as_count("max_sequences", self.max_sequences, at_least=1)
        as_count("trials", self.trials, at_least=1)
        if not isinstance(self.task, Task | TaskRecipe):
            raise TypeError(f"task is {self.task!r}; it must be a task or a recipe for one")
        if not isinstance(self.learner, LearnerRecipe):
            raise TypeError(
                f"learner is {self.learner!r}; it must be a recipe: OwnLearner(make) "
                "or design.with_learner(make) turn a class into one"
            )

        if isinstance(self.learner, LSTMRecipe):
            task, net = self.task_of(0), self.learner.net
            for name in ("n_inputs", "n_outputs"):
                if getattr(task, name) != getattr(net, name):
                    raise ValueError(
                        f"learner has {getattr(net, name)} {name}; task has {getattr(task, name)}"
                    )

    @cached_property
    def options(self) -> str:
        """Everything but the name that defines the trials, as canonical text."""
        return canonical(
            {"task": self.task, "learner": self.learner, "max_sequences": self.max_sequences}
        )

    def task_of(self, seed: int) -> Task:
        """Return the task of the trial with this seed."""
        return self.task.task(seed) if isinstance(self.task, TaskRecipe) else self.task

    def with_learner(
        self,
        make: Callable[..., Learner] | NetRecipe,
        *,
        method: str = "",
        version: str = "",
        **settings: Any,
    ) -> Design:
        """Return the design with one's own learner.

        Parameters
        ----------
        make
            A class or function: ``make(task, rng, **settings)`` returns a learner, which has the
            methods ``learn(sequence)`` and ``predict(sequence)``.
        method
            What tables call it; its name unless given.
        version
            Tells versions of its code apart; a digest of its source unless given. The digest
            does not see what the source calls.

        A layered net's recipe (`lstmbook.learners.recipe.NetRecipe`) can be given in place of
        `make`, made or as a class with settings; it runs compiled.
        """
        given: Any = make
        if isinstance(given, type) and issubclass(given, NetRecipe):
            given = given(**settings)
        elif isinstance(given, NetRecipe):
            given = replace(given, **settings)
        if isinstance(given, NetRecipe):
            name = method or type(given).__name__
            return replace(self, learner=given, method=name, expected=None)
        own = OwnLearner(given, settings_of(settings), version)
        return replace(self, learner=own, method=method or own.name, expected=None)

    def with_task(self, **settings: Any) -> Design:
        """Return the design with other settings of its task, for example ``q=200``."""
        task = _changed("task", self.task, settings)
        learner = self.learner
        if isinstance(learner, LSTMRecipe):
            one = task.task(0) if isinstance(task, TaskRecipe) else task
            net = replace(learner.net, n_inputs=one.n_inputs, n_outputs=one.n_outputs)
            learner = replace(learner, net=net)
        return replace(self, task=task, learner=learner)

    def with_criterion(self, **settings: Any) -> Design:
        """Return the design with other settings of its criterion, for example ``run=100``."""
        criterion = _changed("criterion", getattr(self.task, "criterion", None), settings)
        return self.with_task(criterion=criterion)

    def with_options(self, **settings: Any) -> Design:
        """Return the design with other settings of its learner or of its network."""
        recipe = self.learner
        if isinstance(recipe, LSTMRecipe):
            of_net = {each.name for each in fields(Topology)} & settings.keys()
            net = replace(recipe.net, **{name: settings.pop(name) for name in of_net})
            settings["net"] = net
        return replace(self, learner=_changed("learner", recipe, settings))


def _changed(what: str, old: Any, settings: Mapping[str, Any]) -> Any:
    allowed = [each.name for each in fields(old)] if hasattr(old, "__dataclass_fields__") else []
    for name in settings:
        if name not in allowed:
            shown = ", ".join(allowed) or "none"
            raise ValueError(f"{what} has no setting {name!r}; it has {shown}")
    return replace(old, **settings)


@dataclass(frozen=True)
class Row:
    """One row of a published table.

    Attributes
    ----------
    id
        Its name in the table, for example "q50-p50".
    table
        The table's name, for example "table2".
    method, source
        The learner as the table calls it, and where the row is printed.
    labels
        The values of the table's columns, beside the method.
    published
        What is printed.
    why
        Choices the sources leave open, and departures from them: what, and why.
    design
        The row as an experiment, or None if the package cannot run it.
    missing
        Why it cannot, if so.
    table_cap
        The cap of the rows of its table that have none of their own.
    """

    id: str
    table: str
    method: str
    source: str
    labels: tuple[str, ...]
    published: Published
    why: Mapping[str, str]
    design: Design | None
    missing: str = ""
    table_cap: int | None = None

    @property
    def name(self) -> str:
        """The name of its design: table/id; of one that is in no table its id."""
        return f"{self.table}/{self.id}" if self.table else self.id


@dataclass(frozen=True)
class PublishedTable:
    """A published table: its title, source, the names of its columns, and its rows."""

    name: str
    title: str
    source: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]

    def row(self, identity: str) -> Row:
        """Return a row by its id.

        Raises
        ------
        ValueError
            If there is none of that id.
        """
        for row in self.rows:
            if row.id == identity:
                return row
        known = [row.id for row in self.rows]
        raise ValueError(f"row is {identity!r}; {self.name} has {_known(identity, known)}")


def _known(word: str, known: list[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1)
    return ", ".join(known) + (f" (do you mean {close[0]}?)" if close else "")


@cache
def _file() -> dict[str, Any]:
    text = (resources.files(__package__) / "published.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def table_names() -> tuple[str, ...]:
    """Return the names of the published tables."""
    return tuple(_file())


@cache
def table(name: str) -> PublishedTable:
    """Return a published table, for example "table2".

    Raises
    ------
    ValueError
        If there is none of that name.
    """
    if name not in _file():
        raise ValueError(f"table is {name!r}; there are {_known(name, list(table_names()))}")
    entry = _file()[name]
    rows = [row for each in entry["rows"] for row in _rows(name, entry, each)]
    if len({row.id for row in rows}) < len(rows):
        raise ValueError(f"published.toml has a row id twice in {name}")
    return PublishedTable(
        name, entry["title"], entry["source"], ("method", *entry["columns"]), tuple(rows)
    )


def design(name: str) -> Design:
    """Return the design of a published row, for example "table2/q50-p50".

    Raises
    ------
    ValueError
        If there is no such row, or the package cannot run it.
    """
    of, _, identity = name.partition("/")
    row = table(of).row(identity)
    if row.design is None:
        raise ValueError(f"{name} cannot be run: {row.missing}")
    return row.design


def _rows(table_name: str, entry: Mapping[str, Any], row: Mapping[str, Any]) -> list[Row]:
    """Return a row of the file, or one row a rate where it is printed for several."""
    learner = {**entry.get("learner", {}), **row.get("learner", {})}
    if "rates" not in row:
        return [_row(table_name, entry, row, learner, row["id"])]
    rows = []
    for rate in row["rates"]:
        identity = f"{row['id']}-rate{rate:g}"
        rows.append(_row(table_name, entry, row, {**learner, "learning_rate": rate}, identity))
    return rows


def _row(
    table_name: str,
    entry: Mapping[str, Any],
    row: Mapping[str, Any],
    learner: Mapping[str, Any],
    identity: str,
) -> Row:
    printed = dict(row["published"])
    for name in ("runs", "range"):
        printed[name] = tuple(printed.get(name, ()))
    published = Published(**printed)
    labels = [str(each) for each in row["labels"]]
    if "rates" in row:
        labels[-1] = f"{learner['learning_rate']:g} (of {labels[-1]})"
    task = _task(
        {**entry["task"], **row.get("task", {})},
        {**entry.get("criterion", {}), **row.get("criterion", {})},
    )
    recipe, missing = _recipe(learner, task)
    made = None
    if recipe is not None:
        made = Design(
            name=f"{table_name}/{identity}",
            task=task,
            learner=recipe,
            max_sequences=row.get("cap", entry["cap"]),
            method=row["method"],
            trials=published.trials or 20,
            expected=published.sequences or published.more_than,
        )
    return Row(
        id=identity,
        table=table_name,
        method=row["method"],
        source=row.get("source", entry["source"]),
        labels=tuple(labels),
        published=published,
        why={**entry.get("why", {}), **row.get("why", {})},
        design=made,
        missing=missing,
        table_cap=entry["cap"],
    )


def _task(settings: Mapping[str, Any], criterion: Mapping[str, Any]) -> Task | TaskRecipe:
    given = dict(settings)
    make = TASKS[given.pop("kind")]
    if criterion:
        given["criterion"] = RunOfRight(**criterion)
    return make(**given)


def _recipe(
    settings: Mapping[str, Any], task: Task | TaskRecipe
) -> tuple[LearnerRecipe | None, str]:
    """Return a row's learner, or None and why there is none."""
    given = dict(settings)
    kind = given.pop("kind")
    if kind == "lstm":
        return _lstm(given, task.task(0) if isinstance(task, TaskRecipe) else task), ""
    make = KINDS.get(kind)
    if make is None:
        return None, f"the package has no learner {kind!r} yet"
    allowed = [each.name for each in fields(make)]
    for name in given:
        if name not in allowed:
            raise ValueError(f"{kind} has no setting {name!r}; it has {', '.join(allowed)}")
    return make(**{name: _tuple(value) for name, value in given.items()}), ""


def _lstm(given: dict[str, Any], task: Task) -> LSTMRecipe:
    of_net = {each.name for each in fields(Topology)} & given.keys()
    net = Topology(
        task.n_inputs, task.n_outputs, **{name: _tuple(given.pop(name)) for name in of_net}
    )
    if "plateau" in given:
        given["plateau"] = Plateau(**given["plateau"])
    return LSTMRecipe(net, **{name: _tuple(value) for name, value in given.items()})


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def mean_steps(task: Task, seed: int = 0, n: int = 8) -> float:
    """Return the mean length of some sequences of a task, for estimates of time."""
    stream = Stream(stream_key(seed, "sequences"))
    return float(np.mean([len(task.sample(stream)) for _ in range(n)]))

"""One trial after the other, or side by side in the engine: from jobs to records."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from importlib.util import find_spec
from typing import Any

import numpy as np

from lstmbook.experiments.designs import Design
from lstmbook.experiments.options import canonical
from lstmbook.experiments.recipes import LSTMRecipe, NamedLearner, OwnLearner
from lstmbook.experiments.store import Record
from lstmbook.lanes.draws import Stream, stream_key
from lstmbook.learners.trials import LANES_VERSION, Result, Trial, rates_of, unsupported
from lstmbook.learners.trials import run_trials as run_in_lanes
from lstmbook.protocols import Learner, Outcome, made_with_of, run_trial
from lstmbook.tasks.reber import EmbeddedReber

REFERENCE_VERSION = 2
"""Raised whenever the same trial of the reference gives other bits than before."""

NETS_VERSION = 2
"""Raised whenever the same trial of a compiled comparison learner gives other bits."""

REFERENCE = f"reference {REFERENCE_VERSION}"
NETS = f"nets {NETS_VERSION}"
LANES = f"lanes {LANES_VERSION}"
BEFORE = {"lanes 1": "engine 1", "nets 2": "nets 1", "reference 2": "reference 1"}
"""What ran such trials before. Its results are shown as long as there are none of the present one.

The engine drew the same weights and sequences as the lanes and rounded otherwise; the others drew
other sequences.
"""
DTYPES = ("float32", "float64")
OWN = "own"
"""The dtype of a job whose learner alone knows it: a record has the one that it computed in."""

WINDOW = 100

SIDE_BY_SIDE = 18
"""At most so many trials of comparison learners share a loop."""

Tell = Callable[[str], None]
Keep = Callable[["Job", Learner], None]
"""Is handed the learner of a trial, as the trial left it, before its record is yielded."""


@dataclass(frozen=True)
class Job:
    """One trial to be run.

    Attributes
    ----------
    design, seed
        What defines it.
    dtype
        "float32" or "float64"; the reference computes in float64 only. `OWN` for one's own
        learner, which is known by its code and settings and computes in what these say.
    engine
        What is to run it, with its version.
    """

    design: Design
    seed: int
    dtype: str
    engine: str

    @property
    def lockstep(self) -> bool:
        """Whether it runs in lanes, beside others."""
        return self.engine not in (REFERENCE, NETS)


def job(design: Design, seed: int, dtype: str = "float64") -> Job:
    """Return the job of a trial: compiled if that is possible, else by the reference."""
    compiled = _compiled_job(design, seed, dtype) if find_spec("numba") is not None else None
    own = isinstance(design.learner, OwnLearner)
    return compiled or Job(design, seed, OWN if own else "float64", REFERENCE)


def _compiled_job(design: Design, seed: int, dtype: str) -> Job | None:
    """Return the job of a trial that has a compiled loop, installed or not; None without one."""
    if lane_trial(design, seed, dtype) is not None:
        return Job(design, seed, dtype, LANES)
    return Job(design, seed, "float64", NETS) if _is_compiled_net(design, seed) else None


def wants_numba(design: Design) -> bool:
    """Return whether a design runs in the slow reference only because Numba is not installed."""
    return find_spec("numba") is None and _compiled_job(design, 0, "float64") is not None


def _is_compiled_net(design: Design, seed: int) -> bool:
    """Return whether a design is of a comparison learner that has compiled loops."""
    if not isinstance(design.learner, NamedLearner):
        return False
    from lstmbook.remedies import compiled, reber_trials

    task = design.task_of(seed)
    learner = design.learner.build(task, np.random.default_rng(0))
    return any(each.unsupported(task, learner) is None for each in (compiled, reber_trials))


def lane_trial(design: Design, seed: int, dtype: str) -> Trial | None:
    """Return a trial for the lanes, or None if only the reference can run it."""
    recipe = design.learner
    if not isinstance(recipe, LSTMRecipe) or not recipe.reset:
        return None
    trial = Trial(
        task=design.task_of(seed),
        net=recipe.net,
        learning_rate=recipe.learning_rate,
        seed=seed,
        max_sequences=design.max_sequences,
        updates=recipe.updates,
        scale=recipe.scale,
        cell_bias=recipe.cell_bias,
        input_gate_bias=recipe.input_gate_bias,
        output_gate_bias=recipe.output_gate_bias,
        output_bias=recipe.output_bias,
        plateau=recipe.plateau,
        start_blocks=recipe.start_blocks,
        schedule=rates_of(recipe.net, recipe.phases),
        dtype=dtype,
    )
    return trial if unsupported(trial) is None else None


def trial_of(design: Design, seed: int, dtype: str) -> Trial:
    """Return a trial for the lanes.

    Raises
    ------
    ValueError
        If only the reference can run it.
    """
    trial = lane_trial(design, seed, dtype)
    if trial is None:
        raise ValueError(f"{design.name} cannot run in lanes")
    return trial


def perform(
    jobs: Iterable[Job], tell: Tell | None = None, keep: Keep | None = None
) -> Iterator[Record]:
    """Run jobs and yield their records as they end.

    Parameters
    ----------
    tell
        Called with a line of text where something takes its time before the first trial ends.
    keep
        Called with each job and its learner as the trial left it.
    """
    everything = list(jobs)
    in_lanes = [each for each in everything if each.lockstep]
    if in_lanes:
        with _named(in_lanes):
            yield from _in_lanes(in_lanes, tell, keep)
    of_nets: dict[str, list[Job]] = {}
    for each in everything:
        if each.engine == NETS:
            of_nets.setdefault(side_by_side(each), []).append(each)
    for members in of_nets.values():
        for i in range(0, len(members), SIDE_BY_SIDE):
            together = members[i : i + SIDE_BY_SIDE]
            with _named(together):
                yield from _as_nets(together, tell, keep)
    for each in everything:
        if each.engine == REFERENCE:
            with _named([each]):
                yield _by_reference(each, keep)


@contextmanager
def _named(jobs: list[Job]) -> Iterator[None]:
    """Add to an error in whose trial it is raised, or in which trials that run side by side."""
    try:
        yield
    except Exception as error:
        names = " and ".join(dict.fromkeys(each.design.name for each in jobs))
        methods = " and ".join(dict.fromkeys(each.design.method or "no name" for each in jobs))
        seeds = ", ".join(dict.fromkeys(str(each.seed) for each in jobs))
        error.add_note(f"in a trial of {names} ({methods}) with seed {seeds}")
        raise


def _in_lanes(jobs: list[Job], tell: Tell | None, keep: Keep | None) -> Iterator[Record]:
    trials = [trial_of(each.design, each.seed, each.dtype) for each in jobs]
    started = time.perf_counter()
    for i, result in run_in_lanes(trials, on_compile=tell, keep_weights=keep is not None):
        if keep is not None:
            keep(jobs[i], _readable(jobs[i], result))
        yield _record(
            jobs[i],
            ending=result.ending,
            sequences=result.sequences,
            presented=result.presented,
            steps=result.steps,
            window=result.window,
            errors=tuple(float(each) for each in result.errors),
            milestones=_milestones(result),
            seconds=time.perf_counter() - started,
        )


def _readable(each: Job, result: Result) -> Learner:
    """Return the readable network with the weights that a trial in lanes ended with."""
    if not isinstance(each.design.learner, LSTMRecipe) or result.weights is None:
        raise TypeError(f"{each.design.name} left no weights of an LSTM network")
    return each.design.learner.ended(result.weights, len(result.added_at))


def _milestones(result: Result) -> dict[str, Any]:
    found: dict[str, Any] = {f"errors below {x:g}": n for x, n in sorted(result.within.items())}
    found |= {f"{x:.0%} right": n for x, n in sorted(result.accuracy.items())}
    if result.added_at:
        found["blocks added"] = list(result.added_at)
    return found


def side_by_side(each: Job) -> str:
    """Return what trials of comparison learners share that can run side by side.

    That is all that defines them but seed and learning rate: the more of them, the less each
    costs.
    """
    shared = json.loads(each.design.options)
    settings = shared["learner"]["settings"]
    shared["learner"]["settings"] = [pair for pair in settings if pair[0] != "learning_rate"]
    return canonical(shared)


def _as_nets(jobs: list[Job], tell: Tell | None, keep: Keep | None) -> Iterator[Record]:
    """Run trials of comparison learners that differ in seed and rate at most.

    They are those of the reference, but for rounding.
    """
    from lstmbook.remedies import compiled

    design = jobs[0].design
    task: Any = design.task_of(jobs[0].seed)
    progress = _telling(tell, design.max_sequences)
    if isinstance(task, EmbeddedReber):
        yield from (_on_reber(each, progress, keep) for each in jobs)
        return
    learners: list[Any] = [each.design.learner.build(task, _weights(each.seed)) for each in jobs]
    if getattr(design.learner, "kind", "") == "chunker":
        cap = design.max_sequences
        for each, learner in zip(jobs, learners, strict=True):
            rng = _sequences(each.seed)
            outcome = compiled.run_chunker(
                task, learner, rng, max_sequences=cap, window=WINDOW, progress=progress
            )
            _kept(keep, each, learner)
            yield _of_outcome(each, outcome)
        return
    for i, outcome in compiled.run_trials(
        task,
        learners,
        [_sequences(each.seed) for each in jobs],
        max_sequences=design.max_sequences,
        window=WINDOW,
        progress=progress,
    ):
        _kept(keep, jobs[i], learners[i])
        yield _of_outcome(jobs[i], outcome)


def _kept(keep: Keep | None, each: Job, learner: Learner) -> None:
    if keep is not None:
        keep(each, learner)


def _telling(tell: Tell | None, cap: int, parts: int = 50) -> Callable[[int], None] | None:
    """Return what tells how far a trial is, each time another part of its cap is done."""
    if tell is None:
        return None
    told = 0

    def progress(presented: int) -> None:
        nonlocal told
        part = parts * presented // cap
        if part not in (0, told):
            tell(f"{presented:,} of at most {cap:,} sequences")
        told = part

    return progress


def _on_reber(
    each: Job, progress: Callable[[int], None] | None, keep: Keep | None = None
) -> Record:
    """Run one trial of a comparison learner on the embedded Reber grammar."""
    from lstmbook.remedies.reber_trials import run_reber_trial

    task: Any = each.design.task_of(each.seed)
    learner: Any = each.design.learner.build(task, _weights(each.seed))
    cap = each.design.max_sequences
    outcome, milestones = run_reber_trial(
        task, learner, _sequences(each.seed), max_sequences=cap, window=WINDOW, progress=progress
    )
    _kept(keep, each, learner)
    return replace(_of_outcome(each, outcome), milestones=milestones)


def _by_reference(each: Job, keep: Keep | None = None) -> Record:
    """Run a trial with the readable learner, on the sequences that every learner gets."""
    task = each.design.task_of(each.seed)
    learner = each.design.learner.build(task, _weights(each.seed))
    outcome = run_trial(
        task,
        learner,
        _sequences(each.seed),
        max_sequences=each.design.max_sequences,
        window=WINDOW,
        seed=each.seed,
    )
    _kept(keep, each, learner)
    record = _of_outcome(each, outcome, getattr(learner, "added_at", ()))
    if each.dtype != OWN:
        return record
    made = ", ".join(filter(None, (record.made_with, made_with_of(learner))))
    return replace(record, dtype=outcome.dtype, presented=outcome.presented, made_with=made)


def _weights(seed: int) -> np.random.Generator:
    """Return a trial's source of weights, of a learner that draws them with NumPy."""
    return np.random.default_rng([seed, 1])


def _sequences(seed: int) -> Stream:
    """Return the draws of a trial's sequences: the same for every learner."""
    return Stream(stream_key(seed, "sequences"))


def _of_outcome(each: Job, outcome: Outcome, added: Sequence[int] = ()) -> Record:
    errors, window = _thinned(outcome.errors, outcome.window)
    return _record(
        each,
        ending=outcome.ending,
        sequences=outcome.sequences,
        window=window,
        errors=errors,
        milestones={"blocks added": list(added)} if len(added) else {},
        seconds=outcome.seconds,
    )


def _thinned(errors: Any, window: int, most: int = 128) -> tuple[tuple[float, ...], int]:
    """Return an error curve and its window, neighbours averaged until it is short enough."""
    while len(errors) > most:
        whole = len(errors) // 2 * 2
        errors = errors[:whole].reshape(-1, 2).mean(axis=1)
        window *= 2
    return tuple(float(each) for each in errors), window


def _record(each: Job, **known: Any) -> Record:
    return Record(
        experiment=each.design.name,
        options=each.design.options,
        dtype=each.dtype,
        seed=each.seed,
        engine=each.engine,
        method=each.design.method,
        ended=datetime.now(UTC).isoformat(timespec="seconds"),
        made_with=made_with(),
        **known,
    )


@cache
def made_with() -> str:
    """Return the versions that results depend on, and the kind of machine."""
    found = [f"Python {platform.python_version()}"]
    for name in ("lstmbook", "numpy", "numba"):
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            found.append(f"no {name}")
    return ", ".join([*found, f"{platform.system()} {platform.machine()}"])

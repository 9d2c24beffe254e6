"""One trial after the other, or side by side in the engine: from jobs to records."""

from __future__ import annotations

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
from lstmbook.experiments.recipes import LSTMRecipe, OwnLearner, ReberSets
from lstmbook.experiments.store import Record
from lstmbook.lanes.draws import Stream, stream_key
from lstmbook.learners.cascade_correlation import CascadeCorrelation
from lstmbook.learners.cascade_trial import run_cascade_trial
from lstmbook.learners.net_trial import NetTrial
from lstmbook.learners.recipe import NetRecipe
from lstmbook.learners.trials import LANES_VERSION, Result, Trial, rates_of, unsupported
from lstmbook.learners.trials import run_trials as run_in_lanes
from lstmbook.protocols import Learner, Outcome, made_with_of, run_trial
from lstmbook.tasks.reber import EmbeddedReber, shares_at_the_end

REFERENCE_VERSION = 2
"""Raised whenever the same trial of the reference gives other bits than before."""

EPOCHS_VERSION = 1
"""Raised whenever the same trial of a learner that takes whole epochs gives other bits."""

REFERENCE = f"reference {REFERENCE_VERSION}"
EPOCHS = f"epochs {EPOCHS_VERSION}"
LANES = f"lanes {LANES_VERSION}"
BEFORE = {
    "lanes 1": ("engine 1", "nets 1"),
    "epochs 1": ("nets 1",),
    "reference 2": ("reference 1",),
}
"""What ran such trials before. Its results are shown as long as there are none of the present one.

The engine drew the same weights and sequences as the lanes and rounded otherwise; the others drew
other ones.
"""
DTYPES = ("float32", "float64")
OWN = "own"
"""The dtype of a job whose learner alone knows it: a record has the one that it computed in."""

WINDOW = 100

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
        return self.engine == LANES


def job(design: Design, seed: int, dtype: str = "float64") -> Job:
    """Return the job of a trial: compiled if that is possible, else by the reference."""
    compiled = _compiled_job(design, seed, dtype) if find_spec("numba") is not None else None
    own = isinstance(design.learner, OwnLearner)
    return compiled or Job(design, seed, OWN if own else "float64", REFERENCE)


def _compiled_job(design: Design, seed: int, dtype: str) -> Job | None:
    """Return the job of a trial that has compiled code, installed or not; None without any."""
    if isinstance(design.learner, CascadeCorrelation):
        return Job(design, seed, "float64", EPOCHS)
    if lane_trial(design, seed, dtype) is not None:
        return Job(design, seed, dtype, LANES)
    return None


def wants_numba(design: Design) -> bool:
    """Return whether a design runs in the slow reference only because Numba is not installed."""
    return find_spec("numba") is None and _compiled_job(design, 0, "float64") is not None


def lane_trial(design: Design, seed: int, dtype: str) -> Trial | NetTrial | None:
    """Return a trial for the lanes, or None if only the reference can run it."""
    trial = _lane_trial(design, seed, dtype)
    return trial if trial is not None and unsupported(trial) is None else None


def _lane_trial(design: Design, seed: int, dtype: str) -> Trial | NetTrial | None:
    recipe = design.learner
    if isinstance(recipe, NetRecipe):
        return NetTrial(design.task_of(seed), recipe, seed, design.max_sequences, dtype=dtype)
    if not isinstance(recipe, LSTMRecipe) or not recipe.reset:
        return None
    return Trial(
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


def trial_of(design: Design, seed: int, dtype: str) -> Trial | NetTrial:
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
    for each in everything:
        if not each.lockstep:
            with _named([each]):
                yield _alone(each, tell, keep)


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
    wants_weights = keep is not None or any(map(_tries_strings, jobs))
    ended = run_in_lanes(
        trials,
        on_compile=tell,
        keep_weights=wants_weights,
        progress=_telling(tell, max(trial.max_sequences for trial in trials)),
    )
    for i, result in ended:
        milestones = _milestones(result)
        if keep is not None or _tries_strings(jobs[i]):
            learner = _readable(jobs[i], result)
            _kept(keep, jobs[i], learner)
            if _tries_strings(jobs[i]):
                of_reber: Any = trials[i].task
                milestones |= shares_at_the_end(of_reber, learner)
        yield _record(
            jobs[i],
            ending=result.ending,
            sequences=result.sequences,
            presented=result.presented,
            steps=result.steps,
            window=result.window,
            errors=tuple(float(each) for each in result.errors),
            milestones=milestones,
            seconds=time.perf_counter() - started,
        )


def _tries_strings(each: Job) -> bool:
    """Return whether it is noted how many strings of the Reber task a net predicts at the end."""
    of_reber = isinstance(each.design.task, EmbeddedReber | ReberSets)
    return of_reber and isinstance(each.design.learner, NetRecipe)


def _readable(each: Job, result: Result) -> Learner:
    """Return the net that a trial in lanes ended with, as it learns and predicts by itself."""
    recipe = each.design.learner
    if result.weights is None:
        raise TypeError(f"{each.design.name} left no weights")
    if isinstance(recipe, NetRecipe):
        return recipe.build(each.design.task_of(each.seed), Stream(0), weights=result.weights)
    if not isinstance(recipe, LSTMRecipe):
        raise TypeError(f"{each.design.name} left no weights of a network")
    return recipe.ended(result.weights, len(result.added_at))


def _milestones(result: Result) -> dict[str, Any]:
    found: dict[str, Any] = {f"errors below {x:g}": n for x, n in sorted(result.within.items())}
    found |= {f"{x:.0%} right": n for x, n in sorted(result.accuracy.items())}
    if result.added_at:
        found["blocks added"] = list(result.added_at)
    return found


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


def _alone(each: Job, tell: Tell | None, keep: Keep | None) -> Record:
    """Run a trial that shares its loop with no other."""
    if isinstance(each.design.learner, CascadeCorrelation):
        return _in_epochs(each, each.design.learner, tell, keep)
    return _by_reference(each, keep)


def _in_epochs(
    each: Job, recipe: CascadeCorrelation, tell: Tell | None, keep: Keep | None
) -> Record:
    """Run a trial of a learner that takes whole epochs."""
    cap = each.design.max_sequences
    outcome, milestones, learner = run_cascade_trial(
        each.design.task_of(each.seed),
        recipe,
        each.seed,
        max_sequences=cap,
        window=WINDOW,
        plain=each.engine == REFERENCE,
        progress=_telling(tell, cap),
    )
    _kept(keep, each, learner)
    return replace(_of_outcome(each, outcome), milestones=milestones)


def _by_reference(each: Job, keep: Keep | None = None) -> Record:
    """Run a trial with the readable learner, on the sequences that every learner gets."""
    task = each.design.task_of(each.seed)
    learner = each.design.learner.build(task, _weights(each))
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


def _weights(each: Job) -> Any:
    """Return a trial's source of weights: counted draws, or of what uses NumPy's a generator."""
    if isinstance(each.design.learner, NetRecipe):
        return Stream(stream_key(each.seed, "weights"))
    return np.random.default_rng([each.seed, 1])


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

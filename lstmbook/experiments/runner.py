"""Runs experiments: what is missing in the store is run, on processes or any executor.

A trial is defined by its design, dtype and seed; the trials of a run have the seeds
``seed .. seed + trials - 1``. How they are dealt out changes nothing in them.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lstmbook.experiments import designs as published
from lstmbook.experiments.designs import Design, mean_steps
from lstmbook.experiments.store import Record, Store
from lstmbook.experiments.trials import (
    DTYPES,
    LANES,
    OWN,
    Job,
    Tell,
    job,
    perform,
    trial_of,
)
from lstmbook.experiments.workers import Ended, Unit, interrupts_ignored, processes, travels, work
from lstmbook.lanes.loop import Program
from lstmbook.lanes.specialise import is_compiled
from lstmbook.learners.trials import program_of
from lstmbook.sequences import as_choice
from lstmbook.validation import as_count

POLL = 0.25
"""Seconds between looks at what has ended."""


@dataclass(frozen=True)
class Progress:
    """How far a run is.

    Attributes
    ----------
    done, total
        Trials that have ended, of those asked for.
    kept
        Of the ended, those that stood in the store before the run began.
    share
        Share of the run's own expected work that is done, 0 to 1.
    seconds
        Since the run began.
    doing
        What it is busy with before trials end, such as compiling.
    """

    done: int
    total: int
    kept: int
    share: float
    seconds: float
    doing: str = ""

    @property
    def rate(self) -> float:
        """Trials of this run that ended, a second."""
        return (self.done - self.kept) / self.seconds if self.seconds > 0 else 0.0

    @property
    def left(self) -> float | None:
        """Seconds that the rest will take at the pace so far; None before a trial has ended."""
        return self.seconds * (1 - self.share) / self.share if self.share > 0 else None


def run(
    designs: str | Design | Iterable[str | Design],
    trials: int | None = None,
    seed: int = 0,
    jobs: int | None = None,
    dtype: str = "float64",
    store: Path | str | Store | None = None,
    executor: Executor | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> list[Record]:
    """Run trials of designs, or what is missing of them in the store.

    Interrupted (Ctrl-C) or at an error of a learner, it stops; what has ended is in the store,
    and the same call goes on from there. `lstmbook.experiments.training.train` runs one of these
    trials and returns its learner too.

    Parameters
    ----------
    designs
        Designs, names of published rows ("table2/q50-p50") or of tables ("table2": its rows
        that can be run).
    trials
        How many of each; as many as were published unless given.
    seed
        The first trial's seed; the others follow.
    jobs
        Processes; as many as there are processors unless given. 1 runs everything in this
        process. With an `executor`, into how many units of work at most the engine's trials of
        one kind are dealt.
    dtype
        "float32" or "float64"; what only the reference can run is computed in float64, and a
        learner of one's own in what its code and settings say.
    store
        The store's file, or the open store; results are only returned if None.
    executor
        Any executor of `concurrent.futures`, in place of own processes.
    progress
        Called as trials end.

    Returns
    -------
    records
        All trials asked for, by design and seed.

    Raises
    ------
    TypeError, ValueError
        If an argument is impossible, a name unknown, or a learner cannot travel to the executor.
    lstmbook.experiments.store.StoreError
        If the store cannot be used.
    """
    as_choice("dtype", dtype, DTYPES)
    if executor is not None and not isinstance(executor, Executor):
        raise TypeError(
            f"executor is {executor!r}; it must be an executor of concurrent.futures (of a Dask "
            "client: client.get_executor())"
        )
    if store is not None and not isinstance(store, str | Path | Store):
        raise TypeError(f"store is {store!r}; it must be a file's name or an open store")
    first = as_count("seed", seed, at_most=2**62)
    workers = _processors() if jobs is None else as_count("jobs", jobs, at_least=1)
    wanted = []
    for each in _resolved(designs):
        n = each.trials if trials is None else as_count("trials", trials, at_least=1)
        wanted += [job(each, first + i, dtype) for i in range(n)]
    kept = store if isinstance(store, Store) else Store(":memory:" if store is None else store)
    try:
        at_work = _Run(wanted, kept, progress)
        if at_work.missing:
            _execute(at_work, workers, executor, jobs is not None)
        return at_work.records()
    finally:
        if not isinstance(store, Store):
            kept.close()


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _resolved(designs: str | Design | Iterable[str | Design]) -> list[Design]:
    """Return designs, each once."""
    if not isinstance(designs, Iterable | Design):
        raise TypeError(f"designs is {designs!r}; it must be a name, a design or several of them")
    given = [designs] if isinstance(designs, str | Design) else list(designs)
    found: dict[tuple[str, str], Design] = {}
    for each in given:
        if isinstance(each, Design):
            several = [each]
        elif not isinstance(each, str):
            raise TypeError(f"designs has {each!r} among them; each must be a name or a design")
        elif "/" in each:
            several = [published.design(each)]
        else:
            several = [row.design for row in published.table(each).rows if row.design is not None]
        for one in several:
            found[one.name, one.options] = one
    if not found:
        raise ValueError("designs is empty; give at least one that can be run")
    return list(found.values())


class _Run:
    """What a run is asked for, what has ended, and what it costs."""

    def __init__(
        self, wanted: list[Job], store: Store, progress: Callable[[Progress], None] | None
    ) -> None:
        self.wanted, self.store, self.progress = wanted, store, progress
        self.began = time.perf_counter()
        self.doing = ""
        costs = {id(each.design): _cost(each.design) for each in wanted}
        self.cost = {_key(each): costs[id(each.design)] for each in wanted}
        self.families = {_key(each)[:4]: each for each in wanted}
        ended = self._ended()
        self.kept = len(ended)
        self.missing = [each for each in wanted if _key(each) not in ended]
        self.work = sum(self.cost[_key(each)] for each in self.missing)
        self.report()

    def _ended(self) -> set[tuple[str, str, str, str, int]]:
        found = {(*family, seed) for family in self.families for seed in self._seeds(*family)}
        return found & self.cost.keys()

    def _seeds(self, experiment: str, options: str, dtype: str, engine: str) -> set[int]:
        return self.store.seeds(experiment, options, None if dtype == OWN else dtype, engine)

    @property
    def where(self) -> str:
        """Where the trials are that have ended, in words."""
        if str(self.store.path) == ":memory:":
            return "there is no store, so that what had ended is lost"
        return f"what had ended is in {self.store.path}, and the same run goes on from there"

    def add(self, record: Record) -> None:
        """Keep a trial that has ended."""
        self.doing = ""
        self.store.add(record)
        self.report()

    def tell(self, doing: str) -> None:
        """Take note of what is being done before trials end."""
        self.doing = doing
        self.report()

    def report(self) -> None:
        """Tell whoever watches how far it is."""
        if self.progress is None:
            return
        ended = self._ended()
        left = sum(self.cost[_key(each)] for each in self.missing if _key(each) not in ended)
        self.progress(
            Progress(
                done=len(ended),
                total=len(self.cost),
                kept=self.kept,
                share=1.0 - left / self.work if self.work else 1.0,
                seconds=time.perf_counter() - self.began,
                doing=self.doing,
            )
        )

    def records(self) -> list[Record]:
        """Return the records of all trials asked for, in the order asked."""
        found = {}
        for name in {each.design.name for each in self.wanted}:
            for record in self.store.records(name):
                for dtype in (record.dtype, OWN):
                    known = (record.experiment, record.options, dtype, record.engine)
                    found[(*known, record.seed)] = record
        # a method is called what it is called now
        return [replace(found[_key(each)], method=each.design.method) for each in self.wanted]


def _key(each: Job) -> tuple[str, str, str, str, int]:
    return (each.design.name, each.design.options, each.dtype, each.engine, each.seed)


def _cost(design: Design) -> float:
    """Return the steps that a trial may take: an estimate, for dealing out and for time left."""
    sequences = design.expected or design.max_sequences
    return float(sequences) * mean_steps(design.task_of(0))


def _dealt(at_work: _Run, jobs: list[Job], most: int | None) -> list[Unit]:
    """Return units of work, costly ones first.

    What the engine can run in the same loop is dealt into as many equal hands as there are
    workers, but not so many that lanes stay empty; a reference trial is a unit by itself.
    """
    groups: dict[Any, list[Job]] = {}
    lanes: dict[Any, int] = {}
    hands: list[list[Job]] = []
    for each in jobs:
        if each.engine != LANES:
            hands.append([each])
            continue
        program = _program(each)
        groups.setdefault(program, []).append(each)
        lanes[program] = program.lanes
    for group, members in groups.items():
        members.sort(key=lambda each: -at_work.cost[_key(each)])
        full = -(-len(members) // lanes[group])
        n = full if most is None else min(most, full)
        hands += [members[i::n] for i in range(n)]
    units = [Unit(tuple(hand), cost=sum(at_work.cost[_key(e)] for e in hand)) for hand in hands]
    return sorted(units, key=lambda unit: -unit.cost)


def _program(each: Job) -> Program:
    return program_of(trial_of(each.design, each.seed, each.dtype))


def _execute(at_work: _Run, workers: int, executor: Executor | None, limited: bool) -> None:
    """Run what is missing, wherever it can be run."""
    if executor is None and workers == 1:
        _here(at_work, at_work.missing)
        return
    can = {id(each.design): travels(each.design) for each in at_work.missing}
    if isinstance(executor, ThreadPoolExecutor):
        can = dict.fromkeys(can, True)
    away = [each for each in at_work.missing if can[id(each.design)]]
    here = [each for each in at_work.missing if not can[id(each.design)]]
    if executor is not None:
        if here:
            raise ValueError(away_from_home(here[0].design))
        units = _dealt(at_work, away, workers if limited else None)
        _on(at_work, executor, units, here=[], hasty=False)
        return
    units = _dealt(at_work, away, workers)
    if len(units) + bool(here) < 2:
        _here(at_work, at_work.missing)
        return
    _compile(at_work, units)
    file = None if str(at_work.store.path) == ":memory:" else at_work.store.path.resolve()
    units = [replace(unit, store=file) for unit in units]
    with processes(min(workers, len(units))) as own:
        _on(at_work, own, units, here, hasty=True)


def away_from_home(design: Design) -> str:
    """Return why a design cannot go to an executor, in words."""
    return (
        f"{design.name}: {design.method} cannot go to the executor: it is defined in a notebook "
        "or script; put its class into a module, or leave the executor out"
    )


def _here(at_work: _Run, jobs: list[Job]) -> None:
    """Run jobs in this process."""
    ordered = sorted(jobs, key=lambda each: -at_work.cost[_key(each)])
    for record in perform(ordered, at_work.tell):
        at_work.add(record)


def _compile(at_work: _Run, units: list[Unit]) -> None:
    """Compile the loops once, before several processes need them."""
    jobs = {_program(each): each for unit in units for each in unit.jobs if each.lockstep}
    for program, each in jobs.items():
        if not is_compiled(program):
            short = replace(each, design=replace(each.design, max_sequences=1))
            list(perform([short], at_work.tell))


def _on(at_work: _Run, executor: Executor, units: list[Unit], here: list[Job], hasty: bool) -> None:
    """Run units on an executor, and jobs that cannot travel here meanwhile.

    After an error no other unit begins. Those at work are waited for, as nothing can end them on
    someone's executor and what they bring is kept; unless `hasty`.
    """
    numbers: dict[Future[Ended], int] = {}
    pending: set[Future[Ended]] = set()
    errors: dict[int, Exception] = {}
    try:
        with interrupts_ignored():  # the processes that are started here inherit it
            for i, unit in enumerate(units):
                numbers[executor.submit(work, unit)] = i
        pending = set(numbers)
        _here(at_work, here)
        while pending and not (errors and hasty):
            ended, pending = wait(pending, timeout=POLL)
            errors |= {numbers[future]: error for future, error in _keep(at_work, ended)}
            if errors and not hasty:
                pending = {each for each in pending if not each.cancel()}
                first = next(iter(errors.values()))
                at_work.doing = f"ended by {first!r}; trials at work are waited for"
            at_work.report()
        if errors:
            # the first one's, whichever came first; a dead process says least
            raise min(errors.items(), key=lambda it: (isinstance(it[1], BrokenExecutor), it[0]))[1]
    except BrokenExecutor as error:
        raise RuntimeError(
            "a worker process ended before its trials: it was killed (too little memory?), a "
            "learner ended it, or the script that runs them lacks if __name__ == '__main__'; "
            f"{at_work.where}"
        ) from error
    finally:
        for future in numbers:
            future.cancel()


def _keep(at_work: _Run, futures: Iterable[Future[Ended]]) -> list[tuple[Future[Ended], Exception]]:
    """Keep what has come back, all of it; return the errors that came too, and whence."""
    errors: list[tuple[Future[Ended], Exception]] = []
    for future in futures:
        try:
            ended = future.result()
        except Exception as error:  # of the executor: what a learner raises comes back in Ended
            errors.append((future, error))
            continue
        for record in ended.records:
            at_work.store.add(record)
        if ended.error is not None:
            errors.append((future, ended.error))
    return errors


__all__ = ["Ended", "Progress", "Tell", "Unit", "run", "travels", "work"]

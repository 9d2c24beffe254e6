"""Compiled trials of the nets with one hidden unit: RTRL, BPTT (experiment 1a), the chunker.

The same trials as `lstmbook.protocols.run_trial` with the same learners and generators, many at
once in lockstep, so that millions of sequences take minutes. Numba (the extra `engine`) is
imported only when a trial is run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from collections.abc import Sequence as PythonSequence
from dataclasses import dataclass
from functools import cache
from types import ModuleType

import numpy as np

from lstmbook.lanes.draws import Stream, as_stream
from lstmbook.lanes.form import symbols_of
from lstmbook.protocols import Learner, Outcome, Task
from lstmbook.remedies.bookkeeping import Account, compiled_loops
from lstmbook.remedies.bptt_net import BPTTNet
from lstmbook.remedies.chunker import Chunker, OnlineNet
from lstmbook.remedies.layered_net import LayeredNet, matrices
from lstmbook.remedies.rtrl_net import RTRLNet
from lstmbook.sequences import BoolArray, IntArray
from lstmbook.tasks.criteria import RunOfRight
from lstmbook.tasks.long_time_lags import RandomMiddle, TwoSequences
from lstmbook.validation import Array

CHUNK = 1024
"""About how many sequences are presented between two looks at the trials."""


def unsupported(task: Task, learner: Learner) -> str | None:
    """Return why a trial cannot be run here (`run_trial` can), or None if it can."""
    kinds = TwoSequences | RandomMiddle if isinstance(learner, Chunker) else TwoSequences
    if not isinstance(task, kinds):
        allowed = "experiment 1a or 1b" if isinstance(learner, Chunker) else "experiment 1a"
        return f"{type(task).__name__} is not {allowed}"
    if not isinstance(task.criterion, RunOfRight):
        return "the criterion is not a run of right sequences"
    if isinstance(learner, Chunker):
        return _unsupported_pair(task, learner)
    if not isinstance(learner, RTRLNet | BPTTNet):
        return f"{type(learner).__name__} is neither an RTRLNet, a BPTTNet nor a Chunker"
    net = learner.net
    if not _small(net):
        return "the net is not one with one hidden logistic unit and outputs above it"
    if isinstance(learner, BPTTNet) and learner.updates == "every step":
        return "the BPTT net changes its weights at every step"
    if not learner.reset:
        return "activations are not reset before each sequence"
    if (net.n_inputs, net.n_outputs) != (task.n_inputs, task.n_outputs):
        return "the net does not fit the task"
    return None


def _small(net: LayeredNet) -> bool:
    return net.hidden == 1 and net.recurrent == "hidden" and net.f == "logistic"


def _unsupported_pair(task: Task, learner: Chunker) -> str | None:
    a, c = learner.automatizer, learner.chunker
    if not (_small(a.net) and _small(c.net)):
        return "a net is not one with one hidden logistic unit and outputs above it"
    if a.moments or c.moments:
        return "the nets have been used before"
    if a.depth != c.depth:
        return "the nets differ in depth"
    if a.net.n_inputs != task.n_inputs:
        return "the nets do not fit the task"
    return None


def _laid_out(net: LayeredNet, weights: Array) -> tuple[Array, Array, Array, Array]:
    """Return the weights of a net with one hidden unit as the loops read them.

    What the net lacks is 0.

    Returns
    -------
    into_h
        Into the hidden unit, shape (n_inputs + 2,): from the inputs, from itself, and the bias.
    from_x
        The shortcuts, shape (n_inputs, n_outputs).
    from_h, bias
        Into the outputs from the hidden unit, and their biases, shape (n_outputs,).
    """
    n = net.n_inputs
    W_h, W_k = matrices(net, weights)
    into_h = np.zeros(n + 2)
    into_h[: W_h.shape[1]] = W_h[0]
    from_x, bias = np.zeros((n, net.n_outputs)), np.zeros(net.n_outputs)
    if net.shortcuts:
        from_x[:] = W_k[:, 1 : 1 + n].T
    if net.output_biases:
        bias[:] = W_k[:, -1]
    return into_h, from_x, W_k[:, 0].copy(), bias


def _put_back(
    net: LayeredNet, weights: Array, into_h: Array, from_x: Array, from_h: Array, bias: Array
) -> None:
    """Write what `_laid_out` returned to where it came from."""
    W_h, W_k = matrices(net, weights)
    W_h[0] = into_h[: W_h.shape[1]]
    W_k[:, 0] = from_h
    if net.shortcuts:
        W_k[:, 1 : 1 + net.n_inputs] = from_x.T
    if net.output_biases:
        W_k[:, -1] = bias


@dataclass
class _Lanes:
    """Numbers of the nets of some trials side by side: the last axis is the trial.

    Attributes
    ----------
    into_h
        Of the weights into the hidden unit, shape (p + 3, trials): from the p + 1 inputs, from
        itself, and the bias.
    from_x
        Of the shortcuts, shape (inputs, p + 1 outputs, trials); of one input for their rates.
    from_h, bias
        Of the weights into the outputs from the hidden unit and the bias, (p + 1, trials).
    """

    into_h: Array
    from_x: Array
    from_h: Array
    bias: Array

    @classmethod
    def of(cls, nets: list[RTRLNet | BPTTNet]) -> _Lanes:
        """Lay the weights of nets of the same shape side by side; what a net lacks is 0."""
        laid_out = [_laid_out(each.net, each.weights) for each in nets]
        stacked = (np.stack(same, axis=-1) for same in zip(*laid_out, strict=True))
        return cls(*map(np.ascontiguousarray, stacked))

    def back(self, nets: list[RTRLNet | BPTTNet]) -> None:
        """Give every net its weights back."""
        for i, each in enumerate(nets):
            mine = (part[..., i] for part in (self.into_h, self.from_x, self.from_h, self.bias))
            _put_back(each.net, each.weights, *mine)

    def kept(self, staying: BoolArray) -> _Lanes:
        """Return the lanes of the trials that go on."""
        arrays = (self.into_h, self.from_x, self.from_h, self.bias)
        return _Lanes(*(np.ascontiguousarray(each[..., staying]) for each in arrays))

    def flat(self) -> tuple[Array, Array, Array, Array]:
        """Return views as the loops read them: outputs and trials in one axis."""
        from_x = self.from_x.reshape(len(self.from_x), -1)
        return self.into_h, from_x, self.from_h.reshape(-1), self.bias.reshape(-1)


def _rates(nets: list[RTRLNet | BPTTNet]) -> _Lanes:
    """Return the learning rate of each weight, 0 for those that a net lacks."""
    net = nets[0].net
    n, rate = net.n_inputs, np.array([each.learning_rate for each in nets])
    into_h = np.tile(rate, (n + 2, 1))
    into_h[-1] *= net.hidden_biases
    above = np.tile(rate, (n, 1))
    return _Lanes(into_h, above[None] * net.shortcuts, above, above * net.output_biases)


@dataclass
class _Runs:
    """The judge of a trial's sequences, as `RunOfRight` has it: many at a time.

    Attributes
    ----------
    criterion
        When a trial has succeeded.
    run
        How many sequences have been right in a row, up to now.
    """

    criterion: RunOfRight
    run: int = 0

    def see(self, errors: Array) -> tuple[int, int] | None:
        """Judge the next sequences by their largest errors, shape (n,).

        Returns
        -------
        success
            None, or after how many of them success is seen, and which one is counted.
        """
        stop = len(errors)
        wrong = np.flatnonzero(~(errors < self.criterion.tolerance))
        begins = np.concatenate([[-self.run], wrong + 1])
        reached = begins + self.criterion.run - 1
        self.run = stop - int(begins[-1])
        won = np.flatnonzero(reached < np.concatenate([wrong, [stop]]))
        if not len(won):
            return None
        first, last = int(begins[won[0]]) + 1, int(reached[won[0]]) + 1
        return last, first if self.criterion.counted == "first" else last


def run_trials(
    task: TwoSequences,
    learners: PythonSequence[RTRLNet | BPTTNet],
    rngs: PythonSequence[np.random.Generator | Stream],
    *,
    max_sequences: int,
    window: int = 100,
    seeds: PythonSequence[int] | None = None,
    progress: Callable[[int], None] | None = None,
) -> Iterator[tuple[int, Outcome]]:
    """Run many trials of experiment 1a at once: what `run_trial` does with each pair.

    Weights and sequences are those that `run_trial` would draw and present; the results differ
    by rounding only, and a trial's do not depend on the others.

    Parameters
    ----------
    learners
        Nets with one hidden unit, of the same topology, class and way of updating (rates may
        differ); each is left with its weights of about the end of its trial: trials end between
        chunks of sequences.
    rngs
        What draws the sequences of each trial.
    max_sequences
        The cap.
    window
        Sequences averaged for one point of the error curve.
    seeds
        Only noted in the outcomes.
    progress
        Called now and then with the number of sequences presented to each running trial.

    Yields
    ------
    number, outcome
        As trials end: the learner's number, and the outcome with a trial's share of the seconds.

    Raises
    ------
    ValueError
        If a trial cannot be run here, or the learners differ.
    ImportError
        If Numba is not installed.
    """
    nets, accounts = list(learners), [Account(max_sequences, window) for _ in learners]
    _check(task, nets, len(rngs), None if seeds is None else len(seeds))
    if not nets:
        return
    loop, lanes, rates, steps = _loop(nets[0]), _Lanes.of(nets), _rates(nets), _steps(task)
    judges = [_Runs(_criterion(task)) for _ in nets]
    running, streams = list(range(len(nets))), [as_stream(each) for each in rngs]
    while running:
        began = time.perf_counter()
        first = [symbols_of(task, streams[i], CHUNK)[:, 0] for i in running]
        is_y = np.stack(first, axis=1) - (task.p - 1)
        losses, errors = _present(loop, lanes, rates, is_y, steps)
        took = (time.perf_counter() - began) / len(running)
        for lane, i in enumerate(running):
            accounts[i].seconds += took
            accounts[i].see(losses[:, lane], errors[:, lane], judges[i].see)
        lanes.back([nets[i] for i in running])
        staying = np.array([accounts[i].ending is None for i in running])
        if not staying.all():
            lanes, rates = lanes.kept(staying), rates.kept(staying)
            for i in (i for i in running if accounts[i].ending is not None):
                yield i, accounts[i].outcome(None if seeds is None else seeds[i])
            running = [i for i in running if accounts[i].ending is None]
        if progress is not None and running:
            progress(accounts[running[0]].presented)


def _present(
    loop: Callable[..., None], lanes: _Lanes, rates: _Lanes, is_y: IntArray, steps: tuple[int, int]
) -> tuple[Array, Array]:
    """Present sequences; return the loss and the largest error of each, in the shape of `is_y`."""
    losses, errors = np.empty(is_y.shape), np.empty(is_y.shape)
    rate_h, rate_x, rate_k, rate_b = rates.flat()
    loop(
        *lanes.flat(),
        *(rate_h, rate_x[0], rate_k, rate_b),
        is_y.astype(np.float64),
        *steps,
        losses,
        errors,
    )
    return losses, errors


def _check(
    task: TwoSequences, nets: list[RTRLNet | BPTTNet], n_rngs: int, n_seeds: int | None
) -> None:
    for name, length in (("rngs", n_rngs), ("seeds", n_seeds)):
        if length is not None and length != len(nets):
            raise ValueError(f"{name} has {length} entries; learners has {len(nets)}")
    for each in nets:
        why = unsupported(task, each)
        if why is not None:
            raise ValueError(f"learners cannot be run here: {why}")
    kinds = {(type(each).__name__, each.updates, each.net) for each in nets}
    if len(kinds) > 1:
        raise ValueError("learners differ in class, updates or net; all must have the same")


def run_chunker(
    task: TwoSequences | RandomMiddle,
    learner: Chunker,
    rng: np.random.Generator | Stream,
    *,
    max_sequences: int,
    window: int = 100,
    seed: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> Outcome:
    """Run one trial of experiment 1a or 1b with a chunker: what `run_trial` does, compiled.

    Parameters
    ----------
    learner
        A fresh chunker of nets with one hidden unit; it is left with the weights of about the
        end, and its activations as they were.
    rng, max_sequences, window, seed, progress
        As in `run_trials`.

    Raises
    ------
    ValueError
        If the trial cannot be run here.
    ImportError
        If Numba is not installed.
    """
    account = Account(max_sequences, window)
    why = unsupported(task, learner)
    if why is not None:
        raise ValueError(f"learner cannot be run here: {why}")
    judge, a, c = _Runs(_criterion(task)), learner.automatizer, learner.chunker
    weights_a, weights_c = _laid_out(a.net, a.weights), _laid_out(c.net, c.weights)
    kept = (a.depth + 1, 3)
    standing = (
        *(np.zeros(shape) for _ in range(2) for shape in (kept, 3)),
        *(np.zeros(task.n_outputs) for _ in range(2)),
    )
    stream = as_stream(rng)
    while account.ending is None:
        began = time.perf_counter()
        codes = symbols_of(task, stream, CHUNK)
        losses, errors = np.empty(len(codes)), np.empty(len(codes))
        learner.passed += _loops().chunk(
            *(*weights_a, _rates_of(a)),
            *(*weights_c, _rates_of(c)),
            *standing,
            learner.threshold,
            learner.reset,
            codes,
            *_steps(task),
            losses,
            errors,
        )
        account.seconds += time.perf_counter() - began
        account.see(losses, errors, judge.see)
        if progress is not None:
            progress(account.presented)
    _put_back(a.net, a.weights, *weights_a)
    _put_back(c.net, c.weights, *weights_c)
    return account.outcome(seed)


def _rates_of(online: OnlineNet) -> Array:
    """Return the rates of a chunker's net as the loop reads them: 0 for what it lacks."""
    net = online.net
    has = np.array([net.hidden_biases, net.shortcuts, net.output_biases, True])
    return np.asarray(online.learning_rate * has)


def _criterion(task: TwoSequences | RandomMiddle) -> RunOfRight:
    if not isinstance(task.criterion, RunOfRight):
        raise ValueError("task has a criterion that is not a run of right sequences")
    return task.criterion


def _steps(task: TwoSequences | RandomMiddle) -> tuple[int, int]:
    """Return from which step on errors are injected, and from which on they are judged."""
    first = task.p - 1 if task.errors == "last step" else 0
    return first, task.p - 1 if _criterion(task).steps == "last" else 0


@cache
def _loops() -> ModuleType:
    return compiled_loops("loops")


def _loop(learner: RTRLNet | BPTTNet) -> Callable[..., None]:
    """Return the compiled loop; over a whole sequence RTRL's gradient is BPTT's."""
    real_time = isinstance(learner, RTRLNet) and learner.updates == "every step"
    found: Callable[..., None] = getattr(_loops(), "rtrl" if real_time else "bptt")
    return found

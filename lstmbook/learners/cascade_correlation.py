"""Recurrent Cascade-Correlation (Fahlman 1991): a net that adds hidden units one by one.

A unit feeds itself and all units after it, and its weights are frozen once it is there. Outputs
are trained by Quickprop (Fahlman 1988) over a whole training set; when their error stagnates, a
pool of candidate units is trained to covary with the errors that are left, and the best is added.
Constants are those of Fahlman's published program unless said otherwise.

Other learners change their weights at each step or sequence, and their trials run in lockstep.
Here an epoch is a pass over a fixed set, and the net grows, so there is a loop of its own
in `lstmbook.learners.cascade_trial`. A number of lane code is one number a candidate, or one an
output: the candidates of the pool stand side by side, and so do the outputs, `WIDTH` to a vector.

=====================  ==========================================================================
here                   in the paper
=====================  ==========================================================================
``X.x``                what units read beside symbols: real inputs, 1, hidden units
``P.w``, ``P.V``       a candidate's weights w_i and activation V(t); its last weight is w_s
``X.left``             E_o - mean E_o, the errors that are left when the outputs stagnate
``totals.covariance``  sum over steps of (V - mean V)(E_o - mean E_o); the mean of V drops out
``K.w``, ``X.y``       the outputs' weights and activations
``slope``              -dE/dw (or dS/dw), summed over an epoch; then what `scale` makes of it
``last``               dE/dw (or -dS/dw) with its decay, at the epoch before
=====================  ==========================================================================

The steps of a set stand in one row, the first step of each sequence before all second ones:
neighbours belong to different sequences, so a processor need not wait for V(t-1).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from lstmbook.lanes.blocks import (
    Memory,
    aligned,
    one_lane,
    view,
)
from lstmbook.lanes.draws import Stream, as_stream
from lstmbook.lanes.specialise import compiled_entry, need_numba
from lstmbook.lanes.squash import KINDS, squash
from lstmbook.lanes.words import (
    Number,
    fma,
    fraction,
    lane,
    larger,
    largest,
    like,
    total,
    where,
)
from lstmbook.lanes.words import real as float_of
from lstmbook.learners.cascade_layout import WIDTH, Arrays, CascadeLayout
from lstmbook.protocols import Task
from lstmbook.sequences import Batch, BoolArray, Sequence, as_choice
from lstmbook.tasks.fixed_set import FixedSet
from lstmbook.validation import Array, as_count, as_number

UNITS, PREDICT, ERRORS, MOVE_OUTPUTS, SCORES, MOVE_POOL, LEGAL = range(7)
"""What `work` can do with a set."""

INFINITE = float("inf")


# ---------------------------------------------------------------- the algorithm
@lane
def step_at(net: CascadeLayout, A: Arrays, t: int) -> tuple[Any, Any]:
    """Return the numbers of a step, and its place among the others."""
    X = view(net.step, A.steps, t * net.step_size)
    return X, view(net.place, A.places, t * net.place_size)


@lane
def net_input(net: CascadeLayout, w: Any, u: int, X: Any, symbol: int, n: int) -> Number:
    """Return the sum over n of the things read, I_i, and the symbol: sum_i w_i I_i(t)."""
    start = w[u, symbol] if net.symbolic else like(w[u, 0], 0.0)
    for m in range(n):
        start = fma(w[u, net.first + m], X.x[m], start)
    return start


@lane
def activation(
    net: CascadeLayout, w: Any, u: int, X: Any, symbol: int, n: int, before: Number
) -> tuple[Number, Number]:
    """Return V(t) = f(sum_i w_i I_i(t) + w_s V(t-1)) of units that feed themselves, and f'."""
    return squash(net.f, fma(w[u, net.own], before, net_input(net, w, u, X, symbol, n)))


@lane
def run_units(net: CascadeLayout, A: Arrays) -> None:
    """Run frozen units over all steps, each after those that it reads."""
    now, U = view(net.now, A.now, 0), view(net.units, A.units, 0)
    for j in range(now.first_unit, now.hidden):
        n = net.n_plain + j
        for t in range(now.steps):
            X, at = step_at(net, A, t)
            before = like(U.w[j, 0], 0.0)
            if at.before >= 0:
                past, _ = step_at(net, A, at.before)
                before = past.x[n]
            X.x[n], _ = activation(net, U.w, j, X, at.symbol, n, before)


@lane
def run_outputs(net: CascadeLayout, A: Arrays) -> None:
    """Compute the outputs of all steps."""
    now, K = view(net.now, A.now, 0), view(net.outputs, A.outputs, 0)
    for t in range(now.steps):
        X, at = step_at(net, A, t)
        for k in range(net.wide):
            net_k = net_input(net, K.w, k, X, at.symbol, net.n_plain + now.hidden)
            X.y[k], _ = squash(net.f_k, net_k)


@lane
def rise(net: CascadeLayout, B: Any, u: int, X: Any, symbol: int, n: int, delta: Number) -> None:
    """Add a step's share to a slope: delta times what is read."""
    if net.symbolic:
        B.slope[u, symbol] = B.slope[u, symbol] + delta
    for m in range(n):
        B.slope[u, net.first + m] = fma(X.x[m], delta, B.slope[u, net.first + m])


@lane
def output_errors(net: CascadeLayout, A: Arrays) -> None:
    """Compute outputs, losses, the errors E = (d - y)(f'(net) + offset), and -dE/dw."""
    now, K = view(net.now, A.now, 0), view(net.outputs, A.outputs, 0)
    totals, n = view(net.totals, A.totals, 0), net.n_plain + now.hidden
    clear_slopes(net, K, net.wide)
    for t in range(now.steps):
        X, at = step_at(net, A, t)
        squares = like(X.y[0], 0.0)
        for k in range(net.wide):
            y, slope = squash(net.f_k, net_input(net, K.w, k, X, at.symbol, n))
            X.y[k] = y
            if at.counts > 0:
                e = (X.d[k] - y) * totals.exists[k]
                squares = fma(e, e, squares)
                X.E[k] = e * (slope + now.slope_offset)
                rise(net, K, k, X, at.symbol, n, X.E[k])
        if at.counts > 0:
            half = float_of(total(squares) * 0.5)
            A.losses[at.sequence] = A.losses[at.sequence] + half


@lane
def clear_slopes(net: CascadeLayout, B: Any, vectors: int) -> None:
    """Begin sums over steps."""
    for u in range(vectors):
        for m in range(net.n_weights):
            B.slope[u, m] = like(B.w[u, m], 0.0)


@lane
def sign(x: Number) -> Number:
    """Return 1, 0 or -1."""
    return where(x > 0.0, like(x, 1.0), where(x < 0.0, like(x, -1.0), like(x, 0.0)))


@lane
def run_pool(net: CascadeLayout, A: Arrays) -> None:
    """Run the candidates over all steps and sum up their covariances with the errors left."""
    now, P = view(net.now, A.now, 0), view(net.pool, A.pool, 0)
    totals, n = view(net.totals, A.totals, 0), net.n_plain + now.hidden
    for c in range(net.pools):
        for k in range(net.n_outputs):
            totals.covariance[c, k] = like(P.w[c, 0], 0.0)
    for t in range(now.steps):
        X, at = step_at(net, A, t)
        for c in range(net.pools):
            before = like(P.w[c, 0], 0.0)
            X.back[c] = before
            if at.before >= 0:
                past, _ = step_at(net, A, at.before)
                before = past.V[c]
            V, X.f_slope[c] = activation(net, P.w, c, X, at.symbol, n, before)
            X.V[c] = V
            if at.counts > 0:
                for k in range(net.n_outputs):
                    E = one_lane(X, k % WIDTH).left[k // WIDTH]
                    totals.covariance[c, k] = fma(E, V, totals.covariance[c, k])


@lane
def score_slopes(net: CascadeLayout, A: Arrays) -> None:
    """Compute dS/dw of the candidates' scores S = sum_o |covariance_o|.

    The derivative is carried back through each unit's own past; carried forwards, as Fahlman
    does, it is the same.
    """
    now, P = view(net.now, A.now, 0), view(net.pool, A.pool, 0)
    totals, n = view(net.totals, A.totals, 0), net.n_plain + now.hidden
    clear_slopes(net, P, net.pools)
    for c in range(net.pools):
        for k in range(net.n_outputs):
            totals.way[c, k] = sign(totals.covariance[c, k])
    for i in range(now.steps):
        t = now.steps - 1 - i
        X, at = step_at(net, A, t)
        for c in range(net.pools):
            arriving = X.back[c]
            if at.counts > 0:
                for k in range(net.n_outputs):
                    E = one_lane(X, k % WIDTH).left[k // WIDTH]
                    arriving = fma(E, totals.way[c, k], arriving)
            delta = X.f_slope[c] * arriving
            rise(net, P, c, X, at.symbol, n, delta)
            if at.before >= 0:
                past, _ = step_at(net, A, at.before)
                P.slope[c, net.own] = fma(past.V[c], delta, P.slope[c, net.own])
                past.back[c] = P.w[c, net.own] * delta


@lane
def quickprop(now: Any, d: Number, s: Number, last: Number) -> Number:
    """Return a weight's change: to the minimum of a parabola through two slopes.

    A step that would be larger than `growth` times the last, or uphill, is that much instead; a
    linear term is added where the slope still points the way of the last step.

    Parameters
    ----------
    d
        The weight's last change.
    s, last
        What is descended, dE/dw (or -dS/dw): its slope now, and before that change.
    """
    way = where(d > 0.0, like(d, -1.0), like(d, 1.0))
    too_far = way * s >= now.growth / (1.0 + now.growth) * (way * last)
    apart = last - s
    parabola = d * s / where(apart == 0.0, 1.0, apart)
    change = where(too_far | (apart == 0.0), d * now.growth, parabola)
    return where((d == 0.0) | (way * s > 0.0), change - s * now.rate, change)


@lane
def move(net: CascadeLayout, now: Any, B: Any, vectors: int) -> None:
    """Move weights down what `scale` makes of the summed slope, and decay adds to."""
    for u in range(vectors):
        for m in range(net.n_weights):
            s = fma(B.w[u, m], now.decay, B.slope[u, m] * now.scale)
            change = quickprop(now, B.change[u, m], s, B.last[u, m])
            B.w[u, m] = B.w[u, m] + change
            B.change[u, m], B.last[u, m] = change, s


@lane
def judge_steps(net: CascadeLayout, A: Arrays) -> None:
    """Note by how much the least active possible symbol exceeds the most active other one."""
    now, exists = view(net.now, A.now, 0), view(net.totals, A.totals, 0).exists
    for t in range(now.steps):
        X, _ = step_at(net, A, t)
        may = view(net.may, A.may, t * net.may_size)
        low, high = like(X.y[0], -INFINITE), like(X.y[0], -INFINITE)
        for k in range(net.wide):
            low = larger(where(may.come[k] > 0.0, -X.y[k], -INFINITE), low)
            other = (may.come[k] == 0.0) & (exists[k] > 0.0)
            high = larger(where(other, X.y[k], -INFINITE), high)
        X.margin = -largest(low) - largest(high)


@lane
def work(net: CascadeLayout, what: int, A: Arrays) -> int:
    """Do one thing over all steps of a set, or move weights; return 0."""
    now = view(net.now, A.now, 0)
    if what == UNITS:
        run_units(net, A)
    elif what == PREDICT:
        run_outputs(net, A)
    elif what == ERRORS:
        output_errors(net, A)
    elif what == MOVE_OUTPUTS:
        move(net, now, view(net.outputs, A.outputs, 0), net.wide)
    elif what == SCORES:
        run_pool(net, A)
        score_slopes(net, A)
    elif what == MOVE_POOL:
        move(net, now, view(net.pool, A.pool, 0), net.pools)
    elif what == LEGAL:
        judge_steps(net, A)
    return 0


# ---------------------------------------------------------------- sets of sequences
class StepSet:
    """A set of sequences as `work` reads it, with what a net does at each of their steps.

    Attributes
    ----------
    batch
        The sequences.
    order
        Where each row of the batch stands among the steps, shape (rows,).
    arrays
        What `work` is called with.
    """

    def __init__(self, net: CascadeLayout, batch: Batch, shared: dict[str, Memory]) -> None:
        n, starts = len(batch.mask), np.asarray(batch.starts, dtype=np.int64)
        sequence = np.repeat(np.arange(len(batch)), np.diff(starts))
        at = np.arange(n) - starts[sequence]
        by_step = np.argsort(at, kind="stable")
        self.net, self.batch = net, batch
        self.order = np.empty(n, dtype=np.int64)
        self.order[by_step] = np.arange(n)
        places, steps = net.place.memory(n), net.step.memory(n)
        table = places.reshape(n, -1)
        table[:, 0] = np.where(at == 0, -1, self.order[np.arange(n) - 1])[by_step]
        table[:, 1], table[:, 3] = sequence[by_step], batch.mask[by_step]
        losses = aligned(len(batch), "float64")
        self.arrays = Arrays(
            **shared, steps=steps, places=places, may=aligned(1, "float64"), losses=losses
        )
        if net.symbolic:
            table[:, 2] = batch.inputs[by_step]
        else:
            self.field("x")[:, : net.n_inputs] = batch.inputs[by_step]
        self.field("x")[:, net.n_plain - 1] = 1.0
        wanted = np.where(batch.mask[:, None], batch.targets, 0.0)
        self.field("d")[:, : net.n_outputs] = wanted[by_step]
        self.counts = batch.mask[by_step]

    def __len__(self) -> int:
        return len(self.order)

    @cached_property
    def compiled(self) -> Callable[[int], int]:
        """`work` with this set, compiled: takes what to do."""
        return compiled_entry(work, self.net, self.arrays)

    def field(self, name: str) -> Array:
        """Return a field of all steps, in their order, as a view: shape (steps, numbers)."""
        layout = self.net.step
        found: Array = self.arrays.steps.reshape(len(self), -1)
        return found[:, layout.start(name) : layout.stop(name)]

    def allow(self, possible: BoolArray) -> None:
        """Say which symbols may come next, shape (rows, n_outputs)."""
        may = self.net.may.memory(len(self))
        may.reshape(len(self), -1)[self.order, : self.net.n_outputs] = possible
        self.arrays = self.arrays._replace(may=may)
        self.__dict__.pop("compiled", None)


# ---------------------------------------------------------------- settings and learner
@dataclass(frozen=True)
class CascadeCorrelation:
    """The settings of Recurrent Cascade-Correlation.

    Attributes
    ----------
    max_hidden
        No unit is added beyond these (ours; Fahlman's eight nets ended with 7 to 15).
    pool
        Candidates trained side by side.
    f, f_k
        Squashing functions of hidden units and of outputs.
    output_rate, candidate_rate
        Quickprop's epsilon: divided by the number of predictions in the training set and, for
        candidates, by the number of their inputs, too. Fahlman's program has 1.0 for
        candidates; with that and its patience their scores stagnate long before they are good,
        and 15 units predict fewer strings of the embedded Reber grammar than 6 do with ours.
    growth
        Quickprop's mu: a step is at most so many times the last one.
    output_decay
        This times the weight is added to the slope of an output weight.
    slope_offset
        Added to the slope of the outputs, so that saturated ones can still learn.
    weight_range
        Initial weights of outputs and candidates are uniform in +- this.
    patience
        Epochs without a significant change after which a phase has stagnated (Fahlman's
        program: 8; see above).
    output_change, candidate_change
        A change of the squared error, or of the best score, by this share is significant.
    n_training
        Sequences drawn for a task that has no training set.
    """

    max_hidden: int = 25
    pool: int = 8
    f: str = "tanh"
    f_k: str = "logistic"
    output_rate: float = 0.35
    candidate_rate: float = 100.0
    growth: float = 2.0
    output_decay: float = 0.0001
    slope_offset: float = 0.1
    weight_range: float = 1.0
    patience: int = 12
    output_change: float = 0.01
    candidate_change: float = 0.03
    n_training: int = 256

    def __post_init__(self) -> None:
        as_count("max_hidden", self.max_hidden)
        for name in ("pool", "patience", "n_training"):
            as_count(name, getattr(self, name), at_least=1)
        for name in ("f", "f_k"):
            as_choice(name, getattr(self, name), tuple(KINDS))
        for name in ("output_rate", "candidate_rate", "growth", "weight_range"):
            as_number(name, getattr(self, name), above=0)
        for name in ("output_decay", "slope_offset", "output_change", "candidate_change"):
            as_number(name, getattr(self, name), at_least=0)

    def build(
        self, task: Task, rng: np.random.Generator | Stream, *, plain: bool = False
    ) -> RecurrentCascadeCorrelation:
        """Return a fresh net over a task's training set.

        Parameters
        ----------
        task
            If it has a ``training`` set, that; otherwise one is drawn from it.
        rng
            Draws the set, if one has to be drawn, then the weights.
        plain
            Run the very sources in NumPy: slow, without compiling anything.

        Raises
        ------
        ValueError
            If no step of the set counts.
        ImportError
            If Numba is not installed and `plain` is False.
        """
        stream = as_stream(rng)
        training: Any = FixedSet.of(task, self.n_training, stream)
        return RecurrentCascadeCorrelation(training.training, stream, self, plain)


@dataclass
class Stagnation:
    """Watches a phase: its figure has to change by the given share within `patience` epochs."""

    share: float
    patience: int
    last: float = np.nan
    waited: int = 0

    def see(self, figure: float) -> bool:
        """Take note of an epoch's figure; return whether the phase has stagnated."""
        if np.isnan(self.last) or abs(figure - self.last) > self.share * self.last:
            self.last, self.waited = figure, 0
        else:
            self.waited += 1
        return self.waited >= self.patience


class RecurrentCascadeCorrelation:
    """A learner over a fixed training set: one epoch for as many presentations as it has.

    The sequence presented does not matter; presentations are counted as the published ones are,
    as epochs times the size of the training set.

    Parameters
    ----------
    training
        The training set.
    stream
        Draws the weights of outputs and candidates.
    settings
        The constants of the algorithm.
    plain
        Whether lane code runs in NumPy.

    Attributes
    ----------
    hidden, epochs, presented
        How many hidden units there are, and epochs (of both phases) and presentations so far.
    moves
        How often the output weights were moved.
    """

    def __init__(
        self, training: Batch, stream: Stream, settings: CascadeCorrelation, plain: bool = False
    ) -> None:
        if not training.mask.any():
            raise ValueError("training has no step whose error counts; it must have one")
        if not plain:
            need_numba()
        self.training, self.settings, self.plain = training, settings, plain
        self.hidden = self.epochs = self.presented = self.moves = 0
        self._stream = stream
        self._net = net = CascadeLayout(
            n_inputs=training.n_inputs,
            n_outputs=training.targets.shape[1],
            max_hidden=settings.max_hidden,
            pool_size=settings.pool,
            symbolic=training.inputs.ndim == 1,
            f=KINDS[settings.f],
            f_k=KINDS[settings.f_k],
        )
        names = ("now", "units", "outputs", "pool", "totals")
        self._shared = {name: getattr(net, name).memory() for name in names}
        self._blocks = {name: view(getattr(net, name), self._shared[name], 0) for name in names}
        self._now = self._blocks["now"]
        self._now.slope_offset, self._now.growth = settings.slope_offset, settings.growth
        self._blocks["totals"].values("exists").ravel()[: net.n_outputs] = 1.0
        self._sets: list[StepSet] = []
        self._set = self.follow(training)
        self._set_weights("outputs", self._drawn(net.n_outputs, self._n_read))
        self._watch = self._watching(settings.output_change)
        self._pool_learns, self._moved = False, True
        self._squares = 0.0

    # ------------------------------------------------------------ what it knows
    @property
    def _n_read(self) -> int:
        """The number of things that outputs read."""
        return self._net.n_inputs + 1 + self.hidden

    @property
    def weights(self) -> dict[str, Array]:
        """Copies of the weights by name: into outputs, and into each frozen unit."""
        units = {f"unit {i}": w.copy() for i, w in enumerate(self.unit_weights)}
        return {"outputs": self.output_weights.copy()} | units

    @property
    def output_weights(self) -> Array:
        """From inputs, bias and hidden units, shape (n_outputs, n_inputs + 1 + hidden)."""
        return self._table("outputs")[: self._net.n_outputs, : self._n_read]

    @property
    def unit_weights(self) -> list[Array]:
        """Of each hidden unit: from inputs, bias, older units, and the unit itself."""
        n, w = self._net.n_inputs + 1, self._blocks["units"].values("w")
        return [np.append(w[j, : n + j], w[j, -1]) for j in range(self.hidden)]

    @property
    def candidate_weights(self) -> Array | None:
        """Likewise of the candidates, shape (pool, n_inputs + 1 + hidden + 1); None without."""
        if not self._pool_learns:
            return None
        w = self._table("pool")[: self.settings.pool]
        return np.hstack([w[:, : self._n_read], w[:, -1:]])

    def _table(self, name: str, of: str = "w") -> Array:
        """Return a copy of a field, what is of one unit in a row: shape (units, places)."""
        values: Array = self._blocks[name].values(of).swapaxes(1, 2).copy()
        return values.reshape(-1, values.shape[2])

    def _set_weights(self, name: str, w: Array, own: Array | None = None) -> None:
        """Begin with weights that have not moved yet, shape (units, things read)."""
        block = self._blocks[name]
        table = np.zeros((block.values("w").shape[0] * WIDTH, self._net.n_weights))
        table[: len(w), : w.shape[1]] = w
        if own is not None:
            table[: len(own), -1] = own
        for each in ("change", "last"):
            block.values(each)[:] = 0.0
        block.values("w")[:] = table.reshape(-1, WIDTH, self._net.n_weights).swapaxes(1, 2)

    def _drawn(self, *shape: int) -> Array:
        u: Array = fraction(self._stream.words(int(np.prod(shape)))).reshape(shape)
        return self.settings.weight_range * (2.0 * u - 1.0)

    def _watching(self, share: float) -> Stagnation:
        return Stagnation(share, self.settings.patience)

    def _work(self, what: int, on: StepSet) -> None:
        self._now.steps, self._now.hidden = len(on), self.hidden
        if not self.plain:
            on.compiled(what)
            return
        with np.errstate(over="ignore", invalid="ignore"):
            work(self._net, what, on.arrays)

    # ------------------------------------------------------------ a learner
    def learn(self, sequence: Sequence) -> Array:
        """Count a presentation, train an epoch when one is full, return the outputs made before it.

        Returns
        -------
        outputs
            Shape (T, n_outputs).
        """
        outputs = self.predict(sequence)
        self.count(1)
        return outputs

    def predict(self, sequence: Sequence) -> Array:
        """Return the outputs for a sequence, shape (T, n_outputs), and change nothing."""
        if sequence.n_inputs != self._net.n_inputs:
            raise ValueError(
                f"sequence has {sequence.n_inputs} n_inputs; the net has {self._net.n_inputs}"
            )
        if sequence.symbolic != self._net.symbolic:
            kinds = {True: "symbols", False: "real inputs"}
            found, wanted = kinds[sequence.symbolic], kinds[self._net.symbolic]
            raise ValueError(f"sequence has {found}; the training set had {wanted}")
        alone = StepSet(self._net, Batch.of([sequence]), self._shared)
        self._now.first_unit = 0
        self._work(UNITS, alone)
        return self.outputs(alone)

    def count(self, presentations: int) -> None:
        """Count presentations; train an epoch whenever one is full."""
        size, before = len(self.training), self.presented
        self.presented += presentations
        for _ in range(self.presented // size - before // size):
            self.epoch()

    def follow(self, batch: Batch) -> StepSet:
        """Return a set in which units are run as they are added."""
        for each in self._sets:
            if each.batch is batch:
                return each
        found = StepSet(self._net, batch, self._shared)
        if self.hidden:
            self._now.first_unit = 0
            self._work(UNITS, found)
        self._sets.append(found)
        return found

    def outputs(self, of: StepSet) -> Array:
        """Return the outputs for a set whose units were run, shape (rows, n_outputs)."""
        self._run_outputs(of)
        y: Array = of.field("y")[of.order, : self._net.n_outputs]
        return y

    def _run_outputs(self, of: StepSet) -> None:
        if of is self._set:
            self.losses()
        else:
            self._work(PREDICT, of)

    def margins(self, of: StepSet) -> Array:
        """Return by how much all possible symbols exceed the others, shape (rows,)."""
        self._run_outputs(of)
        self._work(LEGAL, of)
        margins: Array = of.field("margin")[of.order, 0]
        return margins

    def losses(self) -> Array:
        """Return the loss of each training sequence, shape (n_sequences,)."""
        if self._moved:
            self._set.arrays.losses[:] = 0.0
            self._work(ERRORS, self._set)
            self._moved = False
        return self._set.arrays.losses.copy()

    # ------------------------------------------------------------ epochs
    def epoch(self) -> None:
        """Train one epoch: the outputs, or the candidates."""
        self.epochs += 1
        if self._pool_learns:
            self._train_candidates()
        elif self._train_outputs() and self.hidden < self.settings.max_hidden:
            self._begin_pool()

    def _train_outputs(self) -> bool:
        """Move the output weights; return whether their error has stagnated."""
        of, now = self.settings, self._now
        squares = 2.0 * float(self.losses().sum())
        now.scale, now.decay = -1.0, of.output_decay
        now.rate = of.output_rate / int(self.training.mask.sum())
        self._work(MOVE_OUTPUTS, self._set)
        self._moved, self.moves = True, self.moves + 1
        return self._watch.see(squares)

    def _begin_pool(self) -> None:
        """Draw candidates, and keep the errors of this epoch for them, if there are any."""
        self._keep_errors(self._set.field("E"))
        if not self._squares:
            return
        drawn = self._drawn(self.settings.pool, self._n_read + 1)
        self._set_weights("pool", drawn[:, :-1], drawn[:, -1])
        self._pool_learns = True
        self._watch = self._watching(self.settings.candidate_change)

    def _keep_errors(self, E: Array) -> None:
        """Keep errors, shape (steps, outputs), less their mean where they count."""
        counts = self._set.counts[:, None]
        self._squares = float((E**2).sum(where=counts))
        self._set.field("left")[:] = np.where(counts, E - E.mean(axis=0, where=counts), 0.0)

    def _train_candidates(self) -> None:
        """Move the candidates' weights; install the best if their scores have stagnated."""
        covariances = self._covariances() / self._squares
        scores = np.abs(covariances).sum(axis=1)
        if self._watch.see(float(scores.max())):
            best = int(scores.argmax())
            self._install(best, covariances[best])
            return
        now = self._now
        now.scale, now.decay = -1.0 / self._squares, 0.0
        predictions = int(self.training.mask.sum())
        now.rate = self.settings.candidate_rate / (predictions * self._n_read)
        self._work(MOVE_POOL, self._set)

    def _covariances(self) -> Array:
        """Run the candidates; return their covariances with the errors, (pool, n_outputs)."""
        self._work(SCORES, self._set)
        return self._table("totals", "covariance")[: self.settings.pool]

    def _install(self, best: int, covariance: Array) -> None:
        """Freeze a unit; its first output weights are its covariances with the errors."""
        self._blocks["units"].values("w")[self.hidden] = self._table("pool")[best]
        K = self._blocks["outputs"].values("w")[:, self._n_read]
        K[:] = np.append(covariance, np.zeros(K.size - len(covariance))).reshape(K.shape)
        self._now.first_unit = self.hidden
        self.hidden += 1
        for each in self._sets:
            self._work(UNITS, each)
        self._pool_learns, self._moved = False, True
        self._watch = self._watching(self.settings.output_change)

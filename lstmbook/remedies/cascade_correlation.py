"""Recurrent Cascade-Correlation (Fahlman 1991): a net that adds hidden units one by one.

A unit feeds itself and all units after it, and its weights are frozen once it is there. Outputs
are trained by Quickprop over the whole training set; when their error stagnates, a pool of
candidate units is trained to covary with the errors that are left, and the best is added.
Constants are those of Fahlman's published program unless said otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from lstmbook.protocols import Task
from lstmbook.sequences import Batch, BoolArray, Sequence, as_choice
from lstmbook.squashing import SQUASHINGS, Squashing, logistic, squashing
from lstmbook.validation import Array, as_count, as_number


@dataclass(frozen=True)
class Settings:
    """The constants of the algorithm.

    Attributes
    ----------
    max_hidden
        No unit is added beyond these (ours; Fahlman's eight nets ended with 7 to 15).
    pool
        Candidates trained side by side.
    f
        Squashing function of hidden units. Outputs are logistic.
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
    """

    max_hidden: int = 25
    pool: int = 8
    f: str = "tanh"
    output_rate: float = 0.35
    candidate_rate: float = 100.0
    growth: float = 2.0
    output_decay: float = 0.0001
    slope_offset: float = 0.1
    weight_range: float = 1.0
    patience: int = 12
    output_change: float = 0.01
    candidate_change: float = 0.03

    def __post_init__(self) -> None:
        as_count("max_hidden", self.max_hidden)
        as_count("pool", self.pool, at_least=1)
        as_count("patience", self.patience, at_least=1)
        as_choice("f", self.f, tuple(SQUASHINGS))
        for name in ("output_rate", "candidate_rate", "growth", "weight_range"):
            as_number(name, getattr(self, name), above=0)
        for name in ("output_decay", "slope_offset", "output_change", "candidate_change"):
            as_number(name, getattr(self, name), at_least=0)


@dataclass(frozen=True)
class Quickprop:
    """Weights that descend a slope by Quickprop (Fahlman 1988), and what it remembers.

    Attributes
    ----------
    weights, change, slope
        The weights, their last change, and the slope dE/dw there, all of one shape.
    """

    weights: Array
    change: Array
    slope: Array

    @classmethod
    def of(cls, weights: Array) -> Quickprop:
        """Return weights that have not moved yet."""
        return cls(weights, np.zeros_like(weights), np.zeros_like(weights))

    def moved(self, slope: Array, rate: float, growth: float) -> Quickprop:
        """Return the weights after a step: to the minimum of a parabola through two slopes.

        A step that would be larger than `growth` times the last, or uphill, is that much
        instead; a linear term is added where the slope still points the way of the last step.

        Parameters
        ----------
        slope
            dE/dw at the weights, in their shape.
        rate
            The factor of the linear term.
        """
        d, s = self.change, slope
        # seen so that the last step was downwards in w
        way = np.where(d > 0, -1.0, 1.0)
        too_far = way * s >= growth / (1.0 + growth) * way * self.slope
        apart = self.slope - s
        parabola = d * s / np.where(apart == 0, 1.0, apart)
        change = np.where(too_far | (apart == 0), growth * d, parabola)
        change = np.where((d == 0) | (way * s > 0), change - rate * s, change)
        return Quickprop(self.weights + change, change, s)

    def widened(self, column: Array) -> Quickprop:
        """Return the weights with one column more, which has not moved yet."""
        still = np.zeros((len(column), 1))
        return Quickprop(
            np.hstack([self.weights, column[:, None]]),
            np.hstack([self.change, still]),
            np.hstack([self.slope, still]),
        )


@dataclass(frozen=True)
class TrainingSet:
    """A training set as arrays: time first, shorter sequences filled up with zeros.

    Attributes
    ----------
    values
        What outputs read: inputs, bias, hidden units, shape (T, n_sequences, n_values).
    targets
        Shape (T, n_sequences, n_outputs); 0 where nothing counts.
    counts
        Steps whose error counts, shape (T, n_sequences).
    """

    values: Array
    targets: Array
    counts: BoolArray

    @classmethod
    def of(cls, batch: Batch) -> TrainingSet:
        """Return the arrays of a batch."""
        T = int(np.diff(batch.starts).max())
        values = np.zeros((T, len(batch), batch.n_inputs + 1))
        targets = np.zeros((T, len(batch), batch.targets.shape[1]))
        counts = np.zeros((T, len(batch)), dtype=np.bool_)
        for i, sequence in enumerate(batch):
            n = len(sequence)
            values[:n, i, :-1] = sequence.x
            values[:n, i, -1] = 1.0
            targets[:n, i] = np.where(sequence.mask[:, None], sequence.targets, 0.0)
            counts[:n, i] = sequence.mask
        return cls(values, targets, counts)

    @property
    def n_predictions(self) -> int:
        """How many steps count."""
        return int(self.counts.sum())

    def with_unit(self, V: Array) -> TrainingSet:
        """Return the set with the activations of one more unit, shape (T, n_sequences)."""
        return TrainingSet(np.dstack([self.values, V]), self.targets, self.counts)


def unit_activations(f: Squashing, w: Array, values: Array) -> tuple[Array, Array]:
    """Run units that feed themselves: V(t) = f(sum_i w_i I_i(t) + w_s V(t-1)).

    Parameters
    ----------
    w
        Weights of some units, shape (units, n_values + 1); the last is w_s.
    values
        What they read, shape (T, n_sequences, n_values).

    Returns
    -------
    net, V
        Net inputs and activations, shape (T, n_sequences, units).
    """
    net = values @ w[:, :-1].T
    V = np.empty_like(net)
    before = np.zeros(net.shape[1:])
    for t in range(len(net)):
        net[t] += w[:, -1] * before
        V[t] = before = f(net[t])
    return net, V


def covariances(V: Array, errors: Array, counts: BoolArray) -> Array:
    """Return the sums over counted steps of (V - mean V)(E_o - mean E_o), (units, n_outputs)."""
    E = errors[counts] - errors[counts].mean(axis=0)
    found: Array = (V[counts] - V[counts].mean(axis=0)).T @ E
    return found


def score_slope(
    f: Squashing, w: Array, values: Array, errors: Array, counts: BoolArray
) -> tuple[Array, Array]:
    """Return the candidates' covariances and the derivative of their scores by their weights.

    The score is the sum over outputs of the covariances' sizes. Its derivative is carried back
    through each unit's own past; carried forwards, as Fahlman does, it is the same.

    Parameters
    ----------
    w, values
        As in `unit_activations`.
    errors
        Errors that are left, shape (T, n_sequences, n_outputs).

    Returns
    -------
    covariances, slope
        Shapes (units, n_outputs) and (units, n_values + 1).
    """
    net, V = unit_activations(f, w, values)
    found = covariances(V, errors, counts)
    arriving = (errors - errors[counts].mean(axis=0)) @ np.sign(found).T
    arriving *= counts[:, :, None]
    slope = np.zeros_like(w)
    delta = np.zeros(V.shape[1:])
    for t in range(len(V) - 1, -1, -1):
        delta = f.slope(net[t]) * (arriving[t] + w[:, -1] * delta)
        slope[:, :-1] += delta.T @ values[t]
        if t:
            slope[:, -1] += (delta * V[t - 1]).sum(axis=0)
    return found, slope


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


@dataclass
class RecurrentCascadeCorrelation:
    """A learner over a fixed training set: one epoch for as many presentations as it has.

    The sequence presented does not matter; presentations are counted as the published ones are,
    as epochs times the size of the training set.

    Attributes
    ----------
    training
        The training set.
    rng
        Draws the weights of outputs and candidates.
    settings
        The constants of the algorithm.
    units
        Weights of the frozen units: inputs, bias, older units, and the unit itself.
    outputs
        Weights into the outputs, shape (n_outputs, n_inputs + 1 + hidden units).
    epochs
        How many epochs there have been, of both phases.
    """

    training: Batch
    rng: np.random.Generator = field(repr=False)
    settings: Settings = field(default_factory=Settings)
    units: list[Array] = field(init=False, default_factory=list, repr=False)
    outputs: Quickprop = field(init=False, repr=False)
    epochs: int = field(init=False, default=0)
    presented: int = field(init=False, default=0)
    _set: TrainingSet = field(init=False, repr=False)
    _candidates: Quickprop | None = field(init=False, default=None, repr=False)
    _errors: Array = field(init=False, repr=False)
    _watch: Stagnation = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._set = TrainingSet.of(self.training)
        if not self._set.n_predictions:
            raise ValueError("training has no step whose error counts; it must have one")
        shape = (self._set.targets.shape[2], self._set.values.shape[2])
        self.outputs = Quickprop.of(self._drawn(shape))
        self._errors = np.zeros_like(self._set.targets)
        self._watch = self._watching(self.settings.output_change)

    def _drawn(self, shape: tuple[int, int]) -> Array:
        return self.rng.uniform(-self.settings.weight_range, self.settings.weight_range, shape)

    def _watching(self, share: float) -> Stagnation:
        return Stagnation(share, self.settings.patience)

    def learn(self, sequence: Sequence) -> Array:
        """Count a presentation, train an epoch when one is full, return the outputs before.

        Returns
        -------
        outputs
            Shape (T, n_outputs).
        """
        outputs = self.predict(sequence)
        self.presented += 1
        if self.presented % len(self.training) == 0:
            self.epoch()
        return outputs

    def epoch(self) -> None:
        """Train one epoch: the outputs, or the candidates."""
        self.epochs += 1
        if self._candidates is None:
            if self._train_outputs() and len(self.units) < self.settings.max_hidden:
                shape = (self.settings.pool, self._set.values.shape[2] + 1)
                self._candidates = Quickprop.of(self._drawn(shape))
                self._watch = self._watching(self.settings.candidate_change)
        else:
            self._candidates = self._train_candidates(self._candidates)

    def _train_outputs(self) -> bool:
        """Move the output weights; return whether their error has stagnated."""
        of = self.settings
        self._errors, slope, squares = self._output_slopes()
        slope += of.output_decay * self.outputs.weights
        rate = of.output_rate / self._set.n_predictions
        self.outputs = self.outputs.moved(slope, rate, of.growth)
        return self._watch.see(squares)

    def _output_slopes(self) -> tuple[Array, Array, float]:
        """Return the errors times the outputs' slopes, what is descended, and the squared error."""
        now = self._set
        net = now.values @ self.outputs.weights.T
        e = (now.targets - logistic(net)) * now.counts[:, :, None]
        errors = e * (logistic.slope(net) + self.settings.slope_offset)
        slope = -np.tensordot(errors, now.values, axes=((0, 1), (0, 1)))
        return errors, slope, float((e**2).sum())

    def _train_candidates(self, pool: Quickprop) -> Quickprop | None:
        """Move the candidates' weights; install the best if their scores have stagnated."""
        of, now = self.settings, self._set
        found, slope = self._score_slopes(pool.weights)
        size = float((self._errors[now.counts] ** 2).sum())
        scores = np.abs(found).sum(axis=1) / size
        rate = of.candidate_rate / (now.n_predictions * now.values.shape[2])
        moved = pool.moved(-slope / size, rate, of.growth)
        if not self._watch.see(float(scores.max())):
            return moved
        best = int(scores.argmax())
        self._install(pool.weights[best], found[best] / size)
        self._watch = self._watching(of.output_change)
        return None

    def _score_slopes(self, w: Array) -> tuple[Array, Array]:
        """Return the candidates' covariances and the slopes of their scores: `score_slope`."""
        now = self._set
        return score_slope(squashing(self.settings.f), w, now.values, self._errors, now.counts)

    def _install(self, w: Array, covariance: Array) -> None:
        """Freeze a unit; its first output weights are its covariances with the errors."""
        self.units.append(w)
        self._set = self._set.with_unit(self._activations(w))
        self.outputs = self.outputs.widened(covariance)

    def _activations(self, w: Array) -> Array:
        """Return what a unit does in the training set, shape (T, n_sequences)."""
        _, V = unit_activations(squashing(self.settings.f), w[None], self._set.values)
        return V[:, :, 0]

    def predict(self, sequence: Sequence) -> Array:
        """Return the outputs for a sequence, shape (T, n_outputs), and change nothing."""
        n_inputs = self.training.n_inputs
        if sequence.n_inputs != n_inputs:
            raise ValueError(f"sequence has {sequence.n_inputs} n_inputs; the net has {n_inputs}")
        f = squashing(self.settings.f)
        n = n_inputs + 1
        values = np.empty((len(sequence), n + len(self.units)))
        values[:, : n - 1], values[:, n - 1] = sequence.x, 1.0
        for j, w in enumerate(self.units):
            net = values[:, : n + j] @ w[:-1]
            for t in range(len(net)):
                before = values[t - 1, n + j] if t else 0.0
                values[t, n + j] = f(net[t] + w[-1] * before)
        return logistic(values @ self.outputs.weights.T)


def cascade_correlation(
    task: Task,
    rng: np.random.Generator,
    *,
    max_hidden: int = 25,
    pool: int = 8,
    f: str = "tanh",
    output_rate: float = 0.35,
    candidate_rate: float = 100.0,
    growth: float = 2.0,
    output_decay: float = 0.0001,
    slope_offset: float = 0.1,
    weight_range: float = 1.0,
    patience: int = 12,
    output_change: float = 0.01,
    candidate_change: float = 0.03,
    n_training: int = 256,
) -> RecurrentCascadeCorrelation:
    """Return a fresh net over a task's training set.

    Parameters
    ----------
    task
        If it has a `training` set, that; otherwise a set is drawn from it.
    rng
        Draws the weights, and the set.
    n_training
        Sequences to draw for a task without a set.
    max_hidden, pool, f, output_rate, candidate_rate, growth, output_decay, slope_offset, \
weight_range, patience, output_change, candidate_change
        As in `Settings`.
    """
    settings = Settings(
        max_hidden=max_hidden,
        pool=pool,
        f=f,
        output_rate=output_rate,
        candidate_rate=candidate_rate,
        growth=growth,
        output_decay=output_decay,
        slope_offset=slope_offset,
        weight_range=weight_range,
        patience=patience,
        output_change=output_change,
        candidate_change=candidate_change,
    )
    training = getattr(task, "training", None)
    if not isinstance(training, Batch):
        n = as_count("n_training", n_training, at_least=1)
        training = Batch.of(task.sample(rng) for _ in range(n))
    return RecurrentCascadeCorrelation(training, rng, settings)

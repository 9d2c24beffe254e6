"""What a trial draws, in plain Python: initial weights and sequences, bit for bit.

So the reference can learn from exactly what the engine learned from.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lstmbook.engine.dense import Adding
from lstmbook.engine.draws import Stream, fractions, stream_key
from lstmbook.engine.trials import Trial
from lstmbook.lstm import Weights, as_weights
from lstmbook.sequences import IntArray, Sequence, one_hot
from lstmbook.tasks.long_time_lags import RandomDistractors, RandomMiddle, TwoSequences
from lstmbook.tasks.reber import EmbeddedReber


def initial_weights(trial: Trial) -> Weights:
    """Return a trial's initial weights (of the whole network, if it is constructed in steps)."""
    net = trial.net
    if trial.weights is not None:
        drawn = as_weights(net, np.array(trial.weights, dtype=np.float64))
    else:
        draws = fractions(stream_key(trial.seed, "weights"), net.n_weights)
        drawn = as_weights(net, trial.scale * (2.0 * draws - 1.0))
    for W, bias in (
        (drawn.W_c, trial.cell_bias),
        (drawn.W_in, trial.input_gate_bias),
        (drawn.W_out, trial.output_gate_bias),
        (drawn.W_k, trial.output_bias),
    ):
        if bias is not None:
            W[:, -1] = bias
    if trial.dtype == "float32":
        drawn.flat[:] = drawn.flat.astype(np.float32)
    return drawn


def sequences(trial: Trial) -> Iterator[Sequence]:
    """Yield the sequences that a trial presents, in order, for ever."""
    stream = Stream(stream_key(trial.seed, "sequences"))
    task = trial.task
    while True:
        if isinstance(task, EmbeddedReber):
            yield task.training[stream.below(len(task.training))]
        elif isinstance(task, RandomDistractors):
            yield _random_distractors(task, stream)
        elif isinstance(task, TwoSequences | RandomMiddle):
            yield _prediction(task, stream)
        elif isinstance(task, Adding):
            yield _adding(task, stream)
        else:
            raise TypeError(f"task is {type(task).__name__}, which the engine does not know")


def _random_distractors(task: RandomDistractors, stream: Stream) -> Sequence:
    kept = stream.below(2)
    k = 0
    while stream.fraction() >= task.stop:
        k += 1
    length = task.q + k + 3
    codes: IntArray = np.array([stream.below(task.p) for _ in range(length)], dtype=np.int64)
    codes[0], codes[1], codes[-1] = task.p + 1, task.p + 2 + kept, task.p
    targets = np.full((length, 2), np.nan)
    targets[-1] = np.arange(2) == kept
    mask = np.zeros(length, dtype=np.bool_)
    mask[-1] = True
    return Sequence(codes, targets, mask, task.n_inputs)


def _prediction(task: TwoSequences | RandomMiddle, stream: Stream) -> Sequence:
    kept = task.p - 1 + stream.below(2)
    if isinstance(task, RandomMiddle):
        middle = [stream.below(task.p - 1) for _ in range(task.p)][1:]
    else:
        middle = list(range(task.p - 1))
    codes = np.array([kept, *middle, kept], dtype=np.int64)
    mask = np.ones(task.p, dtype=np.bool_)
    mask[:-1] = task.errors == "every step"
    return Sequence(codes[:-1], one_hot(codes[1:], task.n_inputs), mask, task.n_inputs)


def _adding(task: Adding, stream: Stream) -> Sequence:
    length = task.T + stream.below(task.T // 10 + 1)
    first, second = stream.below(10), stream.below(task.T // 2 - 1)
    numbers = np.array([2.0 * stream.fraction() - 1.0 for _ in range(length)])
    return task.sequence(numbers, first, second + (second >= first))

"""The reference, led through the very trial that a loop runs."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice, pairwise

import numpy as np

from lstmbook.abuse import PlateauWatch, add_block, places_after
from lstmbook.lanes.draws import Stream, stream_key
from lstmbook.learners.trials import initial_weights, sequences
from lstmbook.lstm import as_weights
from lstmbook.protocols import judge_of
from lstmbook.sequences import loss
from lstmbook.truncated_learning import LSTM


def reference_run(trial, nudge=None):
    """Return (ending, sequences counted, final weights, when blocks were added)."""
    full = initial_weights(trial)
    if nudge is not None:
        full.flat[:] = np.nextafter(full.flat, nudge)
    net = trial.net
    if trial.plateau is not None:
        net = replace(net, blocks=net.blocks[: trial.start_blocks])
    learner = LSTM(net, part_of(full, trial.net, net), trial.learning_rate, trial.updates)
    judge, added = judge_of(trial.task, Stream(stream_key(trial.seed, "test"))), []
    watch = PlateauWatch(trial.plateau) if trial.plateau else None
    for presented, sequence in enumerate(islice(sequences(trial), trial.max_sequences), 1):
        outputs = learner.learn(sequence)
        if not np.isfinite(outputs).all():
            return "diverged", presented, learner.weights.flat, added
        if watch and watch.see(loss(sequence, outputs)) and net.n_blocks < trial.net.n_blocks:
            grown = add_block(net, trial.net.blocks[net.n_blocks])
            weights = part_of(full, trial.net, grown)
            weights.flat[places_after(net, grown)] = learner.weights.flat
            net, learner = grown, replace(learner, net=grown, weights=weights)
            watch = PlateauWatch(trial.plateau)
            added.append(presented)
        if judge.see(sequence, outputs, learner):
            return "success", judge.after, learner.weights.flat, added
    return "cap", trial.max_sequences, learner.weights.flat, added


def part_of(full, whole_net, net):
    """Return the weights of a network with only the first blocks of the whole one."""
    steps = [replace(whole_net, blocks=whole_net.blocks[:n]) for n in range(net.n_blocks, 99)]
    steps = steps[: whole_net.n_blocks - net.n_blocks + 1]
    places = np.arange(steps[0].n_weights)
    for smaller, larger in pairwise(steps):
        places = places_after(smaller, larger)[places]
    return as_weights(net, full.flat[places].copy())

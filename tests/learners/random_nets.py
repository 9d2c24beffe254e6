"""Nets and sequences with any of the open choices."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from lstmbook.sequences import Sequence

from .jax_nets import Net

F = ("logistic", "logistic", "tanh", "g", "h", "identity")


@dataclass(frozen=True)
class Kind:
    """What a net has to know of a task's sequences."""

    symbolic: bool
    every_step: bool = True
    shows: str = "symbol"
    strings: bool = False


@dataclass(frozen=True)
class AnyTask:
    """A task without sequences of its own: they are made beside it."""

    n_inputs: int
    n_outputs: int
    form: Kind = Kind(True)
    name: ClassVar[str] = "any"
    criterion: ClassVar = None

    def sample(self, rng):
        raise NotImplementedError

    def doing_nothing(self):
        raise NotImplementedError


def task_for(net, symbolic):
    """Return a task with a net's inputs and outputs."""
    return AnyTask(net.n_inputs, net.n_outputs, Kind(symbolic))


def yes(rng):
    return bool(rng.integers(2))


def random_net(rng, learner, *, units=4, layers=3, inputs=6, few=5, many=20, **options):
    """Return a net of a kind of learner, with few outputs or, now and then, with many."""
    fully = rng.random() < 0.25 and "leak" not in learner.__dataclass_fields__
    wide = rng.random() < (0.03 if fully else 0.1) and many > 0
    n_outputs = int(rng.integers(17, many + 1) if wide else rng.integers(1, few + 1))
    biased = yes(rng)
    hidden = tuple(int(n) for n in rng.integers(1, units + 1, size=rng.integers(1, layers + 1)))
    if fully:
        hidden = int(rng.integers(0, 3)) if not wide else 0
    recipe = learner(
        hidden=hidden,
        recurrent="all" if fully else "hidden",
        shortcuts=yes(rng),
        hidden_biases=biased,
        output_biases=biased if fully else yes(rng),
        **{"f": str(rng.choice(F)), "f_k": str(rng.choice(F))} | options,
    )
    return Net(recipe, int(rng.integers(1, inputs + 1)), n_outputs)


def random_weights(rng, net, symbolic):
    n = net.recipe.n_weights(task_for(net, symbolic))
    # wide nets that square their outputs at each step would soon be beyond all numbers
    return rng.uniform(-1, 1, n) * rng.choice([0.1, 0.3, 1.0])


def random_sequence(rng, net, symbolic, steps=6):
    """Return a sequence with targets at each step, at the last, or at some."""
    T = int(rng.integers(1, steps + 1))
    inputs = rng.integers(net.n_inputs, size=T) if symbolic else rng.normal(size=(T, net.n_inputs))
    mask = np.array([np.ones(T, bool), np.arange(T) == T - 1, rng.random(T) < 0.5][rng.integers(3)])
    targets = np.where(mask[:, None], rng.random((T, net.n_outputs)), np.nan)
    return Sequence(inputs, targets, mask, net.n_inputs)


def same(ours, theirs, *, before, change):
    """Say that changes of weights are the same.

    They are found as differences of weights, which keep 16 digits of these.
    """
    size = max(np.abs(change).max(initial=0.0), 1e-3)
    off = np.abs(ours - theirs).max(initial=0.0)
    assert off <= 1e-11 * size + 4e-16 * np.abs(before).max(initial=0.0)

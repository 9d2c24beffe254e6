"""Layered nets in JAX, padded to one size, so that one compiled gradient serves any of them.

A net is known here by a flat vector of the largest net's weights, most of which are 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..jax_oracle import NAMES, choose

BATCH = 250
"""So many nets are asked about together."""

SIMPLE = ((1, 1),)
GATED = ((1, 1), (1, 1), (1, 0), (0, 1))
"""Of each net input of a unit, whether it reads what is below, and the layer a step before."""


@dataclass(frozen=True)
class Net:
    """A net of some kind for so many inputs and outputs."""

    recipe: Any
    n_inputs: int
    n_outputs: int

    @property
    def fully(self):
        """Whether outputs are units of the layer."""
        return self.recipe.recurrent == "all"

    @property
    def sizes(self):
        """The units of each layer."""
        first, *others = self.recipe.layers
        return (first + self.n_outputs,) if self.fully else (first, *others)


@dataclass(frozen=True)
class Nets:
    """Nets up to some size, and sequences up to so many steps."""

    inputs: int
    layers: int
    units: int
    outputs: int
    steps: int
    gated: bool = False

    # ------------------------------------------------------------ weights
    @property
    def reads(self):
        """What each net input of a unit reads."""
        return GATED if self.gated else SIMPLE

    @property
    def below(self):
        """The most that can be below a layer."""
        return max(self.inputs, self.units)

    @property
    def shapes(self):
        """Shapes of the weights into units, and into outputs."""
        into_units = (self.layers, len(self.reads), self.units, self.below + self.units + 1)
        return into_units, (self.outputs, self.units + self.inputs + 1)

    def places(self, net):
        """Where the weights of a net stand."""
        H = np.arange(prod(self.shapes[0])).reshape(self.shapes[0])
        K = H.size + np.arange(prod(self.shapes[1])).reshape(self.shapes[1])
        recipe, below, found = net.recipe, net.n_inputs, []
        for layer, size in enumerate(net.sizes):
            for r, (reads_below, reads_before) in enumerate(self.reads):
                columns = list(range(below)) * reads_below
                columns += [self.below + j for j in range(size)] * reads_before
                columns += [self.below + self.units] * recipe.hidden_biases
                found.append(H[layer, r][:size][:, columns].ravel())
            below = size
        if not net.fully:
            columns = list(range(net.sizes[-1]))
            columns += [self.units + m for m in range(net.n_inputs)] * recipe.shortcuts
            columns += [self.units + self.inputs] * recipe.output_biases
            found.append(K[: net.n_outputs][:, columns].ravel())
        return np.concatenate(found)

    def padded(self, net, weights):
        """Return the flat vector of a net's weights."""
        larger = np.zeros(sum(map(prod, self.shapes)))
        larger[self.places(net)] = weights
        return larger

    def matrices(self, w):
        """Return the weights into units and into outputs."""
        cut = prod(self.shapes[0])
        return w[:cut].reshape(self.shapes[0]), w[cut:].reshape(self.shapes[1])

    # ------------------------------------------------------------ what is asked
    def about_net(self, net, depth=None):
        """Return a net's settings as numbers; `depth` is how many steps errors go back."""
        pick = np.zeros((self.outputs, self.units))
        if net.fully:
            n = net.n_outputs
            pick[np.arange(n), net.sizes[0] - n + np.arange(n)] = 1
        return {
            "f": np.array(NAMES.index(net.recipe.f)),
            "f_k": np.array(NAMES.index(net.recipe.f_k)),
            "top": (np.arange(self.layers) == len(net.sizes) - 1).astype(float),
            "fully": np.array(net.fully),
            "pick": pick,
            "depth": np.array(1 << 20 if depth is None else depth),
            "reset": np.array(net.recipe.reset),
        }

    def about_steps(self, sequences):
        """Return sequences that follow one another, padded."""
        found = {
            "x": np.zeros((self.steps, self.inputs)),
            "target": np.zeros((self.steps, self.outputs)),
            "counts": np.zeros((self.steps, self.outputs), bool),
            "begins": np.zeros(self.steps, bool),
        }
        at = 0
        for each in sequences:
            rows = slice(at, at + len(each))
            found["x"][rows, : each.n_inputs] = each.x
            found["target"][rows, : each.n_outputs] = np.where(
                each.mask[:, None], each.targets, 0.0
            )
            found["counts"][rows, : each.n_outputs] = each.mask[:, None]
            found["begins"][at] = True
            at += len(each)
        return found

    # ------------------------------------------------------------ forwards
    def step(self, w, y, x, about, pinned=None):
        """Return net inputs and activations; with `pinned`, net inputs that have these values."""
        H, _ = self.matrices(w)
        nets, now = [], []
        lower = jnp.zeros(self.below).at[: self.inputs].set(x)
        for layer in range(self.layers):
            net = H[layer] @ jnp.concatenate([lower, y[layer], jnp.ones(1)])
            if pinned is not None:
                net = pinned[layer] + (net - jax.lax.stop_gradient(net))
            nets.append(net)
            now.append(self.remember(net, y[layer], about))
            lower = jnp.zeros(self.below).at[: self.units].set(now[-1])
        return jnp.stack(nets), jnp.stack(now)

    def remember(self, net, y, about):
        """Return the activations of a layer."""
        if not self.gated:
            return choose(about["f"], net[0])
        z, r = jax.nn.sigmoid(net[0]), jax.nn.sigmoid(net[1])
        return z * y + (1 - z) * choose(about["f"], net[2] + r * net[3])

    def answer(self, w, y, x, about):
        """Return the outputs."""
        _, K = self.matrices(w)
        source = jnp.concatenate([about["top"] @ y, x, jnp.ones(1)])
        return jnp.where(about["fully"], about["pick"] @ y[0], choose(about["f_k"], K @ source))

    def error(self, w, y, x, target, counts, about):
        """Return the loss of a step."""
        e = jnp.where(counts, target - self.answer(w, y, x, about), 0.0)
        return 0.5 * (e**2).sum()

    @property
    def nothing(self):
        """Activations before the first step."""
        return jnp.zeros((self.layers, self.units))

    # ------------------------------------------------------------ a sequence, weights held
    def loss(self, w, about):
        """Return a sequence's loss; the error of each step goes back `depth` steps."""
        steps = jnp.arange(self.steps)

        def of_step(t):
            def take(y, now):
                s, x, target, counts = now
                y = jnp.where(s <= t - about["depth"], jax.lax.stop_gradient(y), y)
                _, y = self.step(w, y, x, about)
                return y, self.error(w, y, x, target, counts & (s == t), about)

            everything = (steps, about["x"], about["target"], about["counts"])
            return jax.lax.scan(take, self.nothing, everything)[1].sum()

        return jax.vmap(of_step)(steps).sum()

    @cached_property
    def compiled_loss(self):
        """Return losses and gradients of many nets at once."""
        return jax.jit(jax.vmap(jax.value_and_grad(self.loss)))

    def gradients(self, problems):
        """Return losses and negative gradients for (net, depth, weights, sequence)."""
        if len(problems) > BATCH:
            return self.gradients(problems[:BATCH]) + self.gradients(problems[BATCH:])
        asked = len(problems)
        problems = problems + problems[:1] * (BATCH - asked)  # of one shape: compiled once
        w = np.stack([self.padded(net, weights) for net, _, weights, _ in problems])
        about = stacked(
            self.about_net(net, depth) | self.about_steps([sequence])
            for net, depth, _, sequence in problems
        )
        with jax.enable_x64(True):
            values, slopes = map(np.asarray, self.compiled_loss(w, about))
        return [
            (float(value), -slope[self.places(net)])
            for (net, *_), value, slope in zip(problems, values, slopes, strict=True)
        ][:asked]

    # ------------------------------------------------------------ weights that change at each step
    def fresh(self, slots):
        """Return the state of a net that has taken no step, of which the last ones are kept."""
        return {
            "y": self.nothing,
            "n": jnp.array(0),
            "x": jnp.zeros((slots, self.inputs)),
            "nets": jnp.zeros((slots, self.layers, len(self.reads), self.units)),
            "before": jnp.zeros((slots, self.layers, self.units)),
        }

    def take(self, w, state, x, about):
        """Return the state after a step."""
        nets, y = self.step(w, state["y"], x, about)
        new = {"x": x, "nets": nets, "before": state["y"]}
        kept = {name: jnp.concatenate([state[name][1:], each[None]]) for name, each in new.items()}
        return {"y": y, "n": state["n"] + 1} | kept

    def newest_error(self, w, state, target, counts, about):
        """Return the loss of the newest step.

        Its gradient is that of the newest weights, along steps that have had the net inputs they
        had, whatever the weights were then.
        """
        slots = len(state["x"])
        reached = jnp.minimum(about["depth"], state["n"] - 1)
        y = self.nothing
        for s in range(slots):
            goes_on = slots - 1 - s < reached
            y_before = jnp.where(goes_on, y, state["before"][s])
            _, y = self.step(w, y_before, state["x"][s], about, state["nets"][s])
        return self.error(w, y, state["x"][-1], target, counts, about)

    def learn_back(self, w, about):
        """Return the weights after each step whose error goes back at once, and the outputs."""

        def take(carry, now):
            w, state = carry
            x, target, counts, begins = now
            state["y"] = jnp.where(begins & about["reset"], 0.0, state["y"])
            state["n"] = jnp.where(begins, 0, state["n"])
            state = self.take(w, state, x, about)
            y_k = self.answer(w, state["y"], x, about)
            slope = jax.grad(self.newest_error)(w, state, target, counts, about)
            w = w - about["rate"] * slope * about["exists"]
            return (w, state), (w, y_k)

        steps = tuple(about[name] for name in ("x", "target", "counts", "begins"))
        return jax.lax.scan(take, (w, self.fresh(self.steps)), steps)[1]

    def learn_forward(self, w, about):
        """Return the same where derivatives are carried forward, of all activations to all weights.

        They are not those of the newest weights.
        """

        def take(carry, now):
            w, y, p = carry
            x, target, counts, begins = now
            y = jnp.where(begins & about["reset"], 0.0, y)
            p = jnp.where(begins & about["reset"], 0.0, p)
            step = lambda w, y: self.step(w, y, x, about)[1]  # noqa: E731
            by_w, by_y = jax.jacfwd(step, argnums=(0, 1))(w, y)
            p = by_w + jnp.tensordot(by_y, p, axes=2)
            y = step(w, y)
            y_k = self.answer(w, y, x, about)
            error = lambda w, y: self.error(w, y, x, target, counts, about)  # noqa: E731
            at_once, through_y = jax.grad(error, argnums=(0, 1))(w, y)
            slope = at_once + jnp.tensordot(through_y, p, axes=2)
            w = w - about["rate"] * slope * about["exists"]
            return (w, y, p), (w, y_k)

        steps = tuple(about[name] for name in ("x", "target", "counts", "begins"))
        begin = (w, self.nothing, jnp.zeros((self.layers, self.units, len(w))))
        return jax.lax.scan(take, begin, steps)[1]

    @cached_property
    def compiled_learning(self):
        """Return both for many nets at once."""
        return {
            "back": jax.jit(jax.vmap(self.learn_back)),
            "forward": jax.jit(jax.vmap(self.learn_forward)),
        }

    def learned(self, problems, how="back"):
        """Return final weights and outputs for (net, depth, weights, sequences)."""
        w = np.stack([self.padded(net, weights) for net, _, weights, _ in problems])
        about = stacked(
            self.about_net(net, depth)
            | self.about_steps(sequences)
            | {
                "rate": np.array(net.recipe.learning_rate),
                "exists": self.padded(net, 1.0),
            }
            for net, depth, _, sequences in problems
        )
        with jax.enable_x64(True):
            changed, outputs = map(np.asarray, self.compiled_learning[how](w, about))
        return [
            (
                changed[i, sum(map(len, sequences)) - 1][self.places(net)],
                outputs[i, : sum(map(len, sequences)), : net.n_outputs],
            )
            for i, (net, _, _, sequences) in enumerate(problems)
        ]


def stacked(several):
    """Return dictionaries of arrays as one."""
    several = list(several)
    return {name: np.stack([each[name] for each in several]) for name in several[0]}

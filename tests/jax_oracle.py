"""LSTM in JAX, padded to one size, so that one compiled gradient serves any topology."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import jax
import jax.numpy as jnp
import numpy as np

NAMES = ("g", "h", "identity", "logistic", "tanh")


def choose(which, net):
    """Return the squashing function of that number in `NAMES`, applied."""
    half = jax.nn.sigmoid(net)
    return jnp.stack([4 * half - 2, 2 * half - 1, net, half, jnp.tanh(net)])[which]


@dataclass(frozen=True)
class Oracle:
    """Losses and gradients by autodiff, of networks and sequences up to some size."""

    inputs: int
    blocks: int
    cells: int
    outputs: int
    steps: int

    @property
    def hidden(self):
        """Cells, input gates and output gates."""
        return self.cells + 2 * self.blocks

    def error(self, weights, about):
        """Return the loss of one sequence."""

        def take(carry, now):
            s, y = carry
            x, target, counts = now
            y = jnp.where(about["truncated"], jax.lax.stop_gradient(y), y)
            source = jnp.concatenate([x, y, jnp.ones(1)])
            y_in = jax.nn.sigmoid(weights["W_in"] @ source)
            y_in = jnp.where(about["input_gates"], y_in, 1.0)
            y_out = jax.nn.sigmoid(weights["W_out"] @ source)
            y_out = jnp.where(about["output_gates"], y_out, 1.0)
            leads = jnp.argmax(jnp.where(about["exists"], y_out, -1.0)) == jnp.arange(self.blocks)
            y_out = jnp.where(about["competition"] & ~leads, 0.0, y_out)
            net_c = weights["W_c"] @ source
            s = s + (about["member"] @ y_in) * choose(about["g"], net_c)
            y_c = (about["member"] @ y_out) * choose(about["h"], s)
            y_k = choose(about["f_k"], weights["W_k"] @ jnp.concatenate([y_c, x, jnp.ones(1)]))
            e = jnp.where(counts, target - y_k, 0.0)
            return (s, jnp.concatenate([y_c, y_in, y_out])), 0.5 * (e**2).sum()

        begin = (jnp.zeros(self.cells), jnp.zeros(self.hidden))
        _, losses = jax.lax.scan(take, begin, (about["x"], about["target"], about["counts"]))
        return losses.sum()

    @cached_property
    def compiled(self):
        """Return loss and gradient of many networks at once."""
        return jax.jit(jax.vmap(jax.value_and_grad(self.error)))

    def ask(self, net, weights, sequence, truncated):
        """Return the loss of a sequence, and its negative gradient as a flat vector."""
        ((value, slope),) = self.ask_many([(net, weights, sequence)], truncated)
        return value, slope

    def ask_many(self, problems, truncated):
        """Return the same for many triples of network, weights and sequence."""
        nets = [net for net, _, _ in problems]
        weights = [self.padded(net, w) for net, w, _ in problems]
        about = [self.settings_of(net, x, truncated) for net, _, x in problems]
        with jax.enable_x64(True):
            values, slopes = self.compiled(*map(_stacked, (weights, about)))
            slopes = {group: np.asarray(slope) for group, slope in slopes.items()}
            values = np.asarray(values)
        flat = [
            np.concatenate([-slopes[g][i][self.places(net, g)].ravel() for g in net.shapes])
            for i, net in enumerate(nets)
        ]
        return [(float(value), slope) for value, slope in zip(values, flat, strict=True)]

    def places(self, net, group):
        """Where the entries of a weight matrix stand in the oracle's larger one (as `np.ix_`)."""
        gates = list(range(net.n_blocks))
        inputs = list(range(net.n_inputs))
        cells = list(range(net.n_cells))
        hidden = [self.inputs + i for i in cells]
        if net.recurrent == "cells and gates":
            hidden += [self.inputs + self.cells + i for i in gates if net.input_gates]
            hidden += [
                self.inputs + self.cells + self.blocks + i for i in gates if net.output_gates
            ]
        if net.recurrent == "none":
            hidden = []
        bias = [self.inputs + self.hidden]
        rows, columns = {
            "W_c": (cells, inputs + hidden + bias * net.cell_biases),
            "W_in": (gates * net.input_gates, inputs + hidden + bias * net.input_gate_biases),
            "W_out": (gates * net.output_gates, inputs + hidden + bias * net.output_gate_biases),
            "W_k": (
                list(range(net.n_outputs)),
                cells
                + [self.cells + i for i in inputs if net.shortcuts]
                + [self.cells + self.inputs] * net.output_biases,
            ),
        }[group]
        return np.ix_(np.array(rows, dtype=int), np.array(columns, dtype=int))

    def padded(self, net, weights):
        """Return the weights in matrices of the oracle's size."""
        shapes = {
            "W_c": (self.cells, self.inputs + self.hidden + 1),
            "W_in": (self.blocks, self.inputs + self.hidden + 1),
            "W_out": (self.blocks, self.inputs + self.hidden + 1),
            "W_k": (self.outputs, self.cells + self.inputs + 1),
        }
        larger = {group: np.zeros(shape) for group, shape in shapes.items()}
        for group in larger:
            larger[group][self.places(net, group)] = getattr(weights, group)
        return larger

    def settings_of(self, net, sequence, truncated):
        """Return a topology and a sequence as numbers."""
        T, n = len(sequence), net.n_outputs
        member = np.zeros((self.cells, self.blocks))
        member[np.arange(net.n_cells), np.repeat(np.arange(net.n_blocks), net.blocks)] = 1
        about = {
            "x": np.zeros((self.steps, self.inputs)),
            "target": np.zeros((self.steps, self.outputs)),
            "counts": np.zeros((self.steps, self.outputs), bool),
            "member": member,
            "exists": np.arange(self.blocks) < net.n_blocks,
            "input_gates": np.array(net.input_gates),
            "output_gates": np.array(net.output_gates),
            "competition": np.array(net.competition != "none"),
            "truncated": np.array(truncated),
            **{each: np.array(NAMES.index(getattr(net, each))) for each in ("g", "h", "f_k")},
        }
        about["x"][:T, : net.n_inputs] = sequence.x
        about["target"][:T, :n] = np.nan_to_num(sequence.targets)
        about["counts"][:T, :n] = sequence.mask[:, None]
        return about


def _stacked(several):
    return {name: np.stack([each[name] for each in several]) for name in several[0]}

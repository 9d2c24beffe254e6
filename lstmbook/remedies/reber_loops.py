"""The compiled loops of `lstmbook.remedies.reber_trials`: one trial at a time, many sequences.

Strings stand end to end: string i has the steps ``starts[i]`` to ``starts[i + 1]``, each with the
code of its symbol and of the next one. Weights are laid out source by source, so that the weights
from one source into all units are neighbours: an input is one symbol, and reads one row. Sums are
taken in a fixed order, so that a trial gives the same bits wherever it runs.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lstmbook.remedies.loops import compiled, exp_minus, squash

from lstmbook.engine import scalar  # isort: skip

fma: Any = scalar.fma

BLOCK = 256
"""Columns of the partial derivatives that are carried on together: they stay in the cache."""


@compiled
def add_row(weight, row, total):  # type: ignore[no-untyped-def]
    """Add a source's activation times its weights to the net inputs."""
    for i in range(total.size):
        total[i] = fma(weight, row[i], total[i])


@compiled
def recurrent_step(W, n_inputs, symbol, before, net, y, slope):  # type: ignore[no-untyped-def]
    """Take one step of a layer that feeds itself: activations and slopes of its units.

    Parameters
    ----------
    W
        Weights, shape (inputs + units + bias, units).
    before
        Activations of the step before, shape (units,).
    net, y, slope
        Written, shape (units,).
    """
    units = before.size
    net[:] = W[symbol]
    for j in range(units):
        add_row(before[j], W[n_inputs + j], net)
    if W.shape[0] > n_inputs + units:
        add_row(1.0, W[n_inputs + units], net)
    squash(net, y, slope)


@compiled
def output_step(W, y_h, n_inputs, symbol, net, y, slope):  # type: ignore[no-untyped-def]
    """Compute outputs above a hidden layer; W has hidden units, inputs (if any) and a bias.

    Parameters
    ----------
    W
        Weights, shape (hidden + shortcuts + bias, outputs).
    n_inputs
        How many of its rows are shortcuts: all inputs or 0.
    net, y, slope
        Written, shape (outputs,).
    """
    hidden = y_h.size
    net[:] = 0.0
    for j in range(hidden):
        add_row(y_h[j], W[j], net)
    if n_inputs:
        add_row(1.0, W[hidden + symbol], net)
    if W.shape[0] > hidden + n_inputs:
        add_row(1.0, W[hidden + n_inputs], net)
    squash(net, y, slope)


@compiled
def legal(y, possible):  # type: ignore[no-untyped-def]
    """Return whether every possible symbol's output exceeds every impossible one's."""
    least, most = np.inf, -np.inf
    for k in range(y.size):
        if not np.isfinite(y[k]):
            return False
        if possible[k]:
            least = min(least, y[k])
        else:
            most = max(most, y[k])
    return least > most


@compiled
def carry_on(back, p, q, columns):  # type: ignore[no-untyped-def]
    """Write q = back @ p, the sum over units of `eq-rtrl`, for the first columns.

    Two rows of q and four of p at a time: what is loaded is used more than once.

    Parameters
    ----------
    back
        Weights of the units into each other, padded with zeros, shape (rows, rows); rows is a
        multiple of 4.
    p, q
        Partial derivatives before and after, shape (rows, weights).
    """
    rows = back.shape[0]
    for start in range(0, columns, BLOCK):
        end = min(start + BLOCK, columns)
        for k in range(0, rows, 2):
            q_a, q_b = q[k, start:end], q[k + 1, start:end]
            q_a[:] = 0.0
            q_b[:] = 0.0
            for m in range(0, rows, 4):
                p_0, p_1 = p[m, start:end], p[m + 1, start:end]
                p_2, p_3 = p[m + 2, start:end], p[m + 3, start:end]
                a_0, a_1, a_2, a_3 = back[k, m], back[k, m + 1], back[k, m + 2], back[k, m + 3]
                b_0, b_1 = back[k + 1, m], back[k + 1, m + 1]
                b_2, b_3 = back[k + 1, m + 2], back[k + 1, m + 3]
                for c in range(end - start):
                    a, b = q_a[c], q_b[c]
                    a = fma(a_0, p_0[c], a)
                    b = fma(b_0, p_0[c], b)
                    a = fma(a_1, p_1[c], a)
                    b = fma(b_1, p_1[c], b)
                    a = fma(a_2, p_2[c], a)
                    b = fma(b_2, p_2[c], b)
                    a = fma(a_3, p_3[c], a)
                    b = fma(b_3, p_3[c], b)
                    q_a[c] = a
                    q_b[c] = b


@compiled
def partials(W, n_inputs, before, slope, slot, columns, back, p, q):  # type: ignore[no-untyped-def]
    """Carry the partial derivatives one step on, from p to q: `eq-rtrl`.

    Parameters
    ----------
    slot
        Where the derivatives by the current symbol's weights stand.
    columns
        How many columns are in use by now: those of the recurrent weights, of the biases, and
        of the symbols seen so far. By the weights from all others everything is 0.
    back
        Scratch, as in `carry_on`.
    """
    units = before.size
    for k in range(units):
        for m in range(units):
            back[k, m] = W[n_inputs + m, k]
    carry_on(back, p, q, columns)
    biased = W.shape[0] > n_inputs + units
    for i in range(units):
        own = q[i]
        for j in range(units):
            own[j * units + i] += before[j]
        if biased:
            own[units * units + i] += 1.0
        own[slot * units + i] += 1.0
        for c in range(columns):
            own[c] *= slope[i]


@compiled
def add_gradient(W, n_inputs, rate, e, p, slots, columns, sums):  # type: ignore[no-untyped-def]
    """Add rate times the gradient of one step: the outputs' errors times their derivatives."""
    units = W.shape[1]
    first = units - e.size
    sums[:columns] = 0.0
    for k in range(e.size):
        row = p[first + k]
        for c in range(columns):
            sums[c] = fma(e[k], row[c], sums[c])
    for j in range(W.shape[0]):
        slot = slots[j] if j < n_inputs else j - n_inputs
        if slot < 0:
            continue
        for i in range(units):
            W[j, i] = fma(rate, sums[slot * units + i], W[j, i])


@compiled
def learn_rtrl(W, n_inputs, n_outputs, rate, codes, aims, starts, picks, losses):  # type: ignore[no-untyped-def]
    """Present strings to a fully recurrent net; change its weights at every step.

    Parameters
    ----------
    W
        Weights, shape (inputs + units + bias, units); the last units are the outputs.
    rate
        The learning rate.
    codes, aims, starts
        The strings: symbols, next symbols, and where each begins.
    picks
        Which strings to present, in order.
    losses
        Written: their losses, in the shape of `picks`.
    """
    units = W.shape[1]
    rows = (units + 3) // 4 * 4
    p, q = np.zeros((rows, W.size)), np.zeros((rows, W.size))
    back, sums = np.zeros((rows, rows)), np.zeros(W.size)
    y, before, net, slope = np.zeros(units), np.zeros(units), np.zeros(units), np.zeros(units)
    e = np.zeros(n_outputs)
    slots = np.zeros(n_inputs, np.int64)
    for s in range(picks.size):
        p[:] = 0.0
        q[:] = 0.0
        y[:] = 0.0
        slots[:] = -1
        used = W.shape[0] - n_inputs
        losses[s] = 0.0
        for t in range(starts[picks[s]], starts[picks[s] + 1]):
            before[:] = y
            recurrent_step(W, n_inputs, codes[t], before, net, y, slope)
            if slots[codes[t]] < 0:
                slots[codes[t]] = used
                used += 1
            partials(W, n_inputs, before, slope, slots[codes[t]], used * units, back, p, q)
            p, q = q, p
            for k in range(n_outputs):
                e[k] = (1.0 if k == aims[t] else 0.0) - y[units - n_outputs + k]
                losses[s] += 0.5 * e[k] * e[k]
            add_gradient(W, n_inputs, rate, e, p, slots, used * units, sums)


@compiled
def outputs_rtrl(W, n_inputs, codes, starts, outputs):  # type: ignore[no-untyped-def]
    """Write the outputs of a fully recurrent net for all strings, shape (steps, n_outputs)."""
    units, n_outputs = W.shape[1], outputs.shape[1]
    y, before, net, slope = np.zeros(units), np.zeros(units), np.zeros(units), np.zeros(units)
    for s in range(starts.size - 1):
        y[:] = 0.0
        for t in range(starts[s], starts[s + 1]):
            before[:] = y
            recurrent_step(W, n_inputs, codes[t], before, net, y, slope)
            outputs[t] = y[units - n_outputs :]


@compiled
def learn_elman(W, W_k, n_inputs, shortcuts, rate, codes, aims, starts, picks, losses):  # type: ignore[no-untyped-def]
    """Present strings to an Elman net; change its weights at every step by one-step gradients.

    Parameters
    ----------
    W, W_k
        Weights into the hidden units, shape (inputs + hidden + bias, hidden), and into the
        outputs, shape (hidden + shortcuts + bias, outputs).
    shortcuts
        How many rows of W_k are shortcuts: all inputs or 0.
    rate, codes, aims, starts, picks, losses
        As in `learn_rtrl`.
    """
    hidden, n_outputs = W.shape[1], W_k.shape[1]
    y, before, net, slope = np.zeros(hidden), np.zeros(hidden), np.zeros(hidden), np.zeros(hidden)
    net_k, y_k, delta = np.zeros(n_outputs), np.zeros(n_outputs), np.zeros(n_outputs)
    for s in range(picks.size):
        y[:] = 0.0
        losses[s] = 0.0
        for t in range(starts[picks[s]], starts[picks[s] + 1]):
            symbol = codes[t]
            before[:] = y
            recurrent_step(W, n_inputs, symbol, before, net, y, slope)
            output_step(W_k, y, shortcuts, symbol, net_k, y_k, delta)
            for k in range(n_outputs):
                e = (1.0 if k == aims[t] else 0.0) - y_k[k]
                losses[s] += 0.5 * e * e
                delta[k] *= e
            for i in range(hidden):
                arriving = 0.0
                for k in range(n_outputs):
                    arriving += W_k[i, k] * delta[k]
                slope[i] *= rate * arriving
            for k in range(n_outputs):
                delta[k] *= rate
            for i in range(hidden):
                add_row(y[i], delta, W_k[i])
            if shortcuts:
                add_row(1.0, delta, W_k[hidden + symbol])
            if W_k.shape[0] > hidden + shortcuts:
                add_row(1.0, delta, W_k[hidden + shortcuts])
            add_row(1.0, slope, W[symbol])
            for j in range(hidden):
                add_row(before[j], slope, W[n_inputs + j])
            if W.shape[0] > n_inputs + hidden:
                add_row(1.0, slope, W[n_inputs + hidden])


@compiled
def outputs_elman(W, W_k, n_inputs, shortcuts, codes, starts, outputs):  # type: ignore[no-untyped-def]
    """Write the outputs of an Elman net for all strings, shape (steps, n_outputs)."""
    hidden, n_outputs = W.shape[1], W_k.shape[1]
    y, before, net, slope = np.zeros(hidden), np.zeros(hidden), np.zeros(hidden), np.zeros(hidden)
    net_k, slope_k = np.zeros(n_outputs), np.zeros(n_outputs)
    for s in range(starts.size - 1):
        y[:] = 0.0
        for t in range(starts[s], starts[s + 1]):
            before[:] = y
            recurrent_step(W, n_inputs, codes[t], before, net, y, slope)
            output_step(W_k, y, shortcuts, codes[t], net_k, outputs[t], slope_k)


@compiled
def tell(outputs, possible, starts, right, first, second):  # type: ignore[no-untyped-def]
    """Write which strings are predicted, and whether their second symbol was remembered.

    Parameters
    ----------
    outputs, possible
        Outputs and possible next symbols, shape (steps, n_outputs).
    right
        Written, shape (strings, 2): every step legally predicted; of the codes `first[i]` (what
        comes last but one) and `second[i]` (what would have) the former the more active.
    """
    for s in range(starts.size - 1):
        end = starts[s + 1]
        right[s, 0] = True
        for t in range(starts[s], end):
            if not legal(outputs[t], possible[t]):
                right[s, 0] = False
                break
        right[s, 1] = outputs[end - 2, first[s]] > outputs[end - 2, second[s]]


@compiled
def logistic_outputs(W, values, slope, outputs):  # type: ignore[no-untyped-def]
    """Write logistic outputs and their slopes for all steps, (steps, n_outputs).

    Parameters
    ----------
    W
        Weights, shape (n_values, n_outputs).
    values
        What the outputs read, shape (steps, n_values).
    """
    net = np.zeros(W.shape[1])
    for t in range(values.shape[0]):
        net[:] = 0.0
        for v in range(W.shape[0]):
            add_row(values[t, v], W[v], net)
        squash(net, outputs[t], slope[t])


@compiled
def product(left, right, found):  # type: ignore[no-untyped-def]
    """Write left^T right, the sum over steps, shape (left's columns, right's columns)."""
    found[:] = 0.0
    for t in range(left.shape[0]):
        for i in range(left.shape[1]):
            add_row(left[t, i], right[t], found[i])


@compiled
def squash_tanh(net, y, slope):  # type: ignore[no-untyped-def]
    """Write the hyperbolic tangent of net inputs, and its derivative."""
    for i in range(net.size):
        slope[i] = exp_minus(2.0 * abs(net[i]))
    for i in range(net.size):
        y[i] = np.tanh(net[i])
        share = 1.0 / (1.0 + slope[i])
        slope[i] = 4.0 * slope[i] * share * share


@compiled
def run_units(w, values, starts, V, slope):  # type: ignore[no-untyped-def]
    """Run units that feed themselves over all strings: V(t) = tanh(w I(t) + w_s V(t-1)).

    Parameters
    ----------
    w
        Weights, shape (n_values + 1, units); the last row is w_s.
    values
        What they read, shape (steps, n_values).
    V, slope
        Written: activations and slopes, shape (steps, units).
    """
    n_values, units = values.shape[1], w.shape[1]
    net = np.zeros(units)
    for s in range(starts.size - 1):
        for t in range(starts[s], starts[s + 1]):
            net[:] = 0.0
            for v in range(n_values):
                add_row(values[t, v], w[v], net)
            if t > starts[s]:
                for i in range(units):
                    net[i] = fma(w[n_values, i], V[t - 1, i], net[i])
            squash_tanh(net, V[t], slope[t])


@compiled
def centred(a, found):  # type: ignore[no-untyped-def]
    """Write a minus its mean over steps, shape (steps, columns)."""
    mean = np.zeros(a.shape[1])
    for t in range(a.shape[0]):
        add_row(1.0, a[t], mean)
    for t in range(a.shape[0]):
        for i in range(a.shape[1]):
            found[t, i] = a[t, i] - mean[i] / a.shape[0]


@compiled
def score_slopes(w, values, errors, starts):  # type: ignore[no-untyped-def]
    """Return the candidates' covariances with the errors, and the derivative of their scores.

    Parameters
    ----------
    w, values
        As in `run_units`.
    errors
        Errors that are left, shape (steps, n_outputs).

    Returns
    -------
    covariances, slopes
        Shapes (units, n_outputs) and (units, n_values + 1).
    """
    (n_values, units), n_outputs = (values.shape[1], w.shape[1]), errors.shape[1]
    V, slope = np.zeros((len(values), units)), np.zeros((len(values), units))
    run_units(w, values, starts, V, slope)
    from_mean, e = np.zeros(V.shape), np.zeros(errors.shape)
    centred(V, from_mean)
    centred(errors, e)
    found, way = np.zeros((units, n_outputs)), np.zeros((n_outputs, units))
    product(from_mean, e, found)
    for i in range(units):
        for k in range(n_outputs):
            way[k, i] = np.sign(found[i, k])
    slopes, delta = np.zeros((units, n_values + 1)), np.zeros(units)
    for s in range(starts.size - 1):
        delta[:] = 0.0
        for t in range(starts[s + 1] - 1, starts[s] - 1, -1):
            for i in range(units):
                delta[i] *= w[n_values, i]
            for k in range(n_outputs):
                add_row(e[t, k], way[k], delta)
            for i in range(units):
                delta[i] *= slope[t, i]
                add_row(delta[i], values[t], slopes[i, :n_values])
                if t > starts[s]:
                    slopes[i, n_values] += delta[i] * V[t - 1, i]
    return found, slopes

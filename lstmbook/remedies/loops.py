"""The compiled loops of `lstmbook.remedies.compiled`: nets with one hidden unit.

In `rtrl` and `bptt` (experiment 1a) trials stand side by side in the last axis of every array,
and all of them are at the same step, since every sequence has p steps. An input is one symbol, so
each step reads and changes one column of the shortcuts. What a net lacks is 0 and has a rate of
0. No sum is taken across trials: a trial's bits do not depend on how many run beside it. `chunk`
runs one trial.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lstmbook.lanes.machine import numba

from lstmbook.engine import scalar  # isort: skip

ROUND = 6755399441055744.0  # 1.5 * 2^52: adding it rounds to a whole number
LOG2_E = 1.4426950408889634
LN2_HIGH, LN2_LOW = 0.6931471803691238, 1.9082149292705877e-10

fma: Any = scalar.fma
power_of_two: Any = scalar.power_of_two
compiled: Any = numba.njit(error_model="numpy", cache=True)


@compiled
def exp_minus(m):  # type: ignore[no-untyped-def]
    """Return exp(-m) for m >= 0, by its series around the nearest power of two."""
    m = 700.0 if m > 700.0 else m  # smaller than 1e-304: no matter; NaN stays NaN
    z = fma(-m, LOG2_E, ROUND)
    k = z - ROUND
    r = fma(k, -LN2_LOW, fma(k, -LN2_HIGH, -m))
    total = 1.0 / 6227020800.0  # 1 / 13!
    total = fma(total, r, 1.0 / 479001600.0)
    total = fma(total, r, 1.0 / 39916800.0)
    total = fma(total, r, 1.0 / 3628800.0)
    total = fma(total, r, 1.0 / 362880.0)
    total = fma(total, r, 1.0 / 40320.0)
    total = fma(total, r, 1.0 / 5040.0)
    total = fma(total, r, 1.0 / 720.0)
    total = fma(total, r, 1.0 / 120.0)
    total = fma(total, r, 1.0 / 24.0)
    total = fma(total, r, 1.0 / 6.0)
    total = fma(total, r, 0.5)
    total = fma(total, r, 1.0)
    total = fma(total, r, 1.0)
    return total * power_of_two(z)


@compiled
def squash(net, y, slope):  # type: ignore[no-untyped-def]
    """Write the logistic function of net inputs to `y` and its derivative to `slope`."""
    for i in range(net.size):
        slope[i] = exp_minus(abs(net[i]))
    for i in range(net.size):
        small = slope[i]
        share = 1.0 / (1.0 + small)
        y[i] = share if net[i] >= 0.0 else small * share
        slope[i] = small * share * share


@compiled
def output_errors(column, from_h, bias, h, target, y, delta, e):  # type: ignore[no-untyped-def]
    """Compute the outputs of one step, their errors e = d - y, and delta = f'(net) e.

    All are flat, shape (n_outputs * trials,); `h` is the hidden activation, repeated.
    """
    for i in range(e.size):
        e[i] = fma(from_h[i], h[i], column[i] + bias[i])
    squash(e, y, delta)
    for i in range(e.size):
        e[i] = target[i] - y[i]
    for i in range(e.size):
        delta[i] *= e[i]


@compiled
def note(e, count, judge, square, worst):  # type: ignore[no-untyped-def]
    """Add the squared errors of one step, and keep the largest error."""
    if count:
        for i in range(e.size):
            square[i] = fma(e[i], e[i], square[i])
    if judge:
        for i in range(e.size):
            size = abs(e[i])
            # written so that NaN, too, counts as larger
            worst[i] = worst[i] if worst[i] >= size else size


@compiled
def aim(target, p, trials, t, last_is_y):  # type: ignore[no-untyped-def]
    """Write the targets of step t: the next symbol, flat, shape (n_outputs * trials,)."""
    target[:] = 0.0
    if t < p - 1:
        target[t * trials : (t + 1) * trials] = 1.0
        return
    for i in range(trials):
        target[(p - 1) * trials + i] = 1.0 - last_is_y[i]
        target[p * trials + i] = last_is_y[i]


@compiled
def blend(x_row, y_row, is_y, found):  # type: ignore[no-untyped-def]
    """Write each trial's own row: that of y where the first symbol is y, else that of x."""
    trials = is_y.size
    for k in range(found.size // trials):
        for i in range(trials):
            j = k * trials + i
            found[j] = is_y[i] * y_row[j] + (1.0 - is_y[i]) * x_row[j]


@compiled
def put_back(x_row, y_row, is_y, found):  # type: ignore[no-untyped-def]
    """Write each trial's row back to where `blend` found it."""
    trials = is_y.size
    for k in range(found.size // trials):
        for i in range(trials):
            j = k * trials + i
            x_row[j] = is_y[i] * x_row[j] + (1.0 - is_y[i]) * found[j]
            y_row[j] = is_y[i] * found[j] + (1.0 - is_y[i]) * y_row[j]


@compiled
def arrive(from_h, delta, arriving):  # type: ignore[no-untyped-def]
    """Write what arrives at the hidden unit: the sum over outputs of w_kh delta_k."""
    trials = arriving.size
    arriving[:] = 0.0
    for k in range(from_h.size // trials):
        for i in range(trials):
            j = k * trials + i
            arriving[i] = fma(from_h[j], delta[j], arriving[i])


@compiled
def add_scaled(place, rate, delta):  # type: ignore[no-untyped-def]
    """Add rate times delta, both flat."""
    for i in range(place.size):
        place[i] = fma(rate[i], delta[i], place[i])


@compiled
def repeat(of_trial, everywhere):  # type: ignore[no-untyped-def]
    """Repeat one number a trial along a flat array."""
    trials = of_trial.size
    for k in range(everywhere.size // trials):
        for i in range(trials):
            everywhere[k * trials + i] = of_trial[i]


@compiled
def summary(square, worst, losses, errors):  # type: ignore[no-untyped-def]
    """Write each trial's loss and its largest error, NaN if any is."""
    trials = losses.size
    losses[:] = 0.0
    errors[:] = 0.0
    for k in range(square.size // trials):
        for i in range(trials):
            j = k * trials + i
            losses[i] += 0.5 * square[j]
            errors[i] = errors[i] if errors[i] >= worst[j] else worst[j]


@compiled
def hidden_unit(into_h, row, y, net, activation, slope):  # type: ignore[no-untyped-def]
    """Compute the hidden unit of one step from the weights of its input symbol, `row`."""
    n = into_h.shape[0] - 2
    for i in range(net.size):
        net[i] = fma(into_h[n, i], y[i], row[i] + into_h[n + 1, i])
    squash(net, activation, slope)


@compiled
def rtrl_partials(p_w, self_weight, slope, y_before, seen, first_is_y, n):  # type: ignore[no-untyped-def]
    """Carry the derivatives of the hidden activation by its weights one step on: `eq-rtrl`.

    Parameters
    ----------
    p_w
        Derivatives, shape (p + 3, trials), as `into_h`.
    seen
        Symbols a1 .. a(seen) have been seen, the last of them now; 0 at the first step.
    """
    trials = slope.size
    for j in range(n + 2):
        if seen <= j < n - 2:
            continue
        for i in range(trials):
            p_w[j, i] *= slope[i] * self_weight[i]
    for i in range(trials):
        p_w[n, i] += slope[i] * y_before[i]
        p_w[n + 1, i] += slope[i]
    if seen == 0:
        for i in range(trials):
            p_w[n - 2, i] = slope[i] * (1.0 - first_is_y[i])
            p_w[n - 1, i] = slope[i] * first_is_y[i]
    else:
        for i in range(trials):
            p_w[seen - 1, i] = slope[i]


@compiled
def change_hidden(into_h, rate_h, arriving, p_w, seen, n):  # type: ignore[no-untyped-def]
    """Add rate times gradient to the weights into the hidden unit that matter by now."""
    for j in range(n + 2):
        if seen <= j < n - 2:
            continue
        for i in range(arriving.size):
            change = rate_h[j, i] * arriving[i]
            into_h[j, i] = fma(change, p_w[j, i], into_h[j, i])


@compiled
def rtrl(  # type: ignore[no-untyped-def]
    into_h,
    from_x,
    from_h,
    bias,
    rate_h,
    rate_x,
    rate_k,
    rate_b,
    is_y,
    first,
    judged,
    losses,
    errors,
):
    """Present sequences; change the weights at every step by real-time recurrent learning.

    Parameters
    ----------
    into_h, from_x, from_h, bias
        Weights as in `lstmbook.remedies.compiled`, the last three flat over outputs and trials.
    rate_h, rate_x, rate_k, rate_b
        Rates of the four, in their shapes (those of shortcuts: of one column).
    is_y
        1 for the sequences that begin with y, else 0, shape (n_sequences, trials).
    first, judged
        Errors are injected from step `first` on, and judged from step `judged` on.
    losses, errors
        Written: each sequence's loss and largest error, shape (n_sequences, trials).
    """
    n, trials = from_x.shape[0], is_y.shape[1]
    flat = from_h.size
    p = n - 1
    target, y, delta, e = np.zeros(flat), np.zeros(flat), np.zeros(flat), np.zeros(flat)
    square, worst, h, column = np.zeros(flat), np.zeros(flat), np.zeros(flat), np.zeros(flat)
    y_h, net, slope, arriving = (
        np.zeros(trials),
        np.zeros(trials),
        np.zeros(trials),
        np.zeros(trials),
    )
    y_before, row = np.zeros(trials), np.zeros(trials)
    p_w = np.zeros((n + 2, trials))
    for s in range(is_y.shape[0]):
        square[:] = 0.0
        worst[:] = 0.0
        y_h[:] = 0.0
        p_w[:] = 0.0
        for t in range(p):
            y_before[:] = y_h
            if t == 0:
                blend(into_h[p - 1], into_h[p], is_y[s], row)
                blend(from_x[p - 1], from_x[p], is_y[s], column)
                hidden_unit(into_h, row, y_before, net, y_h, slope)
            else:
                hidden_unit(into_h, into_h[t - 1], y_before, net, y_h, slope)
            now = column if t == 0 else from_x[t - 1]
            repeat(y_h, h)
            aim(target, p, trials, t, is_y[s])
            output_errors(now, from_h, bias, h, target, y, delta, e)
            note(e, t >= first, t >= judged, square, worst)
            rtrl_partials(p_w, into_h[n], slope, y_before, t, is_y[s], n)
            if t < first:
                continue
            arrive(from_h, delta, arriving)
            add_scaled(now, rate_x, delta)
            add_scaled(bias, rate_b, delta)
            for i in range(flat):
                h[i] *= rate_k[i]
            add_scaled(from_h, h, delta)
            change_hidden(into_h, rate_h, arriving, p_w, t, n)
            if t == 0:
                put_back(from_x[p - 1], from_x[p], is_y[s], column)
        summary(square, worst, losses[s], errors[s])


@compiled
def bptt(  # type: ignore[no-untyped-def]
    into_h,
    from_x,
    from_h,
    bias,
    rate_h,
    rate_x,
    rate_k,
    rate_b,
    is_y,
    first,
    judged,
    losses,
    errors,
):
    """Present sequences; change the weights at each sequence's end by back-propagation.

    Parameters as in `rtrl`. A symbol occurs once in a sequence, so its column of the shortcuts
    is changed at once: it is not read again before the end.
    """
    n, trials = from_x.shape[0], is_y.shape[1]
    flat = from_h.size
    p = n - 1
    target, y, delta, e = np.zeros(flat), np.zeros(flat), np.zeros(flat), np.zeros(flat)
    square, worst, h, column = np.zeros(flat), np.zeros(flat), np.zeros(flat), np.zeros(flat)
    sum_h, sum_b = np.zeros(flat), np.zeros(flat)
    net, row = np.zeros(trials), np.zeros(trials)
    y_h, slope, arriving = (
        np.zeros((p + 1, trials)),
        np.zeros((p + 1, trials)),
        np.zeros((p + 1, trials)),
    )
    for s in range(is_y.shape[0]):
        square[:] = 0.0
        worst[:] = 0.0
        sum_h[:] = 0.0
        sum_b[:] = 0.0
        for t in range(p):
            if t == 0:
                blend(into_h[p - 1], into_h[p], is_y[s], row)
                blend(from_x[p - 1], from_x[p], is_y[s], column)
                hidden_unit(into_h, row, y_h[0], net, y_h[1], slope[1])
            else:
                hidden_unit(into_h, into_h[t - 1], y_h[t], net, y_h[t + 1], slope[t + 1])
            now = column if t == 0 else from_x[t - 1]
            repeat(y_h[t + 1], h)
            aim(target, p, trials, t, is_y[s])
            output_errors(now, from_h, bias, h, target, y, delta, e)
            note(e, t >= first, t >= judged, square, worst)
            arriving[t + 1] = 0.0
            if t < first:
                continue
            arrive(from_h, delta, arriving[t + 1])
            add_scaled(now, rate_x, delta)
            add_scaled(sum_h, h, delta)
            for i in range(flat):
                sum_b[i] += delta[i]
            if t == 0:
                put_back(from_x[p - 1], from_x[p], is_y[s], column)
        add_scaled(from_h, rate_k, sum_h)
        add_scaled(bias, rate_b, sum_b)
        backwards(into_h, rate_h, y_h, slope, arriving, is_y[s], net, row)
        summary(square, worst, losses[s], errors[s])


@compiled
def backwards(into_h, rate_h, y_h, slope, arriving, is_y, back, sums):  # type: ignore[no-untyped-def]
    """Carry a sequence's errors back through the hidden unit and change its weights."""
    n, trials = into_h.shape[0] - 2, is_y.size
    p = n - 1
    back[:] = 0.0
    sums[:] = 0.0
    self_sums = np.zeros(trials)
    for t in range(p, 0, -1):
        for i in range(trials):
            delta = slope[t, i] * (arriving[t, i] + back[i])
            back[i] = into_h[n, i] * delta
            self_sums[i] = fma(delta, y_h[t - 1, i], self_sums[i])
            sums[i] += delta
            if t == 1:
                into_h[p - 1, i] += rate_h[p - 1, i] * delta * (1.0 - is_y[i])
                into_h[p, i] += rate_h[p, i] * delta * is_y[i]
            else:
                into_h[t - 2, i] += rate_h[t - 2, i] * delta
    for i in range(trials):
        into_h[n, i] += rate_h[n, i] * self_sums[i]
        into_h[n + 1, i] += rate_h[n + 1, i] * sums[i]


@compiled
def online_step(symbol, into_h, from_x, from_h, bias, past, at, net, y, slope):  # type: ignore[no-untyped-def]
    """Take one step of a net that keeps its last steps; return its hidden activation.

    Parameters
    ----------
    past
        The last steps, a ring: symbol, hidden activation before, slope, shape (depth + 1, 3).
    at
        How many steps are kept, where the newest stands, and the hidden activation (written).
    net, y, slope
        Written: of the outputs, shape (n_outputs,).
    """
    n = into_h.size - 2
    before = at[2]
    net_h = into_h[symbol] + into_h[n] * before + into_h[n + 1]
    small = exp_minus(abs(net_h))
    share = 1.0 / (1.0 + small)
    h = share if net_h >= 0.0 else small * share
    newest = (int(at[1]) + 1) % past.shape[0]
    at[0] = min(at[0] + 1, past.shape[0])
    at[1] = newest
    at[2] = h
    past[newest, 0] = symbol
    past[newest, 1] = before
    past[newest, 2] = small * share * share
    for k in range(net.size):
        net[k] = from_x[symbol, k] + from_h[k] * h + bias[k]
    squash(net, y, slope)
    return h


@compiled
def online_learn(e, into_h, from_x, from_h, bias, past, at, slope, rates):  # type: ignore[no-untyped-def]
    """Change a net's weights for the errors at its newest step, carried back through `past`.

    Parameters
    ----------
    rates
        Of the hidden unit's bias, the shortcuts, the outputs' biases, and all other weights.
    """
    n = into_h.size - 2
    newest = int(at[1])
    symbol = int(past[newest, 0])
    arriving = 0.0
    for k in range(e.size):
        slope[k] *= e[k]
        arriving += from_h[k] * slope[k]
    for k in range(e.size):
        from_x[symbol, k] += rates[1] * slope[k]
    for k in range(e.size):
        from_h[k] += rates[3] * at[2] * slope[k]
    for k in range(e.size):
        bias[k] += rates[2] * slope[k]
    into_self, into_bias = 0.0, 0.0
    for q in range(int(at[0])):
        i = (newest - q) % past.shape[0]
        delta = past[i, 2] * arriving
        into_h[int(past[i, 0])] += rates[3] * delta
        into_self += delta * past[i, 1]
        into_bias += delta
        arriving = into_h[n] * delta
    into_h[n] += rates[3] * into_self
    into_h[n + 1] += rates[0] * into_bias


@compiled
def surprise(y, symbol, n, threshold):  # type: ignore[no-untyped-def]
    """Return whether the error of predicting a symbol is at least the threshold anywhere."""
    largest = 0.0
    for k in range(n):
        error = abs((1.0 if k == symbol else 0.0) - y[k])
        largest = largest if largest >= error else error
    return not largest < threshold


@compiled
def chunk(  # type: ignore[no-untyped-def]
    a_h, a_x, a_k, a_b, a_rates, c_h, c_x, c_k, c_b, c_rates,
    a_past, a_at, c_past, c_at, c_y, c_slope, threshold, reset,
    codes, first, judged, losses, errors,
):  # fmt: skip
    """Present sequences to a chunker of two nets; return how many inputs were passed on.

    Parameters
    ----------
    a_h, a_x, a_k, a_b, c_h, c_x, c_k, c_b
        Weights of automatizer and chunker: into the hidden unit, shortcuts, from the hidden
        unit, biases.
    a_rates, c_rates
        As in `online_learn`.
    a_past, a_at, c_past, c_at, c_y, c_slope
        Where the nets stand: their last steps, as in `online_step`, and the chunker's outputs
        with their slopes.
    reset
        Whether they start anew with each sequence.
    codes
        The symbols of each sequence, shape (n_sequences, steps + 1).
    first, judged, losses, errors
        As in `rtrl`; the last two of shape (n_sequences,).
    """
    n, wide = c_b.size, a_b.size
    a_net, a_y, a_slope, a_e = np.zeros(wide), np.zeros(wide), np.zeros(wide), np.zeros(wide)
    c_net, c_e = np.zeros(n), np.zeros(n)
    passed = 0
    steps = codes.shape[1] - 1
    for s in range(codes.shape[0]):
        if reset:
            a_at[:] = 0.0
            c_at[:] = 0.0
        losses[s], errors[s] = 0.0, 0.0
        for t in range(steps + 1):
            symbol = codes[s, t]
            if t == 0 or surprise(a_y, symbol, n, threshold):
                passed += 1
                if c_at[0] > 0:
                    for k in range(n):
                        c_e[k] = (1.0 if k == symbol else 0.0) - c_y[k]
                    online_learn(c_e, c_h, c_x, c_k, c_b, c_past, c_at, c_slope, c_rates)
                online_step(symbol, c_h, c_x, c_k, c_b, c_past, c_at, c_net, c_y, c_slope)
            if t == steps:
                break
            online_step(symbol, a_h, a_x, a_k, a_b, a_past, a_at, a_net, a_y, a_slope)
            for k in range(n):
                e = (1.0 if k == codes[s, t + 1] else 0.0) - a_y[k]
                a_e[k] = e if t >= first else 0.0
                losses[s] += 0.5 * a_e[k] * a_e[k]
                if t >= judged and not errors[s] >= abs(e):
                    errors[s] = abs(e)
            a_e[n] = c_at[2] - a_y[n]
            for k in range(n + 1, wide):
                a_e[k] = c_y[k - n - 1] - a_y[k]
            online_learn(a_e, a_h, a_x, a_k, a_b, a_past, a_at, a_slope, a_rates)
    return passed

"""The same work by other libraries: seconds of one core for a step of one trial.

``python benchmarks/peers.py torch float32`` prints one peer's numbers as JSON (so that a peer may
live in an environment of its own).
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from functools import partial

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault(
    "XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
)

P = 100
CELLS = 2
TRIALS = 32
"""Trials, or sequences of one net, side by side: as many as there are lanes."""


def best_of(work: Callable[[], object], steps: float, repeats: int) -> float:
    """Return CPU seconds a step, the best of some repeats after one to warm up.

    A repeat makes as many calls as fill a twentieth of a second: the clock of a process may miss
    the last millisecond of its other threads, and JAX computes in one.
    """
    work()
    started = time.perf_counter()
    work()
    calls = 1 + int(0.05 / max(time.perf_counter() - started, 1e-6))
    best = float("inf")
    for _ in range(repeats):
        started = time.process_time()
        for _ in range(calls):
            work()
        best = min(best, (time.process_time() - started) / calls)
    return best / steps


def torch_peer(n_inputs: int, T: int, dtype: str) -> dict[str, float]:
    """PyTorch's nn.LSTM on the CPU: one sequence at a time, and batches of 32 (of one net)."""
    import torch

    torch.set_num_threads(1)
    torch.set_default_dtype(getattr(torch, dtype))
    found = {}
    for batch in (1, TRIALS):
        lstm = torch.nn.LSTM(n_inputs, CELLS, batch_first=True)
        out = torch.nn.Linear(CELLS, 2)
        learn = torch.optim.SGD([*lstm.parameters(), *out.parameters()], lr=0.01)
        if n_inputs == 2:
            x = torch.rand(batch, T, 2)
        else:
            x = torch.nn.functional.one_hot(torch.randint(P, (batch, T)), n_inputs)
            x = x.to(torch.get_default_dtype())
        target = torch.tensor([[1.0, 0.0]]).expand(batch, 2)

        def work(x=x, target=target, lstm=lstm, out=out, learn=learn) -> None:
            learn.zero_grad()
            y = torch.sigmoid(out(lstm(x)[0][:, -1]))
            (0.5 * (target - y) ** 2).sum().backward()
            learn.step()

        name = "PyTorch, batch 1" if batch == 1 else f"PyTorch, batch of {TRIALS} (one net)"
        found[name] = best_of(work, T * batch, 5)
    return found


def jax_peer(n_inputs: int, T: int, dtype: str) -> dict[str, float]:
    """JAX: a scan over time, alone and vmapped over 32 trials with their own weights.

    The papers' net; gradients by differentiation, once truncated as the papers do (with
    stop_gradient) and once full. What inputs contribute is looked up before the scan.
    """
    import jax

    jax.config.update("jax_enable_x64", dtype == "float64")
    found = {}
    for rule in ("truncated", "full"):
        for trials in (1, TRIALS):
            work = _jax_work(_learn, rule, n_inputs, T, trials)
            name = "JAX scan" if trials == 1 else f"JAX scan, vmap over {TRIALS} trials"
            found[f"{name}, {rule}"] = best_of(work, T * trials, 8)
    return found


def jax_by_trials(T: int = 1000) -> list[dict[str, float]]:
    """JAX with more and more trials under vmap, symbols as inputs: outputs only, and updates.

    What a call and a step of the scan cost by themselves is shared by all trials, and so falls
    with their number; what arithmetic and memory cost does not.
    """
    rows = []
    for trials in (1, 8, TRIALS, 128, 512):
        row = {"trials": trials}
        for name, function in (("outputs", _predict), ("update", _learn)):
            work = _jax_work(function, "truncated", P + 4, T, trials)
            row[name] = best_of(work, T * trials, 5)
        rows.append(row)
    return rows


def _predict(rule: str, w, x, target=None):
    """Return the outputs at the last step."""
    import jax
    import jax.numpy as jnp

    hold = jax.lax.stop_gradient if rule == "truncated" else (lambda y: y)

    def step(carry, from_input):
        s, y = carry
        net = (from_input + w["y"] @ hold(y)).reshape(3, CELLS)
        y_in, y_out = jax.nn.sigmoid(net[1]), jax.nn.sigmoid(net[2])
        s = s + y_in * (4.0 * jax.nn.sigmoid(net[0]) - 2.0)
        y_c = y_out * (2.0 * jax.nn.sigmoid(s) - 1.0)
        return (s, jnp.concatenate([y_c, y_in, y_out])), None

    from_inputs = w["x"][x] if jnp.issubdtype(x.dtype, jnp.integer) else x @ w["x"]
    start = jnp.zeros(CELLS), jnp.zeros(3 * CELLS)
    (_, y), _ = jax.lax.scan(step, start, from_inputs)
    return jax.nn.sigmoid(w["k"] @ y[:CELLS])


def _learn(rule: str, w, x, target):
    """Return the weights after one update."""
    import jax

    def loss(w):
        return 0.5 * ((target - _predict(rule, w, x)) ** 2).sum()

    return jax.tree.map(lambda a, b: a - 0.01 * b, w, jax.grad(loss)(w))


def _jax_work(function, rule: str, n_inputs: int, T: int, trials: int) -> Callable[[], object]:
    """Return one call of a function for so many trials, compiled."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_platforms", "cpu")
    function = partial(function, rule)
    keys = jax.random.split(jax.random.key(0), 4)
    hidden = 3 * CELLS
    w = {
        "x": 0.1 * jax.random.normal(keys[0], (trials, n_inputs, hidden)),
        "y": 0.1 * jax.random.normal(keys[1], (trials, hidden, hidden)),
        "k": 0.1 * jax.random.normal(keys[2], (trials, 2, CELLS)),
    }
    if n_inputs == 2:
        x = jax.random.normal(keys[3], (trials, T, 2))
    else:
        x = jax.random.randint(keys[3], (trials, T), 0, P)
    target = jnp.tile(jnp.array([1.0, 0.0]), (trials, 1))
    step = jax.jit(jax.vmap(function))
    if trials == 1:
        w, x, target = jax.tree.map(lambda a: a[0], (w, x, target))
        step = jax.jit(function)
    return lambda: jax.block_until_ready(step(w, x, target))


PEERS = {"torch": torch_peer, "jax": jax_peer}


if __name__ == "__main__":
    library, dtype = sys.argv[1:]
    rows = []
    for kind, n_inputs in (("one-hot", P + 4), ("dense", 2)):
        for T in (100, 1000):
            for name, seconds in PEERS[library](n_inputs, T, dtype).items():
                row = {"peer": name, "dtype": dtype, "input": kind, "T": T, "seconds": seconds}
                rows.append(row)
    module = __import__(library)
    by_trials = jax_by_trials() if sys.argv[1:] == ["jax", "float32"] else []
    print(json.dumps({"version": module.__version__, "rows": rows, "by_trials": by_trials}))

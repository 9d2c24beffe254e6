"""A step of JAX as a learner: the extra `jax`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from lstmbook.adapters.extras import DTYPES, check_callable, framework
from lstmbook.protocols import Task
from lstmbook.sequences import Batch, Sequence, as_choice
from lstmbook.validation import Array, as_count, as_number

SHORTEST = 8
"""Shorter sequences are padded to so many steps."""


class JaxLearner:
    """Trains whatever a function for one step computes, through `jax.lax.scan`, compiled.

    The gradient of half the squared error, summed over the steps that count
    (`lstmbook.sequences.loss`) and averaged over the sequences of a batch, goes back through all
    steps. Outputs returned by `learn` are those computed before the update.

    Sequences are padded with steps at their ends that count nothing and leave the state as it
    is: to 8, 12, 16, 24, 32, .. steps (`padded_length`). So a task of all lengths up to 1000
    compiles 15 times at most, and a sequence of more than 8 steps takes less than half as many
    more. What is compiled is shared by the learners of a process that have the same functions.

    Parameters
    ----------
    task, rng
        As every learner gets them. From `rng` one key is drawn, for `init`.
    init
        ``init(key, n_inputs, n_outputs)`` returns the weights: arrays in any nest of mappings,
        lists and tuples.
    step
        ``step(weights, state, x)`` returns the next state and the outputs, shape (n_outputs,),
        for inputs of shape (n_inputs,).
    start
        ``start(weights)`` returns the state before the first step.
    learning_rate
        Of gradient descent.
    optimiser
        In its place anything with ``init(weights)`` and ``update(gradient, memory, weights)``,
        which returns what is to be added to the weights and the next memory: those of Optax do.
    dtype
        "float32" or "float64".
    batch_size
        Sequences that are learned from at once; one after the other if None.

    Raises
    ------
    ImportError
        If JAX is not installed.
    TypeError, ValueError
        If a setting is of the wrong kind, or the step returns something else.
    """

    code_version = "jax adapter 1"
    """Raised whenever the same trial gives other bits than before."""

    def __init__(
        self,
        task: Task,
        rng: np.random.Generator,
        *,
        init: Callable[[Any, int, int], Any],
        step: Callable[[Any, Any, Any], tuple[Any, Any]],
        start: Callable[[Any], Any],
        learning_rate: float | None = None,
        optimiser: Any = None,
        dtype: str = "float32",
        batch_size: int | None = None,
    ) -> None:
        jax = framework("jax")
        check_callable("init", init, "init(key, n_inputs, n_outputs) returns the weights")
        check_callable("step", step, "step(weights, state, x) returns the next state and outputs")
        check_callable("start", start, "start(weights) returns the state before the first step")
        self.step, self.start = step, start
        self.optimiser = _as_optimiser(learning_rate, optimiser)
        self.dtype = as_choice("dtype", dtype, DTYPES)
        self.batch_size = batch_size
        if batch_size is not None:
            self.batch_size = as_count("batch_size", batch_size, at_least=1)
        with self._settled():
            key = jax.random.key(int(rng.integers(2**31)))
            made = init(key, task.n_inputs, task.n_outputs)
            self.params = jax.tree.map(self._numbers, made)
            self.memory = self.optimiser.init(self.params)
            self._check_step(jax, task)

    def _numbers(self, leaf: Any) -> Any:
        """Return an array of the weights in the learner's dtype."""
        return framework("jax").numpy.asarray(leaf, dtype=self.dtype)

    def _check_step(self, jax: Any, task: Task) -> None:
        """Raise an error unless the step gives outputs, and a state like the one it was given."""
        x = jax.numpy.zeros(task.n_inputs, dtype=self.dtype)
        before = jax.eval_shape(self.start, self.params)
        found = jax.eval_shape(self.step, self.params, before, x)
        if not isinstance(found, tuple) or len(found) != 2:
            raise TypeError(f"step returned {found!r}; it must return the next state and outputs")
        after, y = found
        if getattr(y, "shape", None) != (task.n_outputs,):
            raise ValueError(
                f"step returned outputs of shape {getattr(y, 'shape', y)}; they must have shape "
                f"{(task.n_outputs,)}"
            )
        if jax.tree.map(_kind, before) != jax.tree.map(_kind, after):
            raise ValueError(
                f"step returned the state {after}; it must be of the same shapes and dtypes as "
                f"that of start, {before}"
            )

    def __getstate__(self) -> dict[str, Any]:
        # JAX would read float64 back as whatever is set where it is read
        numbers: dict[str, Any] = {"params": self.params, "memory": self.memory}
        numbers = framework("jax").tree.map(np.asarray, numbers)
        return vars(self) | numbers

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        jax = framework("jax")
        with self._settled():
            for name in ("params", "memory"):
                setattr(self, name, jax.tree.map(jax.numpy.asarray, state[name]))

    @property
    def made_with(self) -> str:
        """What results depend on besides the package."""
        jax = framework("jax")
        return f"jax {jax.__version__}, {self.dtype}, {jax.default_backend()}"

    @property
    def weights(self) -> dict[str, npt.NDArray[Any]]:
        """Copies of the weights, by their places."""
        leaves = framework("jax").tree_util.tree_flatten_with_path(self.params)[0]
        name = framework("jax").tree_util.keystr
        return {name(path) or "weights": np.array(each) for path, each in leaves}

    def learn(self, sequence: Sequence) -> Array:
        """Present a sequence, change the weights, return the outputs, shape (T, n_outputs)."""
        return self._learned([sequence], self.batch_size or 1)[0]

    def learn_batch(self, batch: Batch) -> list[Array]:
        """Present sequences, change the weights once, return the outputs of each."""
        return self._learned(list(batch), max(len(batch), self.batch_size or 1))

    def _learned(self, sequences: list[Sequence], n: int) -> list[Array]:
        """Learn from sequences, with empty ones beside them if they are fewer than n."""
        with self._settled():
            learned = self._compiled.learn(
                self.params, self.memory, *_padded(sequences, n, self.dtype), len(sequences)
            )
            self.params, self.memory, y = learned
            return _cut(y, sequences)

    def predict(self, sequence: Sequence) -> Array:
        """Return the outputs for a sequence, shape (T, n_outputs), and change nothing."""
        with self._settled():
            x, _, _, real = _padded([sequence], 1, self.dtype)
            return _cut(self._compiled.predict(self.params, x, real), [sequence])[0]

    @property
    def _compiled(self) -> _Compiled:
        return _compiled(self.step, self.start, self.optimiser)

    @contextmanager
    def _settled(self) -> Iterator[None]:
        """Give JAX this learner's dtype meanwhile, and products that are not rounded to less."""
        jax = framework("jax")
        home = jax if hasattr(jax, "enable_x64") else framework("jax.experimental")
        with home.enable_x64(self.dtype == "float64"), jax.default_matmul_precision("highest"):
            yield


def padded_length(T: int) -> int:
    """Return to how many steps a sequence is padded: 8, 12, 16, 24, 32, 48, .."""
    power = SHORTEST
    while power < T:
        if power * 3 // 2 >= T:
            return power * 3 // 2
        power *= 2
    return power


@dataclass(frozen=True)
class GradientDescent:
    """Adds the learning rate times the negative gradient."""

    learning_rate: float

    def init(self, weights: Any) -> tuple[()]:
        """Return what it remembers: nothing."""
        return ()

    def update(self, gradient: Any, memory: Any, weights: Any) -> tuple[Any, Any]:
        """Return what is to be added to the weights, and the memory."""
        change = framework("jax").tree.map(lambda each: -self.learning_rate * each, gradient)
        return change, memory


def _as_optimiser(learning_rate: float | None, optimiser: Any) -> Any:
    if (learning_rate is None) == (optimiser is None):
        raise ValueError(
            f"learning_rate is {learning_rate!r} and optimiser is {optimiser!r}; give one of them"
        )
    if learning_rate is not None:
        return GradientDescent(as_number("learning_rate", learning_rate, above=0))
    if not callable(getattr(optimiser, "init", None)) or not callable(
        getattr(optimiser, "update", None)
    ):
        raise TypeError(
            f"optimiser is {optimiser!r}; it must have init(weights) and "
            "update(gradient, memory, weights)"
        )
    return optimiser


def _kind(leaf: Any) -> tuple[Any, Any]:
    return leaf.shape, leaf.dtype


class _Compiled(NamedTuple):
    learn: Callable[..., Any]
    predict: Callable[..., Any]


@lru_cache(maxsize=32, typed=True)  # tuples of different names may be equal
def _compiled(step: Any, start: Any, optimiser: Any) -> _Compiled:
    """Return the compiled functions of a learner; JAX keeps one of each for each length."""
    jax = framework("jax")
    jnp = jax.numpy

    def outputs(params: Any, x: Any, real: Any) -> Any:
        def go_on(state: Any, now: tuple[Any, Any]) -> tuple[Any, Any]:
            after, y = step(params, state, now[0])
            kept = jax.tree.map(lambda new, old: jnp.where(now[1], new, old), after, state)
            return kept, y

        return jax.lax.scan(go_on, start(params), (x, real))[1]

    def loss(params: Any, x: Any, d: Any, mask: Any, real: Any, n: Any) -> tuple[Any, Any]:
        y = jax.vmap(outputs, (None, 0, 0))(params, x, real)
        e = jnp.where(mask[..., None], d - y, 0)
        return 0.5 * (e * e).sum() / n, y

    def learn(
        params: Any, memory: Any, x: Any, d: Any, mask: Any, real: Any, n: Any
    ) -> tuple[Any, Any, Any]:
        gradient, y = jax.grad(loss, has_aux=True)(params, x, d, mask, real, n)
        change, memory = optimiser.update(gradient, memory, params)
        return jax.tree.map(lambda w, more: w + more, params, change), memory, y

    def predict(params: Any, x: Any, real: Any) -> Any:
        return jax.vmap(outputs, (None, 0, 0))(params, x, real)

    return _Compiled(jax.jit(learn), jax.jit(predict))


def _padded(
    sequences: list[Sequence], n: int, dtype: str
) -> tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]]:
    """Return n sequences, padded in steps and number.

    Returns
    -------
    x, d
        Inputs and targets, shape (n, length, n_inputs) and (n, length, n_outputs).
    mask, real
        The steps that count, and those that there are, shape (n, length).
    """
    length = padded_length(max(map(len, sequences)))
    x = np.zeros((n, length, sequences[0].n_inputs), dtype=dtype)
    d = np.zeros((n, length, sequences[0].n_outputs), dtype=dtype)
    mask, real = np.zeros((2, n, length), dtype=np.bool_)
    for i, each in enumerate(sequences):
        T = len(each)
        x[i, :T], mask[i, :T], real[i, :T] = each.x, each.mask, True
        d[i, :T] = np.where(each.mask[:, None], each.targets, 0.0)
    return x, d, mask, real


def _cut(y: Any, sequences: list[Sequence]) -> list[Array]:
    """Return the outputs of each sequence without those of padded steps."""
    found = np.asarray(y, dtype=np.float64)
    return [found[i, : len(each)].copy() for i, each in enumerate(sequences)]

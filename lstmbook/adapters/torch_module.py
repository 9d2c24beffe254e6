"""A module of PyTorch as a learner: the extra `torch`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from lstmbook.adapters.extras import DTYPES, check_callable, framework
from lstmbook.protocols import Task
from lstmbook.sequences import Batch, Sequence, as_choice
from lstmbook.validation import Array, as_count, as_switch

_AT_WORK = threading.RLock()
"""Default dtype and random numbers are those of the whole process: one learner at a time."""


class TorchLearner:
    """Trains any `torch.nn.Module`, on the processor, with half the squared error as its loss.

    Outputs returned by `learn` are those computed before the update; a loss is summed over the
    steps that count (`lstmbook.sequences.loss`) and averaged over the sequences of a batch.

    Parameters
    ----------
    task, rng
        As every learner gets them. From `rng` one seed is drawn, for all that PyTorch draws.
    module
        ``module(n_inputs, n_outputs)`` returns a module: a class, or ``partial(Net, hidden=8)``.
        It is called with the inputs of a sequence, shape (T, n_inputs), and returns the outputs,
        shape (T, n_outputs), or a tuple that begins with them, as recurrent modules do. With a
        `batch_size` the inputs have the shape (T, sequences, n_inputs), sequences padded with
        zeros at their ends; with `batch_first`, (sequences, T, n_inputs).
    optimiser
        ``optimiser(parameters)`` returns an optimiser: ``partial(torch.optim.SGD, lr=0.1)``.
    dtype
        "float32" or "float64".
    batch_size
        Sequences that are learned from at once; one after the other if None.
    batch_first
        Whether the module wants a batch's sequences before its steps.
    threads
        How many PyTorch computes with; small networks are quickest with one.

    Raises
    ------
    ImportError
        If PyTorch is not installed.
    TypeError, ValueError
        If a setting is of the wrong kind, or the module returns something else.
    """

    code_version = "torch adapter 1"
    """Raised whenever the same trial gives other bits than before."""

    def __init__(
        self,
        task: Task,
        rng: np.random.Generator,
        *,
        module: Callable[[int, int], Any],
        optimiser: Callable[[Iterable[Any]], Any],
        dtype: str = "float32",
        batch_size: int | None = None,
        batch_first: bool = False,
        threads: int = 1,
    ) -> None:
        torch = framework("torch")
        check_callable("module", module, "module(n_inputs, n_outputs) returns a torch.nn.Module")
        check_callable("optimiser", optimiser, "optimiser(parameters) returns a torch.optim one")
        self.dtype = as_choice("dtype", dtype, DTYPES)
        self.batch_size = batch_size
        if batch_size is not None:
            self.batch_size = as_count("batch_size", batch_size, at_least=1)
        self.batch_first = as_switch("batch_first", batch_first)
        self.threads = as_count("threads", threads, at_least=1)
        self._random = torch.Generator().manual_seed(int(rng.integers(2**63))).get_state()
        with self._settled():
            self.module = module(task.n_inputs, task.n_outputs)
            if not isinstance(self.module, torch.nn.Module):
                raise TypeError(f"module returned {self.module!r}; it must return a module")
            self.module.to(getattr(torch, self.dtype))
            self._check_layout(torch)
            self.optimiser = optimiser(self.module.parameters())
        if not isinstance(self.optimiser, torch.optim.Optimizer):
            kind = type(self.optimiser).__name__
            raise TypeError(f"optimiser returned a {kind}; it must return an optimiser")

    def _check_layout(self, torch: Any) -> None:
        """Raise an error if a recurrent part would take sequences for steps."""
        for name, part in self.module.named_modules():
            is_recurrent = isinstance(part, torch.nn.RNNBase)
            if is_recurrent and self.batch_size and part.batch_first != self.batch_first:
                raise ValueError(
                    f"batch_first is {self.batch_first}, but the module's part "
                    f"{name or type(part).__name__} has batch_first={part.batch_first}; with a "
                    "batch_size they must agree"
                )

    @property
    def made_with(self) -> str:
        """What results depend on besides the package."""
        some = f"{self.threads} thread" + ("s" if self.threads > 1 else "")
        return f"torch {framework('torch').__version__}, {self.dtype}, {some}"

    @property
    def weights(self) -> dict[str, npt.NDArray[Any]]:
        """Copies of the module's weights and buffers, by name."""
        return {name: each.numpy().copy() for name, each in self.module.state_dict().items()}

    def learn(self, sequence: Sequence) -> Array:
        """Present a sequence, change the weights, return the outputs, shape (T, n_outputs)."""
        if self.batch_size is not None:
            return self.learn_batch(Batch.of([sequence]))[0]
        with self._settled() as torch:
            self.module.train()
            outputs = self._outputs(torch, sequence)
            self._change(torch, [outputs], [sequence])
            return _as_array(outputs)

    def learn_batch(self, batch: Batch) -> list[Array]:
        """Present sequences, change the weights once, return the outputs of each."""
        with self._settled() as torch:
            self.module.train()
            sequences = list(batch)
            outputs = self._outputs_of_batch(torch, sequences)
            self._change(torch, outputs, sequences)
            return [_as_array(each) for each in outputs]

    def predict(self, sequence: Sequence) -> Array:
        """Return the outputs for a sequence, shape (T, n_outputs), and change nothing."""
        with self._settled(draws=False) as torch, torch.no_grad():
            self.module.eval()
            if self.batch_size is None:
                return _as_array(self._outputs(torch, sequence))
            return _as_array(self._outputs_of_batch(torch, [sequence])[0])

    def _change(self, torch: Any, outputs: list[Any], sequences: list[Sequence]) -> None:
        """Take a step of the optimiser, if any step of the sequences counts."""
        if not any(each.mask.any() for each in sequences):
            return
        loss = 0.0
        for y, sequence in zip(outputs, sequences, strict=True):
            mask = sequence.mask
            d = torch.tensor(sequence.targets[mask], dtype=y.dtype)
            e = d - y[torch.tensor(mask)]
            loss = loss + 0.5 * (e * e).sum() / len(sequences)
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[attr-defined]
        self.optimiser.step()

    def _outputs(self, torch: Any, sequence: Sequence) -> Any:
        """Return the module's outputs for one sequence, shape (T, n_outputs)."""
        return self._run(torch, sequence.x, sequence.targets.shape)

    def _outputs_of_batch(self, torch: Any, sequences: list[Sequence]) -> list[Any]:
        """Return the module's outputs for each of some sequences, padded together."""
        longest = max(map(len, sequences))
        x = np.zeros((longest, len(sequences), sequences[0].n_inputs))
        for i, each in enumerate(sequences):
            x[: len(each), i] = each.x
        shape: tuple[int, ...] = (longest, len(sequences), sequences[0].n_outputs)
        if self.batch_first:
            x, shape = x.swapaxes(0, 1), (shape[1], shape[0], shape[2])
        y = self._run(torch, x, shape)
        return [
            y[i, : len(each)] if self.batch_first else y[: len(each), i]
            for i, each in enumerate(sequences)
        ]

    def _run(self, torch: Any, x: Array, shape: tuple[int, ...]) -> Any:
        y = self.module(torch.tensor(x, dtype=getattr(torch, self.dtype)))
        y = y[0] if isinstance(y, tuple | list) and y else y
        if not isinstance(y, torch.Tensor) or tuple(y.shape) != shape:
            found = tuple(y.shape) if isinstance(y, torch.Tensor) else repr(y)
            raise ValueError(
                f"the module {type(self.module).__name__} returned outputs of shape {found}; for "
                f"inputs of shape {x.shape} it must return shape {shape}"
            )
        return y

    @contextmanager
    def _settled(self, draws: bool = True) -> Iterator[Any]:
        """Give PyTorch this learner's dtype, threads and random numbers meanwhile.

        Parameters
        ----------
        draws
            Whether random numbers that are drawn are used up.
        """
        torch = framework("torch")
        with _AT_WORK, torch.random.fork_rng(devices=[]):
            dtype, threads = torch.get_default_dtype(), torch.get_num_threads()
            try:
                torch.set_default_dtype(getattr(torch, self.dtype))
                torch.set_num_threads(self.threads)
                torch.random.set_rng_state(self._random)
                yield torch
            finally:
                if draws:
                    self._random = torch.random.get_rng_state()
                torch.set_num_threads(threads)
                torch.set_default_dtype(dtype)


def _as_array(outputs: Any) -> Array:
    found: Array = outputs.detach().numpy().astype(np.float64)
    return found

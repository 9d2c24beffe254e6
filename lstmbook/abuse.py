"""The abuse problem and its three solutions, as parts of training.

TR section 3: early in learning the error can be reduced without storing anything, so memory
cells are used, for example, as bias cells; or two cells store the same. The solutions are
sequential network construction, output gate bias, and output gate competition. A training
schedule, as the thesis of 1991 had it, serves the same end.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np

from lstmbook.lstm import Bias, Topology, Weights, as_weights, forward, initial_weights
from lstmbook.memory_cell import cell_output, gate, internal_state
from lstmbook.sequences import BoolArray, IntArray, Sequence, errors, loss
from lstmbook.squashing import logistic, squashing
from lstmbook.tasks.long_time_lags import TwoSequences
from lstmbook.truncated_learning import LSTM, error_signals
from lstmbook.validation import Array, as_array, as_count, as_number


@dataclass(frozen=True)
class Plateau:
    """The rule by which the error "has stopped decreasing": `eq-plateau` (TR gives none; ours).

    The mean loss of each window of sequences is held against the best window so far. The error
    has stopped if `patience` windows one after the other fail to undercut it by the share `gain`.

    Attributes
    ----------
    window
        Sequences in a window.
    gain
        The share by which a window has to undercut the best one so far.
    patience
        How many windows may fail in a row.
    """

    window: int = 100
    gain: float = 0.01
    patience: int = 3

    def __post_init__(self) -> None:
        as_count("window", self.window, at_least=1)
        as_number("gain", self.gain, at_least=0, below=1)
        as_count("patience", self.patience, at_least=1)


@dataclass
class PlateauWatch:
    """A plateau rule at work: told each sequence's loss, it says when the error has stopped."""

    rule: Plateau
    best: float = np.inf
    failed: int = 0
    seen: int = 0
    running: float = 0.0

    def see(self, sequence_loss: float) -> bool:
        """Take note of one sequence's loss; return whether the error has now stopped falling."""
        self.running += sequence_loss
        self.seen += 1
        if self.seen < self.rule.window:
            return False
        mean = self.running / self.rule.window
        self.seen, self.running = 0, 0.0
        if mean < (1.0 - self.rule.gain) * self.best:
            self.best, self.failed = mean, 0
        else:
            self.failed += 1
        return self.failed >= self.rule.patience


def add_block(net: Topology, size: int = 1) -> Topology:
    """Return the topology with one memory cell block more, behind the others."""
    return replace(net, blocks=(*net.blocks, as_count("size", size, at_least=1)))


def places_after(net: Topology, grown: Topology) -> IntArray:
    """Return where each weight of a network stands in the one grown from it by `add_block`.

    Returns
    -------
    places
        Positions in the grown network's flat vector, shape (net.n_weights,).
    """
    every = as_weights(grown, np.arange(float(grown.n_weights)))
    inputs = np.arange(net.n_inputs)
    hidden = net.n_inputs + _hidden_sources_after(net, grown)
    kept = []
    for group, (rows, columns) in net.shapes.items():
        if group == "W_k":
            shortcuts = grown.n_cells + inputs if net.shortcuts else inputs[:0]
            sources = np.concatenate([np.arange(net.n_cells), shortcuts])
        else:
            sources = np.concatenate([inputs, hidden])
        if len(sources) < columns:  # the bias is the last column in both
            sources = np.append(sources, grown.shapes[group][1] - 1)
        kept.append(getattr(every, group)[:rows, sources].ravel())
    return np.concatenate(kept).astype(np.int64)


def _hidden_sources_after(net: Topology, grown: Topology) -> IntArray:
    """Return which hidden source of the grown network each old one has become."""
    cells = np.arange(net.n_cells)
    input_gates = grown.n_cells + np.arange(net.n_input_gates)
    output_gates = grown.n_cells + grown.n_input_gates + np.arange(net.n_output_gates)
    return np.concatenate([cells, input_gates, output_gates])[: net.n_recurrent]


def grow(
    net: Topology,
    weights: Weights,
    rng: np.random.Generator,
    *,
    size: int = 1,
    scale: float = 0.2,
    cell_bias: Bias = None,
    input_gate_bias: Bias = None,
    output_gate_bias: Bias = None,
) -> tuple[Topology, Weights]:
    """Add a memory cell block and its gates; the old weights keep their values.

    Parameters
    ----------
    size
        Cells in the new block.
    scale
        New weights are drawn from [-scale, scale].
    cell_bias, input_gate_bias, output_gate_bias
        Initial biases of the new units; drawn like the other weights if None.

    Returns
    -------
    grown, weights
        The larger topology and its weights.
    """
    grown = add_block(net, size)
    new = initial_weights(grown, rng, scale=scale)
    n_old_cells = net.n_cells
    for name, bias, W, first in (
        ("cell_bias", cell_bias, new.W_c, n_old_cells),
        ("input_gate_bias", input_gate_bias, new.W_in, net.n_input_gates),
        ("output_gate_bias", output_gate_bias, new.W_out, net.n_output_gates),
    ):
        if bias is not None:
            if not getattr(net, f"{name}es"):
                raise ValueError(f"{name} is {bias!r}, but the topology has no such biases")
            W[first:, -1] = bias
    new.flat[places_after(net, grown)] = weights.flat
    return grown, new


@dataclass
class SequentialConstruction:
    """Solution 1, a learner: a memory cell block is added whenever the error stops decreasing.

    Attributes
    ----------
    learner
        The network to begin with, usually without blocks; replaced by a larger one each time.
    rng
        Draws the weights of new units.
    rule
        When the error has stopped decreasing.
    max_blocks
        No block is added beyond so many (experiment 1a: one).
    size
        Cells in an added block.
    scale
        New weights are drawn from [-scale, scale].
    input_gate_bias, output_gate_bias
        Initial biases of added gates; drawn like the other weights if None.
    added_at
        The number of sequences presented when each block was added.

    Notes
    -----
    All weights, old and new, go on learning; TR does not say that old ones are frozen.
    """

    learner: LSTM
    rng: np.random.Generator
    rule: Plateau = Plateau()
    max_blocks: int = 1
    size: int = 1
    scale: float = 0.2
    input_gate_bias: float | None = None
    output_gate_bias: float | None = None
    added_at: list[int] = field(default_factory=list, init=False)
    presented: int = field(default=0, init=False)
    watch: PlateauWatch = field(init=False, repr=False)

    def __post_init__(self) -> None:
        as_count("max_blocks", self.max_blocks)
        as_count("size", self.size, at_least=1)
        self.watch = PlateauWatch(self.rule)

    def learn(self, sequence: Sequence) -> Array:
        """Let the network learn a sequence; add a block if the error has stopped decreasing."""
        outputs = self.learner.learn(sequence)
        self.presented += 1
        stopped = self.watch.see(loss(sequence, outputs))
        if stopped and self.learner.net.n_blocks < self.max_blocks:
            self._add()
        return outputs

    def _add(self) -> None:
        old = self.learner
        net, weights = grow(
            old.net,
            old.weights,
            self.rng,
            size=self.size,
            scale=self.scale,
            input_gate_bias=self.input_gate_bias,
            output_gate_bias=self.output_gate_bias,
        )
        trained = None
        if old.trained is not None:
            trained = np.ones(net.n_weights, dtype=np.bool_)
            trained[places_after(old.net, net)] = old.trained
        self.learner = replace(old, net=net, weights=weights, trained=trained)
        self.watch = PlateauWatch(self.rule)
        self.added_at.append(self.presented)

    def predict(self, sequence: Sequence) -> Array:
        """Return the outputs for a sequence and change nothing."""
        return self.learner.predict(sequence)


def staggered_biases(n_blocks: int, first: float = -1.0, step: float = -1.0) -> tuple[float, ...]:
    """Solution 2, `eq-output-gate-bias`: negative initial biases, by default -1, -2, -3 (TR).

    They push cell outputs towards 0; the more negative a bias, the later its block is used.
    For input gates the same counters the drift of internal states (NC).
    """
    first, step = as_number("first", first), as_number("step", step)
    return tuple(first + step * i for i in range(as_count("n_blocks", n_blocks)))


def with_competition(net: Topology) -> Topology:
    """Solution 3, `eq-competition`: return the topology with output gates of which one is open.

    TR: "lateral inhibition ensures that no two output gates can be active simultaneously".
    Without a printed formula: the most active gate keeps its activation, the others give 0, and
    the errors flow through the winner alone (see `lstmbook.memory_cell.winner`).
    """
    return replace(net, competition="winner takes all")


def memory_weights(net: Topology) -> BoolArray:
    """Return which weights lead into cells and gates, or from cells to outputs: (n_weights,)."""
    which = as_weights(net, np.zeros(net.n_weights))
    for W in (which.W_c, which.W_in, which.W_out):
        W[:] = 1.0
    which.W_k[:, : net.n_cells] = 1.0
    return which.flat > 0


def weights_into_memory(net: Topology) -> BoolArray:
    """Return which weights lead into cells and gates, shape (n_weights,)."""
    which = np.zeros(net.n_weights, dtype=np.bool_)
    which[: net.offsets["W_k"]] = True
    return which


@dataclass(frozen=True)
class Phase:
    """A part of a training schedule.

    Attributes
    ----------
    sequences
        For how many sequences it lasts; the last phase goes on for ever.
    learning_rate
        The learning rate.
    trained
        Which weights may change, shape (n_weights,); all if None.
    """

    sequences: int
    learning_rate: float
    trained: BoolArray | None = None


def thesis_schedule(net: Topology) -> tuple[Phase, ...]:
    """Return the schedule of the 1991 thesis, from whose runs Table 1 has its LSTM row.

    400 sequences at rate 1.0 on all weights but those into and out of the memory cell; then
    only those, at 0.01; after 4000 sequences, at 1.0, all but the weights into the cell.
    """
    memory = memory_weights(net)
    return (
        Phase(400, 1.0, ~memory),
        Phase(3600, 0.01, memory),
        Phase(1, 1.0, ~weights_into_memory(net)),
    )


@dataclass
class Scheduled:
    """A learner that goes through phases: which weights learn, and how fast.

    Attributes
    ----------
    learner
        The network.
    phases
        In order; the last one goes on for ever.
    """

    learner: LSTM
    phases: tuple[Phase, ...]
    presented: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        if not self.phases:
            raise ValueError("phases is empty; a schedule has at least one")

    @property
    def phase(self) -> Phase:
        """The phase that the next sequence belongs to."""
        ends = np.cumsum([phase.sequences for phase in self.phases])
        index = int(np.searchsorted(ends, self.presented, side="right"))
        return self.phases[min(index, len(self.phases) - 1)]

    def learn(self, sequence: Sequence) -> Array:
        """Let the network learn a sequence in the way of the present phase."""
        self.learner.learning_rate = self.phase.learning_rate
        self.learner.trained = self.phase.trained
        self.presented += 1
        return self.learner.learn(sequence)

    def predict(self, sequence: Sequence) -> Array:
        """Return the outputs for a sequence and change nothing."""
        return self.learner.predict(sequence)


@dataclass(frozen=True)
class CellUse:
    """What memory cells are used for, seen at the last step of some sequences.

    Attributes
    ----------
    output_mean, output_spread
        Mean and standard deviation over the sequences of each cell's output, shape (n_cells,).
        A bias cell has a mean but hardly a spread.
    state_size
        Mean size of each internal state, shape (n_cells,): how far the states have drifted.
    correlation
        Correlation of the cells' internal states over the sequences, shape (n_cells, n_cells);
        near 1 or -1 off the diagonal where two cells store the same. 0 where a state is constant.
    """

    output_mean: Array
    output_spread: Array
    state_size: Array
    correlation: Array


def cell_use(net: Topology, weights: Weights, sequences: Iterable[Sequence]) -> CellUse:
    """Measure what the memory cells are used for.

    Raises
    ------
    ValueError
        If there are fewer than two sequences.
    """
    traces = [forward(net, weights, sequence) for sequence in sequences]
    if len(traces) < 2:
        raise ValueError(f"sequences has {len(traces)}; a spread takes at least two")
    s = np.array([trace.s[-1] for trace in traces])
    y_c = np.array([trace.y_c[-1] for trace in traces])
    centred = s - s.mean(axis=0)
    size = np.sqrt((centred**2).sum(axis=0))
    scaled = np.divide(centred, size, out=np.zeros_like(centred), where=size > 0)
    return CellUse(
        output_mean=y_c.mean(axis=0),
        output_spread=y_c.std(axis=0),
        state_size=np.abs(s).mean(axis=0),
        correlation=scaled.T @ scaled,
    )


def bias_or_memory(
    net: Topology, weights: Weights, one: Sequence, other: Sequence
) -> tuple[Array, Array]:
    """Split the errors that two sequences send into the carousels: `eq-bias-or-memory`.

    Parameters
    ----------
    one, other
        Two sequences that differ in what has to be kept.

    Returns
    -------
    common, opposite
        Half the sum and half the difference of the errors inside the carousels at step 1, shape
        (n_cells,). The first asks to move the state alike in both, as a bias would; the second
        to tell them apart.
    """
    inside = []
    for sequence in (one, other):
        trace = forward(net, weights, sequence)
        e = errors(sequence, trace.outputs)
        inside.append(error_signals(net, weights, trace, e, truncated=True).e_s[1])
    return (inside[0] + inside[1]) / 2, (inside[0] - inside[1]) / 2


def step_moments(net: Topology, weights: Weights, y: Array, n_symbols: int) -> tuple[Array, Array]:
    """Return mean and standard deviation of what a random symbol adds to each state.

    The terms of `eq-state-drift`: y_in g(net_c), with the first `n_symbols` one-hot inputs
    equally likely and the fed-back activations held at `y`.

    Parameters
    ----------
    y
        Activations of the hidden sources, shape (n_recurrent,).

    Returns
    -------
    mean, spread
        Shape (n_cells,).
    """
    y = as_array("y", y, (net.n_recurrent,))
    n_symbols = as_count("n_symbols", n_symbols, at_least=1, at_most=net.n_inputs)
    symbols = np.eye(n_symbols, net.n_inputs)
    source = np.hstack([symbols, np.tile(y, (n_symbols, 1)), np.ones((n_symbols, 1))])
    adds = squashing(net.g)(source[:, : weights.W_c.shape[1]] @ weights.W_c.T)
    if net.input_gates:
        y_in = logistic(source[:, : weights.W_in.shape[1]] @ weights.W_in.T)
        adds = adds * y_in[:, net.block_of]
    return adds.mean(axis=0), adds.std(axis=0)


def state_after(q: Array | int, mean: Array, spread: Array) -> tuple[Array, Array]:
    """Return expectation and standard deviation of a state after q independent steps.

    `eq-state-drift`: q mean and sqrt(q) spread, mean and spread being those of y_in g(net_c).
    """
    return np.asarray(q * mean), np.asarray(np.sqrt(q) * spread)


def distractors(net: Topology, q: int, rng: np.random.Generator) -> Sequence:
    """Return q distractors of experiment 1c, with nothing to predict.

    They are uniform over all symbols but the last four, which are e, b, x and y.
    """
    p = as_count("n_inputs", net.n_inputs, at_least=5) - 4
    symbols = rng.integers(p, size=as_count("q", q, at_least=1))
    nothing = np.full((len(symbols), net.n_outputs), np.nan)
    return Sequence(symbols, nothing, np.zeros(len(symbols), dtype=np.bool_), net.n_inputs)


def drifting_states(net: Topology, weights: Weights, q: int, rng: np.random.Generator) -> Array:
    """Return the internal states during q distractors, shape (q + 1, n_cells)."""
    return forward(net, weights, distractors(net, q, rng)).s


def drift_over_networks(
    recurrent: str, input_gate_bias: float, q: int, n_networks: int, p: int = 50
) -> Array:
    """Return the states of untrained networks of experiment 1c during q distractors.

    Parameters
    ----------
    recurrent
        One of `lstmbook.lstm.RECURRENT`.
    input_gate_bias
        Initial bias of both input gates; 0 acts as none.
    n_networks
        Networks with weights from [-0.2, 0.2], seeds 0, 1, ...
    p
        The number of distractor symbols.

    Returns
    -------
    s
        Shape (n_networks, q + 1, 2).
    """
    net = Topology(p + 4, 2, (1, 1), recurrent=recurrent, input_gate_biases=True)
    drawn = []
    for seed in range(as_count("n_networks", n_networks, at_least=1)):
        rng = np.random.default_rng(seed)
        weights = initial_weights(net, rng, input_gate_bias=input_gate_bias)
        drawn.append((weights.W_c, weights.W_in, weights.W_out, distractors(net, q, rng).x))
    W_c, W_in, W_out, x = (np.array(each) for each in zip(*drawn, strict=True))
    s = np.zeros((len(x), q + 1, net.n_cells))
    y, one = np.zeros((len(x), net.n_recurrent)), np.ones((len(x), 1))
    for t in range(q):  # as `lstmbook.lstm.step`, all networks at once
        source = np.hstack([x[:, t], y, one])
        net_c, net_in, net_out = (
            np.einsum("nij,nj->ni", W, source[:, : W.shape[2]]) for W in (W_c, W_in, W_out)
        )
        y_in, y_out = gate(net_in), gate(net_out)
        s[:, t + 1] = internal_state(s[:, t], y_in, net_c, squashing(net.g))
        y_c = cell_output(y_out, s[:, t + 1], squashing(net.h))
        y = np.hstack([y_c, y_in, y_out])[:, : net.n_recurrent]
    return s


def contributions(net: Topology, weights: Weights, sequences: Iterable[Sequence]) -> Array:
    """Return how much each block does to the net inputs of the outputs, shape (n_blocks,).

    The mean size of a cell's output over all steps, times the length of its vector of outgoing
    weights, averaged over the cells of the block.
    """
    outputs = [np.abs(forward(net, weights, each).y_c[1:]) for each in sequences]
    if not outputs:
        raise ValueError("sequences is empty; a mean takes at least one")
    sizes = np.concatenate(outputs).mean(axis=0)
    each_cell = sizes * np.linalg.norm(weights.W_k[:, : net.n_cells], axis=0)
    return np.bincount(net.block_of, each_cell) / np.bincount(net.block_of)


def stopped_after(losses: Iterable[float], rule: Plateau) -> int | None:
    """Return after how many sequences a rule says that the error has stopped, or None."""
    watch = PlateauWatch(rule)
    return next((n for n, each in enumerate(losses, 1) if watch.see(float(each))), None)


def two_sequence_net(task: TwoSequences, *, cell: bool) -> Topology:
    """Return the network of experiment 1a, with its one memory cell or still without."""
    return Topology(
        *(task.n_inputs, task.n_outputs, (1,) if cell else ()),
        output_gates=False,
        shortcuts=True,
        output_biases=True,
        g="logistic",
        h="identity",
    )


def one_of_each(task: TwoSequences, rng: np.random.Generator) -> tuple[Sequence, Sequence]:
    """Return the sequence of experiment 1a that begins with x, and the one that begins with y."""
    found: dict[int, Sequence] = {}
    while len(found) < 2:
        sequence = task.sample(rng)
        found[int(sequence.inputs[0])] = sequence
    return found[task.p - 1], found[task.p]

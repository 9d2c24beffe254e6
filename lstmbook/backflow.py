"""The back-flow of error through one hidden unit, as it was measured in 1991.

Table 3.8 of the diploma thesis prints two weights and four error signals for each of six nets:
the hidden unit's weight to itself, `w_vv`, its weight to an output unit, `w_ov`, and
theta = -dE/dnet_v at t = 4, 3, 2, 1. Going back one step multiplies theta by f'(net_v) w_vv
(`eq-backprop`), so each ratio of neighbours tells the slope the unit had.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lstmbook.published import load, printed_range
from lstmbook.recurrent_network import RecurrentNetwork, backprop, forward, output_error
from lstmbook.squashing import logistic
from lstmbook.validation import Array, as_array, as_count, as_number

SYMBOLS = ("a", "x", "b1", "b2", "b3", "b4")


@dataclass(frozen=True, eq=False)
class Backflow:
    """One row of the table.

    Attributes
    ----------
    w_ov, w_vv
        The weights from the hidden unit v to the output unit o, and from v to itself.
    theta
        Error signals of v at t = 4, 3, 2, 1, shape (4,).
    low, high
        The ends of the values that print as `theta`, shape (4,) each, low <= high.
    w_vv_range
        The ends of the values that print as `w_vv`.
    printed
        The four error signals as printed.
    """

    w_ov: float
    w_vv: float
    theta: Array
    low: Array
    high: Array
    w_vv_range: tuple[float, float]
    printed: tuple[str, ...]

    @property
    def ratio(self) -> Array:
        """Each error signal over the one a step later, shape (3,): t = 3, 2, 1."""
        return self.theta[1:] / self.theta[:-1]

    @property
    def slope(self) -> Array:
        """The slope f'(net_v(t)) that explains each ratio, shape (3,): t = 3, 2, 1."""
        return self.ratio / self.w_vv

    @property
    def slope_range(self) -> tuple[Array, Array]:
        """The least and greatest slope that the printed digits allow, shape (3,) each."""
        least, most = np.sort(np.abs([self.low, self.high]), axis=0)
        w_least, w_most = sorted(abs(w) for w in self.w_vv_range)
        return least[1:] / most[:-1] / w_most, most[1:] / least[:-1] / w_least


def published_backflow() -> list[Backflow]:
    """Return the six rows of Table 3.8."""
    rows = []
    for row in load("thesis_1991_backflow")["row"]:
        ends = np.array([printed_range(each) for each in row["theta"]])
        rows.append(
            Backflow(
                w_ov=float(row["w_ov"]),
                w_vv=float(row["w_vv"]),
                theta=np.array([float(each) for each in row["theta"]]),
                low=ends[:, 0],
                high=ends[:, 1],
                w_vv_range=printed_range(row["w_vv"]),
                printed=tuple(row["theta"]),
            )
        )
    return rows


def net_of_slope(slope: Array | float) -> Array:
    """Return the net input >= 0 at which the logistic function has the given slope.

    Slopes above 1/4, which it never has, are refused.
    """
    slope = np.asarray(slope, dtype=np.float64)
    if not ((slope > 0) & (slope <= logistic.max_slope)).all():
        raise ValueError(f"slope is {slope}; it must be above 0 and at most 0.25")
    return 2.0 * np.arctanh(np.sqrt(1.0 - 4.0 * slope))


def thesis_inputs(first: str) -> Array:
    """Return the seven varying input lines of one sequence, shape (5, 7).

    One line for each of `SYMBOLS`, then the fed-back desired output, which is 0 before the end.
    The thesis's eighth line, always 1, is the bias.
    """
    if first not in ("a", "x"):
        raise ValueError(f"first is {first!r}; it must be 'a' or 'x'")
    x = np.zeros((5, 7))
    for t, symbol in enumerate((first, "b1", "b2", "b3", "b4")):
        x[t, SYMBOLS.index(symbol)] = 1.0
    return x


def thesis_net(
    w_ov: float, w_vv: float, rng: np.random.Generator, scale: float = 0.2
) -> RecurrentNetwork:
    """Draw the net of Table 3.8, the weights that were not printed uniform in [-scale, scale].

    Unit 0 is the hidden unit v and unit 1 the output o. The other six outputs are left out:
    they feed nothing, so they touch no ratio of error signals.
    """
    scale = as_number("scale", scale, at_least=0)
    return RecurrentNetwork(
        W=[[as_number("w_vv", w_vv), 0.0], [as_number("w_ov", w_ov), 0.0]],  # type: ignore[arg-type]
        U=rng.uniform(-scale, scale, (2, 7)),
        b=rng.uniform(-scale, scale, 2),
    )


def flow_back(network: RecurrentNetwork, x: Array, desired: float, a_v: float = 0.0) -> Array:
    """Return v's error signals at t = 4, 3, 2, 1 for a desired output of o at t = 5.

    Parameters
    ----------
    network
        A net of two units, from `thesis_net`: v is unit 0, o is unit 1.
    x
        Inputs, shape (5, 7).
    desired
        What o should be at the end.
    a_v
        v's activation before the first step.
    """
    x = as_array("x", x, (5, None))
    target = np.full((5, 2), np.nan)
    target[-1, 1] = as_number("desired", desired)
    trace = forward(network, x, np.array([as_number("a_v", a_v), 0.0]))
    return backprop(network, trace, output_error(trace, target))[4:0:-1, 0]


def rerun(row: Backflow, n_nets: int, seed: int, scale: float = 0.2) -> Array:
    """Return the ratios of neighbouring error signals in nets drawn anew, shape (n_nets, 3).

    Half the nets read a and should answer 1, half read x and should answer 0.
    """
    rng = np.random.default_rng(as_count("seed", seed))
    ratios = np.empty((as_count("n_nets", n_nets, at_least=1), 3))
    for i in range(len(ratios)):
        first, desired = (("a", 1.0), ("x", 0.0))[i % 2]
        network = thesis_net(row.w_ov, row.w_vv, rng, scale)
        theta = flow_back(network, thesis_inputs(first), desired, a_v=rng.uniform(0.2, 0.8))
        ratios[i] = theta[1:] / theta[:-1]
    return ratios


def n_explained(row: Backflow, ratios: Array) -> int:
    """Return how many of a row's three slopes lie in the central 95 % of those drawn anew.

    Parameters
    ----------
    row
        The published row; a slope counts if any value that its digits allow lies inside.
    ratios
        Ratios of neighbouring error signals, shape (n_nets, 3), from `rerun`.
    """
    drawn = as_array("ratios", ratios, (None, 3)) / row.w_vv
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    least, most = row.slope_range
    return int(((least <= high) & (low <= most)).sum())

"""The Elman net: context units copy the hidden layer, and no error goes back into the copy.

Cleeremans et al. 1989, the comparison "ELM" of the 1995 report's Table 3. The gradient is cut
after one step: what was copied counts as a constant input, `eq-error-signal` with no
`eq-backprop`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lstmbook.learners.layered import Memory
from lstmbook.learners.recipe import NetRecipe
from lstmbook.learners.simple import SIMPLE


@dataclass(frozen=True)
class Elman(NetRecipe):
    """A net that learns by back-propagation through a single step.

    By default with the 15 hidden units of the 1995 report's Table 3, and the 435 weights that
    the 1997 paper counts. Attributes as in `lstmbook.learners.recipe.NetRecipe`.
    """

    hidden: int | tuple[int, ...] = 15
    updates: str = "every step"
    depth: int | None = 0
    hidden_biases: bool = False
    output_biases: bool = False

    memory: ClassVar[Memory] = SIMPLE

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.depth != 0:
            raise ValueError(f"depth is {self.depth}; in an Elman net no error goes back: 0")

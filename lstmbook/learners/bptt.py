"""Nets trained by back-propagation through time: the comparison of the 1997 paper's Table 2.

Over a sequence with its weights held fixed the gradient is that of `lstmbook.learners.rtrl`. With
updates at every step the errors of a step go back at once, through the steps before it.
`eq-error-signal`, `eq-backprop`, `eq-weight-update`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lstmbook.learners.layered import Memory
from lstmbook.learners.recipe import NetRecipe
from lstmbook.learners.simple import SIMPLE


@dataclass(frozen=True)
class BPTT(NetRecipe):
    """A net that learns by back-propagation through time.

    By default that of the 1997 paper's Table 2, which is the RTRL net of the 1995 report.
    Attributes as in `lstmbook.learners.recipe.NetRecipe`.
    """

    learning_rate: float = 1.0
    shortcuts: bool = True
    hidden_biases: bool = False
    output_biases: bool = False

    memory: ClassVar[Memory] = SIMPLE

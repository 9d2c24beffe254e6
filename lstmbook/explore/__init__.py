"""Explorables: a Python function turned into a picture with knobs, alive with or without a kernel.

Importing this loads neither Matplotlib nor the widgets; displaying a picture does.
"""

from lstmbook.explore.controls import Choice, Slider
from lstmbook.explore.explorable import Explorable, explorable
from lstmbook.explore.pictures import (
    Axis,
    Band,
    Bars,
    Dots,
    Edges,
    Image,
    Line,
    Nodes,
    Picture,
    Plot,
    Row,
    Rule,
    Text,
)

__all__ = [
    "Axis",
    "Band",
    "Bars",
    "Choice",
    "Dots",
    "Edges",
    "Explorable",
    "Image",
    "Line",
    "Nodes",
    "Picture",
    "Plot",
    "Row",
    "Rule",
    "Slider",
    "Text",
    "explorable",
]

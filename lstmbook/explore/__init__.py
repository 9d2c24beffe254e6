"""Explorables: a Python function turned into a picture with knobs, alive with or without a kernel."""

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
    "Dots",
    "Edges",
    "Image",
    "Line",
    "Nodes",
    "Picture",
    "Plot",
    "Row",
    "Rule",
    "Text",
]

"""Trained networks, stored: what chapters look into without training it first.

Each network is one file beside this one, named after it: an .npz of the topology, the weights
and what made them. ``python -m lstmbook.trained [names]`` trains them again with the compiled
engine and writes the files.
"""

from lstmbook.trained.recipes import RECIPES, Recipe, make
from lstmbook.trained.stored import Trained, load, names, save

__all__ = ["RECIPES", "Recipe", "Trained", "load", "make", "names", "save"]

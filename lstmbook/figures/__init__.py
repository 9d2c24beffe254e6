"""Plots used by more than one chapter, and how a Matplotlib figure is shown in the book."""

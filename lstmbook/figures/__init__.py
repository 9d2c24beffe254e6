"""Plots used by more than one chapter, made of the marks of `lstmbook.explore`."""

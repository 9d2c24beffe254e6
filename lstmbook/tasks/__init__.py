"""The tasks of the papers: one module for each family, each task a small generator."""

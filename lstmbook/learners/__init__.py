"""Learners written once, in lane code: they run in NumPy and in the compiled trial loop."""

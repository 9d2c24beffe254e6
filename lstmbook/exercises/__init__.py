"""Exercises of the chapters: each solution is the source of its exercise."""

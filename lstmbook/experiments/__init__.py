"""The published experiments as data, and what runs, keeps and compares them.

`designs` (a row of a table: task, learner, criterion, cap), `store` (one SQLite file, one row a
trial), `runner` (`run`), `report` (published beside ours).
"""

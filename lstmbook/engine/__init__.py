"""The compiled trial loop: the reference's update, many independent trials in lockstep.

The engine needs Numba (the extra ``engine``), which is imported when a loop is first run.
"""

from lstmbook.engine.loop import run_trials
from lstmbook.engine.trials import ENGINE_VERSION, unsupported
from lstmbook.learners.trials import Result, Trial

__all__ = ["ENGINE_VERSION", "Result", "Trial", "run_trials", "unsupported"]

"""Numba, set up for compiled loops: import this before anything that imports Numba.

LLVM is told to use the full vector width of the processor (on some it prefers half of it, which
costs a quarter of the speed), and to join neighbouring scalars into vectors, unless the
environment has set these itself.
"""

from __future__ import annotations

import os
from typing import Any

import llvmlite.binding as llvm


def cpu_features() -> str:
    """Return this processor's features for LLVM, without the preference for 256-bit vectors."""
    return f"{llvm.get_host_cpu_features().flatten()},-prefer-256-bit"


if "NUMBA_CPU_FEATURES" not in os.environ and llvm.get_process_triple().startswith("x86_64"):
    os.environ["NUMBA_CPU_FEATURES"] = cpu_features()
os.environ.setdefault("NUMBA_SLP_VECTORIZE", "1")

import numba  # noqa: E402
from numba.core import config  # noqa: E402

_settings: Any = config
if os.environ["NUMBA_SLP_VECTORIZE"] == "1":
    _settings.SLP_VECTORIZE = 1
if _settings.CPU_FEATURES is None and "NUMBA_CPU_FEATURES" in os.environ:
    # Numba had been imported before: it takes the setting as long as nothing is compiled yet
    _settings.CPU_FEATURES = os.environ["NUMBA_CPU_FEATURES"]
    _settings.CPU_NAME = _settings.CPU_NAME or llvm.get_host_cpu_name()

__all__ = ["numba"]

"""Numba's compiler for lane functions, which are only ever called by other compiled ones.

Left alone, Numba optimises every function and makes machine code of it, though all but the entry
are used as parts of another. Here they stay what LLVM links and puts into line, hardly optimised;
the entry, with all of them in it, is optimised once. A loop compiles in a third of the time, and
better code comes out, since nothing is unrolled or joined before LLVM sees all of it.
"""

from __future__ import annotations

from typing import Any

from lstmbook.lanes.machine import numba
from lstmbook.lanes.words import Constants, described

from numba.core.codegen import JITCodeLibrary  # isort: skip
from numba.core import cpu, ir, types  # isort: skip
from numba.core.compiler import Compiler  # isort: skip
from numba.core.compiler_machinery import (  # isort: skip
    FunctionPass,
    PassManager,
    register_pass,
)
from numba.core.typed_passes import (  # isort: skip
    AnnotateTypes,
    IRLegalization,
    NativeLowering,
    NopythonTypeInference,
    NoPythonBackend,
    PreLowerStripPhis,
)
from numba.core.untyped_passes import (  # isort: skip
    DeadBranchPrune,
    FixupArgs,
    IRProcessing,
    ReconstructSSA,
    TranslateByteCode,
)

LEVEL = 2
"""LLVM's level of optimisation for a part."""


class Part(JITCodeLibrary):
    """A function as a part of others."""

    def _optimize_functions(self, ll_module: Any) -> None:
        """Leave it to the whole."""

    def _optimize_final_module(self) -> None:
        manager, builder = self._codegen._module_pass_manager(
            opt=LEVEL, loop_vectorize=False, slp_vectorize=False
        )
        manager.run(self._final_module, builder)

    def _finalize_final_module(self) -> None:
        self._finalized = True


class ConstantsType(types.Type):
    """A frozen dataclass that is known when code is compiled: no memory, only attributes."""

    def __init__(self, value: Any) -> None:
        self.value = value
        super().__init__(name=f"{type(value).__name__}({described(value)})")


@register_pass(mutates_CFG=False, analysis_only=False)
class SettleConstants(FunctionPass):
    """Put numbers in the place of constants' attributes, so that a dead branch is not compiled."""

    _name = "settle_constants"

    def __init__(self) -> None:
        super().__init__()

    def run_pass(self, state: Any) -> bool:
        """Go through a function once, in its order: what is read has been assigned before."""
        known: dict[str, Any] = {}
        definitions = state.func_ir._definitions
        for block in state.func_ir.blocks.values():
            for statement in block.find_insts(ir.Assign):
                value, name = statement.value, statement.target.name
                if isinstance(value, ir.Arg):
                    if isinstance(state.args[value.index], ConstantsType):
                        known[name] = state.args[value.index].value
                elif isinstance(value, ir.Var) and value.name in known:
                    known[name] = known[value.name]
                elif isinstance(value, ir.Expr) and value.op == "getattr":
                    if value.value.name not in known:
                        continue
                    found = getattr(known[value.value.name], value.attr)
                    if isinstance(found, Constants):
                        known[name] = found
                    elif isinstance(found, bool | int | float):
                        statement.value = ir.Const(found, statement.loc)
                        definitions[name] = [statement.value]
        return True


class PartCompiler(Compiler):
    """Compiles a function as a part of others."""

    def define_pipelines(self) -> list[Any]:
        """Return the passes that lane code needs: fewer than any Python function might."""
        passes = PassManager("lane code")
        for each in (
            TranslateByteCode, FixupArgs, IRProcessing, SettleConstants, DeadBranchPrune,
            ReconstructSSA, NopythonTypeInference, PreLowerStripPhis, IRLegalization,
            AnnotateTypes, NativeLowering, NoPythonBackend,
        ):  # fmt: skip
            passes.add_pass(each, each.__name__)
        passes.finalize()
        return [passes]

    def __init__(self, typing_context: Any, target: Any, library: Any, *rest: Any) -> None:
        part = Part(target.codegen(), "part")
        mine = target.subtarget(get_executable=_no_executable)
        super().__init__(typing_context, mine, part, *rest)


def _no_executable(library: Any, fndesc: Any, env: Any) -> Any:
    """Return what stands for a function that is never called from Python."""
    library._ensure_finalized()
    name = fndesc.qualname.split(".")[-1]
    functions: Any = cpu
    return functions._dynfunc.make_function(fndesc.lookup_module(), name, "", 0, env, (library,))


__all__ = ["PartCompiler", "numba"]

"""How kernels read arrays: an index counts from the beginning, and is never negative.

numba takes a negative index as one from the end, and so compares every signed index with zero and adds the array's
length or not. Kernels have no negative indices, as `fastpath.atomics` says of its own.
"""
# mypy: disallow-untyped-calls=False, disallow-subclassing-any=False

import copy
import operator
from typing import Any, cast

from numba.core.cpu import CPUContext
from numba.core.types import Array, Function, intp, uintp, unliteral
from numba.core.typing.templates import Signature

_INDEXING = (operator.getitem, operator.setitem)


class KernelContext(CPUContext):
    """numba's context for this processor, with signed indices taken as unsigned ones, which have the same bits."""

    @classmethod
    def of(cls, context: CPUContext) -> "KernelContext":
        """A context that knows what the other one knows, now and later."""
        own: Any = copy.copy(context)
        own.__class__ = cls
        return cast(KernelContext, own)

    def get_function(self, fn: Any, sig: Signature, _firstcall: bool = True) -> Any:
        """As numba's: what implements a function for a signature."""
        if isinstance(fn, Function) and len(sig.args) > 1 and isinstance(sig.args[0], Array):
            key = fn.get_impl_key(sig)
            if key in _INDEXING and unliteral(sig.args[1]) == intp:
                fn, sig = key, sig.replace(args=(sig.args[0], uintp, *sig.args[2:]))
        return super().get_function(fn, sig, _firstcall)

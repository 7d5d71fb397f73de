"""An array type whose plain elements are shared: the compiled counterpart of `proofs.interleavings.observed`.

A kernel that is given such an array announces also what it reads and writes by index. The type has the layout of an
ordinary array of words, and is made of an address by `observed_words_at`.
"""
# mypy: disallow-untyped-calls=False

import operator
from typing import Any

from llvmlite import ir
from numba import types
from numba.core.datamodel import models
from numba.extending import lower_builtin, register_model
from numba.np.arrayobj import make_array, populate_array

from proofs.interleavings.compiled import hooked
from proofs.interleavings.compiled.switch import emitted


class ObservedWords(types.Array):
    """Words whose every element access is announced."""

    def __init__(self) -> None:
        super().__init__(types.uint64, 1, "C", name="observed words")


OBSERVED_WORDS = ObservedWords()
register_model(ObservedWords)(models.ArrayModel)


_PLAIN_WORDS = types.Array(types.uint64, 1, "C")
_ROWS = types.Array(types.uint64, 2, "C")


@emitted
def observed_words_at(_context: Any, address: Any, length: Any) -> Any:
    """The words at an address, observed."""
    return OBSERVED_WORDS(address, length), _array_at


@emitted
def words_at(_context: Any, address: Any, length: Any) -> Any:
    """The words at an address, as an ordinary array."""
    return _PLAIN_WORDS(address, length), _array_at


@emitted
def rows_at(_context: Any, address: Any, rows: Any, columns: Any) -> Any:
    """The words at an address, as an ordinary array of two dimensions."""
    return _ROWS(address, rows, columns), _array_at


def _array_at(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    """An array over memory that somebody else keeps alive."""
    kind = signature.return_type
    word = context.get_value_type(types.intp)
    address, *lengths = (
        context.cast(builder, value, given, types.intp) for given, value in zip(signature.args, arguments, strict=True)
    )
    steps = [ir.Constant(word, 8)]
    for length in reversed(lengths[1:]):
        steps.insert(0, builder.mul(steps[0], length))
    array = make_array(kind)(context, builder)
    data = builder.inttoptr(address, context.get_data_type(kind.dtype).as_pointer())
    populate_array(array, data=data, shape=lengths, strides=steps, itemsize=ir.Constant(word, 8), meminfo=None)
    return array._getvalue()


def _place(context: Any, builder: Any, signature: Any, arguments: Any) -> tuple[ir.Value, ir.Value]:
    data = make_array(signature.args[0])(context, builder, arguments[0]).data
    return data, context.cast(builder, arguments[1], signature.args[1], types.int64)


@lower_builtin(operator.getitem, ObservedWords, types.Integer)
def _load_element(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    return hooked.plain_load(builder, *_place(context, builder, signature, arguments))


@lower_builtin(operator.setitem, ObservedWords, types.Integer, types.Any)
def _store_element(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    value = context.cast(builder, arguments[2], signature.args[2], types.uint64)
    hooked.plain_store(builder, *_place(context, builder, signature, arguments), value)

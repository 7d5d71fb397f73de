"""Tuples with one part replaced: how the pure functions of the models write to an array."""

from typing import TypeVar

Value = TypeVar("Value")


def put(values: tuple[Value, ...], index: int, value: Value) -> tuple[Value, ...]:
    """`values` with another value at `index`."""
    return (*values[:index], value, *values[index + 1 :])


def put_half(halves: tuple[Value, Value], direction: int, value: Value) -> tuple[Value, Value]:
    """What belongs to the two halves of a flow, with another value for one direction."""
    return (halves[0], value) if direction else (value, halves[1])

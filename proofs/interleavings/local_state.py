"""What decides how a thread goes on: where its functions are, and the values they still need.

A thread is a deterministic function of what it has read. So all that it has read decides how it goes on; but a thread
that has left a loop, or a function, has forgotten most of that. Two threads are in one local state if each of their
frames is: at the same instruction, with equal values of the variables that are read later (live variables: Kildall,
POPL 1973; Aho, Lam, Sethi, Ullman: Compilers, 9.2.5), and nothing else on its evaluation stack, whose content cannot be
looked at.

What lies behind a lock is told apart by what it is made of, or else by who gave the lock back last, and in which local
state (`remembered.Guard`). Of a thread that has ended nothing counts but what is left of it.

That holds of kernels, which cannot keep anything elsewhere, or the compiler would refuse them, and of code that is
written to the same end (`KEEP_NOTHING_ELSE`). A frame of other code, of a generator, of code with a value on its stack
(such as the iterator of a `for` loop), with an exception handler, or with a variable of a kind whose equality is not
known here, has the history of its thread for a state: the local state in which the thread was at its last access before
the frame began to wait, and what it read there.

While a frame waits its variables do not change, but objects that they name may. Whoever changes such an object has a
name for it, and so its own history for a state, or returns to one who has; code that keeps nothing else does not drop
that name while it goes on. The content of a thread's own arrays always counts, where all variables of a frame are of
known kinds.
"""

import dis
import enum
import functools
import inspect
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from types import BuiltinFunctionType, CellType, CodeType, FrameType, FunctionType, MethodType, ModuleType
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np

from proofs.interleavings.digest import digest
from proofs.interleavings.made_of import is_frozen

KEEP_NOTHING_ELSE: Final = (
    "fastpath.",
    "proofs.interleavings.scenarios.",
    "proofs.interleavings.arena",
    "proofs.interleavings.linearizability",
    "proofs.interleavings.observed",
)
"""Modules whose functions keep nothing but variables: kernels, and code around them. It calls no kernels through C,
where the state of a loop cannot be seen, as in `sum(map(kernel, ...))`, and does not give another value to a parameter
that is no number (`test_keep_nothing_else.py`)."""

_SHORT: Final = 64
"""Bytes of an array that are kept as they are."""
_ENDS: Final = frozenset(
    {
        *("RETURN_VALUE", "RETURN_CONST", "RAISE_VARARGS", "RERAISE"),
        *("JUMP_FORWARD", "JUMP_BACKWARD", "JUMP_BACKWARD_NO_INTERRUPT"),
    }
)
"""Instructions that the next one does not follow."""


_Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]


class Unchanging:
    """Base of classes whose instances live as long as a program and do not change while its threads run."""

    def local_state(self) -> Hashable:
        """What a thread knows by having it: which one it is. Other classes may have a method of this name as well."""
        return id(self)


class _NotComparableError(Exception):
    """A variable of a kind whose equality is not known."""


@dataclass(slots=True)
class _Frame:
    """A frame of a thread, which makes an access or waits for what it has called.

    Attributes:
        frame: the interpreter's.
        past: the thread's last access before this frame began to wait.
        state: its state; None as long as nobody has asked for it.
        own: the thread's own arrays that are met here and not further out, once the state is known.
    """

    frame: FrameType
    past: Hashable
    state: Hashable = None
    own: list[_Array] = field(default_factory=list)


class LocalStates:
    """The local states that one thread of one run goes through.

    `shared` has the names of the arrays that threads share, by identity: their content is not the thread's own.
    """

    def __init__(self, shared: Mapping[int, Hashable], skipped: Collection[str]) -> None:
        """`skipped` are the modules whose frames belong to the scheduler."""
        self._shared = shared
        self._skipped = skipped
        self._frames: list[_Frame] = []
        self.results: tuple[Hashable, ...] = ()
        """What the thread's operations have returned so far: it stays, whoever forgets it."""

    def note(self, innermost: FrameType | None, past: Hashable) -> None:
        """The running thread is about to make an access: from its innermost frame, which is given.

        `past` is its local state at the last access before, and what it has read there. To be told of every access:
        what has run since the last one is known by that, and what has waited since an earlier one, by the earlier one.
        """
        positions = {id(frame.frame): position for position, frame in enumerate(self._frames)}
        new: list[_Frame] = []
        called, frame = None, innermost
        while frame is not None:
            if frame.f_globals.get("__name__") not in self._skipped:
                position = positions.get(id(frame))
                if position is not None and self._waits_as_before(position, called):
                    break
                new.append(_Frame(frame, past))
                called = frame
            frame = frame.f_back
        outer = 0 if frame is None else positions[id(frame)] + 1
        self._frames[outer:] = reversed(new)

    def _waits_as_before(self, position: int, called: FrameType | None) -> bool:
        """Whether a frame that is known waits for the same call as before; then so do all further out.

        But for generators: whoever goes on with one may have run. That has changed what the generator has called, so
        that it is noted anew, with a past that tells all.
        """
        return position + 1 < len(self._frames) and self._frames[position + 1].frame is called

    def state(self) -> Hashable:
        """The local state of the thread at the access that was noted last: no frame has run since."""
        arrays: list[_Array] = []
        for frame in self._frames:
            if frame.state is None:
                values = self._values(frame.frame, _Own(arrays, frame.own))
                frame.state = _frame_state(frame.frame, values, frame.past)
            arrays += frame.own
        return tuple(frame.state for frame in self._frames), _content(arrays), self.results

    def left(self, body: object, result: object) -> Hashable:
        """What is left of a thread that has ended, by its function and what that returned; None if that is not known.

        A function of code that keeps nothing else has left nothing but in what it holds. `body` is None where that does
        not count.
        """
        own = _Own((), [])
        try:
            held = None if body is None else self._held(body, own)
            return self.results, held, self._final(result, own), _content(own.here)
        except _NotComparableError:
            return None

    def _held(self, body: object, own: "_Own") -> Hashable:
        function = body.func if isinstance(body, functools.partial) else body
        if not str(getattr(function, "__module__", "")).startswith(KEEP_NOTHING_ELSE):
            raise _NotComparableError
        return self._value(body, own)

    def _final(self, value: object, own: "_Own") -> Hashable:
        if isinstance(value, list):
            return list, tuple(self._final(part, own) for part in value)
        return self._value(value, own)

    def _values(self, frame: FrameType, own: "_Own") -> dict[str, Hashable] | None:
        """A frame's variables as comparable values; None where one is not."""
        try:
            return {name: self._value(value, own) for name, value in frame.f_locals.items()}
        except _NotComparableError:
            return None

    def _value(self, value: object, own: "_Own") -> Hashable:
        if value is None or isinstance(value, (int, float, str, bytes, np.generic, enum.Enum)):
            return type(value), value
        if isinstance(value, (type, ModuleType)):
            return id(value)
        if isinstance(value, tuple):
            return type(value), tuple(self._value(part, own) for part in value)
        if isinstance(value, np.ndarray):
            return self._array(value, own)
        if isinstance(value, slice):
            return slice, self._value((value.start, value.stop, value.step), own)
        if isinstance(value, (FunctionType, MethodType, BuiltinFunctionType, functools.partial)):
            return self._code(value, own)
        if (state := getattr(type(value), "local_state", None)) is not None:
            return type(value), state(value)
        if is_frozen(value):
            return type(value), tuple(self._value(getattr(value, field.name), own) for field in fields(value))
        raise _NotComparableError

    def _code(self, value: Any, own: "_Own") -> Hashable:
        """Something that can be called: what it is, and what it holds."""
        if isinstance(value, FunctionType):
            cells = tuple(self._value(_contents(cell), own) for cell in value.__closure__ or ())
            defaults = value.__defaults__, tuple(sorted((value.__kwdefaults__ or {}).items()))
            return id(value.__code__), cells, self._value(defaults, own)
        if isinstance(value, functools.partial):
            return self._value((value.func, value.args, *value.keywords.items()), own)
        if isinstance(value, MethodType):
            return self._value((value.__func__, value.__self__), own)
        if isinstance(value.__self__, ModuleType | None):
            return value.__module__, value.__qualname__
        raise _NotComparableError  # a method of something that may change

    def _array(self, array: "_Array", own: "_Own") -> Hashable:
        name = self._shared.get(id(array))
        if name is not None:
            return name
        if array.base is not None:
            raise _NotComparableError  # a view may show what others change
        return own.number(array), array.shape, array.dtype.str


def _contents(cell: CellType) -> tuple[Any, ...]:
    """What is in a variable that functions share; nothing before it has a value."""
    try:
        return (cell.cell_contents,)
    except ValueError:
        return ()


def _content(arrays: Sequence["_Array"]) -> Hashable:
    """What is in arrays; of large ones a digest."""
    return tuple(array.tobytes() if array.nbytes <= _SHORT else digest(array.tobytes()) for array in arrays)


class _Own(NamedTuple):
    """A thread's own arrays: those of the frames further out, and those of a frame."""

    before: Sequence["_Array"]
    here: list["_Array"]

    def number(self, array: "_Array") -> int:
        """The number of an array, which it gets where it is met first."""
        for number, known in enumerate((*self.before, *self.here)):
            if known is array:
                return number
        self.here.append(array)
        return len(self.before) + len(self.here) - 1


def change_state(change: Callable[[int], int | None] | None) -> Hashable:
    """What decides what an update does: its code, and the values that are bound in it."""
    if change is None:
        return None
    cells = getattr(change, "__closure__", None) or ()
    code: CodeType | None = getattr(change, "__code__", None)
    if code is None:
        return id(change)
    return id(code), tuple(
        change_state(cell.cell_contents)
        if callable(cell.cell_contents)
        else (type(cell.cell_contents), cell.cell_contents)
        for cell in cells
    )


def _frame_state(frame: FrameType, values: Mapping[str, Hashable] | None, past: Hashable) -> Hashable:
    code = frame.f_code
    if values is None or not str(frame.f_globals.get("__name__")).startswith(KEEP_NOTHING_ELSE):
        return past
    call, needed = _needed_after_calls(code).get(frame.f_lasti, (0, None))
    if needed is None:
        return past
    names = sorted((needed | _shared_with_functions(code)) & values.keys())
    return id(code), call, tuple((name, values[name]) for name in names)


def _shared_with_functions(code: CodeType) -> frozenset[str]:
    """The variables that functions within this one, or around it, may read."""
    return frozenset((*code.co_freevars, *code.co_cellvars))


@functools.cache
def _needed_after_calls(code: CodeType) -> Mapping[int, tuple[int, frozenset[str]]]:
    """For each offset within a call that leaves nothing but its result on the stack: which, and what is live after it.

    Nothing at all for code with exception handlers: they jump from anywhere. Nor for generators: between two steps of
    one whoever goes on with it has run, though it may be the same frame that waits for the same generator; only the
    past of the generator tells.
    """
    if code.co_exceptiontable or code.co_flags & inspect.CO_GENERATOR:
        return {}
    instructions = list(dis.get_instructions(code))
    following = _successors(instructions)
    depths, live = _depths(instructions, following), _live(instructions, following)
    found: dict[int, tuple[int, frozenset[str]]] = {}
    for number, instruction in enumerate(instructions):
        if instruction.opname.startswith("CALL") and following[number] and number in depths:
            (after, _), *_ = following[number]
            if depths[after] == 1:
                # While a function is called, the last instruction may be what prepares the call or lie in its cache:
                # which of them changes as the interpreter specialises the code.
                prepares = number > 0 and instructions[number - 1].opname == "PRECALL"
                first = instructions[number - 1] if prepares else instruction
                for offset in range(first.offset, instructions[after].offset, 2):
                    found[offset] = instruction.offset, live[after]
    return found


def _successors(instructions: Sequence[dis.Instruction]) -> list[list[tuple[int, bool]]]:
    """For each instruction those that may come next, and whether by a jump."""
    at = {instruction.offset: number for number, instruction in enumerate(instructions)}
    jumps = {*dis.hasjrel, *dis.hasjabs}
    found = []
    for number, instruction in enumerate(instructions):
        following = [(at[instruction.argval], True)] if instruction.opcode in jumps else []
        if instruction.opname not in _ENDS and number + 1 < len(instructions):
            following.insert(0, (number + 1, False))
        found.append(following)
    return found


def _depths(
    instructions: Sequence[dis.Instruction], following: Sequence[Sequence[tuple[int, bool]]]
) -> Mapping[int, int]:
    """The depth of the evaluation stack before each instruction that can be reached."""
    depths, border = {0: 0}, [0]
    while border:
        number = border.pop()
        instruction = instructions[number]
        argument = instruction.arg if instruction.opcode >= dis.HAVE_ARGUMENT else None
        for after, jumps in following[number]:
            if after not in depths:
                depths[after] = depths[number] + dis.stack_effect(instruction.opcode, argument, jump=jumps)
                border.append(after)
    return depths


def _live(
    instructions: Sequence[dis.Instruction], following: Sequence[Sequence[tuple[int, bool]]]
) -> list[frozenset[str]]:
    """The variables that may be read from each instruction on before they are set."""
    live: list[frozenset[str]] = [frozenset() for _ in instructions]
    changed = True
    while changed:
        changed = False
        for number in reversed(range(len(instructions))):
            needed = frozenset[str]().union(*(live[after] for after, _ in following[number]))
            needed = _before(instructions[number], needed)
            changed |= needed != live[number]
            live[number] = needed
    return live


def _before(instruction: dis.Instruction, after: frozenset[str]) -> frozenset[str]:
    """What is live before an instruction, given what is after it; one may touch two variables, read ones count."""
    names = frozenset(instruction.argval if isinstance(instruction.argval, tuple) else (instruction.argval,))
    if "LOAD_FAST" in instruction.opname:
        return after | names
    if "STORE_FAST" in instruction.opname or "DELETE_FAST" in instruction.opname:
        return after - names
    return after

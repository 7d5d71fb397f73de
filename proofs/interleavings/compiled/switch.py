"""Coroutines for compiled kernels: each shared access of a thread gives the processor back to the scheduler.

Every thread has a stack of its own, a piece of an array. A kernel that is about to touch a shared word calls
`lockstep_access` with the word's address and the kind of access; that saves the thread's registers on its stack, takes
up the scheduler where it left off in `resume`, and comes back when the scheduler resumes the thread: about 20 ns both
ways. It comes back with the address that the access shall go to: under sequential consistency the word itself, and in
another memory model perhaps a store buffer's entry.

The routines are module-level assembly that llvmlite assembles at import, no C compiler takes part; compiled kernels
find them by name. They follow the System V calling convention of x86-64: of the registers that a call must preserve,
all are kept on the stack. Elsewhere than on x86-64 Linux nothing is assembled, and `why_unavailable` says so.

There is one control block in a process, so one search runs at a time.
"""
# mypy: disallow-untyped-calls=False

import ctypes
import enum
import functools
import platform
import sys
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from fastpath.memory import Ordering

MOST_THREADS: Final = 8


class Operation(enum.IntEnum):
    """What a thread is about to do: the low six bits of a kind of access."""

    LOAD = 0
    STORE = 1
    UPDATE = 2
    COMPARE_AND_SWAP = 3
    FENCE = 4
    CALL = 5
    RETURN = 6
    END = 7


ORDERINGS: Final = tuple(Ordering)
ORDERING_SHIFT: Final = 8
FAILURE_SHIFT: Final = 12


def kind_of(operation: Operation, ordering: Ordering, failure: Ordering = Ordering.PLAIN) -> int:
    """The kind that reaches the scheduler: operation, ordering, and that of a swap that fails, as places in a tuple."""
    return operation | ORDERINGS.index(ordering) << ORDERING_SHIFT | ORDERINGS.index(failure) << FAILURE_SHIFT


def decode(kind: int) -> tuple[Operation, Ordering, Ordering]:
    """The opposite of `kind_of`."""
    return Operation(kind & 63), ORDERINGS[kind >> ORDERING_SHIFT & 15], ORDERINGS[kind >> FAILURE_SHIFT & 15]


# --- the control block ---

HUB: Final = 0
"""The scheduler's stack pointer while a thread runs."""
CURRENT: Final = 1
"""Number of the thread that runs, or ran last."""
ADDRESS: Final = 2
"""What it is about to touch."""
KIND: Final = 3
"""How."""
PAUSED: Final = 4
"""Not 0 when it paused on its way there."""
TURNS: Final = 5
"""Which operations wait for a turn, a bit each; the others go on at once. 0 while no thread runs."""
CONSTANT_FIRST: Final = 6
"""Address of the words that never change: loading them needs no turn."""
CONSTANT_BYTES: Final = 7
EXPECTED: Final = 8
"""Of a compare-and-swap: the value at which it succeeds."""
STACKS: Final = 9
"""Stack pointers of the threads that do not run."""

CONTROL: Final = np.zeros(STACKS + MOST_THREADS, np.int64)

FRAME_WORDS: Final = 7
"""What `resume` takes from a stack: six registers, r15 to r12 first, and where to go on."""

STACK_WORDS: Final = 8192
"""64 KiB: the signal handler of the interpreter may have to run on it too."""

ACCESS, RESUME, PAUSE, BEGIN = "lockstep_access", "lockstep_resume", "lockstep_pause", "lockstep_begin"

_SAVE = "\n".join(f"pushq %{register}" for register in ("rbp", "rbx", "r12", "r13", "r14", "r15"))
_RESTORE = "\n".join(f"popq %{register}" for register in ("r15", "r14", "r13", "r12", "rbx", "rbp", "rcx"))
_ASSEMBLY = f"""
.text
{ACCESS}:
movabsq ${CONTROL.ctypes.data}, %rax
movq {8 * TURNS}(%rax), %rcx
btq %rsi, %rcx
jnc 1f
testb $63, %sil
jnz 2f
movq %rdi, %rcx
subq {8 * CONSTANT_FIRST}(%rax), %rcx
cmpq {8 * CONSTANT_BYTES}(%rax), %rcx
jae 2f
1:
movq %rdi, %rax
retq
2:
{_SAVE}
movq %rdi, {8 * ADDRESS}(%rax)
movq %rsi, {8 * KIND}(%rax)
movq %rdx, {8 * EXPECTED}(%rax)
movq {8 * CURRENT}(%rax), %rcx
movq %rsp, {8 * STACKS}(%rax,%rcx,8)
movq {8 * HUB}(%rax), %rsp
{_RESTORE}
jmpq *%rcx
{RESUME}:
{_SAVE}
movabsq ${CONTROL.ctypes.data}, %rax
movq %rdi, {8 * CURRENT}(%rax)
movq %rsp, {8 * HUB}(%rax)
movq {8 * STACKS}(%rax,%rdi,8), %rsp
movq %rsi, %rax
{_RESTORE}
jmpq *%rcx
{PAUSE}:
movabsq ${CONTROL.ctypes.data}, %rax
movq $1, {8 * PAUSED}(%rax)
retq
{BEGIN}:
movq %r13, %rdi
movq %r14, %rsi
callq *%r12
xorl %edi, %edi
movl ${int(Operation.END)}, %esi
callq {ACCESS}
ud2
"""


def why_unavailable() -> str | None:
    """Why compiled threads cannot run on this machine, or None when they can."""
    if sys.platform != "linux" or platform.machine() not in {"x86_64", "AMD64"}:
        return f"the compiled engine switches stacks on x86-64 Linux only, this is {sys.platform} {platform.machine()}"
    return None


class UnavailableError(RuntimeError):
    """Compiled threads cannot run on this machine; the message says why."""


@functools.cache
def routines() -> dict[str, int]:
    """Addresses of the four routines, which compiled kernels find by name from then on.

    Raises UnavailableError where they cannot be.
    """
    reason = why_unavailable()
    if reason is not None:
        raise UnavailableError(reason)
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    binding.initialize_native_asmparser()
    names = (ACCESS, RESUME, PAUSE, BEGIN)
    escaped = _ASSEMBLY.strip().replace("\n", "\\0A")
    lines = [f'module asm "{escaped}"']
    lines += [f"declare void @{name}()\ndefine ptr @address_of_{name}() {{ ret ptr @{name} }}" for name in names]
    module = binding.parse_assembly("\n".join(lines))
    machine = binding.Target.from_default_triple().create_target_machine(codemodel="large", jit=True)
    engine = binding.create_mcjit_compiler(module, machine)
    engine.finalize_object()
    _KEPT.append(engine)
    found = {}
    for name in names:
        found[name] = ctypes.CFUNCTYPE(ctypes.c_uint64)(engine.get_function_address(f"address_of_{name}"))()
        binding.add_symbol(name, found[name])
    return found


_KEPT: list[Any] = []
"""The engine that owns the routines' memory."""

_WORD = ir.IntType(64)


def call_routine(builder: ir.IRBuilder, name: str, result: ir.Type, *arguments: ir.Value) -> ir.Value:
    """A call of a routine by name."""
    kind = ir.FunctionType(result, [_WORD] * len(arguments))
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), arguments)


def emitted(function: Callable[..., Any]) -> Any:
    """Numba's `intrinsic`, whose result is called with other arguments than the function's."""
    return intrinsic(function)


@emitted
def resume(_context: Any, thread: Any, address: Any) -> Any:
    """Let a thread make its access at an address and run up to the next one, or to its end."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        words = [
            context.cast(builder, value, kind, types.int64)
            for kind, value in zip(signature.args, arguments, strict=True)
        ]
        call_routine(builder, RESUME, ir.VoidType(), *words)
        return context.get_dummy_value()

    return types.void(thread, address), generate


@emitted
def call_check(_context: Any, _function: Any, _words: Any, _private: Any) -> Any:
    """Call the function at an address with two addresses; its 64-bit result."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        kind = ir.FunctionType(_WORD, [_WORD, _WORD]).as_pointer()
        return builder.call(builder.inttoptr(arguments[0], kind), arguments[1:])

    return types.int64(types.int64, types.int64, types.int64), generate


@emitted
def read_word(_context: Any, _address: Any) -> Any:
    """The signed 64-bit word at an address."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.load(builder.inttoptr(arguments[0], _WORD.as_pointer()))

    return types.int64(types.int64), generate


@emitted
def copy_words(_context: Any, _to: Any, _source: Any, _words: Any) -> Any:
    """Copy so many 64-bit words from one address to another; they do not overlap."""

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        to, source, words = arguments
        pointer = _WORD.as_pointer()
        size = ir.Constant(_WORD, 8)
        cgutils.raw_memcpy(builder, builder.inttoptr(to, pointer), builder.inttoptr(source, pointer), words, size)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), generate


@emitted
def write_word(_context: Any, _address: Any, _value: Any) -> Any:
    """Set the 64-bit word at an address."""

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        builder.store(arguments[1], builder.inttoptr(arguments[0], _WORD.as_pointer()))
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), generate

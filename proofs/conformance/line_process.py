"""A process that is asked in lines and answers in lines. Nothing waits longer than the time-out; it is always reaped.

The process leads a session of its own, so that it is ended together with whatever it started. Its standard error is the
caller's.
"""

from __future__ import annotations

import os
import selectors
import shlex
import signal
import subprocess
import time
from contextlib import suppress
from types import TracebackType

LONGEST_LINE = 64 * 1024 * 1024
"""Bytes; a longer line is taken for output that never ends."""

READ_SIZE = 1 << 16
SECONDS_TO_EXIT = 5.0
"""How long a process may take to end after its input has ended."""


class ProcessFault(Exception):
    """The process did not do its part; the message says what happened, without naming it."""


class LineProcess:
    """A running command. Use as a context manager: leaving it ends the process, whatever state it is in."""

    def __init__(self, command: str, timeout: float) -> None:
        """Start `command`, split as a shell would but run without one.

        Args:
            command: program and arguments.
            timeout: seconds that each answer may take.

        Raises:
            ProcessFault: the command is empty, not well quoted, or cannot be started.
        """
        try:
            words = shlex.split(command)
        except ValueError as error:
            raise ProcessFault(f"the command is not well quoted: {str(error).lower()}") from None
        if not words:
            raise ProcessFault("the command is empty")
        try:
            self._process = subprocess.Popen(
                words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, start_new_session=True
            )
        except (OSError, ValueError) as error:
            raise ProcessFault(f"cannot be started: {getattr(error, 'strerror', None) or error}") from None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._input, self._output = self._process.stdin.fileno(), self._process.stdout.fileno()
        os.set_blocking(self._input, False)
        os.set_blocking(self._output, False)
        self._timeout = timeout
        self._received = bytearray()

    def __enter__(self) -> LineProcess:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.kill()

    @property
    def is_reaped(self) -> bool:
        """Whether the process has ended and the system has forgotten it."""
        return self._process.returncode is not None

    def ask(self, line: bytes) -> bytes:
        """Send one line and return the next line that comes, both without the line end.

        Raises:
            ProcessFault: there was output before the question, or no answer.
        """
        if self._received:
            raise ProcessFault(f"wrote more than one line as its last answer: {shown(self._received)}")
        unsent = memoryview(line + b"\n")
        deadline = time.monotonic() + self._timeout
        with selectors.DefaultSelector() as selector:
            selector.register(self._output, selectors.EVENT_READ)
            selector.register(self._input, selectors.EVENT_WRITE)
            while unsent or b"\n" not in self._received:
                ready = self._ready(selector, deadline)
                if self._input in ready:
                    unsent = unsent[self._write(unsent) :]
                    if not unsent:
                        selector.unregister(self._input)
                if self._output in ready and not self._read():
                    raise ProcessFault(f"{self._ending()} without an answer")
        answer, _, rest = bytes(self._received).partition(b"\n")
        self._received = bytearray(rest)
        return answer

    def finish(self) -> None:
        """Close its input and see it end of its own accord, successfully and without another word.

        Raises:
            ProcessFault: it did not.
        """
        self._close_input()
        deadline = time.monotonic() + min(SECONDS_TO_EXIT, self._timeout)
        with selectors.DefaultSelector() as selector:
            selector.register(self._output, selectors.EVENT_READ)
            try:
                while not self._received:
                    self._ready(selector, deadline)
                    if not self._read():
                        break
                self._process.wait(max(0.0, deadline - time.monotonic()))
            except (ProcessFault, subprocess.TimeoutExpired):
                if not self._received:
                    raise ProcessFault("did not exit when its input ended") from None
        if self._received:
            raise ProcessFault(f"wrote more than one line as its last answer: {shown(self._received)}")
        if self._process.returncode:
            raise ProcessFault(self._ending())

    def kill(self) -> None:
        """End the process and all that it started, and reap it."""
        if self._process.poll() is None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.kill()
            self._process.wait()
        self._close_input()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _ready(self, selector: selectors.BaseSelector, deadline: float) -> set[int]:
        left = deadline - time.monotonic()
        events = selector.select(left) if left > 0 else []
        if not events:
            raise ProcessFault(f"no answer within {self._timeout:g} s")
        return {key.fd for key, _ in events}

    def _write(self, data: memoryview) -> int:
        try:
            return os.write(self._input, data)
        except BlockingIOError:
            return 0
        except BrokenPipeError:
            raise ProcessFault(f"{self._ending()} without reading on") from None

    def _read(self) -> bool:
        """Take what there is; False at the end of the output."""
        try:
            data = os.read(self._output, READ_SIZE)
        except BlockingIOError:
            return True
        self._received += data
        if len(self._received) > LONGEST_LINE:
            raise ProcessFault(f"wrote more than {LONGEST_LINE} bytes without a line end")
        return bool(data)

    def _ending(self) -> str:
        """How the process ended, as the beginning of a sentence. One that only closed its pipes may still run."""
        try:
            status = self._process.wait(1.0)
        except subprocess.TimeoutExpired:
            return "closed its output"
        if status < 0:
            return f"was ended by {signal.Signals(-status).name}"
        return f"exited with status {status}"

    def _close_input(self) -> None:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()


def shown(output: bytes | bytearray) -> str:
    """The beginning of some output, for an error message of one line."""
    text = bytes(output[:80]).decode(errors="replace")
    return repr(text) + ("..." if len(output) > 80 else "")

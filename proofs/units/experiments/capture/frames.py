"""Frames as Hypothesis draws them, and a capture in memory or in a file."""

import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import BinaryIO

from hypothesis import strategies as st

from experiments.capture.errors import CaptureError
from experiments.capture.frame import Frame
from experiments.capture.source import Source

LAST_PCAP_TIME_NS = 2**32 * 10**9 - 1
"""A pcap record counts seconds in 32 bits, unsigned."""


def frames(interfaces: st.SearchStrategy[str]) -> st.SearchStrategy[Frame]:
    """Whole and cut frames at any time that both formats can express."""
    whole = st.builds(
        lambda time, interface, data: Frame(time, interface, data, len(data)),
        st.integers(0, LAST_PCAP_TIME_NS),
        interfaces,
        st.binary(max_size=200),
    )
    return st.builds(
        lambda frame, missing: replace(frame, original_length=len(frame.data) + missing),
        whole,
        st.sampled_from([0, 0, 1, 1000]),
    )


def written(write: Callable[[BinaryIO], None]) -> bytes:
    """What `write` puts into a file."""
    stream = io.BytesIO()
    write(stream)
    return stream.getvalue()


def decoded(read: Callable[[Source], Iterator[Frame]], content: bytes) -> list[Frame]:
    """The frames that a format's `read` finds in a file of this content."""
    return list(read(Source(io.BufferedReader(io.BytesIO(content)), "capture")))


def decoded_or_refused(read: Callable[[Source], Iterator[Frame]], content: bytes) -> list[Frame] | None:
    """The frames, or None when reading raises `CaptureError`; any other exception is a defect."""
    try:
        return decoded(read, content)
    except CaptureError:
        return None

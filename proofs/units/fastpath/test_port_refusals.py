"""What a fast port refuses, or fails at, leaves it as it was."""

from collections.abc import Callable

import pytest

import fastpath
import reference
from fastpath.port import TimeOutOfRange
from proofs.units.fastpath.ports import NOW, OUT, fast_port, is_hit, outbound
from reference.errors import BadState
from reference.flow_table import FLOW_TIME_TO_LIVE_MS
from reference.verdict import Modified, ProcessError


@pytest.mark.parametrize("now_ms", [-1, 1 << 63])
def test_a_time_that_the_arena_cannot_hold_is_refused_and_the_port_goes_on(now_ms: int) -> None:
    port, frame = fast_port(), outbound(1)
    for call in (
        lambda: port.process(OUT, frame, now_ms),
        lambda: port.process(OUT, frame, now_ms, [14]),
        lambda: port.process_batch(fastpath.FrameBatch(), now_ms),
        lambda: port.expire(now_ms),
    ):
        with pytest.raises(TimeOutOfRange, match="now_ms"):
            call()
    assert isinstance(port.process(OUT, frame, NOW), Modified)


def test_a_commit_that_fails_leaves_the_control_word_right(monkeypatch: pytest.MonkeyPatch) -> None:
    port = fast_port()
    monkeypatch.setattr(port._slow_path.mirror, "_replace_survivors", lambda: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        port.pause()
    monkeypatch.undo()
    assert isinstance(port.process(OUT, outbound(1), NOW), ProcessError)
    port.start()
    assert isinstance(port.process(OUT, outbound(1), NOW), Modified)


def native_port(design: fastpath.Design) -> fastpath.Port:
    """A port with one flow, which the reference does not know unless it has to."""
    port = fast_port(design)
    ticket = port.ticket
    assert isinstance(port.process(OUT, outbound(1), NOW), Modified)
    assert port.ticket == ticket
    return port


@pytest.mark.parametrize("design", fastpath.Design, ids=lambda design: design.value)
@pytest.mark.parametrize(
    ("name", "call"),
    [("reset", lambda port: port.reset()), ("clear_uft", lambda port: port.clear_uft())],
    ids=["reset", "clear_uft"],
)
def test_clearing_that_raises_takes_no_flow_away(
    name: str, call: Callable[[fastpath.Port], None], design: fastpath.Design, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = native_port(design)
    monkeypatch.setattr(reference.Port, name, lambda _: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        call(port)
    monkeypatch.undo()
    assert is_hit(port, OUT, outbound(1))
    call(port)
    port.start()
    assert not is_hit(port, OUT, outbound(1))


@pytest.mark.parametrize("design", fastpath.Design, ids=lambda design: design.value)
def test_clearing_a_paused_port_is_refused_and_takes_no_flow_away(design: fastpath.Design) -> None:
    port = native_port(design)
    port.pause()
    with pytest.raises(BadState):
        port.clear_uft()
    port.start()
    assert is_hit(port, OUT, outbound(1))


@pytest.mark.parametrize("design", fastpath.Design, ids=lambda design: design.value)
def test_an_expiry_that_a_pause_overtakes_takes_no_flow_away(
    design: fastpath.Design, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The port is paused after the expiry has seen what is due, before it has the slow lock."""
    port = native_port(design)
    misses = port._slow_path.misses
    look = misses.next_due

    def overtaken(now_ms: int, position: int) -> int:
        found = look(now_ms, position)
        if port.state is reference.PortState.RUNNING:
            port.pause()
        return found

    monkeypatch.setattr(misses, "next_due", overtaken)
    with pytest.raises(BadState):
        port.expire(NOW + FLOW_TIME_TO_LIVE_MS)
    port.start()
    assert is_hit(port, OUT, outbound(1))

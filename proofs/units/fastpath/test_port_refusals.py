"""What a fast port refuses, or fails at, leaves it as it was."""

import pytest

import fastpath
from fastpath.port import TimeOutOfRange
from proofs.units.fastpath.ports import NOW, OUT, fast_port, outbound
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

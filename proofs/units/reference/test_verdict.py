"""Verdicts: comparable values with the words of recordings."""

from reference.verdict import DenyReason, Drop, DropCause, LayerDrop, ProcessError


def test_equal_decisions_are_equal() -> None:
    assert Drop(LayerDrop("nat", DenyReason.ACTION)) == Drop(LayerDrop("nat", DenyReason.ACTION))
    assert Drop(LayerDrop("nat", DenyReason.ACTION)) != Drop(LayerDrop("nat", DenyReason.RULE))
    assert Drop(DropCause.TCP_ERROR) != Drop(DropCause.HANDLE_PACKET)


def test_reasons_are_named_as_in_recordings() -> None:
    assert [cause.value for cause in DropCause] == ["tcp_err", "handle_pkt"]
    assert [reason.value for reason in DenyReason] == ["rule", "default", "action"]


def test_an_error_prints_as_its_text() -> None:
    assert str(ProcessError("BadState(Paused)")) == "BadState(Paused)"

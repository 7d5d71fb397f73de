"""Failed requests have OPTE's error texts, and are told apart from programming errors."""

from reference.errors import LayerError, ProcessingError
from reference.hairpin.errors import HandlePacketError, MalformedRequest, UnexpectedRequest


def test_the_texts_are_opte_s() -> None:
    assert str(MalformedRequest()) == "GenPacket(Malformed)"
    assert str(UnexpectedRequest("why")) == 'GenPacket(Unexpected("why"))'
    assert str(HandlePacketError("outbound ARP (parse)")) == 'HandlePkt("outbound ARP (parse)")'


def test_replies_fail_inside_a_layer_and_arp_outside_of_all() -> None:
    assert issubclass(MalformedRequest, LayerError)
    assert issubclass(UnexpectedRequest, LayerError)
    assert issubclass(HandlePacketError, ProcessingError)
    assert not issubclass(HandlePacketError, LayerError)

"""Why a request that deserves an answer gets none."""

from reference.errors import LayerError, ProcessingError


class MalformedRequest(LayerError):
    """An answer is due, but the request does not parse."""

    def __init__(self) -> None:
        super().__init__("GenPacket(Malformed)")


class UnexpectedRequest(LayerError):
    """The request parses, but breaks a rule of its protocol."""

    def __init__(self, message: str) -> None:
        super().__init__(f'GenPacket(Unexpected("{message}"))')
        self.message = message


class HandlePacketError(ProcessingError):
    """A packet that is handled outside the layers, such as ARP, is malformed."""

    def __init__(self, message: str) -> None:
        super().__init__(f'HandlePkt("{message}")')
        self.message = message

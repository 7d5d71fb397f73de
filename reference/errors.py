"""Errors of a port: refused control operations, and failures inside packet processing.

`str()` of every error is the text that upstream's own error value prints, so that recordings compare by equality.
Errors of packet
processing never leave the port: `Port.process` turns them into `verdict.ProcessError`.
"""


class ControlError(Exception):
    """A control operation was refused; the port is as it was, apart from what the operation's documentation says."""


class BadState(ControlError):
    """The operation is not allowed in the port's present state (Upstream: `check_state!` in `port/mod.rs`)."""

    def __init__(self, state: str) -> None:
        super().__init__(f'BadState("{state}")')
        self.state = state


class LayerNotFound(ControlError):
    """No layer of the port has this name; the layers are gateway, firewall, router, nat and overlay."""

    def __init__(self, name: str) -> None:
        super().__init__(f'LayerNotFound("{name}")')
        self.name = name


class RuleNotFound(ControlError):
    """No rule of the given direction has this id."""

    def __init__(self, rule_id: int) -> None:
        super().__init__(f"RuleNotFound({rule_id})")
        self.rule_id = rule_id


class InvalidIpConfig(ControlError):
    """The request concerns an address family that the port does not have."""

    def __init__(self) -> None:
        super().__init__("InvalidIpCfg")


class InvalidRouterEntry(ControlError):
    """Destination and target of a route do not go together."""

    def __init__(self, destination: str, reason: str) -> None:
        super().__init__(f"InvalidRouterEntry({destination}, {reason})")


class InvalidMapping(ControlError):
    """A mapping names an address that cannot be mapped to."""


class TextError(ValueError):
    """A text form (address, prefix, firewall rule, router target) could not be parsed. The message is upstream's."""


class ProcessingError(Exception):
    """Processing of one packet failed; `str()` is the error text of the verdict."""


class LayerError(ProcessingError):
    """A layer failed to process a packet; the text is what upstream puts inside `Layer(...)`."""


class TableFull(Exception):
    """A flow table has no room and no entry may be evicted.

    Attributes:
        limit: capacity of the table, in entries.
    """

    def __init__(self, limit: int) -> None:
        super().__init__(f"flow table full ({limit} entries)")
        self.limit = limit

"""One recording replayed: its ports, the tables they share, and steps done one after the other."""

from collections.abc import Callable
from typing import Any, TypeAlias

from reference.errors import ControlError
from reference.recorded import configuration
from reference.recorded.configuration import Plain
from reference.recorded.operations import MAPPING_OPERATIONS, PORT_OPERATIONS, UnreadableText, route
from reference.vpc.config import TableLimits, VpcConfig
from reference.vpc.firewall import FirewallRule
from reference.vpc.mappings import Mappings

MakePort: TypeAlias = Callable[[VpcConfig, TableLimits, Mappings], Any]
"""Makes a port: a `reference.Port`, or anything with its surface."""

HEADER_LAYER_MEMBERS = ("name", "default_in", "default_out", "rules_in", "rules_out")
_FAULTS = (AttributeError, KeyError, TypeError, ValueError)


class Malformed(ValueError):
    """A header or step that does not make sense; the message says what is wrong with it."""


class Session:
    """The ports of one recording.

    Attributes:
        ports: by name, in the header's order.
    """

    def __init__(self, header: Plain, make_port: MakePort) -> None:
        """Make the ports, add their routes one by one, and set their firewall rules in one call.

        Raises:
            Malformed: the header does not describe ports.
        """
        self.ports: dict[str, Any] = {}
        try:
            self._mappings = configuration.mappings(header)
            wanted = [_WantedPort(recorded) for recorded in header["ports"]]
        except (*_FAULTS, ControlError, UnreadableText) as fault:
            raise Malformed(_sentence(fault)) from None
        for port in wanted:
            try:
                self.ports[port.name] = port.build(make_port, self._mappings)
            except ControlError as refusal:
                raise Malformed(str(refusal)) from None

    def do(self, step: Plain) -> Plain:
        """Do one step and return its result; a refused control operation is a result of kind `error`.

        Raises:
            Malformed: the step is none. Nothing has happened.
        """
        try:
            call, target = self._call(step)
        except UnreadableText as error:
            return {"kind": "error", "error": str(error)}
        except _FAULTS as fault:
            raise Malformed(_sentence(fault)) from None
        try:
            return call(target)
        except ControlError as error:
            return {"kind": "error", "error": str(error)}

    def _call(self, step: Plain) -> tuple[Callable[[Any], Plain], Any]:
        operation = step["op"]
        if operation in MAPPING_OPERATIONS:
            return MAPPING_OPERATIONS[operation](step), self._mappings
        if operation not in PORT_OPERATIONS:
            raise ValueError(f"no operation is called {operation!r}")
        if step["port"] not in self.ports:
            raise ValueError(f"port {step['port']!r} is not in the header")
        return PORT_OPERATIONS[operation](step), self.ports[step["port"]]

    def observe(self) -> dict[str, Plain]:
        """What every step records about a port, by port: `epoch`, `port_state`, `stats` and `flows`, complete."""
        return {
            name: {
                "epoch": port.epoch,
                "port_state": port.state.value,
                "stats": port.statistics(),
                "flows": port.flow_counts(),
            }
            for name, port in self.ports.items()
        }

    def observe_setup(self) -> dict[str, Plain]:
        """What a header records about a port, by port: that and `layers`, their defaults and rules."""
        return {
            name: observed | {"layers": [_header_layer(layer) for layer in self.ports[name].snapshot()["layers"]]}
            for name, observed in self.observe().items()
        }


class _WantedPort:
    """A port of a header, read and not yet made."""

    def __init__(self, recorded: Plain) -> None:
        self.name = str(recorded["name"])
        self._config = configuration.vpc_config(recorded["cfg"])
        self._limits = configuration.table_limits(recorded["limits"])
        setup = recorded["setup"]
        self._routes = [route(entry) for entry in setup.get("router") or ()]
        self._rules = [FirewallRule.parse(text) for text in setup.get("firewall") or ()]

    def build(self, make_port: MakePort, mappings: Mappings) -> Any:
        port = make_port(self._config, self._limits, mappings)
        for entry in self._routes:
            port.router.add(*entry)
        port.set_firewall_rules(self._rules)
        return port


def _header_layer(layer: Plain) -> Plain:
    return {member: layer[member] for member in HEADER_LAYER_MEMBERS}


def _sentence(fault: Exception) -> str:
    """The fault for people: a missing member by its name, anything else in its own words."""
    if isinstance(fault, KeyError):
        return f"the member {fault} is missing"
    return str(fault)

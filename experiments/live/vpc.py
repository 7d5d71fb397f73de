"""The VPC of the live guests: each on a host of its own, all in one subnet, all reaching each other."""

import time
from dataclasses import dataclass
from typing import Final

from experiments.population import GATEWAY_MAC, VNI
from experiments.small_vpc import firewall_rules
from fastpath import Design, Port
from reference.address import Cidr, format_ip
from reference.vpc.config import IpConfig, TableLimits, VpcConfig
from reference.vpc.mappings import Mappings, PhysicalAddress
from reference.vpc.router import RouterClass, RouterTarget

SUBNET: Final = "10.0.0.0/24"
GATEWAY: Final = bytes([10, 0, 0, 1])
MOST: Final = 200
"""Guests in the subnet."""
_FIRST: Final = 5
_LIMITS: Final = TableLimits(uft=8_192, tcp=8_192, gateway=8_192, firewall=8_192, nat=8_192)


@dataclass(frozen=True)
class Address:
    """Where a guest is.

    Attributes:
        number: from 0.
        mac, ip: its own.
        host: the underlay address of its host.
    """

    number: int
    mac: bytes
    ip: bytes
    host: bytes

    @property
    def text(self) -> str:
        """Its IPv4 address."""
        return format_ip(self.ip)


def addresses(count: int) -> list[Address]:
    """Those of so many guests, at most `MOST`."""
    return [
        Address(
            number,
            bytes.fromhex("a84025fafa") + bytes([_FIRST + number]),
            bytes([10, 0, 0, _FIRST + number]),
            bytes.fromhex("fd00") + bytes(13) + bytes([1 + number]),
        )
        for number in range(count)
    ]


def new_ports(guests: list[Address], design: Design, threads: int) -> list[Port]:
    """A running port for each guest; all know where the others are."""
    mappings = Mappings()
    for guest in guests:
        mappings.v2p.set(guest.ip, PhysicalAddress(guest.mac, guest.host, VNI))
    return [_port(guest, mappings, design, threads) for guest in guests]


def _port(guest: Address, mappings: Mappings, design: Design, threads: int) -> Port:
    family = IpConfig(Cidr.parse(SUBNET), guest.ip, GATEWAY)
    config = VpcConfig(guest.mac, GATEWAY_MAC, VNI, guest.host, family)
    port = Port(config, _LIMITS, mappings, design=design, threads=threads)
    port.router.add(Cidr.parse(SUBNET), RouterTarget.parse(f"sub4={SUBNET}"), RouterClass.SYSTEM)
    port.set_firewall_rules(firewall_rules())
    port.start()
    return port


def now_ms() -> int:
    """The time that ports are told: of the clock that the compiled loops read."""
    return time.monotonic_ns() // 1_000_000

"""Where conversations take place: the addresses of one VPC, by which both ends are told apart."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """The addresses of a guest and of those it talks to. Addresses are network-order bytes, by family (4 or 6).

    Attributes:
        vni: the VPC's virtual network identifier.
        boundary_vni: that of traffic from and to outside the rack.
        guest_mac, gateway_mac: of the guest, and of the gateway that the port imitates.
        guest_underlay, peer_underlay: the hosts of the guest and of its peers.
        boundary_underlay: the ways out of the rack.
        guest, gateway: the guest's own addresses and the gateway's.
        peers: other guests of the VPC.
        internet: hosts outside.
        shared, ephemeral, floating: the guest's external addresses, by source NAT and its own.
    """

    vni: int
    boundary_vni: int
    guest_mac: bytes
    gateway_mac: bytes
    guest_underlay: bytes
    peer_underlay: bytes
    boundary_underlay: tuple[bytes, ...]
    guest: Mapping[int, bytes]
    gateway: Mapping[int, bytes]
    peers: Mapping[int, tuple[bytes, ...]]
    internet: Mapping[int, tuple[bytes, ...]]
    shared: Mapping[int, bytes]
    ephemeral: Mapping[int, bytes]
    floating: Mapping[int, bytes]

"""What a guest asks of its gateway: ARP, DHCP and neighbour discovery, built by scapy."""

import enum
import logging
from collections.abc import Callable
from typing import Any

from proofs.equivalence.place import Place
from reference.address import format_ip, format_mac, link_local_of_mac

logging.getLogger("scapy").setLevel(logging.CRITICAL)

from scapy.layers.dhcp import BOOTP, DHCP  # noqa: E402
from scapy.layers.dhcp6 import (  # noqa: E402
    DUID_LL,
    DHCP6_Confirm,
    DHCP6_InfoRequest,
    DHCP6_Renew,
    DHCP6_Request,
    DHCP6_Solicit,
    DHCP6OptClientId,
    DHCP6OptElapsedTime,
    DHCP6OptIA_NA,
    DHCP6OptOptReq,
    DHCP6OptRapidCommit,
    DHCP6OptServerId,
)
from scapy.layers.inet import IP, UDP  # noqa: E402
from scapy.layers.inet6 import (  # noqa: E402
    ICMPv6ND_NS,
    ICMPv6ND_RS,
    ICMPv6NDOptSrcLLAddr,
    IPv6,
)
from scapy.layers.l2 import ARP, Ether  # noqa: E402

TRANSACTION = 0x1DE7
BROADCAST = "ff:ff:ff:ff:ff:ff"


class Request(enum.Enum):
    """A request, and near misses of it."""

    ARP_GATEWAY = "ARP for the gateway"
    ARP_PEER = "ARP for a peer"
    ARP_REPLY = "an ARP reply"
    DHCP_DISCOVER = "DHCP discover"
    DHCP_REQUEST = "DHCP request"
    DHCP_INFORM = "DHCP inform"
    SOLICIT = "DHCPv6 solicit"
    SOLICIT_RAPIDLY = "DHCPv6 solicit with rapid commit"
    REQUEST = "DHCPv6 request"
    REQUEST_OF_NOBODY = "DHCPv6 request that names no server"
    CONFIRM = "DHCPv6 confirm"
    RENEW = "DHCPv6 renew"
    INFORMATION = "DHCPv6 information request"
    ROUTER = "router solicitation"
    ROUTER_FROM_AFAR = "router solicitation with a lowered hop limit"
    NEIGHBOUR = "neighbour solicitation for the gateway"
    NEIGHBOUR_PEER = "neighbour solicitation for a peer"

    def frame(self, place: Place) -> bytes:
        """The request as the guest of a place sends it."""
        return bytes(_BUILDERS[self](place))


def _arp(place: Place, target: bytes, operation: int = 1) -> Any:
    mac = format_mac(place.guest_mac)
    asked = ARP(op=operation, hwsrc=mac, psrc=format_ip(place.guest[4]), pdst=format_ip(target))
    return Ether(src=mac, dst=BROADCAST) / asked


def _dhcp(place: Place, kind: str) -> Any:
    mac = format_mac(place.guest_mac)
    options = [("message-type", kind), ("param_req_list", [1, 3, 6, 12, 15, 119, 121]), "end"]
    bootp = BOOTP(chaddr=place.guest_mac, xid=TRANSACTION)
    udp = UDP(sport=68, dport=67)
    return (
        Ether(src=mac, dst=BROADCAST) / IP(src="0.0.0.0", dst="255.255.255.255") / udp / bootp / DHCP(options=options)
    )


def _dhcpv6(place: Place, message: Any, *options: Any) -> Any:
    mac = format_mac(place.guest_mac)
    source = format_ip(link_local_of_mac(place.guest_mac))
    asked: Any = Ether(src=mac, dst="33:33:00:01:00:02") / IPv6(src=source, dst="ff02::1:2") / UDP(sport=546, dport=547)
    asked = asked / message / DHCP6OptClientId(duid=DUID_LL(lladdr=mac))
    for option in (DHCP6OptElapsedTime(), DHCP6OptOptReq(reqopts=[23, 24, 39]), *options):
        asked = asked / option
    return asked


def _server(place: Place) -> Any:
    return DHCP6OptServerId(duid=DUID_LL(lladdr=format_mac(place.gateway_mac)))


def _router(place: Place, hop_limit: int) -> Any:
    mac = format_mac(place.guest_mac)
    source = format_ip(link_local_of_mac(place.guest_mac))
    ipv6 = IPv6(src=source, dst="ff02::2", hlim=hop_limit)
    return Ether(src=mac, dst="33:33:00:00:00:02") / ipv6 / ICMPv6ND_RS() / ICMPv6NDOptSrcLLAddr(lladdr=mac)


def _neighbour(place: Place, target: bytes) -> Any:
    mac = format_mac(place.guest_mac)
    group = f"ff02::1:ff{target[13]:02x}:{target[14]:02x}{target[15]:02x}"
    ipv6 = IPv6(src=format_ip(link_local_of_mac(place.guest_mac)), dst=group, hlim=255)
    solicitation = ICMPv6ND_NS(tgt=format_ip(target)) / ICMPv6NDOptSrcLLAddr(lladdr=mac)
    return Ether(src=mac, dst=f"33:33:ff:{target[13]:02x}:{target[14]:02x}:{target[15]:02x}") / ipv6 / solicitation


_ADDRESS = DHCP6OptIA_NA(iaid=1, T1=0, T2=0)
_BUILDERS: dict[Request, Callable[[Place], Any]] = {
    Request.ARP_GATEWAY: lambda place: _arp(place, place.gateway[4]),
    Request.ARP_PEER: lambda place: _arp(place, place.peers[4][0]),
    Request.ARP_REPLY: lambda place: _arp(place, place.gateway[4], operation=2),
    Request.DHCP_DISCOVER: lambda place: _dhcp(place, "discover"),
    Request.DHCP_REQUEST: lambda place: _dhcp(place, "request"),
    Request.DHCP_INFORM: lambda place: _dhcp(place, "inform"),
    Request.SOLICIT: lambda place: _dhcpv6(place, DHCP6_Solicit(trid=TRANSACTION), _ADDRESS),
    Request.SOLICIT_RAPIDLY: lambda place: _dhcpv6(
        place, DHCP6_Solicit(trid=TRANSACTION), _ADDRESS, DHCP6OptRapidCommit()
    ),
    Request.REQUEST: lambda place: _dhcpv6(place, DHCP6_Request(trid=TRANSACTION), _ADDRESS, _server(place)),
    Request.REQUEST_OF_NOBODY: lambda place: _dhcpv6(place, DHCP6_Request(trid=TRANSACTION), _ADDRESS),
    Request.CONFIRM: lambda place: _dhcpv6(place, DHCP6_Confirm(trid=TRANSACTION), _ADDRESS),
    Request.RENEW: lambda place: _dhcpv6(place, DHCP6_Renew(trid=TRANSACTION), _ADDRESS),
    Request.INFORMATION: lambda place: _dhcpv6(place, DHCP6_InfoRequest(trid=TRANSACTION)),
    Request.ROUTER: lambda place: _router(place, 255),
    Request.ROUTER_FROM_AFAR: lambda place: _router(place, 254),
    Request.NEIGHBOUR: lambda place: _neighbour(place, link_local_of_mac(place.gateway_mac)),
    Request.NEIGHBOUR_PEER: lambda place: _neighbour(place, place.peers[6][0]),
}

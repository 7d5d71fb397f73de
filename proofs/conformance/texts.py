"""Texts that a recording must spell right for any engine: addresses and prefixes, told by member names."""

import ipaddress
import re
from typing import Any

ADDRESSES = frozenset(
    {"ip", "src", "dst", "private_ip", "gateway_ip", "phys_ip", "external_ip", "ephemeral_ip", "group", "underlay"}
)
ADDRESS_LISTS = frozenset({"floating_ips", "dns4_servers", "dns6_servers"})
PREFIXES = frozenset({"cidr", "dest", "prefix", "vpc_subnet"})
MACS = frozenset({"guest_mac", "gateway_mac", "ether"})
MAC = re.compile(r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}")


def check_texts(value: Any) -> None:
    """Raise ValueError, naming member and text, unless every address, prefix and MAC address inside `value` is one.

    The member `result` is left alone: it is compared, not used.
    """
    if isinstance(value, dict):
        for name, member in value.items():
            if name != "result" and not isinstance(member, int):
                _check_member(name, member)
    elif isinstance(value, list | tuple):
        for item in value:
            check_texts(item)


def _check_member(name: str, member: Any) -> None:
    if name in ADDRESS_LISTS:
        for item in member:
            _check_address(name, item)
    elif not isinstance(member, str):
        check_texts(member)
    elif name in ADDRESSES:
        _check_address(name, member)
    elif name in PREFIXES:
        _check_prefix(name, member)
    elif name in MACS and not MAC.fullmatch(member):
        raise ValueError(f"{name}: {member!r} is not a MAC address")


def _check_address(name: str, text: str) -> None:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        raise ValueError(f"{name}: {text!r} is not an IP address") from None


def _check_prefix(name: str, text: str) -> None:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ValueError(f"{name}: {text!r} is not an IP prefix") from None

"""Protocol numbers this datapath knows, each as the enum of its field."""

import enum


class EtherType(enum.IntEnum):
    """Ethernet type field (IANA "IEEE 802 Numbers")."""

    IPV4 = 0x0800
    ARP = 0x0806
    IPV6 = 0x86DD


class IpProtocol(enum.IntEnum):
    """IP protocol and IPv6 next-header field (IANA "Protocol Numbers"): transports, then extension headers."""

    ICMP = 1
    TCP = 6
    UDP = 17
    ICMPV6 = 58

    HOP_BY_HOP = 0
    ROUTING = 43
    FRAGMENT = 44
    DESTINATION_OPTIONS = 60
    MOBILITY = 135
    HOST_IDENTITY = 139
    SHIM6 = 140
    EXPERIMENT_0 = 253
    EXPERIMENT_1 = 254


GENEVE_PORT = 6081
"""UDP destination port of Geneve (RFC 8926 section 3.3)."""

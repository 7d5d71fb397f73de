"""What DHCPv4 and DHCPv6 tell a guest beside its address."""

from dataclasses import dataclass


@dataclass(frozen=True)
class DhcpOptions:
    """Names and name servers for the guest.

    Attributes:
        hostname: name of the guest, or None.
        host_domain: domain of the guest, or None.
        domain_search_list: domains tried for names that are not fully qualified, in order.
        dns4_servers: IPv4 addresses of name servers, 4 bytes each. DHCPv4 carries the first three.
        dns6_servers: IPv6 addresses of name servers, 16 bytes each.
    """

    hostname: str | None = None
    host_domain: str | None = None
    domain_search_list: tuple[str, ...] = ()
    dns4_servers: tuple[bytes, ...] = ()
    dns6_servers: tuple[bytes, ...] = ()

    @property
    def encoded_search_list(self) -> bytes:
        """The search list on the wire, uncompressed."""
        return b"".join(map(encode_domain_name, self.domain_search_list))

    @property
    def encoded_fully_qualified_name(self) -> bytes:
        """Host name and domain as one name on the wire; empty without a host name."""
        if self.hostname is None:
            return b""
        name = encode_domain_name(self.hostname)
        return name if self.host_domain is None else name[:-1] + encode_domain_name(self.host_domain)


def encode_domain_name(name: str) -> bytes:
    """A domain name as labels with their lengths and the empty root label at the end (RFC 1035 section 3.1).

    Dots at the end are left out.

    Raises:
        ValueError: the name is longer than 253 bytes, or a label is empty or longer than 63.
    """
    encoded = name.encode()
    if len(encoded) > 253:
        raise ValueError(f"domain name of {len(encoded)} bytes: at most 253 are possible")
    labels = encoded.rstrip(b".").split(b".")
    if not all(0 < len(label) <= 63 for label in labels):
        raise ValueError(f"domain name {name!r}: every label must have 1 to 63 bytes")
    return b"".join(bytes((len(label),)) + label for label in labels) + b"\0"

"""Public IP addresses: the only ones that untrusted text may make us connect to."""

from __future__ import annotations

import ipaddress

__all__ = ["is_public"]


def is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Return True for an address on the public Internet; an IPv4 address inside an IPv6 one is checked, too.

    Examples
    --------
    >>> [is_public(ipaddress.ip_address(a)) for a in ("9.9.9.9", "169.254.169.254", "::ffff:10.0.0.1")]
    [True, False, False]
    """
    if isinstance(address, ipaddress.IPv6Address):
        embedded = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
        if address in ipaddress.ip_network("64:ff9b::/96"):
            embedded.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
        if any(a is not None and not is_public(a) for a in embedded):
            return False
    return address.is_global and not address.is_multicast

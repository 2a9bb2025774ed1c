"""TCP to hosts that strangers chose: looked up once, every address judged, and what was judged is connected to."""

import ipaddress
import socket
import time
from collections.abc import Collection
from typing import Final

from core import resolving

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
# For what operators chose, and for a trial on one's own computer.
ANYWHERE: Final = (ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0"))
# Addresses that lead to IPv4 ones of any kind.
NAT64: Final = ipaddress.ip_network("64:ff9b::/96")


class AddressRefused(Exception):
    """The host may not be called, with the reason in words."""


def bracketed(host: str) -> str:
    """Write a host as it stands before a port or a path: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host else host


def look_up(
    host: str, *, allowed: Collection[Network] = (), timeout: float = resolving.SECONDS
) -> list[str]:
    """Give the addresses of a host: each on the internet, or in one of the ``allowed`` networks.

    :raises AddressRefused: one of them is neither. :raises OSError: there is no such name, or none in time.
    """
    addresses = resolving.addresses_of(host, timeout=timeout)
    if not all(_is_fine(_address(text), allowed) for text in addresses):
        raise AddressRefused(f"{host} is not a public address.")
    return addresses


def dial(
    host: str, port: int, *, timeout: float, allowed: Collection[Network] = ()
) -> socket.socket:
    """Connect to a host, at the addresses that were judged; what its name says later does not matter.

    :raises AddressRefused: it leads into a network that is not public. :raises OSError: nobody answers there.
    """
    refusal, ends = OSError(f"the name {host} has no address"), time.monotonic() + timeout
    for address in look_up(host, allowed=allowed, timeout=timeout):
        try:
            left = max(0.001, ends - time.monotonic())
            return socket.create_connection((address, port), timeout=left)
        except OSError as error:
            refusal = error
    raise refusal


def _address(text: str) -> Address:
    return ipaddress.ip_address(text.partition("%")[0])


def _is_fine(address: Address, allowed: Collection[Network]) -> bool:
    return _is_public(address) or any(address in network for network in allowed)


def _is_public(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return _is_public(address.ipv4_mapped)
        if address.sixtofour or address.teredo or address in NAT64:
            return False
    return address.is_global and not address.is_multicast

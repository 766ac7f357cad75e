"""Which addresses a CDN or webhook may have: names are resolved once, and the caller connects to what was judged."""

from __future__ import annotations

import ipaddress
import socket
from typing import TYPE_CHECKING, Final

from registry_gen.edge import codes
from registry_gen.errors import EdgeError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Resolver = Callable[[str, int], Sequence[str]]
    _Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_TUNNELS: Final = (ipaddress.IPv6Network("2002::/16"), ipaddress.IPv6Network("2001::/32"))  # they hold IPv4 addresses
_PUBLIC_V6: Final = ipaddress.IPv6Network("2000::/3")


def system_resolver(host: str, port: int) -> Sequence[str]:
    """Every address of a host, as the system resolves it."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(address[0]) for *_, address in found))


def judged(host: str, port: int, allowed: Sequence[str], resolve: Resolver) -> tuple[str, ...]:
    """The host's addresses; ``allowed`` are private networks (CIDR) that may be connected to.

    Raises EdgeError EDG005 for a name that leads nowhere, EDG008 where one of its addresses is private.
    """
    try:
        found = tuple(resolve(host, port))
    except (OSError, UnicodeError) as error:
        raise EdgeError(codes.UNREACHABLE, where=host, found=str(error)[:200], hint=codes.UNREACHABLE.fix) from None
    networks = [ipaddress.ip_network(text) for text in allowed]
    for text in found:
        address = _inner(ipaddress.ip_address(text.partition("%")[0]))
        meant = any(address.version == network.version and address in network for network in networks)
        if not meant and not _is_public(address):
            raise EdgeError(codes.FORBIDDEN_ADDRESS, where=host, found=text, hint=codes.FORBIDDEN_ADDRESS.fix)
    return found


def _inner(address: _Address) -> _Address:
    """The IPv4 address inside a mapped or NAT64 one, else the address itself."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in _NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _is_public(address: _Address) -> bool:
    if not address.is_global or address.is_multicast:
        return False
    if isinstance(address, ipaddress.IPv6Address):
        return address in _PUBLIC_V6 and not any(address in network for network in _TUNNELS)
    return True

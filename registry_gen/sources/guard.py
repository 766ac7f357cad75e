"""Which URLs may be fetched, and which addresses may be connected to.

Names are resolved once, every address is judged, and the caller connects to a judged address: a name that resolves
differently a moment later (DNS rebinding) changes nothing.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from registry_gen.errors import SourceError
from registry_gen.sources import codes

if TYPE_CHECKING:
    from registry_gen.model.config import Network

Resolver = Callable[[str, int], Sequence[str]]
"""Host and port to addresses as text; raises OSError where there are none."""

_IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
_IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

_MAX_URL: Final = 4096
_PLAIN = re.compile(r"[!-\[\]-~]+")  # printable ASCII but space and backslash, which parsers disagree about
_HOST = re.compile(r"[0-9a-z_](?:[0-9a-z_.-]{0,251}[0-9a-z_])?\.?")
_NUMERIC = re.compile(r"[0-9]+|0x[0-9a-f]*")
_PORTS: Final = {"https": 443, "http": 80, "ssh": 22, "git": 9418}

# IANA special-purpose address registries (RFC 6890 and its updates): whatever is not globally reachable, and multicast.
_REFUSED_V4: Final = tuple(
    ipaddress.IPv4Network(text)
    for text in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15"),
        *("198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
    )
)
# In IPv6 only 2000::/3 is the public internet; tunnels (2001::/23, 2002::/16) can carry a private address.
_PUBLIC_V6: Final = ipaddress.IPv6Network("2000::/3")
_REFUSED_V6: Final = tuple(
    ipaddress.IPv6Network(text) for text in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
)
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class Target:
    """A URL in checked parts: ``host`` in lower case without brackets, ``path`` with its query."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def netloc(self) -> str:
        """Host and port as a Host header has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if _PORTS.get(self.scheme) == self.port else f"{host}:{self.port}"


def system_resolver(host: str, port: int) -> Sequence[str]:
    """Ask the operating system."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def shown(url: str) -> str:
    """A URL as it may be printed: without user, password, query and fragment, which often are credentials.

    Everything up to the last @ is hidden, wherever it is: a password that was not escaped may hold a "/". Behind a "?"
    or "#" nobody can tell whether an @ is the password's end or the query's, so all is hidden then.
    """
    text = re.sub(r"[^!-~]", "_", url)
    scheme, mark, rest = text.partition("://")
    if not mark:
        scheme, rest = "", text
    before, at, after = rest.rpartition("@")
    plain = re.split(r"[?#]", after, maxsplit=1)[0] if not re.search(r"[?#]", before) else ""
    return f"{scheme}{mark}{'***@' if at else ''}{plain}"[:300]


class Guard:
    """Judges URLs and addresses by the configuration's ``network``. Safe to use from several threads."""

    def __init__(self, network: Network, resolve: Resolver = system_resolver) -> None:
        self._schemes = frozenset(network.schemes)
        self._allowed: tuple[_IpNetwork, ...] = tuple(
            ipaddress.ip_network(text, strict=False) for text in network.allow_private
        )
        self._resolve = resolve

    def allows_scheme(self, scheme: str) -> bool:
        """Whether ``network.schemes`` names it."""
        return scheme in self._schemes

    def http_target(self, url: str) -> Target:
        """Check an http or https URL and take it apart; raises SourceError NET001, NET002 or NET003."""
        target = self.target(url)
        if target.scheme not in ("https", "http") or not self.allows_scheme(target.scheme):
            raise SourceError(
                codes.BAD_SCHEME,
                where=shown(url),
                expected=" or ".join(sorted(self._schemes & {"https", "http"})) or "https",
                found=repr(target.scheme[:20]),
                hint=codes.BAD_SCHEME.fix,
            )
        return target

    def target(self, url: str) -> Target:
        """Check the spelling of a URL of any scheme and take it apart; raises SourceError NET001 or NET003."""
        if len(url) > _MAX_URL or not _PLAIN.fullmatch(url):
            raise _bad_url(url, "printable ASCII without spaces and backslashes, at most 4096 characters")
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise _bad_url(url, "scheme://host:port/path") from None
        if "@" in parts.netloc:
            raise _bad_url(url, "a URL without user name and password")
        host = (parts.hostname or "").lower()
        if not parts.scheme or not _is_host(host, bracketed=parts.netloc.startswith("[")) or port == 0:
            raise _bad_url(url, "scheme://host/path")
        _refuse_odd_number(host, url)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return Target(parts.scheme, host, port or _PORTS.get(parts.scheme, 0), path)

    def addresses(self, target: Target) -> tuple[str, ...]:
        """Resolve the host and judge every address; raises SourceError NET003 or NET004."""
        where = f"{target.scheme}://{target.netloc}"
        try:
            found = self._resolve(target.host, target.port)
        except (OSError, UnicodeError) as error:
            raise SourceError(
                codes.UNREACHABLE,
                "the host's name could not be resolved",
                where=where,
                found=str(error)[:200],
                hint=codes.UNREACHABLE.fix,
            ) from None
        for text in found:
            if not self._is_allowed(ipaddress.ip_address(text.partition("%")[0])):
                raise SourceError(codes.FORBIDDEN_ADDRESS, where=where, found=text, hint=codes.FORBIDDEN_ADDRESS.fix)
        return tuple(found)

    def _is_allowed(self, address: _IpAddress) -> bool:
        inner = _inner(address)
        if any(each.version == net.version and each in net for each in (address, inner) for net in self._allowed):
            return True
        return _is_public(inner)


def _inner(address: _IpAddress) -> _IpAddress:
    """The IPv4 address inside a mapped or NAT64 one, else the address itself."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in _NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _is_public(address: _IpAddress) -> bool:
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in network for network in _REFUSED_V4)
    return address in _PUBLIC_V6 and not any(address in network for network in _REFUSED_V6)


def _is_host(host: str, *, bracketed: bool) -> bool:
    if bracketed:
        try:
            return "%" not in host and ipaddress.IPv6Address(host) is not None
        except ValueError:
            return False
    return _HOST.fullmatch(host) is not None and ".." not in host


def _refuse_odd_number(host: str, url: str) -> None:
    """Refuse 2130706433, 0x7f.1, 0177.0.0.1: the C library reads them as IPv4 addresses, other parsers as names."""
    last = host.rstrip(".").rpartition(".")[2]
    if not _NUMERIC.fullmatch(last):
        return
    try:
        ipaddress.IPv4Address(host)
    except ValueError:
        raise SourceError(
            codes.FORBIDDEN_ADDRESS,
            "an IPv4 address in an odd spelling",
            where=shown(url),
            expected="four decimal numbers without leading zeros",
            hint=codes.BAD_URL.fix,
        ) from None


def _bad_url(url: str, expected: str) -> SourceError:
    return SourceError(codes.BAD_URL, where=shown(url), expected=expected, hint=codes.BAD_URL.fix)

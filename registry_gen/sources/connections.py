"""Connections to judged addresses: the name is for TLS and the Host header, the address is where the bytes go."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import ssl
import threading
from typing import TYPE_CHECKING, Final

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from urllib3.response import BaseHTTPResponse, HTTPResponse

    from registry_gen.sources.guard import Target

_CONNECT_SECONDS: Final = 10.0
_SILENCE_SECONDS: Final = 60.0
"""How long a host may send nothing at all, and how long it may take for the head of its answer."""
_HOSTS: Final = 64


class _PlainConnection(HTTPConnection):
    def getresponse(self) -> HTTPResponse:  # type: ignore[override] # as urllib3 itself overrides it
        with _head_in_time(self.sock, self.timeout):
            return super().getresponse()


class _TlsConnection(HTTPSConnection):
    def getresponse(self) -> HTTPResponse:  # type: ignore[override] # as urllib3 itself overrides it
        with _head_in_time(self.sock, self.timeout):
            return super().getresponse()


class _PlainPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _TlsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


def tls_context(ca_file: Path | None) -> ssl.SSLContext:
    """What certificates are checked by: the system's authorities, and those of ``ca_file``."""
    context = ssl.create_default_context()
    if ca_file is not None:
        context.load_verify_locations(cafile=ca_file)
    return context


class Connections:
    """Keeps connections open for the next request. Safe to use from several threads."""

    def __init__(self, ca_file: Path | None, per_host: int) -> None:
        self._pools = urllib3.PoolManager(num_pools=_HOSTS, maxsize=per_host, ssl_context=tls_context(ca_file))
        self._pools.pool_classes_by_scheme = {"http": _PlainPool, "https": _TlsPool}

    def close(self) -> None:
        """End the connections that nobody uses."""
        self._pools.clear()

    def get(
        self, target: Target, address: str, headers: Mapping[str, str], seconds: float, method: str = "GET"
    ) -> BaseHTTPResponse:
        """Send a GET, or a HEAD, and return once the answer's head is there; the caller closes it.

        Raises urllib3's errors. ``seconds`` are what is left of the whole call.
        """
        names = {}
        if target.scheme == "https":
            # For an address as host there is no server name to send (RFC 6066), and the certificate names the address.
            names = {
                "server_hostname": None if _is_address(target.host) else target.host,
                "assert_hostname": target.host,
            }
        pool = self._pools.connection_from_host(address, target.port, target.scheme, names)
        return pool.urlopen(
            method,
            target.path,
            headers=headers,
            retries=False,
            redirect=False,
            assert_same_host=False,
            preload_content=False,
            decode_content=False,
            timeout=urllib3.Timeout(connect=min(_CONNECT_SECONDS, seconds), read=min(_SILENCE_SECONDS, seconds)),
        )


@contextlib.contextmanager
def _head_in_time(sock: socket.socket, seconds: object) -> Iterator[None]:
    """Bound the whole head: the socket's own timeout begins anew with every byte of a server that trickles."""
    late = threading.Event()

    def cut() -> None:
        late.set()
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds if isinstance(seconds, int | float) else _SILENCE_SECONDS, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    except Exception as error:
        if late.is_set():
            raise TimeoutError("the head of the answer did not come in time") from error
        raise
    finally:
        timer.cancel()


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True

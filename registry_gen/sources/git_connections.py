"""Connections to git hosts, kept open from one repository to the next; each request bounded in bytes and time.

Polling asks one small question of each of many repositories, where the timer threads of ``connections`` would be most
of the cost: here the deadline is set at each read (docs/adr/0017). The rules are those of ``connections``: the name is
for TLS and the Host header, the bytes go to an address that was judged; no proxy, no credentials, no redirects.
"""

from __future__ import annotations

import contextlib
import io
import re
import socket
import ssl
import threading
import time
import weakref
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPResponse, RemoteDisconnected
from typing import TYPE_CHECKING, Final

from registry_gen import __version__
from registry_gen.sources.connections import tls_context

if TYPE_CHECKING:
    from pathlib import Path

    from registry_gen.sources.guard import Guard, Target

_CONNECT_SECONDS: Final = 10.0
_KEPT: Final = 64
"""Open connections that wait for another request, of all hosts."""
_IGNORED_BYTES: Final = 64 * 1024
"""How much of an error page is read, so that the connection can be kept."""
_PIECE: Final = 64 * 1024
_MEDIA_TYPE: Final = re.compile(r"[a-z0-9!#$&^_.+-]{1,64}/[a-z0-9!#$&^_.+-]{1,64}")
_HEADERS: Final = (
    "Accept: */*\r\nAccept-Encoding: identity\r\nGit-Protocol: version=2\r\nPragma: no-cache\r\n"
    # GitHub answers only clients whose name begins so (https://github.com/jelmer/dulwich/issues/562).
    f"User-Agent: git/registry-gen-{__version__}\r\n"
)


class TooLongError(Exception):
    """An answer has more bytes than allowed."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a host answers: its media type ("" where it is odd) and, where the status is 200, the body.

    The body of a broken connection may be shorter than was announced: git's answers say themselves where they end.
    """

    status: int
    content_type: str
    retry_after: str | None
    location: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Post:
    """What is sent along with a request."""

    content_type: str
    body: bytes


class GitConnections:
    """Sends requests. Safe to use from several threads."""

    def __init__(self, guard: Guard, ca_file: Path | None) -> None:
        self._guard = guard
        self._ca_file = ca_file
        self._tls: ssl.SSLContext | None = None
        self._lock = threading.Lock()
        self._kept: list[_Connection] = []
        self._busy: set[_Connection] = set()
        self._closed = False
        weakref.finalize(self, _close_all, self._kept)

    def ask(self, target: Target, path: str, post: Post | None, *, limit: int, deadline: float) -> Answer:
        """One request to ``path`` at the host of ``target``, a GET where there is nothing to post.

        ``deadline`` is in seconds of ``time.monotonic``. Raises TooLongError, OSError (TimeoutError where time is up),
        HTTPException, and SourceError NET003 or NET004 of a host that has no judged address.
        """
        request = _request(target, path, post)
        kept = self._take(target)
        if kept is not None:
            # The host may have closed it meanwhile. What is asked here changes nothing, so it can be asked again.
            with contextlib.suppress(RemoteDisconnected, ConnectionError, ssl.SSLEOFError):
                return self._exchange(kept, request, limit, deadline)
        return self._exchange(self._connect(target, deadline), request, limit, deadline)

    def close(self) -> None:
        """End every connection, also those that somebody waits for."""
        with self._lock:
            self._closed = True
            busy = tuple(self._busy)
            _close_all(self._kept)
        for connection in busy:
            connection.cut()

    def _exchange(self, connection: _Connection, request: bytes, limit: int, deadline: float) -> Answer:
        again = False
        with self._lock:
            self._busy.add(connection)
        try:
            if self._closed:
                raise ConnectionAbortedError
            answer, again = connection.exchange(request, limit, deadline)
            return answer
        finally:
            self._give_back(connection, again=again)

    def _give_back(self, connection: _Connection, *, again: bool) -> None:
        ended: _Connection | None = connection
        with self._lock:
            self._busy.discard(connection)
            if again and not self._closed:
                self._kept.append(connection)
                ended = self._kept.pop(0) if len(self._kept) > _KEPT else None
        if ended is not None:
            ended.close()

    def _take(self, target: Target) -> _Connection | None:
        """The youngest kept connection to a host, for the oldest may soon be closed by it."""
        with self._lock:
            for index in range(len(self._kept) - 1, -1, -1):
                if self._kept[index].place == (target.scheme, target.host, target.port):
                    return self._kept.pop(index)
        return None

    def _connect(self, target: Target, deadline: float) -> _Connection:
        """Connect to the first judged address that answers."""
        problem: OSError = ConnectionError("no address")
        for address in self._guard.addresses(target):
            try:
                plain = socket.create_connection((address, target.port), min(_CONNECT_SECONDS, _left(deadline)))
            except OSError as error:
                problem = error
                continue
            try:
                plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                return _Connection(self._secured(plain, target, deadline), target)
            except BaseException:
                plain.close()
                raise
        raise problem

    def _secured(self, plain: socket.socket, target: Target, deadline: float) -> socket.socket:
        if target.scheme == "http":
            return plain
        with self._lock:
            if self._tls is None:
                self._tls = tls_context(self._ca_file)
        plain.settimeout(min(_CONNECT_SECONDS, _left(deadline)))
        return self._tls.wrap_socket(plain, server_hostname=target.host)


def _close_all(connections: list[_Connection]) -> None:
    while connections:
        connections.pop().close()


class _Connection:
    def __init__(self, sock: socket.socket, target: Target) -> None:
        self.place = (target.scheme, target.host, target.port)
        self._sock = sock

    def exchange(self, request: bytes, limit: int, deadline: float) -> tuple[Answer, bool]:
        """The answer, and whether the connection may be used again."""
        self._sock.settimeout(_left(deadline))
        self._sock.sendall(request)
        with HTTPResponse(_Bounded(self._sock, deadline)) as response:  # type: ignore[arg-type] # it only reads
            response.begin()
            good = response.status == HTTPStatus.OK
            body = _body(response, (limit if good else _IGNORED_BYTES) + 1)
            if good and len(body) > limit:
                raise TooLongError
            answer = Answer(
                response.status,
                _media_type(response),
                response.headers.get("Retry-After"),
                response.headers.get("Location", ""),
                body if good else b"",
            )
            return answer, response.isclosed() and not response.will_close

    def cut(self) -> None:
        """Wake up whoever reads from it."""
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._sock.close()


class _Bounded(io.RawIOBase):
    """Reads from a socket until time is up: the socket's own timeout begins anew with every byte that trickles in."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._sock = sock
        self._deadline = deadline

    def makefile(self, _mode: str) -> io.BufferedReader:
        """What HTTPResponse reads from; closing it leaves the socket open."""
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override] # the buffer is always a memoryview
        self._sock.settimeout(_left(self._deadline))
        return self._sock.recv_into(buffer)


def _body(response: HTTPResponse, most: int) -> bytes:
    """At most ``most`` bytes, or a piece more. ``read`` takes a chunk of -1 bytes for all that a host ever sends."""
    if not response.chunked:
        return response.read(most)
    body = bytearray()
    # In pieces: room is made for as much as is asked for, which without a number is what the host says.
    while len(body) < most and (piece := response.read1(_PIECE)):
        body += piece
    return bytes(body)


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _request(target: Target, path: str, post: Post | None) -> bytes:
    """Host and path were judged to be printable ASCII without spaces."""
    if post is None:
        return f"GET {path} HTTP/1.1\r\nHost: {target.netloc}\r\n{_HEADERS}\r\n".encode("ascii")
    more = f"Content-Type: {post.content_type}\r\nContent-Length: {len(post.body)}\r\n"
    return f"POST {path} HTTP/1.1\r\nHost: {target.netloc}\r\n{_HEADERS}{more}\r\n".encode("ascii") + post.body


def _media_type(response: HTTPResponse) -> str:
    """``type/subtype`` in lower case, "" where it is odd or the body is packed, which was not asked for."""
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        return ""
    text = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return text if _MEDIA_TYPE.fullmatch(text) else ""

"""One request to a public URL, and what came back: every header counts here, so nothing is mended on the way.

As careful as the reader of ``inspect``: judged addresses, TLS verified, bounded bytes and time, few redirects, each to
a place that the network allows, and never from https to something else.
"""

from __future__ import annotations

import hashlib
import threading
import time
import zlib
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urljoin

from urllib3.exceptions import HTTPError, SSLError

from registry_gen import __version__
from registry_gen.errors import SourceError
from registry_gen.model.digest import Sha256
from registry_gen.sources import codes
from registry_gen.sources.connections import Connections
from registry_gen.sources.guard import Guard, Resolver, shown, system_resolver
from registry_gen.sources.http_failures import tls_failed, too_large, too_slow, truncated, unreachable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from urllib3.response import BaseHTTPResponse

    from registry_gen.model.config import Network
    from registry_gen.sources.guard import Target

MAX_REDIRECTS: Final = 3
"""As clients follow for the discovery document (Terraform's svchost)."""

PACKED: Final = "gzip, deflate, br"
PLAIN: Final = "identity"
_GZIP: Final = "gzip"
_SECONDS: Final = 30.0
_LONGER: Final = 300.0
"""For a whole archive."""
_ALL_SECONDS: Final = 900.0
"""A server that is slow on purpose must not keep anybody for hours."""
_CHUNK: Final = 256 * 1024
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: header names in lower case, ``url`` after redirects, the body's first bytes as they came."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def media_type(self) -> str:
        """``type/subtype`` in lower case, "" where none is told."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def encoding(self) -> str:
        """The Content-Encoding, "" for none."""
        found = self.headers.get("content-encoding", "").strip().lower()
        return "" if found == PLAIN else found

    @property
    def unpacked(self) -> bytes:
        """The body's first bytes as they are without the encoding, where that is gzip."""
        return _unpacked(self.body, _CHUNK) if self.encoding == _GZIP else self.body


@dataclass(frozen=True, slots=True)
class Digested:
    """A body that was read to its end."""

    sha256: Sha256
    size: int


@dataclass(frozen=True, slots=True)
class _Client:
    guard: Guard
    connections: Connections
    clock: Callable[[], float]
    end: float


class Asker:
    """Sends requests without credentials.

    ``seconds`` bound each of them with its redirects, but those for whole archives; ``in_all`` bounds all together.
    """

    def __init__(
        self,
        network: Network,
        *,
        resolve: Resolver = system_resolver,
        seconds: float = _SECONDS,
        in_all: float = _ALL_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = _Client(Guard(network, resolve), Connections(network.ca_file, 4), clock, clock() + in_all)
        self._seconds = seconds
        self.last: Mapping[str, str] = {}
        """The headers of the newest answer: who it is from."""

    def close(self) -> None:
        """End the connections that were kept for the next request."""
        self._client.connections.close()

    def ask(self, url: str, *, limit: int, method: str = "GET", encoding: str = PACKED) -> Answer:
        """Status, headers and at most the first ``limit`` bytes of the body; ``encoding`` is the Accept-Encoding.

        Raises SourceError NET001 to NET012.
        """
        with closing(self._exchange(url, method, encoding, self._seconds)) as exchange:
            body = b"" if method == "HEAD" else exchange.first(limit)
            return Answer(exchange.url, exchange.response.status, exchange.headers, body)

    def document(self, url: str, *, limit: int) -> Answer:
        """The same with a whole body, unpacked where it came in gzip, as clients ask for. Raises NET010 for more."""
        answer = self.ask(url, limit=limit + 1, encoding=_GZIP)
        body = _unpacked(answer.body, limit) if answer.encoding == _GZIP else answer.body
        if len(body) > limit:
            raise too_large(url, limit, "more")
        return Answer(answer.url, answer.status, answer.headers, body)

    def digest(self, url: str, *, limit: int) -> tuple[Answer, Digested]:
        """The digest of a whole body, asked for without an encoding. Raises SourceError as ``ask``, NET010 for more."""
        total, size = hashlib.sha256(), 0
        with closing(self._exchange(url, "GET", PLAIN, _LONGER)) as exchange:
            for chunk in exchange.chunks():
                size += len(chunk)
                if size > limit:
                    raise too_large(url, limit, "more")
                total.update(chunk)
            answer = Answer(exchange.url, exchange.response.status, exchange.headers, b"")
        return answer, Digested(Sha256(total.hexdigest()), size)

    def _exchange(self, url: str, method: str, encoding: str, seconds: float) -> _Exchange:
        exchange = _Exchange(self._client, url, method, encoding, seconds)
        self.last = exchange.headers
        return exchange


class _Exchange:
    """A request that was sent, through its redirects."""

    def __init__(self, client: _Client, url: str, method: str, encoding: str, seconds: float) -> None:
        self._client = client
        self._asked = url
        self._seconds = seconds
        self._end = min(client.clock() + seconds, client.end)
        self.url = url
        for _ in range(MAX_REDIRECTS + 1):
            self.response = self._open(method, encoding)
            # One that comes twice shows both values, as clients and caches may take either of them.
            self.headers = {name.lower(): self.response.headers[name] for name in self.response.headers}
            if self.response.status not in _REDIRECTS or not self.headers.get("location"):
                return
            self.response.close()
            self._go_on(self.headers["location"])
        raise SourceError(codes.TOO_MANY_REDIRECTS, where=shown(url), expected=f"at most {MAX_REDIRECTS}")

    def first(self, limit: int) -> bytes:
        """At most so many bytes from the beginning."""
        body = bytearray()
        for chunk in self.chunks():
            body += chunk
            if len(body) >= limit:
                break
        return bytes(body[:limit])

    def chunks(self) -> Iterator[bytes]:
        """The body as it comes, until its end or ours."""
        # A server that trickles inside a frame never lets a read return: the timer cuts it.
        timer = threading.Timer(max(0.0, self._left()), self._cut)
        timer.daemon = True
        timer.start()
        size = 0
        try:
            while True:
                try:
                    chunk = self.response.read1(_CHUNK, decode_content=False)
                except (HTTPError, OSError) as error:
                    self._require_time()
                    announced = self.headers.get("content-length", "")
                    raise truncated(self._asked, size, announced[:20], error) from None
                self._require_time()
                if not chunk:
                    return
                size += len(chunk)
                yield chunk
        finally:
            timer.cancel()

    def close(self) -> None:
        """Drop the connection, whatever is left on it."""
        self.response.close()

    def _go_on(self, location: str) -> None:
        before = self.url
        try:
            self.url = urljoin(before, location)
        except ValueError:
            raise SourceError(codes.BAD_URL, where=shown(self._asked), found=shown(location)) from None
        if before.startswith("https://") and not self.url.startswith("https://"):
            detail = "a redirect from https to something else"
            raise SourceError(codes.BAD_SCHEME, detail, where=shown(self._asked), found=shown(self.url))

    def _open(self, method: str, encoding: str) -> BaseHTTPResponse:
        target = self._client.guard.http_target(self.url)
        addresses = self._client.guard.addresses(target)
        failure: Exception | None = None
        # Twice: a connection that was kept may have been closed meanwhile.
        for address in (*addresses, *addresses):
            self._require_time()
            try:
                return self._send(target, address, method, encoding)
            except SSLError as error:
                raise tls_failed(self.url, error) from None
            except (HTTPError, OSError) as error:
                failure = error
        self._require_time()
        raise unreachable(self.url, failure)

    def _send(self, target: Target, address: str, method: str, encoding: str) -> BaseHTTPResponse:
        headers = {
            "Host": target.netloc,
            "Accept": "*/*",
            "Accept-Encoding": encoding,
            "User-Agent": f"registry-gen/{__version__} doctor",
        }
        return self._client.connections.get(target, address, headers, self._left(), method)

    def _left(self) -> float:
        return self._end - self._client.clock()

    def _require_time(self) -> None:
        if self._left() <= 0:
            raise too_slow(self._asked, self._seconds)

    def _cut(self) -> None:
        with suppress(ValueError, RuntimeError, OSError):
            self.response.shutdown()


def _unpacked(packed: bytes, limit: int) -> bytes:
    """What was packed, cut off behind ``limit``; b"" where it is no gzip, which is no document either."""
    try:
        return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(packed, limit + 1)
    except zlib.error:
        return b""

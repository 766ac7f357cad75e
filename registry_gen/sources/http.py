"""The one HTTP client: guarded, bounded in bytes, time and redirects, and patient with busy hosts.

Proxies of the environment are not used: a proxy would resolve names itself, behind the guard's back.
No credentials are ever sent, so none can leak to another host.
"""

from __future__ import annotations

import contextlib
import re
import threading
import time
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, BinaryIO, Final, TypeVar
from urllib.parse import urljoin

import orjson
from urllib3.exceptions import HTTPError, NewConnectionError, SSLError

from registry_gen import __version__
from registry_gen.errors import SourceError
from registry_gen.model.digest import Sha256
from registry_gen.sources import codes
from registry_gen.sources.connections import Connections
from registry_gen.sources.deadline import Deadline
from registry_gen.sources.guard import Guard, Resolver, shown, system_resolver
from registry_gen.sources.http_failures import (
    RetryableError,
    bad_status,
    tls_failed,
    too_large,
    too_slow,
    truncated,
    unreachable,
    wrong_content,
)
from registry_gen.sources.partial import Partial
from registry_gen.sources.retry import ATTEMPTS, LONGEST_PAUSE, PAUSE, retry_after
from registry_gen.sources.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from urllib3.response import BaseHTTPResponse

    from registry_gen.model.config import Limits, Network
    from registry_gen.sources.guard import Target

T = TypeVar("T")

MAX_REDIRECTS: Final = 5
_FURTHER: Final = 16 * 1024 * 1024
"""Bytes by which an attempt must get further than all before, for the count of attempts to begin anew."""
_CHUNK: Final = 256 * 1024
_MEDIA_TYPE: Final = re.compile(r"[a-z0-9!#$&^_.+-]{1,64}/[a-z0-9!#$&^_.+-]{1,64}")
_BUSY: Final = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_PARTS: Final = frozenset({HTTPStatus.PARTIAL_CONTENT, HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE})


@dataclass(frozen=True, slots=True)
class Fetched:
    """A document: its bytes, the URL after redirects (never to be printed: use ``guard.shown``), its media type.

    ``terraform_get`` is what a header of that name says, "" for nothing.
    """

    body: bytes
    url: str
    content_type: str
    terraform_get: str = ""


@dataclass(frozen=True, slots=True)
class Downloaded:
    """What was written: the SHA-256 and the number of bytes."""

    sha256: Sha256
    size: int


@dataclass(frozen=True, slots=True)
class _Call:
    """What one call is about: a URL, the media type that it accepts, its end, and what is there of a download."""

    url: str
    accept: str
    deadline: Deadline
    partial: Partial | None = None
    empty: bool = False


class Fetcher:
    """Reads from URLs. Safe to use from several threads.

    ``limits.http_seconds`` bounds one call, with all its attempts and pauses but not the waits until the host has less
    than ``limits.per_host`` requests of this fetcher in hand. ``resolve``, ``clock`` (monotonic
    seconds), ``now`` (wall clock, for Retry-After dates) and ``sleep`` are the outside world.
    """

    def __init__(
        self,
        network: Network,
        limits: Limits,
        *,
        resolve: Resolver = system_resolver,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._guard = Guard(network, resolve)
        self._seconds = limits.http_seconds
        self._clock = clock
        self._now = now
        self._sleep = sleep
        self._connections = Connections(network.ca_file, limits.per_host)
        self._turns = Turns(limits.per_host)

    def get(self, url: str, *, limit: int, accept: str = "*/*", empty: bool = False) -> Fetched:
        """Read a document of at most ``limit`` bytes, unpacked where it comes gzipped.

        ``empty`` takes an answer without a body (204) as one, for its headers. A page of HTML is taken only where
        ``accept`` names text/html: hosts send theirs instead of what was asked for.
        Raises SourceError NET001 to NET014; NET006 where the host says that there is no such thing.
        """
        call = _Call(url, accept, self._deadline(), empty=empty)

        def read(response: BaseHTTPResponse, final: str) -> Fetched:
            body = bytearray()
            for chunk in self._chunks(response, call, limit):
                body += chunk
            packed = response.headers.get("Content-Encoding", "").lower() == "gzip"
            plain = _gunzip(bytes(body), url, limit) if packed else bytes(body)
            return Fetched(plain, final, _media_type(response), response.headers.get("X-Terraform-Get", ""))

        return self._attempts(call, read)

    def json(self, url: str, limit: int) -> tuple[object, str]:
        """Read a JSON document; returns it and the URL after redirects. Raises as ``get`` does, NET013 if not JSON."""
        fetched = self.get(url, limit=limit, accept="application/json")
        try:
            return orjson.loads(fetched.body), fetched.url
        except orjson.JSONDecodeError:
            raise wrong_content(url, "JSON", fetched.content_type or "no media type") from None

    def download(self, url: str, out: BinaryIO, *, limit: int) -> Downloaded:
        """Stream at most ``limit`` bytes into ``out`` (seekable), hashing on the way.

        Where it breaks off, the rest is asked for if the host lets it be told from another file's; else a repeated
        attempt empties ``out`` first. Raises as ``get`` does, NET015 where ``out`` cannot be written, and NET016.
        """
        partial = Partial(url, out)
        call = _Call(url, "*/*", self._deadline(), partial)

        def read(response: BaseHTTPResponse, final: str) -> Downloaded:
            partial.begin(response, final)
            for chunk in self._chunks(response, call, limit):
                partial.write(chunk)
            return Downloaded(Sha256(partial.finish()), partial.size)

        return self._attempts(call, read)

    def _deadline(self) -> Deadline:
        return Deadline(self._seconds, self._clock)

    def _attempts(self, call: _Call, read: Callable[[BaseHTTPResponse, str], T]) -> T:
        """Try until it works, at most ``ATTEMPTS`` times without getting much further than ever before."""
        pause, failed, furthest = PAUSE, 0, 0
        while True:
            try:
                return self._follow(call, read)
            except RetryableError as failure:
                reached = call.partial.size if call.partial else 0
                if reached >= furthest + _FURTHER:
                    pause, failed, furthest = PAUSE, 0, reached
                failed += 1
                wait = pause if failure.wait is None else failure.wait
                if failed == ATTEMPTS or wait > LONGEST_PAUSE or wait >= call.deadline.left():
                    raise failure.error from None
                self._sleep(wait)
                pause *= 2

    def _follow(self, call: _Call, read: Callable[[BaseHTTPResponse, str], T]) -> T:
        """One attempt: follow redirects, judging each target anew, and read the answer."""
        here = call.url
        for _ in range(MAX_REDIRECTS + 1):
            target = self._guard.http_target(here)
            with self._open(target, call) as response:
                if response.status not in _REDIRECTS:
                    self._check(response, call)
                    return read(response, here)
                onward = _onward(here, response.headers.get("Location", ""), call.url)
            if target.scheme == "https" and not onward.startswith("https://"):
                raise SourceError(
                    codes.BAD_SCHEME,
                    "a redirect from https to something else",
                    where=shown(call.url),
                    found=shown(onward),
                    hint="Ask the host's operators to redirect to https.",
                )
            here = onward
        raise SourceError(
            codes.TOO_MANY_REDIRECTS,
            where=shown(call.url),
            expected=f"at most {MAX_REDIRECTS}",
            hint=codes.TOO_MANY_REDIRECTS.fix,
        )

    @contextlib.contextmanager
    def _open(self, target: Target, call: _Call) -> Iterator[BaseHTTPResponse]:
        """Send one request when it is its turn; a connection whose answer was not read to its end is closed."""
        with self._turns.turn(target.host, call.deadline):
            try:
                addresses = self._guard.addresses(target)
            except SourceError as error:
                raise RetryableError(error) if error.code is codes.UNREACHABLE else error from None
            with contextlib.closing(self._request(target, addresses, call)) as response:
                yield response

    def _request(self, target: Target, addresses: tuple[str, ...], call: _Call) -> BaseHTTPResponse:
        """Ask the first judged address that answers."""
        headers = {
            "Host": target.netloc,
            "Accept": call.accept,
            "Accept-Encoding": "identity",
            "User-Agent": f"registry-gen/{__version__}",
            **(call.partial.headers() if call.partial else {}),
        }
        failure: HTTPError | None = None
        for address in addresses:
            remaining = call.deadline.left()
            if remaining <= 0:
                raise too_slow(call.url, self._seconds)
            try:
                return self._connections.get(target, address, headers, remaining)
            except SSLError as error:
                raise tls_failed(call.url, error) from None
            except NewConnectionError as error:
                failure = error
            except (HTTPError, OSError) as error:
                if call.deadline.left() <= 0:
                    raise too_slow(call.url, self._seconds) from None
                raise RetryableError(unreachable(call.url, error)) from None
        raise RetryableError(unreachable(call.url, failure)) from None

    def _check(self, response: BaseHTTPResponse, call: _Call) -> None:
        """Raise what an answer without the thing that was asked for means."""
        status, url = response.status, call.url
        if status in _PARTS and call.partial and call.partial.headers():
            return
        if status == HTTPStatus.OK or (status == HTTPStatus.NO_CONTENT and call.empty):
            if _media_type(response) in ("text/html", "application/xhtml+xml") and "text/html" not in call.accept:
                raise wrong_content(url, "a file", "an HTML page")
            return
        if status in _BUSY:
            wait = retry_after(response.headers.get("Retry-After"), self._now())
            asked = "" if wait is None else f", asking to wait for {wait:.0f} s"
            raise RetryableError(bad_status(codes.BUSY, url, status, asked), wait)
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise RetryableError(bad_status(codes.BAD_STATUS, url, status))
        if status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
            raise bad_status(codes.NOT_FOUND, url, status)
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            raise bad_status(codes.DENIED, url, status)
        raise bad_status(codes.BAD_STATUS, url, status)

    def _chunks(self, response: BaseHTTPResponse, call: _Call, limit: int) -> Iterator[bytes]:
        """The body as it comes: with what is there already at most ``limit`` bytes, and never after the deadline."""
        size = call.partial.size if call.partial else 0
        length = response.headers.get("Content-Length", "")
        announced = str(size + int(length)) if re.fullmatch(r"[0-9]{1,20}", length) else ""
        if announced and int(announced) > limit:
            raise too_large(call.url, limit, f"{announced} bytes")
        # A read returns what is there, so a server that trickles comes by the clock below; one that sends nothing
        # at all is left by the socket's timeout; one that trickles inside a chunk's frame is cut by the timer.
        timer = threading.Timer(min(max(0.0, call.deadline.left()), threading.TIMEOUT_MAX), _cut, [response])
        timer.daemon = True
        timer.start()
        try:
            while True:
                try:
                    chunk = response.read1(_CHUNK, decode_content=False)
                except (HTTPError, OSError) as error:
                    if call.deadline.left() <= 0:
                        raise too_slow(call.url, self._seconds) from None
                    raise RetryableError(truncated(call.url, size, announced, error)) from None
                if call.deadline.left() <= 0:
                    raise too_slow(call.url, self._seconds)
                if not chunk:
                    return
                size += len(chunk)
                if size > limit:
                    raise too_large(call.url, limit, "more")
                yield chunk
        finally:
            timer.cancel()


def _cut(response: BaseHTTPResponse) -> None:
    """Wake up a read from another thread."""
    with contextlib.suppress(ValueError, RuntimeError, OSError):
        response.shutdown()


def _gunzip(packed: bytes, url: str, limit: int) -> bytes:
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        plain = unpacker.decompress(packed, limit + 1)
    except zlib.error:
        raise wrong_content(url, "gzip, as Content-Encoding says", "other bytes") from None
    if len(plain) > limit:
        raise too_large(url, limit, "more when unpacked")
    if not unpacker.eof:
        raise SourceError(codes.TRUNCATED, where=shown(url), hint=codes.TRUNCATED.fix)
    return plain


def _onward(here: str, location: str, url: str) -> str:
    """Where a redirect leads; whether that may be gone to is the guard's to say."""
    try:
        return urljoin(here, location)
    except ValueError:
        raise SourceError(
            codes.BAD_URL,
            "a redirect to something that is no URL",
            where=shown(url),
            found=shown(location),
            hint="Ask the host's operators to mend the redirect.",
        ) from None


def _media_type(response: BaseHTTPResponse) -> str:
    """``type/subtype`` in lower case (RFC 9110, 8.3.1), "" where the host says something else."""
    text = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return text if _MEDIA_TYPE.fullmatch(text) else ""

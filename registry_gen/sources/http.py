"""The one HTTP client: guarded, bounded in bytes, time and redirects, and patient with busy hosts.

Proxies of the environment are not used: a proxy would resolve names itself, behind the guard's back.
No credentials are ever sent, so none can leak to another host.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import ssl
import threading
import time
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, BinaryIO, Final, TypeVar
from urllib.parse import urljoin

import orjson
import urllib3
from urllib3.exceptions import HTTPError, MaxRetryError, NewConnectionError, SSLError

from registry_gen import __version__
from registry_gen.errors import Code, SourceError
from registry_gen.model.digest import Sha256
from registry_gen.sources import codes
from registry_gen.sources.connections import Connections
from registry_gen.sources.guard import Guard, Resolver, shown, system_resolver

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from urllib3.response import BaseHTTPResponse

    from registry_gen.model.config import Limits, Network
    from registry_gen.sources.guard import Target

T = TypeVar("T")

MAX_REDIRECTS: Final = 5
_ATTEMPTS: Final = 4
_PAUSE: Final = 0.5
"""Seconds before the second attempt; doubled before each further one."""
_LONGEST_PAUSE: Final = 60.0
"""Seconds. A host that asks for more (Retry-After) is left for the next run."""
_CHUNK: Final = 256 * 1024
_MEDIA_TYPE: Final = re.compile(r"[a-z0-9!#$&^_.+-]{1,64}/[a-z0-9!#$&^_.+-]{1,64}")
_BUSY: Final = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class Fetched:
    """A document: its bytes, the URL after redirects (never to be printed: use ``guard.shown``), its media type."""

    body: bytes
    url: str
    content_type: str


@dataclass(frozen=True, slots=True)
class Downloaded:
    """What was written: the SHA-256 and the number of bytes."""

    sha256: Sha256
    size: int


class _RetryableError(Exception):
    """An attempt failed in a way that may pass. ``wait`` is what the host asked for, in seconds."""

    def __init__(self, error: SourceError, wait: float | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.wait = wait


class Fetcher:
    """Reads from URLs. Safe to use from several threads.

    ``limits.http_seconds`` bounds one call, with all its attempts and pauses. ``resolve``, ``clock`` (monotonic
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
        self._connections = Connections(network.ca_file, limits.workers)

    def get(self, url: str, *, limit: int, accept: str = "*/*") -> Fetched:
        """Read a document of at most ``limit`` bytes, unpacked where it comes gzipped.

        A page of HTML is taken only where ``accept`` names text/html: hosts send theirs instead of what was asked for.
        Raises SourceError NET001 to NET014; NET006 where the host says that there is no such thing.
        """

        def read(response: BaseHTTPResponse, final: str, deadline: float) -> Fetched:
            body = bytearray()
            for chunk in self._chunks(response, url, limit, deadline):
                body += chunk
            packed = response.headers.get("Content-Encoding", "").lower() == "gzip"
            plain = _gunzip(bytes(body), url, limit) if packed else bytes(body)
            return Fetched(plain, final, _media_type(response))

        return self._attempts(url, accept, read)

    def json(self, url: str, limit: int) -> tuple[object, str]:
        """Read a JSON document; returns it and the URL after redirects. Raises as ``get`` does, NET013 if not JSON."""
        fetched = self.get(url, limit=limit, accept="application/json")
        try:
            return orjson.loads(fetched.body), fetched.url
        except orjson.JSONDecodeError:
            raise SourceError(
                codes.WRONG_CONTENT,
                where=shown(url),
                expected="JSON",
                found=fetched.content_type or "no media type",
                hint=codes.WRONG_CONTENT.fix,
            ) from None

    def download(self, url: str, out: BinaryIO, *, limit: int) -> Downloaded:
        """Stream at most ``limit`` bytes into ``out`` (seekable), hashing on the way.

        A repeated attempt empties ``out`` first. Raises as ``get`` does, and NET015 where ``out`` cannot be written.
        """

        def read(response: BaseHTTPResponse, final: str, deadline: float) -> Downloaded:
            if response.headers.get("Content-Encoding", "identity").lower() != "identity":
                raise _wrong_content(url, "the file as it is", "one with a Content-Encoding")
            del final
            with writing(url):
                out.seek(0)
                out.truncate()
            total, size = hashlib.sha256(), 0
            for chunk in self._chunks(response, url, limit, deadline):
                total.update(chunk)
                size += len(chunk)
                with writing(url):
                    out.write(chunk)
            with writing(url):
                out.flush()
            return Downloaded(Sha256(total.hexdigest()), size)

        return self._attempts(url, "*/*", read)

    def _attempts(self, url: str, accept: str, read: Callable[[BaseHTTPResponse, str, float], T]) -> T:
        deadline = self._clock() + self._seconds
        pause = _PAUSE
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return self._follow(url, accept, deadline, read)
            except _RetryableError as failure:
                wait = pause if failure.wait is None else failure.wait
                if attempt == _ATTEMPTS or wait > _LONGEST_PAUSE or self._clock() + wait >= deadline:
                    raise failure.error from None
                self._sleep(wait)
                pause *= 2
        raise AssertionError("the loop returns or raises")

    def _follow(self, url: str, accept: str, deadline: float, read: Callable[[BaseHTTPResponse, str, float], T]) -> T:
        """One attempt: follow redirects, judging each target anew, and read the answer."""
        here = url
        for _ in range(MAX_REDIRECTS + 1):
            target = self._guard.http_target(here)
            with self._open(target, url, accept, deadline) as response:
                if response.status not in _REDIRECTS:
                    self._check(response, url, accept)
                    return read(response, here, deadline)
                onward = _onward(here, response.headers.get("Location", ""), url)
            if target.scheme == "https" and not onward.startswith("https://"):
                raise SourceError(
                    codes.BAD_SCHEME,
                    "a redirect from https to something else",
                    where=shown(url),
                    found=shown(onward),
                    hint="Ask the host's operators to redirect to https.",
                )
            here = onward
        raise SourceError(
            codes.TOO_MANY_REDIRECTS,
            where=shown(url),
            expected=f"at most {MAX_REDIRECTS}",
            hint=codes.TOO_MANY_REDIRECTS.fix,
        )

    @contextlib.contextmanager
    def _open(self, target: Target, url: str, accept: str, deadline: float) -> Iterator[BaseHTTPResponse]:
        """Send one request; a connection whose answer was not read to its end is closed, others are kept."""
        try:
            addresses = self._guard.addresses(target)
        except SourceError as error:
            raise _RetryableError(error) if error.code is codes.UNREACHABLE else error from None
        response = self._request(target, addresses, url, accept, deadline)
        try:
            yield response
        finally:
            response.close()

    def _request(
        self, target: Target, addresses: tuple[str, ...], url: str, accept: str, deadline: float
    ) -> BaseHTTPResponse:
        """Ask the first judged address that answers."""
        headers = {
            "Host": target.netloc,
            "Accept": accept,
            "Accept-Encoding": "identity",
            "User-Agent": f"registry-gen/{__version__}",
        }
        failure: HTTPError | None = None
        for address in addresses:
            remaining = deadline - self._clock()
            if remaining <= 0:
                raise _too_slow(url, self._seconds)
            try:
                return self._connections.get(target, address, headers, remaining)
            except SSLError as error:
                raise _tls_failed(url, error) from None
            except NewConnectionError as error:
                failure = error
            except (HTTPError, OSError) as error:
                if self._clock() >= deadline:
                    raise _too_slow(url, self._seconds) from None
                raise _RetryableError(_unreachable(url, error)) from None
        raise _RetryableError(_unreachable(url, failure)) from None

    def _check(self, response: BaseHTTPResponse, url: str, accept: str) -> None:
        status = response.status
        if status == HTTPStatus.OK:
            if _media_type(response) in ("text/html", "application/xhtml+xml") and "text/html" not in accept:
                raise _wrong_content(url, "a file", "an HTML page")
            return
        if status in _BUSY:
            wait = _retry_after(response.headers.get("Retry-After"), self._now())
            asked = "" if wait is None else f", asking to wait for {wait:.0f} s"
            raise _RetryableError(_bad_status(codes.BUSY, url, status, asked), wait)
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise _RetryableError(_bad_status(codes.BAD_STATUS, url, status))
        if status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
            raise _bad_status(codes.NOT_FOUND, url, status)
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            raise _bad_status(codes.DENIED, url, status)
        raise _bad_status(codes.BAD_STATUS, url, status)

    def _chunks(self, response: BaseHTTPResponse, url: str, limit: int, deadline: float) -> Iterator[bytes]:
        """The body as it comes, never more than ``limit`` bytes and never after the deadline."""
        announced = response.headers.get("Content-Length", "")
        if re.fullmatch(r"[0-9]{1,20}", announced) and int(announced) > limit:
            raise _too_large(url, limit, f"{announced} bytes")
        size = 0
        # A read returns what is there, so a server that trickles comes by the clock below; one that sends nothing
        # at all is left by the socket's timeout; one that trickles inside a chunk's frame is cut by the timer.
        seconds = min(max(0.0, deadline - self._clock()), threading.TIMEOUT_MAX)
        timer = threading.Timer(seconds, _cut, [response])
        timer.daemon = True
        timer.start()
        try:
            while True:
                try:
                    chunk = response.read1(_CHUNK, decode_content=False)
                except (HTTPError, OSError) as error:
                    if self._clock() >= deadline:
                        raise _too_slow(url, self._seconds) from None
                    raise _RetryableError(_truncated(url, size, announced, error)) from None
                if self._clock() >= deadline:
                    raise _too_slow(url, self._seconds)
                if not chunk:
                    return
                size += len(chunk)
                if size > limit:
                    raise _too_large(url, limit, "more")
                yield chunk
        finally:
            timer.cancel()


def _cut(response: BaseHTTPResponse) -> None:
    """Wake up a read from another thread."""
    with contextlib.suppress(ValueError, RuntimeError, OSError):
        response.shutdown()


@contextlib.contextmanager
def writing(source: str) -> Iterator[None]:
    """Turn what the disk says while ``source`` (URL or path) is written to it into SourceError NET015."""
    try:
        yield
    except OSError as error:
        raise SourceError(
            codes.CANNOT_WRITE, where=shown(source), found=error.strerror or str(error), hint=codes.CANNOT_WRITE.fix
        ) from error


def _gunzip(packed: bytes, url: str, limit: int) -> bytes:
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        plain = unpacker.decompress(packed, limit + 1)
    except zlib.error:
        raise _wrong_content(url, "gzip, as Content-Encoding says", "other bytes") from None
    if len(plain) > limit:
        raise _too_large(url, limit, "more when unpacked")
    if not unpacker.eof:
        raise SourceError(codes.TRUNCATED, where=shown(url), hint=codes.TRUNCATED.fix)
    return plain


def _retry_after(text: str | None, now: datetime) -> float | None:
    """Seconds to wait by a Retry-After header (RFC 9110, 10.2.3: seconds or a date), None where there is none."""
    if text is None:
        return None
    if re.fullmatch(r"[0-9]{1,9}", text.strip()):
        return float(text)
    try:
        when = parsedate_to_datetime(text)
        if when.tzinfo is None:
            when = when.replace(tzinfo=UTC)
        return max(0.0, (when - now).total_seconds())
    except (ValueError, OverflowError):  # nonsense, or a year, day or zone beyond what dates can hold
        return None


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


def _bad_status(code: Code, url: str, status: int, more: str = "") -> SourceError:
    try:
        phrase = f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        phrase = str(status)
    return SourceError(code, where=shown(url), found=f"HTTP status {phrase}{more}", hint=code.fix)


def _wrong_content(url: str, expected: str, found: str) -> SourceError:
    return SourceError(
        codes.WRONG_CONTENT, where=shown(url), expected=expected, found=found, hint=codes.WRONG_CONTENT.fix
    )


def _too_large(url: str, limit: int, found: str) -> SourceError:
    return SourceError(
        codes.TOO_LARGE, where=shown(url), expected=f"at most {limit} bytes", found=found, hint=codes.TOO_LARGE.fix
    )


def _too_slow(url: str, seconds: float) -> SourceError:
    return SourceError(
        codes.TOO_SLOW, where=shown(url), expected=f"an answer within {seconds:g} s", hint=codes.TOO_SLOW.fix
    )


def _truncated(url: str, size: int, announced: str, error: Exception) -> SourceError:
    slow = isinstance(error, urllib3.exceptions.TimeoutError)
    return SourceError(
        codes.TRUNCATED,
        where=shown(url),
        expected=f"{announced} bytes" if announced else "",
        found=f"{size} bytes" + (", then silence" if slow else ""),
        hint=codes.TRUNCATED.fix,
    )


def _unreachable(url: str, error: Exception | None) -> SourceError:
    return SourceError(codes.UNREACHABLE, where=shown(url), found=_reason(error), hint=codes.UNREACHABLE.fix)


def _tls_failed(url: str, error: SSLError) -> SourceError:
    return SourceError(codes.TLS_FAILED, where=shown(url), found=_reason(error), hint=codes.TLS_FAILED.fix)


def _reason(error: Exception | None) -> str:
    """What happened, in the operating system's or OpenSSL's own words and without URLs."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return cause.verify_message
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
        if isinstance(cause, MaxRetryError):
            cause = cause.reason
            continue
        cause = cause.__cause__ or cause.__context__
    return type(error).__name__ if error else "no address"

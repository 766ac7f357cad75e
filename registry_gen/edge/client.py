"""A small HTTP client for the APIs of CDNs: no redirects, no proxies, bounded, and patient with busy vendors.

Answers are trusted with nothing: they are short, and what is shown of them went without our secrets.
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
import ssl
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote_plus, urlsplit

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, SSLError

from registry_gen import __version__
from registry_gen.edge import codes
from registry_gen.edge.addresses import judged, system_resolver
from registry_gen.errors import EdgeError, InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from urllib3.response import BaseHTTPResponse, HTTPResponse

    from registry_gen.edge.addresses import Resolver
    from registry_gen.errors import Code
    from registry_gen.model.config import Network

ATTEMPTS: Final = 4
PAUSE: Final = 1.0
"""Seconds before the second attempt; doubled before each further one."""
LONGEST_PAUSE: Final = 60.0
_ANSWER_SECONDS: Final = 30.0
_MOST_BYTES: Final = 262_144
_BUSY: Final = frozenset({408, 425, 429, 503})
_PRINTABLE: Final = re.compile(r"[!-~]{1,16384}")


@dataclass(frozen=True, slots=True)
class Request:
    """One request. ``headers`` may hold secrets, so it is never shown."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; names of headers in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def _never(_answer: Answer) -> bool:
    return False


class Client:
    """Sends requests within ``seconds`` from its making, pauses included.

    ``read`` gives the bytes behind a reference to a secret, or raises InputError. ``resolve``, ``clock`` (monotonic
    seconds), ``now`` and ``sleep`` are the outside world.
    """

    def __init__(
        self,
        network: Network,
        seconds: float,
        read: Callable[[str], bytes],
        *,
        resolve: Resolver = system_resolver,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._network = network
        self._seconds = seconds
        self._read = read
        self._resolve = resolve
        self._clock = clock
        self._now = now
        self._sleep = sleep
        self._end = clock() + seconds
        self._secrets: set[str] = set()
        self._pools: urllib3.PoolManager | None = None

    def left(self) -> float:
        """Seconds until all must be done, negative afterwards."""
        return self._end - self._clock()

    def now(self) -> datetime:
        """The time that requests are signed with."""
        return self._now()

    def secret(self, reference: str) -> str:
        """The text behind a reference; no error that this client raises shows it. Raises EdgeError EDG001."""
        try:
            text = self._read(reference).decode().strip()
        except InputError as error:
            raise _no_secret(reference, error.found or error.code.title) from None
        except UnicodeDecodeError:
            raise _no_secret(reference, "what is no text") from None
        if not text:
            raise _no_secret(reference, "nothing")
        return self.hidden(text)

    def hidden(self, text: str) -> str:
        """The same text, which no error that this client raises shows from now on."""
        self._secrets.add(text)
        return text

    def token(self, reference: str) -> str:
        """A secret that goes into a header as it is; raises EdgeError EDG001."""
        text = self.secret(reference)
        if not _PRINTABLE.fullmatch(text):
            raise _no_secret(reference, "spaces, line breaks or letters that no token has")
        return text

    def pause(self, seconds: float) -> None:
        """Wait; raises EdgeError EDG006 where there is no time for it."""
        if seconds >= self.left():
            raise EdgeError(codes.TOO_SLOW, expected=f"an end within {self._seconds:g} s", hint=codes.TOO_SLOW.fix)
        self._sleep(seconds)

    def send(self, make: Callable[[], Request], is_busy: Callable[[Answer], bool] = _never) -> Answer:
        """Send what ``make`` makes for each attempt, until there is a good answer (2xx).

        ``is_busy`` says which other answers ask for patience, beside 408, 425, 429 and 5xx. Raises EdgeError EDG002 to
        EDG006, and EDG008.
        """
        pause = PAUSE
        for attempt in range(1, ATTEMPTS + 1):
            request = make()
            try:
                answer = self._once(request)
            except _PassingError as passing:
                failure, asked = passing.error, None
            else:
                if answer.status < HTTPStatus.MULTIPLE_CHOICES:
                    return answer
                failure = self._failure(request, answer, busy=is_busy(answer))
                if failure.code not in (codes.BUSY, codes.UNREACHABLE):
                    raise failure
                asked = retry_after(answer.headers.get("retry-after"), self._now())
            wait = pause if asked is None else asked
            if attempt == ATTEMPTS or wait > LONGEST_PAUSE or wait >= self.left():
                raise failure from None
            self._sleep(wait)
            pause *= 2
        raise AssertionError("the last attempt returns or raises")

    def _failure(self, request: Request, answer: Answer, *, busy: bool) -> EdgeError:
        status = answer.status
        if busy or status in _BUSY:
            code = codes.BUSY
        elif status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            code = codes.DENIED
        else:
            code = codes.UNREACHABLE if status >= HTTPStatus.INTERNAL_SERVER_ERROR else codes.REFUSED
        return self.error(code, request.url, f"HTTP status {status}", answer.body)

    def error(self, code: Code, url: str, found: str, body: bytes) -> EdgeError:
        """An error about an answer, with the beginning of what it says, without our secrets."""
        said = body.decode(errors="replace")
        for secret in sorted(self._secrets, key=len, reverse=True):
            said = said.replace(secret, "…").replace(quote_plus(secret), "…")  # as it is, and as forms have it
        said = " ".join(said.split())[:300]
        return EdgeError(code, where=origin(url), found=f"{found}: {said}" if said else found, hint=code.fix)

    def _once(self, request: Request) -> Answer:
        """One attempt at the first address that answers; raises _PassingError where another may help."""
        parts = urlsplit(request.url)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        addresses = judged(host, port, self._network.allow_private, self._resolve)
        headers = {"Host": parts.netloc, "User-Agent": f"registry-gen/{__version__}", **request.headers}
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        reason: Exception | None = None
        for address in addresses:
            seconds = min(_ANSWER_SECONDS, self.left())
            if seconds <= 0:
                raise EdgeError(codes.TOO_SLOW, where=origin(request.url), hint=codes.TOO_SLOW.fix)
            names = {"server_hostname": host, "assert_hostname": host} if parts.scheme == "https" else {}
            if names and host == address:
                names["server_hostname"] = ""
            pool = self._opened().connection_from_host(
                address, port, parts.scheme, {name: value or None for name, value in names.items()}
            )
            end = self._clock() + seconds
            try:
                with contextlib.closing(
                    pool.urlopen(
                        request.method,
                        path,
                        body=request.body or None,
                        headers=headers,
                        retries=False,
                        redirect=False,
                        assert_same_host=False,
                        preload_content=False,
                        decode_content=False,
                        timeout=urllib3.Timeout(connect=min(10.0, seconds), read=seconds),
                    )
                ) as response:
                    return Answer(
                        response.status,
                        {name.lower(): value for name, value in response.headers.items()},
                        self._body(response, end),
                    )
            except SSLError as error:
                raise self._unreachable(request, error) from None
            except (HTTPError, OSError) as error:
                reason = error
        raise _PassingError(self._unreachable(request, reason))

    def _body(self, response: BaseHTTPResponse, end: float) -> bytes:
        body = bytearray()
        while chunk := response.read1(65_536):
            body += chunk
            if self._clock() > end:
                raise TimeoutError("the answer did not end in time")
            if len(body) > _MOST_BYTES:
                raise OSError(f"an answer of more than {_MOST_BYTES} bytes")
        return bytes(body)

    def _unreachable(self, request: Request, error: Exception | None) -> EdgeError:
        return EdgeError(codes.UNREACHABLE, where=origin(request.url), found=_reason(error), hint=codes.UNREACHABLE.fix)

    def _opened(self) -> urllib3.PoolManager:
        if self._pools is None:
            self._pools = urllib3.PoolManager(ssl_context=_tls(self._network.ca_file))
            self._pools.pool_classes_by_scheme = {"http": _PlainPool, "https": _TlsPool}
        return self._pools


class _PassingError(Exception):
    """An attempt failed in a way that may pass."""

    def __init__(self, error: EdgeError) -> None:
        super().__init__(str(error))
        self.error = error


class _Plain(HTTPConnection):
    def getresponse(self) -> HTTPResponse:  # type: ignore[override] # as urllib3 itself overrides it
        with _head_in_time(self.sock, self.timeout):
            return super().getresponse()


class _Tls(HTTPSConnection):
    def getresponse(self) -> HTTPResponse:  # type: ignore[override] # as urllib3 itself overrides it
        with _head_in_time(self.sock, self.timeout):
            return super().getresponse()


class _PlainPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Plain


class _TlsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _Tls


@contextlib.contextmanager
def _head_in_time(sock: socket.socket, seconds: object) -> Iterator[None]:
    """Bound the whole head: the socket's own timeout begins anew with every byte of a server that trickles."""

    def cut() -> None:
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds if isinstance(seconds, int | float) else _ANSWER_SECONDS, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def read_json(body: bytes) -> Any:
    """What an answer says, None where it is no JSON, or nested deeper than any that means well."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def origin(url: str) -> str:
    """``scheme://host:port`` of a URL: its path may be a secret, as those of webhooks are. "" for what is none."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def retry_after(text: str | None, now: datetime) -> float | None:
    """Seconds to wait by a Retry-After header (RFC 9110, 10.2.3: seconds or a date), None where there is none."""
    if text is None:
        return None
    if re.fullmatch(r"[0-9]{1,9}", text.strip()):
        return float(text)
    try:
        when = parsedate_to_datetime(text)
        return max(0.0, ((when if when.tzinfo else when.replace(tzinfo=UTC)) - now).total_seconds())
    except (ValueError, OverflowError):  # nonsense, or a date beyond what dates can hold
        return None


def _tls(ca_file: Path | None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if ca_file is not None:
        context.load_verify_locations(cafile=ca_file)
    return context


def _no_secret(reference: str, found: str) -> EdgeError:
    return EdgeError(codes.NO_SECRET, where=reference, found=found, hint=codes.NO_SECRET.fix)


def _reason(error: Exception | None) -> str:
    """What happened in the operating system's or OpenSSL's own words, without URLs."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return cause.verify_message
        if isinstance(cause, OSError):
            return cause.strerror or str(cause) or type(cause).__name__
        cause = cause.__cause__ or cause.__context__
    return type(error).__name__ if error else "no address"

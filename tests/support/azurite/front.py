"""What stands between a storage and azurite, and misbehaves where a test plans it.

    def test(azure_front: Front, azure_behind: AzureStorage) -> None:   # whose requests all go through the front
        azure_front.plan("PUT", Refused(503, "ServerBusy"), Lost(500))  # the first two PUTs; then all goes well

Everything else is passed on as it came; signatures hold, for they are over the path. Pauses between attempts are
written down in ``azure_front.pauses`` and not waited for.
"""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Self

import pytest
import urllib3

from registry_gen.storage.azure import AzureStorage
from tests.support.http_server import HttpServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from http.server import BaseHTTPRequestHandler
    from types import TracebackType

    from registry_gen.model.places import AzurePlace
    from tests.support.azurite import Azurite

_OWN: Final = {"connection", "host", "transfer-encoding", "content-length", "keep-alive"}


@dataclass(frozen=True)
class Refused:
    """Answered like this, and not passed on."""

    status: int
    code: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | None = None


@dataclass(frozen=True)
class Lost:
    """Passed on, and the answer replaced by this status; None closes the connection instead."""

    status: int | None = None


@dataclass(frozen=True)
class Corrupted:
    """Passed on with another first byte."""


@dataclass(frozen=True)
class Meanwhile:
    """Passed on, and something else is done before the answer is given."""

    act: Callable[[], object]


Fault = Refused | Lost | Corrupted | Meanwhile


class Front:
    """See the module's docstring."""

    def __init__(self, azurite: Azurite) -> None:
        self._azurite = azurite
        self._upstream = urllib3.PoolManager(4, maxsize=16, ca_certs=str(azurite.ca_file), retries=False)
        self._server = HttpServer(authority=azurite.authority)
        self._server.mount("/", self._answer)
        self._lock = threading.Lock()
        self._planned: list[tuple[str, str, Fault | None]] = []
        self.sent: list[tuple[str, str]] = []
        """Methods and paths with their queries, in the order that they came."""
        self.pauses: list[float] = []
        self.lent_keys: list[str] = []
        """User delegation keys that were given out."""

    def __enter__(self) -> Self:
        self._server.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.__exit__(kind, error, trace)
        self._upstream.clear()

    @property
    def url(self) -> str:
        """The account's address here."""
        return self._server.url("/" + self._azurite.url.rpartition("/")[2])

    def plan(self, method: str, *faults: Fault | None, part: str = "") -> None:
        """What the next requests with this method meet whose path and query hold ``part``, one each; None: nothing."""
        with self._lock:
            self._planned += [(method, part, fault) for fault in faults]

    def count(self, method: str, part: str = "") -> int:
        """How many requests with this method came whose path and query hold ``part``."""
        with self._lock:
            return sum(each == method and part in path for each, path in self.sent)

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        with self._lock:
            self.sent.append((handler.command, handler.path))
            due = [each for each in self._planned if each[0] == handler.command and each[1] in handler.path]
            fault = due[0][2] if due else None
            if due:
                self._planned.remove(due[0])
        if isinstance(fault, Refused):
            text = f"<?xml version='1.0'?><Error><Code>{fault.code}</Code><Message>SIGNATURE</Message></Error>"
            named = {"x-ms-error-code": fault.code} if fault.code else {}
            data = (text if fault.body is None else fault.body).encode()
            _send(handler, fault.status, {"Content-Type": "application/xml", **named, **fault.headers}, data)
            return
        if isinstance(fault, Corrupted):
            body = bytes([body[0] ^ 1]) + body[1:]
        headers = {name: value for name, value in handler.headers.items() if name.lower() not in _OWN}
        url = self._azurite.url.rpartition("/")[0] + handler.path
        answer = self._upstream.request(handler.command, url, body=body or None, headers=headers, redirect=False)
        if isinstance(fault, Meanwhile):
            fault.act()
        with self._lock:
            self.lent_keys += re.findall(r"<Value>(.*?)</Value>", answer.data.decode(errors="replace"))[:1]
        if isinstance(fault, Lost) and fault.status is None:
            handler.close_connection = True
            return
        status = fault.status if isinstance(fault, Lost) and fault.status else answer.status
        _send(handler, status, {} if isinstance(fault, Lost) else answer.headers, answer.data)


@pytest.fixture
def azure_front(azurite: Azurite) -> Iterator[Front]:
    """A front of its own for a test."""
    with Front(azurite) as front:
        yield front


@pytest.fixture
def azure_behind(azure_front: Front, azure_place: AzurePlace) -> AzureStorage:
    """A storage that reaches ``azure_place`` through the front."""
    return AzureStorage(replace(azure_place, endpoint=azure_front.url), pause=azure_front.pauses.append)


def _send(handler: BaseHTTPRequestHandler, status: int, headers: Mapping[str, str], body: bytes) -> None:
    handler.send_response_only(status)
    head = handler.command == "HEAD"
    for name, value in headers.items():
        if name.lower() not in _OWN or (head and name.lower() == "content-length"):
            handler.send_header(name, value)
    if not head:
        handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    if not head:
        handler.wfile.write(body)

"""A proxy on loopback between a client and a storage's server, which fails as it is told to.

with Misbehaving("http://127.0.0.1:8334") as proxy:
    proxy.fail("PUT", Fault.lost())                 # the next PUT is carried out, but its answer never comes
    proxy.fail("GET", Fault.says(503, "SlowDown"), Fault.says(503, "SlowDown"))
    proxy.fail("PUT", *[Fault.says(500, "InternalError")] * 9)
    proxy.url, proxy.asked                          # "PUT", …: methods as they came, failed ones as well
    proxy.headers                                   # of each of them, as a mapping
"""

from __future__ import annotations

import http.client
import http.server
import threading
from collections import defaultdict, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to one request.

    ``status`` answers in the server's place. ``forward`` says that the server gets the request; then only the first
    ``cut_at`` bytes of its answer's body arrive, or no answer at all where that is None. ``slow`` lets the answer come
    byte by byte, or the connection stay open where there is no answer.
    """

    status: int = 0
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    forward: bool = False
    cut_at: int | None = None
    slow: bool = False

    @classmethod
    def says(cls, status: int, code: str, extra: str = "", **headers: str) -> Fault:
        """An error as S3 and its like tell it."""
        body = f"<Error><Code>{code}</Code><Message>because</Message>{extra}</Error>"
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return cls(status, body.encode(), {"Content-Type": "application/xml", **named})

    @classmethod
    def lost(cls) -> Fault:
        """The request is carried out, but its answer is lost."""
        return cls(forward=True)

    @classmethod
    def cut(cls, at: int) -> Fault:
        """The answer breaks off after so many bytes of its body."""
        return cls(forward=True, cut_at=at)

    @classmethod
    def forwarded(cls) -> Fault:
        """No fault: this request goes through."""
        return cls(forward=True, cut_at=1 << 40)

    @classmethod
    def trickles(cls) -> Fault:
        """The answer comes byte by byte."""
        return cls(forward=True, cut_at=1 << 40, slow=True)

    @classmethod
    def hangs(cls) -> Fault:
        """The request is carried out, and nothing comes any more, until the proxy ends."""
        return cls(forward=True, slow=True)

    @classmethod
    def dropped(cls) -> Fault:
        """The connection is closed and the server never hears of it."""
        return cls()


class Misbehaving:
    """The proxy; requests for which no fault is left go through as they are."""

    def __init__(self, target: str) -> None:
        self.target = urlsplit(target).netloc
        self.asked: list[str] = []
        self.headers: list[Mapping[str, str]] = []
        self.ended = threading.Event()
        self._faults: dict[str, deque[Fault]] = defaultdict(deque)
        self._lock = threading.Lock()
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def fail(self, method: str, *faults: Fault) -> None:
        """Let the next requests with this method fail, each in its way."""
        self._faults[method].extend(faults)

    def next_fault(self, method: str, headers: Mapping[str, str]) -> Fault | None:
        """What the present request meets."""
        with self._lock:
            self.asked.append(method)
            self.headers.append(headers)
            waiting = self._faults[method]
            return waiting.popleft() if waiting else None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.ended.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, proxy: Misbehaving) -> None:
        self.proxy = proxy
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except ConnectionError:
            self.close_connection = True

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        fault = self.server.proxy.next_fault(self.command, dict(self.headers.items()))
        if fault and fault.status:
            self._answer(fault.status, fault.headers, fault.body)
        elif fault and not fault.forward:
            self.close_connection = True
        else:
            self._forward(body, fault)

    def _forward(self, body: bytes, fault: Fault | None) -> None:
        connection = http.client.HTTPConnection(self.server.proxy.target, timeout=30)
        try:
            headers = {name: value for name, value in self.headers.items() if name.lower() != "expect"}
            connection.request(self.command, self.path, body, headers)
            answer = connection.getresponse()
            data = answer.read()
        finally:
            connection.close()
        if fault and fault.cut_at is None:
            if fault.slow:
                self.server.proxy.ended.wait()
            self.close_connection = True
            return
        dropped = {"content-length", "transfer-encoding", "connection"}
        kept = {name: value for name, value in answer.getheaders() if name.lower() not in dropped}
        length = answer.getheader("Content-Length") if self.command == "HEAD" else str(len(data))
        self._answer(answer.status, kept, data, length, fault)

    def _answer(
        self,
        status: int,
        headers: Mapping[str, str],
        data: bytes,
        length: str | None = None,
        fault: Fault | None = None,
    ) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", length or str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            data = data[: fault.cut_at] if fault else data
            for part in [bytes([byte]) for byte in data] if fault and fault.slow else [data]:
                self.wfile.write(part)
        self.close_connection = self.close_connection or fault is not None

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _serve  # noqa: N815 - http.server's names

    def log_message(self, *_: Any) -> None:
        pass

"""A threaded HTTP or HTTPS server on loopback that does what a test tells it to.

    with HttpServer(authority=authority) as server:          # no authority: plain http
        server.route("/a.json", Reply.json({"a": 1}))
        server.route("/busy", Reply.busy(retry_after="1"), Reply(body=b"at last"))   # in turn; the last one stays
        server.route("/cut", Reply(body=b"x" * 100, cut_at=10))   # promises 100 bytes, closes after 10
        server.route("/held", Reply(body=b"x" * 100, hold_at=10)) # sends 10, then nothing until server.release()
        server.route("/x", lambda request: Reply(body=request.headers["range"].encode()))   # by what is asked
        server.folder("/releases/", tmp_path)                     # files as they are; 404 for the rest
        server.url("/a.json"), server.host, server.requests

A path without a route answers 404 with an HTML page, as web servers do. The server answers to 127.0.0.1 and,
for clients with a resolver of their own, to any name that its certificate holds (``*.example.test``).
"""

from __future__ import annotations

import http.server
import json
import mimetypes
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from tests.support.tls import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path
    from types import TracebackType

    from tests.support.tls import Authority


@dataclass(frozen=True, slots=True)
class Request:
    """What a client asked for; header names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer. ``body`` is bytes, or chunks that are sent without a Content-Length until the client leaves.

    ``cut_at``: close after so many bytes of the body. ``hold_at``: stop there until ``server.release()``.
    ``drop``: close the connection without any answer.
    """

    status: int = 200
    body: bytes | Callable[[], Iterable[bytes]] = b""
    content_type: str = "application/octet-stream"
    headers: Mapping[str, str] = field(default_factory=dict)
    cut_at: int | None = None
    hold_at: int | None = None
    drop: bool = False

    @classmethod
    def json(cls, value: Any, status: int = 200) -> Reply:
        return cls(status, json.dumps(value).encode(), "application/json")

    @classmethod
    def html(cls, status: int = 200) -> Reply:
        return cls(status, b"<!DOCTYPE html><html><title>Sign in</title></html>", "text/html; charset=utf-8")

    @classmethod
    def redirect(cls, location: str, status: int = 302) -> Reply:
        return cls(status, headers={"Location": location})

    @classmethod
    def busy(cls, retry_after: str | None = None, status: int = 429) -> Reply:
        return cls(status, b"later", headers={} if retry_after is None else {"Retry-After": retry_after})


class HttpServer:
    """See the module's docstring."""

    def __init__(
        self, *, authority: Authority | None = None, names: tuple[str, ...] = LOOPBACK, expired: bool = False
    ) -> None:
        self.requests: list[Request] = []
        self._lock = threading.Lock()
        self._routes: dict[str, list[Reply | Callable[[Request], Reply]]] = {}
        self._folders: dict[str, Path] = {}
        self._mounts: dict[str, Callable[[http.server.BaseHTTPRequestHandler], None]] = {}
        self._released = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self.scheme = "http"
        if authority is not None:
            self.scheme = "https"
            # The handshake is left to the handler's thread: one stuck client must not stop the others.
            self._server.socket = authority.server_context(names, expired=expired).wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def host(self) -> str:
        """``127.0.0.1:PORT``."""
        return f"127.0.0.1:{self.port}"

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        """The URL of a path, on any name that stands for this server."""
        return f"{self.scheme}://{host}:{self.port}{path}"

    def route(self, path: str, *replies: Reply | Callable[[Request], Reply]) -> None:
        """Answer a path (with its query) with these replies in turn; the last one answers for good."""
        with self._lock:
            self._routes[path] = list(replies)

    def folder(self, prefix: str, folder: Path) -> None:
        """Serve the files of a folder under ``prefix`` (ends in "/"); routes win."""
        self._folders[prefix] = folder

    def mount(self, prefix: str, answer: Callable[[http.server.BaseHTTPRequestHandler], None]) -> None:
        """Let ``answer`` do everything under ``prefix``, with the standard library's request handler."""
        self._mounts[prefix] = answer

    def release(self) -> None:
        """Let replies that hold go on."""
        self._released.set()

    def wait(self) -> None:
        """Wait until ``release()`` or the server's end; for handlers that a test mounts."""
        self._released.wait()

    def asked(self, path: str) -> int:
        """How often a path was asked for."""
        with self._lock:
            return sum(request.path == path for request in self.requests)

    def answer(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        """Answer one request; called by the handler."""
        headers = {name.lower(): value for name, value in handler.headers.items()}
        request = Request(handler.command, handler.path, headers)
        with self._lock:
            self.requests.append(request)
        for prefix, mounted in self._mounts.items():
            if handler.path.startswith(prefix):
                mounted(handler)
                return
        reply = self._find(handler.path)
        self._send(handler, reply if isinstance(reply, Reply) else reply(request))

    def _find(self, path: str) -> Reply | Callable[[Request], Reply]:
        with self._lock:
            replies = self._routes.get(path)
            if replies:
                return replies.pop(0) if len(replies) > 1 else replies[0]
        for prefix, folder in self._folders.items():
            file = folder / path.removeprefix(prefix)
            if path.startswith(prefix) and file.is_file():
                return Reply(body=file.read_bytes(), content_type=mimetypes.guess_type(path)[0] or "text/plain")
        return Reply.html(404)

    def _send(self, handler: http.server.BaseHTTPRequestHandler, reply: Reply) -> None:
        handler.close_connection = True
        if reply.drop:
            return
        handler.send_response(reply.status)
        handler.send_header("Connection", "close")
        handler.send_header("Content-Type", reply.content_type)
        for name, value in reply.headers.items():
            handler.send_header(name, value)
        if isinstance(reply.body, bytes):
            if not any(name.lower() == "content-length" for name in reply.headers):
                handler.send_header("Content-Length", str(len(reply.body)))
            handler.end_headers()
            if handler.command != "HEAD":
                self._send_bytes(handler, reply, reply.body)
            return
        handler.end_headers()
        for chunk in reply.body():
            handler.wfile.write(chunk)

    def _send_bytes(self, handler: http.server.BaseHTTPRequestHandler, reply: Reply, body: bytes) -> None:
        if reply.hold_at is not None:
            handler.wfile.write(body[: reply.hold_at])
            handler.wfile.flush()
            self._released.wait()
            body = body[reply.hold_at :]
        handler.wfile.write(body if reply.cut_at is None else body[: reply.cut_at])


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that leave early or refuse the certificate are what many tests are about: no trace on stderr."""


def _handler(server: HttpServer) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            server.answer(self)

        do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet: ``server.requests`` tells."""

    return Handler

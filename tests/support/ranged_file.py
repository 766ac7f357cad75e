"""A file for ``HttpServer.route`` that is served in parts, breaks off, and lies about its parts where told to.

server.route("/x", RangedFile(b"0123456789", {"ETag": '"1"'}, cuts=[4]))    # breaks off after 4 bytes, once
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.support.http_server import Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.support.http_server import Request


@dataclass
class RangedFile:
    """``validators`` are headers of each answer. ``cuts``: after how many bytes the first answers break off.

    ``honours`` False: ranges are ignored. ``lie`` makes another answer of each honest part.
    """

    body: bytes
    validators: Mapping[str, str]
    cuts: list[int] = field(default_factory=list)
    honours: bool = True
    lie: Callable[[Reply], Reply] = lambda reply: reply

    def __call__(self, request: Request) -> Reply:
        return self._part(request) if self._is_partial(request) else self._cut(200, 0, self.validators)

    def _is_partial(self, request: Request) -> bool:
        condition = request.headers.get("if-range")
        return self.honours and "range" in request.headers and condition in {None, *self.validators.values()}

    def _part(self, request: Request) -> Reply:
        asked = re.fullmatch(r"bytes=([0-9]+)-", request.headers["range"])
        assert asked, request.headers
        start, size = int(asked[1]), len(self.body)
        if start >= size:
            return self.lie(Reply(416, headers={"Content-Range": f"bytes */{size}"}))
        return self.lie(self._cut(206, start, {**self.validators, "Content-Range": f"bytes {start}-{size - 1}/{size}"}))

    def _cut(self, status: int, start: int, headers: Mapping[str, str]) -> Reply:
        return Reply(status, self.body[start:], headers=headers, cut_at=self.cuts.pop(0) if self.cuts else None)

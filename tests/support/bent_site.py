"""A public folder over TLS as a CDN serves it, and each answer may be bent: what CDNs do when they are set up wrong.

    with BentSite(public, authority) as site:
        site.bend = lambda request, reply: with_header(reply, "X-Terraform-Get", "./get.html")
        site.url

Unlike ``StaticSite`` it is a server of another make, so that what is asked of servers is not what ours happens to do.
"""

from __future__ import annotations

import fnmatch
from dataclasses import replace
from typing import TYPE_CHECKING

from registry_gen import paths
from tests.support.http_server import HttpServer, Reply, Request

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.tls import Authority

    Bend = Callable[[Request, Reply], Reply]

DOWNLOAD = "/v1/modules/*/*/*/*/download"


class BentSite(HttpServer):
    """See the module's docstring. ``seen`` remembers answers for whoever wants to bend as a cache does."""

    def __init__(self, public: Path, authority: Authority | None) -> None:
        super().__init__(authority=authority)
        self.public = public
        self.bend: Bend = lambda _request, reply: reply
        self.seen: dict[str, Reply] = {}

    @property
    def base(self) -> str:
        """The public URL."""
        return self.url("/")

    def _find(self, path: str) -> Reply | Callable[[Request], Reply]:
        return lambda request: self.bend(request, self._plain(request.path))

    def _plain(self, path: str) -> Reply:
        """The answer of a server that does everything right."""
        key = path.lstrip("/")
        file = self.public / key
        try:
            rule = paths.rule(key)
        except ValueError:
            return _missing()
        if not file.is_file():
            return _missing()
        headers = {"Cache-Control": rule.cache_control}
        if fnmatch.fnmatch(path, DOWNLOAD):
            headers["X-Terraform-Get"] = "./get.html"
        return Reply(body=file.read_bytes(), content_type=rule.content_type, headers=headers)


def with_header(reply: Reply, name: str, value: str | None) -> Reply:
    """The same answer with a header, or without it."""
    others = {key: text for key, text in reply.headers.items() if key.lower() != name.lower()}
    return replace(reply, headers=others if value is None else {**others, name: value})


def _missing() -> Reply:
    return Reply(404, b"not found\n", "text/plain", {"Cache-Control": "no-store"})

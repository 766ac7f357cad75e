"""A public storage folder over HTTP, as a CDN in front of the bucket would serve it.

Only keys that ``paths`` makes are served, with the content type and cache rule that ``paths`` gives them.
There is no listing, nothing is rewritten and nothing is compressed: a stored Content-Encoding breaks archives.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from anyio import to_thread
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import FileResponse, PlainTextResponse, Response

from registry_gen import paths
from registry_gen.errors import InputError
from registry_gen.model.digest import sha256
from registry_gen.shim import codes

if TYPE_CHECKING:
    import os
    from pathlib import Path

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

TERRAFORM_GET: Final = paths.TERRAFORM_GET
"""The one constant that Terraform needs beside files."""

MAX_DOCUMENT_BYTES: Final = 64 * 1024 * 1024
"""The largest document that is served from memory; the registry renders none near it."""

_SEGMENT: Final = re.compile(r"[0-9A-Za-z_][0-9A-Za-z._+~-]*")
_MODULE_DOWNLOAD: Final = re.compile(r"v1/modules/[^/]+/[^/]+/[^/]+/[^/]+/download")
_MISSING: Final = {"Cache-Control": "no-store"}


def public_files(public: Path, private: Path | None = None, prefix: str = "/") -> ASGIApp:
    """An ASGI application that serves the files under ``public``.

    ``prefix`` is the path of the site's URL, such as "/" or "/registry/": keys are asked for below it, and the
    discovery document at the root of the host too, where the clients look for it. ``private`` is the folder of the
    private storage, if it is a folder; raises InputError SRV002 where it could be reached through ``public``.
    """
    root = public.resolve()
    if private is not None and private.resolve().is_relative_to(root):
        raise InputError(codes.PRIVATE_EXPOSED, where=str(private), hint=codes.PRIVATE_EXPOSED.fix)
    return _PublicFiles(root, f"/{prefix.strip('/')}/".replace("//", "/"))


@dataclass(frozen=True, slots=True)
class _Found:
    """A file on disk: ``body`` is set for mutable documents, which another may replace while they are sent."""

    path: Path
    stat: os.stat_result
    body: bytes | None
    etag: str


class _PublicFiles:
    def __init__(self, root: Path, prefix: str) -> None:
        self._root = root
        self._prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._respond(scope)
        await response(scope, receive, _with_nosniff(send))

    async def _respond(self, scope: Scope) -> Response:
        if scope["method"] not in ("GET", "HEAD"):
            return PlainTextResponse("method not allowed\n", 405, {**_MISSING, "Allow": "GET, HEAD"})
        key = self._key(scope["path"])
        found = await to_thread.run_sync(self._find, key) if key else None
        if key is None or found is None:
            return PlainTextResponse("not found\n", 404, _MISSING)
        rule = paths.rule(key)
        headers = {"ETag": found.etag, "Cache-Control": rule.cache_control}
        if _MODULE_DOWNLOAD.fullmatch(key):
            headers["X-Terraform-Get"] = TERRAFORM_GET
        if _matches(Headers(scope=scope).get("If-None-Match"), found.etag):
            return Response(status_code=304, headers=headers)
        headers["Content-Type"] = rule.content_type
        if found.body is not None:
            return Response(found.body, headers=headers)
        return FileResponse(found.path, headers=headers, stat_result=found.stat)

    def _key(self, path: str) -> str | None:
        """The key that a decoded request path names, or None where no object can have it."""
        if path == f"/{paths.DISCOVERY}":
            return paths.DISCOVERY
        key = path.removeprefix(self._prefix)
        if key == path:
            return None
        # Rules speak of segments and would let '..' pass for one: names are checked first.
        if key != paths.DISCOVERY and not all(_SEGMENT.fullmatch(segment) for segment in key.split("/")):
            return None
        try:
            paths.rule(key)
        except ValueError:
            return None
        return key

    def _find(self, key: str) -> _Found | None:
        """Look up a key's file; a link anywhere on its way counts as no file."""
        path = self._root / key
        try:
            if path.resolve(strict=True) != path or not path.is_file():
                return None
            stat = path.stat()
            body = None
            if not paths.rule(key).immutable:
                if stat.st_size > MAX_DOCUMENT_BYTES:
                    return None
                body = path.read_bytes()
        except (OSError, RuntimeError):
            # Gone since, unreadable, a name too long for the disk, or a loop of links: for a reader, not there.
            return None
        etag = f'"{stat.st_mtime_ns:x}-{stat.st_size:x}"' if body is None else f'"{sha256(body)}"'
        return _Found(path, stat, body, etag)


def _matches(header: str | None, etag: str) -> bool:
    """Whether If-None-Match names the etag, by weak comparison (RFC 9110, 13.1.2)."""
    if header is None:
        return False
    named = {part.strip().removeprefix("W/") for part in header.split(",")}
    return "*" in named or etag in named


def _with_nosniff(send: Send) -> Send:
    """Put what every response carries on this one, and keep errors out of caches."""

    async def wrapped(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["X-Content-Type-Options"] = "nosniff"
            if message["status"] >= 400:
                headers["Cache-Control"] = "no-store"
        await send(message)

    return wrapped

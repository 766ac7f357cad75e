"""Fastly: single URLs, batches of surrogate keys, or all of a service.

Source: www.fastly.com/documentation/reference/api/purging: up to 256 surrogate keys a request; purging all is never
soft; 100,000 purges an hour.
"""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Final

from registry_gen import paths
from registry_gen.edge import codes
from registry_gen.edge.client import Request
from registry_gen.edge.purge import Edge, Reach, path

if TYPE_CHECKING:
    from registry_gen.edge.client import Client
    from registry_gen.edge.purge import Part
    from registry_gen.model.purge import Fastly

API: Final = "https://api.fastly.com"


def fastly(options: Fastly, client: Client, api: str | None, host: str) -> Edge:
    """A service that serves ``host``; the token is read when the first request is sent."""
    base = (api or API).rstrip("/")
    service = f"{base}/service/{options.service}"

    def send(part: Part) -> str:
        headers = {"Fastly-Key": client.token(options.token), "Accept": "application/json"}
        body = b""
        if options.soft and part.scope == "keys" and not any(_is_gone(key) for key in part.names):
            headers["Fastly-Soft-Purge"] = "1"
        if part.scope == "everything":
            url = f"{service}/purge_all"
        elif options.surrogate_keys:
            url, body = f"{service}/purge", json.dumps({"surrogate_keys": part.names}).encode()
            headers["Content-Type"] = "application/json"
        else:
            url = f"{base}/purge/{host}{path(part.names[0])}"
        answer = client.send(partial(Request, "POST", url, headers, body))
        if b'"error"' in answer.body:
            raise client.error(codes.REFUSED, url, f"HTTP status {answer.status}", answer.body)
        return ""

    if options.surrogate_keys:
        return Edge("Fastly", Reach(most=5120, batch=256), send)
    return Edge("Fastly", Reach(most=256, batch=1), send)


def _is_gone(key: str) -> bool:
    """What never changes is purged only where it was deleted: it must not be served once more while it is stale."""
    return paths.rule(key).immutable

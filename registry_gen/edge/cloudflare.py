"""Cloudflare: URLs, prefixes, or all of a host.

Sources: developers.cloudflare.com/api/resources/cache/methods/purge (30 URLs, prefixes or hosts a request on every
plan) and developers.cloudflare.com/cache/how-to/purge-cache (which plan may ask how often). All of a zone is never
purged: it may hold other sites.
"""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Final

from registry_gen.edge import codes
from registry_gen.edge.client import Request, read_json
from registry_gen.edge.purge import Edge, Reach, path

if TYPE_CHECKING:
    from registry_gen.edge.client import Client
    from registry_gen.edge.purge import Part
    from registry_gen.model.purge import Cloudflare

API: Final = "https://api.cloudflare.com/client/v4"


def cloudflare(options: Cloudflare, client: Client, api: str | None, host: str) -> Edge:
    """A zone that serves ``host`` over https; the token is read when the first request is sent."""
    url = f"{(api or API).rstrip('/')}/zones/{options.zone}/purge_cache"

    def send(part: Part) -> str:
        headers = {"Authorization": f"Bearer {client.token(options.token)}", "Content-Type": "application/json"}
        answer = client.send(partial(Request, "POST", url, headers, json.dumps(_said(part, host)).encode()))
        if not _succeeded(answer.body):
            raise client.error(codes.REFUSED, url, f"HTTP status {answer.status}", answer.body)
        return ""

    return Edge("Cloudflare", Reach(most=600, batch=30, prefixes=30, prefix_batch=30), send)


def _said(part: Part, host: str) -> dict[str, list[str]]:
    match part.scope:
        case "keys":
            return {"files": [f"https://{host}{path(name)}" for name in part.names]}
        case "prefixes":
            return {"prefixes": [f"{host}{path(name)}" for name in part.names]}
        case _:
            return {"hosts": [host]}


def _succeeded(body: bytes) -> bool:
    said = read_json(body)
    return isinstance(said, dict) and said.get("success") is True

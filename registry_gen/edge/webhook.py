"""A URL of the registry's own people: it is told what changed, and purges whatever stands in front of the bucket.

Source: github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md: the signature is
HMAC-SHA256 over ``ID.TIMESTAMP.BODY``, in Base64 behind "v1,".
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from typing import TYPE_CHECKING, Final

from registry_gen.edge import codes
from registry_gen.edge.client import Request
from registry_gen.edge.purge import Edge, Reach, path
from registry_gen.errors import EdgeError

if TYPE_CHECKING:
    from registry_gen.edge.client import Client
    from registry_gen.edge.purge import Part
    from registry_gen.model.purge import Webhook

_ENCODED: Final = "whsec_"


def webhook(options: Webhook, client: Client, host: str) -> Edge:
    """The webhook of a site on ``host``; the secret is read when the first message is sent."""

    def send(part: Part) -> str:
        key = _key(options.secret, client.secret(options.secret))
        body = json.dumps(_message(part, host), separators=(",", ":")).encode()
        # The same id in each attempt, so that who gets a message twice can know it; the time is that of the attempt.
        name = f"msg_{secrets.token_hex(16)}"
        client.send(lambda: _signed(options.url, name, int(client.now().timestamp()), body, key))
        return ""

    return Edge("the webhook", Reach(most=10_000, batch=1000), send)


def _message(part: Part, host: str) -> dict[str, object]:
    return {
        "type": "registry.changed",
        "site": f"https://{host}/",
        "everything": part.scope == "everything",
        "keys": part.names,
        "urls": [f"https://{host}{path(name)}" for name in part.names],
    }


def _signed(url: str, name: str, at: int, body: bytes, key: bytes) -> Request:
    mac = hmac.new(key, f"{name}.{at}.".encode() + body, hashlib.sha256).digest()
    headers = {
        "Content-Type": "application/json",
        "Webhook-Id": name,
        "Webhook-Timestamp": str(at),
        "Webhook-Signature": f"v1,{base64.b64encode(mac).decode()}",
    }
    return Request("POST", url, headers, body)


def _key(reference: str, secret: str) -> bytes:
    """The bytes that sign: behind "whsec_" in Base64, else the text as it is."""
    if not secret.startswith(_ENCODED):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix(_ENCODED), validate=True)
    except binascii.Error:
        raise EdgeError(
            codes.NO_SECRET, where=reference, expected="Base64 behind whsec_", hint=codes.NO_SECRET.fix
        ) from None

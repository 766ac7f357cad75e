"""Google Cloud CDN: one path or prefix a request.

Sources: cloud.google.com/compute/docs/reference/rest/v1/urlMaps/invalidateCache and
cloud.google.com/cdn/docs/cache-invalidation-overview: 500 requests a minute, each done in some ten seconds, "*" only
at the end behind "/". What is wrong with a request is in its answer, so the operation that it begins is not waited for.
"""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from registry_gen.edge import codes
from registry_gen.edge.client import Request
from registry_gen.edge.purge import Edge, Reach, path
from registry_gen.errors import EdgeError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from google.auth.credentials import Credentials

    from registry_gen.edge.client import Answer, Client
    from registry_gen.edge.purge import Part
    from registry_gen.model.purge import GoogleCdn

API: Final = "https://compute.googleapis.com"
_SCOPES: Final = ("https://www.googleapis.com/auth/compute",)
_BUSY: Final = (b'"rateLimitExceeded"', b'"quotaExceeded"', b'"RATE_LIMIT_EXCEEDED"')


def google(options: GoogleCdn, client: Client, api: str | None, host: str) -> Edge:
    """A URL map, and in it only ``host``; who we are is looked up when the first request is sent."""
    base = f"{(api or API).rstrip('/')}/compute/v1/projects/{options.project}/global"
    url = f"{base}/urlMaps/{options.url_map}/invalidateCache"
    known: list[Credentials] = []

    def send(part: Part) -> str:
        if not known:
            known.append(_credentials(options, client))
        token = _token(known[0], _Transport(client) if options.key else None)
        headers = {"Authorization": f"Bearer {client.hidden(token)}", "Content-Type": "application/json"}
        body = json.dumps({"host": host.partition(":")[0], "path": _path(part)}).encode()
        answer = client.send(partial(Request, "POST", url, headers, body), _is_busy)
        if b'"error"' in answer.body:
            raise client.error(codes.FAILED, url, "an operation that failed", answer.body)
        return ""

    return Edge("Google Cloud CDN", Reach(most=50, batch=1, prefixes=50, prefix_batch=1), send)


def _path(part: Part) -> str:
    if part.scope == "everything":
        return "/*"
    return path(part.names[0]) + ("*" if part.scope == "prefixes" else "")


def _is_busy(answer: Answer) -> bool:
    return any(reason in answer.body for reason in _BUSY)


def _credentials(options: GoogleCdn, client: Client) -> Credentials:
    import google.auth
    from google.auth.exceptions import GoogleAuthError
    from google.oauth2 import service_account

    if options.key is None:
        try:
            found, _project = google.auth.default(scopes=_SCOPES)
        except GoogleAuthError as error:
            raise _nobody("Google", type(error).__name__) from None
        return found
    try:
        info = json.loads(client.secret(options.key))
        credentials: Credentials = service_account.Credentials.from_service_account_info(  # type: ignore[no-untyped-call]
            info, scopes=_SCOPES
        )
        return credentials
    except (ValueError, KeyError, TypeError, AttributeError, GoogleAuthError):  # their texts may quote the key
        raise _nobody(options.key, "what is no key file of a service account") from None


def _token(credentials: Credentials, transport: _Transport | None) -> str:
    """A token that is still good, asked for by ``transport``, or by Google's library itself where it looks around.

    Raises EdgeError EDG002 where nobody gives us one.
    """
    from google.auth.exceptions import GoogleAuthError
    from google.auth.transport.requests import Request as Session

    if not credentials.valid:
        try:
            credentials.refresh(transport or Session())  # type: ignore[no-untyped-call]
        except (GoogleAuthError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            found = type(error).__name__  # the others: of an answer that makes no sense
            raise EdgeError(codes.DENIED, where="Google", found=found, hint=codes.DENIED.fix) from None
    return str(credentials.token)


class _Transport:
    """``google.auth.transport.Request`` on our own client, which bounds the time by itself."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | str | None = None,
        headers: Mapping[str, str] | None = None,
        **_more: Any,
    ) -> _Response:
        data = body.encode() if isinstance(body, str) else body or b""
        return _Response(self._client.send(lambda: Request(method, url, headers or {}, data)))


class _Response:
    def __init__(self, answer: Answer) -> None:
        self.status = answer.status
        self.headers = answer.headers
        self.data = answer.body


def _nobody(where: str, found: str) -> EdgeError:
    return EdgeError(codes.NO_SECRET, where=where, expected="credentials", found=found, hint=codes.NO_SECRET.fix)

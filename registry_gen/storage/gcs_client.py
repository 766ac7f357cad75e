"""A bucket of Google Cloud Storage, spoken to with Google's own library: connections, time limits, patience."""

from __future__ import annotations

import os
import weakref
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from google.auth.exceptions import RefreshError
from google.auth.transport.requests import AuthorizedSession
from google.cloud import storage
from google.cloud.storage.retry import DEFAULT_RETRY
from requests.adapters import HTTPAdapter

if TYPE_CHECKING:
    import requests
    from google.auth.credentials import Credentials

THREADS: Final = 16
"""Requests that are on their way at once; each has a connection of its own."""

TIMEOUT: Final = (10.0, 60.0)
"""Seconds to connect, and to wait for any byte of an answer."""

PATIENCE: Final = DEFAULT_RETRY.with_delay(initial=0.5, maximum=16.0, multiplier=2.0).with_timeout(90.0)
"""After 408, 429, 500, 502, 503, 504 and cut connections; pauses are random up to a bound that doubles.

Source: https://cloud.google.com/storage/docs/retry-strategy. Every write here names the generation that it expects, so
that asking again does nothing twice.
"""

_GOOGLE: Final = "https://storage.googleapis.com"


class _Session(AuthorizedSession):
    """Takes an answer of a token endpoint that makes no sense for one that gives no token."""

    def request(self, *arguments: Any, **options: Any) -> requests.Response:
        """As requests.Session does."""
        try:
            answer: requests.Response = super().request(*arguments, **options)  # type: ignore[no-untyped-call]
        except (TypeError, KeyError, AttributeError):
            raise RefreshError("a token endpoint's answer makes no sense") from None  # type: ignore[no-untyped-call]
        return answer


def open_bucket(bucket: str, credentials: Credentials, endpoint: str | None) -> Any:
    """The library's bucket; nothing is sent yet.

    The endpoint is always given, so that no environment variable (STORAGE_EMULATOR_HOST) sends objects elsewhere.
    """
    os.environ.setdefault("DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA", "true")  # it asks for the bucket unasked
    session = _Session(credentials)  # type: ignore[no-untyped-call]
    adapter = HTTPAdapter(pool_connections=2, pool_maxsize=2 * THREADS)
    for scheme in ("https://", "http://"):
        session.mount(scheme, adapter)
    session.auth = _as_it_is
    session.hooks["response"].append(_read_refusal)
    client = storage.Client(
        project=None,
        credentials=credentials,
        client_options={"api_endpoint": (endpoint or _GOOGLE).rstrip("/")},
        _http=session,
    )
    opened = client.bucket(bucket)
    weakref.finalize(opened, session.close)  # nobody closes a storage
    return opened


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Else requests looks into .netrc for each request, and a password there would take our token's place."""
    return request


def _read_refusal(response: requests.Response, **_options: object) -> None:
    """The library leaves unread what a download is refused with, and its connection with it."""
    if response.status_code >= HTTPStatus.BAD_REQUEST:
        _read = response.content

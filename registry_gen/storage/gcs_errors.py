"""What Google's libraries raise, as errors of ours: which code, and only such texts as hold no secret.

Texts of google-auth may quote what a token endpoint answered, and those of an upload its session's URL, with which
anybody could go on with it. So nothing is shown but statuses, known words, and the message field of the API's answers.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import requests
import urllib3
from google.api_core.exceptions import GoogleAPICallError, GoogleAPIError, RetryError
from google.auth.exceptions import (
    DefaultCredentialsError,
    GoogleAuthError,
    InvalidOperation,
    RefreshError,
    TransportError,
)
from google.cloud.storage.exceptions import InvalidResponse

from registry_gen.errors import StorageError
from registry_gen.storage import codes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from registry_gen.errors import Code

_LONGEST: Final = 300
_NONSENSE: Final = "an answer that is not the storage's own"
_NETWORK: Final = (requests.RequestException, urllib3.exceptions.HTTPError, ConnectionError)
_OAUTH: Final = re.compile(
    r"\b(invalid_grant|invalid_client|invalid_target|invalid_request|invalid_scope|unauthorized_client|access_denied)\b"
)
_CLOCK: Final = re.compile(r"reasonable timeframe|Token used too (early|late)|iat and exp")
_CODES: Final[dict[int, Code]] = {
    HTTPStatus.UNAUTHORIZED: codes.BAD_CREDENTIALS,
    HTTPStatus.FORBIDDEN: codes.NOT_ALLOWED,
    HTTPStatus.NOT_FOUND: codes.NO_BUCKET,
    HTTPStatus.TOO_MANY_REQUESTS: codes.BUSY,
}


@contextmanager
def failing(where: str) -> Iterator[None]:
    """Turn what Google's libraries raise into StorageError."""
    try:
        yield
    except (GoogleAPIError, GoogleAuthError, InvalidResponse, *_NETWORK) as error:
        raise translated(error, where) from None  # its text may hold a secret
    except (LookupError, ValueError, TypeError, AttributeError, ArithmeticError, RecursionError):
        raise StorageError(codes.FAILED, where=where, found=_NONSENSE, hint=codes.FAILED.fix) from None


def translated(error: BaseException, where: str) -> StorageError:
    """What an error of Google's libraries is to us."""
    while isinstance(error, RetryError) and error.cause is not None:
        error = error.cause
    code, found = _meaning(error)
    return StorageError(code, where=where, found=found, hint=code.fix)


def is_no_bucket(error: GoogleAPICallError) -> bool:
    """Whether a 404 says that the bucket is missing, not the object."""
    return "bucket does not exist" in str(error.message)


def _meaning(error: BaseException) -> tuple[Code, str]:
    if isinstance(error, InvalidOperation):  # what anonymous credentials answer where the storage wants some
        return codes.NO_CREDENTIALS, "no credentials are sent, as registry.yaml says, but the storage wants some"
    if isinstance(error, DefaultCredentialsError):
        return codes.NO_CREDENTIALS, "no Application Default Credentials"
    if isinstance(error, requests.JSONDecodeError):
        return codes.FAILED, _NONSENSE
    if isinstance(error, (TransportError, *_NETWORK)):
        return codes.UNREACHABLE, _network(error)
    if isinstance(error, GoogleAuthError):
        return _refused(error)
    response = getattr(error, "response", None)
    status = _status(error, response)
    code = codes.BUSY if status >= HTTPStatus.INTERNAL_SERVER_ERROR else _CODES.get(status, codes.FAILED)
    return code, _said(response) or (f"HTTP {status}" if status else type(error).__name__)


def _refused(error: GoogleAuthError) -> tuple[Code, str]:
    """What a token endpoint did not like; its answer may repeat what it was sent, so only known words are taken."""
    text = str(error)
    if _CLOCK.search(text):
        return codes.CLOCK_SKEW, "a token whose times Google does not accept"
    word = _OAUTH.search(text)
    if word:
        return codes.EXPIRED_CREDENTIALS if "expired" in text else codes.BAD_CREDENTIALS, word[1]
    return codes.BAD_CREDENTIALS, "no access token was given" if isinstance(error, RefreshError) else "HTTP 401"


def _network(error: BaseException) -> str:
    text = str(error)
    for name, sign in (
        (
            "the name cannot be resolved",
            "Name or service not known|Temporary failure in name resolution|NameResolution",
        ),
        ("the connection was refused", "Connection refused"),
        ("the certificate cannot be verified", "CERTIFICATE_VERIFY_FAILED"),
        ("no answer in time", "timed out"),
    ):
        if re.search(sign, text):
            return name
    return type(error).__name__


def _status(error: BaseException, response: Any) -> int:
    if isinstance(error, GoogleAPICallError) and error.code:
        return int(error.code)
    return int(getattr(response, "status_code", 0) or 0)


def _said(response: Any) -> str:
    """The message of the API's own answer; "" where it is of another shape."""
    try:
        message = response.json()["error"]["message"]
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError):
        return ""
    return str(message)[:_LONGEST] if isinstance(message, str) else ""

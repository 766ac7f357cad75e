"""What Azure's library raises, as errors of ours.

Nothing of an answer's text is shown: Azure repeats the request's signature in it, and the library the whole address,
which may end in a shared access signature. Codes are documented; see "Blob service error codes" and "Common REST API
error codes" of the REST reference.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ServiceRequestError,
    ServiceResponseError,
)
from azure.identity import CredentialUnavailableError
from urllib3.exceptions import NameResolutionError

from registry_gen.errors import StorageError
from registry_gen.storage import codes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from registry_gen.errors import Code

BUSY: Final = (408, 429, 500, 502, 503, 504)
"""Answers after which the same request may well succeed."""

_SKEW: Final = timedelta(minutes=15)
"""Azure refuses a request whose date is further off ("Authorize with Shared Key", x-ms-date)."""

_LONGEST: Final = 80
"""Characters of a code; those that Azure has are shorter."""

_WRONG_CREDENTIALS: Final = {
    "AuthenticationFailed",
    "InvalidAuthenticationInfo",
    "NoAuthenticationInformation",
}
_DENIED: Final = {
    "AccountIsDisabled",
    "AuthorizationFailure",
    "AuthorizationPermissionMismatch",
    "AuthorizationProtocolMismatch",
    "AuthorizationResourceTypeMismatch",
    "AuthorizationServiceMismatch",
    "AuthorizationSourceIPMismatch",
    "BlobImmutableDueToPolicy",
    "InsufficientAccountPermissions",
    "KeyBasedAuthenticationNotPermitted",
    "LeaseIdMissing",
    "PublicAccessNotPermitted",
}
_NO_CONTAINER: Final = {"ContainerNotFound", "ContainerBeingDeleted", "ContainerDisabled"}
_EXPIRED: Final = {"AADSTS700024", "AADSTS7000222"}  # an assertion and a client's secret
_ENTRA: Final = re.compile(r"AADSTS\d{5,7}")


@contextmanager
def failing(where: str) -> Iterator[None]:
    """Turn the library's errors into StorageError."""
    try:
        yield
    except AzureError as error:
        code, found = _told(error)
        raise StorageError(code, where=where, found=found, hint=code.fix) from None
    except OSError as error:  # of the file that holds a token; whatever the network does the library tells itself
        found = f"no token: {error.strerror or type(error).__name__}"
        raise StorageError(codes.NO_CREDENTIALS, where=where, found=found, hint=codes.NO_CREDENTIALS.fix) from None
    except (LookupError, ValueError, TypeError, AttributeError, ArithmeticError, RecursionError):
        found = "an answer that Azure's library cannot read, perhaps of a proxy in between"
        raise StorageError(codes.FAILED, where=where, found=found, hint=codes.FAILED.fix) from None


def code_of(error: AzureError) -> str:
    """The service's own name of what is wrong (``BlobNotFound``), "" where no answer said so."""
    code = getattr(error, "error_code", None)
    return str(getattr(code, "value", code) or "")[:_LONGEST]


def _told(error: AzureError) -> tuple[Code, str]:
    if isinstance(error, ServiceRequestError):
        return _unreached(error)
    code = code_of(error)
    if isinstance(error, HttpResponseError) and error.response is not None and code:
        found = f"{error.status_code} {code}"
        if code in _WRONG_CREDENTIALS:
            off = _clock_is_off(error)
            return (codes.CLOCK_SKEW, f"{found}; {off}") if off else (codes.BAD_CREDENTIALS, found)
        if code in _NO_CONTAINER:
            return codes.NO_BUCKET, found
        return codes.NOT_ALLOWED if code in _DENIED else _by_status(error.status_code), found
    if isinstance(error, ClientAuthenticationError):
        return _unidentified(error)
    status = getattr(error, "status_code", None)
    if isinstance(error, ServiceResponseError) and not status:
        return codes.UNREACHABLE, _kind(error)
    return _by_status(status), f"{status}" if status else _kind(error)


def _by_status(status: int | None) -> Code:
    if status in BUSY:
        return codes.BUSY
    return codes.NOT_ALLOWED if status == HTTPStatus.FORBIDDEN else codes.FAILED


def _unreached(error: ServiceRequestError) -> tuple[Code, str]:
    if isinstance(error.inner_exception, NameResolutionError):
        return codes.UNREACHABLE, "a host name without an address: there is no such storage account, or no DNS"
    return codes.UNREACHABLE, _kind(error)


def _unidentified(error: ClientAuthenticationError) -> tuple[Code, str]:
    """What a way to show who we are says where it gave no token; its text may hold what a program printed."""
    entra = _ENTRA.search(str(error.message))
    if entra:
        code = codes.EXPIRED_CREDENTIALS if entra[0] in _EXPIRED else codes.BAD_CREDENTIALS
        return code, f"Entra ID says {entra[0]}"
    if isinstance(error, CredentialUnavailableError) or error.response is None:
        return codes.NO_CREDENTIALS, "no token from any way of showing who we are that is configured"
    return codes.BAD_CREDENTIALS, f"{error.status_code} where a token was asked for"


def _clock_is_off(error: HttpResponseError) -> str:
    """By how much our clock is off that of an answer, where that is why it was refused; "" where it is not."""
    headers: Mapping[str, str] = getattr(error.response, "headers", {})
    try:
        off = datetime.now(UTC) - parsedate_to_datetime(headers.get("Date", ""))
    except (ValueError, TypeError):
        return ""
    return f"this machine's clock is {off.total_seconds():+.0f} s off the storage's" if abs(off) > _SKEW else ""


def _kind(error: AzureError) -> str:
    """The kind of an error in place of its text."""
    return type(error.inner_exception or error).__name__

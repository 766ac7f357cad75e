"""A connection to a container of Azure Blob Storage: who we are there, and what is tried again.

Sources: learn.microsoft.com "Retry guidance for Azure Storage", "Azure Identity client library for Python".
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, assert_never

from azure.core.exceptions import ServiceRequestError, ServiceResponseError
from azure.storage.blob import BlobServiceClient, ContainerClient, ExponentialRetry

from registry_gen.errors import StorageError
from registry_gen.model.places import (
    AzureConnectionString,
    AzureManagedIdentity,
    AzureSharedKey,
    AzureWorkloadIdentity,
)
from registry_gen.storage import codes
from registry_gen.storage.azure_errors import BUSY
from registry_gen.storage.secrets import read_secret

if TYPE_CHECKING:
    from collections.abc import Callable

    from azure.core.credentials import TokenCredential
    from azure.core.pipeline import PipelineRequest, PipelineResponse

    from registry_gen.model.places import AzurePlace

_MIB: Final = 1 << 20
_TIERS: Final = ("Hot", "Cool", "Cold")
_LONGEST_WAIT: Final = 60.0


@dataclass(frozen=True, slots=True)
class Connection:
    """An account and our container there; ``key`` is the account's, where that is who we are: it signs links.

    ``signs`` False: neither the key nor Entra ID says who we are, so that we cannot sign anything.
    """

    service: BlobServiceClient
    container: ContainerClient
    key: str | None = field(repr=False)
    signs: bool


def connect(place: AzurePlace, pause: Callable[[float], None]) -> Connection:
    """Prepare to speak to a container; nothing is sent yet. ``pause`` waits before something is tried again.

    Raises StorageError for what is no key or connection string of this account and for tiers that nobody can read
    from at once, InputError STO018 where a secret is missing.
    """
    for tier in (place.artifact_class, place.document_class):
        if tier not in (None, *_TIERS):
            raise StorageError(
                codes.NOT_ALLOWED,
                "objects of this access tier cannot be read at once",
                where=place.url,
                expected="Hot, Cool or Cold",
                found=tier or "",
                hint="Name one of those in registry.yaml.",
            )
    options: dict[str, Any] = {
        "retry_policy": Patience(pause),
        "max_single_put_size": 64 * _MIB,
        "max_single_get_size": 4 * _MIB,  # the library takes ten times as much memory as it reads at once
        "max_chunk_get_size": 4 * _MIB,
        "connection_timeout": 20,
        "read_timeout": 60,
    }
    try:
        service, key, signs = _service(place, options)
    except ValueError:  # its text may hold a part of the secret
        raise StorageError(
            codes.BAD_CREDENTIALS,
            where=place.url,
            found="a key, connection string or endpoint that Azure's library does not take",
            hint="A connection string is the text that Azure shows; Entra ID works with https endpoints only.",
        ) from None
    if service.account_name not in (None, place.account):
        raise StorageError(
            codes.BAD_CREDENTIALS,
            where=place.url,
            expected=f"an endpoint or connection string of the account {place.account}",
            found=f"one of {service.account_name}",
        )
    return Connection(service, service.get_container_client(place.container), key, signs)


def _service(place: AzurePlace, options: dict[str, Any]) -> tuple[BlobServiceClient, str | None, bool]:
    """A client of the account, the account's key, and whether links can be signed; raises ValueError."""
    url = place.endpoint or f"https://{place.account}.blob.core.windows.net"
    if isinstance(place.auth, AzureConnectionString):
        text = read_secret(place.auth.connection_string)
        service = BlobServiceClient.from_connection_string(text, **options)
        key = getattr(service.credential, "account_key", None)
        return service, _checked(key) if key else None, key is not None
    if isinstance(place.auth, AzureSharedKey):
        key = _checked(read_secret(place.auth.key))
        named = {"account_name": place.account, "account_key": key}
        return BlobServiceClient(url, credential=named, **options), key, True
    return BlobServiceClient(url, credential=_entra(place.auth), **options), None, True


def _checked(key: str) -> str:
    try:
        base64.b64decode(key, validate=True)
    except binascii.Error:
        raise ValueError("no base64") from None
    return key


def _entra(auth: AzureManagedIdentity | AzureWorkloadIdentity | None) -> TokenCredential:
    """Who we are to Entra ID; what it needs is looked up when the first token is asked for."""
    from azure.identity import DefaultAzureCredential, ManagedIdentityCredential, WorkloadIdentityCredential

    match auth:
        case None:
            return DefaultAzureCredential()
        case AzureManagedIdentity():
            return ManagedIdentityCredential(client_id=auth.client_id)
        case AzureWorkloadIdentity():
            read_secret(f"file:{auth.token_file}")  # so that a missing one is told before anything begins
            return WorkloadIdentityCredential(
                tenant_id=auth.tenant_id, client_id=auth.client_id, token_file_path=auth.token_file
            )
        case _:
            assert_never(auth)


class Patience(ExponentialRetry):
    """Tries a request again that Azure was too busy for, or whose answer never came: half a minute or a little more.

    The library's own policy knows no 429, and asks for a token again and again where there is nobody to give one.
    """

    def __init__(self, pause: Callable[[float], None]) -> None:
        super().__init__(
            initial_backoff=1,
            increment_base=2,
            random_jitter_range=1,
            retry_total=4,
            retry_connect=2,
            retry_read=4,
            retry_status=4,
        )
        self._pause = pause

    def send(self, request: PipelineRequest[Any]) -> PipelineResponse[Any, Any]:
        """Send a request until its answer is one to keep, or patience is at its end; then the last answer or error."""
        settings = self.configure_retries(request)
        while True:
            answer: PipelineResponse[Any, Any] | None = None
            failure: ServiceRequestError | ServiceResponseError | None = None
            try:
                answer = self.next.send(request)
            except (ServiceRequestError, ServiceResponseError) as error:
                failure = error
            response = answer.http_response if answer else None
            if response:
                response.location_mode = settings["mode"]  # the library reads it from every answer
            if answer and answer.http_response.status_code not in BUSY:
                if _makes_no_sense(answer.http_response):
                    answer.http_response.internal_response.close()  # the library gives up on it, and lets it be
                return answer
            if not self.increment(settings, request.http_request, response, failure):
                if answer:
                    return answer
                raise failure or AssertionError
            if response:
                response.internal_response.close()  # else a body that nobody reads keeps its connection
            self._pause(max(self.get_backoff_time(settings), _asked(response)))


def _makes_no_sense(response: Any) -> bool:
    """Whether a part of a blob does not say which part it is (RFC 9110, 15.3.7)."""
    return response.status_code == HTTPStatus.PARTIAL_CONTENT and "Content-Range" not in response.headers


def _asked(response: Any) -> float:
    """How many seconds an answer asks us to wait (RFC 9110, Retry-After), within reason."""
    asked = response.headers.get("Retry-After", "") if response else ""
    return min(float(asked), _LONGEST_WAIT) if asked.isdecimal() else 0.0

"""URLs with which anybody may read one object of a bucket of Google Cloud Storage for a short while (V4 signatures).

Source: https://cloud.google.com/storage/docs/authentication/signatures; the test vectors are Google's own
(googleapis/conformance-tests, storage/v1/v4_signatures.json).
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from google.auth import iam
from google.auth.credentials import Signing
from google.auth.transport.requests import Request

from registry_gen.errors import StorageError
from registry_gen.storage import MAX_SIGNED_SECONDS, codes

if TYPE_CHECKING:
    from google.auth.credentials import Credentials
    from google.auth.transport import Request as AnyRequest

_GOOGLE: Final = "https://storage.googleapis.com"


class _SignedByIam(Signing):
    """Signs with a key that Google keeps, for an identity that has none (``iam.serviceAccounts.signBlob``).

    Source: https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/signBlob.
    """

    def __init__(self, request: AnyRequest, credentials: Any, email: str) -> None:
        self._email = email
        self._signer = iam.Signer(request, credentials, email)  # type: ignore[no-untyped-call]

    def sign_bytes(self, message: bytes) -> bytes:
        """The signature of ``message``."""
        return bytes(self._signer.sign(message))

    @property
    def signer_email(self) -> str:
        """The service account that signs."""
        return self._email

    @property
    def signer(self) -> iam.Signer:
        """What asks IAM."""
        return self._signer


def signing(credentials: Credentials, request: AnyRequest | None = None) -> Signing:
    """Whatever signs for these credentials: their own private key, or else IAM in the name of their service account.

    Raises StorageError STO010 for credentials of no service account.
    """
    if isinstance(credentials, Signing):
        return credentials
    request = request or Request()
    email = getattr(credentials, "service_account_email", None)
    if email == "default":  # that of a machine, which tells its name with its first token
        credentials.refresh(request)  # type: ignore[no-untyped-call]
        email = getattr(credentials, "service_account_email", None)
    if not email:
        raise StorageError(
            codes.NO_CREDENTIALS, expected="those of a service account, which can sign", hint=codes.NO_CREDENTIALS.fix
        )
    return _SignedByIam(request, credentials, email)


def signed_url(blob: Any, seconds: int, signer: Signing, endpoint: str | None) -> str:
    """A URL that answers GET of this one object for so many seconds; see ``SigningStorage.signed_url``.

    ``blob`` is the library's, ``endpoint`` Google's where None. Raises StorageError STO019 for another lifetime.
    """
    if not 1 <= seconds <= MAX_SIGNED_SECONDS:
        code = codes.BAD_LIFETIME
        raise StorageError(
            code, expected=f"1 to {MAX_SIGNED_SECONDS} seconds", found=f"{seconds} seconds", hint=code.fix
        )
    return str(
        blob.generate_signed_url(
            version="v4",
            method="GET",
            expiration=timedelta(seconds=seconds),
            credentials=signer,
            api_access_endpoint=(endpoint or _GOOGLE).rstrip("/"),
        )
    )

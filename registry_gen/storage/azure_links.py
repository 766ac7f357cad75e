"""Links to one private blob that open for a short time, to read it and nothing else.

Sources: Azure REST reference, "Create a service SAS", "Create a user delegation SAS", "Get User Delegation Key".
"""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from azure.storage.blob import BlobSasPermissions, generate_blob_sas

from registry_gen.errors import StorageError
from registry_gen.storage import MAX_SIGNED_SECONDS, codes
from registry_gen.storage.azure_errors import failing

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from azure.storage.blob import BlobClient, UserDelegationKey

    from registry_gen.storage.azure_client import Connection

_KEY_LIVES: Final = timedelta(hours=12)
_CLOCKS_DIFFER_BY: Final = timedelta(minutes=15)


class Links:
    """Signs links with the account's key, or with a key that Azure gives to an identity of Entra ID for some hours."""

    def __init__(self, connection: Connection, account: str, clock: Callable[[], datetime]) -> None:
        self._connection = connection
        self._account = account
        self._clock = clock
        self._lock = threading.Lock()
        self._lent: tuple[datetime, UserDelegationKey] | None = None

    def url(self, blob: BlobClient, where: str, seconds: int) -> str:
        """A link to read a blob for so many seconds: see ``SigningStorage.signed_url``."""
        if not 1 <= seconds <= MAX_SIGNED_SECONDS:
            raise StorageError(codes.BAD_LIFETIME, where=where, found=f"{seconds} seconds", hint=codes.BAD_LIFETIME.fix)
        if not self._connection.signs:
            raise StorageError(
                codes.NO_CREDENTIALS,
                "a shared access signature cannot sign others",
                where=where,
                hint="Use a key of the account, or an identity of Entra ID with the role Storage Blob Delegator.",
            )
        expiry = self._clock() + timedelta(seconds=seconds)
        token = generate_blob_sas(
            account_name=self._account,
            container_name=blob.container_name,
            blob_name=blob.blob_name,
            account_key=self._connection.key,
            user_delegation_key=None if self._connection.key else self._borrowed(expiry, where),
            permission=BlobSasPermissions(read=True),
            expiry=expiry,
            protocol="https" if blob.scheme == "https" else None,
        )
        address, _, _ = blob.url.partition("?")
        return f"{address}?{token}"

    def _borrowed(self, until: datetime, where: str) -> UserDelegationKey:
        """A key that is good until then; one that was asked for before is used again."""
        with self._lock:
            if self._lent is None or self._lent[0] < until:
                now = self._clock()
                end = now + _KEY_LIVES
                with failing(where):
                    key = self._connection.service.get_user_delegation_key(now - _CLOCKS_DIFFER_BY, end)
                self._lent = end, key
            return self._lent[1]

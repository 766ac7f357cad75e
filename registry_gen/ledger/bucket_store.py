"""What the ledger asks of an object store: any storage of registry-gen has it, and wiring passes one in.

Errors are those of every storage: ConflictError where something else is there than was expected, StorageError where the
store fails and nobody knows whether a write was done.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from registry_gen.errors import ConflictError, LedgerError, StorageError
from registry_gen.ledger import codes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from registry_gen.model.digest import Sha256


class Kept(Protocol):
    """What the store says of an object."""

    @property
    def key(self) -> str:
        """Where it is."""

    @property
    def etag(self) -> str:
        """What ``put_if`` compares with."""

    @property
    def modified(self) -> datetime | None:
        """When it was written last, None where the store does not tell."""


class ObjectStore(Protocol):
    """The private storage, as ``registry_gen.storage.Storage`` describes it. Safe to use from several threads."""

    @property
    def name(self) -> str:
        """Its address, without secrets."""

    def get(self, key: str) -> tuple[bytes, Kept] | None:
        """All bytes of an object, or None."""

    def put_new(self, key: str, body: bytes, sha256: Sha256) -> Kept:
        """Write an object that is never replaced; the same bytes already there is success."""

    def put_if(self, key: str, body: bytes, expected: str | None) -> Kept:
        """Write an object where its etag still is ``expected``, None for no object."""

    def list(self, prefix: str) -> Iterator[Kept]:
        """Every object below a prefix."""

    def delete(self, keys: Sequence[str]) -> None:
        """Delete objects; those that are gone are no error."""


@contextmanager
def answering(store: ObjectStore, doing: str) -> Iterator[None]:
    """Whatever the store has against it reaches people as LedgerError LED044, which callers of a ledger know."""
    try:
        yield
    except (ConflictError, StorageError) as error:
        code = codes.BUCKET_FAILED
        found = f"{error.code}: {error.message}"
        raise LedgerError(code, where=f"{store.name} {doing}", found=found, hint=code.fix) from None

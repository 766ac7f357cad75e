"""What every object storage can do. One file of this room implements it for each kind of storage.

Contract, proven for each kind by tests/contract/test_storage.py:

- ``put_new`` is create-only: of many writers one wins, and the same bytes already there is success.
- ``put_if`` is compare-and-swap on etags; a reader sees the old bytes or the new ones, never a mixture.
- Nothing is visible under a key before all of its bytes are durable.
- Content type and cache rule of every object come from ``paths.rule``.
- Every method is safe to call from several threads.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from pathlib import Path
    from typing import BinaryIO

    from registry_gen.errors import ConflictError, StorageError
    from registry_gen.model.digest import Sha256


MOST_READ: Final = 256 * 2**20
"""Bytes of what ``get`` gives: documents, records and the ledger's state are far smaller, and memory is not endless."""


@dataclass(frozen=True, slots=True)
class Stored:
    """An object's name, its storage's etag and its size in bytes; and what else the storage happens to know.

    ``sha256`` is that of the bytes that are there now, None where only reading them would tell. ``content_type`` and
    ``cache_control`` are kept with the object, or None where this storage makes them when it serves. ``modified`` is
    when the object was written last. ``written`` names this one write of the object, so that the same bytes put again
    are told from it; None where the storage knows no such name.
    """

    key: str
    etag: str
    size: int
    sha256: Sha256 | None = field(default=None, compare=False)
    content_type: str | None = field(default=None, compare=False)
    cache_control: str | None = field(default=None, compare=False)
    modified: datetime | None = field(default=None, compare=False)
    written: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Put:
    """One of many objects to write: an immutable one with its digest, or a document with the etag that it replaces.

    ``expected`` None stands for no object under the key.
    """

    key: str
    body: bytes | Path
    sha256: Sha256 | None = None
    expected: str | None = None

    @property
    def immutable(self) -> bool:
        """Whether it is written as ``put_new`` does, or as ``put_if``."""
        return self.sha256 is not None


class Storage(Protocol):
    """A bucket, container or folder. Every method raises StorageError where the storage fails."""

    @property
    def name(self) -> str:
        """The address of this storage as people know it, without secrets: ``file:///srv/registry``."""

    def put_new(self, key: str, body: bytes | Path, sha256: Sha256) -> Stored:
        """Write an immutable object from bytes or from a file; ``sha256`` is checked on the way.

        Raises ConflictError STO001 where the key holds other bytes, which stay.
        """

    def put_if(self, key: str, body: bytes, expected: str | None) -> Stored:
        """Write a mutable document where its etag still is ``expected`` (None: where there is no object).

        Raises ConflictError STO002 where it is not.
        """

    def put_all(self, puts: Sequence[Put]) -> list[Stored | ConflictError | StorageError]:
        """Write many small objects, in any order; gives for each what ``put_new`` or ``put_if`` returns or raises."""

    def get(self, key: str) -> tuple[bytes, Stored] | None:
        """All bytes of a document or record, or None where there is none.

        Raises StorageError STO025 for more than ``MOST_READ``.
        """

    def head(self, key: str) -> Stored | None:
        """What is stored under a key, or None."""

    def digest(self, key: str) -> Sha256 | None:
        """The SHA-256 of what is stored under a key, read to the end; None where there is nothing."""

    def read_into(self, key: str, out: BinaryIO) -> Sha256 | None:
        """Write all bytes of an object of any size into an open, empty file; their SHA-256, or None: there is none."""

    def list(self, prefix: str) -> Iterator[Stored]:
        """Every object whose key starts with ``prefix``, in order of keys."""

    def relabel(self, key: str) -> Stored | None:
        """Give an object the content type and cache rule that ``paths.rule`` says; its bytes stay. None: none there."""

    def delete_if(self, key: str, expected: str) -> None:
        """Delete a mutable document where its etag still is ``expected``; one that is gone already is no error.

        Raises ConflictError STO002 where another document is there.
        """

    def delete_found(self, found: Sequence[Stored]) -> None:
        """Delete objects as they were found; what was written under a key since then stays, even if it is the same.

        Etags decide where ``written`` is None. Those that are gone already are no error.
        """

    def delete(self, keys: Sequence[str]) -> None:
        """Delete objects; those that do not exist are no error."""


MAX_SIGNED_SECONDS: Final = 3_600
"""How long a signed URL may last: whoever sees it can read the object until then."""


class SigningStorage(Storage, Protocol):
    """A storage that lets somebody without credentials read one object for a while."""

    def signed_url(self, key: str, seconds: int) -> str:
        """A URL that answers GET of this one key for so many seconds (1 to ``MAX_SIGNED_SECONDS``), and nothing else.

        The URL is a secret: whoever has it can read the object. It is made without asking whether the object is there.
        Raises StorageError STO004 for a key that the registry never makes, STO019 for a lifetime out of bounds, and
        STO010 where no credentials were found that can sign.
        """

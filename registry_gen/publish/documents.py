"""Bringing mutable documents into the bucket: leaf documents first, listings last, each by compare-and-swap."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry_gen import paths
from registry_gen.errors import ConflictError, StorageError
from registry_gen.model.facts import PublishedDocument
from registry_gen.publish import codes
from registry_gen.render.document import Document, revision_of, stamp
from registry_gen.storage import Put, Stored

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from registry_gen.ledger import Publication
    from registry_gen.model.address import Address
    from registry_gen.storage import Storage


@dataclass(frozen=True, slots=True)
class Change:
    """A document to put; ``owner`` is None for the site's, ``etag`` that of the object it replaces, None for none."""

    owner: Address | None
    document: Document
    revision: int
    etag: str | None


@dataclass(frozen=True, slots=True)
class Removal:
    """A document that is no longer rendered at ``revision`` of its package, and the etag it was last known by."""

    owner: Address
    key: str
    revision: int
    etag: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """How many documents were put, the first error of each owner whose documents did not all get there, and the keys
    under which something stood that this registry had not put.
    """

    puts: int
    failed: Mapping[Address | None, ConflictError | StorageError]
    altered: tuple[str, ...]


def changes(
    owner: Address | None, revision: int, documents: Iterable[Document], known: Mapping[str, PublishedDocument]
) -> tuple[Change, ...]:
    """The documents whose content is not what the bucket is known to hold.

    A document carries the revision at which its content last changed, so an unchanged one is not touched.
    """
    return tuple(
        Change(owner, document, revision, known[document.key].etag if document.key in known else None)
        for document in documents
        if document.key not in known or known[document.key].content != document.digest
    )


def removals(
    owner: Address, revision: int, documents: Iterable[Document], known: Mapping[str, PublishedDocument]
) -> tuple[Removal, ...]:
    """The documents that the bucket holds and that are no longer rendered; a listing is always rendered."""
    rendered = {document.key for document in documents}
    return tuple(Removal(owner, key, revision, known[key].etag) for key in sorted(known.keys() - rendered))


def remove_documents(
    publication: Publication, storage: Storage, gone: Sequence[Removal]
) -> Mapping[Address | None, ConflictError | StorageError]:
    """Delete documents by compare-and-delete, in order, and give the first error of each owner where it failed."""
    failed: dict[Address | None, ConflictError | StorageError] = {}
    removed: dict[Address, list[str]] = defaultdict(list)
    for removal in gone:
        if removal.owner in failed:
            continue
        try:
            _remove(publication, storage, removal)
            removed[removal.owner].append(removal.key)
        except (ConflictError, StorageError) as error:
            failed[removal.owner] = error
    for owner, keys in removed.items():
        publication.document_removed(owner, keys)
    return failed


def _remove(publication: Publication, storage: Storage, removal: Removal) -> None:
    try:
        storage.delete_if(removal.key, removal.etag)
    except ConflictError:
        publication.log_head()  # raises where the lock was lost meanwhile, before anything is read again
        found = storage.get(removal.key)
        if found:
            require_not_newer(removal.key, found[0], removal.revision)
            storage.delete_if(removal.key, found[1].etag)


def put_documents(publication: Publication, storage: Storage, wanted: Sequence[Change]) -> Outcome:
    """Put leaf documents of all owners, then the listings of those owners whose leaf documents are all there."""
    puts = 0
    altered: list[str] = []
    failed: dict[Address | None, ConflictError | StorageError] = {}

    leaves: list[Change] = []
    listings: list[Change] = []
    for change in wanted:
        (listings if paths.is_listing(change.document.key) else leaves).append(change)
    for group in (leaves, listings):
        batch = [change for change in group if change.owner not in failed]
        there: dict[Address | None, list[PublishedDocument]] = defaultdict(list)
        results = storage.put_all(
            [Put(change.document.key, _stamped(change), expected=change.etag) for change in batch]
        )
        for change, result in zip(batch, results, strict=True):
            try:
                document, foreign = _settled(publication, storage, change, result)
                there[change.owner].append(document)
                puts += 1
                if foreign:
                    altered.append(change.document.key)
            except (ConflictError, StorageError) as error:
                failed.setdefault(change.owner, error)
        if there:
            publication.documents_stored(there)
    return Outcome(puts, failed, tuple(altered))


def _stamped(change: Change) -> bytes:
    return stamp(change.document.key, change.document.content, change.revision)


def _as_stored(change: Change, stored: Stored) -> PublishedDocument:
    return PublishedDocument(change.document.key, change.document.digest, change.revision, stored.etag)


def _settled(
    publication: Publication,
    storage: Storage,
    change: Change,
    result: Stored | ConflictError | StorageError,
) -> tuple[PublishedDocument, bool]:
    """A lost compare-and-swap is tried once more over what is there now, if that is ours to replace.

    Also says whether something else stood there than what a run that was stopped had put.
    """
    if isinstance(result, Stored):
        return _as_stored(change, result), False
    if isinstance(result, StorageError):
        raise result
    publication.log_head()  # raises where the lock was lost meanwhile, before anything is read again
    etag, foreign = _adopted_etag(storage, change)
    return _as_stored(change, storage.put_if(change.document.key, _stamped(change), etag)), foreign


def _adopted_etag(storage: Storage, change: Change) -> tuple[str | None, bool]:
    """The etag of what is there, and whether it is not what a run put that was stopped before it said so.

    Raises ConflictError PUB002 for a newer document.
    """
    key = change.document.key
    found = storage.get(key)
    if found is None:
        return None, True
    body, stored = found
    require_not_newer(key, body, change.revision)
    return stored.etag, body != _stamped(change)


def require_not_newer(key: str, body: bytes, revision: int) -> None:
    """Raise ConflictError PUB002 for a document that carries a later revision than this ledger would put."""
    theirs = revision_of(key, body)
    if theirs is not None and theirs > revision:
        raise ConflictError(
            codes.NEWER_DOCUMENT,
            where=key,
            expected=f"revision {revision} or older",
            found=f"revision {theirs}",
            hint=codes.NEWER_DOCUMENT.fix,
        )

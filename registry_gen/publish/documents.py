"""Bringing mutable documents into the bucket: leaf documents first, listings last, each by compare-and-swap."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry_gen import paths
from registry_gen.errors import ConflictError
from registry_gen.model.digest import sha256
from registry_gen.model.facts import PublishedDocument
from registry_gen.publish import codes
from registry_gen.render.document import Document, revision_of, stamp

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Executor

    from registry_gen.ledger import Publication
    from registry_gen.model.address import Address
    from registry_gen.storage import Storage


def put_documents(
    publication: Publication,
    storage: Storage,
    executor: Executor,
    owner: Address | None,
    revision: int,
    documents: Sequence[Document],
) -> int:
    """Put every document whose content is not what the bucket holds; returns the number of puts.

    A document carries the revision at which its content last changed, so an unchanged one is not touched.
    Raises ConflictError PUB002 where the bucket holds a newer revision than ``revision``.
    """
    known = publication.documents(owner)
    changed = [
        document
        for document in documents
        if document.key not in known or known[document.key].content != sha256(document.content)
    ]

    def put(document: Document) -> PublishedDocument:
        before = known.get(document.key)
        return _put(publication, storage, document, revision, before.etag if before else None)

    for last in (False, True):
        batch = [document for document in changed if paths.is_listing(document.key) == last]
        if batch:
            publication.document_stored(owner, tuple(executor.map(put, batch)))
    return len(changed)


def _put(
    publication: Publication, storage: Storage, document: Document, revision: int, etag: str | None
) -> PublishedDocument:
    body = stamp(document.key, document.content, revision)
    try:
        stored = storage.put_if(document.key, body, etag)
    except ConflictError:
        stored = storage.put_if(document.key, body, _adopted_etag(publication, storage, document.key, revision))
    return PublishedDocument(document.key, sha256(document.content), revision, stored.etag)


def _adopted_etag(publication: Publication, storage: Storage, key: str, revision: int) -> str | None:
    """The etag of what is there now, where it is ours to replace: put by a run that was stopped before it said so."""
    publication.log_head()  # raises where the lock was lost meanwhile, before anything is read again
    found = storage.get(key)
    if found is None:
        return None
    body, stored = found
    theirs = revision_of(key, body)
    if theirs is not None and theirs > revision:
        raise ConflictError(
            codes.NEWER_DOCUMENT,
            where=key,
            expected=f"revision {revision} or older",
            found=f"revision {theirs}",
            hint=codes.NEWER_DOCUMENT.fix,
        )
    return stored.etag

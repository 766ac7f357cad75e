"""Copying mutable documents to another storage: leaf documents of all packages, then listings, then the site's.

What a document must be is what the ledger knows of it. It is rendered again, or, where another renderer made it, read;
etags are remembered beside those of the present storage until the registry moves.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from registry_gen import paths
from registry_gen.errors import ConflictError, RegistryError, StorageError
from registry_gen.publish import codes
from registry_gen.publish.documents import require_not_newer
from registry_gen.publish.own_bucket import require_own_checkpoint
from registry_gen.render.discovery import render_site
from registry_gen.render.document import RENDERER, stamp
from registry_gen.render.package import render_package
from registry_gen.storage import Put, Stored

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from registry_gen.ledger import LogHead, Publication
    from registry_gen.model.address import Address
    from registry_gen.model.config import Site
    from registry_gen.model.facts import Package, PackageHead, PublishedDocument
    from registry_gen.publish.move_objects import Copier
    from registry_gen.publish.progress import Progress
    from registry_gen.render.document import Document

    Rows = Mapping[str, PublishedDocument]

LEAVES: Final = "Copying documents"
LISTINGS: Final = "Copying listings"
_PACKAGES_AT_ONCE: Final = 200

_Ended = tuple[Stored | RegistryError, bool]


class Documents:
    """Puts documents to the target of ``copier``, known to the ledger as ``place``, under the publication lock."""

    def __init__(self, copier: Copier, publication: Publication, place: str, site: Site) -> None:
        self._copier = copier
        self._publication = publication
        self._place = place
        self._site = site

    def packages(
        self,
        addresses: Sequence[Address],
        progress: Progress,
        *,
        listings: bool,
        at: Mapping[Address, PackageHead] | None = None,
    ) -> None:
        """Put the leaf documents of packages, or their ``listings``; ``at`` passes over what was changed since then."""
        for start in range(0, len(addresses), _PACKAGES_AT_ONCE):
            some = addresses[start : start + _PACKAGES_AT_ONCE]
            packages, rows = self._publication.packages(some), self._publication.documents_of(some)
            bodies: list[tuple[PublishedDocument, bytes]] = []
            for address in some:
                theirs = {key: row for key, row in rows.get(address, {}).items() if paths.is_listing(key) is listings}
                package = packages.get(address)
                if at is None or (package and package.head.revision == at[address].revision):
                    bodies += self._bodies(theirs, _rendered(package, self._site) if package else ())
                progress.step(LISTINGS if listings else LEAVES, str(address))
            self._put(bodies)

    def site(self) -> None:
        """Put the documents of no package."""
        self._put(list(self._bodies(self._publication.documents(None), render_site(self._site))))

    def remove_surplus(self) -> None:
        """Delete what an earlier attempt has put, and is rendered no more."""
        for row in self._publication.surplus_copies(self._place):
            try:
                self._copier.target.delete_if(row.key, row.etag)
                self._publication.copies_removed(self._place, [row.key])
            except RegistryError as error:
                self._copier.problems.append(error)

    def checkpoint(self, head: LogHead) -> str | None:
        """Put the signed checkpoint, for nothing is listed that no log promises; gives its etag.

        None where there is no log.
        """
        found = None if head.checkpoint else self._copier.source.get(paths.CHECKPOINT)
        body = head.checkpoint or (found[0] if found else None)
        if body is None or not head.tail.size:
            return None
        there = self._copier.target.get(paths.CHECKPOINT)
        if there:
            require_own_checkpoint(head, self._copier.target, there[0], self._site.log_origin)
            if there[0] == body:
                self._copier.kept += 1
                return there[1].etag
        stored = self._copier.target.put_if(paths.CHECKPOINT, body, there[1].etag if there else None)
        self._copier.copied += 1
        self._copier.size += stored.size
        return stored.etag

    def _bodies(self, rows: Rows, rendered: Iterable[Document]) -> Iterator[tuple[PublishedDocument, bytes]]:
        """Each document and its bytes: those that the ledger says were published, wherever they can be had."""
        made = {document.key: document for document in rendered}
        for key, row in rows.items():
            document = made.get(key)
            if document and document.digest == row.content:
                yield row, stamp(key, document.content, row.revision)
                continue
            try:
                yield row, self._read(row)
            except RegistryError as error:
                self._copier.problems.append(error)

    def _read(self, row: PublishedDocument) -> bytes:
        found = self._copier.source.get(row.key)
        if found and found[1].etag == row.etag:
            return found[0]
        code = codes.OBJECT_ALTERED if found else codes.OBJECT_MISSING
        expected, etag = f"the etag {row.etag}", f"the etag {found[1].etag}" if found else ""
        where = f"{self._copier.source.name}/{row.key}"
        raise StorageError(code, where=where, expected=expected, found=etag, hint=code.fix)

    def _put(self, bodies: Sequence[tuple[PublishedDocument, bytes]]) -> None:
        """Put what is not there yet, and remember its etag there."""
        copier = self._copier
        known = self._publication.copied_documents(self._place, [row.key for row, _ in bodies])
        copied = [known[row.key] for row, _ in bodies if row.key in known and _is_same(known[row.key], row)]
        holds = zip(copied, copier.executor.map(self._holds, copied), strict=True)
        held = {each.key for each, holds_it in holds if holds_it}
        rows = [row for row, _ in bodies if row.key not in held]
        puts = [
            Put(row.key, body, expected=known[row.key].etag if row.key in known else None)
            for row, body in bodies
            if row.key not in held
        ]
        ended = copier.executor.map(self._settled, rows, puts, copier.target.put_all(puts))
        done: list[PublishedDocument] = []
        for row, (result, written) in zip(rows, ended, strict=True):
            if isinstance(result, RegistryError):
                copier.problems.append(result)
                continue
            done.append(replace(row, etag=result.etag))
            copier.copied += written
            copier.kept += not written
            copier.size += result.size if written else 0
        copier.kept += len(held)
        if done:
            self._publication.documents_copied(self._place, done)

    def _holds(self, copied: PublishedDocument) -> bool:
        found = self._copier.target.head(copied.key)
        return found is not None and found.etag == copied.etag

    def _settled(self, row: PublishedDocument, put: Put, result: Stored | RegistryError) -> _Ended:
        """What is there in the end, and whether it was written; on another etag the content decides."""
        if not isinstance(result, ConflictError):
            return result, True
        try:
            return self._adopted(row, put)
        except RegistryError as error:
            return error, False

    def _adopted(self, row: PublishedDocument, put: Put) -> _Ended:
        self._publication.log_head()  # raises where the lock was lost meanwhile, before anything is read again
        found = self._copier.target.get(row.key)
        if found and found[0] == put.body:
            return found[1], False
        if found:
            require_not_newer(row.key, found[0], row.revision)
        assert isinstance(put.body, bytes)  # noqa: S101 - narrows for the type checker
        return self._copier.target.put_if(row.key, put.body, found[1].etag if found else None), True


def _is_same(copied: PublishedDocument, row: PublishedDocument) -> bool:
    """Whether both are the same document, whatever its etag is in either storage."""
    return replace(copied, etag=row.etag) == row


def _rendered(package: Package, site: Site) -> Iterable[Document]:
    """The documents of a package as they were made, under the URL of then; none where another renderer made them."""
    renderer, _, url = package.head.state.rendering.partition(" ")
    if renderer != str(RENDERER):
        return ()
    return render_package(package, replace(site, url=url))

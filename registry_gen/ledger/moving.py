"""What a publication can do about the place that is published to: remember it, and move to another one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry_gen.model.facts import PublishedDocument
    from registry_gen.model.intent import Run


class Moving(Protocol):
    """A part of ``ledger.Publication``. Places are texts that ``model.places.known_as`` makes."""

    def settle_place(self, place: str) -> None:
        """Remember the place that is published to, where none is known or nothing was ever logged."""

    def begin_copy(self, place: str, run: Run) -> None:
        """Remember that a copy to another place has begun: what is there from now on is the copy's own."""

    def copy_begun(self, place: str) -> bool:
        """Whether a copy to this place has begun, and the registry has not moved there yet."""

    def copied_documents(self, place: str, keys: Sequence[str]) -> Mapping[str, PublishedDocument]:
        """Those of the documents under ``keys`` that a copy has put to ``place``, with their etags there."""

    def documents_copied(self, place: str, documents: Sequence[PublishedDocument]) -> None:
        """Remember documents that a copy has put to ``place``; those of the present storage stay as they are."""

    def surplus_copies(self, place: str) -> tuple[PublishedDocument, ...]:
        """What a copy has put to ``place`` and the registry no longer has."""

    def copies_removed(self, place: str, keys: Sequence[str]) -> None:
        """The copy in ``place`` holds these documents no more."""

    def move(self, place: str, checkpoint_etag: str | None, run: Run) -> None:
        """Publish to ``place`` from now on, with the etags of the copy, in one transaction with its audit row.

        Raises LedgerError LED006 where the copy lacks a document as it is now.
        """

"""What a ledger can do about the rules of who may approve what: tell those published last, and put others in force."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from registry_gen.model.digest import Sha256
    from registry_gen.model.intent import AuditRow
    from registry_gen.model.rules import PublishedRules


class KeepsRules(Protocol):
    """A part of ``ledger.Ledger``."""

    def rules(self) -> PublishedRules | None:
        """The rules that were published last, None where none ever were."""


class ChangesRules(Protocol):
    """A part of ``ledger.Publication``."""

    def change_rules(self, before: Sha256 | None, rules: PublishedRules, row: AuditRow) -> None:
        """Put rules in force in the place of those with the digest ``before``, and ``row`` into the audit log.

        Nothing changes where they are in force already. Raises LedgerError LED055 where others are.
        """

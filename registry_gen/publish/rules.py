"""The rules of who may approve what, as they were published last, and how others take their place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry_gen.errors import LedgerError
from registry_gen.ledger.codes import RULES_UNREADABLE
from registry_gen.model.intent import AuditRow
from registry_gen.model.rules import PublishedRules
from registry_gen.plan import codes, lacking
from registry_gen.policy.change import changed_files
from registry_gen.policy.content import FORMAT, content_of, rules_digest, rules_from
from registry_gen.policy.roles import NO_RULES

if TYPE_CHECKING:
    from registry_gen.errors import RefusalError
    from registry_gen.ledger import Ledger, Publication
    from registry_gen.model.intent import Run
    from registry_gen.policy.change import Standing
    from registry_gen.policy.roles import Rules


def former_rules(ledger: Ledger) -> Rules | None:
    """The rules of the last publish that changed them, None where none were ever published.

    Raises LedgerError LED056 where a newer version wrote them.
    """
    published = ledger.rules()
    if published is None:
        return None
    if published.content.get("format") != FORMAT:
        found = f"format {published.content.get('format')}"
        raise LedgerError(RULES_UNREADABLE, expected=f"format {FORMAT}", found=found, hint=RULES_UNREADABLE.fix)
    return rules_from(published.content)


def refused_rules(standing: Standing) -> tuple[RefusalError, ...]:
    """Why a change of the rules is left out (PLN031), one for each approval that it lacks."""
    return tuple(lacking(need, codes.RULES_NOT_APPROVED) for need in standing.needs if not need.met)


def settle_rules(publication: Publication, standing: Standing, run: Run) -> None:
    """Put the catalog's rules in force where they are others and approved; the audit log tells who did.

    Raises LedgerError LED055 where another run changed the rules meanwhile.
    """
    if not standing.changed or not standing.approved:
        return
    former = standing.judging if standing.digest and standing.judging.ask else NO_RULES
    digest = rules_digest(standing.incoming)
    row = AuditRow(
        actor=run.actor,
        action="change-rules",
        address="",
        before={"rules": standing.digest},
        after={
            "rules": digest,
            "changed": changed_files(standing, former),
            **({"approvals": [need.as_json() for need in standing.needs]} if standing.needs else {}),
        },
        catalog_commit=run.catalog_commit,
        run_url=run.run_url,
        at=run.at,
    )
    publication.change_rules(standing.digest, PublishedRules(digest, content_of(standing.incoming), run.at), row)

"""A plan as plain JSON values, for machines. ``format`` 1; members may be added, never changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry_gen.model.plan import (
    Action,
    ChangeState,
    MirrorProvider,
    PublishModule,
    PublishProvider,
    Refusal,
    Relist,
    Withdraw,
)
from registry_gen.plan.review import count

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry_gen.model.rules import Need
    from registry_gen.plan.review import Fetch, Review, Reviewed

FORMAT = 1


def plan_json(review: Review) -> Mapping[str, object]:
    """The plan as ``shapes.PlanShape`` has it, without documents."""
    plan, basis = review.plan, review.basis
    counts = count(plan.packages)
    return {
        "format": FORMAT,
        "site": basis.site,
        "catalog_commit": basis.commit,
        "published": {"where": basis.where, "log_size": basis.log_size, "verified": basis.verified},
        "counts": {
            "packages": counts.packages,
            "published": counts.published,
            "changed": counts.changed,
            "relisted": counts.relisted,
            "withdrawn": counts.withdrawn,
            "documents": counts.documents,
            "refused": len(review.refusals),
        },
        "fetch": _fetch_json(review.fetch),
        "packages": [_package_json(package) for package in review.packages],
        "refusals": [refusal_json(refusal) for refusal in plan.refusals],
        "late_refusals": [refusal_json(refusal) for refusal in review.late],
        "notes": [{"address": str(note.address), "text": note.text} for note in plan.notes],
        "unchanged": plan.unchanged,
        "needs": [need_json(need) for need in plan.needs],
    }


def _package_json(package: Reviewed) -> Mapping[str, object]:
    return {
        "kind": package.address.kind,
        "address": str(package.address),
        "new": package.new,
        "revision": package.plan.base,
        "entry": package.entry,
        "state": package.state,
        "actions": [action_json(action) for action in package.plan.actions],
        "fetch": _fetch_json(package.fetch),
        "consumers": [
            {
                "kind": effect.kind,
                "version": str(effect.version) if effect.version else None,
                "about": list(effect.about),
                "breaks": effect.breaks,
            }
            for effect in package.effects
        ],
        "needs": [need_json(need) for need in package.needs],
    }


def _fetch_json(fetch: Fetch) -> Mapping[str, int]:
    return {"bytes": fetch.size, "files": fetch.known, "unknown": fetch.unknown}


def need_json(need: Need) -> Mapping[str, object]:
    """An approval that is needed, for machines: as the audit log has it, and who could give it."""
    return {**need.as_json(), "may_approve": list(need.may), "met": need.met}


def action_json(action: Action) -> Mapping[str, object]:
    """One action; ``action`` says which."""
    match action:
        case PublishModule(tag=tag, archive=archive):
            seen: Mapping[str, object] = (
                {"tag": tag.name, "commit": tag.commit}
                if tag
                else {"archive": archive.filename, "sha256": archive.sha256}
                if archive
                else {"tag": action.named, "unpinned": True}
            )
            return {"action": "rehost" if action.rehost else "publish", "version": str(action.version), **seen}
        case PublishProvider():
            return {
                "action": _kind(action, "publish"),
                "version": str(action.version),
                "platforms": [str(platform) for platform in action.platforms],
                "protocols": list(action.release.protocols),
                "sums": action.release.sums,
                "signature": action.release.signature,
                "not_fetched": [str(platform) for platform in action.unfetched],
            }
        case MirrorProvider():
            return {
                "action": _kind(action, "mirror"),
                "version": str(action.version),
                "platforms": [str(platform) for platform in action.platforms],
                "protocols": list(action.protocols),
            }
        case Withdraw():
            return {"action": "withdraw", "version": str(action.version), "reason": action.reason}
        case Relist():
            return {"action": "relist", "version": str(action.version)}
        case ChangeState():
            told = {"deprecated": [dict(each.as_json()) for each in action.warnings or ()]}
            return {"action": "change-documents", "why": action.why, **({} if action.warnings is None else told)}


def _kind(action: PublishProvider | MirrorProvider, new: str) -> str:
    if action.rehost:
        return "rehost"
    return "add-platforms" if action.added else new


def refusal_json(refusal: Refusal) -> Mapping[str, object]:
    """One refusal with its error."""
    return {
        "kind": refusal.address.kind,
        "address": str(refusal.address),
        "version": str(refusal.version) if refusal.version else None,
        "violation": refusal.violation,
        **refusal.error.as_json(),
    }

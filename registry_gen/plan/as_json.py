"""A plan as plain JSON values, for machines. ``format`` 1; members may be added, never changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry_gen.model.plan import (
    Action,
    ChangeState,
    MirrorProvider,
    Plan,
    PublishModule,
    PublishProvider,
    Refusal,
    Relist,
    Withdraw,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry_gen.model.rules import Need

FORMAT = 1


def plan_json(plan: Plan) -> Mapping[str, object]:
    """The plan: packages with actions, refusals, notes, and how many packages are unchanged."""
    return {
        "format": FORMAT,
        "packages": [
            {
                "kind": package.address.kind,
                "address": str(package.address),
                "revision": package.base,
                "actions": [action_json(action) for action in package.actions],
                "needs": [need_json(need) for need in package.needs],
            }
            for package in plan.packages
            if package.actions
        ],
        "refusals": [refusal_json(refusal) for refusal in plan.refusals],
        "notes": [{"address": str(note.address), "text": note.text} for note in plan.notes],
        "unchanged": plan.unchanged,
        "needs": [need_json(need) for need in plan.needs],
    }


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

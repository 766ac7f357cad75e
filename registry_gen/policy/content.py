"""Rules as plain JSON values and back, so that the ledger can keep those that were published."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from registry_gen.errors import Position
from registry_gen.model.digest import sha256
from registry_gen.model.entries import Organization, Quota
from registry_gen.model.rules import ApprovalRule, Member, Policy, Risk, Role
from registry_gen.policy.roles import Rules

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry_gen.model.digest import Sha256

FORMAT: Final = 1


def content_of(rules: Rules) -> Mapping[str, object]:
    """All that ``rules_from`` needs."""
    return {
        "format": FORMAT,
        "organizations": {each.name: organization_content(each) for each in rules.organizations},
        "approvals": [_rule(rule) for rule in rules.policy.approvals],
        "asked": rules.policy.asked and _place(rules.policy.asked),
    }


def rules_from(content: Mapping[str, Any]) -> Rules:
    """The rules that ``content_of`` made the content of."""
    asked = content["asked"]
    return Rules(
        tuple(_organization(name, written) for name, written in sorted(content["organizations"].items())),
        Policy(tuple(map(_read_rule, content["approvals"])), Position(*asked) if asked else None),
    )


def rules_digest(rules: Rules) -> Sha256:
    """SHA-256 of what the rules mean: the places where they are written, and their order, change nothing."""
    return sha256(json.dumps([organizations_meaning(rules), policy_meaning(rules)], sort_keys=True).encode())


def organizations_meaning(rules: Rules) -> Mapping[str, object]:
    """What each organization's file means."""
    return {each.name: organization_content(each) for each in rules.organizations}


def policy_meaning(rules: Rules) -> object:
    """What the files of policies mean for approvals."""
    written = [{**_rule(rule), "place": None} for rule in rules.policy.approvals]
    distinct = {json.dumps(each, sort_keys=True) for each in written}
    return [rules.ask, sorted(distinct)]


def organization_content(organization: Organization) -> Mapping[str, object]:
    """What an organization's file says; lists in the order of names, since theirs means nothing."""
    quota = organization.quota
    return {
        "namespaces": sorted(organization.namespaces),
        "quota": [quota.size, quota.versions] if quota else None,
        "members": sorted([member.name, member.role.value] for member in organization.members),
        "registry": organization.registry,
    }


def _organization(name: str, written: Mapping[str, Any]) -> Organization:
    return Organization(
        name,
        tuple(written["namespaces"]),
        Quota(*written["quota"]) if written["quota"] else None,
        tuple(Member(member, Role(role)) for member, role in written["members"]),
        written["registry"],
    )


def _rule(rule: ApprovalRule) -> dict[str, object]:
    return {
        "risk": rule.risk.value,
        "role": rule.role and rule.role.value,
        "people": rule.people,
        "organizations": sorted(rule.organizations),
        "place": _place(rule.position),
    }


def _read_rule(written: Mapping[str, Any]) -> ApprovalRule:
    return ApprovalRule(
        Risk(written["risk"]),
        Role(written["role"]) if written["role"] else None,
        written["people"],
        Position(*written["place"]),
        tuple(written["organizations"]),
    )


def _place(position: Position) -> list[object]:
    return [position.path, position.line, position.column]

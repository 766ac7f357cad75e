"""Which approvals an action of a risk class needs, and whether those that were given count."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from registry_gen.model.rules import ApprovalRule, Need, Risk, Role
from registry_gen.policy.roles import members_with

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from registry_gen.model.address import Address
    from registry_gen.model.rules import Approvals
    from registry_gen.model.version import Version
    from registry_gen.policy.roles import Rules

DEFAULTS: Final[Mapping[Risk, tuple[Role | None, int]]] = {
    Risk.NEW_VERSION: (None, 0),
    Risk.NEW_PACKAGE: (Role.PUBLISHER, 1),
    Risk.NEW_UPSTREAM: (Role.MIRROR_MANAGER, 1),
    Risk.KEY_CHANGE: (Role.ADMIN, 2),
    Risk.WITHDRAWAL: (Role.PUBLISHER, 1),
    Risk.RETENTION: (Role.PUBLISHER, 1),
    Risk.TAG_MOVE: (Role.PUBLISHER, 2),
    Risk.POLICY_CHANGE: (Role.ADMIN, 2),
    Risk.ORGANIZATION_CHANGE: (Role.ADMIN, 2),
}
"""Role and people for each class that no rule is about, in a registry that asks for approvals. In docs/approvals.md."""

AUTHOR_EXCLUDED_FROM: Final = 2
"""From so many people on, the author of a change is none of them."""


def rules_about(rules: Rules, risk: Risk, organization: str | None) -> tuple[ApprovalRule, ...]:
    """Every rule that an action of this class has to meet, in the order of the files; () where nothing is asked.

    A rule about certain organizations is met by theirs only. Where several rules are about the same, all count.
    """
    asked = rules.policy.asked
    if asked is None:
        return ()
    found = tuple(
        rule
        for rule in rules.policy.approvals
        if rule.risk is risk and (not rule.organizations or organization in rule.organizations)
    )
    if not found:
        role, people = DEFAULTS[risk]
        found = (ApprovalRule(risk, role, people, asked, default=True),)
    return tuple(rule for rule in found if rule.role is not None)


def needs(
    rules: Rules,
    risk: Risk,
    organization: str | None,
    approvals: Approvals,
    what: str,
    address: Address | None = None,
    versions: Sequence[Version] = (),
) -> Iterator[Need]:
    """What each rule asks, and who of those that approved counts for it."""
    for rule in rules_about(rules, risk, organization):
        may = members_with(rules, rule.role, organization) if rule.role else ()
        given = counted(approvals, may, rule.people)
        yield Need(address, risk, rule, what, organization, may, given, tuple(versions))


def counted(approvals: Approvals, may: Sequence[str], people: int) -> tuple[str, ...]:
    """The people whose approval counts, each once whatever the letter case, sorted.

    A person counts who is among the members, or approved in the name of a team that is.
    """
    allowed = {name.lower() for name in may}
    author = approvals.author.lower() if approvals.author and people >= AUTHOR_EXCLUDED_FROM else None
    found: dict[str, str] = {}
    for person in approvals.people:
        folded = person.name.lower()
        # Some letters of other alphabets become ASCII ones in lower case; the names of members have none.
        names = {name.lower() for name in (person.name, *person.teams) if name.isascii()}
        if names & allowed and folded != author:
            found.setdefault(folded, person.name)
    return tuple(found[name] for name in sorted(found))

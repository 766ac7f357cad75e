"""Which role includes which, and whose roles hold where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from registry_gen.model.rules import Policy, Role

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Set

    from registry_gen.model.entries import Catalog, Organization
    from registry_gen.model.rules import Member

INCLUDED: Final[Mapping[Role, Set[Role]]] = {
    Role.ADMIN: frozenset(Role),
    Role.MIRROR_MANAGER: frozenset({Role.MIRROR_MANAGER, Role.PUBLISHER, Role.VIEWER}),
    Role.PUBLISHER: frozenset({Role.PUBLISHER, Role.VIEWER}),
    Role.VIEWER: frozenset({Role.VIEWER}),
    Role.STORAGE_MANAGER: frozenset({Role.STORAGE_MANAGER}),
}
"""What each role may approve: whatever asks for one of these."""


@dataclass(frozen=True, slots=True)
class Rules:
    """Everything that decides who may approve what."""

    organizations: tuple[Organization, ...]
    policy: Policy

    @property
    def ask(self) -> bool:
        """Whether any action needs an approval."""
        return self.policy.asked is not None

    def owner(self, namespace: str) -> str | None:
        """The organization that a namespace belongs to."""
        return next((each.name for each in self.organizations if namespace in each.namespaces), None)


NO_RULES: Final = Rules((), Policy())


def rules_of(catalog: Catalog) -> Rules:
    """The rules that a catalog brings."""
    return Rules(catalog.organizations, catalog.policy)


def members_with(rules: Rules, role: Role, organization: str | None) -> tuple[str, ...]:
    """The members who may approve what asks for ``role``, each name once, sorted.

    They are those of the ``organization`` and of the ones whose roles hold for the whole registry; only of these for
    None.
    """
    able = (member for member in _members(rules, organization) if role in INCLUDED[member.role])
    names = {member.name.lower(): member.name for member in able}
    return tuple(names[folded] for folded in sorted(names))


def _members(rules: Rules, organization: str | None) -> Iterator[Member]:
    for each in rules.organizations:
        if each.registry or each.name == organization:
            yield from each.members

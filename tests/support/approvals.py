"""Organizations, policies and approvals, in a line each.

RULES = rules(acme(admin=["ann", "bob"]), rule(Risk.NEW_PACKAGE, Role.ADMIN, 2))
approvals("ann", "carl:@acme/platform", author="bob")
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry_gen.cli.approval_options import read_approvals
from registry_gen.errors import Position
from registry_gen.model.entries import Organization
from registry_gen.model.rules import ApprovalRule, Member, Policy, Risk, Role
from registry_gen.policy.roles import Rules

if TYPE_CHECKING:
    from registry_gen.model.rules import Approvals

ASKED = Position("catalog/policies/all.yaml", 1, 1)


def organization(name: str, *namespaces: str, registry: bool = False, **members: list[str]) -> Organization:
    """An organization; each keyword is a role."""
    found = tuple(Member(each, Role(role)) for role, names in members.items() for each in names)
    return Organization(name, namespaces, None, found, registry)


def rule(risk: Risk, role: Role | None, people: int = 1, *organizations: str, line: int = 7) -> ApprovalRule:
    """A rule of catalog/policies/all.yaml."""
    return ApprovalRule(risk, role, people, Position(ASKED.path, line, 3), organizations)


def rules(*parts: Organization | ApprovalRule, ask: bool = True) -> Rules:
    """Rules of these organizations and policies."""
    return Rules(
        tuple(part for part in parts if isinstance(part, Organization)),
        Policy(tuple(part for part in parts if isinstance(part, ApprovalRule)), ASKED if ask else None),
    )


def approvals(*names: str, author: str | None = None) -> Approvals:
    """What ``--approved-by`` and ``--author`` say."""
    return read_approvals(names, author)

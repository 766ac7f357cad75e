"""Files of policies -> what they say together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry_gen.catalog import codes
from registry_gen.catalog.check import Checked, check
from registry_gen.catalog.policy_shapes import ApprovalShape, PolicyFile
from registry_gen.catalog.problems import nearest
from registry_gen.errors import InputError
from registry_gen.model.rules import ApprovalRule, Forge, Policy, Risk, Role

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Set

    from registry_gen.catalog.location import Places
    from registry_gen.catalog.shared import File
    from registry_gen.errors import Position, RegistryError


def read_policies(
    files: Mapping[str, File], organizations: Set[str], places: Places
) -> tuple[Policy, tuple[RegistryError, ...]]:
    """What all files say together, in the order of their names, and their problems.

    ``organizations`` are those of the catalog. Rules of several files about the same risk all count.
    """
    rules: list[ApprovalRule] = []
    asked: list[Position] = []
    forges: list[tuple[Forge, Position]] = []
    problems: list[RegistryError] = []
    for _, file in sorted(files.items()):
        checked = check(file.document(), PolicyFile, places)
        problems += (*checked.problems, *_misplaced(checked, organizations))
        if checked.values is None:
            continue
        rules += _rules(checked, checked.values)
        if checked.values.approvals is not None:
            asked.append(checked.position("approvals"))
        if checked.values.codeowners is not None:
            forges.append((checked.values.codeowners, checked.position("codeowners")))
    return Policy(tuple(rules), next(iter(asked), None), tuple(forges)), tuple(problems)


def _rules(checked: Checked[PolicyFile], values: PolicyFile) -> Iterator[ApprovalRule]:
    for risk in Risk:
        written = getattr(values.approvals, risk.value, None)
        if isinstance(written, ApprovalShape):
            role = None if written.role == "none" else Role(written.role)
            position = checked.position("approvals", risk.value)
            yield ApprovalRule(risk, role, written.people if role else 0, position, values.organizations)


def _misplaced(checked: Checked[PolicyFile], organizations: Set[str]) -> Iterator[RegistryError]:
    approvals = checked.values.approvals if checked.values and checked.values.organizations else None
    if approvals and approvals.policy_change:
        position = checked.position("approvals", Risk.POLICY_CHANGE.value)
        yield InputError(codes.IDLE_RULE, hint=codes.IDLE_RULE.fix, position=position)
    if checked.lost("organizations"):
        return
    for index, name in enumerate(checked.values.organizations if checked.values else ()):
        if name not in organizations:
            hint = nearest(name, organizations) or codes.UNKNOWN_ORGANIZATION.fix
            position = checked.position("organizations", index)
            yield InputError(codes.UNKNOWN_ORGANIZATION, found=name, hint=hint, position=position)

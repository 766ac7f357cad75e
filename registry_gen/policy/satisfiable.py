"""Rules that nobody could ever meet are a problem of the catalog, told before they hold anything up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry_gen.catalog import codes
from registry_gen.errors import InputError
from registry_gen.model.rules import Risk
from registry_gen.policy.approvals import rules_about
from registry_gen.policy.roles import members_with, rules_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from registry_gen.errors import RegistryError
    from registry_gen.model.entries import Catalog
    from registry_gen.model.rules import ApprovalRule
    from registry_gen.policy.roles import Rules


def unmeetable(catalog: Catalog) -> Iterator[RegistryError]:
    """A problem (CAT062) for each rule that asks for more people than there are, in one organization or outside of all.

    A team may have any number of people. The author of a change, who does not count, is not thought of.
    """
    rules = rules_of(catalog)
    if rules.policy.asked is None:
        return
    if not any(each.registry for each in rules.organizations):
        detail = "approvals are asked for, but no organization has registry: true"
        yield InputError(codes.NOBODY_MAY, detail, hint=codes.NOBODY_MAY.fix, position=rules.policy.asked)
        return
    # Whoever may approve outside of all organizations may in each: only rules about some have to be tried in these.
    everywhere = [(rule, None) for risk in Risk for rule in rules_about(rules, risk, None)]
    somewhere = [(rule, name) for rule in rules.policy.approvals for name in rule.organizations]
    for rule, organization in (*everywhere, *somewhere):
        few = _too_few(rules, rule, organization)
        if few:
            yield few


def _too_few(rules: Rules, rule: ApprovalRule, organization: str | None) -> RegistryError | None:
    names = members_with(rules, rule.role, organization) if rule.role else ()
    if len(names) >= rule.people or any(name.startswith("@") for name in names):
        return None
    where = f"the organization {organization}" if organization else "what belongs to no organization"
    role = f"{rule.role}{' by default' if rule.default else ''}"
    return InputError(
        codes.NOBODY_MAY,
        f"{rule.risk} could not be approved for {where}",
        expected=f"{rule.people} with the role {role}",
        found=", ".join(names) or "nobody",
        hint=codes.NOBODY_MAY.fix,
        position=rule.position,
    )

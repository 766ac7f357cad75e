"""What of a plan needs whose approval, and what is left of it without those that were not given."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from registry_gen.errors import RefusalError
from registry_gen.model.facts import MirrorVersion
from registry_gen.model.plan import ChangeState, Refusal
from registry_gen.model.rules import NOBODY, Risk
from registry_gen.plan import codes
from registry_gen.policy.approvals import needs
from registry_gen.policy.risks import other_signer, risks

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from registry_gen.errors import Code
    from registry_gen.model.address import Address
    from registry_gen.model.entries import Catalog, Entry
    from registry_gen.model.facts import Package
    from registry_gen.model.plan import PackagePlan, Plan, Staged
    from registry_gen.model.rules import Approvals, Need
    from registry_gen.model.version import Version
    from registry_gen.policy.roles import Rules

SHOWN: Final = 8
WORDS: Final[Mapping[Risk, str]] = {
    Risk.NEW_VERSION: "a new version",
    Risk.NEW_PACKAGE: "a new package",
    Risk.NEW_UPSTREAM: "a new upstream",
    Risk.KEY_CHANGE: "a change of keys",
    Risk.WITHDRAWAL: "a withdrawal or its end",
    Risk.RETENTION: "a withdrawal by retention",
    Risk.TAG_MOVE: "an alarm that is acknowledged",
    Risk.POLICY_CHANGE: "a change of policies",
    Risk.ORGANIZATION_CHANGE: "a change of an organization",
}
_BY_VERSION: Final = frozenset({Risk.WITHDRAWAL, Risk.RETENTION})
"""What can wait alone. The rest of a package may be good only with what else was to be done."""


@dataclass(frozen=True, slots=True)
class Judge:
    """The rules of a run, and who approved; ``approvals`` None only shows what would be asked for.

    ``reviewed`` are the packages whose files those who approved have seen, None for all: of others they approve no more
    than other keys, which shared files bring.
    """

    rules: Rules
    approvals: Approvals | None
    reviewed: frozenset[Address] | None = None

    def judge(self, plan: Plan, catalog: Catalog, packages: Mapping[Address, Package]) -> Plan:
        """The plan with what its packages need; where approvals were given, without what lacks one (PLN030).

        ``packages`` are the published ones among them.
        """
        if not self.rules.ask:
            return plan
        asked = [self._with_needs(each, catalog.entries[each.address], packages) for each in plan.packages]
        if self.approvals is None:
            return replace(plan, packages=tuple(asked))
        kept: list[PackagePlan] = []
        refusals: list[Refusal] = []
        for package in asked:
            unmet = [need for need in package.needs if not need.met]
            refusals += [Refusal(package.address, None, lacking(need)) for need in unmet]
            left = _without(package, unmet, packages.get(package.address)) if unmet else package
            kept += [left] if left else []
        return replace(plan, packages=tuple(kept), refusals=(*plan.refusals, *refusals))

    def fitting(
        self, planned: PackagePlan, staged: Sequence[Staged], package: Package | None
    ) -> tuple[PackagePlan, tuple[Staged, ...], tuple[Refusal, ...]]:
        """What only bytes can tell: versions of a mirror that another key signed wait for the approval of a key change.

        The package with what it needed beside, what may be published, and a refusal for what may not.
        """
        others = [
            item.facts.version
            for item in staged
            if isinstance(item.facts, MirrorVersion) and other_signer(package, item.facts)
        ]
        asked = tuple(self._needs(Risk.KEY_CHANGE, planned.address, sorted(others))) if others else ()
        unmet = [need for need in asked if not need.met]
        planned = replace(planned, needs=(*planned.needs, *(need for need in asked if need.met)))
        if not unmet or self.approvals is None:
            return planned, tuple(staged), ()
        good = tuple(item for item in staged if item.facts.version not in others)
        return planned, good, tuple(Refusal(planned.address, None, lacking(need)) for need in unmet)

    def _with_needs(self, planned: PackagePlan, entry: Entry, packages: Mapping[Address, Package]) -> PackagePlan:
        if not planned.actions:
            return planned
        found = risks(planned, entry, packages.get(planned.address))
        asked = [need for risk, versions in found.items() for need in self._needs(risk, planned.address, versions)]
        return replace(planned, needs=tuple(asked))

    def _needs(self, risk: Risk, address: Address, versions: Sequence[Version]) -> Iterator[Need]:
        seen = self.reviewed is None or address in self.reviewed or risk is Risk.KEY_CHANGE
        given = self.approvals if self.approvals and seen else NOBODY
        organization = organization_of(self.rules, address)
        return needs(self.rules, risk, organization, given, WORDS[risk], address, versions)


def alarm_needs(rules: Rules, address: Address, version: str, approvals: Approvals) -> tuple[Need, ...]:
    """What acknowledging an alarm about a package's version needs."""
    what = f"{WORDS[Risk.TAG_MOVE]} ({version})"
    return tuple(needs(rules, Risk.TAG_MOVE, organization_of(rules, address), approvals, what, address))


def organization_of(rules: Rules, address: Address) -> str | None:
    """The organization that a package belongs to; mirrors belong to none."""
    return None if address.kind == "mirror" else rules.owner(address.namespace)


def lacking(need: Need, code: Code = codes.NOT_APPROVED) -> RefusalError:
    """The refusal of what lacks an approval: which rule, which role, who could approve."""
    people = f"{need.rule.people} people" if need.rule.people != 1 else "1 person"
    by_default = " (a default)" if need.rule.default else ""
    return RefusalError(
        code,
        f"{need.what} is not approved" + (f": {some(need.versions)}" if need.versions else ""),
        where=str(need.address or ""),
        expected=f"{people} with the role {need.rule.role}{by_default}: {some(need.may)}",
        found=f"approved by {some(need.given)}",
        hint=code.fix,
        position=need.rule.position,
    )


def some(things: Sequence[object]) -> str:
    """The first of them in words; "nobody" for none."""
    shown = ", ".join(map(str, things[:SHOWN]))
    more = len(things) - SHOWN
    return f"{shown} and {more} more" if more > 0 else shown or "nobody"


def _without(planned: PackagePlan, unmet: Sequence[Need], package: Package | None) -> PackagePlan | None:
    """The package less what waits for an approval, None where all of it does; the next run looks again."""
    before = package.head.state.signing_keys if package else ()
    others = before != planned.state.signing_keys
    changes_keys = others and any(isinstance(each, ChangeState) for each in planned.actions)
    if changes_keys or any(need.risk not in _BY_VERSION for need in unmet):
        return None
    waiting = {version for need in unmet for version in need.versions}
    left = tuple(each for each in planned.actions if isinstance(each, ChangeState) or each.version not in waiting)
    return replace(planned, actions=left, inputs=None, needs=tuple(need for need in planned.needs if need.met))

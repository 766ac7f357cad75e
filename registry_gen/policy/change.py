"""A change of who may approve what is judged by the rules before it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry_gen.model.rules import Risk
from registry_gen.policy.approvals import needs
from registry_gen.policy.content import organizations_meaning, policy_meaning, rules_digest
from registry_gen.policy.roles import NO_RULES, Rules

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from registry_gen.model.digest import Sha256
    from registry_gen.model.rules import Approvals, Need


@dataclass(frozen=True, slots=True)
class Standing:
    """The rules that a run is judged by, and the change of them that the catalog brings.

    ``judging`` are the rules as they were published last, where these ask for approvals; else those of the catalog:
    rules that nobody could ever approve do not begin. ``digest`` is that of what was published last, None where no
    rules were. ``changed`` says that the catalog has others, and ``needs`` what these need.
    """

    judging: Rules
    incoming: Rules
    digest: Sha256 | None
    changed: bool
    needs: tuple[Need, ...] = ()

    @property
    def approved(self) -> bool:
        """Whether the catalog's rules may be the ones in force from now on."""
        return all(need.met for need in self.needs)

    @property
    def in_force(self) -> Rules:
        """The rules once this run is over: those before, where the change lacks an approval."""
        return self.incoming if self.approved else self.judging


def standing(published: Rules | None, incoming: Rules, approvals: Approvals) -> Standing:
    """What a run is judged by: ``published`` are the rules of the last publish that changed any, None for none."""
    former = published or NO_RULES
    if not (former.ask or incoming.ask):
        return Standing(incoming, incoming, None, changed=False)
    before, after = rules_digest(former), rules_digest(incoming)
    digest = before if published else None
    if before == after:
        # The places in the catalog of today are the ones to show.
        return Standing(incoming, incoming, digest, changed=False)
    judging = former if former.ask else incoming
    asked = tuple(_needs(former, incoming, judging, approvals))
    return Standing(judging, incoming, digest, changed=True, needs=asked)


def _needs(former: Rules, incoming: Rules, judging: Rules, approvals: Approvals) -> Iterator[Need]:
    if policy_meaning(former) != policy_meaning(incoming):
        yield from needs(judging, Risk.POLICY_CHANGE, None, approvals, "a change of catalog/policies")
    if not former.ask:
        return  # they begin as a whole
    before, after = organizations_meaning(former), organizations_meaning(incoming)
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) != after.get(name):
            # Whoever runs an organization chooses its members; what it owns and may take up is the registry's to say.
            own = name if _same_but_members(before.get(name), after.get(name)) else None
            yield from needs(judging, Risk.ORGANIZATION_CHANGE, own, approvals, f"a change of the organization {name}")


def _same_but_members(before: object, after: object) -> bool:
    return isinstance(before, dict) and isinstance(after, dict) and {**before, "members": 0} == {**after, "members": 0}


def changed_files(standing: Standing, former: Rules) -> Mapping[str, object]:
    """What changes, by name, for the audit log."""
    before, after = organizations_meaning(former), organizations_meaning(standing.incoming)
    names = [name for name in sorted(before.keys() | after.keys()) if before.get(name) != after.get(name)]
    return {"organizations": names, "policies": policy_meaning(former) != policy_meaning(standing.incoming)}

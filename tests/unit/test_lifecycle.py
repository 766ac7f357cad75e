"""Which versions are taken back and listed again: by the catalog's word, by retention, and never by a slip."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

import orjson
import pytest

from registry_gen.errors import Code, SourceError
from registry_gen.model.config import Site
from registry_gen.model.digest import Sha256
from registry_gen.model.entries import Retention, WithdrawalRule
from registry_gen.model.facts import (
    Deprecation,
    MirrorVersion,
    ModuleVersion,
    ProviderVersion,
    Withdrawal,
    WithdrawalStage,
)
from registry_gen.model.intent import Run
from registry_gen.model.plan import (
    Acknowledged,
    ChangeState,
    FailedSighting,
    MirrorSighting,
    ModuleSighting,
    PackagePlan,
    ProviderSighting,
    PublishModule,
    Relist,
    Sighting,
    UpstreamAnswer,
    Withdraw,
)
from registry_gen.model.version import parse_constraints, parse_version
from registry_gen.plan import plan, settle, stale
from registry_gen.plan.decide import state_of
from tests.support.entries import (
    CONTEXT,
    LINUX,
    NETWORK,
    NOW,
    RANDOM,
    RELEASE_KEY,
    WIDGET,
    catalog,
    mirror,
    mirror_facts,
    module,
    module_facts,
    package,
    provider,
    provider_facts,
    release,
    tag,
    upstream,
)

if TYPE_CHECKING:
    from registry_gen.model.address import Address
    from registry_gen.model.entries import Entry
    from registry_gen.model.facts import Package, PackageHead, VersionFacts
    from registry_gen.model.plan import Plan

OUTAGE = SourceError(Code("TST001", "out of reach", "", ""), where="https://git.example.com/network.git")
LEAKED = "Its examples held a live token."
RUN = Run("github:ada (acme/registry)", "https://ci.example.com/7", "c" * 40, NOW)
SITE = Site("registry.example.com", "https://registry.example.com/")
INPUTS = Sha256("1" * 64)
_Facts = TypeVar("_Facts", ModuleVersion, ProviderVersion, MirrorVersion)


def decide(entry: Entry, sighting: Sighting, *published: VersionFacts, mass_withdrawal: bool = True) -> Plan:
    """The plan for one entry of which ``published`` is published."""
    known = {entry.address: package(entry, *published, state=state_of(entry, CONTEXT))} if published else {}
    listed = sum(facts.withdrawn is None for facts in published)
    heads = {address: replace(found.head, listed=listed) for address, found in known.items()}
    sightings = {entry.address: sighting}
    addresses = stale(catalog(entry), sightings, heads, CONTEXT)
    return plan(catalog(entry), sightings, heads, known, CONTEXT, addresses, mass_withdrawal=mass_withdrawal)


def said(planned: Plan) -> list[str]:
    """The actions in words."""
    words = []
    for action in (action for found in planned.packages for action in found.actions):
        match action:
            case Withdraw():
                words.append(f"withdraw {action.version}")
            case Relist():
                words.append(f"relist {action.version}")
            case ChangeState():
                words.append("change")
            case _:
                words.append(f"publish {action.version}")
    return words


def tags(*names: str) -> ModuleSighting:
    return ModuleSighting(NETWORK, tuple(tag(name) for name in names))


def withdrawing(entry: Entry, versions: str = "", reason: str = LEAKED) -> Entry:
    """The entry with one more rule."""
    rule = WithdrawalRule(parse_constraints(versions) if versions else None, reason)
    return replace(entry, withdrawn=(*entry.withdrawn, rule))


def gone(facts: _Facts, stage: WithdrawalStage = WithdrawalStage.UNLISTED) -> _Facts:
    """The version, withdrawn and come so far."""
    return replace(facts, withdrawn=Withdrawal(LEAKED, "ada", NOW, stage, NOW))


def test_a_version_that_the_catalog_takes_back_is_withdrawn_with_its_reason() -> None:
    planned = decide(withdrawing(module(), "1.0.0"), tags("v1.0.0", "v1.1.0"), module_facts("1.0.0"))
    assert said(planned) == ["publish 1.1.0", "withdraw 1.0.0"]
    (action,) = [action for action in planned.packages[0].actions if isinstance(action, Withdraw)]
    assert action.reason == LEAKED


def test_a_range_takes_prereleases_with_it() -> None:
    published = [module_facts(version) for version in ("1.0.0-rc.1", "1.0.0", "2.0.0")]
    planned = decide(withdrawing(module(), "< 2.0.0"), tags("v1.0.0-rc.1", "v1.0.0", "v2.0.0"), *published)
    assert said(planned) == ["withdraw 1.0.0-rc.1", "withdraw 1.0.0"]


def test_a_version_that_was_never_published_is_not_published_to_be_withdrawn() -> None:
    assert said(decide(withdrawing(module(), "1.0.0"), tags("v1.0.0", "v1.1.0"))) == ["publish 1.1.0"]


def test_a_withdrawn_version_is_not_withdrawn_twice() -> None:
    planned = decide(withdrawing(module()), tags("v1.0.0"), gone(module_facts("1.0.0")))
    assert said(planned) == []
    assert planned.packages[0].inputs is not None, "nothing is left to do"


def test_a_version_is_withdrawn_while_its_source_is_out_of_reach() -> None:
    planned = decide(withdrawing(module()), FailedSighting(NETWORK, OUTAGE), module_facts("1.0.0"))
    assert said(planned) == ["withdraw 1.0.0"]
    assert [refusal.error for refusal in planned.refusals] == [OUTAGE]
    assert planned.packages[0].inputs is None, "the next run looks again"


def test_a_moved_tag_of_a_version_that_is_taken_back_is_no_alarm() -> None:
    moved = ModuleSighting(NETWORK, (tag("v1.0.0", "elsewhere"),))
    assert said(decide(withdrawing(module()), moved, module_facts("1.0.0"))) == ["withdraw 1.0.0"]
    assert decide(withdrawing(module()), moved, gone(module_facts("1.0.0"))).refusals == ()


def test_a_version_is_listed_again_when_the_catalog_no_longer_takes_it_back() -> None:
    assert said(decide(module(), tags("v1.0.0"), gone(module_facts("1.0.0")))) == ["relist 1.0.0"]


def test_a_version_whose_tag_moved_meanwhile_is_not_listed_again() -> None:
    moved = ModuleSighting(NETWORK, (tag("v1.0.0", "elsewhere"),))
    planned = decide(module(), moved, gone(module_facts("1.0.0")))
    assert said(planned) == []
    assert [refusal.error.code.id for refusal in planned.refusals] == ["PLN001"]


def test_a_version_is_not_listed_again_unseen() -> None:
    assert said(decide(module(), FailedSighting(NETWORK, OUTAGE), gone(module_facts("1.0.0")))) == []


def test_a_collected_version_stays_withdrawn_and_the_plan_says_so() -> None:
    planned = decide(module(), tags("v1.0.0"), gone(module_facts("1.0.0"), WithdrawalStage.COLLECTED))
    assert said(planned) == []
    assert [note.text for note in planned.notes if "1.0.0 stays withdrawn" in note.text]
    assert planned.refusals == ()


def test_a_collected_version_can_never_be_published_with_other_bytes() -> None:
    moved = ModuleSighting(NETWORK, (tag("v1.0.0", "elsewhere"),))
    assert said(decide(module(), moved, gone(module_facts("1.0.0"), WithdrawalStage.COLLECTED))) == []


def test_a_withdrawn_version_that_the_constraint_leaves_out_is_not_listed_again() -> None:
    assert said(decide(module(versions=">= 2.0.0"), tags("v1.0.0"), gone(module_facts("1.0.0")))) == []


def test_a_withdrawn_provider_version_gains_no_platforms() -> None:
    entry = withdrawing(provider())
    seen = ProviderSighting(WIDGET, (release("1.0.0", LINUX),))
    assert said(decide(entry, seen, gone(provider_facts("1.0.0")))) == []


def test_a_key_may_go_with_the_versions_that_it_signed() -> None:
    other = replace(RELEASE_KEY, fingerprint="B" * 40)
    seen = ProviderSighting(WIDGET, (release("1.0.0", LINUX),))
    kept = decide(provider(keys=(other,)), seen, provider_facts("1.0.0", LINUX))
    assert [refusal.error.code.id for refusal in kept.refusals] == ["PLN010"]
    dropped = decide(withdrawing(provider(keys=(other,))), seen, provider_facts("1.0.0", LINUX))
    assert dropped.refusals == ()
    assert "withdraw 1.0.0" in said(dropped)


def test_retention_keeps_the_newest_and_withdraws_only_what_published_versions_replace() -> None:
    entry = replace(mirror(), retention=Retention(latest=2))
    offered = MirrorSighting(RANDOM, tuple(upstream(version, LINUX) for version in ("1.0.0", "2.0.0", "3.0.0")))
    first = decide(entry, offered)
    assert said(first) == ["publish 2.0.0", "publish 3.0.0"]
    assert first.packages[0].inputs is None, "the next run makes room"
    two = [mirror_facts("1.0.0", LINUX), mirror_facts("2.0.0", LINUX)]
    assert said(decide(entry, offered, *two)) == ["publish 3.0.0"], "nothing goes before the new one is there"
    three = [*two, mirror_facts("3.0.0", LINUX)]
    assert said(decide(entry, offered, *three)) == ["withdraw 1.0.0"]
    assert said(decide(entry, offered, gone(three[0]), *three[1:])) == []


def test_retention_brings_back_what_was_not_collected() -> None:
    entry = replace(mirror(), retention=Retention(latest=1))
    offered = MirrorSighting(RANDOM, (upstream("1.0.0", LINUX), upstream("2.0.0", LINUX)))
    old, new = mirror_facts("1.0.0", LINUX), mirror_facts("2.0.0", LINUX)
    bad_new = withdrawing(entry, "2.0.0")
    assert said(decide(bad_new, offered, gone(old), new)) == ["withdraw 2.0.0"], "upstream was not asked"
    same = UpstreamAnswer(old.version, {each.filename: each.zh for each in old.packages}, (old.sums.signer,))
    answered = replace(offered, answers=(same,))
    assert said(decide(bad_new, answered, gone(old), new)) == ["relist 1.0.0", "withdraw 2.0.0"]
    assert said(decide(bad_new, answered, gone(old, WithdrawalStage.COLLECTED), new)) == ["withdraw 2.0.0"]


def test_old_prereleases_are_withdrawn_when_their_time_has_come_and_looked_at_no_earlier() -> None:
    entry = replace(module(), retention=Retention(prerelease_days=30))
    old = replace(module_facts("1.0.0-rc.1"), recorded_at=NOW - timedelta(days=30))
    young = replace(module_facts("1.0.0-rc.2"), recorded_at=NOW - timedelta(days=10))
    stable = replace(module_facts("1.0.0"), recorded_at=NOW - timedelta(days=99))
    planned = decide(entry, tags("v1.0.0-rc.1", "v1.0.0-rc.2", "v1.0.0"), old, young, stable)
    assert said(planned) == ["withdraw 1.0.0-rc.1"]
    assert planned.packages[0].due_at == NOW + timedelta(days=20)


def test_the_newest_are_releases_and_prereleases_are_no_matter_of_theirs() -> None:
    """A series of candidates pushes no release off the listing, nor a new release a candidate."""
    entry = replace(module(), retention=Retention(latest=2), prereleases=True)
    names = ("1.0.0", "1.1.0-rc.1", "1.1.0", "1.2.0", "1.3.0-rc.1", "1.3.0-rc.2")
    seen = tags(*(f"v{name}" for name in names))
    published = [module_facts(name) for name in names]
    assert said(decide(entry, seen, *published)) == ["withdraw 1.0.0"]
    assert said(decide(entry, seen)) == [f"publish {name}" for name in names[1:]], "nor keep one from being published"


@pytest.mark.parametrize("stage", WithdrawalStage)
def test_what_retention_withdrew_is_neither_listed_nor_published_again(stage: WithdrawalStage) -> None:
    entry = replace(module(), retention=Retention(latest=1, prerelease_days=30), prereleases=True)
    published = [
        gone(replace(module_facts("1.1.0-rc.1"), recorded_at=NOW - timedelta(days=99)), stage),
        gone(module_facts("1.0.0"), stage),
        module_facts("1.1.0"),
    ]
    planned = decide(entry, tags("v1.0.0", "v1.1.0-rc.1", "v1.1.0"), *published)
    assert said(planned) == []
    assert planned.packages[0].due_at is None, "time changes nothing any more"
    assert planned.packages[0].inputs is not None, "nor is it looked at again"


def test_retention_that_would_withdraw_too_much_is_held_back_and_stays_due() -> None:
    entry = replace(module(), retention=Retention(prerelease_days=30), prereleases=True)
    names = [f"1.0.0-rc.{number}" for number in range(10)]
    published = [replace(module_facts(name), recorded_at=NOW - timedelta(days=30)) for name in names]
    seen = tags(*(f"v{name}" for name in names))
    held = decide(entry, seen, *published, mass_withdrawal=False)
    assert [refusal.error.code.id for refusal in held.refusals] == ["PLN014"]
    assert held.packages == (), "no later due_at is written, so that the next run asks again"
    assert len(said(decide(entry, seen, *published))) == 10


def test_retention_keeps_the_newest_that_is_listed_until_a_newer_one_is_back() -> None:
    """A version that the source no longer shows, or that the entry leaves out, must not cost the one that is there."""
    entry = replace(module(), retention=Retention(latest=1))
    old, new = module_facts("1.0.0"), gone(module_facts("2.0.0"))
    both = tags("v1.0.0", "v2.0.0")
    assert said(decide(entry, FailedSighting(NETWORK, OUTAGE), old, new)) == []
    assert said(decide(replace(entry, versions=parse_constraints("< 2.0.0")), both, old, new)) == []
    returning = decide(entry, both, old, new)
    assert said(returning) == ["relist 2.0.0"]
    assert returning.packages[0].inputs is None, "the next run makes room"
    assert said(decide(entry, both, old, replace(new, withdrawn=None))) == ["withdraw 1.0.0"]


def test_a_package_is_looked_at_again_when_it_is_due() -> None:
    entry, seen = module(), tags("v1.0.0")
    known = package(entry, module_facts("1.0.0"), state=state_of(entry, CONTEXT))
    done = plan(catalog(entry), {NETWORK: seen}, {NETWORK: known.head}, {NETWORK: known}, CONTEXT, [NETWORK])
    head = replace(known.head, inputs=done.packages[0].inputs)
    for due_at, expected in ((NOW, (NETWORK,)), (NOW + timedelta(seconds=1), ())):
        assert stale(catalog(entry), {NETWORK: seen}, {NETWORK: replace(head, due_at=due_at)}, CONTEXT) == expected


@pytest.mark.parametrize(
    ("listed", "taken", "held_back"), [(10, 3, False), (10, 4, True), (9, 6, False), (7, 7, True), (3, 3, False)]
)
def test_more_than_a_share_of_a_registry_is_withdrawn_only_on_purpose(listed: int, taken: int, held_back: bool) -> None:
    published = [module_facts(f"1.{minor}.0") for minor in range(listed)]
    seen = tags(*(f"v1.{minor}.0" for minor in range(listed)), "v2.0.0")
    entry = withdrawing(module(), f"< 1.{taken}.0")
    planned = decide(entry, seen, *published, mass_withdrawal=False)
    assert [refusal.error.code.id for refusal in planned.refusals] == (["PLN014"] if held_back else [])
    assert len([word for word in said(planned) if word.startswith("withdraw")]) == (0 if held_back else taken)
    assert ("publish 2.0.0" in said(planned)) == (not held_back), "nothing at all is done about such a package"
    assert len([word for word in said(decide(entry, seen, *published)) if word.startswith("withdraw")]) == taken


def test_a_key_does_not_go_where_the_versions_that_it_signed_stay_after_all() -> None:
    other = replace(RELEASE_KEY, fingerprint="B" * 40)
    published = [provider_facts(f"1.{minor}.0", LINUX) for minor in range(12)]
    seen = ProviderSighting(WIDGET, tuple(release(f"1.{minor}.0", LINUX) for minor in range(12)))
    entry = withdrawing(provider(keys=(other,)))
    known = package(entry, *published, state=state_of(provider(), CONTEXT))
    heads: dict[Address, PackageHead] = {WIDGET: replace(known.head, listed=12)}
    everything: dict[Address, Package] = {WIDGET: known}
    held = plan(catalog(entry), {WIDGET: seen}, heads, everything, CONTEXT, [WIDGET])
    assert [refusal.error.code.id for refusal in held.refusals] == ["PLN014"]
    assert held.packages == ()


def test_a_package_without_a_listed_version_leaves_the_catalog_quietly() -> None:
    known = package(module(), gone(module_facts("1.0.0")), state=state_of(module(), CONTEXT))
    assert plan(catalog(), {}, {NETWORK: known.head}, {}, CONTEXT, []).notes == ()


def planned_life(*actions: Withdraw | Relist | PublishModule) -> PackagePlan:
    return PackagePlan(NETWORK, 3, state_of(module(), CONTEXT), actions, INPUTS, None)


def test_a_withdrawal_becomes_facts_an_entry_and_an_audit_row() -> None:
    kept, taken = module_facts("1.0.0"), module_facts("1.1.0")
    before = package(module(), kept, taken, state=state_of(module(), CONTEXT))
    action = Withdraw(NETWORK, taken.version, LEAKED)
    intent = settle(planned_life(action), [], before, complete=True, site=SITE, run=RUN).intent
    assert intent
    assert intent.versions == (
        replace(taken, withdrawn=Withdrawal(LEAKED, RUN.actor, NOW, WithdrawalStage.UNLISTED, NOW)),
    )
    (entry,) = intent.entries
    logged = orjson.loads(entry.payload)
    assert (entry.type, entry.version) == ("withdrawn", parse_version("1.1.0"))
    assert (logged["version"], logged["record"], logged["reason"]) == ("1.1.0", taken.record, LEAKED)
    assert "ada" not in entry.payload.decode(), "who did it is in the audit log, not on the internet"
    assert (intent.audit.actor, intent.audit.run_url) == (RUN.actor, RUN.run_url)
    assert intent.audit.after == {"revision": 4, "withdrawn": {"1.1.0": LEAKED}}


def test_a_version_that_comes_back_has_the_digests_that_it_always_had() -> None:
    facts = gone(module_facts("1.0.0"))
    before = package(module(), facts, state=state_of(module(), CONTEXT))
    settled = settle(planned_life(Relist(NETWORK, facts.version)), [], before, complete=True, site=SITE, run=RUN)
    assert settled.intent
    assert settled.intent.versions == (replace(facts, withdrawn=None),)
    (entry,) = settled.intent.entries
    assert entry.type == "relisted"
    assert orjson.loads(entry.payload)["digests"] == {"archive": facts.archive, "h1": facts.tree}


def test_warnings_say_whom_they_concern() -> None:
    warning = Deprecation("Old.", "acme/vpc/aws", parse_constraints("< 2.0.0"))
    assert warning.concerns(parse_version("2.0.0-rc.1"))
    assert not warning.concerns(parse_version("2.0.0"))
    assert warning.as_json() == {"message": "Old.", "replacement": "acme/vpc/aws", "versions": "< 2.0.0"}
    assert Deprecation("Old.").as_json() == {"message": "Old."}


def test_an_acknowledged_alarm_is_noted_and_anything_else_that_is_seen_is_an_alarm_again() -> None:
    facts = module_facts("1.0.0")
    moved = ModuleSighting(NETWORK, (tag("v1.0.0", "elsewhere"),))
    (alarm,) = decide(module(), moved, facts).refusals
    known = Acknowledged(
        NETWORK, "1.0.0", alarm.error.code.id, alarm.error.expected, alarm.error.found, "eve", "a rewritten history"
    )
    context = replace(CONTEXT, acknowledged=(known,))
    packages: dict[Address, Package] = {NETWORK: package(module(), facts, state=state_of(module(), CONTEXT))}
    heads: dict[Address, PackageHead] = {NETWORK: packages[NETWORK].head}

    quiet = plan(catalog(module()), {NETWORK: moved}, heads, packages, context, [NETWORK])
    assert quiet.refusals == ()
    assert [note.text for note in quiet.notes if "eve knows: a rewritten history" in note.text]
    assert said(quiet) == [], "what was published stays"
    assert quiet.packages[0].inputs is not None, "it rests until the source says something else"

    again = ModuleSighting(NETWORK, (tag("v1.0.0", "anywhere"),))
    loud = plan(catalog(module()), {NETWORK: again}, heads, packages, context, [NETWORK])
    assert [refusal.violation for refusal in loud.refusals] == [True]

    gone_facts: dict[Address, Package] = {NETWORK: package(module(), gone(facts), state=state_of(module(), CONTEXT))}
    back = plan(catalog(module()), {NETWORK: moved}, heads, gone_facts, context, [NETWORK])
    assert said(back) == ["relist 1.0.0"], "somebody said that what was published is good"

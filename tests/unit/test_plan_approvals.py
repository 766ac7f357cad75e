"""Each action of a plan has a risk class; what lacks an approval is refused by package, and all else goes on."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from registry_gen.model.config import Site
from registry_gen.model.digest import sha256
from registry_gen.model.entries import ArchiveSource, GitSource, Retention, WithdrawalRule
from registry_gen.model.facts import Hosting, SigningKey, Withdrawal, WithdrawalStage
from registry_gen.model.intent import Run
from registry_gen.model.plan import (
    ArchiveSeen,
    MirrorProvider,
    MirrorSighting,
    ModuleSighting,
    ProviderSighting,
    Staged,
)
from registry_gen.model.rules import Risk, Role
from registry_gen.model.version import parse_constraints, parse_version
from registry_gen.plan import Judge, plan, settle, stale
from registry_gen.plan.decide import state_of
from tests.support.approvals import approvals, organization, rule, rules
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
    from registry_gen.model.entries import Entry
    from registry_gen.model.facts import Package, PackageState
    from registry_gen.model.plan import Plan, Sighting
    from registry_gen.model.rules import Approvals

RULES = rules(
    organization("acme", "acme", publisher=["pat"], admin=["amy"]),
    organization("platform", registry=True, admin=["ann", "bob"], mirror_manager=["mia"]),
)
OTHER_KEY = SigningKey("B" * 40, RELEASE_KEY.armor.replace("release", "other"))
TAGS = ModuleSighting(NETWORK, (tag("v1.0.0"), tag("v1.1.0")))
RELEASES = ProviderSighting(WIDGET, (release("1.0.0", LINUX), release("1.1.0", LINUX)))
MIRRORED = MirrorSighting(RANDOM, (upstream("1.0.0", LINUX), upstream("1.1.0", LINUX)))


def published(entry: Entry, *versions: object, state: PackageState | None = None) -> Package:
    return package(entry, *versions, state=state or state_of(entry, CONTEXT))  # type: ignore[arg-type]


def judged(
    *seen: tuple[Entry, Sighting, Package | None], given: Approvals | None = None, those: object = RULES
) -> Plan:
    entries = catalog(*(entry for entry, _, _ in seen))
    sightings = {entry.address: sighting for entry, sighting, _ in seen}
    packages = {entry.address: found for entry, _, found in seen if found}
    heads = {address: found.head for address, found in packages.items()}
    made = plan(
        entries,
        sightings,
        heads,
        packages,
        CONTEXT,
        stale(entries, sightings, heads, CONTEXT),
        mass_withdrawal=True,
    )
    return Judge(those, given).judge(made, entries, packages)  # type: ignore[arg-type]


def asked(*seen: tuple[Entry, Sighting, Package | None]) -> list[tuple[Risk, str]]:
    return [(need.risk, ",".join(map(str, need.versions))) for each in judged(*seen).packages for need in each.needs]


NETWORK_BEFORE = published(module(), module_facts("1.0.0"))
WITHDRAWN = replace(module_facts("1.0.0"), withdrawn=Withdrawal("x", "y", NOW, WithdrawalStage.UNLISTED, NOW))
ELSEWHERE = replace(module(), source=GitSource("https://git.example.com/fork.git", "", ("v{version}", "{version}"), {}))
INSIDE = replace(
    module(), source=GitSource("https://git.example.com/network.git", "inside", ("v{version}", "{version}"), {})
)
ARCHIVES = module(archives=True)
BUILT = replace(module_facts("1.0.0", evidence=sha256(b"network 1.0.0")), source="https://builds.example.com/network/")


def built(name: str, version: str) -> ArchiveSeen:
    return ArchiveSeen(parse_version(version), f"{name}-{version}.tar.gz", sha256(f"{name} {version}".encode()))


BACK = replace(module(), withdrawn=(WithdrawalRule(parse_constraints("1.0.0"), "bad"),))
SHORT = replace(module(), retention=Retention(latest=1))


@pytest.mark.parametrize(
    ("entry", "sighting", "before", "found"),
    [
        (module(), TAGS, None, [(Risk.NEW_PACKAGE, "1.0.0,1.1.0")]),
        (module(), TAGS, NETWORK_BEFORE, []),
        (ELSEWHERE, TAGS, NETWORK_BEFORE, [(Risk.NEW_UPSTREAM, "1.1.0")]),
        (INSIDE, TAGS, NETWORK_BEFORE, [(Risk.NEW_UPSTREAM, "1.1.0")]),
        (replace(module(), hosting=Hosting.LINK), TAGS, NETWORK_BEFORE, []),
        (
            ARCHIVES,
            ModuleSighting(NETWORK, (), (built("network", "1.0.0"), built("network", "1.1.0"))),
            published(ARCHIVES, BUILT),
            [],
        ),
        (
            replace(ARCHIVES, source=ArchiveSource("https://builds.example.com/network/", "other-{version}.tar.gz")),
            ModuleSighting(NETWORK, (), (built("other", "1.1.0"),)),
            published(ARCHIVES, BUILT),
            [(Risk.NEW_UPSTREAM, "1.1.0")],
        ),
        (module(deprecated="old"), ModuleSighting(NETWORK, (tag("v1.0.0"),)), NETWORK_BEFORE, []),
        (BACK, ModuleSighting(NETWORK, (tag("v1.0.0"),)), NETWORK_BEFORE, [(Risk.WITHDRAWAL, "1.0.0")]),
        (
            module(),
            ModuleSighting(NETWORK, (tag("v1.0.0"),)),
            published(module(), WITHDRAWN),
            [(Risk.WITHDRAWAL, "1.0.0")],
        ),
        (SHORT, TAGS, published(SHORT, module_facts("1.0.0"), module_facts("1.1.0")), [(Risk.RETENTION, "1.0.0")]),
        (provider(), RELEASES, None, [(Risk.NEW_PACKAGE, "1.0.0,1.1.0")]),
        (provider(), RELEASES, published(provider(), provider_facts("1.0.0", LINUX)), []),
        (
            provider(),
            ProviderSighting(WIDGET, (replace(release("1.1.0", LINUX), location="/elsewhere/widget"),)),
            published(provider(), provider_facts("1.0.0", LINUX)),
            [(Risk.NEW_UPSTREAM, "1.1.0")],
        ),
        (
            provider(keys=(RELEASE_KEY, OTHER_KEY)),
            ProviderSighting(WIDGET, (release("1.0.0", LINUX),)),
            published(provider(), provider_facts("1.0.0", LINUX)),
            [(Risk.KEY_CHANGE, "")],
        ),
        (mirror(), MIRRORED, None, [(Risk.NEW_UPSTREAM, "1.0.0,1.1.0")]),
        (mirror(), MIRRORED, published(mirror(), mirror_facts("1.0.0", LINUX)), []),
        (
            replace(mirror(), upstream="https://mirror.example.com"),
            MIRRORED,
            published(mirror(), mirror_facts("1.0.0", LINUX)),
            [(Risk.NEW_UPSTREAM, "1.1.0")],
        ),
    ],
)
def test_each_action_has_its_risk_class(
    entry: Entry, sighting: Sighting, before: Package | None, found: list[tuple[Risk, str]]
) -> None:
    assert asked((entry, sighting, before)) == found


def test_a_known_version_of_a_release_elsewhere_in_the_searched_folder_is_no_new_upstream() -> None:
    entry = provider()
    facts = replace(provider_facts("1.0.0", LINUX), origin="/releases/widget/first")
    seen = ProviderSighting(WIDGET, (replace(release("1.1.0", LINUX), location="/releases/widget/second"),))
    assert asked((entry, seen, published(entry, facts))) == []


def test_only_the_source_of_the_latest_version_is_known() -> None:
    """What was given up may be in other hands by now."""
    old = replace(module_facts("1.0.0"), source="https://git.example.com/fork.git")
    new = replace(module_facts("1.1.0"), recorded_at=NOW + timedelta(days=1))
    seen = ModuleSighting(NETWORK, (tag("v1.0.0"), tag("v1.1.0"), tag("v1.2.0")))
    assert asked((ELSEWHERE, seen, published(ELSEWHERE, old, new))) == [(Risk.NEW_UPSTREAM, "1.2.0")]


def test_a_package_that_lacks_an_approval_is_left_and_the_others_go_on() -> None:
    made = judged(
        (module(), TAGS, None),
        (mirror(), MIRRORED, published(mirror(), mirror_facts("1.0.0", LINUX))),
        (provider(), RELEASES, None),
        given=approvals("oscar"),
    )
    assert [(str(each.address), len(each.actions)) for each in made.packages] == [(str(RANDOM), 1)]
    assert {str(refusal.address) for refusal in made.refusals} == {str(NETWORK), str(WIDGET)}
    error = made.refusals[0].error
    assert (error.code.id, str(error.position)) == ("PLN030", "catalog/policies/all.yaml:1:1")
    assert error.expected == "1 person with the role publisher (a default): amy, ann, bob, mia, pat"
    assert error.found == "approved by nobody"
    assert error.detail == "a new package is not approved: 1.0.0, 1.1.0"


def test_a_rule_of_a_file_is_named_with_its_place() -> None:
    those = rules(*RULES.organizations, rule(Risk.NEW_PACKAGE, Role.ADMIN, 2))
    made = judged((module(), TAGS, None), given=approvals("ann", "pat"), those=those)
    (refusal,) = made.refusals
    assert str(refusal.error.position) == "catalog/policies/all.yaml:7:3"
    assert refusal.error.expected == "2 people with the role admin: amy, ann, bob"
    assert refusal.error.found == "approved by ann"


def test_what_is_approved_is_published_and_the_next_run_need_not_look_again() -> None:
    made = judged((module(), TAGS, None), given=approvals("pat"))
    assert made.refusals == ()
    (planned,) = made.packages
    assert len(planned.actions) == 2
    assert planned.inputs is not None


def test_nothing_is_withheld_where_only_a_plan_is_asked_for_or_no_rule_is_there() -> None:
    (shown,) = judged((module(), TAGS, None)).packages
    assert len(shown.actions) == 2
    assert [need.met for need in shown.needs] == [False]
    (free,) = judged((module(), TAGS, None), given=approvals(), those=rules(ask=False)).packages
    assert (len(free.actions), free.needs) == (2, ())


def test_a_withdrawal_waits_alone_and_the_next_run_looks_again() -> None:
    made = judged((BACK, TAGS, NETWORK_BEFORE), given=approvals())
    (planned,) = made.packages
    assert [str(action.version) for action in planned.actions if hasattr(action, "version")] == ["1.1.0"]
    assert planned.inputs is None
    assert [refusal.error.code.id for refusal in made.refusals] == ["PLN030"]


def test_a_package_whose_keys_change_waits_whole() -> None:
    """A new version would else be verified with a key that nobody approved."""
    entry = provider(keys=(RELEASE_KEY, OTHER_KEY))
    before = published(provider(), provider_facts("1.0.0", LINUX))
    made = judged((entry, RELEASES, before), given=approvals("ann"))
    assert made.packages == ()
    assert len(judged((entry, RELEASES, before), given=approvals("ann", "amy")).packages[0].actions) == 2


def test_a_withdrawal_that_lets_a_key_go_waits_with_the_key() -> None:
    rule_ = WithdrawalRule(parse_constraints("1.0.0"), "bad")
    entry = replace(provider(keys=(OTHER_KEY,)), withdrawn=(rule_,))
    before = published(provider(), provider_facts("1.0.0", LINUX))
    made = judged((entry, ProviderSighting(WIDGET, ()), before), given=approvals("ann", "bob", author="bob"))
    assert made.packages == ()
    assert [refusal.error.detail for refusal in made.refusals] == ["a change of keys is not approved"]


def staged(version: str, signer: str) -> Staged:
    facts = mirror_facts(version, LINUX)
    facts = replace(facts, sums=replace(facts.sums, signer=signer))
    return Staged(MirrorProvider(RANDOM, parse_version(version), ("5.0",), (LINUX,), added=False), facts, ())


def test_a_mirrored_version_that_another_key_signed_waits_for_the_approval_of_a_key_change() -> None:
    before = published(mirror(), mirror_facts("1.0.0", LINUX))
    (planned,) = judged((mirror(), MIRRORED, before), given=approvals()).packages
    both = (staged("1.1.0", RELEASE_KEY.fingerprint), staged("1.2.0", OTHER_KEY.fingerprint))
    _, good, refusals = Judge(RULES, approvals("ann")).fitting(planned, both, before)
    assert [str(item.facts.version) for item in good] == ["1.1.0"]
    assert [refusal.error.detail for refusal in refusals] == ["a change of keys is not approved: 1.2.0"]
    after, good, refusals = Judge(RULES, approvals("ann", "bob")).fitting(planned, both, before)
    assert (len(good), refusals) == (2, ())
    assert [need.risk for need in after.needs] == [Risk.KEY_CHANGE]
    assert Judge(RULES, approvals()).fitting(planned, both, None)[1:] == (both, ()), "the first ones have no other"
    assert Judge(rules(ask=False), approvals()).fitting(planned, both, before)[1:] == (both, ())


def test_the_audit_log_tells_who_approved_what() -> None:
    made = judged((BACK, ModuleSighting(NETWORK, (tag("v1.0.0"),)), NETWORK_BEFORE), given=approvals("Pat"))
    (planned,) = made.packages
    run = Run("ci", "https://ci.example.com/1", "c" * 40, NOW)
    site = Site("registry.example.com", "https://registry.example.com/")
    intent = settle(planned, (), NETWORK_BEFORE, complete=True, site=site, run=run).intent
    assert intent
    assert intent.audit.after["approvals"] == [
        {
            "risk": "withdrawal",
            "what": "a withdrawal or its end",
            "versions": ["1.0.0"],
            "role": "publisher",
            "people": 1,
            "organization": "acme",
            "rule": "catalog/policies/all.yaml:1:1",
            "default": True,
            "approved_by": ["Pat"],
        }
    ]


def test_what_a_rule_change_asks_for_renders_nothing() -> None:
    """Who may approve is no input of a package: nobody's documents depend on it."""
    entry = module()
    complete = published(entry, module_facts("1.0.0"), module_facts("1.1.0"))
    made = judged((entry, TAGS, complete), given=approvals())
    (first,) = made.packages
    (second,) = judged((entry, TAGS, complete), given=approvals("ann"), those=rules(ask=False)).packages
    assert first.actions == ()
    assert first.inputs is not None
    assert first.inputs == second.inputs


def test_a_key_that_is_approved_waits_for_the_withdrawal_that_lets_it_go() -> None:
    """The other way round what is listed would have no key."""
    entry = replace(provider(keys=(OTHER_KEY,)), withdrawn=(WithdrawalRule(parse_constraints("1.0.0"), "bad"),))
    before = published(provider(), provider_facts("1.0.0", LINUX))
    free = rules(*RULES.organizations, rule(Risk.KEY_CHANGE, None, 0))
    made = judged((entry, ProviderSighting(WIDGET, ()), before), given=approvals(), those=free)
    assert made.packages == ()
    assert [refusal.error.detail for refusal in made.refusals] == ["a withdrawal or its end is not approved: 1.0.0"]


def test_who_owns_a_namespace_owns_no_mirror_of_that_name() -> None:
    owner = organization("hashi", "hashicorp", mirror_manager=["eve"])
    made = judged((mirror(), MIRRORED, None), given=approvals("eve"), those=rules(*RULES.organizations, owner))
    assert made.packages == ()
    assert made.refusals[0].error.expected == "1 person with the role mirror_manager (a default): ann, bob, mia"

"""What is published, refused and noted, decided from what was seen."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from registry_gen.errors import Code, SourceError
from registry_gen.model.address import Platform
from registry_gen.model.digest import sha256
from registry_gen.model.entries import GitSource, WithdrawalRule
from registry_gen.model.facts import Hosting, SigningKey, Withdrawal, WithdrawalStage
from registry_gen.model.plan import (
    ArchiveSeen,
    ChangeState,
    FailedSighting,
    MirrorProvider,
    MirrorSighting,
    ModuleSighting,
    ProviderSighting,
    PublishModule,
    PublishProvider,
    Sighting,
    UpstreamAnswer,
)
from registry_gen.model.version import parse_constraints, parse_version
from registry_gen.plan import Context, due_mirrors, limits, stale
from registry_gen.plan import plan as plan_addresses
from registry_gen.plan.as_json import plan_json
from registry_gen.plan.decide import state_of
from registry_gen.plan.limits import MAX_PLATFORMS
from registry_gen.plan.review import Basis, review
from tests.support.entries import (
    CONTEXT,
    DARWIN,
    LINUX,
    NETWORK,
    NOW,
    RANDOM,
    REGISTRY_KEY,
    RELEASE_KEY,
    WIDGET,
    catalog,
    commit,
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
    from collections.abc import Mapping

    from registry_gen.model.address import Address
    from registry_gen.model.entries import Catalog, Entry
    from registry_gen.model.facts import Package, VersionFacts
    from registry_gen.model.plan import Plan

OUTAGE = SourceError(Code("TST001", "out of reach", "", ""), where="https://git.example.com/network.git")


def plan(catalog: Catalog, sightings: Any, heads: Any, packages: Any, context: Context) -> Plan:
    """The plan for whatever is stale."""
    return plan_addresses(catalog, sightings, heads, packages, context, stale(catalog, sightings, heads, context))


def decide(entry: Entry, sighting: Sighting, *published: VersionFacts, context: Context = CONTEXT) -> Plan:
    """The plan for one entry of which ``published`` is published in the state that the catalog wants."""
    known = {entry.address: package(entry, *published, state=state_of(entry, CONTEXT))} if published else {}
    return plan_with(entry, sighting, known, context)


def as_json(made: Plan, *entries: Entry) -> Mapping[str, object]:
    return plan_json(review(made, catalog(*entries), {}, Basis("https://registry.example.com/", None)))


def plan_with(entry: Entry, sighting: Sighting, known: dict, context: Context = CONTEXT) -> Plan:  # type: ignore[type-arg]
    heads = {address: found.head for address, found in known.items()}
    return plan(catalog(entry), {entry.address: sighting}, heads, known, context)


def versions(planned: Plan) -> list[str]:
    """The versions that are to be published."""
    return [
        str(action.version)
        for found in planned.packages
        for action in found.actions
        if not isinstance(action, ChangeState)
    ]


def codes(planned: Plan) -> list[str]:
    """The codes of what is refused."""
    return [refusal.error.code.id for refusal in planned.refusals]


def tags(*names: str) -> ModuleSighting:
    return ModuleSighting(NETWORK, tuple(tag(name) for name in names))


def test_every_tag_that_names_a_version_is_published_in_order() -> None:
    planned = decide(module(), tags("v1.10.0", "v1.2.0", "1.0.0", "main", "v-next"))
    assert versions(planned) == ["1.0.0", "1.2.0", "1.10.0"]
    assert not planned.refusals
    assert not planned.notes


def test_a_published_version_at_the_same_commit_is_not_published_again() -> None:
    assert versions(decide(module(), tags("v1.0.0", "v1.1.0"), module_facts("1.0.0"))) == ["1.1.0"]


def test_a_moved_tag_is_an_alarm_that_names_both_commits() -> None:
    seen = ModuleSighting(NETWORK, (tag("v1.0.0", "elsewhere"), tag("v1.1.0")))
    planned = decide(module(), seen, module_facts("1.0.0"))
    (refusal,) = planned.refusals
    assert refusal.violation
    assert refusal.error.code.id == "PLN001"
    assert commit("v1.0.0") in refusal.error.expected
    assert commit("elsewhere") in refusal.error.found
    assert versions(planned) == ["1.1.0"], "other versions go on"
    assert planned.packages[0].inputs is None, "the next run must look again"


def test_a_moved_tag_is_an_alarm_even_where_the_constraint_no_longer_allows_it() -> None:
    seen = ModuleSighting(NETWORK, (tag("v1.0.0", "elsewhere"),))
    assert codes(decide(module(versions=">= 2.0.0"), seen, module_facts("1.0.0"))) == ["PLN001"]


def test_a_version_with_and_without_v_on_different_commits_is_refused() -> None:
    planned = decide(module(), ModuleSighting(NETWORK, (tag("v1.0.0", "a"), tag("1.0.0", "b"))))
    assert codes(planned) == ["PLN002"]
    assert commit("a") in planned.refusals[0].error.found
    assert commit("b") in planned.refusals[0].error.found
    assert versions(planned) == []


def test_a_version_with_and_without_v_on_one_commit_takes_the_first_pattern() -> None:
    planned = decide(module(), ModuleSighting(NETWORK, (tag("1.0.0", "a"), tag("v1.0.0", "a"))))
    (action,) = planned.packages[0].actions
    assert isinstance(action, PublishModule)
    assert action.tag == tag("v1.0.0", "a")


def test_one_commit_under_two_versions_is_a_note() -> None:
    planned = decide(module(), ModuleSighting(NETWORK, (tag("v1.0.0", "a"), tag("v1.0.1", "a"))))
    assert versions(planned) == ["1.0.0", "1.0.1"]
    assert "2 versions: 1.0.0, 1.0.1" in planned.notes[0].text


def test_a_tag_that_is_almost_a_version_is_noted_and_left_out() -> None:
    planned = decide(module(), tags("v1", "v1.2", "v1.0.0"))
    assert versions(planned) == ["1.0.0"]
    assert [note.text.split()[1] for note in planned.notes] == ["v1", "v1.2"]


def test_build_metadata_is_refused_unless_the_constraint_excludes_it() -> None:
    assert codes(decide(module(), tags("v1.0.0+x"))) == ["PLN004"]
    assert codes(decide(module(versions=">= 0.0.0, != 1.0.0+x"), tags("v1.0.0+x"))) == []


def test_a_pin_chooses_between_tags_and_refuses_another_commit() -> None:
    both = ModuleSighting(NETWORK, (tag("v1.0.0", "a"), tag("1.0.0", "b")))
    (action,) = decide(module(pins={"1.0.0": "b"}), both).packages[0].actions
    assert isinstance(action, PublishModule)
    assert action.tag == tag("1.0.0", "b")
    assert codes(decide(module(pins={"1.0.0": "c"}), ModuleSighting(NETWORK, (tag("v1.0.0", "a"),)))) == ["PLN003"]


def test_a_pin_that_differs_from_what_was_published_is_refused() -> None:
    seen = tags("v1.0.0")
    assert codes(decide(module(pins={"1.0.0": "other"}), seen, module_facts("1.0.0"))) == ["PLN003"]
    assert codes(decide(module(pins={"1.0.0": "v1.0.0"}), seen, module_facts("1.0.0"))) == []


def test_versions_from_another_kind_of_source_stay_and_are_told() -> None:
    built = module_facts("1.0.0", evidence=sha256(b"x"))
    planned = decide(module(), tags("v1.0.0"), built)
    assert planned.packages[0].actions == ()
    assert "did not come from git" in planned.notes[-1].text
    seen = ModuleSighting(NETWORK, (), (archive("1.0.0"),))
    assert "did not come from archives" in decide(module(archives=True), seen, module_facts("1.0.0")).notes[-1].text


def test_a_pin_without_a_tag_is_refused() -> None:
    assert codes(decide(module(pins={"3.0.0": "c"}), tags("v1.0.0"))) == ["PLN009"]


def test_a_monorepo_takes_only_the_tags_of_its_module() -> None:
    planned = decide(module(patterns=("network/v{version}",)), tags("network/v1.0.0", "queue/v2.0.0", "v3.0.0"))
    assert versions(planned) == ["1.0.0"]


def test_a_dot_in_a_tag_pattern_is_a_dot() -> None:
    planned = decide(module(patterns=("a.b-{version}",)), tags("axb-1.0.0", "a.b-2.0.0"))
    assert versions(planned) == ["2.0.0"]


def test_a_deleted_tag_of_a_published_version_is_noted_and_changes_nothing() -> None:
    planned = decide(module(), tags("v1.1.0"), module_facts("1.0.0"), module_facts("1.1.0"))
    assert versions(planned) == []
    assert "v1.0.0" in planned.notes[0].text


def archive(version: str, content: str = "") -> ArchiveSeen:
    return ArchiveSeen(parse_version(version), f"network-{version}.tar.gz", sha256(f"{version}{content}".encode()))


def test_archives_are_published_and_a_replaced_one_is_an_alarm() -> None:
    entry = module(archives=True, versions="< 2.0.0")
    seen = ModuleSighting(
        NETWORK, (), (archive("1.0.0", "other"), archive("1.1.0"), archive("2.0.0"), archive("1.0.0+x"))
    )
    planned = decide(entry, seen, module_facts("1.0.0", evidence=archive("1.0.0").sha256))
    assert versions(planned) == ["1.1.0"]
    assert codes(planned) == ["PLN005", "PLN004"]
    assert [refusal.violation for refusal in planned.refusals] == [True, False]


def test_an_archive_published_before_is_not_published_again() -> None:
    seen = ModuleSighting(NETWORK, (), (archive("1.0.0"),))
    planned = decide(module(archives=True), seen, module_facts("1.0.0", evidence=archive("1.0.0").sha256))
    assert versions(planned) == []


def test_a_release_is_published_with_the_wanted_platforms() -> None:
    seen = ProviderSighting(WIDGET, (release("1.0.0", LINUX, DARWIN),))
    (action,) = decide(provider(platforms=(LINUX,)), seen).packages[0].actions
    assert isinstance(action, PublishProvider)
    assert action.platforms == (LINUX,)
    (action,) = decide(provider(), seen).packages[0].actions
    assert isinstance(action, PublishProvider)
    assert action.platforms == (DARWIN, LINUX)


def test_a_platform_wanted_later_is_added_to_the_published_version() -> None:
    seen = ProviderSighting(WIDGET, (release("1.0.0", LINUX, DARWIN),))
    facts = provider_facts("1.0.0", LINUX)
    (action,) = decide(provider(), seen, facts).packages[0].actions
    assert isinstance(action, PublishProvider)
    assert action.added
    assert action.platforms == (DARWIN,)


def test_a_release_replaced_in_place_is_an_alarm() -> None:
    seen = ProviderSighting(WIDGET, (release("1.0.0", LINUX, content="other"),))
    planned = decide(provider(), seen, provider_facts("1.0.0", LINUX))
    assert codes(planned) == ["PLN005"]
    assert planned.refusals[0].violation


def test_an_unsigned_release_is_refused_unless_the_registry_signs() -> None:
    seen = ProviderSighting(WIDGET, (release("1.0.0", LINUX, signed=False),))
    assert codes(decide(provider(), seen)) == ["PLN007"]
    assert versions(decide(provider(signature="registry"), seen)) == ["1.0.0"]


def test_a_release_without_any_wanted_platform_is_refused() -> None:
    seen = ProviderSighting(WIDGET, (release("1.0.0", LINUX),))
    assert codes(decide(provider(platforms=(DARWIN,)), seen)) == ["PLN006"]


def test_a_release_that_lacks_one_wanted_platform_is_published_with_a_note() -> None:
    seen = ProviderSighting(WIDGET, (release("1.0.0", LINUX),))
    planned = decide(provider(platforms=(DARWIN, LINUX)), seen)
    assert versions(planned) == ["1.0.0"]
    assert "darwin_arm64" in planned.notes[0].text


def test_releases_outside_the_constraint_or_with_build_metadata_are_not_published() -> None:
    seen = ProviderSighting(WIDGET, (release("1.0.0", LINUX), release("2.0.0", LINUX), release("1.1.0+x", LINUX)))
    planned = decide(provider(versions="< 2.0.0"), seen)
    assert versions(planned) == ["1.0.0"]
    assert codes(planned) == ["PLN004"]


def test_zips_that_are_no_platforms_are_passed_over() -> None:
    found = release("1.0.0", LINUX)
    more = {
        **found.files,
        "terraform-provider-widget_1.0.0_SBOM.zip": sha256(b""),
        "terraform-provider-widget_1.0.0_manifest.json": sha256(b""),
    }
    seen = ProviderSighting(
        WIDGET, (type(found)(found.version, found.location, found.sums, found.signature, more, ("6.0",)),)
    )
    (action,) = decide(provider(), seen).packages[0].actions
    assert isinstance(action, PublishProvider)
    assert action.platforms == (LINUX,)


@pytest.mark.parametrize("protocols", [("4.0",), ("7.0", "4.0"), ()])
def test_a_release_whose_protocol_no_client_speaks_is_refused_and_stops_no_other(protocols: tuple[str, ...]) -> None:
    odd = replace(release("2.0.0", LINUX), protocols=protocols)
    planned = decide(provider(), ProviderSighting(WIDGET, (release("1.0.0", LINUX), odd)))
    assert versions(planned) == ["1.0.0"]
    assert codes(planned) == ["PLN011"]
    assert str(planned.refusals[0].version) == "2.0.0"


def test_a_protocol_that_some_client_speaks_is_enough() -> None:
    both = replace(release("2.0.0", LINUX), protocols=("4.0", "5.1"))
    assert versions(decide(provider(), ProviderSighting(WIDGET, (both,)))) == ["2.0.0"]


def test_the_protocols_that_the_catalog_names_are_those_that_count() -> None:
    entry = replace(provider(), protocols=("6.0",))
    old = replace(release("2.0.0", LINUX), protocols=("4.0",))
    assert versions(decide(entry, ProviderSighting(WIDGET, (old,)))) == ["2.0.0"]


def test_a_broken_release_is_refused_and_stops_no_other() -> None:
    planned = decide(provider(), ProviderSighting(WIDGET, (release("1.0.0", LINUX),), (OUTAGE,)))
    assert codes(planned) == ["TST001"]
    assert versions(planned) == ["1.0.0"]
    assert planned.packages[0].inputs is None


def test_a_mirror_takes_allowed_versions_and_wanted_platforms() -> None:
    seen = MirrorSighting(
        RANDOM, (upstream("3.0.0", LINUX, DARWIN), upstream("2.0.0", LINUX), upstream("3.1.0", DARWIN))
    )
    planned = decide(mirror(versions="~> 3.0", platforms=(LINUX,)), seen)
    (action,) = planned.packages[0].actions
    assert isinstance(action, MirrorProvider)
    assert (str(action.version), action.platforms, action.added) == ("3.0.0", (LINUX,), False)
    assert "3.1.0" in planned.notes[0].text


def test_a_mirror_gains_platforms_and_never_loses_a_version() -> None:
    seen = MirrorSighting(RANDOM, (upstream("3.0.0", LINUX, DARWIN), upstream("3.2.0+x", LINUX)))
    planned = decide(mirror(), seen, mirror_facts("3.0.0", LINUX), mirror_facts("2.0.0", LINUX))
    (action,) = planned.packages[0].actions
    assert isinstance(action, MirrorProvider)
    assert action.added
    assert action.platforms == (DARWIN,)
    assert ["3.2.0+x" in note.text or "2.0.0 is gone" in note.text for note in planned.notes] == [True, True]


def test_a_mirror_leaves_out_a_version_that_no_client_speaks_with_a_note() -> None:
    old = replace(upstream("1.0.0", LINUX), protocols=("4.0",))
    silent = replace(upstream("2.0.0", LINUX), protocols=())
    planned = decide(mirror(), MirrorSighting(RANDOM, (old, silent)))
    assert versions(planned) == ["2.0.0"]
    assert planned.notes[0].text == "1.0.0 speaks plugin protocols that no client does (4.0) and is left out"
    assert codes(planned) == []


def answer(version: str, zh: str = "", keys: tuple[str, ...] = (RELEASE_KEY.fingerprint,)) -> UpstreamAnswer:
    """What upstream says now of a version on Linux; another ``zh`` contradicts what was mirrored."""
    facts = mirror_facts(version, LINUX).packages[0]
    return UpstreamAnswer(parse_version(version), {facts.filename: sha256(zh.encode()) if zh else facts.zh}, keys)


def test_an_upstream_that_says_something_else_of_a_mirrored_version_is_an_alarm_and_changes_nothing() -> None:
    listed = (upstream("1.0.0", LINUX), upstream("2.0.0", LINUX))
    facts = mirror_facts("1.0.0", LINUX)
    for said, code in (
        (answer("1.0.0", zh="other bytes"), "PLN005"),
        (UpstreamAnswer(facts.version, {}, (RELEASE_KEY.fingerprint,)), "PLN005"),
        (answer("1.0.0", keys=("B" * 40,)), "PLN015"),
    ):
        planned = decide(mirror(), MirrorSighting(RANDOM, listed, (said,)), facts)
        (refusal,) = planned.refusals
        assert (refusal.error.code.id, refusal.violation) == (code, True)
        assert versions(planned) == ["2.0.0"], "other versions go on"
    same = decide(mirror(), MirrorSighting(RANDOM, listed, (answer("1.0.0"),)), facts)
    assert same.refusals == ()


def test_an_upstream_that_cannot_be_asked_again_is_noted_and_no_alarm() -> None:
    said = UpstreamAnswer(parse_version("1.0.0"), {}, (), OUTAGE)
    seen = MirrorSighting(RANDOM, (upstream("1.0.0", LINUX),), (said,))
    planned = decide(mirror(), seen, mirror_facts("1.0.0", LINUX))
    assert planned.refusals == ()
    assert [note.text for note in planned.notes if "could not be compared" in note.text]


def test_a_mirror_is_asked_again_once_a_day() -> None:
    seen = MirrorSighting(RANDOM, (upstream("1.0.0", LINUX),))
    known = package(mirror(), mirror_facts("1.0.0", LINUX), state=state_of(mirror(), CONTEXT))
    for due_at, asked in ((None, True), (NOW, True), (NOW + timedelta(seconds=1), False)):
        head = replace(known.head, listed=1, due_at=due_at)
        assert due_mirrors(catalog(mirror()), {RANDOM: head}, NOW) == ((RANDOM,) if asked else ())
        found = replace(known, head=replace(head, inputs=None))
        planned = plan(catalog(mirror()), {RANDOM: seen}, {RANDOM: found.head}, {RANDOM: found}, CONTEXT)
        assert planned.packages[0].due_at == (NOW + timedelta(days=1) if asked else due_at)


def test_a_mirrored_version_with_more_platforms_than_any_has_is_refused_and_stops_no_other() -> None:
    many = tuple(Platform(f"os{number}", "amd64") for number in range(MAX_PLATFORMS))
    seen = MirrorSighting(RANDOM, (upstream("1.0.0", *many, LINUX), upstream("2.0.0", *many)))
    planned = decide(mirror(), seen)
    assert versions(planned) == ["2.0.0"]
    assert [(refusal.error.code.id, str(refusal.version)) for refusal in planned.refusals] == [("PLN012", "1.0.0")]
    assert versions(decide(mirror(platforms=(LINUX,)), seen)) == ["1.0.0"], "what is not wanted does no harm"
    later = MirrorSighting(RANDOM, (upstream("1.0.0", *many),))
    assert codes(decide(mirror(), later, mirror_facts("1.0.0", LINUX))) == ["PLN012"], "not by and by either"


def test_more_new_versions_than_a_package_has_are_refused_and_none_is_published(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "MAX_NEW_VERSIONS", 2)
    three = ("1.0.0", "1.1.0", "1.2.0")
    seen: list[tuple[Entry, Sighting]] = [
        (module(), tags(*(f"v{version}" for version in three))),
        (module(archives=True), ModuleSighting(NETWORK, (), tuple(map(archive, three)))),
        (provider(), ProviderSighting(WIDGET, tuple(release(version, LINUX) for version in three))),
        (mirror(), MirrorSighting(RANDOM, tuple(upstream(version, LINUX) for version in three))),
    ]
    for entry, sighting in seen:
        planned = decide(entry, sighting)
        assert versions(planned) == []
        assert [(refusal.error.code.id, refusal.version) for refusal in planned.refusals] == [("PLN013", None)]
        assert "3" in planned.refusals[0].error.found
    assert versions(decide(module(), tags("v1.0.0", "v1.1.0", "v1.2.0"), module_facts("1.0.0"))) == ["1.1.0", "1.2.0"]
    narrowed = decide(module(versions=">= 1.1.0"), tags("v1.0.0", "v1.1.0", "v1.2.0"))
    assert versions(narrowed) == ["1.1.0", "1.2.0"]


def test_alarms_are_raised_however_many_versions_are_new(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_NEW_VERSIONS", 0)
    seen = ModuleSighting(NETWORK, (tag("v1.0.0", "elsewhere"), tag("v1.1.0")))
    assert codes(decide(module(), seen, module_facts("1.0.0"))) == ["PLN001", "PLN013"]


def test_a_source_out_of_reach_is_refused_and_counts_as_no_change() -> None:
    planned = decide(module(), FailedSighting(NETWORK, OUTAGE), module_facts("1.0.0"))
    assert codes(planned) == ["TST001"]
    assert planned.packages == ()
    assert planned.unchanged == 0


def published_state(entry: Entry, **changes: object) -> Package:
    state = state_of(entry, CONTEXT)
    facts = provider_facts("1.0.0", LINUX)
    return package(entry, facts, state=type(state)(**{**_fields(state), **changes}))  # type: ignore[arg-type]


def _fields(state: object) -> dict[str, object]:
    return {name: getattr(state, name) for name in state.__slots__}  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("before", "why", "warnings"),
    [
        ({"signing_keys": (REGISTRY_KEY,)}, "signing keys in 1 document", None),
        ({"deprecated": "use other"}, "deprecation notice", ()),
        ({"rendering": "0 https://old.example.com/"}, "site URL or renderer", None),
        ({"deprecated": "x", "signing_keys": ()}, "signing keys in 1 document and deprecation notice", ()),
    ],
)
def test_a_change_of_keys_notice_or_renderer_changes_documents_only(
    before: dict[str, object], why: str, warnings: tuple[()] | None
) -> None:
    entry = provider()
    seen = ProviderSighting(WIDGET, (release("1.0.0", LINUX),))
    planned = plan_with(entry, seen, {WIDGET: published_state(entry, **before)})
    assert planned.packages[0].actions == (ChangeState(WIDGET, why, warnings),)


def test_a_key_that_signed_a_listed_version_cannot_be_dropped() -> None:
    seen = ProviderSighting(WIDGET, (release("1.0.0", LINUX), release("1.1.0", LINUX)))
    known = {WIDGET: package(provider(), provider_facts("1.0.0", LINUX), state=state_of(provider(), CONTEXT))}
    planned = plan_with(provider(keys=(REGISTRY_KEY,)), seen, known)
    (refusal,) = planned.refusals
    assert refusal.error.code.id == "PLN010"
    assert RELEASE_KEY.fingerprint in refusal.error.expected
    assert planned.packages == ()
    beside = provider(keys=(REGISTRY_KEY, RELEASE_KEY))
    assert versions(plan_with(beside, seen, known)) == ["1.1.0"]
    assert versions(plan_with(provider(signature="registry"), seen, known)) == ["1.1.0"], "keys may stand beside ours"


NEW_KEY = SigningKey("C" * 40, REGISTRY_KEY.armor.replace("registry", "new"))
ROTATED = Context(CONTEXT.site_url, NEW_KEY, NOW)
OURS = provider(signature="registry", keys=())
OFFERED = ProviderSighting(WIDGET, (release("1.0.0", LINUX), release("1.1.0", LINUX)))


def signed_by(key: SigningKey, version: str, *, withdrawn: bool = False) -> VersionFacts:
    """A published version whose sums the key signed."""
    facts = provider_facts(version, LINUX)
    gone = Withdrawal("bad", "somebody", NOW, WithdrawalStage.UNLISTED, NOW) if withdrawn else None
    return replace(facts, sums=replace(facts.sums, signer=key.fingerprint), withdrawn=gone)


def given(planned: Plan) -> tuple[SigningKey, ...]:
    (found,) = planned.packages
    return found.state.signing_keys


def had(entry: Entry, keys: tuple[SigningKey, ...], *facts: VersionFacts) -> dict[Address, Package]:
    """The package as clients have it, with these keys."""
    return {WIDGET: package(entry, *facts, state=replace(state_of(entry, CONTEXT), signing_keys=keys))}


def test_a_former_key_of_the_registry_is_given_beside_the_new_one_while_a_listed_version_needs_it() -> None:
    known = had(OURS, (REGISTRY_KEY,), signed_by(REGISTRY_KEY, "1.0.0"), signed_by(REGISTRY_KEY, "1.1.0"))
    planned = plan_with(OURS, OFFERED, known, ROTATED)
    assert (codes(planned), given(planned)) == ([], (NEW_KEY, REGISTRY_KEY))
    assert planned.packages[0].actions == (ChangeState(WIDGET, "signing keys in 2 documents"),)
    (note,) = planned.notes
    assert note.text == f"clients still get the former key {REGISTRY_KEY.fingerprint}: it signed 1.0.0, 1.1.0"

    known = had(OURS, (NEW_KEY, REGISTRY_KEY), signed_by(REGISTRY_KEY, "1.0.0"), signed_by(NEW_KEY, "1.1.0"))
    assert given(plan_with(OURS, OFFERED, known, ROTATED)) == (NEW_KEY, REGISTRY_KEY), "and so it stays"


def test_a_former_key_goes_with_the_last_listed_version_that_it_signed() -> None:
    known = had(OURS, (NEW_KEY, REGISTRY_KEY), signed_by(REGISTRY_KEY, "1.0.0"), signed_by(NEW_KEY, "1.1.0"))
    taken_back = replace(OURS, withdrawn=(WithdrawalRule(parse_constraints("1.0.0"), "The key leaked."),))
    planned = plan_with(taken_back, OFFERED, known, ROTATED)
    assert (codes(planned), given(planned), planned.notes) == ([], (NEW_KEY,), ())
    named = replace(taken_back, signing_keys=(REGISTRY_KEY,))
    assert given(plan_with(named, OFFERED, known, ROTATED)) == (NEW_KEY, REGISTRY_KEY), "the catalog wants it"


def test_a_key_that_clients_never_had_is_not_made_up() -> None:
    known = had(OURS, (NEW_KEY,), signed_by(NEW_KEY, "1.0.0"), signed_by(REGISTRY_KEY, "1.1.0", withdrawn=True))
    planned = plan_with(OURS, OFFERED, known, ROTATED)
    assert codes(planned) == ["PLN010"], "1.1.0 would be listed again, and its key is gone"
    named = replace(OURS, signing_keys=(REGISTRY_KEY,))
    assert codes(plan_with(named, OFFERED, known, ROTATED)) == []


def test_a_key_is_given_once_and_as_it_is_now() -> None:
    prolonged = replace(REGISTRY_KEY, armor=REGISTRY_KEY.armor.replace("registry", "prolonged"))
    known = had(OURS, (REGISTRY_KEY,), signed_by(REGISTRY_KEY, "1.0.0"))
    planned = plan_with(OURS, OFFERED, known, Context(CONTEXT.site_url, prolonged, NOW))
    assert (given(planned), planned.notes) == ((prolonged,), ())


def test_what_a_publisher_signed_before_the_registry_did_stays_installable_and_not_the_other_way_round() -> None:
    known = had(provider(), (RELEASE_KEY,), provider_facts("1.0.0", LINUX))
    planned = plan_with(OURS, OFFERED, known)
    assert (codes(planned), given(planned)) == ([], (RELEASE_KEY, REGISTRY_KEY))
    known = had(OURS, (REGISTRY_KEY,), signed_by(REGISTRY_KEY, "1.0.0"))
    assert codes(plan_with(provider(), OFFERED, known)) == ["PLN010"], "the catalog alone says whom a publisher trusts"


def test_a_version_that_is_signed_anew_lets_the_next_run_look_whether_its_former_key_is_needed() -> None:
    more = ProviderSighting(WIDGET, (replace(release("1.0.0", LINUX, DARWIN), sums=release("1.0.0", LINUX).sums),))
    for signer, looks_again in ((REGISTRY_KEY, True), (NEW_KEY, False)):
        known = had(OURS, (NEW_KEY, REGISTRY_KEY), signed_by(signer, "1.0.0"))
        (planned,) = plan_with(OURS, more, known, ROTATED).packages
        assert any(isinstance(action, PublishProvider) for action in planned.actions)
        assert (planned.inputs is None) == looks_again


def test_a_package_never_published_needs_no_change_of_documents() -> None:
    assert decide(module(), tags()).packages[0].actions == ()


def test_the_registrys_own_key_is_given_to_clients_where_it_signs() -> None:
    assert state_of(provider(signature="registry", keys=()), CONTEXT).signing_keys == (REGISTRY_KEY,)
    assert state_of(provider(), CONTEXT).signing_keys == (RELEASE_KEY,)


def after(entry: Entry, sighting: Sighting, *published: VersionFacts) -> Package:
    """The package as it stands once a plan that found nothing to do kept its inputs."""
    first = decide(entry, sighting, *published)
    assert first.packages[0].actions == ()
    return package(entry, *published, state=state_of(entry, CONTEXT), inputs=first.packages[0].inputs)


@pytest.mark.parametrize(
    ("entry", "sighting", "other", "facts"),
    [
        (module(), tags("v1.0.0"), tags("v1.0.0", "x"), module_facts("1.0.0")),
        (
            module(archives=True),
            ModuleSighting(NETWORK, (), (archive("1.0.0"),)),
            ModuleSighting(NETWORK, (), (archive("1.0.0"), archive("1.1.0"))),
            module_facts("1.0.0", evidence=archive("1.0.0").sha256),
        ),
        (
            provider(),
            ProviderSighting(WIDGET, (release("1.0.0", LINUX),)),
            ProviderSighting(WIDGET, (release("1.0.0", LINUX, content="other"),)),
            provider_facts("1.0.0", LINUX),
        ),
        (
            mirror(),
            MirrorSighting(RANDOM, (upstream("1.0.0", LINUX),)),
            MirrorSighting(RANDOM, (upstream("1.0.0", LINUX, DARWIN),)),
            mirror_facts("1.0.0", LINUX),
        ),
    ],
    ids=["tags", "archives", "releases", "mirror"],
)
def test_unchanged_inputs_are_not_looked_at_again_and_changed_ones_are(
    entry: Entry, sighting: Sighting, other: Sighting, facts: VersionFacts
) -> None:
    known = after(entry, sighting, facts)
    heads = {entry.address: known.head}
    assert stale(catalog(entry), {entry.address: sighting}, heads, CONTEXT) == ()
    assert stale(catalog(entry), {entry.address: other}, heads, CONTEXT) == (entry.address,)
    moved = Context("https://elsewhere.example.com/", REGISTRY_KEY, NOW)
    assert stale(catalog(entry), {entry.address: sighting}, heads, moved) == (entry.address,)
    planned = plan(catalog(entry), {entry.address: sighting}, heads, {}, CONTEXT)
    assert planned.unchanged == 1
    assert planned.packages == ()


def test_another_modules_tags_in_a_monorepo_change_nothing() -> None:
    entry = module(patterns=("network/v{version}",))
    known = after(entry, tags("network/v1.0.0"), module_facts("1.0.0", at="network/v1.0.0"))
    seen = tags("network/v1.0.0", "queue/v1.0.0")
    assert stale(catalog(entry), {NETWORK: seen}, {NETWORK: known.head}, CONTEXT) == ()


def test_without_the_registrys_key_at_hand_its_packages_are_looked_at_and_their_keys_stay() -> None:
    entry, seen = provider(signature="registry"), ProviderSighting(WIDGET, (release("1.0.0", LINUX),))
    known = after(entry, seen, provider_facts("1.0.0", LINUX))
    keyless = Context(CONTEXT.site_url, None, NOW)
    assert stale(catalog(entry), {WIDGET: seen}, {WIDGET: known.head}, keyless) == (WIDGET,)
    assert plan_with(entry, seen, {WIDGET: known}, keyless).packages[0].actions == ()
    assert state_of(entry, keyless).signing_keys == ()


def test_a_package_that_left_the_catalog_is_noted_and_stays() -> None:
    known = after(module(), tags("v1.0.0"), module_facts("1.0.0"))
    planned = plan(catalog(), {}, {NETWORK: replace(known.head, listed=2)}, {}, CONTEXT)
    assert "no longer in the catalog" in planned.notes[0].text
    assert planned.packages == ()


def test_a_run_limited_to_some_packages_says_nothing_of_the_others() -> None:
    known = after(module(), tags("v1.0.0"), module_facts("1.0.0"))
    limited = replace(catalog(), whole=False)
    assert plan(limited, {}, {NETWORK: known.head}, {}, CONTEXT).notes == ()


@pytest.mark.parametrize(
    ("entry", "sighting", "facts"),
    [
        (module(hosting=Hosting.LINK), tags("v1.0.0"), module_facts("1.0.0")),
        (
            replace(provider(), hosting=Hosting.LINK),
            ProviderSighting(WIDGET, (release("1.0.0", LINUX, DARWIN),)),
            replace(provider_facts("1.0.0", LINUX), evidence=release("1.0.0", LINUX, DARWIN).sums),
        ),
        (
            replace(mirror(), hosting=Hosting.LINK),
            MirrorSighting(RANDOM, (upstream("1.0.0", LINUX, DARWIN),)),
            mirror_facts("1.0.0", LINUX),
        ),
    ],
    ids=["module", "provider", "mirror"],
)
def test_another_hosting_hosts_what_is_published_anew(entry: Entry, sighting: Sighting, facts: VersionFacts) -> None:
    planned = decide(entry, sighting, facts)
    (action,) = planned.packages[0].actions
    assert isinstance(action, PublishModule | PublishProvider | MirrorProvider)
    assert action.rehost
    assert not planned.notes
    if not isinstance(action, PublishModule):
        assert action.platforms == (DARWIN, LINUX), "one that is new comes along"
    gone = replace(facts, withdrawn=Withdrawal("x", "ada", NOW, WithdrawalStage.UNLISTED, NOW))
    assert versions(decide(replace(entry, withdrawn=(WithdrawalRule(None, "x"),)), sighting, gone)) == []


def test_what_the_source_no_longer_offers_stays_hosted_as_it_is_and_the_plan_says_so() -> None:
    planned = decide(module(hosting=Hosting.LINK), tags(), module_facts("1.0.0"))
    assert versions(planned) == []
    assert "not at the source any more, so not in hosting: link: 1.0.0" in [note.text for note in planned.notes]


def test_what_the_catalog_no_longer_wants_stays_and_is_told() -> None:
    planned = decide(
        module(versions=">= 2.0.0"), tags("v1.0.0", "v1.1.0"), module_facts("1.0.0"), module_facts("1.1.0")
    )
    assert "leaves out what stays listed: 1.0.0, 1.1.0" in planned.notes[0].text
    seen = ProviderSighting(WIDGET, (release("1.0.0", DARWIN, LINUX),))
    planned = decide(provider(platforms=(LINUX,)), seen, provider_facts("1.0.0", DARWIN, LINUX))
    assert planned.notes[0].text == "1.0.0 keeps unwanted platforms: darwin_arm64"
    many = [module_facts(f"1.{minor}.0") for minor in range(7)]
    planned = decide(module(versions=">= 2.0.0"), tags(*(f"v{facts.version}" for facts in many)), *many)
    assert "and 2 more" in planned.notes[0].text


@pytest.mark.parametrize(
    ("entry", "sighting", "reason"),
    [
        (module(), tags(), "the repository has no tags"),
        (
            module(),
            tags("network/v1.0.0", "zone"),
            "none of 2 tags is a version by v{version}, {version}; one",
        ),
        (module(versions=">= 9.0.0"), tags("v1.0.0"), "none of the versions that v{version}, {version} finds"),
        (module(archives=True), ModuleSighting(NETWORK, ()), "no archive is allowed"),
        (provider(), ProviderSighting(WIDGET, ()), "terraform-provider-widget_VERSION_SHA256SUMS"),
        (mirror(), MirrorSighting(RANDOM, ()), "upstream lists no version"),
    ],
)
def test_an_entry_that_gives_nothing_says_why_each_time(entry: Entry, sighting: Sighting, reason: str) -> None:
    planned = decide(entry, sighting)
    assert reason in planned.notes[-1].text
    assert planned.packages[0].inputs is None
    assert planned.unchanged == 1


def test_a_link_to_a_folder_of_this_machine_is_told() -> None:
    entry = module(hosting=Hosting.LINK)
    assert isinstance(entry.source, GitSource)
    local = replace(entry, source=replace(entry.source, url="file:///srv/network"))
    assert "a folder of this machine" in decide(local, tags("v1.0.0")).notes[0].text


def test_a_plan_does_not_depend_on_the_order_of_what_was_seen() -> None:
    entries: list[Entry] = [module(), provider(), mirror()]
    names = [f"v1.{number}.0" for number in range(20)]
    seen: dict[object, Sighting] = {
        WIDGET: ProviderSighting(WIDGET, (release("1.0.0", LINUX), release("1.1.0", DARWIN, LINUX))),
        RANDOM: MirrorSighting(RANDOM, (upstream("2.0.0", LINUX), upstream("1.0.0", DARWIN, LINUX))),
    }
    outcomes = set()
    for seed in range(5):
        shuffled = random.Random(seed)  # noqa: S311 - an order, not a secret
        shuffled.shuffle(names)
        shuffled.shuffle(entries)
        sightings = {**seen, NETWORK: tags(*names)}
        planned = plan(catalog(*entries), sightings, {}, {}, CONTEXT)
        outcomes.add(orjson.dumps(as_json(planned, *entries)))
    assert len(outcomes) == 1


def test_a_sighting_of_another_kind_is_a_mistake_of_ours() -> None:
    with pytest.raises(TypeError):
        plan(catalog(module()), {NETWORK: MirrorSighting(RANDOM, ())}, {}, {}, CONTEXT)


def test_a_plan_says_in_json_what_it_does_and_refuses() -> None:
    entries = (module(deprecated="gone"), provider(), mirror())
    sightings: dict[object, Sighting] = {
        NETWORK: ModuleSighting(NETWORK, (tag("v1.0.0", "elsewhere"), tag("v1.1.0"))),
        WIDGET: ProviderSighting(WIDGET, (release("1.0.0", LINUX),)),
        RANDOM: MirrorSighting(RANDOM, (upstream("3.0.0", LINUX, DARWIN),)),
    }
    known = {
        NETWORK: package(module(), module_facts("1.0.0"), state=state_of(module(), CONTEXT)),
        RANDOM: package(mirror(), mirror_facts("3.0.0", LINUX), state=state_of(mirror(), CONTEXT)),
    }
    heads = {address: found.head for address, found in known.items()}
    value = as_json(plan(catalog(*entries), sightings, heads, known, CONTEXT), *entries)
    text = orjson.loads(orjson.dumps(value))
    assert text["packages"][0]["actions"] == [
        {"action": "publish", "version": "1.1.0", "tag": "v1.1.0", "commit": commit("v1.1.0")},
        {"action": "change-documents", "why": "deprecation notice", "deprecated": [{"message": "gone"}]},
    ]
    assert text["packages"][1]["actions"][0]["platforms"] == ["linux_amd64"]
    assert text["packages"][2]["actions"][0]["action"] == "add-platforms"
    assert text["refusals"][0]["code"] == "PLN001"
    assert text["refusals"][0]["violation"] is True


def test_an_archive_says_in_json_where_it_is_from() -> None:
    entry = module(archives=True)
    planned = decide(entry, ModuleSighting(NETWORK, (), (archive("1.0.0"),)))
    text = orjson.loads(orjson.dumps(as_json(planned, entry)))
    assert text["packages"][0]["actions"][0]["archive"] == "network-1.0.0.tar.gz"

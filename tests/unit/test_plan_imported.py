"""What is decided about versions that were imported: what is not fetched, what may be unpinned, what is an alarm."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from registry_gen.errors import Code, SourceError
from registry_gen.model.digest import sha256
from registry_gen.model.entries import GitSource
from registry_gen.model.facts import Hosting, ModuleVersion
from registry_gen.model.imported import Imported
from registry_gen.model.plan import FailedSighting, ModuleSighting, ProviderSighting, PublishModule, PublishProvider
from registry_gen.model.version import parse_version
from registry_gen.plan import plan, stale
from registry_gen.plan.as_json import action_json
from registry_gen.plan.decide import state_of
from tests.support.entries import (
    CONTEXT,
    DARWIN,
    LINUX,
    NETWORK,
    WIDGET,
    catalog,
    commit,
    module,
    module_facts,
    package,
    provider,
    provider_facts,
    release,
    tag,
)

if TYPE_CHECKING:
    from registry_gen.model.entries import Entry, ModuleEntry, ProviderEntry
    from registry_gen.model.facts import VersionFacts
    from registry_gen.model.plan import Plan, Sighting

GIT = "https://git.example.com/network.git"
V1 = parse_version("1.0.0")
UNREACHABLE = FailedSighting(NETWORK, SourceError(Code("TST001", "out of reach", "", ""), where=GIT))


def linked(*, allow_unpinned: bool = True, **more: str) -> ModuleEntry:
    return replace(module(hosting=Hosting.LINK, **more), allow_unpinned=allow_unpinned)  # type: ignore[arg-type]


def tags(*names: str, git: str = GIT) -> Imported:
    return Imported(git, {parse_version(name.removeprefix("v")): name for name in names}, {})


def seen(*names: str) -> ModuleSighting:
    return ModuleSighting(NETWORK, tuple(tag(name) for name in names))


def unpinned(version: str) -> ModuleVersion:
    """A version that is published as a link to its tag."""
    location = f"git::{GIT}?ref=v{version}"
    facts = replace(module_facts(version), hosting=Hosting.LINK, archive=None, archive_size=None, location=location)
    return replace(facts, commit=None, tree=None)


def decide(entry: Entry, sighting: Sighting, imported: Imported, *published: VersionFacts) -> Plan:
    state = state_of(entry, CONTEXT)
    known = {entry.address: package(entry, *published, state=state)} if published else {}
    heads = {address: found.head for address, found in known.items()}
    seen = {entry.address: sighting}
    addresses = stale(catalog(entry), seen, heads, CONTEXT)
    return plan(catalog(entry), seen, heads, known, CONTEXT, addresses, imported={entry.address: imported})


def modules(planned: Plan) -> list[tuple[str, str | None, str | None, bool]]:
    """Version, commit, the tag that an import named, and whether it is hosted anew, of what is to be published."""
    return [
        (str(action.version), action.tag.commit if action.tag else None, action.named, action.rehost)
        for found in planned.packages
        for action in found.actions
        if isinstance(action, PublishModule)
    ]


def codes(planned: Plan) -> list[tuple[str, str]]:
    return [(str(refusal.version), refusal.error.code.id) for refusal in planned.refusals]


def test_a_repository_out_of_reach_keeps_imported_versions_back_unless_they_may_be_unpinned() -> None:
    planned = decide(linked(allow_unpinned=False), UNREACHABLE, tags("v1.0.0", "v1.1.0"))

    assert modules(planned) == []
    assert codes(planned) == [("None", "TST001"), ("None", "PLN022")]
    assert "2 versions, the newest 1.1.0 at tag v1.1.0" in planned.refusals[1].error.message


def test_with_allow_unpinned_they_are_published_by_their_tags_and_the_outage_is_told() -> None:
    planned = decide(linked(), UNREACHABLE, tags("v1.0.0", "1.1.0"))

    assert modules(planned) == [("1.0.0", None, "v1.0.0", False), ("1.1.0", None, "1.1.0", False)]
    assert codes(planned) == [("None", "TST001")]
    assert planned.packages[0].inputs is None, "the next run must look again"
    assert action_json(planned.packages[0].actions[0]) == {
        "action": "publish",
        "version": "1.0.0",
        "tag": "v1.0.0",
        "unpinned": True,
    }


@pytest.mark.parametrize(
    ("entry", "imported"),
    [
        (linked(versions="> 1.0.0"), tags("v1.0.0")),
        (linked(pins={"1.0.0": "reviewed"}), tags("v1.0.0")),  # type: ignore[arg-type]
        (linked(), tags("v1.0.0", git="https://git.example.com/another.git")),
        (replace(linked(), hosting=Hosting.COPY), tags("v1.0.0")),
        (module(archives=True, hosting=Hosting.LINK), tags("v1.0.0")),
    ],
    ids=["not wanted", "pinned by the catalog", "another repository", "a copy", "archives"],
)
def test_nothing_unpinned_is_published_of(entry: ModuleEntry, imported: Imported) -> None:
    planned = decide(entry, UNREACHABLE, imported)

    assert modules(planned) == []
    assert codes(planned) == [("None", "TST001")]


def test_a_folder_of_a_repository_is_not_what_was_imported() -> None:
    entry = replace(linked(), source=GitSource(GIT, "modules/network", ("v{version}",), {}))

    assert modules(decide(entry, UNREACHABLE, tags("v1.0.0"))) == []


def test_what_is_published_already_is_not_published_by_its_tag() -> None:
    planned = decide(linked(), UNREACHABLE, tags("v1.0.0", "v1.1.0"), unpinned("1.0.0"))

    assert modules(planned) == [("1.1.0", None, "v1.1.0", False)]


def test_an_imported_version_whose_tag_is_seen_is_pinned_from_the_start_and_not_fetched() -> None:
    planned = decide(linked(), seen("v1.0.0", "v2.0.0"), tags("v1.0.0"))

    assert modules(planned) == [
        ("1.0.0", commit("v1.0.0"), "v1.0.0", False),
        ("2.0.0", commit("v2.0.0"), None, False),
    ]


def test_without_allow_unpinned_an_imported_version_is_fetched_as_every_other() -> None:
    planned = decide(linked(allow_unpinned=False), seen("v1.0.0"), tags("v1.0.0"))

    assert modules(planned) == [("1.0.0", commit("v1.0.0"), None, False)]


def test_an_unpinned_version_is_pinned_by_the_first_run_that_sees_its_tag() -> None:
    planned = decide(linked(), seen("v1.0.0"), tags("v1.0.0"), unpinned("1.0.0"))

    assert modules(planned) == [("1.0.0", commit("v1.0.0"), "v1.0.0", False)]
    assert codes(planned) == []


def test_it_is_pinned_also_where_the_catalog_no_longer_allows_or_knows_of_an_import() -> None:
    planned = decide(linked(allow_unpinned=False), seen("v1.0.0"), Imported("", {}, {}), unpinned("1.0.0"))

    assert modules(planned) == [("1.0.0", commit("v1.0.0"), "v1.0.0", False)]


def test_it_is_pinned_to_the_tag_that_it_links_to_and_to_no_other() -> None:
    both = ModuleSighting(NETWORK, (tag("1.0.0", "another"), tag("v1.0.0")))
    pinned = decide(linked(), both, tags("v1.0.0"), unpinned("1.0.0"))
    gone = decide(linked(), ModuleSighting(NETWORK, (tag("1.0.0", "another"),)), tags("v1.0.0"), unpinned("1.0.0"))

    assert modules(pinned) == [("1.0.0", commit("v1.0.0"), "v1.0.0", False)]
    assert modules(gone) == []
    assert [note.text for note in gone.notes] == ["tag v1.0.0 of published version 1.0.0 is gone from the source"]


def test_a_pin_of_the_catalog_that_the_tag_contradicts_is_refused() -> None:
    entry = linked(pins={"1.0.0": "reviewed"})  # type: ignore[arg-type]

    planned = decide(entry, seen("v1.0.0"), tags("v1.0.0"), unpinned("1.0.0"))

    assert modules(planned) == []
    assert codes(planned) == [("1.0.0", "PLN003")]


def test_a_pinned_version_whose_tag_moves_is_an_alarm_as_every_other() -> None:
    pinned = replace(unpinned("1.0.0"), commit=commit("v1.0.0"), location=f"git::{GIT}?ref={commit('v1.0.0')}")
    planned = decide(linked(), ModuleSighting(NETWORK, (tag("v1.0.0", "moved"),)), tags("v1.0.0"), pinned)

    assert modules(planned) == []
    assert codes(planned) == [("1.0.0", "PLN001")]
    assert planned.refusals[0].violation


def test_an_unpinned_version_that_is_to_be_copied_is_fetched() -> None:
    entry = replace(linked(allow_unpinned=False), hosting=Hosting.COPY)

    assert modules(decide(entry, seen("v1.0.0"), tags("v1.0.0"), unpinned("1.0.0"))) == [
        ("1.0.0", commit("v1.0.0"), None, True)
    ]


@pytest.mark.parametrize(
    "source",
    [GitSource("https://git.example.com/other.git", "", ("v{version}",), {}), GitSource(GIT, "x", ("v{version}",), {})],
    ids=["another repository", "another folder"],
)
def test_an_unpinned_version_is_never_pinned_to_what_another_source_has_under_its_tag(source: GitSource) -> None:
    entry = replace(linked(), source=source)
    planned = decide(entry, ModuleSighting(NETWORK, (tag("v1.0.0", "other"),)), tags("v1.0.0"), unpinned("1.0.0"))

    assert modules(planned) == []
    assert codes(planned) == [("1.0.0", "PLN024")]


def test_a_link_that_was_never_fetched_is_copied_from_its_own_folder_alone() -> None:
    published = replace(unpinned("1.0.0"), commit=commit("v1.0.0"))
    copied = replace(linked(), hosting=Hosting.COPY)
    folder = GitSource(GIT, "x", ("v{version}",), {})
    moved = GitSource("https://git.example.com/moved.git", "", ("v{version}",), {})

    for source, planned in ((folder, []), (moved, [("1.0.0", commit("v1.0.0"), None, True)])):
        assert modules(decide(replace(copied, source=source), seen("v1.0.0"), tags(), published)) == planned
    assert codes(decide(replace(linked(), source=folder), seen("v1.0.0"), tags(), published)) == []


def test_an_imported_tag_that_is_not_in_the_repository_is_refused() -> None:
    planned = decide(linked(), seen("v1.1.0"), tags("v1.0.0", "v1.1.0", "v1.2.0"), unpinned("1.2.0"))

    assert codes(planned) == [("1.0.0", "PLN023")]
    assert [version for version, *_ in modules(planned)] == ["1.1.0"]


def widgets(entry: ProviderEntry, imported: Imported, content: str = "") -> Plan:
    sighting = ProviderSighting(WIDGET, (release("1.0.0", LINUX, DARWIN, content=content),))
    return decide(entry, sighting, imported)


def zips(*platforms: object) -> Imported:
    found = release("1.0.0", LINUX, DARWIN).files
    named = {LINUX: "linux_amd64", DARWIN: "darwin_arm64"}
    digests = {
        each: found[f"terraform-provider-widget_1.0.0_{named[each]}.zip"]  # type: ignore[index]
        for each in platforms
    }
    return Imported("", {}, {V1: digests})  # type: ignore[dict-item]


def published(planned: Plan) -> PublishProvider:
    (action,) = planned.packages[0].actions
    assert isinstance(action, PublishProvider)
    return action


def test_a_zip_whose_digest_was_imported_is_linked_to_without_fetching_it() -> None:
    action = published(widgets(replace(provider(), hosting=Hosting.LINK), zips(LINUX)))

    assert action.platforms == (DARWIN, LINUX)
    assert action.unfetched == (LINUX,)
    assert action_json(action)["not_fetched"] == ["linux_amd64"]


def test_a_copy_is_fetched_whatever_was_imported() -> None:
    assert published(widgets(provider(), zips(LINUX, DARWIN))).unfetched == ()


@pytest.mark.parametrize("hosting", list(Hosting))
def test_a_release_that_is_not_what_was_imported_is_an_alarm_and_not_published(hosting: Hosting) -> None:
    planned = widgets(replace(provider(), hosting=hosting), zips(LINUX), content="replaced")

    assert [action for found in planned.packages for action in found.actions] == []
    (refusal,) = planned.refusals
    assert (refusal.error.code.id, refusal.violation) == ("PLN021", True)
    assert refusal.error.found == sha256(b"1.0.0linux_amd64replaced")


def test_a_zip_that_was_imported_and_is_gone_is_an_alarm_too() -> None:
    sighting = ProviderSighting(WIDGET, (release("1.0.0", DARWIN),))

    assert codes(decide(provider(), sighting, zips(LINUX))) == [("1.0.0", "PLN021")]


def test_a_platform_that_is_added_is_held_against_its_import_too_and_what_is_out_stays() -> None:
    offered = release("1.0.0", LINUX, DARWIN)
    facts = replace(provider_facts("1.0.0", LINUX), hosting=Hosting.LINK, evidence=offered.sums)
    sighting, entry = ProviderSighting(WIDGET, (offered,)), replace(provider(), hosting=Hosting.LINK)
    other = {LINUX: sha256(b"other"), DARWIN: sha256(b"other")}

    planned = decide(entry, sighting, Imported("", {}, {V1: other}), facts)
    assert codes(planned) == [("1.0.0", "PLN021")]
    assert "darwin_arm64" in planned.refusals[0].error.expected
    assert codes(decide(entry, sighting, Imported("", {}, {V1: {LINUX: other[LINUX]}}), facts)) == []
    assert published(decide(entry, sighting, zips(LINUX, DARWIN), facts)).unfetched == (DARWIN,)


def test_a_version_that_the_catalog_leaves_out_is_not_held_against_its_import() -> None:
    planned = widgets(provider(versions="> 1.0.0"), zips(LINUX), content="replaced")

    assert codes(planned) == []

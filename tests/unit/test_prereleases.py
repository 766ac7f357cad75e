"""Which prereleases are published: those that ``=`` names, and with ``prereleases: true`` those that a range covers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from registry_gen.model.plan import MirrorSighting, ModuleSighting, ProviderSighting
from registry_gen.model.version import parse_version
from tests.support.catalogs import GIT, load, one_problem, problems
from tests.support.entries import (
    LINUX,
    NETWORK,
    RANDOM,
    WIDGET,
    mirror,
    module,
    module_facts,
    provider,
    release,
    tag,
    upstream,
)
from tests.unit.test_lifecycle import decide, gone, said, tags
from tests.unit.test_plan import archive

if TYPE_CHECKING:
    from registry_gen.model.entries import Entry
    from registry_gen.model.plan import Sighting

MODULE = "modules/acme/network/aws.yaml"
FILES = {
    MODULE: GIT,
    "providers/acme/widget.yaml": "source: {releases: ./releases}\nsignature: registry\n",
    "mirrors/registry.terraform.io/hashicorp/random.yaml": "trust: {keys: [m.asc]}\n",
}
OFFERED = ("1.0.0-rc.1", "1.0.0", "1.1.0-rc.1", "1.1.0+x", "2.0.0-rc.1")


@pytest.mark.parametrize(
    ("versions", "version", "named", "covered"),
    [
        (">= 1.0.0", "1.1.0-rc.1", False, True),
        (">= 1.0.0", "1.0.0-rc.1", False, False),
        (">= 1.0.0-rc.1", "1.0.0-rc.2", False, True),
        (">= 1.0.0, < 2.0.0", "2.0.0-rc.1", False, True),
        (">= 1.0.0, < 2.0.0-0", "2.0.0-rc.1", False, False),
        ("~> 1.2", "1.3.0-rc.1", False, True),
        ("~> 1.2", "2.0.0-rc.1", False, True),
        ("~> 1.2", "1.2.0-rc.1", False, False),
        (">= 0.0.0", "0.0.0-rc.1", False, False),
        (">= 0.0.0-0", "0.0.0-rc.1", False, True),
        (">= 1.0.0, != 1.1.0-rc.1", "1.1.0-rc.1", False, False),
        ("= 1.0.0-rc.1", "1.0.0-rc.1", True, True),
        ("= 1.0.0", "1.0.0-rc.1", False, False),
        (">= 1.0.0", "1.1.0", True, True),
        (">= 1.0.0", "0.9.0", False, False),
    ],
)
def test_with_prereleases_a_range_covers_them_by_precedence(
    versions: str, version: str, named: bool, covered: bool
) -> None:
    for entry in (module(versions=versions), provider(versions=versions), mirror(versions=versions)):
        assert entry.wants(parse_version(version)) is named
        assert replace(entry, prereleases=True).wants(parse_version(version)) is covered


@pytest.mark.parametrize(
    ("entry", "sighting"),
    [
        (module(versions=">= 1.0.0, != 1.1.0+x"), tags(*(f"v{version}" for version in OFFERED))),
        (
            module(versions=">= 1.0.0, != 1.1.0+x", archives=True),
            ModuleSighting(NETWORK, archives=tuple(map(archive, OFFERED)), tags=()),
        ),
        (
            provider(versions=">= 1.0.0, != 1.1.0+x"),
            ProviderSighting(WIDGET, tuple(release(version, LINUX) for version in OFFERED)),
        ),
        (
            mirror(versions=">= 1.0.0, != 1.1.0+x"),
            MirrorSighting(RANDOM, tuple(upstream(version, LINUX) for version in OFFERED)),
        ),
    ],
    ids=["tags", "archives", "releases", "upstream"],
)
def test_releases_and_prereleases_of_a_range_are_published_together(entry: Entry, sighting: Sighting) -> None:
    assert said(decide(entry, sighting)) == ["publish 1.0.0"]
    assert said(decide(replace(entry, prereleases=True), sighting)) == [
        "publish 1.0.0",
        "publish 1.1.0-rc.1",
        "publish 2.0.0-rc.1",
    ]


def test_build_metadata_of_a_prerelease_is_refused_like_any() -> None:
    planned = decide(module(), tags("v1.0.0-rc.1+x"))
    assert planned.refusals == ()
    planned = decide(replace(module(), prereleases=True), tags("v1.0.0-rc.1+x"))
    assert [refusal.error.code.id for refusal in planned.refusals] == ["PLN004"]


def test_what_is_out_stays_where_the_catalog_wants_no_prereleases_any_more_and_the_plan_says_so() -> None:
    seen = tags("v1.0.0-rc.1")
    listed = decide(module(), seen, module_facts("1.0.0-rc.1"))
    assert said(listed) == []
    assert [note.text for note in listed.notes if "leaves out what stays listed: 1.0.0-rc.1" in note.text]
    wanted = decide(replace(module(), prereleases=True), seen, module_facts("1.0.0-rc.1"))
    assert wanted.notes == ()


def test_a_withdrawn_prerelease_is_listed_again_only_where_it_is_wanted() -> None:
    facts, seen = gone(module_facts("1.0.0-rc.1")), tags("v1.0.0-rc.1")
    assert said(decide(module(), seen, facts)) == []
    assert said(decide(replace(module(), prereleases=True), seen, facts)) == ["relist 1.0.0-rc.1"]


def test_a_candidate_that_became_the_release_is_nothing_to_tell() -> None:
    entry = replace(module(), prereleases=True)
    assert decide(entry, ModuleSighting(NETWORK, (tag("v1.0.0-rc.2", "a"), tag("v1.0.0", "a")))).notes == ()
    three = tuple(tag(name, "a") for name in ("v1.0.0", "v1.0.1-rc.1", "v1.0.2"))
    (note,) = decide(entry, ModuleSighting(NETWORK, three)).notes
    assert "under 2 versions: 1.0.0, 1.0.2" in note.text


@pytest.mark.parametrize(
    ("line", "read"), [("", False), ("prereleases: true\n", True), ("prereleases: false\n", False)]
)
def test_files_of_every_kind_say_whether_they_want_prereleases(line: str, read: bool) -> None:
    loaded = load({**{path: text + line for path, text in FILES.items()}, "keys/m.asc": "CC"})
    assert problems(loaded) == []
    assert [entry.prereleases for entry in loaded.catalog.entries.values()] == [read] * 3


@pytest.mark.parametrize(
    ("written", "found"),
    [("yes", "'yes'"), ("'true'", "'true'"), ("1", "the number 1"), ("[true]", "a list"), ("", "nothing")],
)
def test_only_true_and_false_are_booleans(written: str, found: str) -> None:
    problem = one_problem(MODULE, f"{GIT}prereleases: {written}\n")
    assert problem.code.id == "CAT008"
    assert f"expected true or false, without quotes; found {found}" in str(problem)

"""The log, read back: what its entries say of every package at any point, and where they contradict each other."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from registry_gen.errors import RefusalError
from registry_gen.log.history import replay
from registry_gen.log.read_entries import ModuleDigests, read_entry
from registry_gen.model.address import Platform, mirror_address, module_address, provider_address
from registry_gen.model.digest import dirhash, sha256
from registry_gen.model.facts import Hosting
from registry_gen.model.version import parse_version
from registry_gen.render.records import canonical

if TYPE_CHECKING:
    from registry_gen.log.history import LoggedVersion

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
MODULE = module_address("acme", "network", "aws")
PROVIDER = provider_address("acme", "widget")
V1, V2 = parse_version("1.0.0"), parse_version("2.0.0-rc.1")
H1, OTHER_H1 = dirhash([("main.tf", sha256(b""))]), dirhash([("main.tf", sha256(b"x"))])
SUMS = {"sha256": sha256(b"sums"), "signature": sha256(b"signature"), "signer": "F" * 40}


def entry(type_: str, minute: int = 0, **more: Any) -> bytes:
    at = (START + timedelta(minutes=minute)).isoformat().replace("+00:00", "Z")
    return canonical({"type": type_, "kind": "module", "address": str(MODULE), "revision": 1, "time": at, **more})


def module(type_: str = "published", version: str = "1.0.0", **more: Any) -> bytes:
    pinned = {
        "version": version,
        "hosting": "copy",
        "record": sha256(f"record {version}".encode()),
        "digests": {"archive": sha256(version.encode()), "h1": H1},
        "tag": f"v{version}",
        "commit": "c" * 40,
    }
    return entry(type_, **{**pinned, **more})


def withdrawn(version: str = "1.0.0", **more: Any) -> bytes:
    fields = {"version": version, "record": sha256(f"record {version}".encode()), "reason": "It leaks."}
    return entry("withdrawn", **{**fields, **more})


def provider(type_: str = "published", *platforms: str, **more: Any) -> bytes:
    digests = {name: {"zh": sha256(name.encode()), "h1": H1, "size": 7} for name in platforms or ("linux_amd64",)}
    pinned = {"version": "1.0.0", "hosting": "copy", "record": sha256(b"record"), "digests": digests, "sums": SUMS}
    return entry(type_, **{"kind": "provider", "address": str(PROVIDER), **pinned, **more})


def only(entries: list[bytes], upto: int | None = None) -> LoggedVersion:
    (package,) = replay(entries, upto).packages.values()
    (version,) = package.versions.values()
    return version


def test_a_published_version_is_listed_with_all_that_pins_it() -> None:
    found = only([module(minute=3, catalog_commit="d" * 40)])

    assert (found.version, found.listed, found.first, found.index) == (V1, True, 0, 0)
    assert found.published_at == found.at == START + timedelta(minutes=3)
    assert found.pinned.hosting is Hosting.COPY
    assert found.pinned.digests == ModuleDigests(H1, sha256(b"1.0.0"), None)
    assert (found.pinned.tag, found.pinned.commit) == ("v1.0.0", "c" * 40)


def test_a_withdrawn_version_stays_known_with_the_newest_entry_that_names_it() -> None:
    found = only([module(), withdrawn(minute=9, revision=2)])

    assert (found.withdrawn, found.first, found.index) == ("It leaks.", 0, 1)
    assert (found.published_at, found.at) == (START, START + timedelta(minutes=9))
    assert (found.recorded_at, found.withdrawn_at) == (START, START + timedelta(minutes=9))
    assert found.pinned.digests == ModuleDigests(H1, sha256(b"1.0.0"), None)


def test_a_relisted_version_is_listed_again() -> None:
    found = only([module(minute=1), withdrawn(minute=2), module("relisted", minute=3)])

    assert (found.listed, found.index) == (True, 2)
    assert (found.withdrawn_at, found.recorded_at) == (None, START + timedelta(minutes=1))


def test_the_past_is_had_by_reading_fewer_entries() -> None:
    entries = [module(), withdrawn(), module("relisted"), b"never read"]

    assert [only(entries, upto).listed for upto in (1, 2, 3)] == [True, False, True]
    assert replay(entries, 0).packages == {}
    assert replay(iter(entries), 3).size == 3


def test_the_past_of_a_time_ends_before_the_first_entry_that_was_recorded_later() -> None:
    """The third entry is older than the second: it was not there yet when nothing later was."""
    entries = [module(minute=0), withdrawn(minute=5), module(version="1.1.0", minute=3), withdrawn("1.1.0", minute=9)]

    def size(minute: int) -> int:
        return replay(entries, at=START + timedelta(minutes=minute)).size

    assert [size(-1), size(0), size(4), size(5), size(8), size(9)] == [0, 1, 1, 3, 3, 4]
    assert replay(entries, 1, START + timedelta(minutes=9)).size == 1


def test_platforms_are_gained_and_none_is_lost() -> None:
    later = provider("platform-added", "linux_amd64", "darwin_arm64", record=sha256(b"later"), minute=1)
    found = only([provider(), later])

    assert (found.published_at, found.recorded_at) == (START, START + timedelta(minutes=1))
    assert not isinstance(found.pinned.digests, ModuleDigests)
    assert sorted(map(str, found.pinned.digests)) == ["darwin_arm64", "linux_amd64"]
    assert found.pinned.record == sha256(b"later")


def test_a_withdrawn_version_that_gains_platforms_stays_withdrawn() -> None:
    gone = withdrawn(kind="provider", address=str(PROVIDER), record=sha256(b"record"))

    assert not only([provider(), gone, provider("platform-added", "linux_amd64", "darwin_arm64")]).listed


def test_packages_of_one_name_and_other_kinds_are_others() -> None:
    mirror = provider(kind="mirror", address="registry.example.com/acme/widget")
    packages = replay([module(), provider(), mirror]).packages

    assert set(packages) == {MODULE, PROVIDER, mirror_address("registry.example.com", "acme", "widget")}


def test_listed_versions_come_in_semver_order() -> None:
    history = replay([module(version="10.0.0"), module(version="2.0.0"), module(version="3.0.0"), withdrawn("3.0.0")])

    assert [str(each.version) for each in history.packages[MODULE].listed] == ["2.0.0", "10.0.0"]


def test_warnings_are_those_of_the_newest_entry_and_can_be_taken_back() -> None:
    old = entry("deprecated", deprecations=[{"message": "Old."}])
    new = entry(
        "deprecated", deprecations=[{"message": "Older.", "replacement": "acme/vpc/aws", "versions": "< 2.0.0"}]
    )
    entries = [old, new, entry("undeprecated")]

    (warning,) = replay(entries, 2).packages[MODULE].warnings
    assert (warning.message, warning.replacement, str(warning.versions)) == ("Older.", "acme/vpc/aws", "< 2.0.0")
    assert warning.concerns(V1)
    assert replay(entries).packages[MODULE].warnings == ()


def test_keys_of_a_provider_and_of_the_log_are_the_newest() -> None:
    of_log: dict[str, Any] = {"kind": "log", "address": "registry.example.com/log", "revision": 0}
    history = replay(
        [
            entry("key-changed", kind="provider", address=str(PROVIDER), keys=["A" * 40]),
            entry("key-changed", kind="provider", address=str(PROVIDER), keys=["B" * 40, "C" * 40]),
            entry("key-changed", **of_log, keys=["old"]),
            entry("key-changed", **of_log, keys=["new"]),
        ]
    )

    assert history.packages[PROVIDER].keys == ("B" * 40, "C" * 40)
    assert history.log_keys == ("new",)
    assert replay([provider()]).packages[PROVIDER].keys is None


def test_anchors_of_the_audit_log_are_kept_in_their_order() -> None:
    anchors = [
        entry("audit-head", kind="registry", address="", revision=0, seq=seq, hash=sha256(b"%d" % seq))
        for seq in (4, 9)
    ]

    assert [(head.seq, head.hash) for head in replay(anchors).audit] == [(4, sha256(b"4")), (9, sha256(b"9"))]


def test_types_of_later_releases_are_counted_and_change_nothing() -> None:
    history = replay([module(), entry("blessed", by="someone"), entry("blessed"), entry("cursed", kind="planet")])

    assert history.unknown == {"blessed": 2, "cursed": 1}
    assert history.packages[MODULE].versions.keys() == {V1}


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([module(), module(digests={"h1": OTHER_H1})], "published again"),
        ([module(), module()], "published again"),
        ([module("relisted")], "relisted"),
        ([module(), module("relisted")], "relisted"),
        ([withdrawn()], "withdrawn"),
        ([module(), withdrawn(record=sha256(b"other"))], sha256(b"other")),
        ([module(), withdrawn(), module("relisted", record=sha256(b"other"))], "with something else"),
        ([module(), module("hosting-changed", digests={"h1": OTHER_H1})], OTHER_H1.removeprefix("h1:")),
        ([module(), module("hosting-changed", digests={"h1": H1, "archive": sha256(b"x")})], sha256(b"x")),
        ([module(), module("hosting-changed", commit="d" * 40)], "d" * 40),
        ([module(), module("platform-added", hosting="link")], "link"),
        ([module(revision=2), module(version="2.0.0-rc.1", revision=1)], "revision 1"),
        ([provider(), provider("platform-added", "darwin_arm64")], "none"),
        (
            [
                provider(),
                provider("platform-added", digests={"linux_amd64": {"zh": sha256(b"x"), "h1": H1, "size": 7}}),
            ],
            sha256(b"x"),
        ),
        (
            [
                provider(),
                provider("platform-added", digests={"linux_amd64": {"zh": sha256(b"linux_amd64"), "size": 7}}),
            ],
            "7 bytes",
        ),
    ],
)
def test_an_entry_against_what_was_promised_is_named_and_changes_nothing(entries: list[bytes], expected: str) -> None:
    history = replay(entries)
    before = replay(entries[:-1])

    (problem,) = history.contradictions
    assert problem.code.id == "LOG009"
    assert expected in problem.found
    assert f"entry {len(entries) - 1}" in problem.where
    changed = {key: each for key, each in history.packages.items() if each.versions}
    if "revision" not in expected:
        assert {key: each.versions for key, each in changed.items()} == {
            key: each.versions for key, each in before.packages.items() if each.versions
        }


def test_hosting_may_change_and_the_archive_comes_and_goes_with_it() -> None:
    linked = module("hosting-changed", hosting="link", digests={"h1": H1})
    history = replay([module(), linked, module("hosting-changed")])

    assert history.contradictions == ()
    assert replay([module(), linked]).packages[MODULE].versions[V1].pinned.hosting is Hosting.LINK


def test_sums_and_record_may_change_where_platforms_are_added() -> None:
    later = provider("platform-added", "linux_amd64", "darwin_arm64", sums={**SUMS, "sha256": sha256(b"more")})

    assert replay([provider(), later]).contradictions == ()


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        (b"", "JSON"),
        (b"\xff", "JSON"),
        (b"[]", "expected an object"),
        (b"{}", "type"),
        (module().replace(b'"revision":1', b'"revision": 1'), "canonical"),
        (module().replace(b'"revision":1', b'"revision":1,"revision":1'), "canonical"),
        (module().replace(b'"revision":1', b'"revision":1.5'), "canonical"),
        (b'{"a":' * 1000 + b"1" + b"}" * 1000, ""),
        (entry("published"), "version"),
        (module(version="1.0"), "version"),
        (module().replace(b'"version":"1.0.0"', b'"version":1'), "version"),
        (module(revision=True), "revision"),
        (module(revision=-1), "revision"),
        (module(record="A" * 64), "record"),
        (module(commit="c" * 39), "commit"),
        (module(hosting="rented"), "hosting"),
        (module(digests={"archive": sha256(b"")}), "h1"),
        (module(digests=[]), "digests"),
        (module(address="acme/widget"), "address"),
        (module(address="Acme/network/aws"), "address"),
        (module(kind="log"), "kind"),
        (module(time="2026-01-02"), "time"),
        (module(time="2026-01-02T03:04:05+01:00"), "time"),
        (module(time="2026-01-02T03:04:05"), "time"),
        (provider("published", "linux"), "platform"),
        (provider(sums={}), "sha256"),
        (entry("key-changed", keys=[1]), "keys"),
        (entry("key-changed", kind="registry", keys=[]), "kind"),
        (entry("deprecated", deprecations=["Old."]), "deprecations"),
        (entry("deprecated", deprecations=[{"message": "Old.", "versions": "new"}]), "versions"),
        (entry("audit-head", kind="registry", address="", seq="1", hash=sha256(b"")), "seq"),
    ],
)
def test_an_entry_that_cannot_be_read_in_one_way_is_refused_with_its_index(payload: bytes, said: str) -> None:
    with pytest.raises(RefusalError) as refusal:
        replay([module(), payload])

    assert refusal.value.code.id == "LOG008"
    assert refusal.value.where == "entry 1 of the log"
    assert said in refusal.value.found


def test_an_entry_names_its_version_where_it_has_one() -> None:
    assert read_entry(withdrawn("2.0.0-rc.1"), 5).version == V2
    assert read_entry(entry("undeprecated"), 5).version is None
    assert read_entry(provider("published", "linux_amd64"), 5).said is not None
    assert Platform("linux", "amd64") in replay([provider()]).packages[PROVIDER].versions[V1].pinned.digests  # type: ignore[operator]


def unpinned(type_: str = "published", **more: Any) -> bytes:
    """An entry of a link to a tag, of which nothing was fetched; a commit takes the place of the mark."""
    fields = {"version": "1.0.0", "hosting": "link", "record": sha256(b"record"), "digests": {}, "tag": "v1.0.0"}
    mark = {} if "commit" in more else {"unpinned": True}
    return entry(type_, **{**fields, **mark, **more})


def test_a_version_may_be_pinned_once_after_it_was_published_by_its_tag() -> None:
    pinned = unpinned("hosting-changed", commit="c" * 40)

    found = only([unpinned(), pinned])

    assert (found.pinned.tag, found.pinned.commit) == ("v1.0.0", "c" * 40)
    assert replay([unpinned(), pinned]).contradictions == ()


@pytest.mark.parametrize(
    "second",
    [
        unpinned("hosting-changed", commit="c" * 40, tag="1.0.0"),
        unpinned("relisted", commit="c" * 40),
        unpinned("platform-added", commit="c" * 40),
    ],
    ids=["another tag", "relisted", "platform-added"],
)
def test_pinning_is_nothing_else(second: bytes) -> None:
    assert replay([unpinned(), second]).contradictions != ()


def test_a_pinned_version_has_that_commit_for_good() -> None:
    entries = [unpinned(), unpinned("hosting-changed", commit="c" * 40)]

    assert replay([*entries, unpinned("hosting-changed", commit="d" * 40)]).contradictions != ()
    assert replay([*entries, unpinned("hosting-changed")]).contradictions != ()


def test_what_was_never_fetched_gets_its_h1_once() -> None:
    entries = [
        unpinned(commit="c" * 40),
        module("hosting-changed", tag="v1.0.0", commit="c" * 40),
    ]
    other = module("hosting-changed", hosting="link", digests={"h1": OTHER_H1}, tag="v1.0.0", commit="c" * 40)

    assert replay(entries).contradictions == ()
    assert replay([*entries, other]).contradictions != ()


@pytest.mark.parametrize(
    "payload",
    [
        unpinned(unpinned=False),
        unpinned(commit="c" * 40, unpinned=True),
        unpinned(hosting="copy"),
        entry("published", version="1.0.0", hosting="link", record=sha256(b"record"), digests={}, tag="v1.0.0"),
        entry("published", version="1.0.0", hosting="link", record=sha256(b"record"), digests={}),
    ],
    ids=["false", "with a commit", "a copy", "unmarked", "without a tag"],
)
def test_an_entry_is_unpinned_only_with_its_mark(payload: bytes) -> None:
    with pytest.raises(RefusalError, match="LOG008"):
        read_entry(payload, 0)

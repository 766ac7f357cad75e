"""What log entries say, word for word: monitors of other people read them for good."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest

from registry_gen.errors import RefusalError
from registry_gen.log.entries import deprecated, key_changed, log_key_changed, platform_added, published
from registry_gen.model.address import Platform, mirror_address, module_address, provider_address
from registry_gen.model.digest import H1, Commit, Sha256, sha256
from registry_gen.model.facts import (
    Deprecation,
    Hosting,
    MirrorVersion,
    ModuleVersion,
    ProviderPackage,
    ProviderVersion,
    Sums,
)
from registry_gen.model.version import parse_version

if TYPE_CHECKING:
    from registry_gen.model.intent import Entry

NOW = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
MODULE = module_address("acme", "network", "aws")
PROVIDER = provider_address("acme", "widget")
TREE = H1("h1:" + "A" * 43 + "=")
COMMIT = Commit("c" * 40)
MODULE_FACTS = ModuleVersion(
    version=parse_version("1.2.0"),
    source="https://git.example.test/network.git",
    path="",
    tag="v1.2.0",
    commit=COMMIT,
    tree=TREE,
    hosting=Hosting.COPY,
    archive=sha256(b"archive"),
    archive_size=7,
    location=None,
    record=sha256(b"record"),
    recorded_at=NOW,
)
PROVIDER_FACTS = ProviderVersion(
    version=parse_version("2.0.0"),
    origin="https://releases.example.test/",
    evidence=sha256(b"sums"),
    protocols=("5.0",),
    packages=(
        ProviderPackage(Platform("darwin", "arm64"), "a.zip", sha256(b"darwin"), TREE, 7),
        ProviderPackage(
            Platform("linux", "amd64"), "b.zip", sha256(b"linux"), None, None, "https://example.test/b.zip"
        ),
    ),
    sums=Sums(sha256(b"sums"), sha256(b"signature"), "F" * 40),
    hosting=Hosting.LINK,
    record=sha256(b"record"),
    recorded_at=NOW,
)


def said(entry: Entry) -> dict[str, object]:
    found = json.loads(entry.payload)
    assert isinstance(found, dict)
    assert found["type"] == entry.type
    return found


def test_a_published_module_is_named_with_commit_tag_and_digests() -> None:
    assert said(published(MODULE, MODULE_FACTS, 3, "d" * 40)) == {
        "type": "published",
        "kind": "module",
        "address": "acme/network/aws",
        "version": "1.2.0",
        "hosting": "copy",
        "digests": {"archive": sha256(b"archive"), "h1": TREE},
        "tag": "v1.2.0",
        "commit": COMMIT,
        "record": sha256(b"record"),
        "revision": 3,
        "catalog_commit": "d" * 40,
        "time": "2026-03-01T12:30:00Z",
    }


def test_what_does_not_apply_is_left_out() -> None:
    facts = replace(MODULE_FACTS, tag=None, commit=None, archive=None, evidence=Sha256("e" * 64))
    found = said(published(MODULE, facts, 1, None))
    assert found["digests"] == {"h1": TREE, "source": "e" * 64}
    assert not {"tag", "commit", "catalog_commit"} & set(found)


def test_a_published_provider_is_named_with_the_digests_of_every_platform_and_its_sums() -> None:
    assert said(published(PROVIDER, PROVIDER_FACTS, 1, None)) == {
        "type": "published",
        "kind": "provider",
        "address": "acme/widget",
        "version": "2.0.0",
        "hosting": "link",
        "digests": {
            "darwin_arm64": {"zh": sha256(b"darwin"), "h1": TREE, "size": 7},
            "linux_amd64": {"zh": sha256(b"linux")},
        },
        "sums": {"sha256": sha256(b"sums"), "signature": sha256(b"signature"), "signer": "F" * 40},
        "record": sha256(b"record"),
        "revision": 1,
        "time": "2026-03-01T12:30:00Z",
    }


def test_a_mirror_that_gains_platforms_says_so_with_all_of_them() -> None:
    address = mirror_address("registry.example.test", "acme", "widget")
    facts = MirrorVersion(
        version=PROVIDER_FACTS.version,
        origin=PROVIDER_FACTS.origin,
        protocols=PROVIDER_FACTS.protocols,
        packages=PROVIDER_FACTS.packages,
        sums=PROVIDER_FACTS.sums,
        hosting=Hosting.COPY,
        record=PROVIDER_FACTS.record,
        recorded_at=NOW,
    )
    found = said(platform_added(address, facts, 2, None))
    assert (found["type"], found["kind"]) == ("platform-added", "mirror")
    assert set(found["digests"]) == {"darwin_arm64", "linux_amd64"}  # type: ignore[call-overload]


def test_changed_keys_are_named_in_order() -> None:
    found = said(key_changed(PROVIDER, ("B" * 40, "A" * 40), 4, None, NOW))
    assert found == {
        "type": "key-changed",
        "kind": "provider",
        "address": "acme/widget",
        "keys": ["A" * 40, "B" * 40],
        "revision": 4,
        "time": "2026-03-01T12:30:00Z",
    }


def test_a_change_of_the_logs_own_key_names_the_present_one_first() -> None:
    entry = log_key_changed("registry.example.test/log", ["new+01+AA", "old+02+AA"], COMMIT, NOW)
    assert (entry.type, entry.version) == ("key-changed", None)
    assert said(entry) == {
        "type": "key-changed",
        "kind": "log",
        "address": "registry.example.test/log",
        "revision": 0,
        "catalog_commit": COMMIT,
        "time": "2026-03-01T12:30:00Z",
        "keys": ["new+01+AA", "old+02+AA"],
    }
    assert b"catalog_commit" not in log_key_changed("registry.example.test/log", [], None, NOW).payload


def test_a_warning_is_logged_with_its_text_and_its_end_without() -> None:
    entry = deprecated(MODULE, [Deprecation("use acme/net")], 2, None, NOW)
    assert said(entry)["deprecations"] == [{"message": "use acme/net"}]
    assert "deprecations" not in said(deprecated(MODULE, (), 3, None, NOW))
    assert deprecated(MODULE, (), 3, None, NOW).type == "undeprecated"


def test_times_are_in_utc_wherever_they_were_taken() -> None:
    elsewhere = NOW.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert published(MODULE, replace(MODULE_FACTS, recorded_at=elsewhere), 3, None) == published(
        MODULE, MODULE_FACTS, 3, None
    )


def test_an_entry_that_no_bundle_can_hold_is_refused() -> None:
    with pytest.raises(RefusalError) as refused:
        deprecated(MODULE, [Deprecation("x" * 65_536)], 2, None, NOW)
    assert refused.value.code.id == "LOG001"

"""Keys of the buckets: where clients look for them, how each is served, and what each may hold."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from registry_gen import paths
from registry_gen.model.address import MirrorAddress, ModuleAddress, Platform, ProviderAddress
from registry_gen.model.digest import Sha256
from registry_gen.model.version import parse_version

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import timedelta

NETWORK = ModuleAddress("acme", "network", "aws")
WIDGET = ProviderAddress("acme", "widget")
RANDOM = MirrorAddress("registry.terraform.io", "hashicorp", "random")
LINUX = Platform("linux", "amd64")
V1 = parse_version("1.2.0-rc.1")
DIGEST = Sha256("0f" * 32)

LISTINGS = {
    paths.module_versions(NETWORK): "v1/modules/acme/network/aws/versions",
    paths.provider_versions(WIDGET): "v1/providers/acme/widget/versions",
    paths.mirror_index(RANDOM): "v1/mirror/registry.terraform.io/hashicorp/random/index.json",
}
LEAVES = {
    paths.DISCOVERY: ".well-known/terraform.json",
    paths.module_download(NETWORK, V1): "v1/modules/acme/network/aws/1.2.0-rc.1/download",
    paths.module_hop(NETWORK, V1): "v1/modules/acme/network/aws/1.2.0-rc.1/get.html",
    paths.provider_download(WIDGET, V1, LINUX): "v1/providers/acme/widget/1.2.0-rc.1/download/linux/amd64",
    paths.mirror_version(RANDOM, V1): "v1/mirror/registry.terraform.io/hashicorp/random/1.2.0-rc.1.json",
}
ZIP = "terraform-provider-widget_1.2.0-rc.1_linux_amd64.zip"
ARTIFACTS = {
    paths.module_archive(NETWORK, V1): "v1/modules/acme/network/aws/1.2.0-rc.1/module.tar.gz",
    paths.module_provenance(NETWORK, V1): "v1/modules/acme/network/aws/1.2.0-rc.1/module.tar.gz.intoto.jsonl",
    paths.provider_zip(WIDGET, V1, LINUX): f"v1/providers/acme/widget/1.2.0-rc.1/{ZIP}",
    paths.provider_sums(WIDGET, V1, DIGEST): f"v1/providers/acme/widget/1.2.0-rc.1/{DIGEST}_SHA256SUMS",
    paths.provider_signature(WIDGET, V1, DIGEST): f"v1/providers/acme/widget/1.2.0-rc.1/{DIGEST}_SHA256SUMS.sig",
    paths.mirror_zip(RANDOM, V1, LINUX): (
        "v1/mirror/registry.terraform.io/hashicorp/random/terraform-provider-random_1.2.0-rc.1_linux_amd64.zip"
    ),
    paths.record(DIGEST): f"records/{DIGEST}",
    paths.log_tile(0, 0): "log/tile/0/000",
    paths.log_tile(1, 1_234_067, 12): "log/tile/1/x001/x234/067.p/12",
    paths.log_entries(1000): "log/tile/entries/x001/000",
    paths.log_entries(0, 1): "log/tile/entries/000.p/1",
}


@pytest.mark.parametrize(("made", "expected"), [*LISTINGS.items(), *LEAVES.items(), *ARTIFACTS.items()])
def test_a_key_is_where_its_protocol_says(made: str, expected: str) -> None:
    assert made == expected


@pytest.mark.parametrize("key", LISTINGS)
def test_a_listing_is_mutable_cached_for_a_minute_and_written_last(key: str) -> None:
    assert paths.is_listing(key)
    assert not paths.rule(key).immutable
    assert paths.rule(key).cache_control == "public, max-age=60, stale-while-revalidate=60, stale-if-error=3600"


@pytest.mark.parametrize("key", LEAVES)
def test_a_leaf_document_is_mutable_and_cached_for_five_minutes(key: str) -> None:
    assert not paths.is_listing(key)
    assert not paths.rule(key).immutable
    assert paths.rule(key).cache_control == "public, max-age=300"


@pytest.mark.parametrize(("keys", "window"), [(LISTINGS, paths.LISTING_WINDOW), (LEAVES, paths.LEAF_WINDOW)])
def test_a_window_ends_when_no_cache_may_serve_the_document_any_more(keys: Iterable[str], window: timedelta) -> None:
    """RFC 9111 max-age, and RFC 5861 for how long a stale document may still be served."""
    for key in keys:
        seconds = [int(number) for number in re.findall(r"=(\d+)", paths.rule(key).cache_control)]
        assert window.total_seconds() == sum(seconds)


@pytest.mark.parametrize("key", ARTIFACTS)
def test_an_artifact_is_immutable_and_cached_for_a_year(key: str) -> None:
    assert not paths.is_listing(key)
    assert paths.rule(key).immutable
    assert paths.rule(key).cache_control == "public, max-age=31536000, immutable"


def test_the_checkpoint_is_mutable_and_never_cached() -> None:
    assert not paths.rule(paths.CHECKPOINT).immutable
    assert paths.rule(paths.CHECKPOINT).cache_control == "no-cache"


def test_what_doctor_tries_a_bucket_with_is_served_as_any_other_object() -> None:
    """Servers decide by path and know no rule for it."""
    new, swap = paths.scratch_new("0f" * 16), paths.scratch_swap("0f" * 16)
    assert (new, swap) == (f"scratch/{'0f' * 16}/new", f"scratch/{'0f' * 16}/swap")
    assert paths.rule(new).immutable
    assert not paths.rule(swap).immutable
    for key in (new, swap):
        assert paths.rule(key).cache_control == "public, max-age=300"
        assert paths.rule(key).content_type == "application/octet-stream"
        assert not paths.is_listing(key)
        assert paths.owner(key) is None


@pytest.mark.parametrize(
    "key",
    [paths.DISCOVERY, paths.mirror_index(RANDOM), paths.mirror_version(RANDOM, V1), paths.module_versions(NETWORK)],
)
def test_what_clients_want_as_json_says_so(key: str) -> None:
    assert paths.rule(key).content_type == "application/json"


@pytest.mark.parametrize(
    "key",
    [
        *("", "index.html", "v1/modules/acme/network/versions", "v1/modules/acme/network/aws/1.0.0/other"),
        *("../v1/providers/acme/widget/versions", "v1/providers/acme/widget/versions\n", "records/" + "0" * 63),
        *("records/" + "A" * 64, "log/tile/0/1", "state/head"),
        *("scratch/new", "scratch/" + "0" * 31 + "/new", "scratch/" + "0" * 32 + "/other"),
    ],
)
def test_a_key_that_is_never_made_has_no_rule(key: str) -> None:
    with pytest.raises(ValueError, match="no rule for the key"):
        paths.rule(key)


@pytest.mark.parametrize(
    ("key", "immutable"),
    [
        (paths.STATE_HEAD, False),
        (paths.state_change(7, DIGEST), True),
        (paths.state_part(12, DIGEST), True),
        (paths.state_snapshot(12, DIGEST), True),
    ],
)
def test_the_state_of_a_ledger_has_keys_that_no_public_bucket_has(key: str, *, immutable: bool) -> None:
    assert paths.rule_of_any(key).immutable == immutable
    assert paths.rule_of_any(key).cache_control == "private, no-store"
    with pytest.raises(ValueError, match="no rule for the key"):
        paths.rule(key)


def test_provenance_is_served_as_what_in_toto_calls_it() -> None:
    """in-toto/attestation, spec/v1/bundle.md, "Storage convention"."""
    assert paths.rule(paths.module_provenance(NETWORK, V1)).content_type == "application/vnd.in-toto.bundle"


def test_an_object_is_of_the_package_whose_address_its_key_names() -> None:
    keys = {*LISTINGS, *LEAVES, *ARTIFACTS, *(paths.version_document(each, V1) for each in (NETWORK, WIDGET, RANDOM))}
    owners = {str(address): 0 for address in (NETWORK, WIDGET, RANDOM)} | {None: 0}
    for key in keys:
        owners[paths.owner(key)] += 1
    assert owners == {"acme/network/aws": 6, "acme/widget": 6, "registry.terraform.io/hashicorp/random": 4, None: 6}


@pytest.mark.parametrize(
    ("key", "entries"),
    [
        (paths.log_entries(0, 1), 1),
        (paths.log_entries(1000), 1001 * 256),
        (paths.log_tile(0, 0, 7), 7),
        (paths.log_tile(1, 0, 2), 512),
        (paths.log_tile(1, 1_234_067, 12), (1_234_067 * 256 + 12) * 256),
        (paths.log_tile(2, 0, 1), 65_536),
    ],
)
def test_a_tile_tells_how_long_its_log_is_at_least(key: str, entries: int) -> None:
    assert paths.tile_end(key) == entries


def test_what_is_no_tile_tells_nothing() -> None:
    with pytest.raises(ValueError, match="no tile of the log"):
        paths.tile_end(paths.CHECKPOINT)

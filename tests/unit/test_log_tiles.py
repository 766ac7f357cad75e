"""Tiles and bundles: which of them a growing log needs, and what is in them."""

from __future__ import annotations

import pytest

from registry_gen.errors import RefusalError
from registry_gen.log.tiles import MAX_ENTRY_BYTES, bundle, first_entry, parse_bundle, tiles
from registry_gen.log.tree import Tail, append, leaf_hash, perfect_root


def entries(count: int) -> list[bytes]:
    return [b"entry %d" % number for number in range(count)]


def test_the_example_of_the_specification_has_its_tiles() -> None:
    """A log of 70,000 entries, from C2SP tlog-tiles, section Partial Tiles."""
    payloads = entries(70_000)
    found = dict(tiles(0, append(Tail(), payloads), payloads))
    hashes = {key: len(data) // 32 for key, data in found.items() if not key.startswith("log/tile/entries/")}
    full = {f"log/tile/0/{number:03d}": 256 for number in range(273)}
    assert hashes == {
        **full,
        "log/tile/0/273.p/112": 112,
        "log/tile/1/000": 256,
        "log/tile/1/001.p/17": 17,
        "log/tile/2/000.p/1": 1,
    }
    bundles = {key for key in found if key.startswith("log/tile/entries/")}
    assert bundles == {key.replace("tile/0/", "tile/entries/") for key in hashes if "tile/0/" in key}


def test_a_tile_holds_the_hashes_of_its_bundle_and_its_parent_its_root() -> None:
    payloads = entries(256)
    found = dict(tiles(0, append(Tail(), payloads), payloads))
    assert set(found) == {"log/tile/0/000", "log/tile/1/000.p/1", "log/tile/entries/000"}
    assert parse_bundle(found["log/tile/entries/000"]) == tuple(payloads)
    assert found["log/tile/0/000"] == b"".join(map(leaf_hash, payloads))
    assert found["log/tile/1/000.p/1"] == perfect_root(found["log/tile/0/000"])


def test_a_log_that_did_not_grow_needs_nothing() -> None:
    tail = append(Tail(), entries(300))
    assert tiles(300, tail, entries(300)[first_entry(300, tail) :]) == ()
    assert tiles(0, Tail(), ()) == ()


def test_one_more_entry_needs_one_tile_and_one_bundle() -> None:
    payloads = entries(70_001)
    after = append(Tail(), payloads)
    assert first_entry(70_000, after) == 69_888
    assert [key for key, _ in tiles(70_000, after, payloads[69_888:])] == [
        "log/tile/0/273.p/113",
        "log/tile/entries/273.p/113",
    ]


@pytest.mark.parametrize(
    ("old", "new", "start"),
    [
        (0, 1, 0),
        (255, 256, 0),
        (256, 257, 256),
        (65_535, 65_536, 0),
        (65_536, 65_537, 65_536),
        (65_700, 131_072, 65_536),
    ],
)
def test_only_a_tile_above_that_became_full_needs_entries_from_before_the_bundle(
    old: int, new: int, start: int
) -> None:
    assert first_entry(old, append(Tail(), [b""] * new)) == start


def test_entries_that_do_not_lead_to_the_tail_are_refused() -> None:
    payloads = entries(300)
    after = append(Tail(), payloads)
    for other in (payloads[:-1], [*payloads, b"more"], [b"changed", *payloads[1:]]):
        with pytest.raises(RefusalError) as refused:
            tiles(0, after, other)
        assert refused.value.code.id == "LOG003"
        assert refused.value.where == f"entries 0 to {len(other)}"


@pytest.mark.parametrize("old", [-1, 4])
def test_a_log_never_shrinks(old: int) -> None:
    with pytest.raises(ValueError, match="never grew"):
        first_entry(old, append(Tail(), entries(3)))


def test_a_bundle_is_entries_behind_their_lengths() -> None:
    assert bundle([b"", b"ab", b"c" * 300]) == b"\x00\x00" + b"\x00\x02ab" + b"\x01\x2c" + b"c" * 300
    assert parse_bundle(b"") == ()


def test_the_longest_entry_fits_and_one_byte_more_is_refused() -> None:
    longest = b"x" * MAX_ENTRY_BYTES
    assert parse_bundle(bundle([longest])) == (longest,)
    with pytest.raises(RefusalError) as refused:
        bundle([longest + b"x"])
    assert refused.value.code.id == "LOG001"


@pytest.mark.parametrize("data", [b"\x00", b"\x00\x02a", b"\x00\x01a\x00\x01"])
def test_a_bundle_that_ends_in_an_entry_is_refused(data: bytes) -> None:
    with pytest.raises(RefusalError) as refused:
        parse_bundle(data)
    assert refused.value.code.id == "LOG003"

"""The log holds together however it grows."""

from __future__ import annotations

import hashlib
from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st

from registry_gen import paths
from registry_gen.log.proofs import consistency_proof, inclusion_proof, verify_consistency, verify_inclusion
from registry_gen.log.tiles import bundle, first_entry, parse_bundle, tiles
from registry_gen.log.tree import Tail, append, leaf_hash, root

ENTRIES = tuple(b"entry %d" % number for number in range(70_000))


def textbook_root(payloads: tuple[bytes, ...]) -> bytes:
    """MTH of RFC 6962 section 2.1, as written there."""
    if not payloads:
        return hashlib.sha256(b"").digest()
    if len(payloads) == 1:
        return hashlib.sha256(b"\x00" + payloads[0]).digest()
    split = 1
    while split * 2 < len(payloads):
        split *= 2
    return hashlib.sha256(b"\x01" + textbook_root(payloads[:split]) + textbook_root(payloads[split:])).digest()


@cache
def tail_of(size: int) -> Tail:
    return append(Tail(), ENTRIES[:size])


@cache
def all_tiles(size: int) -> dict[str, bytes]:
    return dict(tiles(0, tail_of(size), ENTRIES[:size]))


SIZES = st.integers(0, 1_000)
LARGE = st.sampled_from([0, 300, 65_500, 65_535, 65_536, 65_537, 69_999])


@given(st.lists(st.binary(max_size=4), max_size=600).map(tuple))
def test_the_root_is_that_of_the_textbook(payloads: tuple[bytes, ...]) -> None:
    assert root(append(Tail(), payloads)) == textbook_root(payloads)


@given(st.lists(SIZES, min_size=1, max_size=6).map(sorted))
@settings(deadline=None)
def test_a_log_grown_in_batches_has_the_tiles_of_one_grown_at_once(sizes: list[int]) -> None:
    grow_in_batches(sizes)


@given(st.lists(LARGE, min_size=1, max_size=4, unique=True).map(sorted))
@settings(max_examples=8, deadline=None)
def test_so_has_one_that_fills_a_tile_of_tiles_on_its_way(sizes: list[int]) -> None:
    grow_in_batches(sizes)


@given(st.one_of(st.tuples(SIZES, SIZES), st.tuples(LARGE, LARGE)))
@settings(max_examples=30, deadline=None)
def test_making_tiles_again_for_an_older_size_only_repeats_them(sizes: tuple[int, int]) -> None:
    """A run that died before it said that its tiles were stored makes them again, with more behind them."""
    old, new = sorted(sizes)
    after = tail_of(new)
    remade = dict(tiles(old, after, ENTRIES[first_entry(old, after) : new]))
    assert remade.items() <= all_tiles(new).items()
    assert all_tiles(new).items() <= {**all_tiles(old), **remade}.items()


@given(st.one_of(SIZES, LARGE))
@settings(deadline=None)
def test_a_tail_survives_being_stored(size: int) -> None:
    assert Tail.from_bytes(tail_of(size).to_bytes()) == tail_of(size)


@given(st.lists(st.binary(max_size=300), max_size=20).map(tuple))
def test_a_bundle_gives_back_its_entries(payloads: tuple[bytes, ...]) -> None:
    assert parse_bundle(bundle(payloads)) == payloads


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_every_entry_is_proven_and_every_older_log_is_a_beginning(data: st.DataObject) -> None:
    size = data.draw(st.one_of(st.integers(1, 1_000), st.just(65_537)))
    stored = all_tiles(size)

    def read(level: int, index: int, width: int) -> bytes:
        return stored[paths.log_tile(level, index, width)]

    index = data.draw(st.integers(0, size - 1))
    newest = root(tail_of(size))
    verify_inclusion(leaf_hash(ENTRIES[index]), index, size, inclusion_proof(read, index, size), newest)
    old = data.draw(st.integers(1, size))
    verify_consistency(old, root(tail_of(old)), size, newest, consistency_proof(read, old, size))


def grow_in_batches(sizes: list[int]) -> None:
    tail = Tail()
    stored: dict[str, bytes] = {}
    for size in sizes:
        after = append(tail, ENTRIES[tail.size : size])
        for key, data in tiles(tail.size, after, ENTRIES[first_entry(tail.size, after) : size]):
            assert key not in stored, "an immutable tile was made twice"
            stored[key] = data
        tail = after
        assert tail == tail_of(size)
        assert all_tiles(size).items() <= stored.items()

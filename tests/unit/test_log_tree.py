"""The Merkle tree against the reference vectors of Certificate Transparency, and its tail as bytes."""

from __future__ import annotations

import hashlib

import pytest

from registry_gen.errors import RefusalError
from registry_gen.log.tree import EMPTY_ROOT, Tail, append, leaf_hash, node_hash, perfect_root, root

LEAVES = tuple(
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
)
ROOTS = (
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)


@pytest.mark.parametrize("size", range(9))
def test_roots_are_those_of_the_reference_log(size: int) -> None:
    assert root(append(Tail(), LEAVES[:size])).hex() == ROOTS[size]


def test_the_root_of_the_empty_log_is_the_hash_of_nothing() -> None:
    assert root(Tail()) == EMPTY_ROOT == hashlib.sha256(b"").digest()
    assert append(Tail(), ()) == Tail()


def test_leaves_and_nodes_are_told_apart_by_their_first_byte() -> None:
    left, right = bytes(32), bytes([1]) * 32
    assert leaf_hash(left + right) == hashlib.sha256(b"\x00" + left + right).digest()
    assert node_hash(left, right) == hashlib.sha256(b"\x01" + left + right).digest()
    assert perfect_root(left + right) == node_hash(left, right)


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 511, 512, 65_535, 65_536, 65_537])
def test_the_widths_of_the_tail_are_the_digits_of_its_size(size: int) -> None:
    tail = append(Tail(), [b""] * size)
    assert tail.size == size
    assert [tail.width(level) for level in range(len(tail.levels))] == [
        size >> 8 * level & 255 for level in range((size.bit_length() + 7) // 8)
    ]
    assert Tail.from_bytes(tail.to_bytes()) == tail


def test_the_tail_of_a_quarter_of_a_million_entries_is_small() -> None:
    assert len(append(Tail(), [b"entry"] * 250_000).to_bytes()) < 3 * 8192


def test_a_tail_with_hashes_too_few_or_too_many_is_refused() -> None:
    data = append(Tail(), LEAVES).to_bytes()
    for damaged in (b"", data[:7], data[:-1], data[:-32], data + bytes(32), data + b"x"):
        with pytest.raises(RefusalError) as refused:
            Tail.from_bytes(damaged)
        assert refused.value.code.id == "LOG002"


@pytest.mark.parametrize("levels", [(bytes(31),), (bytes(32 * 256),), (bytes(32), b""), (b"",)])
def test_levels_that_are_no_tail_are_refused(levels: tuple[bytes, ...]) -> None:
    with pytest.raises(RefusalError) as refused:
        Tail(levels)
    assert refused.value.code.id == "LOG002"

"""Proofs against the reference vectors of Certificate Transparency."""

from __future__ import annotations

import pytest

from registry_gen import paths
from registry_gen.errors import RefusalError
from registry_gen.log.proofs import (
    TileReader,
    consistency_proof,
    inclusion_proof,
    verify_consistency,
    verify_inclusion,
)
from registry_gen.log.tiles import tiles
from registry_gen.log.tree import EMPTY_ROOT, Tail, append, leaf_hash, root
from tests.unit.test_log_tree import LEAVES, ROOTS

INCLUSION = {
    (0, 1): (),
    (0, 8): (
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ),
    (5, 8): (
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ),
    (2, 3): ("fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",),
    (1, 5): (
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ),
}
CONSISTENCY = {
    (1, 1): (),
    (1, 8): INCLUSION[0, 8],
    (6, 8): (
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ),
    (2, 5): (
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ),
}


def reader(payloads: tuple[bytes, ...]) -> TileReader:
    stored = dict(tiles(0, append(Tail(), payloads), payloads))
    return lambda level, index, width: stored[paths.log_tile(level, index, width)]


def reference_root(size: int) -> bytes:
    return bytes.fromhex(ROOTS[size])


@pytest.mark.parametrize(("index", "size"), list(INCLUSION))
def test_inclusion_proofs_are_those_of_the_reference_log(index: int, size: int) -> None:
    proof = inclusion_proof(reader(LEAVES[:size]), index, size)
    assert tuple(found.hex() for found in proof) == INCLUSION[index, size]
    verify_inclusion(leaf_hash(LEAVES[index]), index, size, proof, reference_root(size))


@pytest.mark.parametrize(("old", "size"), list(CONSISTENCY))
def test_consistency_proofs_are_those_of_the_reference_log(old: int, size: int) -> None:
    proof = consistency_proof(reader(LEAVES[:size]), old, size)
    assert tuple(found.hex() for found in proof) == CONSISTENCY[old, size]
    verify_consistency(old, reference_root(old), size, reference_root(size), proof)


@pytest.mark.parametrize("size", range(1, 9))
def test_every_wrong_inclusion_proof_is_refused(size: int) -> None:
    read = reader(LEAVES[:size])
    for index in range(size):
        leaf = leaf_hash(LEAVES[index])
        proof = inclusion_proof(read, index, size)
        wrong = [(leaf, index, size, tampered) for tampered in tampered_with(proof)]
        wrong += [(leaf, other, size, proof) for other in range(-1, size + 2) if other != index]
        wrong += [(leaf_hash(b"other"), index, size, proof)]
        for entry, at, entries, hashes in wrong:
            with pytest.raises(RefusalError) as refused:
                verify_inclusion(entry, at, entries, hashes, reference_root(size))
            assert refused.value.code.id == "LOG006"


@pytest.mark.parametrize("size", range(1, 9))
def test_every_wrong_consistency_proof_is_refused(size: int) -> None:
    read = reader(LEAVES[:size])
    for old in range(1, size + 1):
        proof = consistency_proof(read, old, size)
        old_root, new_root = reference_root(old), reference_root(size)
        wrong = [(old, old_root, new_root, tampered) for tampered in tampered_with(proof)]
        wrong += [(old, bytes(32), new_root, proof), (old, old_root, bytes(32), proof)]
        wrong += [(other, old_root, new_root, proof) for other in range(-1, size + 2) if other != old]
        for entries, before, after, hashes in wrong:
            with pytest.raises(RefusalError) as refused:
                verify_consistency(entries, before, size, after, hashes)
            assert refused.value.code.id == "LOG006"


def test_the_empty_log_is_the_beginning_of_every_log() -> None:
    verify_consistency(0, EMPTY_ROOT, 8, reference_root(8), ())
    verify_consistency(0, EMPTY_ROOT, 0, EMPTY_ROOT, ())
    for old_root, proof in ((reference_root(1), ()), (EMPTY_ROOT, (bytes(32),))):
        with pytest.raises(RefusalError):
            verify_consistency(0, old_root, 8, reference_root(8), proof)


@pytest.mark.parametrize(("index", "size"), [(-1, 3), (3, 3), (0, 0)])
def test_there_is_no_proof_for_an_entry_that_is_not_there(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="no entry"):
        inclusion_proof(reader(LEAVES[:size]), index, size)


@pytest.mark.parametrize(("old", "size"), [(0, 3), (4, 3), (-1, 3)])
def test_there_is_no_proof_from_nothing_or_backwards(old: int, size: int) -> None:
    with pytest.raises(ValueError, match="no proof"):
        consistency_proof(reader(LEAVES[:size]), old, size)


def test_proofs_are_made_from_full_and_partial_tiles_of_every_level() -> None:
    payloads = tuple(b"%d" % number for number in range(66_000))
    read = reader(payloads)
    newest = root(append(Tail(), payloads))
    for index in (0, 255, 256, 65_535, 65_536, 65_999):
        verify_inclusion(leaf_hash(payloads[index]), index, 66_000, inclusion_proof(read, index, 66_000), newest)
    for old in (1, 255, 256, 257, 65_535, 65_536, 65_537, 66_000):
        before = root(append(Tail(), payloads[:old]))
        verify_consistency(old, before, 66_000, newest, consistency_proof(read, old, 66_000))


def tampered_with(proof: tuple[bytes, ...]) -> list[tuple[bytes, ...]]:
    """The proof with one hash changed, left out or added."""
    other = bytes([255]) * 32
    return [
        *((*proof[:at], other, *proof[at + 1 :]) for at in range(len(proof))),
        *((*proof[:at], *proof[at + 1 :]) for at in range(len(proof))),
        (*proof, other),
        (other, *proof),
    ]

"""Proofs that an entry is in the log, and that the log of today contains the log of yesterday.

Made from tiles as RFC 6962 section 2.1 defines them, verified by the algorithms of RFC 9162 section 2.1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from registry_gen.errors import RefusalError
from registry_gen.log import codes
from registry_gen.log.tree import (
    EMPTY_ROOT,
    HASH_BYTES,
    TILE_WIDTH,
    leaves_per_hash,
    node_hash,
    perfect_root,
    root_text,
)

TileReader = Callable[[int, int, int], bytes]
"""Gives the hashes of a tile by its level, index and width, as ``paths.log_tile`` names it."""

_TILE_HEIGHT = 8


def subtree_hash(read: TileReader, size: int, start: int, stop: int) -> bytes:
    """The hash over entries ``start`` to ``stop - 1`` of a log of ``size`` entries (MTH of RFC 6962).

    ``start`` is a multiple of the smallest power of two that is not less than ``stop - start``.
    """
    count = stop - start
    if count & (count - 1):
        middle = start + _split_point(count)
        return node_hash(subtree_hash(read, size, start, middle), subtree_hash(read, size, middle, stop))
    level, height = divmod(count.bit_length() - 1, _TILE_HEIGHT)
    first = start // leaves_per_hash(level)
    tile, at = divmod(first, TILE_WIDTH)
    width = min(TILE_WIDTH, size // leaves_per_hash(level) - tile * TILE_WIDTH)
    return perfect_root(read(level, tile, width)[at * HASH_BYTES : (at + 2**height) * HASH_BYTES])


def inclusion_proof(read: TileReader, index: int, size: int) -> tuple[bytes, ...]:
    """The hashes that lead from entry ``index`` to the root of a log of ``size`` entries (PATH of RFC 6962)."""
    if not 0 <= index < size:
        raise ValueError(f"a log of {size} entries has no entry {index}")
    proof = []
    start, stop = 0, size
    while stop - start > 1:
        middle = start + _split_point(stop - start)
        if index < middle:
            proof.append(subtree_hash(read, size, middle, stop))
            stop = middle
        else:
            proof.append(subtree_hash(read, size, start, middle))
            start = middle
    return tuple(reversed(proof))


def consistency_proof(read: TileReader, old: int, size: int) -> tuple[bytes, ...]:
    """The hashes that show the first ``old`` of ``size`` entries unchanged (PROOF of RFC 6962); ``old`` at least 1."""
    if not 0 < old <= size:
        raise ValueError(f"there is no proof from {old} to {size} entries")
    proof = []
    start, stop = 0, size
    while stop != old:
        middle = start + _split_point(stop - start)
        if old <= middle:
            proof.append(subtree_hash(read, size, middle, stop))
            stop = middle
        else:
            proof.append(subtree_hash(read, size, start, middle))
            start = middle
    if start:  # the verifier knows the root of the old log, but of no smaller subtree
        proof.append(subtree_hash(read, size, start, stop))
    return tuple(reversed(proof))


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Check that the entry with the hash ``leaf`` is entry ``index`` of the log; raises RefusalError LOG006."""
    if not 0 <= index < size:
        raise _bad(f"an entry of {size}", f"entry {index}")
    found = leaf
    for sibling, on_the_left in _steps(index, size - 1, proof):
        found = node_hash(sibling, found) if on_the_left else node_hash(found, sibling)
    _require(root, found)


def verify_consistency(old: int, old_root: bytes, size: int, root: bytes, proof: Sequence[bytes]) -> None:
    """Check that the log of ``size`` entries begins with that of ``old`` entries; raises RefusalError LOG006.

    The empty log is a beginning of every log, and needs no proof.
    """
    if not 0 <= old <= size:
        raise _bad(f"at least {old} entries", str(size))
    if old in (0, size):
        if proof:
            raise _bad("no hashes", str(len(proof)))
        _require(old_root, root if old else EMPTY_ROOT)
        return
    # Where the old log is one perfect subtree of the new one, its root is known and left out of the proof.
    hashes = [*([] if old & (old - 1) else [old_root]), *proof]
    if not hashes:
        raise _bad("hashes", "none")
    shared = (old & -old).bit_length() - 1
    before = after = hashes[0]
    for sibling, on_the_left in _steps((old - 1) >> shared, (size - 1) >> shared, hashes[1:]):
        if on_the_left:
            before = node_hash(sibling, before)
        after = node_hash(sibling, after) if on_the_left else node_hash(after, sibling)
    _require(old_root, before)
    _require(root, after)


def _steps(index: int, last: int, proof: Sequence[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Each hash of a proof and whether it belongs on the left; ``last`` is the index of the last node.

    These are the steps that RFC 9162 sections 2.1.3.2 and 2.1.4.2 have in common, with ``index`` as fn, ``last`` as sn.
    """
    for sibling in proof:
        if not last:
            raise _bad("fewer hashes", str(len(proof)))
        on_the_left = bool(index & 1) or index == last
        yield sibling, on_the_left
        while on_the_left and index and not index & 1:
            index >>= 1
            last >>= 1
        index >>= 1
        last >>= 1
    if last:
        raise _bad("more hashes", str(len(proof)))


def _split_point(count: int) -> int:
    """The largest power of two below ``count``."""
    return 1 << (count - 1).bit_length() - 1


def _require(expected: bytes, found: bytes) -> None:
    if expected != found:
        raise _bad(f"the root {root_text(expected)}", root_text(found))


def _bad(expected: str, found: str) -> RefusalError:
    return RefusalError(codes.BAD_PROOF, expected=expected, found=found)

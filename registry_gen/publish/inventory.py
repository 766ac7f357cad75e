"""What must be in the bucket, object by object: made from the ledger, one package at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from registry_gen import paths
from registry_gen.log.tiles import bundle
from registry_gen.log.tree import HASH_BYTES, TILE_WIDTH, Tail, Tile, grow
from registry_gen.model.digest import sha256
from registry_gen.model.facts import ModuleVersion, WithdrawalStage
from registry_gen.render.artifacts import version_artifacts
from registry_gen.render.document import stamp
from registry_gen.render.package import render_package

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from registry_gen.model.address import Address
    from registry_gen.model.config import Site
    from registry_gen.model.digest import Sha256
    from registry_gen.model.facts import Package, PublishedDocument, VersionFacts
    from registry_gen.model.version import Version
    from registry_gen.render.document import Document

PAGE: Final = 40 * TILE_WIDTH
"""Entries that are read at once: whole bundles."""


@dataclass(frozen=True, slots=True)
class Expected:
    """An object that must be there; ``optional`` ones need not, but have these bytes where they are.

    ``size`` in bytes, None where only the digest is known. ``body`` are the bytes, where they are at hand;
    ``content`` is the digest of a document's bytes before a revision was stamped into them.
    """

    key: str
    sha256: Sha256
    size: int | None
    address: Address | None = None
    version: Version | None = None
    body: bytes | None = None
    content: Sha256 | None = None
    optional: bool = False


def package_objects(package: Package, rows: Mapping[str, PublishedDocument], site: Site) -> Iterator[Expected]:
    """Everything of one package: documents at the revisions that ``rows`` know, records and artifacts."""
    yield from document_objects(package.head.address, render_package(package, site), rows, package.head.revision)
    for facts in package.versions:
        yield from _version_objects(package.head.address, facts)


def document_objects(
    owner: Address | None, documents: Iterable[Document], rows: Mapping[str, PublishedDocument], revision: int
) -> Iterator[Expected]:
    """Documents with the revision that they were put with; one that was never put has ``revision``."""
    for document in documents:
        row = rows.get(document.key)
        body = stamp(document.key, document.content, row.revision if row else revision)
        yield Expected(document.key, sha256(body), len(body), owner, body=body, content=document.digest)


def _version_objects(address: Address, facts: VersionFacts) -> Iterator[Expected]:
    collected = facts.withdrawn is not None and facts.withdrawn.stage is WithdrawalStage.COLLECTED
    yield Expected(paths.record(facts.record), facts.record, None, address, facts.version, optional=collected)
    if collected:
        return
    sizes = _sizes(facts)
    for key, digest in version_artifacts(address, facts).items():
        yield Expected(key, digest, sizes.get(digest), address, facts.version)


def _sizes(facts: VersionFacts) -> Mapping[Sha256, int]:
    if isinstance(facts, ModuleVersion):
        return {facts.archive: facts.archive_size} if facts.archive and facts.archive_size else {}
    return {package.zh: package.size for package in facts.packages if package.size}


def log_objects(
    size: int, entries: Callable[[int, int], tuple[bytes, ...]], widths: Mapping[str, Iterable[int]]
) -> Iterator[Expected | Tail]:
    """Every tile and bundle of the log's first ``size`` entries, full or partial, and at last the tail they make.

    ``widths`` names the partial tiles of earlier checkpoints that are still there, by the key of the full tile: each
    is a beginning of what that tile is now.
    """
    tail = Tail()
    for start in range(0, size, PAGE):
        payloads = entries(start, min(start + PAGE, size))
        tail, full = grow(tail, payloads)
        for tile in full:
            yield from _tile(tile, widths, payloads[tile.index * TILE_WIDTH - start :] if tile.level == 0 else ())
    for level, row in enumerate(tail.levels):
        if row:
            below = TILE_WIDTH ** (level + 1)
            index = size // below
            last = entries(index * TILE_WIDTH, size) if level == 0 else ()
            yield from _tile(Tile(level, index, row), widths, last)
    yield tail


def _tile(tile: Tile, widths: Mapping[str, Iterable[int]], payloads: tuple[bytes, ...]) -> Iterator[Expected]:
    whole = paths.log_tile(tile.level, tile.index)
    for width in {tile.width, *widths.get(whole, ())}:
        if width <= tile.width:
            body = tile.hashes[: width * HASH_BYTES]
            key = paths.log_tile(tile.level, tile.index, width)
            yield Expected(key, sha256(body), len(body), body=body, optional=width < tile.width)
    if tile.level:
        return
    for width in {tile.width, *widths.get(paths.log_entries(tile.index), ())}:
        if width <= tile.width:
            body = bundle(payloads[:width])
            key = paths.log_entries(tile.index, width)
            yield Expected(key, sha256(body), len(body), body=body, optional=width < tile.width)

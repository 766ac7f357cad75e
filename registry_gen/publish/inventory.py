"""What must be in the bucket, object by object: made from the ledger, one package at a time."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from registry_gen import paths
from registry_gen.log.tiles import bundle
from registry_gen.log.tree import HASH_BYTES, TILE_WIDTH, Tail, Tile, grow
from registry_gen.model.digest import sha256
from registry_gen.model.facts import Withdrawal, WithdrawalStage
from registry_gen.plan.collect import is_collected
from registry_gen.plan.inputs import rendering_of
from registry_gen.render.artifacts import known_sizes, version_artifacts
from registry_gen.render.document import stamp
from registry_gen.render.package import render_protocol
from registry_gen.render.version_documents import render_versions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set

    from registry_gen.model.address import Address
    from registry_gen.model.config import Site
    from registry_gen.model.digest import Sha256
    from registry_gen.model.facts import Package, PublishedDocument, VersionFacts
    from registry_gen.model.version import Version
    from registry_gen.render.document import Document

PAGE: Final = 40 * TILE_WIDTH
"""Entries that are read at once: whole bundles."""

SERVED: Final = "v1/"
"""Where clients read; what is known of versions lies beside it, under the same address."""


@dataclass(frozen=True, slots=True)
class Expected:
    """An object that must be there; ``optional`` ones need not, but have these bytes where they are.

    ``size`` in bytes, None where only the digest is known. ``body`` are the bytes, where they are at hand. Of a
    document, ``content`` is the digest of its bytes before a revision was stamped into them, and ``row`` what the
    ledger knows of it. ``sha256`` is None for documents that wait for a publish to render them anew: until then the
    etag in their row is all that is known.
    """

    key: str
    sha256: Sha256 | None
    size: int | None
    address: Address | None = None
    version: Version | None = None
    body: bytes | None = None
    content: Sha256 | None = None
    row: PublishedDocument | None = None
    optional: bool = False

    @property
    def described(self) -> str:
        """What it must be, in words."""
        return f"SHA-256 {self.sha256}" if self.sha256 else "a document that was published"


def folders(address: Address) -> tuple[str, str]:
    """The prefixes of all that is of a package alone: what clients read, and what is known of its versions."""
    served = paths.listing(address).rpartition("/")[0] + "/"
    return served, served.removeprefix(SERVED)


def served_objects(package: Package, rows: Mapping[str, PublishedDocument], site: Site) -> Iterator[Expected]:
    """What clients read of one package, at the revisions that ``rows`` know, and the artifacts it leads to."""
    address = package.head.address
    yield from _documents(package, folders(address)[0], rows, site, lambda: render_protocol(package, site))
    for facts in package.versions:
        if not is_collected(facts):
            sizes = known_sizes(facts)
            for key, digest in version_artifacts(address, facts).items():
                yield Expected(key, digest, sizes.get(digest), address, facts.version)


def version_objects(package: Package, rows: Mapping[str, PublishedDocument], site: Site) -> Iterator[Expected]:
    """The documents of what is known of each version."""
    yield from _documents(package, folders(package.head.address)[1], rows, site, lambda: render_versions(package))


def listing_without(package: Package, broken: Set[Version], row: PublishedDocument | None, site: Site) -> Expected:
    """The listing less versions that cannot be installed now."""
    versions = tuple(_taken_out(facts) if facts.version in broken else facts for facts in package.versions)
    shorter, key = replace(package, versions=versions), paths.listing(package.head.address)
    document = next(each for each in render_protocol(shorter, site) if each.key == key)
    return _document(package.head.address, document, row, package.head.revision)


def site_objects(documents: Iterable[Document], rows: Mapping[str, PublishedDocument]) -> Iterator[Expected]:
    """The documents of no package. One whose row has other content waits for a publish to put it, and all of them wait
    for the first one.
    """
    revision = max((row.revision for row in rows.values()), default=1)
    for document in documents:
        row = rows.get(document.key)
        if row and row.content != document.digest:
            yield Expected(document.key, None, None, row=row)
        else:
            yield replace(_document(None, document, row, revision), optional=not rows)


def _documents(
    package: Package,
    folder: str,
    rows: Mapping[str, PublishedDocument],
    site: Site,
    render: Callable[[], Iterable[Document]],
) -> Iterator[Expected]:
    address = package.head.address
    if package.head.state.rendering == rendering_of(site.url):
        for document in render():
            yield _document(address, document, rows.get(document.key), package.head.revision)
    else:  # another renderer, or another address of the site, made them
        for key, row in rows.items():
            if key.startswith(folder):
                yield Expected(key, None, None, address, row=row)


def _document(owner: Address | None, document: Document, row: PublishedDocument | None, revision: int) -> Expected:
    """A document with the revision that it was put with; one that was never put has ``revision``."""
    body = stamp(document.key, document.content, row.revision if row else revision)
    return Expected(document.key, sha256(body), len(body), owner, body=body, content=document.digest, row=row)


def _taken_out(facts: VersionFacts) -> VersionFacts:
    if facts.withdrawn:
        return facts
    return replace(facts, withdrawn=Withdrawal("", "", facts.recorded_at, WithdrawalStage.UNLISTED, facts.recorded_at))


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


def widths_of(keys: Iterable[str]) -> Mapping[str, Sequence[int]]:
    """The widths of partial tiles among keys below ``log/tile/``, by the key of the full tile."""
    widths: dict[str, list[int]] = defaultdict(list)
    for key in keys:
        whole, partial, width = key.partition(".p/")
        if partial and width.isdigit():
            widths[whole].append(int(width))
    return widths


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

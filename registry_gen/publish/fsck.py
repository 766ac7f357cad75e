"""Comparing the bucket with what the ledger knows and what rendering makes of it: every object, to the last byte."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from registry_gen import paths
from registry_gen.errors import RefusalError
from registry_gen.log.promised import promised
from registry_gen.log.tree import Tail, root
from registry_gen.publish import codes
from registry_gen.publish.inventory import document_objects, log_objects, package_objects
from registry_gen.render.discovery import render_site

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence, Set

    from registry_gen.errors import Code
    from registry_gen.ledger import Inspection
    from registry_gen.model.address import Address
    from registry_gen.model.config import Site
    from registry_gen.model.facts import Package, PublishedDocument
    from registry_gen.model.version import Version
    from registry_gen.publish.inventory import Expected
    from registry_gen.publish.progress import Progress
    from registry_gen.storage import Storage, Stored

PHASE: Final = "Comparing packages"
PACKAGES_AT_ONCE: Final = 200


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be. ``expected_object`` is what must be there, where something must."""

    code: Code
    key: str
    expected: str = ""
    found: str = ""
    address: Address | None = None
    version: Version | None = None
    expected_object: Expected | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Checked:
    """What was compared: how many objects and bytes, and what was found."""

    objects: int
    size: int
    findings: tuple[Finding, ...]


def fsck(
    known: Inspection,
    storage: Storage,
    site: Site,
    progress: Progress,
    *,
    quick: bool = False,
    only: Sequence[Address] | None = None,
) -> Checked:
    """Compare everything, or the packages ``only``; ``quick`` reads no object whose digest the storage does not know.

    Holds a few hundred bytes for each object of the bucket. Raises LedgerError or StorageError where one of both cannot
    be read; all that is wrong with the contents is a finding.
    """
    return _Check(known, storage, site, progress, quick).run(only)


class _Check:
    def __init__(self, known: Inspection, storage: Storage, site: Site, progress: Progress, quick: bool) -> None:
        self._known = known
        self._storage = storage
        self._site = site
        self._progress = progress
        self._quick = quick
        self._there: dict[str, Stored] = {}
        self._findings: list[Finding] = []

    def run(self, only: Sequence[Address] | None) -> Checked:
        """Everything is listed once; what is expected is taken out of it, and the rest is too much."""
        self._there = {stored.key: stored for stored in self._storage.list("")}
        objects, size = len(self._there), sum(stored.size for stored in self._there.values())
        waiting = self._unfinished()
        heads = self._known.heads()
        addresses = [address for address in (heads if only is None else only) if address in heads]
        self._progress.begin(PHASE, len(addresses))
        for start in range(0, len(addresses), PACKAGES_AT_ONCE):
            self._packages(addresses[start : start + PACKAGES_AT_ONCE], waiting)
        self._findings += _contradictions(self._known, only)
        if only is None:
            self._site_and_log()
            self._rest(waiting)
        return Checked(objects, size, tuple(sorted(self._findings, key=lambda found: (found.key, found.code.id))))

    def _unfinished(self) -> frozenset[Address]:
        """Packages of which objects are on their way; these objects are neither missing nor too much."""
        waiting = set()
        for item in self._known.unfinished():
            waiting.add(item.intent.address)
            self._find(codes.UNFINISHED, paths.listing(item.intent.address), address=item.intent.address)
            for artifact in item.intent.artifacts:
                self._there.pop(artifact.key, None)
        return frozenset(waiting)

    def _packages(self, addresses: Sequence[Address], waiting: Set[Address]) -> None:
        packages, documents = self._known.packages(addresses), self._known.documents_of(addresses)
        for address in addresses:
            package = packages.get(address)
            rows = documents.get(address, {})
            if package and address in waiting:
                for one in package_objects(package, rows, self._site):
                    self._there.pop(one.key, None)
            elif package:
                self._package(package, rows)
            self._progress.step(PHASE, str(address))
        try:
            entries = promised(self._known.log_entries_of(addresses))
        except RefusalError as error:
            self._find(codes.LEDGER_DIFFERS, paths.CHECKPOINT, "log entries that a registry writes", error.message)
            return
        for (address, version), named in entries.items():
            for key in (*named.records, *named.artifacts):
                self._history(key, address, version)

    def _package(self, package: Package, rows: Mapping[str, PublishedDocument]) -> None:
        address = package.head.address
        expected = list(package_objects(package, rows, self._site))
        lost = {one.key for one in expected if not self._compare(one)}
        listing = paths.listing(address)
        for facts in package.listed:
            parts = [key for key in lost if f"/{facts.version}/" in key or f"_{facts.version}_" in key]
            parts += [key for key in lost if key.endswith(f"/{facts.version}.json")]
            if parts:
                self._find(codes.DEAD_LISTING, listing, found=f"{facts.version}, but not {min(parts)}", address=address)
        rendered = {one.key for one in expected if one.body is not None}
        for key in sorted(rows.keys() ^ rendered):
            found = "a document that is not rendered" if key in rows else "no row for a document that is rendered"
            self._find(codes.LEDGER_DIFFERS, key, found=found, address=address)

    def _history(self, key: str, address: Address, version: Version) -> None:
        """What the log named once and nothing leads to now: it stays if it has the digest of its name."""
        stored = self._there.pop(key, None)
        name = key.rpartition("/")[2][:64]
        digest = self._digest(stored) if stored and len(name) == 64 else None
        if stored and digest and digest != name:
            self._find(codes.OBJECT_ALTERED, key, name, f"SHA-256 {digest}", address, version)

    def _site_and_log(self) -> None:
        rows = self._known.documents_of_site()
        revision = max((row.revision for row in rows.values()), default=1)
        for one in document_objects(None, render_site(self._site), rows, revision):
            self._compare(one)
        head = self._known.log_head()
        widths: dict[str, list[int]] = defaultdict(list)
        for key in self._there:
            whole, partial, width = key.partition(".p/")
            if partial and key.startswith("log/tile/") and width.isdigit():
                widths[whole].append(int(width))
        if self._known.log_entries(head.tail.size, head.tail.size + 1):
            self._find(codes.LEDGER_DIFFERS, paths.CHECKPOINT, f"{head.tail.size} log entries", "more of them")
        for item in log_objects(head.stored_size, self._known.log_entries, widths):
            if isinstance(item, Tail):
                self._tail(item, head.stored_size, head.tail)
            else:
                self._compare(item)
        self._checkpoint(head.checkpoint if head.stored_size == head.tail.size else None, bool(head.stored_size))

    def _tail(self, made: Tail, stored_size: int, known: Tail) -> None:
        if stored_size == known.size and root(made) != root(known):
            found = f"entries with the root {root(made).hex()}"
            self._find(codes.LEDGER_DIFFERS, paths.CHECKPOINT, f"the root {root(known).hex()}", found)

    def _checkpoint(self, expected: bytes | None, published: bool) -> None:
        stored = self._there.pop(paths.CHECKPOINT, None)
        if stored is None:
            if published:
                self._find(codes.OBJECT_MISSING, paths.CHECKPOINT)
            return
        self._labels(stored)
        found = self._storage.get(paths.CHECKPOINT)
        if expected is not None and found and found[0] != expected:
            seen = found[0].decode(errors="replace").partition("\n\n")[0]
            code = codes.OBJECT_TRUNCATED if expected.startswith(found[0]) else codes.OBJECT_ALTERED
            self._find(code, paths.CHECKPOINT, expected.decode().partition("\n\n")[0], seen)

    def _compare(self, expected: Expected) -> bool:
        """Whether the object is there, and has the right bytes."""
        stored = self._there.pop(expected.key, None)
        if stored is None:
            if not expected.optional:
                self._object(codes.OBJECT_MISSING, expected, "")
            return expected.optional
        self._labels(stored, expected)
        if expected.size is not None and stored.size < expected.size:
            self._object(codes.OBJECT_TRUNCATED, expected, f"{stored.size} bytes", f"{expected.size} bytes")
            return False
        digest = self._digest(stored)
        if digest is not None and digest != expected.sha256:
            self._object(codes.OBJECT_ALTERED, expected, f"SHA-256 {digest}")
            self._names(expected)
            return False
        return True

    def _digest(self, stored: Stored) -> str | None:
        if stored.sha256 is not None or self._quick:
            return stored.sha256
        return self._storage.digest(stored.key)

    def _names(self, expected: Expected) -> None:
        """An altered listing may offer versions that do not exist, or were withdrawn."""
        if expected.body is None or not paths.is_listing(expected.key):
            return
        found = self._storage.get(expected.key)
        surplus = _versions(found[0] if found else b"") - _versions(expected.body)
        if surplus:
            named = ", ".join(sorted(surplus)[:5])
            self._find(
                codes.DEAD_LISTING,
                expected.key,
                found=f"versions that are not listed: {named}",
                address=expected.address,
            )

    def _labels(self, stored: Stored, expected: Expected | None = None) -> None:
        rule = paths.rule(stored.key)
        address = expected.address if expected else None
        if stored.content_type not in (None, rule.content_type):
            self._find(codes.WRONG_TYPE, stored.key, rule.content_type, str(stored.content_type), address)
        if stored.cache_control not in (None, rule.cache_control):
            self._find(codes.WRONG_CACHE, stored.key, rule.cache_control, str(stored.cache_control), address)

    def _rest(self, waiting: frozenset[Address]) -> None:
        prefixes = tuple(prefix for address in waiting for prefix in _prefixes(address))
        for key in self._there:
            if prefixes and key.startswith(prefixes):
                continue
            try:
                rule = paths.rule(key)
            except ValueError:
                self._find(codes.FOREIGN, key)
                continue
            listing = not rule.immutable and paths.is_listing(key)
            self._find(
                codes.DEAD_LISTING if listing else codes.ORPHAN, key, found="a listing of nothing" if listing else ""
            )

    def _object(self, code: Code, expected: Expected, found: str, wanted: str = "") -> None:
        self._findings.append(
            Finding(
                code,
                expected.key,
                wanted or f"SHA-256 {expected.sha256}",
                found,
                expected.address,
                expected.version,
                expected,
            )
        )

    def _find(
        self,
        code: Code,
        key: str,
        expected: str = "",
        found: str = "",
        address: Address | None = None,
        version: Version | None = None,
    ) -> None:
        self._findings.append(Finding(code, key, expected, found, address, version))


def _contradictions(known: Inspection, only: Sequence[Address] | None) -> Iterator[Finding]:
    """What the ledger says of itself that cannot be."""
    waiting = {item.intent.address for item in known.unfinished()}
    for address, head in known.heads().items():
        if head.visible != head.revision and address not in waiting and (only is None or address in only):
            yield Finding(
                codes.LEDGER_DIFFERS,
                paths.listing(address),
                f"revision {head.revision} visible, or a change on its way",
                f"revision {head.visible} visible",
                address,
            )
    for place in known.misplaced(only):
        expected, found = f"log entry {place.newest}", f"log entry {place.known}"
        key = paths.version_document(place.address, place.version)
        yield Finding(codes.LEDGER_DIFFERS, key, expected, found, place.address, place.version)


def _versions(listing: bytes) -> frozenset[str]:
    """The versions that a listing of any kind names; none where it cannot be read."""
    try:
        document = json.loads(listing)
        if "modules" in document:
            return frozenset(item["version"] for item in document["modules"][0]["versions"])
        found = document["versions"]
        return frozenset(found if isinstance(found, dict) else (item["version"] for item in found))
    except (ValueError, KeyError, TypeError, IndexError, RecursionError):
        return frozenset()


def _prefixes(address: Address) -> tuple[str, str]:
    listing = paths.listing(address)
    folder = listing.rpartition("/")[0] + "/"
    return folder, folder.removeprefix("v1/")

"""Comparing the objects of one package with what the ledger knows of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from registry_gen import paths
from registry_gen.model.address import MirrorAddress
from registry_gen.publish import codes
from registry_gen.publish.findings import (
    NO_ROW,
    Finding,
    about,
    in_the_way,
    offered,
    wrong_bytes,
    wrong_labels,
    wrong_row,
)
from registry_gen.publish.inventory import folders, listing_without, served_objects, version_objects

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from registry_gen.model.address import Address
    from registry_gen.model.config import Site
    from registry_gen.model.digest import Sha256
    from registry_gen.model.facts import Package, PublishedDocument
    from registry_gen.publish.inventory import Expected
    from registry_gen.storage import Storage, Stored

    Rows = Mapping[str, PublishedDocument]
    Objects = dict[str, Stored]


class Look:
    """Compares; what is wrong gathers in ``findings``. Whatever was looked at is taken out of the objects given."""

    def __init__(self, storage: Storage, site: Site, *, quick: bool) -> None:
        self._storage = storage
        self._site = site
        self._quick = quick
        self.findings: list[Finding] = []

    def served(self, package: Package, rows: Rows, there: Objects) -> None:
        """What clients read of one package; last its listing, which must offer what is there, and only that."""
        address = package.head.address
        expected = {one.key: one for one in served_objects(package, rows, self._site)}
        listing = expected.pop(paths.listing(address), None)
        lost: dict[str, str] = {}
        for one in expected.values():
            if not self.compare(one, there) and not paths.is_provenance(one.key):
                lost.setdefault(_version_of(one.key, address), one.key)
        if listing:
            self._listing(package, listing, lost, there)
        self._rows(rows, {*expected, paths.listing(address)}, folders(address)[0], address)

    def _listing(self, package: Package, listing: Expected, lost: Mapping[str, str], there: Objects) -> None:
        broken = {facts.version: lost[str(facts.version)] for facts in package.listed if str(facts.version) in lost}
        if broken and listing.body is not None:
            shorter = listing_without(package, broken.keys(), listing.row, self._site)
            stored = there.get(listing.key)
            if stored and self._digest(stored, shorter) == shorter.sha256:
                listing, broken = shorter, {}  # no reader is led to what is lost: a repair saw to that
            for version, key in broken.items():
                finding = about(codes.DEAD_LISTING, shorter, "", f"{version}, but not {key}")
                self.findings.append(replace(finding, version=version))
        stored = there.get(listing.key)
        if self.compare(listing, there) or listing.body is None:
            return
        found = self._storage.get(listing.key) if stored else None
        more = offered(found[0] if found else b"") - offered(listing.body)
        if more:
            named = ", ".join(sorted(more)[:5])
            self.findings.append(about(codes.DEAD_LISTING, listing, "", f"versions that are not listed: {named}"))

    def versions(self, package: Package, rows: Rows, there: Objects) -> None:
        """The documents of what is known of each version of one package."""
        address = package.head.address
        expected = list(version_objects(package, rows, self._site))
        for one in expected:
            self.compare(one, there)
        self._rows(rows, {one.key for one in expected}, folders(address)[1], address)

    def _rows(self, rows: Rows, rendered: Collection[str], folder: str, address: Address) -> None:
        for key in sorted(rows.keys() - rendered):
            if key.startswith(folder):
                self.findings.append(
                    Finding(codes.LEDGER_DIFFERS, key, NO_ROW, f"one with the etag {rows[key].etag}", address)
                )

    def compare(self, expected: Expected, there: Objects) -> bool:
        """Whether the object is there, and has the right bytes; it is taken out of ``there``."""
        stored = there.pop(expected.key, None)
        if stored:
            self.findings += wrong_labels(stored, expected.address)
        wrong = wrong_bytes(expected, stored, self._digest(stored, expected) if stored else None)
        if wrong:
            planted = "" if stored else in_the_way(self._storage, expected.key)
            self.findings.append(replace(wrong, found=planted) if planted else wrong)
            return False
        row = wrong_row(expected, stored) if stored else None
        if row:
            self.findings.append(row)
        return True

    def _digest(self, stored: Stored, expected: Expected) -> Sha256 | None:
        """The digest of what is stored, None where the size, or the etag that a document was put with, has to do."""
        if stored.sha256 is not None or expected.sha256 is None:
            return stored.sha256
        trusted = self._quick and (expected.row is None or expected.row.etag == stored.etag)
        return None if trusted else self._storage.digest(stored.key)


def _version_of(key: str, address: Address) -> str:
    """The version whose leaf document or artifact this is, as text."""
    folder, _ = folders(address)
    name = key.removeprefix(folder).partition("/")[0]
    if not isinstance(address, MirrorAddress):
        return name
    if name.endswith(".json"):
        return name.removesuffix(".json")
    return name.removeprefix(f"terraform-provider-{address.type}_").rsplit("_", 2)[0]

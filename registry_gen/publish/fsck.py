"""Comparing the bucket with what the ledger knows and what rendering makes of it: every object, to the last byte.

The bucket is listed once, in order of keys, and packages are read beside it in the same order: at no time are more than
a few hundred packages in memory. Publishing goes on meanwhile, so whatever is found is looked at again.
"""

from __future__ import annotations

import re
from itertools import groupby
from typing import TYPE_CHECKING, Final, TypeVar

from registry_gen import paths
from registry_gen.errors import RefusalError
from registry_gen.log.promised import NOTHING, promised
from registry_gen.model.digest import Sha256
from registry_gen.plan.collect import is_collected
from registry_gen.publish import codes
from registry_gen.publish.findings import Checked, Finding, in_order, in_the_way, surplus
from registry_gen.publish.fsck_log import check_log
from registry_gen.publish.fsck_package import Look
from registry_gen.publish.fsck_truth import untrue_facts, untrue_places, untrue_rows
from registry_gen.publish.garbage import rarely_looking_for_garbage
from registry_gen.publish.inventory import SERVED, Expected, folders, site_objects
from registry_gen.publish.listed import Listed, after
from registry_gen.publish.progress import Silent
from registry_gen.render.discovery import render_site

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Set

    from registry_gen.ledger import Inspection, KnownRecord, Ledger
    from registry_gen.model.address import Address
    from registry_gen.model.config import Site
    from registry_gen.model.facts import Package, PublishedDocument
    from registry_gen.publish.progress import Progress
    from registry_gen.storage import Storage, Stored

    Rows = Mapping[str, PublishedDocument]
    Objects = dict[str, Stored]

_Item = TypeVar("_Item")

PHASE: Final = "Comparing packages"
PACKAGES_AT_ONCE: Final = 200
ENTRIES_AT_ONCE: Final = 10_000
_SECOND_LOOKS: Final = 2
"""What is wrong in all of them is wrong; a publisher may be at work during any one."""

_VERSIONS: Final = ("mirror/", "modules/", "providers/")
_SERVED: Final = ("v1/mirror/", "v1/modules/", "v1/providers/")
_HEX: Final = re.compile(r"[0-9a-f]{64}")
_RECORD: Final = re.compile(rb'"record":"([0-9a-f]{64})"')


def fsck(
    ledger: Ledger,
    storage: Storage,
    site: Site,
    progress: Progress,
    *,
    quick: bool = False,
    only: Sequence[Address] | None = None,
) -> Checked:
    """Compare everything, or the packages ``only``; ``quick`` reads no object whose digest the storage does not know.

    Raises LedgerError or StorageError where one of both cannot be read; all that is wrong with the contents is a
    finding.
    """
    first = Comparison(ledger, storage, site, progress, quick=quick)
    with rarely_looking_for_garbage():
        if only is None:
            first.everything()
        else:
            first.packages(only)
    findings: Collection[Finding] = first.findings
    for _ in range(_SECOND_LOOKS):
        findings = recheck(ledger, storage, site, findings, quick=quick)
    return Checked(first.objects, first.size, tuple(findings))


def recheck(
    ledger: Ledger, storage: Storage, site: Site, findings: Collection[Finding], *, quick: bool = False
) -> tuple[Finding, ...]:
    """Look again at all that findings are about: what is wrong there now, whatever was wrong before."""
    if not findings:
        return ()
    again = Comparison(ledger, storage, site, Silent(), quick=quick)
    with ledger.inspection() as known:
        by_text = {str(address): address for address in known.heads()}
    addresses: set[Address] = set()
    loose: set[str] = set()
    in_log = False
    for finding in findings:
        owner = finding.address or by_text.get(paths.owner(finding.key) or "")
        in_log |= finding.untrue
        if owner:
            addresses.add(owner)
        elif finding.key == paths.DISCOVERY or finding.key.startswith("log/"):
            in_log = True
        else:
            loose.add(finding.key)
    again.packages(sorted(addresses, key=str))
    if in_log:
        again.site_and_log()
    again.loose(sorted(loose))
    return in_order(again.findings)


class Comparison:
    """One walk through the bucket, and what it found."""

    def __init__(
        self, ledger: Ledger, storage: Storage, site: Site, progress: Progress, *, quick: bool = False
    ) -> None:
        self._ledger = ledger
        self._storage = storage
        self._site = site
        self._progress = progress
        self._look = Look(storage, site, quick=quick)
        self.objects = 0
        self.size = 0
        with ledger.inspection() as known:
            self._heads = known.heads()
            unfinished = known.unfinished()
        self._waiting = {str(item.intent.address): item.intent.address for item in unfinished}
        self._on_their_way = frozenset(artifact.key for item in unfinished for artifact in item.intent.artifacts)

    @property
    def findings(self) -> Sequence[Finding]:
        """Everything that was found so far."""
        return self._look.findings

    def everything(self) -> None:
        """Every key of the bucket, in order, and every package of the ledger beside it."""
        self._progress.begin(PHASE, len(self._heads))
        self._unfinished(self._waiting.values())
        listed = Listed(self._storage.list(""))
        self._site_objects(listed.before("log/"))
        self._log(listed.before(after("log/")))
        for folder in _VERSIONS:
            self._region(listed, folder)
        self._rest(listed.before("records/"))
        self._records(listed)
        for folder in _SERVED:
            self._region(listed, folder)
        self._rest(listed.before(None))
        self._contradictions(None)
        self.objects, self.size = listed.objects, listed.size

    def packages(self, addresses: Sequence[Address]) -> None:
        """All that is of these packages, and nothing else."""
        self._unfinished(address for address in addresses if str(address) in self._waiting)
        known_ones = [address for address in addresses if address in self._heads]
        for batch in _batches(known_ones):
            with self._ledger.inspection() as known:
                packages, rows = known.packages(batch), known.documents_of(batch)
                self._look.findings += untrue_rows(known, batch, packages, rows)
                for address in batch:
                    there = {key: stored for prefix in folders(address) for key, stored in self._listed(prefix).items()}
                    for package in self._settled(packages, address):
                        self._compare(known, package, rows.get(address, {}), there, self._look.served)
                        self._compare(known, package, rows.get(address, {}), there, self._look.versions)
                        self._records_of(package)
                    self._rest(there, packages, known)
                    self._progress.step(PHASE, str(address))
        if known_ones:
            self._contradictions(known_ones)

    def site_and_log(self) -> None:
        """The documents of no package, and the log."""
        found = self._head(paths.DISCOVERY)
        self._site_objects({paths.DISCOVERY: found} if found else {})
        self._log(self._listed("log/"))

    def loose(self, keys: Collection[str]) -> None:
        """Objects that are of no package, and that nothing referred to: whether that is so still."""
        records = {key for key in keys if key.startswith("records/")}
        with self._ledger.inspection() as known:
            named = named_records(known, records) if records else set()
        for key in keys:
            finding = surplus(key)
            stored = None if finding.code is codes.FOREIGN else self._head(key)
            if key in named and stored:
                self._look.compare(_former_object(key), {key: stored})
            elif finding.code is codes.FOREIGN or (stored and key not in self._on_their_way):
                self._look.findings.append(finding)

    def _head(self, key: str) -> Stored | None:
        return None if in_the_way(self._storage, key) else self._storage.head(key)

    def _listed(self, prefix: str) -> Objects:
        listed = Listed(self._storage.list(prefix))
        found = listed.before(None)
        self.objects, self.size = self.objects + listed.objects, self.size + listed.size
        return found

    def _unfinished(self, addresses: Iterable[Address]) -> None:
        for address in sorted(addresses, key=str):
            self._look.findings.append(Finding(codes.UNFINISHED, paths.listing(address), address=address))

    def _region(self, listed: Listed, folder: str) -> None:
        """All packages of one kind, beside the objects in one folder, which may hold more than they know of."""
        served = folder.startswith(SERVED)
        by_prefix = {folders(address)[0 if served else 1]: address for address in self._heads}
        batches = list(_batches(sorted(prefix for prefix in by_prefix if prefix.startswith(folder))))
        for number, batch in enumerate(batches):
            there = listed.before(batches[number + 1][0] if number + 1 < len(batches) else after(folder))
            addresses = [by_prefix[prefix] for prefix in batch]
            with self._ledger.inspection() as known:
                packages = known.packages(addresses)
                rows = known.documents_of(addresses, "" if served else folder)  # all of them tell which is the newest
                if served:
                    self._look.findings += untrue_rows(known, addresses, packages, rows)
                for address in addresses:
                    for package in self._settled(packages, address):
                        compare = self._look.served if served else self._look.versions
                        self._compare(known, package, rows.get(address, {}), there, compare)
                    if served:
                        self._progress.step(PHASE, str(address))
                self._rest(there, packages, known)

    def _compare(
        self,
        known: Inspection,
        package: Package,
        rows: Rows,
        there: Objects,
        compare: Callable[[Package, Rows, Objects], None],
    ) -> None:
        """The package's objects; where a document is not as rendered, it may be the ledger that was changed."""
        before = len(self._look.findings)
        compare(package, rows, there)
        if any(found.expected_object and found.expected_object.row for found in self._look.findings[before:]):
            self._look.findings += untrue_facts(known, self._storage, package)

    def _site_objects(self, there: Objects) -> None:
        with self._ledger.inspection() as known:
            rows = known.documents_of_site()
        for one in site_objects(render_site(self._site), rows):
            self._look.compare(one, there)
        self._rest(there)

    def _log(self, there: Objects) -> None:
        with self._ledger.inspection() as known:
            self._look.findings += check_log(known, self._storage, there, lambda one: self._look.compare(one, there))
            self._look.findings += untrue_places(known.misfiled())
        self._rest(there)

    def _records(self, listed: Listed) -> None:
        """Both sides come in order of digests, and neither is ever in memory as a whole."""
        found = listed.each_before(after("records/"))
        stored = next(found, None)
        with self._ledger.inspection() as known:
            for digest, group in groupby(known.records(), key=lambda record: record.digest):
                one = self._record(digest, list(group))
                while stored and stored.key < one.key:
                    self._rest({stored.key: stored})
                    stored = next(found, None)
                here = stored is not None and stored.key == one.key
                self._look.compare(one, {one.key: stored} if here and stored else {})
                if here:
                    stored = next(found, None)
        if stored:
            self._rest({stored.key: stored})
        self._rest({stored.key: stored for stored in found})

    def _record(self, digest: Sha256, versions: Sequence[KnownRecord]) -> Expected:
        needed = [each for each in versions if each.needed and str(each.address) not in self._waiting]
        first = (needed or versions)[0]
        return Expected(paths.record(digest), digest, None, first.address, first.version, optional=not needed)

    def _records_of(self, package: Package) -> None:
        for facts in package.versions:
            key = paths.record(facts.record)
            stored = self._head(key)
            address = package.head.address
            one = Expected(key, facts.record, None, address, facts.version, optional=is_collected(facts))
            self._look.compare(one, {key: stored} if stored else {})

    def _settled(self, packages: Mapping[Address, Package], address: Address) -> Iterator[Package]:
        """The package, unless it was never published, or a change of it is on its way."""
        if address in packages and str(address) not in self._waiting:
            yield packages[address]

    def _rest(
        self,
        there: Objects,
        packages: Mapping[Address, Package] | None = None,
        known: Inspection | None = None,
    ) -> None:
        """What nothing refers to, unless it is on its way, or the log has named it of a version that may come back."""
        keys = [key for key in there if key not in self._on_their_way and (paths.owner(key) or "") not in self._waiting]
        former = self._former(known, packages, keys) if keys and known and packages else {}
        for key in keys:
            if key in former:
                self._look.compare(former[key], there)
            else:
                self._look.findings.append(surplus(key))

    def _former(
        self, known: Inspection, packages: Mapping[Address, Package], keys: Sequence[str]
    ) -> Mapping[str, Expected]:
        """What the log has named of versions that are not collected, among ``keys``: sums and archives of before."""
        by_text = {str(address): package for address, package in packages.items()}
        owners = [by_text[text] for text in {paths.owner(key) or "" for key in keys} if text in by_text]
        try:
            named = promised(known.log_entries_of([package.head.address for package in owners]))
        except RefusalError:  # named where the packages are compared with their entries
            return {key: _former_object(key) for key in keys}
        return {
            key: _former_object(key)
            for package in owners
            for facts in package.versions
            if not is_collected(facts)
            for key in named.get((package.head.address, facts.version), NOTHING).artifacts
        }

    def _contradictions(self, only: Sequence[Address] | None) -> None:
        """What the ledger says of itself that cannot be."""
        with self._ledger.inspection() as known:
            misplaced = known.misplaced(only)
        for address in self._heads if only is None else only:
            head = self._heads[address]
            if head.visible != head.revision and str(address) not in self._waiting:
                expected = f"revision {head.revision} visible, or a change on its way"
                found, key = f"revision {head.visible} visible", paths.listing(address)
                self._look.findings.append(Finding(codes.LEDGER_DIFFERS, key, expected, found, address))
        for place in misplaced:
            expected, found = f"log entry {place.newest}", f"log entry {place.known}"
            key = paths.version_document(place.address, place.version)
            self._look.findings.append(
                Finding(codes.LEDGER_DIFFERS, key, expected, found, place.address, place.version, untrue=True)
            )


def _former_object(key: str) -> Expected:
    """Only what has its digest in its name can be compared."""
    name = key.rpartition("/")[2][:64]
    return Expected(key, Sha256(name) if len(name) == 64 and _HEX.fullmatch(name) else None, None, optional=True)


def named_records(known: Inspection, keys: Set[str]) -> Set[str]:
    """Those records that a version, or an entry of the log, refers to."""
    named = {paths.record(record.digest) for record in known.records() if paths.record(record.digest) in keys}
    start = 0
    while entries := known.log_entries(start, start + ENTRIES_AT_ONCE):
        start += len(entries)
        digests = (digest.decode() for payload in entries for digest in _RECORD.findall(payload))
        named |= keys & {f"records/{digest}" for digest in digests}
    return named


def _batches(items: Sequence[_Item]) -> Iterator[Sequence[_Item]]:
    return (items[start : start + PACKAGES_AT_ONCE] for start in range(0, len(items), PACKAGES_AT_ONCE))

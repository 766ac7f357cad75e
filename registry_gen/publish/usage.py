"""What is stored, by kind, package and owner: from one listing of the bucket, beside what the ledger knows."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

from registry_gen import paths
from registry_gen.model.address import MirrorAddress
from registry_gen.model.facts import Stock
from registry_gen.publish.progress import Silent

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from registry_gen.ledger import Inspection, Ledger
    from registry_gen.model.address import Address
    from registry_gen.model.entries import Catalog, Quota
    from registry_gen.publish.progress import Progress
    from registry_gen.storage import Storage, Stored

PHASE: Final = "Listing the bucket"
_STEP: Final = 1_000

Kind = Literal["archives", "zips", "sums and signatures", "records", "documents", "log", "other"]
KINDS: Final[tuple[Kind, ...]] = (*("archives", "zips", "sums and signatures", "records", "documents", "log", "other"),)


@dataclass(slots=True)
class Sum:
    """A number of objects, and their bytes."""

    objects: int = 0
    size: int = 0

    def add(self, size: int) -> None:
        """One object more."""
        self.objects += 1
        self.size += size


@dataclass(frozen=True, slots=True)
class Owner:
    """An organization, or what has none: its namespace, or the host and namespace of mirrors.

    ``stock`` and ``quota`` are those of an organization that has a quota.
    """

    name: str
    is_organization: bool
    sum: Sum
    stock: Stock | None = None
    quota: Quota | None = None


@dataclass(slots=True)
class Usage:
    """Everything in the bucket. ``packages`` are by address; ``unknown`` is what is of no package that the ledger has,
    and of no kind that is the registry's own.
    """

    total: Sum = field(default_factory=Sum)
    kinds: dict[Kind, Sum] = field(default_factory=lambda: {kind: Sum() for kind in KINDS})
    packages: dict[Address, Sum] = field(default_factory=lambda: defaultdict(Sum))
    owners: tuple[Owner, ...] = ()
    unknown: Sum = field(default_factory=Sum)


def kind_of(key: str) -> Kind:
    """What an object is; statements about archives count as signatures."""
    try:
        rule = paths.rule(key)
    except ValueError:
        return "other"
    if key.startswith(paths.SCRATCH):
        return "other"
    if key.startswith("log/"):
        return "log"
    if not rule.immutable:
        return "documents"
    if key.startswith("records/"):
        return "records"
    if paths.wave(key) == 0:
        return "zips" if key.endswith(".zip") else "archives"
    return "sums and signatures"


def usage(ledger: Ledger, storage: Storage, catalog: Catalog, progress: Progress | None = None) -> Usage:
    """List the bucket once, in order of keys, and the ledger's records beside it; neither is in memory as a whole."""
    shown = progress or Silent()
    shown.begin(PHASE, 0)
    found = Usage()
    with ledger.inspection() as known:
        by_text = {str(address): address for address in known.heads()}
        records = _Records(known)
        for number, stored in enumerate(storage.list("")):
            _count(found, stored, by_text, records)
            if number % _STEP == 0:
                shown.step(PHASE, stored.key)
    found.owners = tuple(_owners(found.packages, catalog, ledger))
    return found


def _count(found: Usage, stored: Stored, by_text: Mapping[str, Address], records: _Records) -> None:
    kind = kind_of(stored.key)
    found.total.add(stored.size)
    found.kinds[kind].add(stored.size)
    address = records.owner(stored.key) if kind == "records" else by_text.get(paths.owner(stored.key) or "")
    if address and kind != "other":
        found.packages[address].add(stored.size)
    elif kind != "log" and stored.key != paths.DISCOVERY:
        found.unknown.add(stored.size)


class _Records:
    """Whose a record is, asked in order of keys."""

    def __init__(self, known: Inspection) -> None:
        self._known = known.records()
        self._next = next(self._known, None)

    def owner(self, key: str) -> Address | None:
        while self._next and paths.record(self._next.digest) < key:
            self._next = next(self._known, None)
        return self._next.address if self._next and paths.record(self._next.digest) == key else None


def _owners(packages: Mapping[Address, Sum], catalog: Catalog, ledger: Ledger) -> Iterator[Owner]:
    """Organizations that own anything or have a quota, and all namespaces that nobody owns."""
    by_namespace = {name: each.name for each in catalog.organizations for name in each.namespaces}
    sums: dict[tuple[str, bool], Sum] = defaultdict(Sum)
    for address, one in packages.items():
        here = sums[_owner(address, by_namespace)]
        here.objects += one.objects
        here.size += one.size
    stock = ledger.stock(catalog.limited) if catalog.limited else {}
    for organization in catalog.organizations:
        total = sums.pop((organization.name, True), None) or Sum()
        taken = sum((stock.get(name, Stock()) for name in organization.namespaces), Stock())
        if total.objects or organization.quota:
            quota = organization.quota
            yield Owner(organization.name, True, total, taken if quota else None, quota)
    for (name, _), total in sums.items():
        yield Owner(name, False, total)


def _owner(address: Address, by_namespace: Mapping[str, str]) -> tuple[str, bool]:
    if isinstance(address, MirrorAddress):
        return f"{address.hostname}/{address.namespace}", False
    organization = by_namespace.get(address.namespace)
    return (organization, True) if organization else (address.namespace, False)

"""Whether what the ledger says of packages is what its own log, and the records that the log names, say of them.

Documents are rendered from the ledger's rows: where somebody changed these by hand, good documents look wrong.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from registry_gen import paths
from registry_gen.errors import InputError, RefusalError, StorageError
from registry_gen.log.agreement import Disagreement, disagreements, unlike_records
from registry_gen.log.history import replay_some
from registry_gen.model.address import parse_address
from registry_gen.model.digest import sha256
from registry_gen.publish import codes
from registry_gen.publish.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from registry_gen.ledger import Inspection
    from registry_gen.log.history import PackageHistory
    from registry_gen.model.address import Address
    from registry_gen.model.digest import Sha256
    from registry_gen.model.facts import Package, PublishedDocument
    from registry_gen.storage import Storage

    Rows = Mapping[str, PublishedDocument]


@dataclass(frozen=True, slots=True)
class _Said:
    """What the log says of some packages, and of which of them it says what cannot be."""

    histories: Mapping[Address, PackageHistory]
    broken: Mapping[Address, RefusalError] = field(default_factory=dict)


def untrue_rows(
    known: Inspection, addresses: Sequence[Address], packages: Mapping[Address, Package], rows: Mapping[Address, Rows]
) -> Iterator[Finding]:
    """Where the rows of these packages contradict their entries in the log; ``rows`` are those of their documents."""
    said = _said(known, addresses)
    for address in addresses:
        package, history = packages.get(address), said.histories.get(address)
        if address in said.broken:
            error = said.broken[address]
            yield _untrue(
                address, Disagreement(None, "entries of the log that can be", f"{error.where}: {error.message}")
            )
        elif package is None:
            if history:
                yield _untrue(address, Disagreement(None, f"revision {history.revision} or a later one", "revision 0"))
        elif history is None:
            for facts in package.versions[:1]:
                yield _untrue(address, Disagreement(facts.version, "an entry of the log about it", "none"))
        else:
            for found in disagreements(package, history):
                yield _untrue(address, found)
        newest = max((row.revision for row in rows.get(address, {}).values()), default=0)
        if package and newest > package.head.revision:
            found = Disagreement(None, f"revision {newest}, as of a document, or later", f"{package.head.revision}")
            yield _untrue(address, found)


def untrue_facts(known: Inspection, storage: Storage, package: Package) -> Iterator[Finding]:
    """Where a package's rows contradict the records of its versions: asked where its documents are not as rendered."""
    address = package.head.address
    history = _said(known, [address]).histories.get(address)

    def record(digest: Sha256) -> bytes | None:
        try:
            found = storage.get(paths.record(digest))
        except StorageError:
            return None  # named as what it is, an object in somebody's way
        return found[0] if found and sha256(found[0]) == digest else None

    for found in unlike_records(package, history, record) if history else ():
        yield _untrue(address, found)


def untrue_places(misfiled: Iterable[str]) -> Iterator[Finding]:
    """Entries of the log that are kept under another package than they name, so that nobody finds them there."""
    for text in misfiled:
        expected, found = "its entries of the log kept under it", "some under another package, or others under it"
        try:
            yield _untrue(parse_address(text), Disagreement(None, expected, found))
        except InputError:
            yield Finding(codes.LEDGER_DIFFERS, paths.CHECKPOINT, expected, f"{found}: {text}", untrue=True)


def _said(known: Inspection, addresses: Sequence[Address]) -> _Said:
    try:
        history = replay_some(known.log_entries_of(addresses))
        if not history.contradictions:
            return _Said(history.packages)
    except RefusalError:
        pass
    histories: dict[Address, PackageHistory] = {}
    broken: dict[Address, RefusalError] = {}
    for address in addresses:  # one broken entry must not speak for all that were asked for together
        try:
            history = replay_some(known.log_entries_of([address]))
        except RefusalError as error:
            broken[address] = error
        else:
            histories |= history.packages
            if history.contradictions:
                broken[address] = history.contradictions[0]
    return _Said(histories, broken)


def _untrue(address: Address, found: Disagreement) -> Finding:
    key = paths.version_document(address, found.version) if found.version else paths.listing(address)
    return Finding(
        codes.LEDGER_DIFFERS, key, f"{found.logged}, as logged", found.kept, address, found.version, untrue=True
    )

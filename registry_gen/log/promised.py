"""The immutable objects that the log has named: those of versions as they are, and as they were before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry_gen import paths
from registry_gen.log.read_entries import ModuleDigests, PinningEntry, read_entry
from registry_gen.model.address import MirrorAddress, ModuleAddress, ProviderAddress
from registry_gen.model.facts import Hosting

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from registry_gen.log.read_entries import Pinned
    from registry_gen.model.address import Address
    from registry_gen.model.version import Version


@dataclass(frozen=True, slots=True)
class Promised:
    """The keys that entries about one version named; what they pointed at elsewhere was perhaps never stored."""

    records: frozenset[str]
    artifacts: frozenset[str]


NOTHING = Promised(frozenset(), frozenset())


def promised(entries: Iterable[tuple[int, bytes]]) -> Mapping[tuple[Address, Version], Promised]:
    """What entries, each with its index, named of every version; raises RefusalError LOG008 for one that is none."""
    found: dict[tuple[Address, Version], Promised] = {}
    for index, payload in entries:
        entry = read_entry(payload, index)
        if entry.address is None or not isinstance(entry.said, PinningEntry):
            continue
        version, pinned = entry.said.version, entry.said.pinned
        before = found.get((entry.address, version), NOTHING)
        found[entry.address, version] = Promised(
            before.records | {paths.record(pinned.record)},
            before.artifacts.union(_artifacts(entry.address, version, pinned)),
        )
    return found


def _artifacts(address: Address, version: Version, pinned: Pinned) -> Iterator[str]:
    copied = pinned.hosting is Hosting.COPY
    platforms = () if isinstance(pinned.digests, ModuleDigests) or not copied else tuple(pinned.digests)
    match address:
        case ModuleAddress() if copied:
            yield paths.module_archive(address, version)
            yield paths.module_provenance(address, version)
        case ProviderAddress():
            yield from (paths.provider_zip(address, version, platform) for platform in platforms)
            if pinned.sums:
                yield paths.provider_sums(address, version, pinned.sums.sha256)
                yield paths.provider_signature(address, version, pinned.sums.signature)
        case MirrorAddress():
            yield from (paths.mirror_zip(address, version, platform) for platform in platforms)

"""The immutable objects that a version consists of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry_gen import paths
from registry_gen.model.address import MirrorAddress, ModuleAddress, ProviderAddress
from registry_gen.model.facts import Hosting, ModuleVersion, ProviderVersion

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry_gen.model.address import Address
    from registry_gen.model.digest import Sha256
    from registry_gen.model.facts import Package, VersionFacts


def version_artifacts(address: Address, facts: VersionFacts) -> Mapping[str, Sha256]:
    """Keys and digests of what a version stores beside its record: archive and provenance, or zips, sums, signature."""
    copied = facts.hosting is Hosting.COPY
    found: dict[str, Sha256] = {}
    match address, facts:
        case ModuleAddress(), ModuleVersion():
            if facts.archive:
                found[paths.module_archive(address, facts.version)] = facts.archive
            if facts.provenance:
                found[paths.module_provenance(address, facts.version)] = facts.provenance
        case ProviderAddress(), ProviderVersion():
            sums, signature = facts.sums.sums, facts.sums.signature
            if facts.sums.sums_url is None:
                found[paths.provider_sums(address, facts.version, sums)] = sums
                found[paths.provider_signature(address, facts.version, signature)] = signature
            if copied:
                found |= {paths.provider_zip(address, facts.version, item.platform): item.zh for item in facts.packages}
        case MirrorAddress(), _ if copied and not isinstance(facts, ModuleVersion):
            found |= {paths.mirror_zip(address, facts.version, item.platform): item.zh for item in facts.packages}
        case _:
            pass
    return found


def known_sizes(facts: VersionFacts) -> Mapping[Sha256, int]:
    """The sizes in bytes, by digest, of those artifacts of a version whose size is known: archives and zips."""
    if isinstance(facts, ModuleVersion):
        return {facts.archive: facts.archive_size} if facts.archive and facts.archive_size else {}
    return {package.zh: package.size for package in facts.packages if package.size}


def artifact_keys(package: Package) -> frozenset[str]:
    """The keys of every immutable object that the package's versions refer to, withdrawn ones included."""
    address = package.head.address
    keys = {key for facts in package.versions for key in version_artifacts(address, facts)}
    return frozenset(keys | {paths.record(facts.record) for facts in package.versions})

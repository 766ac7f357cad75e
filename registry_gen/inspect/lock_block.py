"""A provider's block of a lock file with the hashes of all platforms, as ``terraform providers lock`` writes it.

The hashes are those of the registry's documents: an h1 of each platform that it holds, and the zh of each line of the
SHA256SUMS that the publisher signed. Sources: hashicorp/terraform, internal/depsfile/locks_file.go (the form) and
internal/getproviders/types.go (VersionConstraintsString).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry_gen.errors import InputError
from registry_gen.inspect import codes
from registry_gen.inspect.findings import Findings
from registry_gen.inspect.offered import Offered
from registry_gen.inspect.records import ProviderRecord
from registry_gen.inspect.version import read_logged_record
from registry_gen.log.read_entries import ModuleDigests
from registry_gen.model.address import ProviderAddress
from registry_gen.verify.sums import parse_sums

if TYPE_CHECKING:
    from registry_gen.inspect.discovered import Registry
    from registry_gen.model.address import MirrorAddress
    from registry_gen.model.version import Clause, Constraints, Version


@dataclass(frozen=True, slots=True)
class LockBlock:
    """What a block says; ``hashes`` are sorted, ``lacking`` the platforms without an h1."""

    source: str
    version: Version
    constraints: str
    hashes: tuple[str, ...]
    lacking: tuple[str, ...]

    @property
    def text(self) -> str:
        """As Terraform and OpenTofu write it; nothing in it needs escapes, for all of it was parsed."""
        arguments = f'  version = "{self.version}"\n'
        if self.constraints:
            arguments = f'  version     = "{self.version}"\n  constraints = "{self.constraints}"\n'
        hashes = "".join(f'    "{each}",\n' for each in self.hashes)
        return f'provider "{self.source}" {{\n{arguments}  hashes = [\n{hashes}  ]\n}}\n'


def lock_block(
    registry: Registry, address: ProviderAddress | MirrorAddress, version: Version, constraints: Constraints | None
) -> LockBlock:
    """The block of one listed version.

    Raises InputError INS062 to INS064 for what is not listed, SourceError, RefusalError INS024, INS025, INS030, INS031.
    """
    offered = Offered(registry.reader)
    source = f"{registry.host}/{address}" if isinstance(address, ProviderAddress) else str(address)
    versions = offered.versions(address)
    if not versions:
        raise InputError(codes.NO_SUCH_PACKAGE, where=source)
    known = offered.known(address, version)
    if known and known.withdrawn is not None:
        raise InputError(codes.WITHDRAWN_USED, where=source, found=f"{version}: {known.withdrawn[:500]}")
    if version not in versions or known is None:
        raise InputError(codes.NO_SUCH_VERSION, where=source, expected=f"up to {versions[-1]}", found=str(version))
    if constraints and not constraints.allows(version):
        raise InputError(codes.NO_SUCH_VERSION, where=source, expected=str(constraints), found=str(version))
    findings = Findings()
    record = read_logged_record(registry.reader, address, version, known.pinned, ProviderRecord, findings)
    if findings.problems:
        raise findings.problems[0]
    zips = known.pinned.digests
    assert not isinstance(zips, ModuleDigests)  # noqa: S101 - the address is a provider's
    vouched = parse_sums(record.sums.encode(), f"records/{known.pinned.record}")
    hashes = {f"zh:{digest}" for digest in vouched.values()} | {f"zh:{each.zh}" for each in zips.values()}
    hashes |= {each.h1 for each in zips.values() if each.h1}
    lacking = tuple(str(platform) for platform in sorted(zips) if not zips[platform].h1)
    return LockBlock(source, version, _as_locked(constraints), tuple(sorted(hashes)), lacking)


def _as_locked(constraints: Constraints | None) -> str:
    return ", ".join(map(_clause, constraints.clauses)) if constraints else ""


def _clause(clause: Clause) -> str:
    """One comparison as lock files have it: "=" is not written, and ``~> 1`` is ``~> 1.0``."""
    if clause.operator == "=":
        return str(clause.version)
    if clause.operator == "~>" and clause.numbers == 1:
        return f"~> {clause.version.major}.0"
    return str(clause)

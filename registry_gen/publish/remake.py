"""Making artifacts again, to repair a bucket: only bytes with the digest that the ledger knows are taken."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from registry_gen import paths
from registry_gen.errors import RefusalError, RegistryError
from registry_gen.model.address import MirrorAddress, ModuleAddress, ProviderAddress
from registry_gen.model.digest import sha256
from registry_gen.model.facts import MirrorVersion, ModuleVersion, ProviderVersion
from registry_gen.model.plan import ReleaseSeen
from registry_gen.publish import codes
from registry_gen.publish.artifacts import read_record
from registry_gen.publish.module_source import pack_pinned, pin_again
from registry_gen.publish.stage_zip import stage_zip
from registry_gen.render.artifacts import version_artifacts

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from registry_gen.model.address import Address
    from registry_gen.model.digest import Sha256
    from registry_gen.model.facts import ProviderPackage, VersionFacts
    from registry_gen.model.intent import Artifact
    from registry_gen.publish.registry import Registry
    from registry_gen.publish.stage_zip import Downloaded

    ZipAddress = ProviderAddress | MirrorAddress
    ZipVersion = ProviderVersion | MirrorVersion

    Make = Callable[[str, Sha256], Artifact]
    """Stages the artifact of this key; its digest has to be this one."""


@dataclass(frozen=True, slots=True)
class Remade:
    """Artifacts that wait in the staging area, and why the others are not to be had, by key."""

    artifacts: tuple[Artifact, ...]
    problems: Mapping[str, RegistryError]


def remake_artifacts(registry: Registry, address: Address, facts: VersionFacts, wanted: Collection[str]) -> Remade:
    """Make those artifacts of a version again whose keys are ``wanted``: archives and zips from their sources, what was
    signed from the version's record. Whoever puts them discards them from the staging area.

    Raises ValueError for a key that is not of ``version_artifacts``; all else becomes the problem of its key.
    """
    promised = version_artifacts(address, facts)
    makers = _makers(registry, address, facts)
    artifacts: list[Artifact] = []
    problems: dict[str, RegistryError] = {}
    for key in sorted(wanted):
        if key not in promised:
            raise ValueError(f"not an artifact of {address} {facts.version}: {key!r}")
        try:
            artifacts.append(makers[key](key, promised[key]))
        except RegistryError as error:
            problems[key] = error
    return Remade(tuple(artifacts), problems)


def fetch_zip(
    registry: Registry, address: ZipAddress, facts: ZipVersion, package: ProviderPackage, key: str | None
) -> Artifact | None:
    """Fetch the zip of one platform again from where it came, and keep it for ``key`` unless that is None.

    Raises RefusalError PUB005 where it has another digest than was published, SourceError where it is not to be had.
    """
    sources = registry.sources

    def download(out: BinaryIO, limit: int) -> Downloaded:
        if isinstance(facts, ProviderVersion):
            release = ReleaseSeen(facts.version, facts.origin, facts.evidence, None, {}, facts.protocols)
            return sources.releases.copy(release, package.filename, out, limit)
        assert isinstance(address, MirrorAddress)  # noqa: S101 - as its facts are
        offer = sources.upstream.package(facts.origin, address, facts.version, package.platform)
        return sources.upstream.copy(offer.url, out, limit)

    _, artifact = stage_zip(
        registry,
        address.type,
        package.platform,
        package.filename,
        package.zh,
        download,
        key=key,
        url=package.url,
        where=f"{address} {facts.version}",
    )
    return artifact


def _makers(registry: Registry, address: Address, facts: VersionFacts) -> Mapping[str, Make]:
    """For each key that the version may have, how its artifact is made."""
    match address, facts:
        case ModuleAddress(), ModuleVersion():
            return {
                paths.module_archive(address, facts.version): _archive(registry, address, facts),
                paths.module_provenance(address, facts.version): _recorded(registry, facts, "attestation", str.encode),
            }
        case ProviderAddress(), ProviderVersion():
            sums = paths.provider_sums(address, facts.version, facts.sums.sums)
            signature = paths.provider_signature(address, facts.version, facts.sums.signature)
            zips = {
                paths.provider_zip(address, facts.version, package.platform): _zip(registry, address, facts, package)
                for package in facts.packages
            }
            return {
                **zips,
                sums: _recorded(registry, facts, "sums", str.encode),
                signature: _recorded(registry, facts, "signature", base64.b64decode),
            }
        case MirrorAddress(), MirrorVersion():
            return {
                paths.mirror_zip(address, facts.version, package.platform): _zip(registry, address, facts, package)
                for package in facts.packages
            }
        case _:
            raise TypeError(f"{address}: facts of another kind")


def _archive(registry: Registry, address: ModuleAddress, facts: ModuleVersion) -> Make:
    def make(key: str, digest: Sha256) -> Artifact:
        with registry.staging.file() as out:
            made = pack_pinned(registry, pin_again(registry.sources, facts), out, f"{address} {facts.version}")
            if made.packed.sha256 != digest:
                raise _other(key, digest, made.packed.sha256, same_contents=made.packed.tree == facts.tree)
            return registry.staging.keep(out, key, digest)

    return make


def _zip(registry: Registry, address: ZipAddress, facts: ZipVersion, package: ProviderPackage) -> Make:
    def make(key: str, _: Sha256) -> Artifact:
        artifact = fetch_zip(registry, address, facts, package, key)
        assert artifact is not None  # noqa: S101 - there is a key
        return artifact

    return make


def _recorded(registry: Registry, facts: VersionFacts, member: str, decode: Callable[[str], bytes]) -> Make:
    """What was signed cannot be made again alike: the record keeps it."""

    def make(key: str, digest: Sha256) -> Artifact:
        data = decode(read_record(registry.public, facts)[member])
        if sha256(data) != digest:
            raise _other(key, digest, sha256(data), same_contents=False)
        return registry.staging.keep_bytes(data, key)

    return make


def _other(key: str, expected: Sha256, found: Sha256, *, same_contents: bool) -> RefusalError:
    hint = (
        "The contents are the same, but another zlib compressed them. Repair it on a machine like the one that "
        "published, or take the archive from a copy of the bucket."
    )
    code = codes.REBUILT_DIFFERS
    return RefusalError(code, where=key, expected=expected, found=found, hint=hint if same_contents else code.fix)

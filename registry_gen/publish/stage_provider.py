"""Staging one version of a provider of this registry."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, BinaryIO

from registry_gen import paths
from registry_gen.model.digest import Sha256, sha256
from registry_gen.model.facts import Hosting, ProviderPackage, ProviderVersion, Sums
from registry_gen.model.plan import Staged
from registry_gen.publish.stage_zip import Downloaded, require_digest, stage_zip
from registry_gen.render.version_records import provider_record
from registry_gen.sources.releases import SIGNATURE_BYTES, SUMS_BYTES, signature_name, sums_name
from registry_gen.verify.openpgp import verify_detached
from registry_gen.verify.sums import lint_sums, render_sums

if TYPE_CHECKING:
    from collections.abc import Sequence

    from registry_gen.model.address import Platform
    from registry_gen.model.entries import ProviderEntry
    from registry_gen.model.facts import SigningKey
    from registry_gen.model.intent import Artifact
    from registry_gen.model.plan import PublishProvider
    from registry_gen.publish.stage import Stage


def stage_provider(
    stage: Stage,
    entry: ProviderEntry,
    action: PublishProvider,
    before: ProviderVersion | None,
    keys: Sequence[SigningKey],
) -> Staged:
    """Verify sums and signature first, then each wanted platform's zip, side by side.

    ``before`` are the version's facts where it is published and only gains platforms; ``keys`` all that clients will
    get, which go on record.
    """
    release = action.release
    documents = _published_sums(stage, entry, action)
    hosting = before.hosting if before else entry.hosting
    results = list(
        stage.downloads.map(lambda platform: _stage_platform(stage, action, platform, hosting), action.platforms)
    )
    packages = (*(before.packages if before else ()), *(package for package, _ in results))
    packages = tuple(sorted(packages, key=lambda package: package.platform))
    artifacts = [artifact for _, artifact in results if artifact]
    sums, signature, signer = documents or _own_sums(stage, packages)
    served = Sums(sha256(sums), sha256(signature), signer)
    if hosting is Hosting.LINK and entry.signature == "publisher":
        url = stage.sources.releases.url
        sums_url = url(release, sums_name(entry.address.type, action.version))
        signature_url = url(release, signature_name(entry.address.type, action.version))
        served = replace(served, sums_url=sums_url, signature_url=signature_url)
    else:
        artifacts.append(
            stage.staging.keep_bytes(sums, paths.provider_sums(entry.address, action.version, served.sums))
        )
        key = paths.provider_signature(entry.address, action.version, served.signature)
        artifacts.append(stage.staging.keep_bytes(signature, key))
    facts = ProviderVersion(
        version=action.version,
        origin=release.location,
        evidence=release.sums,
        protocols=entry.protocols or release.protocols,
        packages=packages,
        sums=served,
        hosting=hosting,
        record=Sha256(""),
        recorded_at=stage.now,
    )
    record = provider_record(entry.address, facts, sums, signature, stage.catalog_commit, keys)
    facts = replace(facts, record=sha256(record))
    artifacts.append(stage.staging.keep_bytes(record, paths.record(facts.record)))
    return Staged(action, facts, tuple(artifacts))


def _published_sums(stage: Stage, entry: ProviderEntry, action: PublishProvider) -> tuple[bytes, bytes, str] | None:
    """The publisher's sums, signature and signer, verified; None where this registry signs sums of its own."""
    where = f"{entry.address} {action.version}"
    read = stage.sources.releases.small
    sums = read(action.release, sums_name(entry.address.type, action.version), SUMS_BYTES)
    require_digest(action.release.sums, sha256(sums), f"{where}: SHA256SUMS")
    if entry.signature == "registry":
        return None
    signature = stage.sources.releases.small(
        action.release, signature_name(action.address.type, action.version), SIGNATURE_BYTES
    )
    signer = verify_detached(sums, signature, entry.signing_keys, where, stage.now)
    lint_sums(sums, where)
    return sums, signature, signer


def _own_sums(stage: Stage, packages: Sequence[ProviderPackage]) -> tuple[bytes, bytes, str]:
    sums = render_sums({package.filename: package.zh for package in packages})
    return sums, stage.signer.sign(sums), stage.signer.key.fingerprint


def _stage_platform(
    stage: Stage, action: PublishProvider, platform: Platform, hosting: Hosting
) -> tuple[ProviderPackage, Artifact | None]:
    address = action.address
    filename = paths.zip_name(address.type, action.version, platform)
    copied = hosting is Hosting.COPY
    if platform in action.unfetched and not copied:
        url = stage.sources.releases.url(action.release, filename)
        return ProviderPackage(platform, filename, action.release.files[filename], None, None, url), None

    def download(out: BinaryIO, limit: int) -> Downloaded:
        return stage.sources.releases.copy(action.release, filename, out, limit)

    return stage_zip(
        stage,
        address.type,
        platform,
        filename,
        action.release.files[filename],
        download,
        key=paths.provider_zip(address, action.version, platform) if copied else None,
        url=None if copied else stage.sources.releases.url(action.release, filename),
        where=f"{address} {action.version}",
    )

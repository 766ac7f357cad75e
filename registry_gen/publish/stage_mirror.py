"""Staging one version of a mirrored provider: nothing is kept that a pinned key did not vouch for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, BinaryIO

from registry_gen import paths
from registry_gen.errors import RefusalError
from registry_gen.model.digest import Sha256, sha256
from registry_gen.model.facts import Hosting, MirrorVersion, ProviderPackage, Sums
from registry_gen.model.plan import Staged
from registry_gen.plan.codes import IMPORTED_OTHERWISE
from registry_gen.policy.upstreams import usable_upstream
from registry_gen.publish import codes
from registry_gen.publish.stage_zip import Downloaded, stage_zip
from registry_gen.render.version_records import provider_record
from registry_gen.sources.guard import shown
from registry_gen.sources.releases import SIGNATURE_BYTES, SUMS_BYTES
from registry_gen.verify.openpgp import verify_detached
from registry_gen.verify.sums import parse_sums

if TYPE_CHECKING:
    from collections.abc import Sequence

    from registry_gen.model.address import Platform
    from registry_gen.model.entries import MirrorEntry
    from registry_gen.model.intent import Artifact
    from registry_gen.model.plan import MirrorProvider
    from registry_gen.publish.stage import Stage
    from registry_gen.sources.upstream import UpstreamPackage


def stage_mirror(stage: Stage, entry: MirrorEntry, action: MirrorProvider, before: MirrorVersion | None) -> Staged:
    """Ask upstream for each platform, verify the one SHA256SUMS they share, then fetch the zips side by side.

    ``before`` are the version's facts where it is mirrored already and only gains platforms.
    """
    where = f"{entry.address} {action.version}"
    upstream, base = stage.sources.upstream, usable_upstream(entry)
    offers = list(
        stage.downloads.map(
            lambda platform: upstream.package(base, entry.address, action.version, platform), action.platforms
        )
    )
    first = offers[0]
    for offer in offers:
        if (offer.sums_url, offer.signature_url) != (first.sums_url, first.signature_url):
            expected = f"one SHA256SUMS for all platforms ({shown(first.sums_url)})"
            raise _disagree(where, expected, shown(offer.sums_url))
    sums = upstream.small(first.sums_url, SUMS_BYTES)
    signature = upstream.small(first.signature_url, SIGNATURE_BYTES)
    signer = verify_detached(sums, signature, entry.trusted_keys, where, stage.now)
    vouched = parse_sums(sums, where)
    for offer in offers:
        if vouched.get(offer.filename) != offer.shasum:
            found = vouched.get(offer.filename, "no such line")
            raise _disagree(where, f"{offer.shasum} for {offer.filename}", found)
    _require_imported(action, offers, where)
    hosting = before.hosting if before else entry.hosting
    results = list(
        stage.downloads.map(
            lambda platform, offer: _stage_offer(stage, action, platform, offer, hosting), action.platforms, offers
        )
    )
    packages = (*(before.packages if before else ()), *(package for package, _ in results))
    facts = MirrorVersion(
        version=action.version,
        origin=entry.upstream,
        protocols=action.protocols,
        packages=tuple(sorted(packages, key=lambda package: package.platform)),
        sums=Sums(sha256(sums), sha256(signature), signer, first.sums_url, first.signature_url),
        hosting=hosting,
        record=Sha256(""),
        recorded_at=stage.now,
    )
    record = provider_record(entry.address, facts, sums, signature, stage.catalog_commit)
    facts = replace(facts, record=sha256(record))
    artifacts = [artifact for _, artifact in results if artifact]
    artifacts.append(stage.staging.keep_bytes(record, paths.record(facts.record)))
    return Staged(action, facts, tuple(artifacts))


def _require_imported(action: MirrorProvider, offers: Sequence[UpstreamPackage], where: str) -> None:
    """The upstream must have the very zips that were taken over; raises RefusalError PLN021."""
    said = dict(action.imported)
    for offer in offers:
        if said.get(offer.platform, offer.shasum) != offer.shasum:
            raise RefusalError(
                IMPORTED_OTHERWISE,
                where=where,
                expected=f"{offer.filename} with SHA-256 {said[offer.platform]}, as imported",
                found=offer.shasum,
                hint=IMPORTED_OTHERWISE.fix,
            )


def _stage_offer(
    stage: Stage, action: MirrorProvider, platform: Platform, offer: UpstreamPackage, hosting: Hosting
) -> tuple[ProviderPackage, Artifact | None]:
    address = action.address
    copied = hosting is Hosting.COPY

    def download(out: BinaryIO, limit: int) -> Downloaded:
        return stage.sources.upstream.copy(offer.url, out, limit)

    return stage_zip(
        stage,
        address.type,
        platform,
        paths.zip_name(address.type, action.version, platform),
        offer.shasum,
        download,
        key=paths.mirror_zip(address, action.version, platform) if copied else None,
        url=None if copied else offer.url,
        where=f"{address} {action.version}",
    )


def _disagree(where: str, expected: str, found: str) -> RefusalError:
    return RefusalError(codes.NOT_IN_SUMS, where=where, expected=expected, found=found, hint=codes.NOT_IN_SUMS.fix)

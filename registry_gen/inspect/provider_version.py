"""A provider's version, of this registry or mirrored: documents, keys, sums, signature and zips."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry_gen import paths
from registry_gen.inspect.artifacts import require_bytes, require_zip
from registry_gen.inspect.findings import Counted
from registry_gen.inspect.leaves import leads_to, mirror_leaf_problems, provider_leaf_problems, read_shape
from registry_gen.inspect.signatures import key_problems, require_signed, sums_problems
from registry_gen.log.read_entries import ModuleDigests
from registry_gen.model.address import ProviderAddress
from registry_gen.render import shapes
from registry_gen.verify.openpgp import MAX_SIGNATURE
from registry_gen.verify.sums import MAX_BYTES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry_gen.inspect.records import ProviderRecord
    from registry_gen.inspect.subject import Subject
    from registry_gen.log.read_entries import LoggedSums, ZipDigests
    from registry_gen.model.address import MirrorAddress, Platform


def check_mirror_version(subject: Subject[MirrorAddress, ProviderRecord]) -> None:
    """Look at all of a mirrored version; what is wrong goes to the subject's findings."""
    findings = subject.findings
    with findings.collecting():
        findings.add(
            mirror_leaf_problems(subject.reader, subject.address, subject.version, subject.pinned, subject.record)
        )
        findings.count(Counted.LEAVES)
    _check_sums_and_zips(subject)


def check_provider_version(
    subject: Subject[ProviderAddress, ProviderRecord], logged_keys: tuple[str, ...] | None
) -> None:
    """Look at all of a provider's version; ``logged_keys`` are the fingerprints that the log has, None for none."""
    keys: dict[tuple[shapes.PublicKey, ...], str] = {}
    documents: dict[tuple[str, str], str] = {}
    for platform in sorted(_zips(subject)):
        with subject.findings.collecting():
            key = paths.provider_download(subject.address, subject.version, platform)
            leaf = _leaf(subject, platform, key)
            keys.setdefault(leaf.signing_keys.gpg_public_keys, key)
            documents.setdefault((leaf.shasums_url, leaf.shasums_signature_url), key)
    _check_keys(subject, keys, logged_keys)
    for (sums_url, signature_url), key in documents.items():
        with subject.findings.collecting():
            _check_documents(subject, sums_url, signature_url, key)
    _check_sums_and_zips(subject)


def _leaf(subject: Subject[ProviderAddress, ProviderRecord], platform: Platform, key: str) -> shapes.ProviderDownload:
    leaf = read_shape(subject.reader, key, shapes.ProviderDownload)
    subject.findings.add(
        provider_leaf_problems(
            subject.reader, subject.address, subject.version, platform, subject.pinned, subject.record, leaf
        )
    )
    subject.findings.count(Counted.LEAVES)
    return leaf


def _check_keys(
    subject: Subject[ProviderAddress, ProviderRecord],
    keys: Mapping[tuple[shapes.PublicKey, ...], str],
    logged: tuple[str, ...] | None,
) -> None:
    """Each set of keys that some platform's document has, and where it was met first."""
    signer = _sums(subject).signer
    for served, key in keys.items():
        with subject.findings.collecting():
            subject.findings.add(key_problems(served, signer, logged, key))
            require_signed(subject.record, served, signer, key, subject.inspection.now)
            subject.findings.count(Counted.SIGNATURES)


def _check_documents(
    subject: Subject[ProviderAddress, ProviderRecord], sums_url: str, signature_url: str, key: str
) -> None:
    """SHA256SUMS and its signature as clients fetch them must be those that were logged."""
    address, version, sums = subject.address, subject.version, _sums(subject)
    for url, own, digest, limit in (
        (sums_url, paths.provider_sums(address, version, sums.sha256), sums.sha256, MAX_BYTES),
        (signature_url, paths.provider_signature(address, version, sums.signature), sums.signature, MAX_SIGNATURE),
    ):
        if leads_to(subject.reader, key, url, own):
            require_bytes(subject.reader.read(own, limit), digest, own)
        elif subject.linked and subject.inspection.links:
            require_bytes(subject.inspection.links.small(url, limit), digest, f"{key}: where it leads")
        else:
            continue
        subject.findings.count(Counted.SUMS)


def _check_sums_and_zips(
    subject: Subject[ProviderAddress, ProviderRecord] | Subject[MirrorAddress, ProviderRecord],
) -> None:
    findings = subject.findings
    with findings.collecting():
        findings.add(sums_problems(subject.address, subject.version, subject.pinned, subject.record))
    urls = {f"{each.os}_{each.arch}": each.url for each in subject.record.packages}
    for platform, zip_ in sorted(_zips(subject).items()):
        with findings.collecting():
            _check_zip(subject, platform, zip_, urls.get(str(platform)))


def _check_zip(
    subject: Subject[ProviderAddress, ProviderRecord] | Subject[MirrorAddress, ProviderRecord],
    platform: Platform,
    zip_: ZipDigests,
    url: str | None,
) -> None:
    links = subject.inspection.links
    if subject.linked and links and url:
        require_zip(links.copy(url), zip_.zh, zip_.size, zip_.h1, f"{subject}: {platform}")
        subject.findings.count(Counted.LINKED_ZIPS)
    elif subject.linked:
        subject.findings.count(Counted.LINKED)
    elif not subject.inspection.artifacts:
        subject.findings.count(Counted.NOT_FETCHED)
    else:
        address = subject.address
        if isinstance(address, ProviderAddress):
            key = paths.provider_zip(address, subject.version, platform)
        else:
            key = paths.mirror_zip(address, subject.version, platform)
        require_zip(subject.copy(key), zip_.zh, zip_.size, zip_.h1, key)
        subject.findings.count(Counted.ZIPS)


def _zips(
    subject: Subject[ProviderAddress, ProviderRecord] | Subject[MirrorAddress, ProviderRecord],
) -> Mapping[Platform, ZipDigests]:
    digests = subject.pinned.digests
    assert not isinstance(digests, ModuleDigests)  # noqa: S101 - only modules have those
    return digests


def _sums(subject: Subject[ProviderAddress, ProviderRecord]) -> LoggedSums:
    sums = subject.pinned.sums
    assert sums  # noqa: S101 - entries of providers have them
    return sums

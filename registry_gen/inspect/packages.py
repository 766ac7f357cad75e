"""Packages: a whole registry by its replayed log, or one address by proofs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry_gen import paths
from registry_gen.errors import RefusalError
from registry_gen.inspect import codes
from registry_gen.inspect.findings import Counted, Findings
from registry_gen.inspect.leaves import discovery_problems
from registry_gen.inspect.listing import listing_key, listing_problems, platform_problems, read_listing
from registry_gen.inspect.promise import document_problems, promise_of, read_document
from registry_gen.inspect.reader import MAX_DOCUMENT
from registry_gen.inspect.side_by_side import side_by_side
from registry_gen.inspect.version import check_contents

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from registry_gen.inspect.listing import Listed
    from registry_gen.inspect.promise import Promise
    from registry_gen.inspect.proved import ProvedLog
    from registry_gen.inspect.reader import Reader
    from registry_gen.inspect.subject import Inspection
    from registry_gen.log.history import LoggedVersion, PackageHistory
    from registry_gen.model.address import Address
    from registry_gen.model.version import Version
    from registry_gen.publish.progress import Progress


def check_site(reader: Reader) -> Findings:
    """What belongs to no package: the discovery document."""
    findings = Findings()
    with findings.collecting():
        findings.add(discovery_problems(reader))
    return findings


def check_packages(
    inspection: Inspection, packages: Sequence[PackageHistory], progress: Progress, *, workers: int
) -> Mapping[Address, Findings]:
    """Everything of these packages, against what the whole log says of them."""
    found: dict[Address, Findings] = {}
    progress.begin("Listings", len(packages))
    for package, findings in side_by_side(lambda each: _check_listing(inspection, each), packages, workers=workers):
        progress.step("Listings", str(package.address))
        found[package.address] = findings
    progress.begin("Versions", sum(len(package.versions) for package in packages))
    versions = ((package, version) for package in packages for version in package.versions.values())
    for address, findings in side_by_side(lambda each: _check_logged(inspection, *each), versions, workers=workers):
        progress.step("Versions", str(address))
        found[address].merge(findings)
    return found


def _check_listing(inspection: Inspection, package: PackageHistory) -> tuple[PackageHistory, Findings]:
    findings = Findings()
    with findings.collecting():
        findings.add(listing_problems(package, read_listing(inspection.reader, package.address)))
        findings.count(Counted.PACKAGES)
    return package, findings


def _check_logged(inspection: Inspection, package: PackageHistory, version: LoggedVersion) -> tuple[Address, Findings]:
    findings = Findings()
    address, promise = package.address, promise_of(version)
    with findings.collecting():
        key = paths.version_document(address, version.version)
        document = read_document(inspection.reader.read(key, MAX_DOCUMENT), key)
        findings.add(document_problems(document, address, promise, key))
        findings.count(Counted.DOCUMENTS)
    check_contents(inspection, address, promise, package.keys, findings)
    return address, findings


def check_address(
    inspection: Inspection, log: ProvedLog, address: Address, only: Version | None, progress: Progress, *, workers: int
) -> Findings:
    """One package by its listing, or one version of it; each version is proved to be in the log."""
    findings = Findings()
    listed: Mapping[Version, Listed] = {}
    with findings.collecting():
        listed = read_listing(inspection.reader, address)
        findings.count(Counted.PACKAGES)
        if not listed and only is None:
            raise RefusalError(codes.NOTHING_LISTED, where=listing_key(address))
    versions = sorted(listed) if only is None else [only]
    progress.begin("Versions", len(versions))
    for version, found in zip(
        versions,
        side_by_side(
            lambda each: _check_proved(inspection, log, address, each, listed.get(each)), versions, workers=workers
        ),
        strict=True,
    ):
        progress.step("Versions", f"{address} {version}")
        findings.merge(found)
    return findings


def _check_proved(
    inspection: Inspection, log: ProvedLog, address: Address, version: Version, listed: Listed | None
) -> Findings:
    findings = Findings()
    with findings.collecting():
        promise, document = log.promise(address, version)
        key = paths.version_document(address, version)
        findings.add(document_problems(document, address, promise, key))
        findings.count(Counted.DOCUMENTS)
        findings.add(_listed_problems(address, version, promise, listed))
        if promise.withdrawn is not None:
            findings.notes.append(f"{address} {version} was withdrawn: {promise.withdrawn}")
        check_contents(inspection, address, promise, None, findings)
    return findings


def _listed_problems(
    address: Address, version: Version, promise: Promise, listed: Listed | None
) -> Iterator[RefusalError]:
    """Whether a version is listed exactly where its newest entry that is known here says so."""
    key = listing_key(address)
    if listed is None and promise.withdrawn is None:
        yield RefusalError(codes.NOT_LISTED, where=key, expected=f"{version}, logged in entry {promise.index}")
    elif listed and promise.withdrawn is not None:
        found = f"{version}, withdrawn in entry {promise.index}"
        yield RefusalError(codes.WITHDRAWN_LISTED, where=key, found=found)
    elif listed and promise.pinned:
        yield from platform_problems(address, listed, promise.pinned)

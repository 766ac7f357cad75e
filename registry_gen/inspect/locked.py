"""Whether the hashes in a lock file are what the log promised."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry_gen import paths
from registry_gen.errors import InputError, Position, RefusalError, SourceError
from registry_gen.inspect import codes
from registry_gen.inspect.findings import Counted, Findings
from registry_gen.inspect.promise import document_problems
from registry_gen.inspect.reader import MAX_DOCUMENT
from registry_gen.inspect.records import ProviderRecord
from registry_gen.inspect.version import read_logged_record
from registry_gen.log.read_entries import ModuleDigests
from registry_gen.model.address import MirrorAddress, ProviderAddress, mirror_address, provider_address
from registry_gen.model.version import parse_version
from registry_gen.verify.sums import parse_sums

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry_gen.errors import Code
    from registry_gen.inspect.lock_file import LockedHash, LockedProvider
    from registry_gen.inspect.proved import ProvedLog
    from registry_gen.inspect.reader import Reader
    from registry_gen.log.read_entries import Pinned, ZipDigests
    from registry_gen.model.address import Platform
    from registry_gen.model.digest import Sha256


@dataclass(frozen=True, slots=True)
class Locks:
    """How lock files are looked at: ``host`` is that of this registry's own providers.

    ``allow_unknown_platforms``: an h1 that may be that of a platform which this registry does not hold is no problem.
    """

    reader: Reader
    log: ProvedLog
    host: str
    path: str
    allow_unknown_platforms: bool

    def check(self, locked: LockedProvider) -> Findings:
        """Compare every hash of one provider with what the log promises of its version."""
        findings = Findings()
        address = self._address(locked)
        with findings.collecting():
            if address is None or not self._check_version(locked, address, findings):
                findings.notes.append(f"not served here: {locked.source}")
                findings.count(Counted.NOT_SERVED)
            else:
                findings.count(Counted.PROVIDERS)
        return findings

    def _check_version(
        self, locked: LockedProvider, address: ProviderAddress | MirrorAddress, findings: Findings
    ) -> bool:
        """Compare one provider; whether it is one of this registry's."""
        try:
            version = parse_version(locked.version)
        except InputError:
            raise self._problem(codes.UNKNOWN_VERSION, locked, locked.line, found=locked.version) from None
        key = paths.version_document(address, version)
        try:
            promise, document = self.log.promise(address, version)
        except SourceError as error:
            if error.code is not codes.MISSING or error.where != key:
                raise
            if isinstance(address, MirrorAddress) and not self._has_listing(address):
                return False
            raise self._problem(codes.UNKNOWN_VERSION, locked, locked.line, found=str(version)) from None
        findings.add(document_problems(document, address, promise, key))
        if promise.withdrawn is not None:
            findings.notes.append(f"{locked.source} {version} was withdrawn: {promise.withdrawn}")
        # The entry that withdraws a version does not repeat what pins it; the record, whose digest it names, does.
        pinned = promise.pinned or document.pinned
        record = read_logged_record(self.reader, address, version, pinned, ProviderRecord, findings)
        if not findings.problems:
            self._compare(locked, pinned, record, findings)
        return True

    def _address(self, locked: LockedProvider) -> ProviderAddress | MirrorAddress | None:
        """The address under which this registry would serve it; None where it could not."""
        host, _, rest = locked.source.partition("/")
        namespace, _, type_ = rest.partition("/")
        try:
            if host == self.host:
                return provider_address(namespace, type_)
            return mirror_address(host, namespace, type_)
        except InputError:
            return None

    def _has_listing(self, address: MirrorAddress) -> bool:
        """Whether any version of a mirrored provider is offered here."""
        try:
            self.reader.read(paths.mirror_index(address), MAX_DOCUMENT)
        except SourceError as error:
            if error.code is not codes.MISSING:
                raise
            return False
        return True

    def _compare(self, locked: LockedProvider, pinned: Pinned, record: ProviderRecord, findings: Findings) -> None:
        zips = pinned.digests
        assert not isinstance(zips, ModuleDigests)  # noqa: S101 - the address is a provider's
        vouched = parse_sums(record.sums.encode(), f"records/{pinned.record}")
        zh = {f"zh:{digest}" for digest in vouched.values()} | {f"zh:{zip_.zh}" for zip_ in zips.values()}
        h1 = {zip_.h1 for zip_ in zips.values() if zip_.h1}
        unknown_h1 = []
        for each in locked.hashes:
            if each.text in zh or each.text in h1:
                findings.count(Counted.LOCKED_HASHES)
            elif each.text.startswith("h1:"):
                unknown_h1.append(each)
            elif each.text.startswith("zh:"):
                expected = f"one of the {len(zh)} zips that the publisher signed for"
                findings.problems.append(self._problem(codes.UNKNOWN_HASH, locked, each.line, expected, each.text))
            else:
                findings.notes.append(f"a hash of a kind that is not known here: {each.text[:80]}, line {each.line}")
        self._judge(locked, unknown_h1, _lacking(zips, vouched), findings)

    def _judge(self, locked: LockedProvider, unknown: list[LockedHash], lacking: list[str], findings: Findings) -> None:
        """An h1 names no platform, so an unknown one may belong to one that is not held here; but only one to each."""
        maybe = len(unknown) <= len(lacking)
        for each in unknown:
            if not maybe:
                expected = "the h1 of a zip that was logged"
                findings.problems.append(self._problem(codes.UNKNOWN_HASH, locked, each.line, expected, each.text))
            elif self.allow_unknown_platforms:
                findings.count(Counted.MAYBE_UNKNOWN)
            else:
                expected = f"an h1 that was logged; not held here: {', '.join(lacking)}"
                findings.problems.append(self._problem(codes.MAYBE_UNKNOWN, locked, each.line, expected, each.text))

    def _problem(
        self, code: Code, locked: LockedProvider, line: int, expected: str = "", found: str = ""
    ) -> RefusalError:
        return RefusalError(
            code,
            f"{code.title}: {locked.source} {locked.version}",
            expected=expected,
            found=found,
            position=Position(self.path, line),
        )


_ZIP = re.compile(r"terraform-provider-.*_([0-9a-z]+_[0-9a-z]+)\.zip")


def _lacking(zips: Mapping[Platform, ZipDigests], vouched: Mapping[str, Sha256]) -> list[str]:
    """The platforms that the release has, by its sums, and of which no h1 was logged."""
    named = {found[1]: digest for name, digest in vouched.items() if (found := _ZIP.fullmatch(name))}
    held = {str(platform) for platform, zip_ in zips.items() if zip_.h1}
    return sorted(named.keys() - held)

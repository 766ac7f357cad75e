"""What the log says happened: its entries, replayed into the state of every package.

This is the registry as the log promises it, at its end or at any point of its past. Whoever rebuilds, rolls back or
verifies a registry starts here.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING

from registry_gen.errors import RefusalError
from registry_gen.log import codes
from registry_gen.log.read_entries import (
    AuditHead,
    KeysEntry,
    ModuleDigests,
    Pinned,
    PinningEntry,
    WarningsEntry,
    WithdrawnEntry,
    read_entry,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from registry_gen.log.read_entries import LoggedEntry, ZipDigests
    from registry_gen.model.address import Address, Platform
    from registry_gen.model.facts import Deprecation
    from registry_gen.model.version import Version


@dataclass(frozen=True, slots=True)
class LoggedVersion:
    """One version as the log has it.

    ``first`` and ``published_at`` are index and time of the entry that published it, ``index`` and ``at`` those of the
    newest entry that names it. ``recorded_at`` is the time of the entry that named its record first: its time of
    record. ``withdrawn`` is the reason why it is not listed, and ``withdrawn_at`` since when; None where it is.
    """

    version: Version
    pinned: Pinned
    first: int
    published_at: datetime
    index: int
    at: datetime
    recorded_at: datetime
    withdrawn: str | None = None
    withdrawn_at: datetime | None = None

    @property
    def listed(self) -> bool:
        """Whether clients are to find it in the listing."""
        return self.withdrawn is None


@dataclass(frozen=True, slots=True)
class PackageHistory:
    """One package: ``warnings`` and ``keys`` (fingerprints) are the newest; keys that never changed are not logged."""

    address: Address
    revision: int
    versions: Mapping[Version, LoggedVersion]
    warnings: tuple[Deprecation, ...]
    keys: tuple[str, ...] | None

    @property
    def listed(self) -> tuple[LoggedVersion, ...]:
        """The versions that are to be found in the listing, in SemVer order."""
        return tuple(self.versions[version] for version in sorted(self.versions) if self.versions[version].listed)


@dataclass(frozen=True, slots=True)
class History:
    """All that the first ``size`` entries say.

    ``log_keys`` are the verifier keys of the newest key-changed entry of the log itself, None where there is none.
    ``audit`` are the anchors of the audit log, oldest first. ``unknown`` counts the entries of types that this release
    does not know. ``contradictions`` (LOG009) are entries against what earlier ones promised: those count.
    """

    size: int
    packages: Mapping[Address, PackageHistory]
    log_keys: tuple[str, ...] | None
    audit: tuple[AuditHead, ...]
    unknown: Mapping[str, int]
    contradictions: tuple[RefusalError, ...]


def replay(entries: Iterable[bytes], upto: int | None = None, at: datetime | None = None) -> History:
    """The history that the log's entries, from its first on, tell; of the first ``upto`` only where that is given.

    With ``at``, those before the first that was recorded later: packages are published by several runs, so times need
    not grow from entry to entry, and what counts is what was there together. Entries are read one at a time, none
    beyond ``upto``. Raises RefusalError LOG008 for one that cannot be read.
    """
    state = _State()
    size = 0
    for payload in islice(entries, upto):
        entry = read_entry(payload, size)
        if at is not None and entry.time > at:
            break
        state.take(entry)
        size += 1
    return state.history(size)


def replay_some(entries: Iterable[tuple[int, bytes]]) -> History:
    """The history that some entries tell, each with its index: all those about the packages that matter, oldest first.

    Raises RefusalError LOG008 for one that cannot be read.
    """
    state = _State()
    size = 0
    for index, payload in entries:
        state.take(read_entry(payload, index))
        size += 1
    return state.history(size)


@dataclass(slots=True)
class _Package:
    """A package while the log is replayed."""

    revision: int = 0
    versions: dict[Version, LoggedVersion] = field(default_factory=dict)
    warnings: tuple[Deprecation, ...] = ()
    keys: tuple[str, ...] | None = None


class _State:
    """Everything while the log is replayed."""

    def __init__(self) -> None:
        self._packages: dict[Address, _Package] = {}
        self._log_keys: tuple[str, ...] | None = None
        self._audit: list[AuditHead] = []
        self._unknown: Counter[str] = Counter()
        self._contradictions: list[RefusalError] = []

    def take(self, entry: LoggedEntry) -> None:
        match entry.said, entry.address:
            case None, _:
                self._unknown[entry.type] += 1
            case AuditHead() as head, _:
                self._audit.append(head)
            case KeysEntry(keys), None:
                self._log_keys = keys
            case _, address if address is not None:
                package = self._packages.setdefault(address, _Package())
                problems = [_contradiction(entry, *each) for each in _take(package, entry)]
                self._contradictions += problems

    def history(self, size: int) -> History:
        packages = {
            address: PackageHistory(address, each.revision, each.versions, each.warnings, each.keys)
            for address, each in self._packages.items()
        }
        return History(
            size, packages, self._log_keys, tuple(self._audit), dict(self._unknown), tuple(self._contradictions)
        )


def _take(package: _Package, entry: LoggedEntry) -> Iterator[tuple[str, str]]:
    """Let an entry change its package, unless it contradicts: then give what was expected and what it says."""
    if entry.revision < package.revision:
        yield f"revision {package.revision} or a later one", f"revision {entry.revision}"
    package.revision = max(package.revision, entry.revision)
    match entry.said:
        case PinningEntry(version, pinned):
            before = package.versions.get(version)
            problems = list(_pinning_problems(entry.type, before, pinned))
            if not problems:
                package.versions[version] = _pinned(entry, version, pinned, before)
            yield from problems
        case WithdrawnEntry(version, record, reason):
            before = package.versions.get(version)
            if before is None:
                yield "a version that was published", f"{entry.type}"
            elif before.pinned.record != record:
                yield f"the record {before.pinned.record} of entry {before.index}", record
            else:
                package.versions[version] = replace(
                    before, index=entry.index, at=entry.time, withdrawn=reason, withdrawn_at=entry.time
                )
        case WarningsEntry(warnings):
            package.warnings = warnings
        case KeysEntry(keys):
            package.keys = keys


def _pinned(entry: LoggedEntry, version: Version, pinned: Pinned, before: LoggedVersion | None) -> LoggedVersion:
    if before is None:
        return LoggedVersion(version, pinned, entry.index, entry.time, entry.index, entry.time, entry.time)
    now = replace(before, pinned=pinned, index=entry.index, at=entry.time)
    if entry.type == "relisted":
        return replace(now, withdrawn=None, withdrawn_at=None)
    return replace(now, recorded_at=entry.time)


def _pinning_problems(type_: str, before: LoggedVersion | None, now: Pinned) -> Iterator[tuple[str, str]]:
    """What an entry that pins a version says against the version's earlier entries."""
    if before is None:
        if type_ != "published":
            yield "a version that was published", type_
        return
    if type_ == "published":
        yield f"the version of entry {before.first}, which is published for good", "published again"
        return
    if type_ == "relisted":
        if before.listed:
            yield "a version that was withdrawn", type_
        if before.pinned != now:
            yield f"all that entry {before.first} and its followers promised", f"{type_} with something else"
            return
    yield from _changed(before, now, type_)


def _changed(before: LoggedVersion, now: Pinned, type_: str) -> Iterator[tuple[str, str]]:
    """Digests that are not those promised before. Hosting may change, and with it whether there is an archive here."""
    then = before.pinned
    since = f" as in entry {before.index}"
    pins = type_ == "hosting-changed" and then.unpinned and then.tag == now.tag
    if (then.tag, then.commit) != (now.tag, now.commit) and not pins:
        yield f"tag {then.tag} at {then.commit}{since}", f"{now.tag} at {now.commit}"
    if then.hosting != now.hosting and type_ != "hosting-changed":
        yield f"hosting {then.hosting}{since}", now.hosting
    if isinstance(then.digests, ModuleDigests) and isinstance(now.digests, ModuleDigests):
        # A link has no archive here; where there was one, there can never be another.
        archives = {then.digests.archive, now.digests.archive} - {None}
        first = then.digests.h1 or now.digests.h1  # what was imported may be fetched later, once
        if len(archives) > 1 or (first, then.digests.source) != (now.digests.h1, now.digests.source):
            yield f"{_digests(then.digests)}{since}", _digests(now.digests)
    elif not isinstance(then.digests, ModuleDigests) and not isinstance(now.digests, ModuleDigests):
        yield from _changed_zips(then.digests, now.digests, since)


def _changed_zips(
    then: Mapping[Platform, ZipDigests], now: Mapping[Platform, ZipDigests], since: str
) -> Iterator[tuple[str, str]]:
    for platform, zip_ in then.items():
        found = now.get(platform)
        if found is None:
            yield f"a zip for {platform}{since}", "none"
        elif found.zh != zip_.zh or (zip_.h1 and found.h1 != zip_.h1) or (zip_.size and found.size != zip_.size):
            yield f"{_shown(zip_)} for {platform}{since}", _shown(found)


def _digests(digests: ModuleDigests) -> str:
    named = {"h1": (digests.h1 or "").removeprefix("h1:"), "archive": digests.archive, "source": digests.source}
    return ", ".join(f"{name}:{value}" for name, value in named.items() if value)


def _shown(zip_: ZipDigests) -> str:
    return ", ".join(f"{part}" for part in (f"zh:{zip_.zh}", zip_.h1, zip_.size and f"{zip_.size} bytes") if part)


def _contradiction(entry: LoggedEntry, expected: str, found: str) -> RefusalError:
    version = f" {entry.version}" if entry.version else ""
    where = f"{entry.address}{version}, entry {entry.index} of the log"
    return RefusalError(codes.CONTRADICTION, where=where, expected=expected, found=found)

"""Verifying a registry from outside: which checks are made, in which order, and what is kept for the next time."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from registry_gen.errors import RegistryError
from registry_gen.inspect import codes
from registry_gen.inspect.findings import Counted, Findings, Report
from registry_gen.inspect.links import open_links
from registry_gen.inspect.locked import Locks
from registry_gen.inspect.packages import check_address, check_packages, check_site
from registry_gen.inspect.proved import ProvedLog
from registry_gen.inspect.public_log import Tiles, read_checkpoint, require_continued
from registry_gen.inspect.remembered import Kept, load, save, save_evidence
from registry_gen.inspect.side_by_side import side_by_side
from registry_gen.inspect.signatures import statement_keys
from registry_gen.inspect.subject import Inspection
from registry_gen.inspect.trust import Trust, trust_of
from registry_gen.inspect.whole_log import read_new_entries, read_whole_log

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

    from registry_gen.inspect.links import Links
    from registry_gen.inspect.lock_file import LockedProvider
    from registry_gen.inspect.public_log import Signed
    from registry_gen.inspect.reader import Reader
    from registry_gen.inspect.whole_log import WholeLog
    from registry_gen.log.history import History
    from registry_gen.log.note import Checkpoint
    from registry_gen.model.address import Address
    from registry_gen.model.version import Version
    from registry_gen.publish.progress import Progress

_ROUNDS: Final = 3
"""How often packages with problems are looked at, where the log grew meanwhile."""


@dataclass(frozen=True, slots=True)
class LockRequest:
    """A lock file: its path and what it names."""

    path: str
    providers: tuple[LockedProvider, ...]
    allow_unknown_platforms: bool


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be verified: all, one address (or one version of it), a lock file, or with ``monitor`` the log alone.

    ``keys`` are verifier keys that a person gave; ``state`` the file with what was kept from last time. ``artifacts``
    False leaves archives and zips alone, ``links`` True follows those that lead elsewhere.
    """

    keys: tuple[str, ...]
    state: Path
    address: Address | None = None
    version: Version | None = None
    lock: LockRequest | None = None
    monitor: bool = False
    artifacts: bool = True
    links: bool = False
    workers: int = 8


@dataclass(frozen=True, slots=True)
class _Seen:
    """What one way of looking saw: the newest checkpoint, how many entries were read, and keys that they named.

    ``continued`` says that the checkpoint goes on from the one that was kept, so that it may be kept in its place.
    """

    findings: Findings
    signed: Signed
    read: int
    log_keys: tuple[str, ...] | None = None
    continued: bool = True
    complete: bool = True


def verify(reader: Reader, request: Request, now: datetime, progress: Progress) -> Report:
    """Verify a registry, and keep what was seen of its log for the next time.

    Raises InputError INS001 where no key is known, INS002, INS003 and LOG007. All that is wrong with the registry is
    in the report.
    """
    kept = load(request.state)
    look = _Look(reader, request, kept, trust_of(request.keys, kept), now, progress)
    try:
        signed = read_checkpoint(reader, look.trust.keys)
    except RegistryError as error:
        return _report(look, None, Findings([error]))
    try:
        seen = look.look(signed)
    except RegistryError as error:
        seen = _Seen(Findings([error]), signed, read=0, continued=False, complete=False)
    evidence: tuple[str, ...] = ()
    with seen.findings.collecting():
        if kept and any(problem.code is codes.REWRITTEN for problem in seen.findings.problems):
            evidence = save_evidence(request.state, kept.signed, signed)
        elif seen.continued:
            trust = look.trust.learn(seen.log_keys, kept)
            save(request.state, Kept(seen.signed, seen.read, trust.keys, trust.retired))
    return _report(look, seen.signed.checkpoint, seen.findings, seen.complete, evidence)


def _report(
    look: _Look,
    checkpoint: Checkpoint | None,
    findings: Findings,
    complete: bool = False,
    evidence: tuple[str, ...] = (),
) -> Report:
    return Report(
        registry=look.reader.name,
        what=_what(look.request),
        checkpoint=checkpoint,
        kept=look.kept.signed.checkpoint if look.kept else None,
        problems=tuple(findings.problems),
        notes=tuple(dict.fromkeys(findings.notes)),
        counts={each: findings.counts[each] for each in Counted if findings.counts[each]},
        complete=complete,
        evidence=evidence,
    )


@dataclass(frozen=True, slots=True)
class _Look:
    """The ways of looking at a registry. Each raises RegistryError where it cannot begin."""

    reader: Reader
    request: Request
    kept: Kept | None
    trust: Trust
    now: datetime
    progress: Progress

    def look(self, signed: Signed) -> _Seen:
        """Look in the way that was asked for."""
        with ExitStack() as stack:
            links = stack.enter_context(open_links(self.reader.network)) if self.request.links else None
            if self.request.monitor:
                return self._monitor(signed)
            if self.request.lock:
                return self._lock_file(signed, self.request.lock)
            if self.request.address:
                return self._address(signed, self.request.address, links)
            return self._whole(signed, links, self.kept.signed.checkpoint if self.kept else None)

    def _monitor(self, signed: Signed) -> _Seen:
        """The log alone: it goes on from last time, and its new entries lead to its root."""
        self._require_continued(signed)
        findings = Findings()
        read = self.kept.read if self.kept else 0
        new = read_new_entries(self.reader, signed.checkpoint, read, self.progress, workers=self.request.workers)
        findings.add(new.problems)
        findings.count(Counted.ENTRIES, new.entries)
        read = read if new.problems else signed.checkpoint.size
        return _Seen(findings, signed, read, new.log_keys, complete=not new.problems)

    def _lock_file(self, signed: Signed, lock: LockRequest) -> _Seen:
        """Each provider of a lock file, proved by its version's entry."""
        self._require_continued(signed)
        log = ProvedLog(self.reader, self.trust.keys, signed)
        host = signed.checkpoint.origin.removesuffix("/log")
        locks = Locks(self.reader, log, host, lock.path, lock.allow_unknown_platforms)
        findings = Findings()
        self.progress.begin("Providers", len(lock.providers))
        for found in side_by_side(locks.check, lock.providers, workers=self.request.workers):
            self.progress.step("Providers", "")
            findings.merge(found)
        return _Seen(findings, log.newest, self.kept.read if self.kept else 0)

    def _address(self, signed: Signed, address: Address, links: Links | None) -> _Seen:
        """One package, each version proved by its entry."""
        self._require_continued(signed)
        log = ProvedLog(self.reader, self.trust.keys, signed)
        findings = check_address(
            self._inspection(links, ()),
            log,
            address,
            self.request.version,
            self.progress,
            workers=self.request.workers,
        )
        return _Seen(findings, log.newest, self.kept.read if self.kept else 0)

    def _whole(
        self,
        signed: Signed,
        links: Links | None,
        before: Checkpoint | None,
        known: Mapping[Address, Findings] | None = None,
        rounds: int = _ROUNDS,
    ) -> _Seen:
        """All entries, and all that they promise.

        What does not fit is looked at again where the log grew meanwhile, since a publish may have been under way.
        """
        log = read_whole_log(self.reader, signed.checkpoint, before, self.progress, workers=self.request.workers)
        if log.history is None or any(problem.code is codes.REWRITTEN for problem in log.problems):
            return self._unread(signed, log)
        packages = {**(known or {}), **self._packages(log.history, links, known or {})}
        if rounds > 1 and any(found.problems for found in packages.values()):
            newer = self._newer(signed)
            if newer is not None:
                return self._whole(newer, links, signed.checkpoint, packages, rounds - 1)
        findings = check_site(self.reader)
        findings.add(log.problems)
        findings.add(log.history.contradictions)
        for address in sorted(packages, key=_order):
            findings.merge(packages[address])
        findings.count(Counted.ENTRIES, log.entries)
        if log.history.unknown:
            named = ", ".join(sorted(log.history.unknown))
            findings.notes.append(f"entries of types that this release does not know: {named}")
        return _Seen(findings, signed, signed.checkpoint.size, log.history.log_keys)

    def _newer(self, signed: Signed) -> Signed | None:
        """A checkpoint of a longer log; None where there is none, or none to believe, which the next run will say."""
        try:
            newer = read_checkpoint(self.reader, self.trust.keys)
        except RegistryError:
            return None
        return newer if newer.checkpoint.size > signed.checkpoint.size else None

    def _packages(
        self, history: History, links: Links | None, before: Mapping[Address, Findings]
    ) -> Mapping[Address, Findings]:
        """Every package, or those that something was wrong with before."""
        wanted = [address for address, found in before.items() if found.problems] if before else history.packages
        return check_packages(
            self._inspection(links, history.log_keys or ()),
            [history.packages[address] for address in sorted(wanted, key=_order)],
            self.progress,
            workers=self.request.workers,
        )

    def _unread(self, signed: Signed, log: WholeLog) -> _Seen:
        """Without entries that can be believed, nothing else can be judged."""
        findings = Findings()
        findings.add(log.problems)
        findings.count(Counted.ENTRIES, log.entries)
        read = self.kept.read if self.kept else 0
        return _Seen(findings, signed, read, continued=self.kept is None, complete=False)

    def _require_continued(self, signed: Signed) -> None:
        if self.kept:
            tiles = Tiles(self.reader, signed.checkpoint.size)
            require_continued(tiles, self.kept.signed.checkpoint, signed.checkpoint)

    def _inspection(self, links: Links | None, logged_keys: tuple[str, ...]) -> Inspection:
        keys = statement_keys((*self.trust.all_keys, *logged_keys))
        return Inspection(self.reader, self.request.artifacts, links, keys, self.now)


def _order(address: Address) -> tuple[str, str]:
    return (address.kind, str(address))


def _what(request: Request) -> str:
    """What was asked for, in words."""
    if request.monitor:
        return "the log"
    if request.lock:
        return request.lock.path
    if request.address:
        return f"{request.address} {request.version or ''}".rstrip()
    return "the whole registry"

"""What a consumer's code and lock files ask for, against what a registry offers from outside.

Nothing is proved here: that what is offered is what was published is the work of ``verify``.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from registry_gen.errors import Position, RefusalError
from registry_gen.inspect import codes
from registry_gen.inspect.asked import Checks, Subject
from registry_gen.inspect.budget import Budget
from registry_gen.inspect.level import Finding, Level
from registry_gen.inspect.offered import Offered
from registry_gen.model.config import MEGABYTE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from registry_gen.inspect.consumer import Consumer, Folder
    from registry_gen.inspect.discovered import Registry
    from registry_gen.model.address import Platform
    from registry_gen.publish.progress import Progress


MAX_READ: Final = 200 * MEGABYTE
MAX_SECONDS: Final = 1_800.0
"""For everything that one audit reads: the code that is looked at may choose a registry that never ends."""


@dataclass(frozen=True, slots=True)
class Audit:
    """What was found, in the order of the files, and how much was looked at."""

    findings: tuple[Finding, ...]
    counts: Mapping[str, int]


def audit(consumer: Consumer, registry: Registry, platforms: Sequence[Platform], progress: Progress) -> Audit:
    """Look at everything. ``platforms`` must have locked hashes; without any, all that a version has should have them.

    Raises SourceError where the registry cannot be asked, InputError INS070, RefusalError INS080.
    """
    reader = Budget(registry.reader, size=MAX_READ, seconds=MAX_SECONDS, code=codes.TOO_MUCH_OFFERED)
    work = _Work(Checks(Offered(reader), registry.host, tuple(platforms)))
    progress.begin("Folders", len(consumer.folders))
    for path, folder in consumer.folders.items():
        progress.step("Folders", path)
        work.folder(folder)
    found = [*(Finding(Level.ERROR, problem) for problem in consumer.problems), *work.findings]
    return Audit(tuple(sorted(found, key=_order)), work.counts)


def _order(finding: Finding) -> tuple[Position, str]:
    return (finding.problem.position or Position(finding.problem.where), finding.problem.code.id)


@dataclass(slots=True)
class _Work:
    checks: Checks
    findings: list[Finding] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def folder(self, folder: Folder) -> None:
        known = folder.locals
        locked = frozenset(each.source for each in folder.locked)
        self.counts["folder"] += 1
        for path, code in folder.files.items():
            self.counts["file"] += 1
            for asked in code.modules:
                subject = Subject(f'module "{asked.name}"', Position(path, asked.line, asked.column))
                self._collect("module", subject, self.checks.module(asked, subject, known))
            for asked in code.providers:
                subject = Subject(f'provider "{asked.name}"', Position(path, asked.line, asked.column))
                self._collect("required provider", subject, self.checks.provider(asked, subject, known, locked))
        for pinned in folder.locked:
            subject = Subject(f"{pinned.source} {pinned.version}", Position(folder.lock, pinned.line))
            self._collect("locked provider", subject, self.checks.locked(pinned, subject))

    def _collect(self, what: str, subject: Subject, found: Iterator[Finding]) -> None:
        """Keep what is found of one thing; a document that breaks a rule is a finding too, and the rest goes on."""
        self.counts[what] += 1
        try:
            self.findings.extend(found)  # what came before an error is kept
        except RefusalError as error:
            if error.code is codes.TOO_MUCH_OFFERED:
                raise
            detail = f"{error.detail or error.code.title}: {error.where}"
            problem = RefusalError(
                error.code, detail, expected=error.expected, found=error.found, position=subject.position
            )
            self.findings.append(Finding(Level.ERROR, problem))

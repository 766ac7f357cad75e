"""What was found: problems, remarks, and how much was looked at."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from registry_gen.errors import RegistryError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from registry_gen.log.note import Checkpoint


class Counted(StrEnum):
    """What is counted, in the order in which it is told: what was checked, then what was not."""

    ENTRIES = "entries of the log"
    PACKAGES = "packages"
    PROVIDERS = "providers"
    LOCKED_HASHES = "locked hashes"
    VERSIONS = "versions"
    WITHDRAWN = "withdrawn versions"
    DOCUMENTS = "version documents"
    RECORDS = "records"
    LEAVES = "protocol documents"
    ARCHIVES = "archives"
    ZIPS = "zips"
    LINKED_REPOSITORIES = "linked repositories"
    LINKED_ARCHIVES = "linked archives"
    LINKED_ZIPS = "linked zips"
    STATEMENTS = "statements of origin"
    SIGNATURES = "signatures of sums"
    SUMS = "sums and signatures"
    # Left out, or not to be judged:
    NOT_FETCHED = "artifacts not fetched"
    LINKED = "linked, not fetched"
    RECORDS_GONE = "records of withdrawn versions that are gone"
    STATEMENTS_UNKNOWN = "statements of origin by keys that are not known here"
    NOT_SERVED = "providers that are not served here"
    MAYBE_UNKNOWN = "hashes that may be those of platforms which are not held here"

    @property
    def left_out(self) -> bool:
        """Whether these were not checked, for a reason that is no problem."""
        members = list(Counted)
        return members.index(self) >= members.index(Counted.NOT_FETCHED)


@dataclass(slots=True)
class Findings:
    """What one part of the work found; parts that run side by side have one each, and are put together at the end.

    ``notes`` are remarks that break nothing; ``counts`` say how many of what were checked, or left out and why.
    """

    problems: list[RegistryError] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    counts: Counter[Counted] = field(default_factory=Counter)

    def count(self, what: Counted, number: int = 1) -> None:
        """So many more were checked."""
        self.counts[what] += number

    def add(self, problems: Iterable[RegistryError]) -> None:
        """Keep these problems."""
        self.problems.extend(problems)

    def merge(self, other: Findings) -> None:
        """Take over what another part found."""
        self.problems += other.problems
        self.notes += other.notes
        self.counts += other.counts

    @contextmanager
    def collecting(self) -> Iterator[None]:
        """Keep the error that ends the block as a problem, and go on behind it."""
        try:
            yield
        except RegistryError as error:
            self.problems.append(error)


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of one verification.

    ``checkpoint`` is the log's, None where there was none to believe; ``kept`` that of last time, None the first time.
    ``complete`` says whether all was looked at that was asked for; ``evidence`` names files that were written.
    """

    registry: str
    what: str
    checkpoint: Checkpoint | None
    kept: Checkpoint | None
    problems: tuple[RegistryError, ...]
    notes: tuple[str, ...]
    counts: Mapping[str, int]
    complete: bool
    evidence: tuple[str, ...] = ()

    @property
    def good(self) -> bool:
        """Whether nothing was wrong."""
        return not self.problems and self.complete

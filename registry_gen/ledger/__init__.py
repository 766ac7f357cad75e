"""What the ledger remembers, and the order in which it may learn it (design section 7).

``Ledger`` reads; ``Publication`` writes and exists only while the publication lock is held. Each method of
``Publication`` is one transaction that first checks the generation, so that a publisher that slept through the
loss of its lock raises LedgerError LED004 instead of writing. Each may be repeated after an unknown commit result.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from registry_gen.ledger.moving import Moving
from registry_gen.ledger.ruling import ChangesRules, KeepsRules

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime
    from pathlib import Path

    from registry_gen.ledger.audit import Anchor, StoredAuditRow, VerifiedAudit
    from registry_gen.ledger.backup import Counts
    from registry_gen.log.read_entries import AuditHead
    from registry_gen.log.tree import Tail
    from registry_gen.model.address import Address
    from registry_gen.model.digest import Sha256
    from registry_gen.model.facts import Package, PackageHead, PublishedDocument, Stock
    from registry_gen.model.imported import Imported, ImportedPackage
    from registry_gen.model.intent import AuditRow, Entry, Intent, OpenIntent, Run
    from registry_gen.model.plan import AskedReleases, RememberedRelease
    from registry_gen.model.purge import PendingPurges
    from registry_gen.model.version import Version


@dataclass(frozen=True, slots=True)
class LogHead:
    """Where the log of the site stands: its tail of hashes, and the signed checkpoint for exactly that size.

    ``checkpoint`` is None from the moment entries are fixed until their checkpoint is signed and stored.
    ``etag`` and ``stored_size`` are those of the checkpoint that was last seen to reach the bucket (None and 0 for
    none): every tile up to ``stored_size`` is there. ``key`` is the verifier key that the log stands under, None where
    no checkpoint was signed yet, or the ledger was made again from the bucket. ``place`` is the one that is published
    to (``places.known_as``), None where an older ledger never noted it.
    """

    tail: Tail
    checkpoint: bytes | None
    etag: str | None
    stored_size: int
    key: str | None = None
    place: str | None = None


@dataclass(frozen=True, slots=True)
class Violation:
    """A source that now says something else than what was published; nothing was changed.

    ``kind`` is the refusal's code, such as "PLN001"; ``published`` and ``seen`` are both values as text.
    """

    address: Address
    version: str
    kind: str
    published: str
    seen: str


@dataclass(frozen=True, slots=True)
class KnownRecord:
    """The digest of a version's record; ``needed`` is False where the version is collected, and the record may go."""

    digest: Sha256
    address: Address
    version: Version
    needed: bool


@dataclass(frozen=True, slots=True)
class Misplaced:
    """A version that the ledger knows at the entry ``known`` of the log, where the newest one on it is ``newest``.

    None is for no entry at all.
    """

    address: Address
    version: Version
    known: int | None
    newest: int | None


@dataclass(frozen=True, slots=True)
class RebuiltEntry:
    """An entry of the log, and the package and version that it is about, None where it is about none."""

    type: str
    payload: bytes
    address: Address | None
    version: Version | None


@dataclass(frozen=True, slots=True)
class Contents:
    """All that an empty ledger is to hold again.

    ``packages`` at their revisions, without inputs; ``documents`` those that the bucket holds, by owner, the site's
    under None; ``entries`` the whole log, which ``head`` stands for. ``audit`` are the rows of the audit log that were
    kept, and ``anchored`` the last one that the log names: ``row``, which tells of the rebuilding, comes after both.
    """

    packages: Sequence[Package]
    documents: Mapping[Address | None, Sequence[PublishedDocument]]
    entries: Sequence[RebuiltEntry]
    head: LogHead
    audit: Sequence[StoredAuditRow]
    anchored: AuditHead | None
    row: AuditRow


@dataclass(frozen=True, slots=True)
class Contradiction:
    """An address with version, and platform where it has one; what was imported first, and what is said now."""

    about: str
    kept: str
    said: str


@dataclass(frozen=True, slots=True)
class ImportCounts:
    """How many tags and digests are new, and where an earlier import said something else, which stays."""

    tags: int
    zips: int
    contradictions: tuple[Contradiction, ...]


@dataclass(frozen=True, slots=True)
class Forgotten:
    """A package of which imported tags and digests were forgotten, and how many stay since they are published."""

    address: Address
    tags: int
    zips: int
    kept: int


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """Who looked at an alarm, when, and why it is left at that."""

    by: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Alarm(Violation):
    """A violation as the ledger keeps it: the ``id`` that people name it by, and whether somebody acknowledged it."""

    id: int
    first_seen: datetime
    last_seen: datetime
    acknowledged: Acknowledgement | None


RunStatus = Literal["succeeded", "failed"]


class Publication(Moving, ChangesRules, Protocol):
    """The right to change what is published. Made by ``Ledger.publication``."""

    @property
    def generation(self) -> int:
        """A number that grows with each holder of the lock."""

    def begin(self, intents: Sequence[Intent]) -> tuple[OpenIntent, ...]:
        """Commit intents in one transaction and return them with their ids.

        Raises LedgerError LED005 where a package's revision is no longer the intent's base.
        """

    def open_intents(self) -> tuple[OpenIntent, ...]:
        """Every intent that is neither finished nor abandoned, oldest first."""

    def abandon(self, ids: Sequence[int]) -> None:
        """Give up intents that were not logged. Raises LedgerError LED006 for a logged one: logged is frozen.

        This is committed before anything of theirs is deleted; until ``collected``, ``abandoned`` gives them back.
        """

    def abandoned(self) -> tuple[OpenIntent, ...]:
        """Every intent that was given up and whose artifacts may still be in the bucket, oldest first."""

    def collected(self, ids: Sequence[int]) -> None:
        """The bucket holds nothing of these abandoned intents that no version refers to."""

    def log(self, intents: Sequence[OpenIntent]) -> LogHead:
        """The fenced transaction: fix indices, size and tail, and make the intents' facts the packages' own.

        Appends every entry of the intents that are not logged yet, in order, adds or replaces their versions,
        raises each package's revision to base + 1, appends what the audit log says of them and an entry that names
        the audit log's head, and returns the new head with ``checkpoint`` None (or the unchanged head where no intent
        has entries).
        """

    def log_head(self) -> LogHead:
        """Where the log stands now."""

    def log_entries(self, start: int, stop: int) -> tuple[bytes, ...]:
        """The payloads of entries ``start`` to ``stop - 1``."""

    def adopt_log_key(self, key: str) -> None:
        """The log stands under this verifier key; refuses (LED006) where another one is known."""

    def change_log_key(self, before: str | None, key: str, entry: Entry, row: AuditRow) -> LogHead:
        """The log stands under ``key`` from now on, and stood under ``before``.

        Appends ``entry``, which tells of it, ``row`` to the audit log, and an entry that names the audit log's head, in
        one transaction; returns the new head. Nothing changes where the log stands under ``key`` already; refuses
        (LED006) where it stands under another one.
        """

    def checkpoint_signed(self, size: int, checkpoint: bytes) -> None:
        """Keep the signed checkpoint of ``size`` before it is put; refuses (LED006) another one for the same size."""

    def checkpoint_stored(self, size: int, etag: str) -> None:
        """The bucket holds the checkpoint of ``size``."""

    def documents(self, owner: Address | None) -> Mapping[str, PublishedDocument]:
        """The mutable documents of a package by key; None for those of the site."""

    def documents_of(self, owners: Sequence[Address]) -> Mapping[Address, Mapping[str, PublishedDocument]]:
        """The mutable documents of several packages, in one query; packages without any are left out."""

    def documents_stored(self, documents: Mapping[Address | None, Sequence[PublishedDocument]]) -> None:
        """Remember documents that are in the bucket now, by their owners; None owns those of the site."""

    def document_removed(self, owner: Address, keys: Sequence[str]) -> None:
        """The bucket holds these documents no more."""

    def packages(self, addresses: Sequence[Address]) -> Mapping[Address, Package]:
        """Packages as of now, with all their versions; those that were never published are left out."""

    def finish(self, intents: Sequence[OpenIntent], at: datetime) -> None:
        """Listed: ``visible`` becomes the packages' revision, ``inputs`` and ``due_at`` the intents', intents close.

        Where the intents moved a withdrawal on, its stage began not before ``at``: readers see it from now on.
        """

    def settle_inputs(self, heads: Sequence[PackageHead]) -> None:
        """Keep ``inputs`` and ``due_at`` of packages whose plan was empty and complete (created at revision 0)."""

    def violation(self, violations: Sequence[Violation], at: datetime) -> None:
        """Record alarms; one that is already known, acknowledged or not, gets only its last sighting renewed."""

    def acknowledge(
        self, ids: Sequence[int], reason: str, run: Run, approved: Mapping[int, Sequence[object]] | None = None
    ) -> tuple[Alarm, ...]:
        """Acknowledge alarms by their ids, with a row of the audit log for each; returns them as they stand then.

        ``approved`` says by id what the row is to tell of approvals. An alarm that was acknowledged before stays as it
        was. Raises LedgerError LED032 for an unknown id.
        """

    def audit(self, rows: Sequence[AuditRow]) -> None:
        """Append to the hash-chained audit log."""

    def import_packages(self, packages: Sequence[ImportedPackage], row: AuditRow) -> ImportCounts:
        """Keep what another registry says of versions: in bulk, and never to be changed.

        ``row`` goes into the audit log where anything of it is new.
        """

    def forget_imported(self, addresses: Sequence[Address] | None, reason: str, run: Run) -> tuple[Forgotten, ...]:
        """Forget what was imported of these packages, None for all, except of what was ever published.

        A row of the audit log tells of each package that loses anything; the next run looks at it again. Returns those
        of which anything is known.
        """

    def remember(self, asked: Mapping[Address, AskedReleases]) -> None:
        """Keep what sources said of releases until they are asked again; an answer never replaces a later one."""

    def pending_purges(self, most: int) -> PendingPurges:
        """What a CDN is still to be told of; of more than ``most`` keys only their number.

        A ledger that was opened to note purges notes every key with what changes it: documents that are stored or
        removed, the checkpoint, and objects that are gone.
        """

    def purged(self, keys: Sequence[str] | None, last: int) -> None:
        """A CDN was told of these keys, of all where None, as far as they were noted until ``last``."""

    def start_run(self, catalog_commit: str | None, actor: str, at: datetime) -> int:
        """Record that a publish began, and that those before it were interrupted which have not ended.

        Returns its number.
        """

    def finish_run(self, run: int, status: RunStatus, summary: Mapping[str, int], at: datetime) -> None:
        """Record how it ended, with counts such as {"versions": 3, "refused": 1, "puts": 12}."""

    def rebuild(self, contents: Contents, before_commit: Callable[[], None]) -> None:
        """Fill an empty ledger, in one transaction; refuses (LED030) one that holds anything.

        ``before_commit`` is called when all is written and found good; where it raises, the ledger stays empty.
        """


class Inspection(Protocol):
    """Everything that the ledger knows of the bucket, as of one moment. Made by ``Ledger.inspection``."""

    def heads(self) -> Mapping[Address, PackageHead]:
        """The head of every package, without versions."""

    def packages(self, addresses: Sequence[Address]) -> Mapping[Address, Package]:
        """Packages with their versions; addresses that were never published are left out."""

    def documents_of(
        self, owners: Sequence[Address], folder: str = ""
    ) -> Mapping[Address, Mapping[str, PublishedDocument]]:
        """The mutable documents of packages in a folder, by owner and key; owners without any are left out."""

    def documents_of_site(self) -> Mapping[str, PublishedDocument]:
        """The mutable documents that belong to no package, by key."""

    def unfinished(self) -> tuple[OpenIntent, ...]:
        """Intents that are neither finished nor collected, the abandoned ones last."""

    def withdrawn(self, *, collected: bool) -> tuple[Address, ...]:
        """The packages with a withdrawn version, sorted; those with collected ones alone only where asked for."""

    def log_head(self) -> LogHead:
        """Where the log stands."""

    def log_entries(self, start: int, stop: int) -> tuple[bytes, ...]:
        """The payloads of entries ``start`` to ``stop - 1``; fewer where the log is shorter."""

    def log_entries_of(self, addresses: Sequence[Address]) -> tuple[tuple[int, bytes], ...]:
        """Index and payload of all entries about these packages, oldest first."""

    def misfiled(self) -> tuple[str, ...]:
        """The addresses, as text, of which entries of the log are kept as if they were about another package, or none.

        Both that which the entry names, and that under which it is kept.
        """

    def records(self) -> Iterator[KnownRecord]:
        """The record of every version, in order of digests; never all of them in memory."""

    def misplaced(self, addresses: Sequence[Address] | None) -> tuple[Misplaced, ...]:
        """The versions, of these packages or of all, whose place in the log is not that of the newest entry on them."""


class Ledger(KeepsRules, Protocol):
    """PostgreSQL, wherever it runs. Every method raises LedgerError; LED001 where it cannot be reached."""

    def migrate(self) -> tuple[str, ...]:
        """Bring the schema up to date, under a lock; returns the names of the migrations that ran."""

    def pending(self) -> tuple[str, ...]:
        """The migrations that ``migrate`` would run; nothing is changed."""

    def heads(self) -> Mapping[Address, PackageHead]:
        """The head of every package, without versions: what a run with no changes loads."""

    def packages(self, addresses: Sequence[Address]) -> Mapping[Address, Package]:
        """Packages with their versions; addresses that were never published are left out."""

    def stock(self, namespaces: Sequence[str]) -> Mapping[str, Stock]:
        """What the versions of modules and providers take up in these namespaces; those without any are left out."""

    def log_head(self) -> LogHead:
        """Where the log stands."""

    def log_entries(self, start: int, stop: int) -> tuple[bytes, ...]:
        """The payloads of entries ``start`` to ``stop - 1``; fewer where the log is shorter."""

    def inspection(self) -> AbstractContextManager[Inspection]:
        """Reads that all see the same moment, for as long as the block runs."""

    def imported(self, addresses: Sequence[Address]) -> Mapping[Address, Imported]:
        """What was imported of these packages; those of which nothing was are left out."""

    def remembered(self, addresses: Sequence[Address]) -> Mapping[Address, tuple[RememberedRelease, ...]]:
        """What sources said last of these packages' releases; of those that are left out nothing is known."""

    def violations(self, *, acknowledged: bool = False) -> tuple[Alarm, ...]:
        """Every alarm that nobody has acknowledged, on request the others too; oldest first."""

    def audit_rows(self, address: str | None, limit: int) -> tuple[StoredAuditRow, ...]:
        """The newest rows of the audit log, newest first; those of one address where it is given."""

    def audit_log(self) -> Iterator[StoredAuditRow]:
        """All rows of the audit log, oldest first, of one moment; a reader of any size."""

    def audit_anchors(self) -> tuple[Anchor, ...]:
        """What the transparency log says of the audit log; raises LedgerError LED031 where that log is not whole."""

    def verify_audit(self) -> VerifiedAudit:
        """Recompute log and audit log; raises LedgerError LED031, or LED018 naming the first row that does not fit."""

    def backup(self, file: Path, *, overwrite: bool) -> Counts:
        """Write all that this ledger holds to a file, mode 600; raises LedgerError LED024 to LED028."""

    def restore(self, file: Path) -> Counts:
        """Fill this ledger, where nothing was ever published, from a backup, and verify it.

        Raises LedgerError LED003, LED012, LED013, LED018, LED024 to LED026, LED029 to LED031; it is empty then.
        """

    def publication(self, wait_seconds: float) -> AbstractContextManager[Publication]:
        """Hold the publication lock, waiting at most so long; raises LedgerError LED003 where another holds on."""

    def close(self) -> None:
        """Give back connections, and stop an embedded server that this process started."""

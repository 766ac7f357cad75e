"""Mending what fsck found, from what is known to be good: the ledger, rendering, records and sources.

Nothing takes the place of a published object but bytes with the digest that was published. Comparing and fetching need
no lock; under it everything that was found is looked at once more, mended, and looked at again.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final, TypeVar

from registry_gen import paths
from registry_gen.errors import RegistryError, StorageError
from registry_gen.log.tree import root
from registry_gen.model.facts import PublishedDocument
from registry_gen.model.intent import AuditRow
from registry_gen.publish import codes
from registry_gen.publish.bucket import open_bucket
from registry_gen.publish.commit import recover, unfinished
from registry_gen.publish.documents import require_not_newer
from registry_gen.publish.findings import NO_ROW, WRONG_BYTES, Checked, Finding
from registry_gen.publish.fsck import fsck, recheck
from registry_gen.publish.log_key import require_log_key, settle_log_key
from registry_gen.publish.remake import remake_artifacts
from registry_gen.publish.repair_bucket import require_ours
from registry_gen.publish.trusted import ALL, certain, trusted, untrue
from registry_gen.render.artifacts import version_artifacts
from registry_gen.render.document import restamped, revision_of
from registry_gen.render.package import render_package
from registry_gen.storage import codes as storage_codes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from registry_gen.ledger import Publication
    from registry_gen.model.address import Address
    from registry_gen.model.intent import Artifact, Intent, Run
    from registry_gen.model.version import Version
    from registry_gen.publish.bucket import Bucket
    from registry_gen.publish.log_key import CheckpointSigner
    from registry_gen.publish.progress import Progress
    from registry_gen.publish.registry import Registry
    from registry_gen.storage import Stored

_T = TypeVar("_T")

ORPHAN_AGE: Final = timedelta(days=1)
"""An orphan that is younger may be on its way: a publisher that lost the lock puts what it has begun to put."""

_LEFT_BEHIND: Final = frozenset({codes.ORPHAN, codes.SCRATCH})

_WRONG_LABELS: Final = frozenset({codes.WRONG_TYPE, codes.WRONG_CACHE})


@dataclass(frozen=True, slots=True)
class Repaired:
    """What was found, what is left, and why that could not be mended where it is known."""

    before: Checked
    after: Checked
    problems: tuple[RegistryError, ...] = ()

    @property
    def mended(self) -> tuple[Finding, ...]:
        """The findings that are none any more."""
        left = {(finding.code, finding.key) for finding in self.after.findings}
        return tuple(finding for finding in self.before.findings if (finding.code, finding.key) not in left)


def broken_versions(findings: Sequence[Finding]) -> tuple[tuple[Address, Version], ...]:
    """The versions that nobody can install, or that would be refused: an artifact of theirs is not what it must be.

    Clients read no statement about where an archive came from.
    """
    found = {
        (str(finding.address), finding.version): (finding.address, finding.version)
        for finding in certain(findings)
        if finding.code in WRONG_BYTES
        and finding.address
        and finding.version
        and finding.key.startswith("v1/")
        and not paths.is_provenance(finding.key)
    }
    return tuple(found[key] for key in sorted(found, key=lambda key: key))


def repair(registry: Registry, signer: CheckpointSigner, run: Run, progress: Progress) -> Repaired:
    """Mend the bucket under the publication lock, and finish whatever an earlier run left.

    Raises LedgerError, ConflictError PUB003 or PUB011 where the bucket is another ledger's or ahead of this one,
    StorageError PUB010 where nothing of the registry is left in it.
    """
    site = registry.config.site
    require_ours(registry.ledger, registry, signer)
    before = fsck(registry.ledger, registry.public, site, progress)
    if not before.findings:
        return Repaired(before, before)

    def look() -> Sequence[Finding]:
        return recheck(registry.ledger, registry.public, site, before.findings)

    staged, problems = _staged(registry, before.findings)
    with (
        open_bucket(registry, signer, run.at) as bucket,
        registry.ledger.publication(registry.lock_seconds) as publication,
    ):
        proved = require_ours(publication, registry, signer)
        settle_log_key(publication, signer, run, None)
        work = _Repair(registry, publication, signer, staged, run.at, proved=proved)
        work.mend_log(look())
        work.finish(bucket)
        work.mend(look())
        work.mend_listings(look())
        after = replace(before, findings=tuple(look()))
        done = Repaired(before, after, (*problems, *work.problems))
        publication.audit([_row(done, run)])
    registry.staging.discard(staged.values())
    return done


def _staged(registry: Registry, findings: Sequence[Finding]) -> tuple[Mapping[str, Artifact], list[RegistryError]]:
    """Archives, zips, sums and signatures that are lost, made again as far as they can be, by key."""
    wanted: dict[Address, dict[Version, set[str]]] = defaultdict(lambda: defaultdict(set))
    for finding in trusted(findings):
        if finding.code in WRONG_BYTES and finding.address and finding.version:
            wanted[finding.address][finding.version].add(finding.key)
    staged: dict[str, Artifact] = {}
    problems: list[RegistryError] = []
    packages = registry.ledger.packages(list(wanted))
    for address, package in packages.items():
        for facts in package.versions:
            keys = wanted[address][facts.version] & version_artifacts(address, facts).keys()
            if keys:
                made = remake_artifacts(registry, address, facts, keys)
                staged |= {artifact.key: artifact for artifact in made.artifacts}
                problems += made.problems.values()
    return staged, problems


class _Repair:
    """Mends under the lock; what cannot be mended becomes a problem."""

    def __init__(
        self,
        registry: Registry,
        publication: Publication,
        signer: CheckpointSigner,
        staged: Mapping[str, Artifact],
        now: datetime,
        *,
        proved: bool,
    ) -> None:
        """``proved`` says that the bucket's log is exactly the ledger's, and that no other ledger published here."""
        self._staging = registry.staging
        self._storage = registry.public
        self._publication = publication
        self._signer = signer
        self._staged = staged
        self._now = now
        self._proved = proved
        self._site = registry.config.site
        self._untrue: Mapping[str, RegistryError] = {}
        self.problems: list[RegistryError] = []

    def mend_log(self, findings: Sequence[Finding]) -> None:
        """Tiles, bundles and the checkpoint from the ledger's entries, if these are what the ledger says they are."""
        self._untrue = untrue(findings)
        self.problems += self._untrue.values()
        if not _contradicts_log(findings):
            for finding in findings:
                if finding.code in WRONG_BYTES and finding.key.startswith("log/"):
                    self._attempt(finding, self._checkpoint if finding.key == paths.CHECKPOINT else self._tile)

    def finish(self, bucket: Bucket) -> None:
        """What an earlier run left, unless that would publish what the ledger's own log denies."""
        waiting = {str(address) for address in unfinished(self._publication)}
        if not waiting.isdisjoint(self._untrue) or (waiting and ALL in self._untrue):
            return
        for item in self._publication.open_intents():
            self._clear(item.intent)
        self.problems += [refusal.error for refusal in recover(self._publication, bucket).refusals]

    def mend(self, findings: Sequence[Finding]) -> None:
        """Shorten listings that lead nowhere, then bring back what they led to; listings themselves come later."""
        findings = trusted(findings)
        sound = self._publication.log_head().tail.size > 0 and not _contradicts_log(findings)
        for finding in findings:
            if finding.code is codes.DEAD_LISTING and finding.expected_object:
                self._attempt(finding, self._document)
        for finding in findings:
            way = self._way(finding, sound=sound)
            if way:
                self._attempt(finding, way)
        for finding in findings:
            if finding.code is codes.LEDGER_DIFFERS and finding.expected == NO_ROW:
                self._attempt(finding, self._forget)

    def mend_listings(self, findings: Sequence[Finding]) -> None:
        """Listings last, when it is clear what they may lead to."""
        for finding in trusted(findings):
            wrong = finding.code in WRONG_BYTES or finding.code is codes.DEAD_LISTING
            if wrong and finding.expected_object and _is_listing(finding.key):
                self._attempt(finding, self._document)

    def _way(self, finding: Finding, *, sound: bool) -> Callable[[Finding], object] | None:
        expected = finding.expected_object
        if finding.code in WRONG_BYTES and not finding.key.startswith("log/"):
            if finding.key in self._staged:
                return self._artifact
            if expected and expected.body is not None and not _is_listing(finding.key):
                return self._document
            return self._say_lost if finding.key.startswith("records/") else None
        if finding.code in _WRONG_LABELS:
            return self._relabel
        if finding.code is codes.LEDGER_DIFFERS and expected and expected.content:
            return self._adopt
        gone = finding.code in _LEFT_BEHIND or (finding.code is codes.DEAD_LISTING and expected is None)
        return self._surplus if gone and sound else None

    def _attempt(self, finding: Finding, way: Callable[[Finding], object]) -> None:
        self._publication.log_head()  # raises where the lock was lost meanwhile
        try:
            way(finding)
        except RegistryError as error:
            self.problems.append(error)

    def _artifact(self, finding: Finding) -> None:
        """Published bytes in the place of others, or of nothing."""
        artifact = self._staged[finding.key]
        path = self._staging.path(artifact)
        if path is None:
            raise StorageError(codes.LOST, where=finding.key, hint=codes.LOST.fix)
        self._make_room(artifact.key)
        self._storage.put_new(artifact.key, path, artifact.sha256)

    def _make_room(self, key: str) -> None:
        """Delete what stands where published bytes belong, but not what another run has put there by now."""
        found = self._unless_in_the_way(key, self._storage.head)
        if found:
            self._publication.log_head()  # raises where the lock was lost meanwhile
            self._storage.delete_found([found])

    def _document(self, finding: Finding) -> None:
        """What is rendered, over whatever stands there, at the revision that it has.

        A higher revision than the ledger's is replaced only where ``require_ours`` has proved, under the lock, that
        the bucket's log is exactly the ledger's. Then nobody else has published: whoever does puts log and checkpoint
        before documents, and no listing says anything but what was logged. So the number is forged, or from a copy of
        this ledger that did what has no entry, which is rendered again as soon as the catalog asks for it.
        A paused publisher of this ledger has lost the lock and its generation. What it may still put is compared with
        an etag from before a change that was logged, and that change is finished before anything is mended: no etag of
        before comes back, since what is put here carries the revision at which the content last changed.
        """
        expected = finding.expected_object
        if expected is None or expected.body is None:
            return
        revision = revision_of(expected.key, expected.body) or 0
        found = self._found(expected.key)
        if found and not self._proved:
            require_not_newer(expected.key, found[0], revision)
        stored = self._storage.put_if(expected.key, expected.body, found[1].etag if found else None)
        self._remember(finding, stored.etag)

    def _clear(self, intent: Intent) -> None:
        """Have nothing forged stand where an unfinished change puts its documents: it would wait for that for good.

        A forged revision becomes 0 and the document stays as it is, so that no reader sees a hole: documents are put
        over it in their order.
        """
        package = self._publication.packages([intent.address]).get(intent.address)
        for document in render_package(package, self._site) if package and self._proved else ():
            try:
                found = self._found(document.key)
                if found and (revision_of(document.key, found[0]) or 0) > intent.base + 1:
                    self._publication.log_head()  # raises where the lock was lost meanwhile
                    self._storage.put_if(document.key, restamped(document.key, found[0], 0), found[1].etag)
            except RegistryError as error:
                self.problems.append(error)

    def _found(self, key: str) -> tuple[bytes, Stored] | None:
        return self._unless_in_the_way(key, self._storage.get)

    def _unless_in_the_way(self, key: str, ask: Callable[[str], _T | None]) -> _T | None:
        """What is stored. What is no object has no readers, is never followed, and can be deleted, but for folders."""
        try:
            return ask(key)
        except StorageError as error:
            if error.code is not storage_codes.IN_THE_WAY:
                raise
        self._publication.log_head()  # raises where the lock was lost meanwhile
        self._storage.delete([key])
        return None

    def _adopt(self, finding: Finding) -> None:
        """The document is right, and the ledger learns it."""
        found = self._storage.head(finding.key)
        if found:
            self._remember(finding, found.etag)

    def _remember(self, finding: Finding, etag: str) -> None:
        expected = finding.expected_object
        if expected and expected.body is not None and expected.content:
            revision = revision_of(expected.key, expected.body) or 0
            document = PublishedDocument(expected.key, expected.content, revision, etag)
            self._publication.documents_stored({expected.address: [document]})

    def _forget(self, finding: Finding) -> None:
        if finding.address and self._storage.head(finding.key) is None:
            self._publication.document_removed(finding.address, [finding.key])

    def _relabel(self, finding: Finding) -> None:
        stored = self._storage.relabel(finding.key)
        if stored:
            self._remember(finding, stored.etag)

    def _say_lost(self, finding: Finding) -> None:
        raise StorageError(codes.NO_RECORD, where=finding.key, found=finding.found, hint=codes.NO_RECORD.fix)

    def _tile(self, finding: Finding) -> None:
        expected = finding.expected_object
        if expected and expected.body is not None and expected.sha256:
            self._make_room(expected.key)
            self._storage.put_new(expected.key, expected.body, expected.sha256)

    def _checkpoint(self, finding: Finding) -> None:
        """The one that the ledger keeps; where the log has grown since, the next one is put by recovery."""
        head = self._publication.log_head()
        found = self._found(finding.key)
        if head.stored_size != head.tail.size:
            if found:
                self._storage.delete_if(finding.key, found[1].etag)
            return
        checkpoint = head.checkpoint
        if checkpoint is None:
            require_log_key(self._publication, head, self._signer)
            checkpoint = self._signer.sign_checkpoint(head.tail.size, root(head.tail))
            self._publication.checkpoint_signed(head.tail.size, checkpoint)
        stored = self._storage.put_if(finding.key, checkpoint, found[1].etag if found else None)
        self._publication.checkpoint_stored(head.stored_size, stored.etag)

    def _surplus(self, finding: Finding) -> None:
        """Delete what nothing refers to; a document at once, for it may mislead, an object when it is old enough."""
        found = self._storage.head(finding.key)
        if found is None:
            return
        scratch = finding.code is codes.SCRATCH  # a doctor may be at work with it
        if not scratch and not paths.rule(finding.key).immutable:
            self._storage.delete_if(finding.key, found.etag)
        elif found.modified is not None and self._now - found.modified >= ORPHAN_AGE:
            self._storage.delete_found([found])


def _contradicts_log(findings: Iterable[Finding]) -> bool:
    """Whether the ledger's own log cannot be relied on: then nothing is made or deleted by it."""
    wrong = {codes.LEDGER_DIFFERS, codes.LOG_AHEAD}
    return any(finding.code in wrong and finding.key.startswith("log/") for finding in findings)


def _is_listing(key: str) -> bool:
    rule = paths.rule(key)
    return not rule.immutable and paths.is_listing(key)


def _row(done: Repaired, run: Run) -> AuditRow:
    return AuditRow(
        actor=run.actor,
        action="repair",
        address="",
        before={"findings": len(done.before.findings)},
        after={"findings": len(done.after.findings), "mended": Counter(finding.code.id for finding in done.mended)},
        catalog_commit=run.catalog_commit,
        run_url=run.run_url,
        at=run.at,
    )

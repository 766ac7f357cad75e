"""Mending what fsck found, from what is known to be good: the ledger, rendering, records and sources.

Nothing takes the place of a published object but bytes with the digest that was published.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from registry_gen import paths
from registry_gen.errors import ConflictError, RefusalError, RegistryError, StorageError
from registry_gen.model.facts import PublishedDocument
from registry_gen.model.intent import AuditRow
from registry_gen.publish import codes
from registry_gen.publish.bucket import open_bucket
from registry_gen.publish.checkpoint import put_log
from registry_gen.publish.commit import recover
from registry_gen.publish.fsck import fsck
from registry_gen.publish.log_key import settle_log_key
from registry_gen.publish.own_bucket import require_own_bucket
from registry_gen.publish.remake import remake_artifacts
from registry_gen.render.artifacts import version_artifacts
from registry_gen.render.document import revision_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from registry_gen.errors import Code
    from registry_gen.ledger import Publication
    from registry_gen.model.address import Address
    from registry_gen.model.facts import VersionFacts
    from registry_gen.model.intent import Run
    from registry_gen.publish.fsck import Checked, Finding
    from registry_gen.publish.log_key import CheckpointSigner
    from registry_gen.publish.progress import Progress
    from registry_gen.publish.registry import Registry
    from registry_gen.storage import Storage

ORPHAN_AGE: Final = timedelta(days=1)
"""An orphan that is younger may be on its way: a run puts artifacts before it says so anywhere else."""

Way = Callable[["Finding"], object]

_WRONG_BYTES: Final = frozenset({codes.OBJECT_MISSING, codes.OBJECT_ALTERED, codes.OBJECT_TRUNCATED})
_WRONG_LABELS: Final = frozenset({codes.WRONG_TYPE, codes.WRONG_CACHE})


@dataclass(frozen=True, slots=True)
class Repaired:
    """What was found, what was mended of it, what is left, and why it could not be mended where that is known."""

    before: Checked
    after: Checked
    problems: tuple[RegistryError, ...]

    @property
    def mended(self) -> tuple[Finding, ...]:
        """The findings that are none any more."""
        left = {(finding.code, finding.key) for finding in self.after.findings}
        return tuple(finding for finding in self.before.findings if (finding.code, finding.key) not in left)


def repair(registry: Registry, signer: CheckpointSigner, run: Run, progress: Progress) -> Repaired:
    """Mend the bucket under the publication lock, after finishing whatever an earlier run left.

    Raises LedgerError, ConflictError PUB003 or PUB011 where the bucket is another ledger's or ahead of this one,
    StorageError PUB010 where nothing of the registry is left in it.
    """
    site = registry.config.site
    with (
        open_bucket(registry, signer, run.at) as bucket,
        registry.ledger.publication(registry.lock_seconds) as publication,
    ):
        _require_ours(publication, registry)
        settle_log_key(publication, signer, run, None)
        with registry.ledger.inspection() as known:
            before = fsck(known, registry.public, site, progress)
        work = _Repair(registry, publication, run.at)
        work.mend(before.findings)
        recover(publication, bucket)
        put_log(publication, registry.public, bucket.executor, signer)
        with registry.ledger.inspection() as known:
            after = fsck(known, registry.public, site, progress)
        done = Repaired(before, after, tuple(work.problems))
        if before.findings:
            publication.audit([_row(done, run)])
    return done


class _Repair:
    def __init__(self, registry: Registry, publication: Publication, now: datetime) -> None:
        self._registry = registry
        self._storage = registry.public
        self._publication = publication
        self._now = now
        self.problems: list[RegistryError] = []

    def mend(self, findings: Sequence[Finding]) -> None:
        """Artifacts first, listings last, so that no reader is led to what is not there yet."""
        log_is_sound = not any(
            finding.code is codes.LEDGER_DIFFERS and finding.key == paths.CHECKPOINT for finding in findings
        )
        lost = [finding for finding in findings if finding.code in _WRONG_BYTES]
        self._artifacts([found for found in lost if found.version and found.key.startswith("v1/")])
        for finding in sorted(lost, key=lambda found: _is_listing(found.key)):
            if finding.key.startswith("log/"):
                if log_is_sound:
                    self._attempt(finding, self._log_object)
            elif finding.expected_object and finding.expected_object.body is not None:
                self._attempt(finding, self._document)
            elif finding.key.startswith("records/"):
                self.problems.append(_no_record(finding))
        for finding in findings:
            if finding.code in _WRONG_LABELS:
                self._attempt(finding, lambda found: self._storage.relabel(found.key))
            elif finding.code in (codes.ORPHAN, codes.DEAD_LISTING) and not finding.address and log_is_sound:
                self._attempt(finding, lambda found: self._surplus(found.key))

    def _attempt(self, finding: Finding, way: Way) -> None:
        try:
            way(finding)
        except RegistryError as error:
            self.problems.append(error)

    def _artifacts(self, lost: Iterable[Finding]) -> None:
        """Archives, zips, sums and signatures: made again, version by version."""
        wanted: dict[Address, list[Finding]] = defaultdict(list)
        for finding in lost:
            if finding.address:
                wanted[finding.address].append(finding)
        packages = self._publication.packages(list(wanted))
        for address, findings in wanted.items():
            for facts in packages[address].versions:
                keys = {found.key for found in findings if found.version == facts.version}
                keys &= version_artifacts(address, facts).keys()
                if keys:
                    self._remake(address, facts, sorted(keys))

    def _remake(self, address: Address, facts: VersionFacts, keys: Sequence[str]) -> None:
        made = remake_artifacts(self._registry, address, facts, keys)
        self.problems += made.problems.values()
        for artifact in made.artifacts:
            path = self._registry.staging.path(artifact)
            if path is None:
                continue
            try:
                self._publication.log_head()  # raises where the lock was lost meanwhile
                if self._storage.head(artifact.key):
                    self._storage.delete([artifact.key])
                self._storage.put_new(artifact.key, path, artifact.sha256)
            except (ConflictError, StorageError) as error:
                self.problems.append(error)
        self._registry.staging.discard(made.artifacts)

    def _document(self, finding: Finding) -> None:
        """What is rendered, over whatever stands there, at the revision that it has."""
        expected = finding.expected_object
        assert expected is not None  # noqa: S101 - mend looked
        assert expected.body is not None  # noqa: S101
        found = self._storage.head(expected.key)
        stored = self._storage.put_if(expected.key, expected.body, found.etag if found else None)
        revision = revision_of(expected.key, expected.body) or 0
        document = PublishedDocument(expected.key, expected.content or expected.sha256, revision, stored.etag)
        self._publication.document_stored(expected.address, [document])

    def _log_object(self, finding: Finding) -> None:
        """A tile or bundle from the ledger's entries; the checkpoint is the one that the ledger keeps."""
        if finding.key == paths.CHECKPOINT:
            head = self._publication.log_head()
            if head.checkpoint is None or head.stored_size != head.tail.size:
                return  # put_log puts the next one
            found = self._storage.head(finding.key)
            stored = self._storage.put_if(finding.key, head.checkpoint, found.etag if found else None)
            self._publication.checkpoint_stored(head.stored_size, stored.etag)
            return
        expected = finding.expected_object
        if expected and expected.body is not None:
            if finding.code is not codes.OBJECT_MISSING:
                self._storage.delete([expected.key])
            self._storage.put_new(expected.key, expected.body, expected.sha256)

    def _surplus(self, key: str) -> None:
        found = self._storage.head(key)
        if found is None:
            return
        if not paths.rule(key).immutable:
            self._storage.delete_if(key, found.etag)
        elif found.modified is not None and self._now - found.modified >= ORPHAN_AGE:
            self._storage.delete([key])


def _require_ours(publication: Publication, registry: Registry) -> None:
    """Refuse a bucket of another ledger, and one of which nothing is left; a broken checkpoint is for mending."""
    storage, head = registry.public, publication.log_head()
    found = storage.get(paths.CHECKPOINT)
    if found is None and head.stored_size and not _any(storage):
        raise StorageError(codes.BUCKET_LOST, where=storage.name, hint=codes.BUCKET_LOST.fix)
    if found is not None:
        try:
            require_own_bucket(head, storage, registry.log_origin)
        except RefusalError:
            return


def _any(storage: Storage) -> bool:
    return next(iter(storage.list("records/")), None) is not None


def _is_listing(key: str) -> bool:
    rule = paths.rule(key)
    return not rule.immutable and paths.is_listing(key)


def _no_record(finding: Finding) -> StorageError:
    code: Code = codes.NO_RECORD
    return StorageError(code, where=finding.key, found=finding.found, hint=code.fix)


def _row(done: Repaired, run: Run) -> AuditRow:
    counts: dict[str, int] = defaultdict(int)
    for finding in done.mended:
        counts[finding.code.id] += 1
    return AuditRow(
        actor=run.actor,
        action="repair",
        address="",
        before={"findings": len(done.before.findings)},
        after={"findings": len(done.after.findings), "mended": dict(counts)},
        catalog_commit=run.catalog_commit,
        run_url=run.run_url,
        at=run.at,
    )

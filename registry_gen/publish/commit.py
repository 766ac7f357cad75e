"""The one way intents are finished, on the first pass and after a crash alike (design section 7).

Every step may be repeated: artifacts are create-only, logging skips what is logged, documents are compared
by content, and finishing closes what is open.
"""

from __future__ import annotations

from concurrent.futures import wait
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from registry_gen import paths
from registry_gen.errors import ConflictError, LedgerError, StorageError
from registry_gen.ledger import AuditRow, Publication
from registry_gen.ledger import codes as ledger_codes
from registry_gen.model.address import MirrorAddress, ModuleAddress, ProviderAddress
from registry_gen.model.facts import Hosting, ModuleVersion, Package, ProviderVersion
from registry_gen.model.plan import Refusal
from registry_gen.publish import codes
from registry_gen.publish.checkpoint import CheckpointSigner, put_log
from registry_gen.publish.documents import Change, changes, put_documents
from registry_gen.render.discovery import render_site
from registry_gen.render.lint import lint
from registry_gen.render.package import render_package

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from concurrent.futures import Executor

    from registry_gen.model.address import Address
    from registry_gen.model.config import Site
    from registry_gen.model.intent import Artifact, Intent, OpenIntent
    from registry_gen.publish.staging import Staging
    from registry_gen.storage import Storage


_REFUSED_CONTENT: Final = frozenset(
    {ledger_codes.FROZEN, ledger_codes.PACKAGE_MOVED, ledger_codes.REFUSED_BY_DATABASE, ledger_codes.DATABASE_ERROR}
)
"""What PostgreSQL or a trigger has against one intent, and not against us."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """What committing needs beside the ledger: the public storage, its uploader threads, staging, the log's key.

    ``actor`` and ``catalog_commit`` go into the audit log.
    """

    storage: Storage
    executor: Executor
    staging: Staging
    signer: CheckpointSigner
    site: Site
    actor: str
    catalog_commit: str | None


@dataclass(frozen=True, slots=True)
class Committed:
    """The intents whose packages are visible now, the number of puts, what went wrong for others, and the keys where
    something stood that was not ours and was replaced.
    """

    finished: tuple[OpenIntent, ...]
    puts: int
    refusals: tuple[Refusal, ...]
    altered: tuple[str, ...]


def recover(publication: Publication, bucket: Bucket) -> Committed:
    """Finish what an earlier run left: every logged intent, and those not logged whose bytes are all to be had.

    Intents whose bytes are lost, or that were overtaken, are abandoned and collected.
    """
    ready: list[OpenIntent] = []
    lost: list[OpenIntent] = []
    refusals: list[Refusal] = []
    for item in publication.open_intents():
        try:
            (ready if item.logged or _can_resume(publication, bucket, item) else lost).append(item)
        except StorageError as error:
            refusals.append(Refusal(item.intent.address, None, error))
    if lost:
        publication.abandon([item.id for item in lost])
    refusals += _collect(publication, bucket)
    committed = commit(publication, bucket, ready, action="recover")
    return replace(committed, refusals=(*refusals, *committed.refusals))


def _collect(publication: Publication, bucket: Bucket) -> Iterator[Refusal]:
    """Delete what abandoned intents put and no version refers to; a key that other bytes hold would stay taken.

    Gives a refusal for each whose objects cannot be deleted now; it stays abandoned, and its package waits for it.
    """
    for item in publication.abandoned():
        package = publication.packages([item.intent.address]).get(item.intent.address)
        held = artifact_keys(package) if package else frozenset[str]()
        try:
            bucket.storage.delete([artifact.key for artifact in item.intent.artifacts if artifact.key not in held])
            bucket.staging.discard(item.intent.artifacts)
        except StorageError as error:
            yield Refusal(item.intent.address, None, error)
        else:
            publication.collected([item.id])


def unfinished(publication: Publication) -> frozenset[Address]:
    """The packages that nothing new may begin for: an earlier change is neither finished nor collected."""
    return frozenset(item.intent.address for item in (*publication.open_intents(), *publication.abandoned()))


def commit(
    publication: Publication, bucket: Bucket, intents: Sequence[OpenIntent], action: str = "publish"
) -> Committed:
    """Artifacts, then log, then leaf documents and listings, then the ledger's last word.

    One package's failure to reach the bucket leaves its intent open for the next run and stops no other.
    """
    ready, puts, refusals = _put_all_artifacts(publication, bucket, intents)
    ready, unloggable = _log(publication, ready)
    refusals += unloggable
    puts += put_log(publication, bucket.storage, bucket.executor, bucket.signer)
    wanted = (*_site_changes(publication, bucket), *_package_changes(publication, bucket, ready))
    outcome = put_documents(publication, bucket.storage, bucket.executor, wanted)
    site_error = outcome.failed.get(None)
    if site_error:
        raise site_error
    finished = [item for item in ready if item.intent.address not in outcome.failed]
    refusals += [
        Refusal(item.intent.address, None, outcome.failed[item.intent.address])
        for item in ready
        if item.intent.address in outcome.failed
    ]
    if finished:
        publication.audit([_audit_row(bucket, item.intent, action) for item in finished])
        publication.finish(finished)
    bucket.staging.discard(artifact for item in finished for artifact in item.intent.artifacts)
    return Committed(tuple(finished), puts + outcome.puts, tuple(refusals), outcome.altered)


def _log(publication: Publication, ready: list[OpenIntent]) -> tuple[list[OpenIntent], list[Refusal]]:
    """Log all, or, where the database refuses what one of them holds, all others: that one is abandoned."""
    if not ready:
        return [], []
    try:
        publication.log(ready)
    except LedgerError as error:
        if error.code not in _REFUSED_CONTENT:
            raise
    else:
        return ready, []
    logged: list[OpenIntent] = []
    refusals: list[Refusal] = []
    for item in ready:
        try:
            publication.log([item])
            logged.append(item)
        except LedgerError as error:
            if error.code not in _REFUSED_CONTENT or item.logged:
                raise
            publication.abandon([item.id])
            refusals.append(Refusal(item.intent.address, None, error))
    return logged, refusals


def _put_all_artifacts(
    publication: Publication, bucket: Bucket, intents: Sequence[OpenIntent]
) -> tuple[list[OpenIntent], int, list[Refusal]]:
    """The intents whose artifacts are all there, the number of puts, and a refusal for each of the others."""
    ready: list[OpenIntent] = []
    refusals: list[Refusal] = []
    puts = 0
    for item in intents:
        try:
            puts += 0 if item.logged else _put_artifacts(bucket, item.intent.artifacts)
            ready.append(item)
        except ConflictError as error:
            # Other bytes at our key may be what another ledger published: nothing is deleted, a person has to look.
            publication.abandon([item.id])
            publication.collected([item.id])
            refusals.append(Refusal(item.intent.address, None, error))
        except StorageError as error:
            refusals.append(Refusal(item.intent.address, None, error))
    return ready, puts, refusals


def _put_artifacts(bucket: Bucket, artifacts: Sequence[Artifact]) -> int:
    def put(artifact: Artifact) -> None:
        path = bucket.staging.path(artifact)
        if path:
            bucket.storage.put_new(artifact.key, path, artifact.sha256)
        elif not _stored(bucket.storage, artifact):
            raise StorageError(codes.LOST, where=artifact.key, hint=codes.LOST.fix)

    pending = [bucket.executor.submit(put, artifact) for artifact in artifacts]
    wait(pending)  # nothing of an intent is on its way any more when it is given up
    for future in pending:
        future.result()
    return len(artifacts)


def _site_changes(publication: Publication, bucket: Bucket) -> tuple[Change, ...]:
    """Documents that belong to no package count their revisions by themselves."""
    known = publication.documents(None)
    revision = max((document.revision for document in known.values()), default=0) + 1
    documents = render_site(bucket.site)
    for error in lint(documents):
        raise error
    return changes(None, revision, documents, known)


def _package_changes(publication: Publication, bucket: Bucket, ready: Sequence[OpenIntent]) -> tuple[Change, ...]:
    """Once logged, documents come from the ledger alone: the same on the first pass and after a crash."""
    if not ready:
        return ()
    addresses = [item.intent.address for item in ready]
    packages = publication.packages(addresses)
    known = publication.documents_of(addresses)
    return tuple(
        change
        for address in addresses
        for change in changes(
            address,
            packages[address].head.revision,
            render_package(packages[address], bucket.site),
            known.get(address, {}),
        )
    )


def _can_resume(publication: Publication, bucket: Bucket, item: OpenIntent) -> bool:
    package = publication.packages([item.intent.address]).get(item.intent.address)
    if (package.head.revision if package else 0) != item.intent.base:
        return False
    return all(_is_there(bucket, artifact) for artifact in item.intent.artifacts)


def _is_there(bucket: Bucket, artifact: Artifact) -> bool:
    return bucket.staging.path(artifact) is not None or _stored(bucket.storage, artifact)


def _stored(storage: Storage, artifact: Artifact) -> bool:
    """Whether the bucket holds the artifact already, to the last byte: only a run that resumes has to ask."""
    return storage.digest(artifact.key) == artifact.sha256


def _audit_row(bucket: Bucket, intent: Intent, action: str) -> AuditRow:
    return AuditRow(
        actor=bucket.actor,
        action=action,
        address=str(intent.address),
        before={"revision": intent.base},
        after={"revision": intent.base + 1, "versions": [str(facts.version) for facts in intent.versions]},
        catalog_commit=bucket.catalog_commit,
        at=intent.created_at,
    )


def artifact_keys(package: Package) -> frozenset[str]:
    """The keys of every immutable object that the package's versions refer to, withdrawn ones included."""
    address = package.head.address
    keys = set()
    for facts in package.versions:
        keys.add(paths.record(facts.record))
        match address, facts:
            case ModuleAddress(), ModuleVersion(hosting=Hosting.COPY):
                keys.add(paths.module_archive(address, facts.version))
            case ProviderAddress(), ProviderVersion():
                keys.add(paths.provider_sums(address, facts.version, facts.sums.sums))
                keys.add(paths.provider_signature(address, facts.version, facts.sums.signature))
                if facts.hosting is Hosting.COPY:
                    keys |= {paths.provider_zip(address, facts.version, item.platform) for item in facts.packages}
            case MirrorAddress(), _ if not isinstance(facts, ModuleVersion) and facts.hosting is Hosting.COPY:
                keys |= {paths.mirror_zip(address, facts.version, item.platform) for item in facts.packages}
            case _:
                pass
    return frozenset(keys)

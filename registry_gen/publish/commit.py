"""The one way intents are finished, on the first pass and after a crash alike (design section 7).

Every step may be repeated: artifacts are create-only, logging skips what is logged, documents are compared
by content, and finishing closes what is open.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry_gen import paths
from registry_gen.errors import ConflictError, StorageError
from registry_gen.ledger import AuditRow, Publication
from registry_gen.model.address import MirrorAddress, ModuleAddress, ProviderAddress
from registry_gen.model.facts import Hosting, ModuleVersion, Package, ProviderVersion
from registry_gen.model.plan import Refusal
from registry_gen.publish.checkpoint import CheckpointSigner, put_log
from registry_gen.publish.documents import put_documents
from registry_gen.render.package import render_package, render_site

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Executor

    from registry_gen.model.config import Site
    from registry_gen.model.intent import Artifact, Intent, OpenIntent
    from registry_gen.publish.staging import Staging
    from registry_gen.storage import Storage


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
    """The intents whose packages are visible now, the number of puts, and what went wrong for others."""

    finished: tuple[OpenIntent, ...]
    puts: int
    refusals: tuple[Refusal, ...]


def recover(publication: Publication, bucket: Bucket) -> Committed:
    """Finish what an earlier run left: every logged intent, and those not logged whose bytes are all to be had.

    Intents whose bytes are lost, or that were overtaken, are abandoned, and their unreferenced objects deleted.
    """
    ready: list[OpenIntent] = []
    lost: list[OpenIntent] = []
    for item in publication.open_intents():
        (ready if item.logged or _can_resume(publication, bucket, item) else lost).append(item)
    for item in lost:
        bucket.storage.delete(_unreferenced(publication, item))
        publication.abandon([item.id])
    return commit(publication, bucket, ready, action="recover")


def commit(
    publication: Publication, bucket: Bucket, intents: Sequence[OpenIntent], action: str = "publish"
) -> Committed:
    """Artifacts, then log, then leaf documents and listings, then the ledger's last word.

    One package's failure to reach the bucket leaves its intent open for the next run and stops no other.
    """
    puts = 0
    refusals: list[Refusal] = []
    ready: list[OpenIntent] = []
    for item in intents:
        try:
            puts += 0 if item.logged else _put_artifacts(bucket, item.intent.artifacts)
            ready.append(item)
        except ConflictError as error:
            publication.abandon([item.id])
            refusals.append(Refusal(item.intent.address, None, error))
        except StorageError as error:
            refusals.append(Refusal(item.intent.address, None, error))
    if ready:
        publication.log(ready)
    puts += put_log(publication, bucket.storage, bucket.executor, bucket.signer)
    puts += _put_site(publication, bucket)
    finished: list[OpenIntent] = []
    for item in ready:
        try:
            puts += _put_package(publication, bucket, item)
            finished.append(item)
        except (ConflictError, StorageError) as error:
            refusals.append(Refusal(item.intent.address, None, error))
    if finished:
        publication.audit([_audit_row(bucket, item.intent, action) for item in finished])
        publication.finish(finished)
    bucket.staging.discard(artifact.sha256 for item in finished for artifact in item.intent.artifacts)
    return Committed(tuple(finished), puts, tuple(refusals))


def _put_artifacts(bucket: Bucket, artifacts: Sequence[Artifact]) -> int:
    def put(artifact: Artifact) -> None:
        path = bucket.staging.path(artifact.sha256)
        if path:
            bucket.storage.put_new(artifact.key, path, artifact.sha256)

    for _ in bucket.executor.map(put, artifacts):
        pass
    return len(artifacts)


def _put_site(publication: Publication, bucket: Bucket) -> int:
    """Documents that belong to no package count their revisions by themselves."""
    known = publication.documents(None)
    revision = max((document.revision for document in known.values()), default=0) + 1
    return put_documents(publication, bucket.storage, bucket.executor, None, revision, render_site(bucket.site))


def _put_package(publication: Publication, bucket: Bucket, item: OpenIntent) -> int:
    package = publication.package(item.intent.address)
    if package is None:
        raise RuntimeError(f"{item.intent.address} was logged but is not in the ledger")
    documents = render_package(package, bucket.site)
    return put_documents(
        publication, bucket.storage, bucket.executor, item.intent.address, package.head.revision, documents
    )


def _can_resume(publication: Publication, bucket: Bucket, item: OpenIntent) -> bool:
    package = publication.package(item.intent.address)
    if (package.head.revision if package else 0) != item.intent.base:
        return False
    return all(_is_there(bucket, artifact) for artifact in item.intent.artifacts)


def _is_there(bucket: Bucket, artifact: Artifact) -> bool:
    return bucket.staging.path(artifact.sha256) is not None or _stored(bucket.storage, artifact)


def _stored(storage: Storage, artifact: Artifact) -> bool:
    """Whether the bucket holds the artifact already. Its key is only ever written create-only, by one lock's holder."""
    found = storage.head(artifact.key)
    return found is not None and found.size == artifact.size


def _unreferenced(publication: Publication, item: OpenIntent) -> list[str]:
    package = publication.package(item.intent.address)
    held = artifact_keys(package) if package else frozenset[str]()
    return [artifact.key for artifact in item.intent.artifacts if artifact.key not in held]


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

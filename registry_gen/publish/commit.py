"""The one way intents are finished, on the first pass and after a crash alike (design section 7).

Every step may be repeated: artifacts are create-only, logging skips what is logged, documents are compared
by content, and finishing closes what is open.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Final

from registry_gen import paths
from registry_gen.errors import ConflictError, LedgerError, StorageError
from registry_gen.ledger import Publication
from registry_gen.ledger import codes as ledger_codes
from registry_gen.model.plan import Refusal
from registry_gen.publish import codes
from registry_gen.publish.checkpoint import put_log
from registry_gen.publish.documents import Change, Outcome, Removal, changes, put_documents, removals, remove_documents
from registry_gen.render.artifacts import artifact_keys
from registry_gen.render.discovery import render_site
from registry_gen.render.lint import lint
from registry_gen.render.package import render_package
from registry_gen.storage import Put, Stored

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence, Set

    from registry_gen.model.address import Address
    from registry_gen.model.intent import Artifact, OpenIntent
    from registry_gen.publish.bucket import Bucket
    from registry_gen.storage import Storage


_REFUSED_CONTENT: Final = frozenset(
    {ledger_codes.FROZEN, ledger_codes.PACKAGE_MOVED, ledger_codes.REFUSED_BY_DATABASE, ledger_codes.DATABASE_ERROR}
)
"""What PostgreSQL or a trigger has against one intent, and not against us."""


_SMALL: Final = 65_536
"""Up to how many bytes an artifact is put together with others: records, sums and signatures."""

_Ended = Stored | ConflictError | StorageError | None
"""None: it was there already, and its staged bytes are gone."""


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
    committed = commit(publication, bucket, ready)
    return replace(committed, refusals=(*refusals, *committed.refusals))


def _collect(publication: Publication, bucket: Bucket) -> Iterator[Refusal]:
    """Delete what abandoned intents put and no version refers to; a key that other bytes hold would stay taken.

    Gives a refusal for each whose objects cannot be deleted now; it stays abandoned, and its package waits for it.
    """
    given_up = publication.abandoned()
    packages = publication.packages([item.intent.address for item in given_up]) if given_up else {}
    for item in given_up:
        package = packages.get(item.intent.address)
        held = artifact_keys(package) if package else frozenset[str]()
        wanted = [artifact.key for artifact in item.intent.artifacts if artifact.key not in held]
        try:
            found = [stored for key in wanted if (stored := bucket.storage.head(key))]
            # Raises where the lock was lost. Whoever takes it from here on deletes these too before it writes any anew,
            # and what it writes is not what was found.
            publication.log_head()
            bucket.storage.delete_found(found)
            bucket.staging.discard(item.intent.artifacts)
        except StorageError as error:
            yield Refusal(item.intent.address, None, error)
        else:
            publication.collected([item.id])


def unfinished(publication: Publication) -> frozenset[Address]:
    """The packages that nothing new may begin for: an earlier change is neither finished nor collected."""
    return frozenset(item.intent.address for item in (*publication.open_intents(), *publication.abandoned()))


def commit(publication: Publication, bucket: Bucket, intents: Sequence[OpenIntent]) -> Committed:
    """Artifacts, log, leaf documents, listings; then what is no longer rendered or stored goes; the ledger's last word.

    One package's failure to reach the bucket leaves its intent open for the next run and stops no other.
    """
    ready, puts, refusals = _put_all_artifacts(publication, bucket, intents)
    ready, unloggable = _log(publication, ready)
    refusals += unloggable
    puts += put_log(publication, bucket.storage, bucket.signer)
    outcome = _bring_documents(publication, bucket, ready)
    failed = {**outcome.failed, **_remove_artifacts(publication, bucket.storage, ready, outcome.failed.keys())}
    finished = [item for item in ready if item.intent.address not in failed]
    refusals += [
        Refusal(item.intent.address, None, failed[item.intent.address])
        for item in ready
        if item.intent.address in failed
    ]
    if finished:
        publication.finish(finished, bucket.clock())
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
    puts = 0
    failed: dict[int, ConflictError | StorageError] = {}
    pending = [(item.id, artifact) for item in intents if not item.logged for artifact in item.intent.artifacts]
    for _, wave in groupby(sorted(pending, key=_wave), key=_wave):
        wanted = [(id_, artifact) for id_, artifact in wave if id_ not in failed]
        puts += len(wanted)
        failed |= _put_side_by_side(bucket, wanted)
    # Other bytes at our key may be what another ledger published: nothing is deleted, a person has to look. What was
    # put is made alike by the next attempt.
    conflicts = [id_ for id_, error in failed.items() if isinstance(error, ConflictError)]
    if conflicts:
        publication.abandon(conflicts)
        publication.collected(conflicts)
    ready = [item for item in intents if item.id not in failed]
    refusals = [Refusal(item.intent.address, None, failed[item.id]) for item in intents if item.id in failed]
    return ready, puts, refusals


def _wave(wanted: tuple[int, Artifact]) -> int:
    return paths.wave(wanted[1].key)


def _put_side_by_side(
    bucket: Bucket, wanted: Sequence[tuple[int, Artifact]]
) -> Mapping[int, ConflictError | StorageError]:
    """Put artifacts of many intents, and give what went wrong by the intents' ids; a conflict says more than a failure.

    A put that failed is tried once more, so that a passing fault leaves the order of the log as it would have been.
    """
    failed: dict[int, ConflictError | StorageError] = {}
    for last in (False, True):
        results = _put_artifacts(bucket, [artifact for _, artifact in wanted])
        again = []
        for (id_, artifact), result in zip(wanted, results, strict=True):
            if isinstance(result, ConflictError):
                failed[id_] = result
            elif isinstance(result, StorageError):
                again.append((id_, artifact))
                if last:
                    failed.setdefault(id_, result)
        wanted = again
    return failed


def _put_artifacts(bucket: Bucket, artifacts: Sequence[Artifact]) -> list[_Ended]:
    """Small ones in one go, large ones side by side; gives how each ended, in their order."""
    small = [artifact for artifact in artifacts if artifact.size <= _SMALL]
    large = [artifact for artifact in artifacts if artifact.size > _SMALL]
    ended = dict(zip(small, _put_small(bucket, small), strict=True))
    # Nothing of an intent is on its way any more when it is given up: all of them are waited for.
    ended |= zip(large, bucket.executor.map(partial(_put_one, bucket), large), strict=True)
    return [ended[artifact] for artifact in artifacts]


def _put_small(bucket: Bucket, artifacts: Sequence[Artifact]) -> list[_Ended]:
    puts = [
        Put(artifact.key, path, artifact.sha256) for artifact in artifacts if (path := bucket.staging.path(artifact))
    ]
    there = iter(bucket.storage.put_all(puts))
    staged = {put.key for put in puts}
    return [next(there) if artifact.key in staged else _put_one(bucket, artifact) for artifact in artifacts]


def _put_one(bucket: Bucket, artifact: Artifact) -> _Ended:
    try:
        path = bucket.staging.path(artifact)
        if path:
            return bucket.storage.put_new(artifact.key, path, artifact.sha256)
        if _stored(bucket.storage, artifact):
            return None
    except (ConflictError, StorageError) as error:
        return error
    return StorageError(codes.LOST, where=artifact.key, hint=codes.LOST.fix)


def _site_changes(publication: Publication, bucket: Bucket) -> tuple[Change, ...]:
    """Documents that belong to no package count their revisions by themselves."""
    known = publication.documents(None)
    revision = max((document.revision for document in known.values()), default=0) + 1
    documents = render_site(bucket.site)
    for error in lint(documents):
        raise error
    return changes(None, revision, documents, known)


def _package_changes(
    publication: Publication, bucket: Bucket, ready: Sequence[OpenIntent]
) -> tuple[tuple[Change, ...], tuple[Removal, ...]]:
    """Once logged, documents come from the ledger alone: the same on the first pass and after a crash."""
    if not ready:
        return (), ()
    addresses = [item.intent.address for item in ready]
    packages = publication.packages(addresses)
    known = publication.documents_of(addresses)
    wanted: list[Change] = []
    unwanted: list[Removal] = []
    for address in addresses:
        documents, there = render_package(packages[address], bucket.site), known.get(address, {})
        wanted += changes(address, packages[address].head.revision, documents, there)
        unwanted += removals(address, packages[address].head.revision, documents, there)
    return tuple(wanted), tuple(unwanted)


def _bring_documents(publication: Publication, bucket: Bucket, ready: Sequence[OpenIntent]) -> Outcome:
    """Put what is rendered and differs, then delete what is no longer rendered; raises where the site's own failed."""
    wanted, unwanted = _package_changes(publication, bucket, ready)
    wanted = (*_site_changes(publication, bucket), *wanted)
    outcome = put_documents(publication, bucket.storage, wanted)
    site_error = outcome.failed.get(None)
    if site_error:
        raise site_error
    gone = [removal for removal in unwanted if removal.owner not in outcome.failed]
    failed = remove_documents(publication, bucket.storage, gone)
    return replace(outcome, failed={**outcome.failed, **failed})


def _remove_artifacts(
    publication: Publication, storage: Storage, ready: Sequence[OpenIntent], failed: Set[Address | None]
) -> Mapping[Address | None, StorageError]:
    """Delete what logged intents remove; gives the packages where it failed. The ledger knows already that it goes."""
    errors: dict[Address | None, StorageError] = {}
    for item in ready:
        if not item.intent.removes or item.intent.address in failed:
            continue
        publication.log_head()  # raises where the lock was lost meanwhile
        try:
            storage.delete(item.intent.removes)
        except StorageError as error:
            errors[item.intent.address] = error
    return errors


def _can_resume(publication: Publication, bucket: Bucket, item: OpenIntent) -> bool:
    package = publication.packages([item.intent.address]).get(item.intent.address)
    if (package.head.revision if package else 0) != item.intent.base:
        return False
    return all(_is_there(bucket, artifact) for artifact in item.intent.artifacts)


def _is_there(bucket: Bucket, artifact: Artifact) -> bool:
    """A disk that lost power may have kept the name of a staged file and not its bytes."""
    return bucket.staging.holds(artifact) or _stored(bucket.storage, artifact)


def _stored(storage: Storage, artifact: Artifact) -> bool:
    """Whether the bucket holds the artifact, to the last byte: only a run that resumes or gives up has to ask."""
    return storage.digest(artifact.key) == artifact.sha256

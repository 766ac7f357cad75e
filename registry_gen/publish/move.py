"""Moving a registry to another storage: everything but listings is copied while publishing goes on, then the lock is
taken, what changed meanwhile follows, and one transaction of the ledger says where it publishes from now on.

The order at the new place is that of publishing: artifacts and records, the log's tiles, its checkpoint, leaf
documents, listings, and at last the site's documents, by which clients find all this. Until the transaction, all that
is remembered of the new place lies beside what holds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from registry_gen import paths
from registry_gen.catalog.problems import ProblemsError
from registry_gen.errors import ConflictError, StorageError
from registry_gen.model.intent import AuditRow, Intent
from registry_gen.plan.inputs import rendering_of
from registry_gen.publish import codes
from registry_gen.publish.bucket import open_bucket
from registry_gen.publish.checkpoint import put_log
from registry_gen.publish.commit import commit, recover, unfinished
from registry_gen.publish.move_documents import LEAVES, LISTINGS, Documents
from registry_gen.publish.move_immutable import copy_again, copy_log, copy_packages, still_surplus
from registry_gen.publish.move_objects import Copier
from registry_gen.publish.own_bucket import require_own_log, require_own_place
from registry_gen.publish.registry import pool

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry_gen.errors import RegistryError
    from registry_gen.ledger import LogHead, Publication
    from registry_gen.model.address import Address
    from registry_gen.model.facts import Package, PackageHead
    from registry_gen.model.intent import Run
    from registry_gen.publish.log_key import CheckpointSigner
    from registry_gen.publish.progress import Progress
    from registry_gen.publish.registry import Registry
    from registry_gen.storage import Storage, Stored

_COPIES: Final = 16
_PACKAGES_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class Way:
    """From which storage to which, and how the ledger knows both places."""

    source: Storage
    target: Storage
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Moved:
    """How a move ended: objects and bytes that were written, objects that were there, packages rendered anew.

    ``already`` says that the registry had moved before.
    """

    copied: int = 0
    kept: int = 0
    size: int = 0
    rendered: int = 0
    already: bool = False


def move(registry: Registry, way: Way, signer: CheckpointSigner, run: Run, progress: Progress) -> Moved:
    """Copy everything, and publish to the new place from then on; may be stopped and repeated at any moment.

    Raises ConflictError PUB015 where the registry does not publish to the old place, PUB016 where the new one holds
    something else, PUB003 or PUB011 where either holds another log, PUB039 where a change is not finished;
    ProblemsError with all that cannot be copied: then the registry stays where it was.
    """
    with pool(_COPIES, "copy") as executor:
        with registry.ledger.publication(registry.lock_seconds) as publication:
            if _has_moved(publication, way):
                return Moved(rendered=_render_anew(registry, way, publication, signer, run), already=True)
            _require_way(registry, way, publication.log_head())
            if not publication.copy_begun(way.after):
                _require_free(way, publication.log_head(), registry.log_origin)
                publication.begin_copy(way.after, run)
        copier = Copier(way.source, way.target, registry.staging, executor)
        early = _copy_early(registry, way, copier, progress)
        with registry.ledger.publication(registry.lock_seconds) as publication:
            if not _has_moved(publication, way):
                _require_way(registry, way, publication.log_head())
                _settle_source(registry, way, publication, signer, run)
                _switch(registry, way, publication, copier, early, run, progress)
            rendered = _render_anew(registry, way, publication, signer, run)
    return Moved(copier.copied, copier.kept, copier.size, rendered)


@dataclass(frozen=True, slots=True)
class _Early:
    """What was copied while publishing went on: packages as they were then, with their leaf documents and the log.

    ``surplus`` is what the new place holds beyond that.
    """

    heads: Mapping[Address, PackageHead]
    surplus: Sequence[Stored]
    size: int
    etag: str | None

    def is_as_it_was(self, head: PackageHead) -> bool:
        """Whether nothing of a package was changed since."""
        before = self.heads.get(head.address)
        return before is not None and (before.revision, before.visible) == (head.revision, head.visible)


def _copy_early(registry: Registry, way: Way, copier: Copier, progress: Progress) -> _Early:
    """Everything but listings. The lock is taken for some packages at a time, as every publisher does."""
    heads = _published(registry.ledger.heads())
    addresses = sorted(heads, key=str)
    surplus = copy_packages(copier, registry.ledger, addresses, progress)
    require_whole(copier)
    size, etag = 0, None
    with registry.ledger.publication(registry.lock_seconds) as publication:
        if not _has_moved(publication, way):
            head = publication.log_head()
            copy_log(copier, publication, head)
            require_whole(copier)
            size, etag = head.tail.size, _documents(registry, way, publication, copier).checkpoint(head)
    progress.begin(LEAVES, len(addresses))
    for start in range(0, len(addresses), _PACKAGES_AT_ONCE):
        some = addresses[start : start + _PACKAGES_AT_ONCE]
        with registry.ledger.publication(registry.lock_seconds) as publication:
            if not _has_moved(publication, way):
                _documents(registry, way, publication, copier).packages(some, progress, listings=False, at=heads)
    require_whole(copier)
    return _Early(heads, surplus, size, etag)


def _switch(
    registry: Registry,
    way: Way,
    publication: Publication,
    copier: Copier,
    early: _Early,
    run: Run,
    progress: Progress,
) -> None:
    """What changed since it was copied, the log's end, listings; then the ledger moves."""
    heads = _published(registry.ledger.heads())
    addresses = sorted(heads, key=str)
    changed = [address for address in addresses if not early.is_as_it_was(heads[address])]
    surplus = [*early.surplus, *copy_again(copier, registry.ledger, changed)]
    documents, head, etag = _documents(registry, way, publication, copier), publication.log_head(), early.etag
    if head.tail.size != early.size:
        copy_log(copier, publication, head)
        require_whole(copier)
        etag = documents.checkpoint(head)
    documents.packages(changed, progress, listings=False)
    require_whole(copier)
    progress.begin(LISTINGS, len(addresses))
    documents.packages(addresses, progress, listings=True)
    documents.site()
    documents.remove_surplus()
    require_whole(copier)
    if way.before != way.after:
        waste = still_surplus(copier, registry.ledger, surplus)
        publication.log_head()  # raises where the lock was lost meanwhile
        way.target.delete_found(waste)
    publication.move(way.after, etag, run)


def _documents(registry: Registry, way: Way, publication: Publication, copier: Copier) -> Documents:
    return Documents(copier, publication, way.after, registry.config.site)


def _has_moved(publication: Publication, way: Way) -> bool:
    return way.before != way.after and publication.log_head().place == way.after


def _require_way(registry: Registry, way: Way, head: LogHead) -> None:
    """The registry must publish to the old place, and its log be there. One place twice is one that was filled by other
    means: its log has to be this one.
    """
    if way.before != way.after:
        require_own_place(head, way.before)
    require_own_log(head, way.source, registry.log_origin)


def _require_free(way: Way, head: LogHead, origin: str) -> None:
    """The new place must be empty, or hold a part of what the old one holds: somebody may have begun by other means."""
    if way.before == way.after:
        return
    there = iter(way.target.list(""))
    first = next(there, None)
    if first is None:
        return
    found = way.target.get(paths.CHECKPOINT)
    if found:
        require_own_log(head, way.target, origin)
    here = iter(way.source.list(""))
    known = next(here, None)
    while first is not None:
        while known and known.key < first.key:
            known = next(here, None)
        if known is None or known.key != first.key:
            where = f"{way.target.name}/{first.key}"
            raise ConflictError(codes.NOT_EMPTY, where=where, hint=codes.NOT_EMPTY.fix)
        first = next(there, None)


def require_whole(copier: Copier) -> None:
    """Raise ProblemsError where anything could not be copied."""
    if copier.problems:
        count = len(copier.problems)
        told = StorageError(
            codes.NOT_COPIED, where=copier.target.name, found=f"{count} objects that could not be copied"
        )
        raise ProblemsError([*copier.problems, told])


def _settle_source(registry: Registry, way: Way, publication: Publication, signer: CheckpointSigner, run: Run) -> None:
    """Finish at the old place what an earlier run left, if it would be rendered there as it was meant to be.

    Raises ConflictError PUB039 where something stays unfinished.
    """
    source = replace(registry, public=way.source)
    rendering = rendering_of(registry.config.site.url)
    if unfinished(publication) and all(
        item.intent.state.rendering == rendering for item in (*publication.open_intents(), *publication.abandoned())
    ):
        with open_bucket(source, signer, run.at) as bucket:
            recover(publication, bucket)
    left = unfinished(publication)
    if left:
        found = ", ".join(sorted(map(str, left))[:5])
        hint = f"With {way.before} in registry.yaml: {codes.UNFINISHED.fix}"
        raise ConflictError(codes.UNFINISHED, where=way.source.name, found=found, hint=hint)
    put_log(publication, way.source, signer)


def _published(heads: Mapping[Address, PackageHead]) -> Mapping[Address, PackageHead]:
    return {address: head for address, head in heads.items() if head.revision}


def _render_anew(registry: Registry, way: Way, publication: Publication, signer: CheckpointSigner, run: Run) -> int:
    """Documents that name another URL of the site, or were made by another renderer: as a publish would, at the new
    place; what an earlier attempt left of that is finished first. Gives the number of packages.
    """
    rendering = rendering_of(registry.config.site.url)
    there = replace(registry, public=way.target)
    done = 0
    problems: list[RegistryError] = []
    with open_bucket(there, signer, run.at) as bucket:
        problems += [refusal.error for refusal in recover(publication, bucket).refusals]
        busy = unfinished(publication)
        heads = _published(registry.ledger.heads())
        stale = [address for address in sorted(heads, key=str) if heads[address].state.rendering != rendering]
        stale = [address for address in stale if address not in busy]
        for start in range(0, len(stale), _PACKAGES_AT_ONCE):
            packages = publication.packages(stale[start : start + _PACKAGES_AT_ONCE])
            intents = [_rendering(packages[address], rendering, run) for address in sorted(packages, key=str)]
            committed = commit(publication, bucket, publication.begin(intents))
            done += len(committed.finished)
            problems += [refusal.error for refusal in committed.refusals]
    if problems:
        raise ProblemsError(problems)
    return done


def _rendering(package: Package, rendering: str, run: Run) -> Intent:
    """The same package, rendered anew."""
    head = package.head
    return Intent(
        address=head.address,
        base=head.revision,
        versions=(),
        state=replace(head.state, rendering=rendering),
        artifacts=(),
        entries=(),
        inputs=None,
        due_at=head.due_at,
        created_at=run.at,
        audit=AuditRow(
            actor=run.actor,
            action="publish",
            address=str(head.address),
            before={"revision": head.revision},
            after={"revision": head.revision + 1, "changed": "site URL or renderer"},
            catalog_commit=run.catalog_commit,
            run_url=run.run_url,
            at=run.at,
        ),
    )

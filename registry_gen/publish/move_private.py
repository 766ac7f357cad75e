"""Copying a storage of which no ledger knows what must be in it: the private one. What is there is what counts."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Final

from registry_gen import paths
from registry_gen.errors import ConflictError
from registry_gen.publish import codes
from registry_gen.publish.listed import Listed
from registry_gen.publish.move import Moved, require_whole
from registry_gen.publish.move_objects import Copier, Wanted
from registry_gen.publish.registry import pool
from registry_gen.storage import Put

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from registry_gen.publish.progress import Progress
    from registry_gen.publish.registry import Registry
    from registry_gen.storage import Storage, Stored

PHASE: Final = "Copying objects"
_COPIES: Final = 16
_AT_ONCE: Final = 1_000


def copy_private(registry: Registry, source: Storage, target: Storage, progress: Progress) -> Moved:
    """Copy all objects of the registry's making, while nobody publishes: immutable ones, then documents, then listings.

    Raises ConflictError PUB016 where the target holds what the source does not, ProblemsError with all that cannot be
    copied.
    """
    with (
        pool(_COPIES, "copy") as executor,
        registry.ledger.publication(registry.lock_seconds) as publication,
    ):
        copier = Copier(source, target, registry.staging, executor)
        for _ in _stretches(source, target):
            pass  # nothing is written where any of it would be refused
        progress.begin(PHASE, len(_WAVES))
        for wave in _WAVES:
            for here, there in _stretches(source, target):
                ours = {key: stored for key, stored in here.items() if _wave(key) == wave}
                if wave == 0:
                    copier.copy([Wanted(key, stored.sha256) for key, stored in ours.items()], ours, there)
                else:
                    _copy_documents(copier, ours, there)
                publication.log_head()  # raises where the lock was lost meanwhile
            require_whole(copier)
            progress.step(PHASE, "")
    return Moved(copier.copied, copier.kept, copier.size)


_WAVES: Final = (0, 1, 2, 3)


def _wave(key: str) -> int | None:
    """When an object is put: what never changes, documents, listings, and at last what is never cached."""
    try:
        rule = paths.rule(key)
    except ValueError:
        return None  # nothing that the registry makes: it is left where it is
    if key.startswith(paths.SCRATCH):
        return None  # what doctor tries a storage with
    if rule.immutable:
        return 0
    if paths.is_listing(key):
        return 2
    return 3 if key == paths.CHECKPOINT else 1


def _stretches(source: Storage, target: Storage) -> Iterator[tuple[Mapping[str, Stored], Mapping[str, Stored]]]:
    """Both storages beside each other, a stretch of keys at a time."""
    there = Listed(iter(target.list("")))
    for _, some in groupby(enumerate(source.list("")), key=lambda pair: pair[0] // _AT_ONCE):
        here = {stored.key: stored for _, stored in some}
        known = there.before(max(here) + "\0")
        _require_known(target, here, known)
        yield here, known
    _require_known(target, {}, there.before(None))


def _require_known(target: Storage, here: Mapping[str, Stored], there: Mapping[str, Stored]) -> None:
    foreign = next((key for key in there if key not in here), None)
    if foreign is not None:
        raise ConflictError(codes.NOT_EMPTY, where=f"{target.name}/{foreign}", hint=codes.NOT_EMPTY.fix)


def _copy_documents(copier: Copier, here: Mapping[str, Stored], there: Mapping[str, Stored]) -> None:
    def read(key: str) -> Put | None:
        """What is to be put; None where it is there, or was deleted since it was listed."""
        found = copier.source.get(key)
        held = copier.target.get(key) if found and key in there else None
        if found is None or (held and held[0] == found[0]):
            return None
        return Put(key, found[0], expected=held[1].etag if held else None)

    puts = [put for put in copier.executor.map(read, here) if put]
    copier.kept += len(here) - len(puts)
    copier.put(puts)

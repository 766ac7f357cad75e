"""The last step of a publication: the CDN in front of the bucket is told what has changed (design section 7).

It is outside of the lock and of everything that counts: what fails here is told, kept in the ledger, and tried again by
the next run, and the publication stays as it is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from registry_gen.edge.purge import purge
from registry_gen.errors import RegistryError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from registry_gen.edge.purge import Purged
    from registry_gen.ledger import Publication
    from registry_gen.model.purge import PendingPurges
    from registry_gen.publish.progress import Progress
    from registry_gen.publish.registry import Registry

PHASE: Final = "Purging caches"
MOST_KEYS: Final = 20_000
"""Of more pending keys nobody asks which ones they are: everything is purged."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a CDN was told, and how many keys it is still to be told of.

    ``unsaved`` is why the ledger does not know yet what was done: the next run does it again.
    """

    cdn: str
    purged: Purged
    pending: int
    unsaved: RegistryError | None = None

    @property
    def failures(self) -> Sequence[RegistryError]:
        """Everything that went wrong."""
        return (*self.purged.failures, *([self.unsaved] if self.unsaved else []))


def pending_purges(registry: Registry, publication: Publication) -> PendingPurges | None:
    """What the registry's CDN is still to be told of; None where it has none, or there is nothing to tell."""
    if registry.open_edge is None:
        return None
    pending = publication.pending_purges(MOST_KEYS)
    return pending if pending.count else None


def purge_pending(registry: Registry, pending: PendingPurges | None, progress: Progress) -> Told | None:
    """Tell the CDN what is pending. Raises nothing for what goes wrong there or in the ledger."""
    if pending is None:
        return None
    return _tell(registry, pending, pending.keys, progress, everything=pending.count > len(pending.keys))


def purge_waiting(registry: Registry, progress: Progress) -> Told | None:
    """Tell the CDN what earlier runs could not tell it; raises LedgerError where the ledger cannot be read."""
    with registry.ledger.publication(registry.lock_seconds) as publication:
        pending = pending_purges(registry, publication)
    return purge_pending(registry, pending, progress)


def purge_now(registry: Registry, keys: Sequence[str] | None, progress: Progress) -> Told | None:
    """Purge keys, or everything where None, whether they are pending or not; None where the registry has no CDN.

    Raises LedgerError where the ledger cannot be read.
    """
    if registry.open_edge is None:
        return None
    with registry.ledger.publication(registry.lock_seconds) as publication:
        pending = publication.pending_purges(MOST_KEYS)
    return _tell(registry, pending, keys or (), progress, everything=keys is None)


def _tell(
    registry: Registry, pending: PendingPurges, keys: Sequence[str], progress: Progress, *, everything: bool
) -> Told:
    assert registry.open_edge is not None  # noqa: S101 - narrows for the type checker
    edge, purging = registry.open_edge(), registry.config.purge
    progress.begin(PHASE, 1)
    purged = purge(edge, keys, everything=everything, most=purging.most if purging else None)
    progress.step(PHASE, "")
    whole = purged.scope == "everything" and not purged.failures
    told = Told(edge.name, purged, pending.count)
    if not whole and not purged.done:
        return told
    try:
        with registry.ledger.publication(registry.lock_seconds) as publication:
            publication.purged(None if whole else purged.done, pending.last)
            return replace(told, pending=publication.pending_purges(0).count)
    except RegistryError as error:
        return replace(told, unsaved=error)

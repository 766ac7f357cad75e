"""Which releases under URLs are asked again: once in ``ASK_AGAIN``, and before anything is done about them."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from registry_gen.model.entries import ProviderEntry
from registry_gen.model.plan import (
    AskedReleases,
    MirrorProvider,
    ProviderSighting,
    PublishModule,
    PublishProvider,
    Relist,
    RememberedRelease,
)
from registry_gen.plan.decide import ASK_AGAIN

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from registry_gen.model.address import Address
    from registry_gen.model.entries import Catalog, Entry
    from registry_gen.model.plan import Plan, ReleaseSeen, Sighting
    from registry_gen.model.version import Version

SPREAD: Final = timedelta(hours=6)
"""By how much of ``ASK_AGAIN`` some versions are asked earlier than others, so that one run need not ask all."""


def may_be_remembered(catalog: Catalog) -> tuple[Address, ...]:
    """The providers whose releases are under URLs; folders are read in every run."""
    return tuple(
        address
        for address, entry in catalog.entries.items()
        if isinstance(entry, ProviderEntry) and not entry.source.location.startswith("/")
    )


def not_due(
    catalog: Catalog, remembered: Mapping[Address, Sequence[RememberedRelease]], now: datetime
) -> Mapping[Address, Mapping[Version, ReleaseSeen]]:
    """By package and version, what a source need not be asked now: it was asked the same, and not long ago."""
    return {
        address: {
            item.release.version: item.release for item in items if _holds(catalog.entries[address], item, address, now)
        }
        for address, items in remembered.items()
    }


def unasked(made: Plan, sightings: Mapping[Address, Sighting]) -> Mapping[Address, frozenset[Version]]:
    """The versions that ``made`` does or refuses something about, although it has their sources' word only by memory.

    To take a version back, no source is asked.
    """
    concerned: dict[Address, set[Version]] = {}
    for package in made.packages:
        for action in package.actions:
            if isinstance(action, PublishModule | PublishProvider | MirrorProvider | Relist):
                concerned.setdefault(action.address, set()).add(action.version)
    for refusal in made.refusals:
        if refusal.version is not None:
            concerned.setdefault(refusal.address, set()).add(refusal.version)
    found = {address: _by_memory(sightings[address]) & versions for address, versions in concerned.items()}
    return {address: versions for address, versions in found.items() if versions}


def to_remember(
    catalog: Catalog,
    sightings: Mapping[Address, Sighting],
    remembered: Mapping[Address, Sequence[RememberedRelease]],
    now: datetime,
) -> Mapping[Address, AskedReleases]:
    """What was learnt beyond ``remembered``, for packages of which anything was.

    A version that is gone from the catalog is lost like one that gave no answer: who wants it again, asks.
    """
    found = {}
    for address in may_be_remembered(catalog):
        entry, sighting = catalog.entries[address], sightings[address]
        if not isinstance(entry, ProviderEntry) or not isinstance(sighting, ProviderSighting):
            continue
        answers = tuple(
            RememberedRelease(release, bool(entry.protocols), now)
            for release in sighting.releases
            if release.version not in sighting.remembered
        )
        known = {item.release.version for item in remembered.get(address, ())}
        lost = frozenset(known - {release.version for release in sighting.releases})
        if answers or lost:
            found[address] = AskedReleases(answers, lost)
    return found


def _holds(entry: Entry, item: RememberedRelease, address: Address, now: datetime) -> bool:
    same = isinstance(entry, ProviderEntry) and item.declared == bool(entry.protocols)
    # A clock that was wrong once must not keep a source from being asked until that day.
    return same and item.seen_at <= now < item.seen_at + ASK_AGAIN - _earlier(address, item.release.version)


def _earlier(address: Address, version: Version) -> timedelta:
    """A share of ``SPREAD`` that is always the same for a version."""
    digest = hashlib.sha256(f"{address} {version}".encode()).digest()
    return SPREAD * (int.from_bytes(digest[:4], "big") / 2**32)


def _by_memory(sighting: Sighting) -> frozenset[Version]:
    return sighting.remembered if isinstance(sighting, ProviderSighting) else frozenset()

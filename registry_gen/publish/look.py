"""Looking at every source of the catalog, many at a time: catalog in, sightings out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from registry_gen.model.entries import Catalog, Entry, GitSource, MirrorEntry, ModuleEntry, ProviderEntry
from registry_gen.model.facts import MirrorVersion
from registry_gen.model.plan import FailedSighting, MirrorSighting, ModuleSighting, ProviderSighting, Sighting, Tag
from registry_gen.publish.mistakes import as_error
from registry_gen.sources.recheck import ask_again

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence, Set
    from concurrent.futures import Executor, Future

    from registry_gen.model.address import Address
    from registry_gen.model.facts import Package
    from registry_gen.model.plan import ReleaseSeen
    from registry_gen.model.version import Version
    from registry_gen.publish.progress import Progress
    from registry_gen.sources.archives import Archives
    from registry_gen.sources.git import Git
    from registry_gen.sources.releases import Releases
    from registry_gen.sources.upstream import Upstream

PHASE = "Looking at sources"


@dataclass(frozen=True, slots=True)
class Sources:
    """The outside, by kind."""

    git: Git
    archives: Archives
    releases: Releases
    upstream: Upstream


@dataclass(frozen=True, slots=True)
class Again:
    """Who is asked again what was asked before: upstreams of mirrored ``packages``, with threads for the asking.

    ``releases`` are those under URLs of which nobody is asked: what was said of them holds.
    """

    packages: Mapping[Address, Package]
    releases: Mapping[Address, Mapping[Version, ReleaseSeen]]
    executor: Executor


def look(
    catalog: Catalog, sources: Sources, executor: Executor, progress: Progress, again: Again
) -> Mapping[Address, Sighting]:
    """One sighting for each entry; a source that cannot be read becomes a FailedSighting and stops no other.

    A repository that several modules share is asked once.
    """
    progress.begin(PHASE, len(catalog.entries))
    repositories = {
        entry.source.url
        for entry in catalog.entries.values()
        if isinstance(entry, ModuleEntry) and isinstance(entry.source, GitSource)
    }
    tags: dict[str, Future[tuple[Tag, ...]]] = {
        url: executor.submit(sources.git.tags, url) for url in sorted(repositories)
    }
    pending = {
        address: executor.submit(_seen, address, _way(entry, sources, tags, again), progress)
        for address, entry in catalog.entries.items()
    }
    return {address: future.result() for address, future in pending.items()}


def ask_of(
    catalog: Catalog,
    sources: Sources,
    sightings: Mapping[Address, Sighting],
    versions: Mapping[Address, Sequence[MirrorVersion]],
    executor: Executor,
) -> Mapping[Address, Sighting]:
    """The sightings, and in those of mirrors what their upstreams say now of ``versions`` too."""
    asked = dict(sightings)
    for address, wanted in versions.items():
        entry, sighting = catalog.entries[address], sightings[address]
        if isinstance(entry, MirrorEntry) and isinstance(sighting, MirrorSighting):
            answers = ask_again(sources.upstream, entry, wanted, executor)
            asked[address] = replace(sighting, answers=(*sighting.answers, *answers))
    return asked


def ask_releases(
    catalog: Catalog,
    sources: Sources,
    sightings: Mapping[Address, Sighting],
    versions: Mapping[Address, Set[Version]],
    executor: Executor,
) -> Mapping[Address, Sighting]:
    """The sightings, and in those of providers what their sources say now of ``versions`` too."""

    def ask(address: Address) -> Sighting:
        entry, sighting = catalog.entries[address], sightings[address]
        if not isinstance(entry, ProviderEntry) or not isinstance(sighting, ProviderSighting):
            return sighting
        try:
            return sources.releases.ask(entry, sighting, versions[address])
        except Exception as error:  # noqa: BLE001 - as in ``_seen``
            return FailedSighting(address, as_error(error, str(address)))

    return {**sightings, **dict(zip(versions, executor.map(ask, versions), strict=True))}


def _way(
    entry: Entry, sources: Sources, tags: Mapping[str, Future[tuple[Tag, ...]]], again: Again
) -> Callable[[], Sighting]:
    match entry:
        case ModuleEntry(source=GitSource() as source):
            return lambda: ModuleSighting(entry.address, tags[source.url].result())
        case ModuleEntry():
            return lambda: sources.archives.sight(entry)
        case ProviderEntry():
            return lambda: sources.releases.sight(entry, again.releases.get(entry.address, {}))
        case MirrorEntry():
            return lambda: _mirror(entry, sources, again)


def _mirror(entry: MirrorEntry, sources: Sources, again: Again) -> MirrorSighting:
    sighting = sources.upstream.sight(entry)
    package = again.packages.get(entry.address)
    if package is None:
        return sighting
    offered = {seen.version for seen in sighting.versions}
    known = [facts for facts in package.listed if isinstance(facts, MirrorVersion) and facts.version in offered]
    return replace(sighting, answers=ask_again(sources.upstream, entry, known, again.executor))


def _seen(address: Address, way: Callable[[], Sighting], progress: Progress) -> Sighting:
    try:
        return way()
    except Exception as error:  # noqa: BLE001 - one hostile source must not stop the others, whatever it broke
        return FailedSighting(address, as_error(error, str(address)))
    finally:
        progress.step(PHASE, str(address))

"""The digest of everything that a package's plan depends on: equal digests mean that nothing is to be done."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry_gen.model.digest import Sha256
from registry_gen.model.entries import GitSource, ModuleEntry, ProviderEntry
from registry_gen.model.plan import MirrorSighting, ModuleSighting, ProviderSighting
from registry_gen.render.document import RENDERER

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from registry_gen.model.entries import Entry
    from registry_gen.model.facts import SigningKey
    from registry_gen.model.plan import Acknowledged, Tag


@dataclass(frozen=True, slots=True)
class Context:
    """What packages depend on beside their entries: the site's URL and the key the registry signs sums with.

    The key is None where a plan is made without it: then it counts as unchanged, and the packages that it signs are
    looked at each time. ``now`` decides what has become due. ``acknowledged`` are the alarms that somebody looked at.
    """

    site_url: str
    registry_key: SigningKey | None
    now: datetime
    acknowledged: Sequence[Acknowledged] = ()

    @property
    def rendering(self) -> str:
        """The renderer's version and the site's URL: where they change, every document may."""
        return rendering_of(self.site_url)


def rendering_of(site_url: str) -> str:
    """What ``PackageState.rendering`` is of documents that are made now."""
    return f"{RENDERER} {site_url}"


GoodSighting = ModuleSighting | ProviderSighting | MirrorSighting


def inputs_digest(entry: Entry, sighting: GoodSighting, revision: int, context: Context) -> Sha256:
    """SHA-256 over entry, sighting, the package's revision, the context and the renderer's version."""
    total = hashlib.sha256()
    for line in _lines(entry, sighting, revision, context):
        total.update(line.encode() + b"\n")
    return Sha256(total.hexdigest())


def _lines(entry: Entry, sighting: GoodSighting, revision: int, context: Context) -> Iterator[str]:
    yield f"rendering {context.rendering}"
    if isinstance(entry, ProviderEntry) and entry.signature == "registry":
        yield f"key {context.registry_key.armor if context.registry_key else 'unknown'}"
    yield f"entry {entry.address} {entry.digest}"
    yield f"revision {revision}"
    match sighting:
        case ModuleSighting():
            for tag in sorted(_own_tags(entry, sighting.tags)):
                yield f"tag {tag.name} {tag.commit}"
            for archive in sorted(sighting.archives):
                yield f"archive {archive.version} {archive.filename} {archive.sha256}"
        case ProviderSighting():
            for release in sorted(sighting.releases, key=lambda found: found.version):
                yield f"release {release.version} {release.sums} {release.signature} {','.join(release.protocols)}"
                for name, size in sorted(release.sizes.items()):
                    yield f"size {name} {size}"
        case MirrorSighting():
            for seen in sorted(sighting.versions):
                platforms = ",".join(sorted(str(platform) for platform in seen.platforms))
                yield f"upstream {seen.version} {','.join(seen.protocols)} {platforms}"


def _own_tags(entry: Entry, tags: Sequence[Tag]) -> list[Tag]:
    """A monorepo's other modules have tags of their own."""
    if not (isinstance(entry, ModuleEntry) and isinstance(entry.source, GitSource)):
        return []
    ends = [pattern.split("{version}") for pattern in entry.source.tag_patterns]
    return [tag for tag in tags if any(tag.name.startswith(head) and tag.name.endswith(tail) for head, tail in ends)]

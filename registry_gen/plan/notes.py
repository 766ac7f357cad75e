"""What a person should know although nothing is wrong: what the catalog no longer wants, or gets nothing for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry_gen.model.entries import GitSource, ModuleEntry, ProviderEntry
from registry_gen.model.facts import Hosting, ModuleVersion
from registry_gen.model.plan import ModuleSighting, Note
from registry_gen.plan.modules import match_tags

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence, Set

    from registry_gen.model.entries import Entry
    from registry_gen.model.facts import VersionFacts
    from registry_gen.model.version import Version
    from registry_gen.plan.inputs import GoodSighting


def notes_on_published(entry: Entry, published: Sequence[VersionFacts], rehosted: Set[Version]) -> Iterator[Note]:
    """Listed versions that the entry no longer describes: nothing published goes away by itself.

    ``rehosted`` are those that will be hosted as the entry says; what the source no longer offers cannot be.
    """
    others = [facts for facts in published if facts.hosting is not entry.hosting and facts.version not in rehosted]
    if others:
        yield Note(entry.address, f"not at the source any more, so not in hosting: {entry.hosting}: {_list(others)}")
    outside = [facts for facts in published if not entry.wants(facts.version)]
    if outside:
        yield Note(entry.address, f"versions: {entry.versions} leaves out what stays listed: {_list(outside)}")
    if isinstance(entry, ModuleEntry) or not entry.platforms:
        return
    for facts in published:
        held = () if isinstance(facts, ModuleVersion) else facts.packages
        dropped = [str(package.platform) for package in held if package.platform not in entry.platforms]
        if dropped:
            yield Note(entry.address, f"{facts.version} keeps unwanted platforms: {', '.join(dropped)}")


def note_on_nothing(entry: Entry, sighting: GoodSighting) -> Note:
    """Why an entry that has published nothing publishes nothing now."""
    return Note(entry.address, f"nothing to publish: {_reason(entry, sighting)}")


def notes_on_links(entry: Entry) -> Iterator[Note]:
    """A folder of this machine is no place to send clients to."""
    if (
        isinstance(entry, ModuleEntry)
        and isinstance(entry.source, GitSource)
        and entry.hosting is Hosting.LINK
        and entry.source.url.startswith("file:")
    ):
        yield Note(entry.address, f"hosting: link sends clients to a folder of this machine: {entry.source.url}")


def _reason(entry: Entry, sighting: GoodSighting) -> str:
    allowed = f"allowed by versions: {entry.versions}"
    if isinstance(entry, ModuleEntry) and isinstance(entry.source, GitSource) and isinstance(sighting, ModuleSighting):
        if not sighting.tags:
            return "the repository has no tags"
        patterns = ", ".join(entry.source.tag_patterns)
        if match_tags(entry.address, entry.source.tag_patterns, sighting.tags)[0]:
            return f"none of the versions that {patterns} finds is {allowed}"
        return f"none of {len(sighting.tags)} tags is a version by {patterns}; one is {min(sighting.tags).name}"
    if isinstance(entry, ModuleEntry):
        return f"no archive is {allowed}"
    if isinstance(entry, ProviderEntry):
        name = f"terraform-provider-{entry.address.type}_VERSION_SHA256SUMS"
        return f"{entry.source.location} has no {name} that is {allowed}"
    return f"upstream lists no version that is {allowed} and has a wanted platform"


def _list(versions: Sequence[VersionFacts]) -> str:
    shown = ", ".join(str(facts.version) for facts in versions[:5])
    return f"{shown} and {len(versions) - 5} more" if len(versions) > 5 else shown

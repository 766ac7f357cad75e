"""Versions of which an import named the tag, and nobody has seen the commit.

They are published as links to their tags only where the catalog allows that, and pinned by the first poll that sees the
tag: from then on it may not move. Nothing of them is fetched, before or after.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry_gen.errors import RefusalError
from registry_gen.model.entries import GitSource, ModuleEntry
from registry_gen.model.facts import Hosting, ModuleVersion
from registry_gen.model.plan import PublishModule, Refusal
from registry_gen.plan import codes
from registry_gen.plan.limits import within_limits
from registry_gen.plan.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry_gen.model.facts import VersionFacts
    from registry_gen.model.imported import Imported
    from registry_gen.model.plan import Tag
    from registry_gen.model.version import Version


def tags_of(entry: ModuleEntry, imported: Imported) -> Mapping[Version, str]:
    """The imported tags that the entry is about: those of the very repository that it names, linked to as a whole."""
    source = entry.source
    linked = isinstance(source, GitSource) and entry.hosting is Hosting.LINK
    if not linked or not isinstance(source, GitSource) or (source.url, source.path) != (imported.git, ""):
        return {}
    return imported.tags


def decide_unpinned(entry: ModuleEntry, imported: Imported, published: Sequence[VersionFacts]) -> Outcome:
    """What is published while the repository cannot be looked at: with allow_unpinned, links to imported tags.

    A version that the catalog pins waits, since its commit is to be compared.
    """
    known = {facts.version for facts in published}
    pins = entry.source.pins if isinstance(entry.source, GitSource) else {}
    named = {
        version: tag
        for version, tag in sorted(tags_of(entry, imported).items())
        if version not in known and version not in pins and entry.wants(version)
    }
    if not named:
        return Outcome(())
    if not entry.allow_unpinned:
        return Outcome((), (_refusal(entry, named),))
    actions = tuple(PublishModule(entry.address, version, None, None, named=tag) for version, tag in named.items())
    return within_limits(entry.address, Outcome(actions))


def own_tags(tags: list[Tag], facts: ModuleVersion | None) -> list[Tag]:
    """Of the tags that name a version those that count: where it is published unpinned, the one that it links to."""
    if facts is None or not facts.unpinned:
        return tags
    return [tag for tag in tags if tag.name == facts.tag]


def from_elsewhere(entry: ModuleEntry, source: GitSource, facts: ModuleVersion | None) -> Refusal | None:
    """A version of which nobody has seen the files, where it would be pinned or copied from another place.

    Its commit names its files in any repository, but only in one folder; a tag names them in its own alone.
    """
    if facts is None or facts.tree is not None or not (facts.unpinned or facts.hosting is not entry.hosting):
        return None
    if facts.path == source.path and (facts.commit is not None or facts.source == source.url):
        return None
    error = RefusalError(
        codes.OTHER_SOURCE,
        where=f"{entry.address} {facts.version}",
        expected=_place(facts.source, facts.path),
        found=_place(source.url, source.path),
        hint=codes.OTHER_SOURCE.fix,
    )
    return Refusal(entry.address, facts.version, error)


def _place(url: str, path: str) -> str:
    return f"{url}, folder {path}" if path else url


def missing_tags(
    entry: ModuleEntry, named: Mapping[Version, str], seen: Mapping[Version, object], known: Mapping[Version, object]
) -> list[Refusal]:
    """Imported versions whose tag is not there, unless they are published already."""
    return [
        Refusal(
            entry.address,
            version,
            RefusalError(
                codes.TAG_MISSING, where=f"{entry.address} {version}", expected=f"tag {tag}", hint=codes.TAG_MISSING.fix
            ),
        )
        for version, tag in sorted(named.items())
        if version not in seen and version not in known and entry.wants(version)
    ]


def _refusal(entry: ModuleEntry, named: Mapping[Version, str]) -> Refusal:
    newest = max(named)
    count = f"{len(named)} versions" if len(named) > 1 else "1 version"
    error = RefusalError(
        codes.UNPINNED,
        where=str(entry.address),
        expected="their commits, or allow_unpinned: true",
        found=f"{count}, the newest {newest} at tag {named[newest]}",
        hint=codes.UNPINNED.fix,
    )
    return Refusal(entry.address, None, error)

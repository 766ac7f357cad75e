"""Which versions of a module that pins commits are new, and which pinned tags are elsewhere now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry_gen.errors import RefusalError
from registry_gen.plan import codes
from registry_gen.plan.modules import match_tags

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from registry_gen.model.digest import Commit
    from registry_gen.model.entries import GitSource, ModuleEntry
    from registry_gen.model.plan import Tag
    from registry_gen.model.version import Version


@dataclass(frozen=True, slots=True)
class MovedPin:
    """A version whose tag is not at the pinned commit: the tag and where it is now, "" for both where it is gone."""

    version: Version
    pinned: Commit
    tag: str = ""
    now: str = ""


@dataclass(frozen=True, slots=True)
class Pins:
    """Pins to add, pins that their tags contradict, and versions of which two tags disagree. Nothing else changes."""

    new: Mapping[Version, Commit]
    moved: tuple[MovedPin, ...]
    problems: tuple[RefusalError, ...]


def decide_pins(entry: ModuleEntry, source: GitSource, tags: Iterable[Tag]) -> Pins:
    """Compare the pins of an entry with the tags that its repository has today.

    A pin is never moved: what was reviewed was that commit. What the entry does not want, or takes back, gets none.
    """
    matched, _ = match_tags(entry.address, source.tag_patterns, tags)
    new: dict[Version, Commit] = {}
    problems: list[RefusalError] = []
    for version in sorted(matched.keys() - source.pins.keys()):
        if not _is_pinned(entry, version):
            continue
        if len({tag.commit for tag in matched[version]}) == 1:
            new[version] = matched[version][0].commit
        else:
            found = ", ".join(f"{tag.name} at {tag.commit}" for tag in matched[version])
            where = f"{entry.address} {version}"
            problems.append(RefusalError(codes.TWO_COMMITS, where=where, found=found, hint=codes.TWO_COMMITS.fix))
    return Pins(new, tuple(_moved(source.pins, matched)), tuple(problems))


def _is_pinned(entry: ModuleEntry, version: Version) -> bool:
    taken_back = any(rule.concerns(version) for rule in entry.withdrawn)
    return entry.wants(version) and not version.build and not taken_back


def _moved(pins: Mapping[Version, Commit], matched: Mapping[Version, Sequence[Tag]]) -> Iterable[MovedPin]:
    for version, commit in sorted(pins.items()):
        tags = matched.get(version, ())
        if not tags:
            yield MovedPin(version, commit)
        elif commit not in {tag.commit for tag in tags}:
            yield MovedPin(version, commit, tags[0].name, tags[0].commit)

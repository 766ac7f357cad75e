"""Drafts as plain values and back, so that a file that was read once need not be parsed again.

A row is a list of what JSON knows: text, numbers, booleans, null, lists and mappings.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from registry_gen.catalog.drafts import Draft
from registry_gen.errors import RegistryError
from registry_gen.model.address import parse_platform
from registry_gen.model.entries import ArchiveSource, GitSource, ReleaseSource, Retention, WithdrawalRule
from registry_gen.model.facts import Deprecation, Hosting
from registry_gen.model.version import parse_constraints, parse_version

if TYPE_CHECKING:
    from registry_gen.model.version import Constraints

Row = list[Any]

# The same few versions, ranges and platforms are in most files, and all are frozen: one of each serves every entry.
_version: Final = lru_cache(maxsize=16_384)(parse_version)
_range: Final = lru_cache(maxsize=4_096)(parse_constraints)
_platform: Final = lru_cache(maxsize=1_024)(parse_platform)


class NoDraftError(Exception):
    """A row that ``write_row`` did not make, or one that it cannot be made of again."""


def write_row(draft: Draft) -> Row:
    """The draft as plain values."""
    return [
        _source_row(draft),
        str(draft.versions),
        draft.hosting.value,
        draft.prereleases,
        [[rule.message, rule.replacement, _range_text(rule.versions)] for rule in draft.deprecated],
        [[_range_text(rule.versions), rule.reason] for rule in draft.withdrawn],
        [draft.retention.latest, draft.retention.prerelease_days] if draft.retention else None,
        list(draft.keys),
        draft.signature,
        list(map(str, draft.platforms)),
        list(draft.protocols),
        draft.allow_unpinned,
    ]


def read_row(row: Row) -> Draft:
    """The draft that ``write_row`` made the row of. Raises NoDraftError."""
    try:
        source, versions, hosting, prereleases, deprecated, withdrawn, retention, *others = row
        keys, signature, platforms, protocols, allow_unpinned = others
        return Draft(
            _source(source),
            _range(versions),
            Hosting(hosting),
            prereleases,
            tuple([Deprecation(message, other, _maybe_range(text)) for message, other, text in deprecated]),
            tuple([WithdrawalRule(_maybe_range(text), reason) for text, reason in withdrawn]),
            Retention(*retention) if retention else None,
            tuple(keys),
            signature,
            tuple(map(_platform, platforms)),
            tuple(protocols),
            allow_unpinned,
        )
    except (TypeError, ValueError, AttributeError, RegistryError):
        raise NoDraftError from None


def _source_row(draft: Draft) -> Row:
    match draft.source:
        case None:
            return []
        case GitSource(url, path, tags, pins):
            return ["git", url, path, list(tags), {str(version): commit for version, commit in pins.items()}]
        case ArchiveSource(location, pattern):
            return ["archives", location, pattern]
        case ReleaseSource(location, versions):
            return ["releases", location, list(map(str, versions))]


def _source(row: Row) -> GitSource | ArchiveSource | ReleaseSource | None:
    match row:
        case []:
            return None
        case ["git", url, path, tags, pins]:
            return GitSource(url, path, tuple(tags), {_version(text): commit for text, commit in pins.items()})
        case ["archives", location, pattern]:
            return ArchiveSource(location, pattern)
        case ["releases", location, versions]:
            return ReleaseSource(location, tuple(map(_version, versions)))
        case _:
            raise ValueError("no source")


def _range_text(versions: Constraints | None) -> str | None:
    return None if versions is None else str(versions)


def _maybe_range(text: str | None) -> Constraints | None:
    return None if text is None else _range(text)

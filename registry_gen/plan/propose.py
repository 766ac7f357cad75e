"""What to propose for a new package, from what was seen of its source."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Final

from registry_gen.catalog.location import tag_pattern
from registry_gen.errors import InputError, RegistryError
from registry_gen.model.address import (
    Address,
    ModuleAddress,
    Platform,
    ProviderAddress,
    module_address,
    provider_address,
)
from registry_gen.model.version import Version, parse_version

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from registry_gen.model.plan import Tag

USUAL: Final = ("v{version}", "{version}")
"""The tags of a repository with one module, which no file needs to name."""
_VERSION_AT_END = re.compile(r"(.*?)((?:0|[1-9][0-9]{0,17})(?:\.(?:0|[1-9][0-9]{0,17})){2}(?:-[0-9A-Za-z.-]+)?)")
_REPOSITORY = re.compile(r"(?:https?|ssh)://(?:[^/@]+@)?[^/]+/(?:[^?#]+/)?([^/]+)/([^/]+?)(?:\.git)?/?")
_MODULE = re.compile(r"terraform-([a-z0-9]+)-(.+)")
_PROVIDER = re.compile(r"terraform-provider-(.+)")
_COMMON: Final = (Platform("darwin", "arm64"), Platform("linux", "amd64"), Platform("linux", "arm64"))


def named_address(url: str, kind: str) -> Address | None:
    """The address that a repository's URL names by the public registries' habit, in lower case; None where it does not.

    OWNER/terraform-SYSTEM-NAME is the module OWNER/NAME/SYSTEM, OWNER/terraform-provider-TYPE the provider OWNER/TYPE
    (HashiCorp: "Publishing modules", "Publishing providers").
    """
    found = _REPOSITORY.fullmatch(url)
    if found is None:
        return None
    owner, name = found[1].lower(), found[2].lower()
    try:
        return _module(owner, name) if kind == "module" else _provider(owner, name)
    except RegistryError:
        return None


def _module(owner: str, name: str) -> ModuleAddress | None:
    found = _MODULE.fullmatch(name)
    return module_address(owner, found[2], found[1]) if found and found[1] != "provider" else None


def _provider(owner: str, name: str) -> ProviderAddress | None:
    found = _PROVIDER.fullmatch(name)
    return provider_address(owner, found[1]) if found else None


def tag_patterns(tags: Iterable[Tag]) -> Mapping[str, int]:
    """Every pattern by which tags could be versions, with how many are, the most used first."""
    found: Counter[str] = Counter()
    for tag in tags:
        split = _VERSION_AT_END.fullmatch(tag.name)
        if split and is_version(split[2]):
            found[split[1] + "{version}"] += 1
    return {pattern: count for pattern, count in found.most_common() if _is_pattern(pattern)}


def choose_tags(patterns: Mapping[str, int], folder: str) -> tuple[str, ...]:
    """The patterns of the module in ``folder`` ("" for the root): those that name it, else the usual ones, else the
    only one there is. Empty where several could be meant, or none.
    """
    name = folder.rpartition("/")[2]
    own = [pattern for pattern in patterns if name and name in re.split(r"[/@]|-v?(?=\{)|\{", pattern)]
    if own:
        return tuple(own) if len(own) == 1 else ()
    usual = tuple(pattern for pattern in USUAL if pattern in patterns)
    return usual or (tuple(patterns) if len(patterns) == 1 else ())


def range_of(versions: Sequence[Version]) -> str:
    """The constraint that has all of these versions, which are in order, and what comes after them.

    From the first release on; where there are only prereleases, "" for every release that will be.
    """
    first = next((version for version in versions if not version.is_prerelease), None)
    return f">= {first}" if first else ">= 0.0.0"


def line_of(version: Version) -> str:
    """The constraint that has a version and those that are compatible with it."""
    return f"~> {version.major}.{version.minor}"


def newest(versions: Iterable[Version]) -> Version | None:
    """The newest release, else the newest prerelease."""
    return max(versions, key=lambda version: (not version.is_prerelease, version), default=None)


def common_platforms(offered: Iterable[Platform]) -> tuple[Platform, ...]:
    """Of the platforms that are offered those that most teams use; all where there are none of them."""
    offered = tuple(sorted(offered))
    return tuple(platform for platform in _COMMON if platform in offered) or offered


def is_version(text: str) -> bool:
    """Whether a text is a version that can be published."""
    try:
        return not parse_version(text).build
    except InputError:
        return False


def _is_pattern(pattern: str) -> bool:
    try:
        return bool(tag_pattern(pattern))
    except InputError:
        return False

"""Imported packages -> the files of a catalog that say the same, as text that a person would have written."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from registry_gen.catalog.identity import package_path
from registry_gen.model.imported import ImportedModule, ImportedProvider
from registry_gen.model.version import Version

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from registry_gen.catalog.layout import Layout

_LOWEST = Version(0, 0, 0)


def catalog_files(layout: Layout, *, allow_unpinned: bool) -> Iterator[tuple[str, bytes]]:
    """Every file, its path relative to the catalog and with '/', sorted; ``allow_unpinned`` is for all modules."""
    for path, armor in layout.keys.items():
        yield f"keys/{path}", armor.encode()
    for address, package in layout.packages.items():
        lines = _module(package, allow_unpinned) if isinstance(package, ImportedModule) else _provider(package)
        yield package_path(address), "".join(f"{line}\n" for line in lines).encode()


def _module(module: ImportedModule, allow_unpinned: bool) -> Iterator[str]:
    yield "source:"
    yield f"  git: {_quoted(module.git)}"
    yield from _prereleases(module.versions)
    yield "hosting: link"
    if allow_unpinned:
        yield "allow_unpinned: true"


def _provider(provider: ImportedProvider) -> Iterator[str]:
    yield "source:"
    yield f"  releases: {_quoted(provider.releases)}"
    yield "  versions:"
    for version in provider.zips:
        yield f"    - {_quoted(str(version))}"
    yield from _prereleases(provider.zips)
    yield "hosting: link"
    yield "signing_keys:"
    for path in provider.keys:
        yield f"  - {path}"
    if provider.warning:
        yield f"deprecated: {_quoted(provider.warning)}"


def _prereleases(versions: Iterable[Version]) -> Iterator[str]:
    """The layout offers every prerelease; a catalog does so only where it says so, and from 0.0.0 on."""
    found = [version for version in versions if version.is_prerelease]
    if found:
        yield "prereleases: true"
    if any(version < _LOWEST for version in found):
        yield 'versions: ">= 0.0.0-0"'


def _quoted(text: str) -> str:
    """A double-quoted scalar: JSON's escapes of printable text are YAML 1.2's."""
    return json.dumps(text, ensure_ascii=False)

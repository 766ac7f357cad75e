"""Imported packages -> the files of a catalog that say the same, as text that a person would have written.

It has the form that ``format`` gives: an import knows its files by their bytes, and formatting must not hide them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from registry_gen.catalog.identity import package_path
from registry_gen.model.imported import ImportedArchives, ImportedMirror, ImportedModule, ImportedProvider
from registry_gen.model.version import Version

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Set

    from registry_gen.catalog.layout import Layout
    from registry_gen.model.imported import ImportedPackage

_LOWEST = Version(0, 0, 0)
_PRERELEASES = "prereleases: true"
_FROM_THE_FIRST = 'versions: ">= 0.0.0-0"'


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file that an import makes; ``path`` is relative to the catalog, with '/'. A key has no ``package``."""

    path: str
    data: bytes
    package: ImportedPackage | None = None
    allow_unpinned: bool = False

    def follows(self, found: bytes) -> bool:
        """Whether an import of fewer versions of the same package, and nobody else, wrote what was found."""
        if self.package is None or len(found) >= len(self.data):
            return False
        try:
            lines = frozenset(found.decode().splitlines())
        except UnicodeDecodeError:
            return False
        return found == _text(_spoken_of(self.package, lines), self.allow_unpinned)


def catalog_files(layout: Layout, *, allow_unpinned: bool) -> Iterator[NewFile]:
    """Every file, keys first, sorted by path; ``allow_unpinned`` is for all modules."""
    for path, armor in layout.keys.items():
        yield NewFile(_key_path(path), armor.encode())
    for address, package in layout.packages.items():
        yield NewFile(package_path(address), _text(package, allow_unpinned), package, allow_unpinned)


def part_of(layout: Layout, paths: Set[str]) -> Layout:
    """The packages and keys whose files are at these paths of the catalog."""
    return replace(
        layout,
        packages={key: package for key, package in layout.packages.items() if package_path(key) in paths},
        keys={path: armor for path, armor in layout.keys.items() if _key_path(path) in paths},
    )


def _key_path(path: str) -> str:
    return f"keys/{path}"


def _text(package: ImportedPackage, allow_unpinned: bool) -> bytes:
    return "".join(f"{line}\n" for line in _lines(package, allow_unpinned)).encode()


def _lines(package: ImportedPackage, allow_unpinned: bool) -> Iterator[str]:
    match package:
        case ImportedModule():
            return _module(package, allow_unpinned)
        case ImportedArchives():
            return _archives(package)
        case ImportedProvider():
            return _provider(package)
        case ImportedMirror():
            return _mirror(package)


def _spoken_of(package: ImportedPackage, lines: Set[str]) -> ImportedPackage:
    """The package with those of its versions that a file with these lines may have been written for."""
    if isinstance(package, ImportedMirror):  # its constraint is about all versions at once
        return package
    if isinstance(package, ImportedProvider):
        if not package.listed:
            return package
        zips = {version: zips for version, zips in package.zips.items() if _listed(version) in lines}
        return replace(package, zips=zips)
    versions = package.versions
    if _PRERELEASES not in lines:
        versions = frozenset(version for version in versions if not version.is_prerelease)
    if _FROM_THE_FIRST not in lines:
        versions = frozenset(version for version in versions if version > _LOWEST)
    if isinstance(package, ImportedArchives):
        return replace(package, versions=versions)
    pins = {version: commit for version, commit in package.pins.items() if _pinned(version, commit) in lines}
    return replace(package, versions=versions, pins=pins)


def _module(module: ImportedModule, allow_unpinned: bool) -> Iterator[str]:
    yield "source:"
    yield f"  git: {_quoted(module.git)}"
    if module.folder:
        yield f"  path: {_quoted(module.folder)}"
    if module.patterns:
        yield f"  tags: [{', '.join(map(_quoted, module.patterns))}]"
    if module.pins:
        yield "  pins:"
    for version, commit in sorted(module.pins.items()):
        yield _pinned(version, commit)
    yield from _prereleases(module.versions)
    yield from _hosting(module.hosting)
    if allow_unpinned:
        yield "allow_unpinned: true"


def _archives(module: ImportedArchives) -> Iterator[str]:
    yield "source:"
    yield f"  archives: {_quoted(module.location)}"
    yield f"  pattern: {_quoted(module.pattern)}"
    yield from _prereleases(module.versions)


def _provider(provider: ImportedProvider) -> Iterator[str]:
    yield "source:"
    yield f"  releases: {_quoted(provider.releases)}"
    if provider.listed:
        yield "  versions:"
        for version in provider.zips:
            yield _listed(version)
    yield from _prereleases(provider.zips)
    yield from _hosting(provider.hosting)
    if provider.warning:
        yield f"deprecated: {_quoted(provider.warning)}"
    yield "signing_keys:"
    for path in provider.keys:
        yield f"  - {path}"


def _mirror(mirror: ImportedMirror) -> Iterator[str]:
    yield "trust:"
    yield f"  keys: [{', '.join(mirror.keys)}]"
    yield f"versions: {_quoted(mirror.versions)}"
    if any(version.is_prerelease for version in mirror.zips):
        yield _PRERELEASES
    platforms = sorted({platform for zips in mirror.zips.values() for platform in zips})
    yield f"platforms: [{', '.join(map(str, platforms))}]"


def _hosting(hosting: str) -> Iterator[str]:
    if hosting != "copy":
        yield f"hosting: {hosting}"


def _pinned(version: Version, commit: str) -> str:
    return f"    {_quoted(str(version))}: {_quoted(commit)}"


def _listed(version: Version) -> str:
    return f"    - {_quoted(str(version))}"


def _prereleases(versions: Iterable[Version]) -> Iterator[str]:
    """The layout offers every prerelease; a catalog does so only where it says so, and from 0.0.0 on."""
    found = [version for version in versions if version.is_prerelease]
    if any(version < _LOWEST for version in found):
        yield _FROM_THE_FIRST
    if found:
        yield _PRERELEASES


def _quoted(text: str) -> str:
    """A double-quoted scalar: JSON's escapes of printable text are YAML 1.2's."""
    return json.dumps(text, ensure_ascii=False)

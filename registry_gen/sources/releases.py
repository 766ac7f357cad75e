"""Provider releases in the layout that goreleaser makes, in folders or under URLs.

A release holds, side by side, ``terraform-provider-TYPE_VERSION_OS_ARCH.zip`` for each platform, ``..._SHA256SUMS``,
``..._SHA256SUMS.sig`` and ``..._manifest.json`` (HashiCorp: "Publish providers"). The sums are what is signed, so
everything else counts only as far as they name it.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, BinaryIO, Final

from registry_gen.errors import InputError, RegistryError, SourceError
from registry_gen.model.digest import Sha256, sha256
from registry_gen.model.plan import ProviderSighting, ReleaseSeen
from registry_gen.model.version import Version, parse_version
from registry_gen.sources import codes
from registry_gen.sources.guard import shown
from registry_gen.sources.places import MAX_ENTRIES, UrlPlace, inside, names, place
from registry_gen.verify.sums import parse_sums

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Set

    from registry_gen.errors import Code
    from registry_gen.model.config import Limits
    from registry_gen.model.entries import ProviderEntry
    from registry_gen.sources.http import Downloaded, Fetcher
    from registry_gen.sources.places import Place

SUMS_BYTES: Final = 1_000_000
SIGNATURE_BYTES: Final = 100_000
_MANIFEST_BYTES: Final = 100_000
_MAX_PROTOCOLS: Final = 16
_MAX_FILES: Final = 1_000
_MAX_ZIPS: Final = 100  # Go has some fifty platforms; each has a document that names all others
_DEFAULT_PROTOCOLS: Final = ("5.0",)
_PROTOCOL: Final = re.compile(r"[1-9][0-9]?\.[0-9]{1,2}")
_VERSION: Final = "{version}"

# What says something about the host and not about one release: asking for the next one would fail alike.
_OUTAGES: Final[frozenset[Code]] = frozenset(
    {
        codes.BAD_URL,
        codes.BAD_SCHEME,
        codes.FORBIDDEN_ADDRESS,
        codes.UNREACHABLE,
        codes.TLS_FAILED,
        codes.BUSY,
        codes.TOO_SLOW,
    }
)


class Releases:
    """Looks for releases and reads them. Safe to use from several threads."""

    def __init__(self, fetcher: Fetcher, limits: Limits) -> None:
        self._fetcher = fetcher
        self._limits = limits

    def sight(
        self, entry: ProviderEntry, remembered: Mapping[Version, ReleaseSeen] = MappingProxyType({})
    ) -> ProviderSighting:
        """Every release that the entry's constraint allows, by version; ``remembered`` ones are not asked for.

        One of these counts only for the place where it was seen. Releases that cannot be used are ``problems``; one
        under a URL that is not there is NET006. Raises SourceError where the folder or the host as a whole cannot be
        read.
        """
        releases: list[ReleaseSeen] = []
        by_memory: set[Version] = set()
        problems: list[RegistryError] = []
        seen: dict[Version, str] = {}
        for found in _find(entry):
            if isinstance(found, RegistryError):
                problems.append(found)
                continue
            version, location = found
            if version in seen:
                problems.append(
                    SourceError(
                        codes.BAD_RELEASE,
                        f"version {version} is there twice",
                        where=location,
                        found=seen[version],
                        hint="Remove one of both.",
                    )
                )
                continue
            seen[version] = location
            known = remembered.get(version)
            if known and known.location == location:
                releases.append(known)
                by_memory.add(version)
                continue
            try:
                releases.append(self._release(entry, version, location))
            except RegistryError as error:
                if error.code in _OUTAGES:
                    raise
                problems.append(error)
        releases.sort(key=lambda release: release.version)
        return ProviderSighting(entry.address, tuple(releases), tuple(problems), frozenset(by_memory))

    def ask(self, entry: ProviderEntry, sighting: ProviderSighting, versions: Set[Version]) -> ProviderSighting:
        """The sighting, with what the source says now of these versions under URLs; raises SourceError as ``sight``."""
        narrowed = replace(entry, source=replace(entry.source, versions=tuple(sorted(versions))))
        now = self.sight(narrowed)
        others = (release for release in sighting.releases if release.version not in versions)
        return ProviderSighting(
            entry.address,
            tuple(sorted((*others, *now.releases), key=lambda release: release.version)),
            (*sighting.problems, *now.problems),
            sighting.remembered - versions,
        )

    def small(self, release: ReleaseSeen, filename: str, limit: int) -> bytes:
        """The bytes of a document beside the sums, such as the signature. Raises SourceError; NET006 if not there."""
        return place(release.location, self._fetcher).read(filename, limit)

    def copy(self, release: ReleaseSeen, filename: str, out: BinaryIO, limit: int) -> Downloaded:
        """Stream a file of the release into ``out``, within ``limit`` and ``limits.provider_bytes``.

        Whether its digest is that of the sums is the caller's to check. Raises SourceError.
        """
        return place(release.location, self._fetcher).copy(filename, out, min(limit, self._limits.provider_bytes))

    def url(self, release: ReleaseSeen, filename: str) -> str:
        """Where a file of the release is for everyone; raises InputError SRC009 for a release in a folder."""
        there = place(release.location, self._fetcher)
        if not isinstance(there, UrlPlace):
            raise InputError(codes.NOTHING_TO_LINK, where=release.location, hint=codes.NOTHING_TO_LINK.fix)
        return there.url(filename)

    def _release(self, entry: ProviderEntry, version: Version, location: str) -> ReleaseSeen:
        there = place(location, self._fetcher)
        sums = there.read(sums_name(entry.address.type, version), SUMS_BYTES)
        files = parse_sums(sums, f"{shown(location)} {sums_name(entry.address.type, version)}")
        _require_few(files, version, location)
        signature = _optional(there, signature_name(entry.address.type, version), SIGNATURE_BYTES)
        return ReleaseSeen(
            version,
            location,
            sha256(sums),
            None if signature is None else sha256(signature),
            files,
            _protocols(there, entry, version, location, files),
            {name: size for name in files if name.endswith(".zip") for size in [there.size(name)] if size is not None},
        )


def sums_name(type_: str, version: Version) -> str:
    """``terraform-provider-TYPE_VERSION_SHA256SUMS``."""
    return f"terraform-provider-{type_}_{version}_SHA256SUMS"


def signature_name(type_: str, version: Version) -> str:
    """``terraform-provider-TYPE_VERSION_SHA256SUMS.sig``."""
    return sums_name(type_, version) + ".sig"


def manifest_name(type_: str, version: Version) -> str:
    """``terraform-provider-TYPE_VERSION_manifest.json``."""
    return f"terraform-provider-{type_}_{version}_manifest.json"


def parse_manifest(data: bytes, where: str) -> tuple[str, ...]:
    """The protocol versions that a manifest names, such as ("5.0", "6.0"); raises SourceError SRC003."""
    try:
        document = json.loads(data)
        schema, found = document["version"], document["metadata"]["protocol_versions"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise _bad_manifest(where, "version and metadata.protocol_versions", "something else") from None
    if schema != 1:
        raise _bad_manifest(where, "version 1", repr(schema))
    if not isinstance(found, list) or not 1 <= len(found) <= _MAX_PROTOCOLS:
        raise _bad_manifest(where, "a list of protocol versions", repr(found))
    for text in found:
        if not isinstance(text, str) or not _PROTOCOL.fullmatch(text):
            raise _bad_manifest(where, 'protocol versions such as "5.0"', repr(text))
    return tuple(found)


def _require_few(files: dict[str, Sha256], version: Version, location: str) -> None:
    zips = sum(name.endswith(".zip") for name in files)
    if len(files) > _MAX_FILES or zips > _MAX_ZIPS:
        raise SourceError(
            codes.BAD_RELEASE,
            f"SHA256SUMS of version {version} names more files than a release has",
            where=shown(location),
            expected=f"at most {_MAX_FILES} files and {_MAX_ZIPS} zips",
            found=f"{len(files)} files and {zips} zips",
            hint=codes.BAD_RELEASE.fix,
        )


def _bad_manifest(where: str, expected: str, found: str) -> SourceError:
    return SourceError(
        codes.BAD_MANIFEST, where=where, expected=expected, found=found[:100], hint=codes.BAD_MANIFEST.fix
    )


def _protocols(
    there: Place, entry: ProviderEntry, version: Version, location: str, files: dict[str, Sha256]
) -> tuple[str, ...]:
    name = manifest_name(entry.address.type, version)
    where = f"{shown(location)} {name}"
    if name in files:
        data = _optional(there, name, _MANIFEST_BYTES)
        if data is None:
            raise SourceError(
                codes.BAD_MANIFEST,
                "SHA256SUMS names a manifest that is not there",
                where=where,
                hint="goreleaser puts it on the release page only, not into dist/: "
                f"copy terraform-registry-manifest.json beside the sums as {name}.",
            )
        if sha256(data) != files[name]:
            raise SourceError(
                codes.SUMS_DIFFER, where=where, expected=files[name], found=sha256(data), hint=codes.SUMS_DIFFER.fix
            )
        return parse_manifest(data, where)
    if not entry.protocols and _optional(there, name, _MANIFEST_BYTES) is not None:
        raise SourceError(
            codes.BAD_MANIFEST,
            "there is a manifest, but SHA256SUMS does not name it, so that nothing vouches for it",
            where=where,
            hint="Add it to goreleaser's checksum.extra_files, or write protocols into the catalog.",
        )
    return _DEFAULT_PROTOCOLS


def _optional(there: Place, name: str, limit: int) -> bytes | None:
    try:
        return there.read(name, limit)
    except SourceError as error:
        if error.code is not codes.NOT_FOUND:
            raise
        return None


def _find(entry: ProviderEntry) -> Iterator[tuple[Version, str] | RegistryError]:
    """Where each allowed version should be."""
    source = entry.source
    if source.location.startswith("/"):
        found = _expand(source.location) if _VERSION in source.location else _search(entry, Path(source.location))
    else:
        found = ((version, source.location.replace(_VERSION, str(version))) for version in source.versions)
    for each in found:
        if isinstance(each, RegistryError) or entry.wants(each[0]):
            yield each


def _search(entry: ProviderEntry, root: Path) -> Iterator[tuple[Version, str] | RegistryError]:
    """Look for sums at the top of a folder and one level down."""
    looked = 0
    top = names(root)
    for folder in (root, *(root / name for name in top)):
        if folder is not root and not _is_inner_folder(folder, root):
            continue
        listed = top if folder is root else names(folder)
        looked += len(listed)
        if looked > MAX_ENTRIES:
            raise SourceError(
                codes.TOO_MANY_FILES,
                where=str(root),
                expected=f"at most {MAX_ENTRIES}",
                hint=codes.TOO_MANY_FILES.fix,
            )
        for name in listed:
            version = _version_of(name, entry.address.type, folder)
            if isinstance(version, RegistryError):
                yield version
            elif version is not None:
                yield version, str(folder)


def _version_of(name: str, type_: str, folder: Path) -> Version | RegistryError | None:
    found = re.fullmatch(rf"terraform-provider-{re.escape(type_)}_([^_]+)_SHA256SUMS", name)
    if found is None:
        return None
    try:
        return parse_version(found[1])
    except InputError as error:
        return SourceError(
            codes.BAD_RELEASE, error.code.title, where=str(folder / name), found=repr(found[1][:80]), hint=error.hint
        )


def _expand(location: str) -> Iterator[tuple[Version, str]]:
    """The folders that a path with ``{version}`` stands for; the first part that holds it is looked up by listing."""
    head, _, tail = location.partition(_VERSION)
    parent, _, before = head.rpartition("/")
    after, slash, rest = tail.partition("/")
    root = Path(parent or "/")
    for name in names(root):
        if not (name.startswith(before) and name.endswith(after) and len(name) > len(before) + len(after)):
            continue
        try:
            version = parse_version(name[len(before) : len(name) - len(after)])
        except InputError:
            continue  # any other folder may lie beside
        folder = root / name / rest.replace(_VERSION, str(version)) if slash else root / name
        if name == f"{before}{version}{after.replace(_VERSION, str(version))}" and _is_inner_folder(folder, root):
            yield version, str(folder)


def _is_inner_folder(path: Path, root: Path) -> bool:
    try:
        inside(path, root)
    except (SourceError, OSError):
        return False
    return path.is_dir()

"""A provider of the layout of OpenTofu's registry: providers/LETTER/NAMESPACE/TYPE.json.

The file says of each version where its sums, signature and zips are, and the SHA-256 of each zip (opentofu/registry,
src/internal/provider/provider.go). A catalog names one place for all of them, with the names that goreleaser gives.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field

from registry_gen.catalog import codes
from registry_gen.catalog.fields import message
from registry_gen.catalog.layout_shapes import MAX_VERSIONS, Found, Text, read_shape, refused, without_v
from registry_gen.catalog.location import Places, base_location, without_secrets
from registry_gen.errors import InputError, RegistryError
from registry_gen.model.address import Platform, parse_platform
from registry_gen.model.digest import Sha256, parse_sha256
from registry_gen.model.imported import ImportedProvider
from registry_gen.model.version import Version, parse_version
from registry_gen.paths import zip_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry_gen.model.address import ProviderAddress

_MAX_TARGETS = 200
_GITHUB = "https://github.com/"


class _Shape(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")


class _Target(_Shape):
    os: Text
    arch: Text
    filename: Text
    download_url: Text
    shasum: Text


class _Listed(_Shape):
    version: Text
    shasums_url: Text
    shasums_signature_url: Text
    targets: Annotated[tuple[_Target, ...], Field(max_length=_MAX_TARGETS, fail_fast=True)]


class _Provider(_Shape):
    versions: Annotated[tuple[_Listed, ...], Field(max_length=MAX_VERSIONS, fail_fast=True)]
    warnings: Annotated[tuple[Text, ...], Field(max_length=100, fail_fast=True)] | None = None


@dataclass(frozen=True, slots=True)
class _Release:
    """One version: where it is, with ``{version}`` for its number, and its zips."""

    version: Version
    place: str
    zips: Mapping[Platform, Sha256]


def read_provider(address: ProviderAddress, data: bytes, path: str, keys: Sequence[str]) -> Found[ImportedProvider]:
    """The provider in a file's bytes; what cannot be taken of it is a problem. Raises InputError IMP002.

    ``keys`` are the paths beneath catalog/keys of its publisher's keys: without any, nobody could install it.
    """
    listed = read_shape(_Provider, data, path)
    problems: list[RegistryError] = []
    releases = _one_place(_once(_releases(address, listed.versions, path, problems), path, problems), path, problems)
    warning = _warning(listed.warnings or (), path, problems)
    if not releases:
        problems.append(refused(InputError(codes.NOTHING_LEFT), path))
        return Found(None, tuple(problems))
    if not keys:
        problems.append(refused(InputError(codes.NO_KEYS, hint=_NO_KEYS), path))
        return Found(None, tuple(problems))
    zips = {release.version: release.zips for release in sorted(releases, key=lambda release: release.version)}
    return Found(ImportedProvider(address, releases[0].place, zips, tuple(keys), warning), tuple(problems))


_NO_KEYS = (
    "The layout has no key for it, which OpenTofu forgives its own registry alone. Ask the publisher for the key, and "
    "write the package's file by hand; or copy it, signed by this registry: hosting: copy, signature: registry."
)


def _releases(
    address: ProviderAddress, listed: Sequence[_Listed], path: str, problems: list[RegistryError]
) -> list[_Release]:
    found = []
    for each in listed:
        try:
            found.append(_release(address, each, path, problems))
        except InputError as error:
            problems.append(refused(error, path, each.version))
    return found


def _release(address: ProviderAddress, listed: _Listed, path: str, problems: list[RegistryError]) -> _Release:
    """Raises InputError for what concerns the whole version; a zip that cannot be taken is a problem of its own."""
    version = parse_version(without_v(listed.version))
    if version.build:
        raise InputError(codes.WITH_BUILD)
    sums = f"terraform-provider-{address.type}_{version}_SHA256SUMS"
    base = _require_beside(listed.shasums_url, sums)
    _require_beside(listed.shasums_signature_url, f"{sums}.sig", base)
    zips: dict[Platform, Sha256] = {}
    for target in listed.targets:
        try:
            platform, digest = _zip(address, version, target, base)
        except InputError as error:
            problems.append(refused(error, path, f"{listed.version} {target.os}_{target.arch}"))
            continue
        if zips.setdefault(platform, digest) != digest:
            raise InputError(codes.TWICE, found=f"two zips for {platform}")
    if not zips:
        raise InputError(codes.NOTHING_LEFT, "no zip of it can be taken over")
    return _Release(version, _template(base, version), zips)


def _zip(address: ProviderAddress, version: Version, target: _Target, base: str) -> tuple[Platform, Sha256]:
    platform = parse_platform(f"{target.os}_{target.arch}")
    filename = zip_name(address.type, version, platform)
    if target.filename != filename:
        raise InputError(codes.NOT_BESIDE, expected=filename, found=repr(target.filename[:100]))
    _require_beside(target.download_url, filename, base)
    return platform, parse_sha256(target.shasum)


def _require_beside(url: str, name: str, base: str | None = None) -> str:
    """The URL up to the name that it must end with, which must be ``base`` where that is given."""
    found, slash, last = url.rpartition("/")
    if not slash or last != name or (base is not None and found != base):
        expected = f"{without_secrets(base) if base else '…'}/{name}"[:300]
        raise InputError(codes.NOT_BESIDE, expected=expected, found=repr(without_secrets(url)[:300]))
    return found


def _template(base: str, version: Version) -> str:
    """Where releases are, with ``{version}`` for the number in the last part; raises InputError CAT020 or CAT021."""
    head, _, last = base.rpartition("/")
    base_location(base, Places("/", ("https",)), template=False)
    return f"{head}/{last.replace(str(version), '{version}', 1)}"


def _once(releases: Sequence[_Release], path: str, problems: list[RegistryError]) -> list[_Release]:
    """Each version once; one that is there twice and differently is not there at all."""
    by_version: dict[Version, list[_Release]] = defaultdict(list)
    for release in releases:
        by_version[release.version].append(release)
    for version, same in by_version.items():
        if any(_apart(release) != _apart(same[0]) for release in same):
            problems.append(refused(InputError(codes.TWICE), path, str(version)))
    return [same[0] for same in by_version.values() if all(_apart(each) == _apart(same[0]) for each in same)]


def _apart(release: _Release) -> tuple[str, Mapping[Platform, Sha256]]:
    return _folded(release.place), release.zips


def _one_place(releases: Sequence[_Release], path: str, problems: list[RegistryError]) -> list[_Release]:
    """The releases of the place that has the most, the newest among equals, in its most frequent spelling."""
    if not releases:
        return []
    places: dict[str, list[_Release]] = defaultdict(list)
    for release in releases:
        places[_folded(release.place)].append(release)
    chosen = max(places.values(), key=lambda found: (len(found), max(release.version for release in found)))
    spellings = Counter(release.place for release in chosen)
    spelling = max(spellings, key=lambda place: (spellings[place], place))
    kept = {release.version for release in chosen}
    for release in releases:
        if release.version not in kept:
            error = InputError(codes.OTHER_PLACE, expected=spelling, found=release.place)
            problems.append(refused(error, path, str(release.version)))
    return [_Release(release.version, spelling, release.zips) for release in chosen]


def _folded(place: str) -> str:
    """Places that are one: GitHub takes owner and repository in any letter case, and both were written over time."""
    if not place.startswith(_GITHUB):
        return place
    parts = place.removeprefix(_GITHUB).split("/")
    return _GITHUB + "/".join((*(part.lower() for part in parts[:2]), *parts[2:]))


def _warning(texts: Sequence[str], path: str, problems: list[RegistryError]) -> str:
    """All warnings as one notice: those of the layout are about every version."""
    if not texts:
        return ""
    try:
        return message(" ".join(texts))
    except InputError as error:
        problems.append(refused(error, path, "warnings"))
        return ""

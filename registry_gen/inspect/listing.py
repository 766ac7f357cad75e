"""The listing of a package, which clients select versions from, against what the log says is listed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry_gen import paths
from registry_gen.errors import InputError, RefusalError, SourceError
from registry_gen.inspect import codes
from registry_gen.inspect.leaves import read_shape
from registry_gen.log.read_entries import ModuleDigests
from registry_gen.model.address import ModuleAddress, ProviderAddress
from registry_gen.model.version import parse_version
from registry_gen.render import shapes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from registry_gen.inspect.reader import Reader
    from registry_gen.log.history import PackageHistory
    from registry_gen.log.read_entries import Pinned
    from registry_gen.model.address import Address
    from registry_gen.model.version import Version


@dataclass(frozen=True, slots=True)
class Listed:
    """One version in a listing; ``platforms`` are told of a registry's own providers only."""

    version: Version
    platforms: frozenset[str] | None = None


def listing_key(address: Address) -> str:
    """Where the listing is."""
    if isinstance(address, ModuleAddress):
        return paths.module_versions(address)
    if isinstance(address, ProviderAddress):
        return paths.provider_versions(address)
    return paths.mirror_index(address)


def read_listing(reader: Reader, address: Address) -> Mapping[Version, Listed]:
    """The versions that are listed; none where there is no listing. Raises SourceError, RefusalError INS025."""
    key = listing_key(address)
    try:
        found = list(_read(reader, address, key))
    except SourceError as error:
        if error.code is not codes.MISSING:
            raise
        return {}
    except InputError as error:
        raise RefusalError(codes.BAD_DOCUMENT, where=key, found=error.found) from None
    return {listed.version: listed for listed in found}


def listing_problems(package: PackageHistory, listed: Mapping[Version, Listed]) -> Iterator[RefusalError]:
    """Everything in which a listing is not what the log says: INS020 to INS023."""
    key = listing_key(package.address)
    for version in sorted(listed.keys() - package.versions.keys()):
        yield RefusalError(codes.UNLOGGED, where=key, found=str(version))
    for version, logged in sorted(package.versions.items()):
        if logged.listed and version not in listed:
            expected = f"{version}, logged in entry {logged.index} on {logged.at:%Y-%m-%d %H:%M:%S} UTC"
            yield RefusalError(codes.NOT_LISTED, where=key, expected=expected)
        elif logged.withdrawn is not None and version in listed:
            found = f"{version}, withdrawn in entry {logged.index} on {logged.at:%Y-%m-%d %H:%M:%S} UTC"
            yield RefusalError(codes.WITHDRAWN_LISTED, where=key, found=found)
        elif version in listed:
            yield from platform_problems(package.address, listed[version], logged.pinned)


def platform_problems(address: Address, listed: Listed, pinned: Pinned) -> Iterator[RefusalError]:
    """Whether a listing gives a version the platforms that were logged: INS023."""
    if listed.platforms is None or isinstance(pinned.digests, ModuleDigests):
        return
    logged = {str(platform) for platform in pinned.digests}
    if listed.platforms != logged:
        yield RefusalError(
            codes.LISTING_DIFFERS,
            where=listing_key(address),
            expected=f"{listed.version} for {', '.join(sorted(logged))}",
            found=", ".join(sorted(listed.platforms)) or "none",
        )


def _read(reader: Reader, address: Address, key: str) -> Iterator[Listed]:
    match address:
        case ModuleAddress():
            (versions,) = read_shape(reader, key, shapes.ModuleListing).modules
            yield from (Listed(parse_version(each.version)) for each in versions.versions)
        case ProviderAddress():
            for each in read_shape(reader, key, shapes.ProviderListing).versions:
                platforms = frozenset(f"{platform.os}_{platform.arch}" for platform in each.platforms)
                yield Listed(parse_version(each.version), platforms)
        case _:
            for text in read_shape(reader, key, shapes.MirrorListing).versions:
                yield Listed(parse_version(text))

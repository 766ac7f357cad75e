"""A module, a provider and a mirrored provider of this registry that are published: what is asked for by URL."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final, TypeVar

from pydantic import ValidationError

from registry_gen import paths
from registry_gen.errors import InputError
from registry_gen.model.address import MirrorAddress, ModuleAddress, Platform, ProviderAddress, parse_platform
from registry_gen.model.version import parse_version
from registry_gen.render import shapes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from registry_gen.model.address import Address
    from registry_gen.model.version import Version
    from registry_gen.storage import Storage

_Address = TypeVar("_Address", ModuleAddress, ProviderAddress, MirrorAddress)
_Sample = TypeVar("_Sample")

_TRIED: Final = 100
"""How many packages of a kind are looked at before it is given up to find a version that is listed."""


@dataclass(frozen=True, slots=True)
class Module:
    """A listed version of a module; ``copied`` says whether its archive is in the bucket."""

    address: ModuleAddress
    version: Version
    copied: bool


@dataclass(frozen=True, slots=True)
class Provider:
    """A listed version of a provider, and one of its platforms; ``copied`` says whether its zip is in the bucket."""

    address: ProviderAddress
    version: Version
    platform: Platform
    copied: bool


@dataclass(frozen=True, slots=True)
class Mirror:
    """A listed version of a mirrored provider."""

    address: MirrorAddress
    version: Version


@dataclass(frozen=True, slots=True)
class Samples:
    """The first of each kind; None where there is none."""

    module: Module | None = None
    provider: Provider | None = None
    mirror: Mirror | None = None


def find_samples(storage: Storage, addresses: Iterable[Address]) -> Samples:
    """The first packages that are listed; a module whose archive is there comes first. Raises StorageError."""
    modules: list[ModuleAddress] = []
    providers: list[ProviderAddress] = []
    mirrors: list[MirrorAddress] = []
    for address in sorted(addresses, key=str):
        match address:
            case ModuleAddress():
                modules.append(address)
            case ProviderAddress():
                providers.append(address)
            case MirrorAddress():
                mirrors.append(address)
    return Samples(
        _copied_first(_some(_module, storage, modules)),
        next(_some(_provider, storage, providers), None),
        next(_some(_mirror, storage, mirrors), None),
    )


def _copied_first(modules: Iterator[Module]) -> Module | None:
    first = None
    for module in modules:
        if module.copied:
            return module
        first = first or module
    return first


def _some(
    read: Callable[[Storage, _Address], _Sample | None], storage: Storage, addresses: Iterable[_Address]
) -> Iterator[_Sample]:
    """Those of the first packages that have a version which is listed; what cannot be read is another check's."""
    for address in islice(addresses, _TRIED):
        try:
            found = read(storage, address)
        except (ValidationError, InputError):
            continue
        if found is not None:
            yield found


def _module(storage: Storage, address: ModuleAddress) -> Module | None:
    found = storage.get(paths.module_versions(address))
    if not found:
        return None
    (listed,) = shapes.ModuleListing.model_validate_json(found[0]).modules
    for each in listed.versions:
        version = parse_version(each.version)
        return Module(address, version, storage.head(paths.module_archive(address, version)) is not None)
    return None


def _provider(storage: Storage, address: ProviderAddress) -> Provider | None:
    found = storage.get(paths.provider_versions(address))
    listed = shapes.ProviderListing.model_validate_json(found[0]).versions if found else ()
    for each in listed:
        for platform in each.platforms:
            version, known = parse_version(each.version), parse_platform(f"{platform.os}_{platform.arch}")
            copied = storage.head(paths.provider_zip(address, version, known)) is not None
            return Provider(address, version, known, copied)
    return None


def _mirror(storage: Storage, address: MirrorAddress) -> Mirror | None:
    found = storage.get(paths.mirror_index(address))
    listed = shapes.MirrorListing.model_validate_json(found[0]).versions if found else {}
    return next((Mirror(address, parse_version(text)) for text in listed), None)

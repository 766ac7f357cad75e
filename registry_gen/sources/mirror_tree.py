"""The tree that ``terraform providers mirror`` writes: HOST/NAMESPACE/TYPE/ with zips, index.json and VERSION.json.

It has no signature and no upstream URL, only the bytes that its consumers have locked (HashiCorp: "providers mirror",
and "Provider Network Mirror Protocol"). So they are held against what the provider's own registry offers today.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from registry_gen.catalog import codes as catalog_codes
from registry_gen.catalog.layout_shapes import MAX_VERSIONS, Text, read_shape, refused
from registry_gen.errors import InputError, RegistryError
from registry_gen.model.address import MirrorAddress, mirror_address, parse_platform
from registry_gen.model.imported import Compared
from registry_gen.sources import codes
from registry_gen.sources.places import FolderPlace
from registry_gen.sources.taking import Taken, Taking, mirror_of, named
from registry_gen.sources.zip_folder import Zips, folders, read_zips

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from registry_gen.model.address import Platform
    from registry_gen.model.config import Limits
    from registry_gen.model.facts import SigningKey
    from registry_gen.model.version import Version
    from registry_gen.sources.signed_sums import SignedSums

_JSON_BYTES: Final = 1_000_000
_MAX_HASHES: Final = 64


class _Archive(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")
    hashes: Annotated[tuple[Text, ...], Field(max_length=_MAX_HASHES, fail_fast=True)] = ()


class _Archives(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")
    archives: Annotated[dict[str, _Archive], Field(max_length=MAX_VERSIONS)]


@dataclass(frozen=True, slots=True)
class Origin:
    """What a provider's own registry says today: every version, and the signed sums of one."""

    offered: Callable[[MirrorAddress], Iterable[Version]]
    signed: Callable[[MirrorAddress, Version, Platform], SignedSums]


def read_mirror_tree(root: Path, origin: Origin | None, keys: Iterable[SigningKey], limits: Limits) -> Taken:
    """Every provider of the tree as a mirror of its registry, which is not asked where there is no ``origin``.

    ``keys`` are trusted beside those that signed what the registry has. Raises SourceError SRC001 and SRC006 where the
    folder cannot be read, InputError IMP025 where it holds no provider.
    """
    taking = Taking()
    given = tuple(keys)
    seen = False
    for host in folders(root):
        for namespace in folders(host):
            for type_ in folders(namespace):
                seen = True
                shown = f"{host.name}/{namespace.name}/{type_.name}"
                try:
                    address = mirror_address(host.name, namespace.name, type_.name)
                    _provider(taking, address, type_, origin, given, limits)
                except RegistryError as error:
                    taking.refuse(error, shown)
    if not seen:
        code = codes.NOT_IN_TREE
        raise InputError(code, "a folder without providers", where=str(root), hint=code.fix)
    return taking.taken()


def _provider(
    taking: Taking,
    address: MirrorAddress,
    folder: Path,
    origin: Origin | None,
    given: tuple[SigningKey, ...],
    limits: Limits,
) -> None:
    found = read_zips(taking, folder, address.type, str(address), limits)
    for version in sorted(found.zips):
        _compare_with_json(taking, address, folder, version, found)
    keys = [*given]
    offered: Iterable[Version] = ()
    if origin:
        try:
            offered = tuple(origin.offered(address))
        except RegistryError as error:
            taking.not_compared(str(address), error)
        else:
            keys += _compare(taking, address, origin, found)
    mirror_of(taking, address, found.zips, keys, offered)


def _compare(taking: Taking, address: MirrorAddress, origin: Origin, found: Zips) -> Iterator[SigningKey]:
    """Hold every version against what its publisher signed, and yield the keys that did."""
    for version, zips in sorted(found.zips.items()):
        where = f"{address} {version}"
        try:
            signed = _signed(origin, address, version, zips)
        except RegistryError as error:
            taking.not_compared(where, error)
            continue
        taking.compare(where, named(address.type, version, zips), signed.files)
        yield signed.signer


def _signed(origin: Origin, address: MirrorAddress, version: Version, zips: Mapping[Platform, object]) -> SignedSums:
    """The sums by whichever platform the registry still has."""
    *others, last = sorted(zips)
    for platform in others:
        try:
            return origin.signed(address, version, platform)
        except RegistryError as error:
            if error.code is not codes.NOT_FOUND:
                raise
    return origin.signed(address, version, last)


def _compare_with_json(taking: Taking, address: MirrorAddress, folder: Path, version: Version, found: Zips) -> None:
    """What VERSION.json tells clients must be the h1 of the zip that lies beside it."""
    name = f"{version}.json"
    where = f"{address}/{name}"
    try:
        document = read_shape(_Archives, FolderPlace(folder).read(name, _JSON_BYTES), where)
    except RegistryError as error:
        if error.code is not codes.NOT_FOUND:  # a tree that was written by hand may do without
            taking.refuse(error, where)
        return
    for text, archive in sorted(document.archives.items()):
        try:
            platform = parse_platform(text)
        except InputError as error:
            taking.refuse(error, where, text)
            continue
        h1 = found.h1.get((version, platform))
        said = [each for each in archive.hashes if each.startswith("h1:")]
        if h1 is None:
            taking.refuse(InputError(catalog_codes.NOTHING_LEFT, "a zip that is not there, or not taken"), where, text)
        elif said and h1 not in said:
            other = InputError(
                codes.DIGEST_DIFFERS,
                "a zip is not what the tree says of it",
                expected=said[0][:100],
                found=h1,
                hint="Write the tree anew: clients refuse this zip.",
            )
            taking.compared = taking.compared.plus(Compared(different=(refused(other, where, text),)))

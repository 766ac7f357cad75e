"""Folders of provider zips, as mirrors and buckets have them: every zip read, hashed and judged once."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from registry_gen.catalog import codes as catalog_codes
from registry_gen.errors import InputError, RegistryError
from registry_gen.model.address import Platform, parse_platform
from registry_gen.model.digest import H1, Sha256
from registry_gen.model.version import Version, parse_version
from registry_gen.sources import codes
from registry_gen.sources.hashing import hashing_beside
from registry_gen.sources.places import FolderPlace, names
from registry_gen.verify.zips import check_zip

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from registry_gen.model.config import Limits
    from registry_gen.sources.taking import Taking

_CHUNK: Final = 1024 * 1024
_MAX_ENTRIES: Final = 10_000
_ZIP: Final = re.compile(r"terraform-provider-([^_]{1,200})_([^_]{1,128})_([^_]{1,60}_[^_]{1,60})\.zip")


@dataclass(slots=True)
class Zips:
    """What lies in one folder: the digests of its zips, and the h1 of their contents."""

    zips: dict[Version, dict[Platform, Sha256]] = field(default_factory=dict)
    h1: dict[tuple[Version, Platform], H1] = field(default_factory=dict)


def folders(root: Path) -> Iterator[Path]:
    """The folders in a folder, in order; links, files and hidden names are left out.

    Raises SourceError SRC001 and SRC006 where it cannot be read.
    """
    for name in names(root):
        path = root / name
        if not name.startswith(".") and path.is_dir() and not path.is_symlink():
            yield path


def read_zips(taking: Taking, folder: Path, type_: str, shown: str, limits: Limits) -> Zips:
    """Every zip of the provider in ``folder``, known as ``shown``; one that cannot be taken is a problem.

    Raises SourceError SRC001 and SRC006 where the folder cannot be read.
    """
    found = Zips()
    for name in names(folder):
        if not name.endswith(".zip"):
            continue
        try:
            version, platform = _named(name, type_)
            zh, h1 = _hashed(folder, name, limits)
        except RegistryError as error:
            taking.refuse(error, f"{shown}/{name}"[:300])
            continue
        found.zips.setdefault(version, {})[platform] = zh
        found.h1[version, platform] = h1
    return found


def _named(name: str, type_: str) -> tuple[Version, Platform]:
    matched = _ZIP.fullmatch(name)
    if matched is None or matched[1] != type_:
        expected = f"terraform-provider-{type_}_VERSION_OS_ARCH.zip"
        raise InputError(codes.NOT_IN_TREE, expected=expected)
    version = parse_version(matched[2])
    if version.build:
        raise InputError(catalog_codes.WITH_BUILD)
    return version, parse_platform(matched[3])


def _hashed(folder: Path, name: str, limits: Limits) -> tuple[Sha256, H1]:
    with FolderPlace(folder).open(name, limits.provider_bytes) as file:
        total, size = hashlib.sha256(), 0
        while chunk := file.read(_CHUNK):
            total.update(chunk)
            size += len(chunk)
        with hashing_beside() as hasher:
            contents = check_zip(
                file,
                size,
                max_unpacked=limits.provider_unpacked_bytes,
                max_entries=_MAX_ENTRIES,
                where=name,
                hasher=hasher,
            )
    return Sha256(total.hexdigest()), contents.h1

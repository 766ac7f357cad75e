"""The layout of a boring-registry's bucket, in a folder of this machine: modules/, providers/ and mirror/providers/.

boring-registry, docs/configuration/storage-layout.md and pkg/core/provider.go, says where each file lies: archives
of modules below their address, and of each provider, side by side, sums, signature and zips; keys in signing-keys.json
of a namespace.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from registry_gen.catalog import codes as catalog_codes
from registry_gen.catalog.layout_shapes import read_shape, refused
from registry_gen.catalog.location import file_pattern
from registry_gen.errors import InputError, RegistryError
from registry_gen.model.address import mirror_address, module_address, provider_address
from registry_gen.model.imported import Compared, ImportedArchives, ImportedProvider
from registry_gen.model.version import Version, parse_version
from registry_gen.sources import codes
from registry_gen.sources.places import FolderPlace, names
from registry_gen.sources.releases import SIGNATURE_BYTES, SUMS_BYTES, signature_name, sums_name
from registry_gen.sources.signed_sums import SignedSums, read_signed, usable_keys
from registry_gen.sources.taking import Taken, Taking, mirror_of, named
from registry_gen.sources.zip_folder import Zips, folders, read_zips

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from registry_gen.model.address import MirrorAddress, Platform, ProviderAddress
    from registry_gen.model.config import Limits
    from registry_gen.model.digest import Sha256
    from registry_gen.model.facts import SigningKey

    _Read = Callable[[Path], None]
    _Digests = dict[Version, dict[Platform, Sha256]]

_KEYS_FILE: Final = "signing-keys.json"
_KEYS_BYTES: Final = 1_000_000
_MAX_KEYS: Final = 64
_ENDINGS: Final = (".tar.gz", ".tgz", ".zip")
_SUMS: Final = "SHA256SUMS"


class _Key(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")
    ascii_armor: Annotated[str, Field(max_length=256 * 1024)]


class _Keys(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")
    gpg_public_keys: Annotated[tuple[_Key, ...], Field(max_length=_MAX_KEYS, fail_fast=True)]


def read_boring_bucket(root: Path, limits: Limits, now: datetime) -> Taken:
    """All modules, providers and mirrored providers of a bucket; ``root`` is an absolute path.

    What cannot be taken is a problem. Raises SourceError SRC001 and SRC006 where the folder cannot be read, InputError
    IMP025 where it is no such bucket.
    """
    taking = Taking()
    known = [name for name in ("modules", "providers", "mirror") if (root / name).is_dir()]
    if not known:
        code = codes.NOT_IN_TREE
        raise InputError(code, "a folder without modules/ and providers/", where=str(root), hint=code.fix)
    reader = _Reader(taking, root, limits, now)
    for namespace in _below(root / "modules"):
        for name in folders(namespace):
            for system in folders(name):
                reader.try_(system, reader.module)
    for namespace in _below(root / "providers"):
        for type_ in folders(namespace):
            reader.try_(type_, reader.provider)
    for host in _below(root / "mirror/providers"):
        for namespace in folders(host):
            for type_ in folders(namespace):
                reader.try_(type_, reader.mirror)
    return taking.taken()


def _below(root: Path) -> Iterator[Path]:
    return folders(root) if root.is_dir() and not root.is_symlink() else iter(())


class _Reader:
    def __init__(self, taking: Taking, root: Path, limits: Limits, now: datetime) -> None:
        self._taking = taking
        self._root = root
        self._limits = limits
        self._now = now

    def try_(self, folder: Path, read: _Read) -> None:
        """Read one package; what stops that is a problem."""
        try:
            read(folder)
        except RegistryError as error:
            self._taking.refuse(error, self._shown(folder))

    def module(self, folder: Path) -> None:
        """Archives NAMESPACE-NAME-SYSTEM-VERSION.tar.gz: the file takes those with the most frequent ending."""
        address = module_address(*folder.parts[-3:])
        before = f"{'-'.join(folder.parts[-3:])}-"
        found: dict[str, set[Version]] = {}
        for name in names(folder):
            ending = next((each for each in _ENDINGS if name.endswith(each)), "")
            if name == _SUMS:
                continue
            try:
                if not ending or not name.startswith(before):
                    raise InputError(codes.NOT_IN_TREE, expected=f"{before}VERSION.tar.gz")  # noqa: TRY301
                version = parse_version(name[len(before) : -len(ending)])
                if version.build:
                    raise InputError(catalog_codes.WITH_BUILD)  # noqa: TRY301 - one way to refuse a file
            except InputError as error:
                self._taking.refuse(error, f"{self._shown(folder)}/{name}"[:300])
                continue
            found.setdefault(ending, set()).add(version)
        if not found:
            raise InputError(catalog_codes.NOTHING_LEFT)
        ending = max(found, key=lambda each: (len(found[each]), -_ENDINGS.index(each)))
        for version in sorted(set().union(*found.values()) - found[ending]):
            self._taking.refuse(InputError(catalog_codes.OTHER_PLACE), self._shown(folder), str(version))
        pattern = file_pattern(f"{before}{{version}}{ending}")
        self._taking.packages[address] = ImportedArchives(address, str(folder), pattern, frozenset(found[ending]))
        if _SUMS not in names(folder):
            told = refused(InputError(codes.NO_SUMS), self._shown(folder))
            self._taking.compared = self._taking.compared.plus(Compared(open=(told,)))

    def provider(self, folder: Path) -> None:
        """A provider of this registry's own, whose releases stay where they are until they are published."""
        address = provider_address(*folder.parts[-2:])
        zips, keys = self._release(address, folder)
        if not zips:
            raise InputError(catalog_codes.NOTHING_LEFT)
        paths = self._taking.add_keys(address, keys)
        self._taking.packages[address] = ImportedProvider(
            address, str(folder), dict(sorted(zips.items())), paths, hosting="copy", listed=False
        )

    def mirror(self, folder: Path) -> None:
        """A provider of another registry, which is asked for it from now on."""
        address = mirror_address(*folder.parts[-3:])
        zips, keys = self._release(address, folder)
        mirror_of(self._taking, address, zips, keys, ())

    def _release(self, address: ProviderAddress | MirrorAddress, folder: Path) -> tuple[_Digests, list[SigningKey]]:
        """The zips of versions that a key of the namespace signed, and the keys that did."""
        shown = self._shown(folder)
        found: Zips = read_zips(self._taking, folder, address.type, shown, self._limits)
        offered = self._keys(folder.parent)
        zips: _Digests = {}
        keys: list[SigningKey] = []
        for version, digests in sorted(found.zips.items()):
            try:
                signed = self._signed(folder, address.type, version, offered, f"{shown} {version}")
            except RegistryError as error:
                self._taking.refuse(error, shown, str(version))
                continue
            self._taking.compare(f"{shown} {version}", named(address.type, version, digests), signed.files)
            zips[version] = digests
            keys.append(signed.signer)
        return zips, keys

    def _signed(self, folder: Path, type_: str, version: Version, keys: Sequence[SigningKey], where: str) -> SignedSums:
        there = FolderPlace(folder)
        sums = there.read(sums_name(type_, version), SUMS_BYTES)
        signature = there.read(signature_name(type_, version), SIGNATURE_BYTES)
        return read_signed(sums, signature, keys, where, self._now)

    def _keys(self, namespace: Path) -> tuple[SigningKey, ...]:
        where = f"{self._shown(namespace)}/{_KEYS_FILE}"
        document = read_shape(_Keys, FolderPlace(namespace).read(_KEYS_FILE, _KEYS_BYTES), where)
        return usable_keys([key.ascii_armor for key in document.gpg_public_keys], where)

    def _shown(self, path: Path) -> str:
        return str(path.relative_to(self._root))

"""A package's file -> its entry: the rules between files. What the file says by itself is its ``Draft``."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from types import NoneType
from typing import TYPE_CHECKING, Final

from registry_gen.catalog import codes
from registry_gen.catalog.drafts import AnyChecked, Draft, read_draft
from registry_gen.catalog.location import require_host
from registry_gen.catalog.problems import at, problem
from registry_gen.catalog.rows import NoDraftError, Row, read_row, write_row
from registry_gen.catalog.shared import Key, Namespace, SharedFiles, find_keys
from registry_gen.errors import Position, RegistryError
from registry_gen.model.address import Address, MirrorAddress, ModuleAddress, ProviderAddress
from registry_gen.model.digest import Sha256
from registry_gen.model.entries import (
    ArchiveSource,
    Entry,
    GitSource,
    MirrorEntry,
    ModuleEntry,
    ProviderEntry,
    ReleaseSource,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from registry_gen.catalog.location import Places
    from registry_gen.catalog.shared import File
    from registry_gen.model.facts import SigningKey

_SOURCES: Final[Mapping[str, tuple[type, ...]]] = {
    "module": (GitSource, ArchiveSource),
    "provider": (ReleaseSource,),
    "mirror": (NoneType,),
}


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What an entry depends on beside its own file. ``site_host`` has no port."""

    places: Places
    site_host: str
    upstreams: Mapping[str, str]
    shared: SharedFiles


@dataclass(frozen=True, slots=True)
class Built:
    """An entry, or None and the problems that kept it out; those of a namespace it tells itself.

    ``row`` is the file's draft, to be known by ``name``, the digest of all that it was made of; None with problems.
    """

    entry: Entry | None
    problems: tuple[RegistryError, ...]
    name: str = ""
    row: Row | None = None


def build_entry(address: Address, file: File, around: Surroundings, known: Mapping[str, Row]) -> Built:
    """Read a package's file. An entry is made only without any problem, of its own or of its namespace.

    ``known`` are rows of files that were read against the same places: what is among them is not parsed again.
    """
    own = _own_digest(address, file)
    name = own.hexdigest()
    row = None if file.error else known.get(name)
    draft = row and _remembered(address, row)
    if draft:
        built = _built(address, _Read(file.path, own, draft), around)
        if not built.problems:
            return Built(built.entry, (), name, row)
        # What is told has a place in the file, and only the file knows it.
    drafted = read_draft(address, file, around.places)
    if drafted.draft is None:
        return Built(None, drafted.problems)
    built = _built(address, _Read(file.path, own, drafted.draft, drafted.checked), around)
    problems = (*drafted.problems, *built.problems)
    return Built(None, problems) if problems else Built(built.entry, (), name, write_row(drafted.draft))


@dataclass(frozen=True, slots=True)
class _Read:
    """A file's draft, and the digest of what it is made of; ``checked`` knows places, None where nothing was parsed."""

    path: str
    own: hashlib._Hash
    draft: Draft
    checked: AnyChecked | None = None

    def position(self, *loc: int | str) -> Position:
        return self.checked.position(*loc) if self.checked else Position(self.path)

    def lost(self, key: str) -> bool:
        return self.checked is not None and self.checked.lost(key)

    def digest(self, depends_on: Iterable[bytes]) -> Sha256:
        """SHA-256 over address, path, file and whatever else decides about the entry."""
        return Sha256(_added(self.own.copy(), depends_on).hexdigest())


def _built(address: Address, read: _Read, around: Surroundings) -> Built:
    """The entry that a draft makes with what other files and registry.yaml say; with problems it is not to be used."""
    match address:
        case ModuleAddress():
            return _module(address, read, around)
        case ProviderAddress():
            return _provider(address, read, around)
        case MirrorAddress():
            return _mirror(address, read, around)


def _module(address: ModuleAddress, read: _Read, around: Surroundings) -> Built:
    draft, source = read.draft, read.draft.source
    if not isinstance(source, GitSource | ArchiveSource):
        raise TypeError(f"{address}: the source of another kind")
    namespace = around.shared.namespaces.get(address.namespace, Namespace())
    if not namespace.sound:
        return Built(None, ())
    read_from = source.url if isinstance(source, GitSource) else source.location
    entry = ModuleEntry(
        address,
        Position(read.path),
        read.digest((namespace.data, read_from.encode())),
        source,
        draft.versions,
        draft.hosting,
        draft.deprecated,
        draft.withdrawn,
        draft.retention,
        draft.prereleases,
        draft.allow_unpinned,
    )
    return Built(entry, ())


def _provider(address: ProviderAddress, read: _Read, around: Surroundings) -> Built:
    draft, source = read.draft, read.draft.source
    if not isinstance(source, ReleaseSource):
        raise TypeError(f"{address}: the source of another kind")
    namespace = around.shared.namespaces.get(address.namespace, Namespace())
    keys, problems = _provider_keys(read, namespace, around.shared.keys)
    if problems or not namespace.sound:
        return Built(None, tuple(problems))
    entry = ProviderEntry(
        address,
        Position(read.path),
        read.digest((namespace.data, source.location.encode(), *_armor(keys))),
        source,
        draft.versions,
        draft.hosting,
        draft.deprecated,
        draft.signature,
        keys,
        draft.platforms,
        draft.protocols,
        draft.withdrawn,
        draft.retention,
        draft.prereleases,
    )
    return Built(entry, ())


def _mirror(address: MirrorAddress, read: _Read, around: Surroundings) -> Built:
    draft = read.draft
    keys, problems = find_keys(draft.keys, around.shared.keys, lambda index: read.position("trust", "keys", index))
    if address.hostname == around.site_host:
        problems.append(problem(codes.OWN_MIRROR, Position(read.path)))
    try:
        require_host(address.hostname, around.places.hosts)
    except RegistryError as error:
        problems.append(at(error, Position(read.path)))
    if problems:
        return Built(None, tuple(problems))
    upstream = around.upstreams.get(address.hostname, f"https://{address.hostname}")
    entry = MirrorEntry(
        address,
        Position(read.path),
        read.digest((upstream.encode(), *_armor(keys))),
        upstream,
        draft.versions,
        draft.hosting,
        draft.platforms,
        keys,
        draft.withdrawn,
        draft.retention,
        draft.prereleases,
    )
    return Built(entry, ())


def _provider_keys(
    read: _Read, namespace: Namespace, ring: Mapping[str, Key]
) -> tuple[tuple[SigningKey, ...], list[RegistryError]]:
    if read.draft.keys:
        return find_keys(read.draft.keys, ring, lambda index: read.position("signing_keys", index))
    if read.draft.signature == "registry":
        return (), []
    # What was written may be among the problems already, and a namespace tells of its problems itself.
    told = read.lost("signing_keys") or read.lost("signature") or not namespace.sound
    if not namespace.signing_keys and not told:
        return (), [problem(codes.NO_KEYS, Position(read.path))]
    return namespace.signing_keys, []


def _remembered(address: Address, row: Row) -> Draft | None:
    """The draft of a row, or None where it is none of such a package."""
    try:
        draft = read_row(row)
    except NoDraftError:
        return None
    return draft if isinstance(draft.source, _SOURCES[address.kind]) else None


def _armor(keys: Iterable[SigningKey]) -> tuple[bytes, ...]:
    return tuple(key.armor.encode() for key in keys)


def _own_digest(address: Address, file: File) -> hashlib._Hash:
    """SHA-256 over address, path and file: the beginning of the entry's digest, and what names its draft."""
    return _added(hashlib.sha256(), (address.kind.encode(), str(address).encode(), file.path.encode(), file.data))


def _added(total: hashlib._Hash, parts: Iterable[bytes]) -> hashlib._Hash:
    """Each part with its length."""
    for part in parts:
        total.update(len(part).to_bytes(8, "big") + part)
    return total

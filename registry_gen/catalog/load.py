"""Files of the catalog -> entries, and every problem of all of them."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from registry_gen.catalog import codes
from registry_gen.catalog.entries import Surroundings, build_entry
from registry_gen.catalog.identity import Shared, SharedKind, collisions, identify, is_ignored
from registry_gen.catalog.location import Places
from registry_gen.catalog.policies import read_policies
from registry_gen.catalog.problems import at, in_order, shorten
from registry_gen.catalog.shared import File, ReadKey, read_shared
from registry_gen.errors import InputError, Position, RegistryError
from registry_gen.model.entries import Catalog, Entry

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from registry_gen.catalog.rows import Row
    from registry_gen.model.address import Address
    from registry_gen.model.config import Config


@dataclass(frozen=True, slots=True)
class Loaded:
    """The entries without problems, all problems in order, and the addresses that problems left out.

    ``rows`` are what the next reading may be given as ``known``, by name.
    """

    catalog: Catalog
    problems: tuple[RegistryError, ...]
    left_out: tuple[Address, ...]
    rows: Mapping[str, Row]


def load_catalog(
    files: Iterable[tuple[str, bytes | RegistryError]],
    config: Config,
    read_key: ReadKey,
    commit: str | None,
    known: Mapping[str, Row] = MappingProxyType({}),
) -> Loaded:
    """Read the whole catalog.

    ``files`` are paths relative to the catalog's folder, with '/', and their bytes, or why they could not be read, in
    any order; ``read_key`` makes a certificate of an armoured key file; ``commit`` is that of the catalog's
    repository where there is one. ``known`` are rows that an equal parser made against equal ``places_of``: a package's
    file that is as it was then is not parsed again, and the result is the same.
    Never raises for what the files say: a bad one is left out, and hides neither the others nor their problems.
    """
    sorted_out = _sort_out(files, shown_folder(config))
    places = places_of(config)
    shared = read_shared(
        sorted_out.shared["key"],
        sorted_out.shared["namespace"],
        sorted_out.shared["organization"],
        read_key,
        places,
    )
    policy, wrong = read_policies(sorted_out.shared["policy"], {each.name for each in shared.organizations}, places)
    problems = [*sorted_out.problems, *shared.problems, *wrong]
    around = Surroundings(places, config.site.host.partition(":")[0], config.network.upstreams or {}, shared)
    entries: dict[Address, Entry] = {}
    left_out: list[Address] = []
    rows: dict[str, Row] = {}
    for address, file in sorted_out.packages.items():
        built = build_entry(address, file, around, known)
        problems += built.problems
        if built.row is not None:
            rows[built.name] = built.row
        if built.entry and sorted_out.complete:
            entries[address] = built.entry
        else:
            left_out.append(address)
    return Loaded(
        Catalog(entries, commit, organizations=shared.organizations, policy=policy),
        in_order(problems),
        tuple(left_out),
        rows,
    )


def places_of(config: Config) -> Places:
    """What the locations of the catalog are read against."""
    return Places(str(config.root), config.network.schemes, config.network.hosts)


def shown_folder(config: Config) -> str:
    """The catalog's folder as people know it: relative to registry.yaml where it lies beside or below it."""
    if config.catalog.is_relative_to(config.root):
        return config.catalog.relative_to(config.root).as_posix()
    return config.catalog.as_posix()


def shown_path(folder: str, path: str) -> str:
    """A file as people know it: ``path`` is relative to the catalog, ``folder`` its ``shown_folder``."""
    return posixpath.normpath(posixpath.join(folder, path))


@dataclass(slots=True)
class _SortedOut:
    """Packages by address, shared files by kind and name, in the order of their paths.

    ``complete`` is False where a folder could not be read: then shared files may be unknown that say what may be
    published, so nothing is.
    """

    packages: dict[Address, File] = field(default_factory=dict)
    shared: dict[SharedKind, dict[str, File]] = field(
        default_factory=lambda: {"key": {}, "namespace": {}, "organization": {}, "policy": {}}
    )
    problems: list[RegistryError] = field(default_factory=list)
    complete: bool = True


def _sort_out(files: Iterable[tuple[str, bytes | RegistryError]], folder: str) -> _SortedOut:
    found = _SortedOut()
    kept = {path: data for path, data in files if not is_ignored(path)}
    twins = collisions(kept)
    for path in sorted(kept):
        data = kept[path]
        shown = shown_path(folder, path)
        file = File(shown, b"", data) if isinstance(data, RegistryError) else File(shown, data)
        position = Position(shown)
        if path in twins:
            other = shorten(twins[path])
            found.problems.append(
                InputError(codes.CASE_COLLISION, found=other, hint=codes.CASE_COLLISION.fix, position=position)
            )
            continue
        try:
            identity = identify(path)
        except RegistryError as error:
            found.problems.append(at(file.error or error, position))
            found.complete = found.complete and file.error is None
            continue
        if isinstance(identity, Shared):
            found.shared[identity.kind][identity.name] = file
        else:
            found.packages[identity] = file
    return found

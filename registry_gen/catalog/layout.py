"""The layout of OpenTofu's registry (github.com/opentofu/registry): its files -> packages, and what cannot be taken.

Everything in it is a stranger's. A name becomes an address by the clients' grammar or is refused, and no text of a file
ever becomes a path: packages lie where their address says, keys under their fingerprint.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from registry_gen.catalog import codes
from registry_gen.catalog.layout_modules import read_module
from registry_gen.catalog.layout_providers import read_provider
from registry_gen.catalog.layout_shapes import refused
from registry_gen.catalog.problems import MAX_PROBLEMS
from registry_gen.catalog.shared import MAX_KEY_BYTES
from registry_gen.errors import InputError, RegistryError
from registry_gen.model.address import module_address, provider_address

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from registry_gen.catalog.layout_shapes import Found
    from registry_gen.catalog.shared import ReadKey
    from registry_gen.model.address import Address
    from registry_gen.model.imported import ImportedPackage

FOLDERS: Final = ("keys", "modules", "providers")
"""What of a registry's folder is its layout, in the order in which it is to be read: keys say who may be taken."""
MAX_TOLD: Final = 100_000
"""Problems of a whole layout that are kept, some kilobytes each; the rest is counted."""


@dataclass(frozen=True, slots=True)
class Layout:
    """All that can be taken, by address; ``keys`` are armors by path beneath catalog/keys; ``problems`` by place."""

    packages: Mapping[Address, ImportedPackage]
    keys: Mapping[str, str]
    problems: tuple[RegistryError, ...]


def read_layout(files: Iterable[tuple[str, bytes | RegistryError]], read_key: ReadKey) -> Layout:
    """Read a whole layout, file by file, so that never more than one is held.

    ``files`` are paths relative to its folder, with '/', and their bytes, or why they could not be read; those below
    keys/ come first. ``read_key`` makes a certificate of an armoured key file. Raises nothing for what the files say.
    """
    taken = _Taken(read_key)
    for path, data in files:
        try:
            taken.add(path, data)
        except RegistryError as error:
            taken.tell([refused(error, path)])
    return taken.layout()


@dataclass(slots=True)
class _Taken:
    read_key: ReadKey
    packages: dict[Address, ImportedPackage] = field(default_factory=dict)
    doubled: set[Address] = field(default_factory=set)
    origins: dict[Address, str] = field(default_factory=dict)
    armors: dict[str, str] = field(default_factory=dict)
    rings: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    problems: list[RegistryError] = field(default_factory=list)
    untold: int = 0

    def tell(self, problems: Iterable[RegistryError]) -> None:
        """Keep problems for the report, as many as there is room for."""
        for problem in problems:
            if len(self.problems) < MAX_TOLD:
                self.problems.append(problem)
            else:
                self.untold += 1

    def add(self, path: str, data: bytes | RegistryError) -> None:
        """Take one file; raises RegistryError where nothing of it can be taken."""
        if isinstance(data, RegistryError):
            raise data
        if not path.isascii():  # the sign for Kelvin is another spelling of k
            raise InputError(codes.NOT_IN_LAYOUT, expected="names of plain ASCII")
        match path.split("/"):
            case ["modules", letter, namespace, name, file] if file.endswith(".json"):
                _require_letter(letter, namespace)
                module = module_address(namespace.lower(), name.lower(), file.removesuffix(".json").lower())
                self._add(module, path, read_module(module, data, path))
            case ["providers", letter, namespace, file] if file.endswith(".json"):
                _require_letter(letter, namespace)
                provider = provider_address(namespace.lower(), file.removesuffix(".json").lower())
                keys = {*self.rings[provider.namespace], *self.rings[str(provider)]}
                self._add(provider, path, read_provider(provider, data, path, sorted(keys)))
            case ["keys", letter, namespace, file] if file.endswith(".asc"):
                _require_letter(letter, namespace)
                self._add_key(provider_address(namespace.lower(), "any").namespace, path, data)
            case ["keys", letter, namespace, type_, file] if file.endswith(".asc"):
                _require_letter(letter, namespace)
                self._add_key(str(provider_address(namespace.lower(), type_.lower())), path, data)
            case _:
                raise InputError(codes.NOT_IN_LAYOUT)

    def layout(self) -> Layout:
        """What is left when all was read: keys that no package needs are left out."""
        packages = {
            address: package
            for address, package in sorted(self.packages.items(), key=lambda item: (item[0].kind, str(item[0])))
            if address not in self.doubled
        }
        needed = {path for package in packages.values() for path in getattr(package, "keys", ())}
        keys = {path: self.armors[path] for path in sorted(needed)}
        problems = sorted(self.problems, key=lambda problem: (problem.where, problem.code.id, problem.message))
        if self.untold:
            problems.append(InputError(codes.LIMIT, f"{self.untold} more problems in other files"))
        return Layout(packages, keys, tuple(problems))

    def _add(self, address: Address, path: str, found: Found[ImportedPackage]) -> None:
        """Folders whose names differ in letter case only are one address: taken where both say the same."""
        self.tell(_first(found.problems, path))
        if found.package is None:
            return
        first = self.packages.setdefault(address, found.package)
        other = self.origins.setdefault(address, path)
        if first != found.package:
            self.doubled.add(address)
            raise InputError(codes.TWICE, found=f"{other} is about {address} too")

    def _add_key(self, owner: str, path: str, data: bytes) -> None:
        if len(data) > MAX_KEY_BYTES:
            raise InputError(codes.LIMIT, expected=f"at most {MAX_KEY_BYTES} bytes", found=str(len(data)))
        try:
            text = data.decode("ascii")
        except UnicodeDecodeError:
            raise InputError(codes.TEXT, "not an armoured key, which is plain ASCII") from None
        key = self.read_key(text, path)
        place = f"{owner}/{key.fingerprint.lower()}.asc"
        if self.armors.setdefault(place, text) != text:
            detail = f"another file holds the key {key.fingerprint} in another state; that one was taken"
            raise InputError(codes.TWICE, detail)
        self.rings[owner].append(place)


def _first(problems: Sequence[RegistryError], path: str) -> Iterator[RegistryError]:
    """The first hundred of a file, and how many more: one file must not fill the report."""
    yield from problems[:MAX_PROBLEMS]
    more = len(problems) - MAX_PROBLEMS
    if more > 0:
        yield refused(InputError(codes.LIMIT, f"{more} more problems in this file"), path)


def _require_letter(letter: str, namespace: str) -> None:
    if letter.lower() != namespace[:1].lower():
        raise InputError(codes.NOT_IN_LAYOUT, expected=f"the folder {namespace[:1].lower()!r}", found=repr(letter[:20]))

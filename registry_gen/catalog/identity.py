"""A path in the catalog -> what the file is about. Identity is in the path only: no file repeats its address."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from registry_gen.catalog import codes, fields
from registry_gen.catalog.problems import nearest, shorten
from registry_gen.errors import InputError
from registry_gen.model.address import Address, mirror_address, module_address, provider_address

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

SharedKind = Literal["namespace", "organization", "policy", "key"]


@dataclass(frozen=True, slots=True)
class Shared:
    """A file that is about several packages: a namespace, organization or policy by name, a key by its path."""

    kind: SharedKind
    name: str


_PACKAGES: Final[dict[str, Callable[..., Address]]] = {
    "mirrors": mirror_address,
    "modules": module_address,
    "providers": provider_address,
}
PACKAGE_FOLDERS: Final = frozenset(_PACKAGES)
"""The folders whose files are one package each; what is in the others, packages share."""
_FORMS: Final = {
    "mirrors": "HOST/NAMESPACE/TYPE",
    "modules": "NAMESPACE/NAME/SYSTEM",
    "providers": "NAMESPACE/TYPE",
    "namespaces": "NAMESPACE",
    "organizations": "NAME",
    "policies": "NAME",
}
_SHARED: Final[dict[str, SharedKind]] = {
    "namespaces": "namespace",
    "organizations": "organization",
    "policies": "policy",
}
_FOLDERS: Final = (*_FORMS, "keys")
_HIDDEN = re.compile(r"(?:^|/)\.")
_MAX_PATH: Final = 400


def is_ignored(path: str) -> bool:
    """Whether a file is for people or tools only: README.md in any folder, and whatever starts with a dot."""
    return _HIDDEN.search(path) is not None or posixpath.basename(path) == "README.md"


def identify(path: str) -> Address | Shared:
    """What the file at ``path`` (relative to the catalog, with '/') is about.

    Raises InputError CAT009 for a place that has no meaning, CAT010 for a name in the wrong spelling, and ADR001 for
    an address that clients could not ask for.
    """
    folder, *rest = path.split("/")
    if not rest or folder not in _FOLDERS:
        hint = nearest(folder, _FOLDERS) if rest else ""
        raise InputError(codes.STRAY_FILE, found=shorten(path), hint=hint or codes.STRAY_FILE.fix)
    if len(path) > _MAX_PATH or path != path.lower() or not path.isascii():
        hint = f"Rename it to {path.lower()}" if path.isascii() and len(path) <= _MAX_PATH else codes.BAD_PATH.fix
        raise InputError(codes.BAD_PATH, expected="lower-case letters of ASCII", found=shorten(path), hint=hint)
    if folder == "keys":
        return Shared("key", fields.key_path("/".join(rest)))
    return _yaml(folder, rest, path)


def package_path(address: Address) -> str:
    """The path of a package's file, relative to the catalog, with '/': what ``identify`` reads."""
    return f"{address.kind}s/{address}.yaml"


def collisions(paths: Iterable[str]) -> dict[str, str]:
    """Paths that are the same as another on file systems that ignore letter case, each with that other one."""
    first: dict[str, str] = {}
    found: dict[str, str] = {}
    for path in sorted(paths, reverse=True):  # lower case sorts last in ASCII, so the well-spelt path is the first
        other = first.setdefault(path.casefold(), path)
        if other != path:
            found[path] = other
    return found


def _yaml(folder: str, rest: list[str], path: str) -> Address | Shared:
    name, dot, ending = rest[-1].rpartition(".")
    if ending != "yaml" or not dot:
        hint = f"Rename it to {name}.yaml" if ending == "yml" else ""
        raise InputError(codes.STRAY_FILE, found=shorten(path), hint=hint or codes.STRAY_FILE.fix)
    parts = [*rest[:-1], name]
    depth = _FORMS[folder].count("/") + 1
    if len(parts) != depth:
        hint = f"Move it to {folder}/{_FORMS[folder]}.yaml"
        raise InputError(codes.STRAY_FILE, expected=f"{depth} names below {folder}/", found=str(len(parts)), hint=hint)
    if folder in _SHARED:
        return Shared(_SHARED[folder], fields.name(name))
    return _PACKAGES[folder](*parts)

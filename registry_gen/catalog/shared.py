"""What packages share: keys, namespaces and organizations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry_gen.catalog import codes
from registry_gen.catalog.check import Checked, check
from registry_gen.catalog.problems import at, nearest, shorten
from registry_gen.catalog.shapes import NamespaceFile, OrganizationFile
from registry_gen.catalog.yaml_reader import Document, read_yaml
from registry_gen.errors import InputError, Position, RegistryError
from registry_gen.model.entries import Organization, Quota
from registry_gen.model.facts import SigningKey
from registry_gen.model.rules import Member, Role

if TYPE_CHECKING:
    from registry_gen.catalog.location import Places

ReadKey = Callable[[str, str], SigningKey]
"""Armor and the file it is from -> the certificate; raises RegistryError."""

MAX_KEY_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class File:
    """A file of the catalog: ``path`` as people know it; ``error`` says why its bytes could not be read."""

    path: str
    data: bytes
    error: RegistryError | None = None

    def document(self) -> Document:
        """Its YAML."""
        return Document(self.path, None, (self.error,)) if self.error else read_yaml(self.data, self.path)


@dataclass(frozen=True, slots=True)
class Key:
    """A key file; ``key`` is None where it cannot be used."""

    file: File
    key: SigningKey | None


@dataclass(frozen=True, slots=True)
class Namespace:
    """A namespace: its own keys, the bytes that say so, and whether its packages may be published."""

    data: bytes = b""
    signing_keys: tuple[SigningKey, ...] = ()
    sound: bool = True


@dataclass(frozen=True, slots=True)
class SharedFiles:
    """Keys by their path beneath keys/, namespaces by name; ``problems`` of all shared files."""

    keys: Mapping[str, Key]
    namespaces: Mapping[str, Namespace]
    problems: tuple[RegistryError, ...]
    organizations: tuple[Organization, ...] = ()


def read_shared(
    keys: Mapping[str, File],
    namespaces: Mapping[str, File],
    organizations: Mapping[str, File],
    read_key: ReadKey,
    places: Places,
) -> SharedFiles:
    """Read every shared file, each by its name; problems are in the result."""
    problems: list[RegistryError] = []
    ring = {path: _key(file, read_key, problems) for path, file in keys.items()}
    checked = {name: check(file.document(), OrganizationFile, places) for name, file in sorted(organizations.items())}
    owners, doubly_owned = _owners(organizations, checked, problems)
    found: dict[str, Namespace] = {}
    for name in namespaces.keys() | owners.keys():
        own = _namespace(namespaces[name], ring, places, problems) if name in namespaces else Namespace()
        data = b"\0".join((own.data, owners.get(name, b"")))
        found[name] = Namespace(data, own.signing_keys, own.sound and name not in doubly_owned)
    return SharedFiles(ring, found, tuple(problems), tuple(_organizations(checked)))


def find_keys(
    paths: Iterable[str], ring: Mapping[str, Key], position: Callable[[int], Position]
) -> tuple[tuple[SigningKey, ...], list[RegistryError]]:
    """The keys at these paths, each once and sorted by fingerprint, and a problem for each that cannot be used.

    ``position`` gives the place of the n-th path.
    """
    keys: dict[str, SigningKey] = {}
    problems: list[RegistryError] = []
    for index, path in enumerate(paths):
        found = ring.get(path)
        if found and found.key:
            keys[found.key.fingerprint] = found.key
            continue
        detail = f"the key file keys/{path} " + ("has problems of its own" if found else "does not exist")
        hint = f"See {found.file.path}." if found else nearest(path, ring) or codes.KEY_MISSING.fix
        problems.append(InputError(codes.KEY_MISSING, detail, hint=hint, position=position(index)))
    return tuple(keys[fingerprint] for fingerprint in sorted(keys)), problems


def _key(file: File, read_key: ReadKey, problems: list[RegistryError]) -> Key:
    position = Position(file.path)
    try:
        if file.error:
            raise file.error
        if len(file.data) > MAX_KEY_BYTES:
            raise InputError(codes.LIMIT, expected=f"at most {MAX_KEY_BYTES} bytes", found=str(len(file.data)))
        return Key(file, read_key(file.data.decode("ascii"), file.path))
    except UnicodeDecodeError:
        hint = "Export it with: gpg --armor --export KEY"
        problems.append(
            InputError(codes.TEXT, "not an armoured key, which is plain ASCII", hint=hint, position=position)
        )
    except RegistryError as error:
        problems.append(at(error, position))
    return Key(file, None)


def _namespace(file: File, ring: Mapping[str, Key], places: Places, problems: list[RegistryError]) -> Namespace:
    checked = check(file.document(), NamespaceFile, places)
    found = list(checked.problems)
    keys: tuple[SigningKey, ...] = ()
    if checked.values:
        if checked.values.visibility == "private":
            detail = "private namespaces are not yet supported; everything is published for all to read"
            hint = "Remove the namespace's packages from the catalog, or write visibility: public."
            found.append(InputError(codes.NOT_YET, detail, hint=hint, position=checked.position("visibility")))
        keys, missing = find_keys(
            checked.values.signing_keys, ring, lambda index: checked.position("signing_keys", index)
        )
        found += missing
    problems += found
    return Namespace(file.data, keys, sound=not found)


def _organizations(files: Mapping[str, Checked[OrganizationFile]]) -> Iterator[Organization]:
    for name, checked in files.items():
        if checked.values:
            values, quota = checked.values, checked.values.quota
            members = tuple(Member(name, role) for role, _, name in _members(values))
            limits = Quota(quota.size, quota.versions) if quota else None
            yield Organization(name, values.namespaces, limits, members, values.registry)


def _members(values: OrganizationFile) -> Iterator[tuple[Role, int, str]]:
    for role in Role:
        for index, name in enumerate(getattr(values.members, role.value)):
            yield role, index, name


def _named_twice(checked: Checked[OrganizationFile]) -> Iterator[RegistryError]:
    if checked.values is None or checked.lost("members"):
        return
    seen: set[str] = set()
    for role, index, name in _members(checked.values):
        if name.lower() in seen:
            position = checked.position("members", role.value, index)
            yield InputError(codes.TWO_ROLES, found=shorten(name), hint=codes.TWO_ROLES.fix, position=position)
        seen.add(name.lower())


def _about_packages(name: str, values: OrganizationFile) -> bytes:
    """What packages depend on of their organization: who its members are changes nothing about them."""
    quota = (values.quota.size, values.quota.versions) if values.quota else None
    return repr((name, values.namespaces, quota)).encode()


def _owners(
    files: Mapping[str, File], read: Mapping[str, Checked[OrganizationFile]], problems: list[RegistryError]
) -> tuple[dict[str, bytes], set[str]]:
    """What each owned namespace depends on of its organization, and the namespaces that two organizations claim."""
    owners: dict[str, str] = {}
    depends_on: dict[str, bytes] = {}
    doubly_owned: set[str] = set()
    for organization, checked in read.items():
        problems += (*checked.problems, *_named_twice(checked))
        for index, name in enumerate(checked.values.namespaces if checked.values else ()):
            first = owners.setdefault(name, organization)
            if first != organization:
                doubly_owned.add(name)
                detail = f"the namespace {name} belongs to another organization too"
                hint = f"{files[first].path} names it as well. {codes.TWO_OWNERS.fix}"
                position = checked.position("namespaces", index)
                problems.append(InputError(codes.TWO_OWNERS, detail, hint=hint, position=position))
            elif checked.values:
                depends_on[name] = _about_packages(organization, checked.values)
    return depends_on, doubly_owned

"""Providers of another registry or mirror: zips with digests -> packages, and digests held against signed sums."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from registry_gen.catalog import codes as catalog_codes
from registry_gen.catalog.layout import Layout
from registry_gen.catalog.layout_shapes import refused
from registry_gen.catalog.new_package import key_file
from registry_gen.errors import InputError, RegistryError
from registry_gen.model.address import MirrorAddress
from registry_gen.model.imported import Compared, ImportedMirror
from registry_gen.model.version import MAX_CLAUSES, Version
from registry_gen.paths import zip_name
from registry_gen.sources import codes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from registry_gen.model.address import Address, Platform
    from registry_gen.model.digest import Sha256
    from registry_gen.model.facts import SigningKey
    from registry_gen.model.imported import ImportedPackage

_ENDS: Final = 2
"""Comparisons that the first and the last version take."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What one reader found: packages, keys and problems, and how their digests compare with what was signed."""

    layout: Layout
    compared: Compared


@dataclass(slots=True)
class Taking:
    """Collects what a reader finds, package by package."""

    packages: dict[Address, ImportedPackage] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    problems: list[RegistryError] = field(default_factory=list)
    compared: Compared = field(default_factory=Compared)

    def refuse(self, error: RegistryError, where: str, name: str = "") -> None:
        """Keep why something cannot be taken."""
        self.problems.append(refused(error, where, name))

    def add_keys(self, address: Address, keys: Iterable[SigningKey]) -> tuple[str, ...]:
        """Keep a package's keys; returns their paths beneath keys/, in order."""
        found = {key_file(address, key.fingerprint): key.armor for key in keys}
        self.keys.update(found)
        return tuple(sorted(found))

    def compare(self, where: str, said: Mapping[str, Sha256], signed: Mapping[str, Sha256]) -> None:
        """Hold the digests of zips, by name, against signed sums; both are kept, the difference is told."""
        different = []
        for name, digest in sorted(said.items()):
            if signed.get(name) != digest:
                expected = f"{signed[name]} in SHA256SUMS" if name in signed else "a line in SHA256SUMS"
                error = InputError(codes.DIGEST_DIFFERS, expected=expected, found=digest)
                different.append(refused(error, where, name))
        self.compared = self.compared.plus(Compared(len(said) - len(different), tuple(different)))

    def not_compared(self, where: str, why: RegistryError) -> None:
        """Say that the digests of a version were not held against anything."""
        error = InputError(codes.NOT_COMPARED, found=f"{why.code.id} {why.message}"[:300])
        self.compared = self.compared.plus(Compared(open=(refused(error, where),)))

    def taken(self) -> Taken:
        """All of it, sorted; keys that no package needs are left out."""
        packages = dict(sorted(self.packages.items(), key=lambda item: (item[0].kind, str(item[0]))))
        needed = {path for package in packages.values() for path in getattr(package, "keys", ())}
        keys = {path: self.keys[path] for path in sorted(needed)}
        problems = sorted(self.problems, key=lambda problem: (problem.where, problem.code.id, problem.message))
        return Taken(Layout(packages, keys, tuple(problems)), self.compared)


def without_own(layout: Layout, host: str) -> Layout:
    """The layout less mirrors of ``host``, which is this registry's own: its catalog could not have them."""
    own = {address for address in layout.packages if isinstance(address, MirrorAddress) and address.hostname == host}
    if not own:
        return layout
    told = [refused(InputError(catalog_codes.OWN_MIRROR), str(address)) for address in sorted(own, key=str)]
    packages = {address: package for address, package in layout.packages.items() if address not in own}
    needed = {path for package in packages.values() for path in getattr(package, "keys", ())}
    keys = {path: armor for path, armor in layout.keys.items() if path in needed}
    return Layout(packages, keys, (*layout.problems, *told))


def named(type_: str, version: Version, zips: Mapping[Platform, Sha256]) -> dict[str, Sha256]:
    """Digests by the name that each zip has in sums."""
    return {zip_name(type_, version, platform): digest for platform, digest in zips.items()}


def mirror_of(
    taking: Taking,
    address: MirrorAddress,
    zips: Mapping[Version, Mapping[Platform, Sha256]],
    keys: Iterable[SigningKey],
    offered: Iterable[Version],
) -> None:
    """Take a mirror of just these versions; ``offered`` are all that its upstream has, as far as is known."""
    where = str(address)
    have = {version: zips[version] for version in sorted(zips) if zips[version]}
    paths = taking.add_keys(address, keys)
    if not have:
        taking.refuse(InputError(catalog_codes.NOTHING_LEFT), where)
        return
    if not paths:
        taking.refuse(InputError(catalog_codes.NO_KEYS, hint="Name the publisher's key: --key FILE."), where)
        return
    versions, left = just_these(have, offered)
    if left:
        found = f"{left} other versions between {min(have)} and {max(have)}"
        taking.refuse(InputError(codes.WIDER, found=found), where)
    taking.packages[address] = ImportedMirror(address, versions, have, paths)


def just_these(have: Iterable[Version], offered: Iterable[Version]) -> tuple[str, int]:
    """The constraint that has these versions and no other that is offered, and how many it could not leave out."""
    versions = sorted(set(have))
    first, last = versions[0], versions[-1]
    if first == last:
        return str(first), 0
    prereleases = any(version.is_prerelease for version in versions)
    others = [
        version
        for version in sorted(set(offered) - set(versions))
        if first < version < last and not version.build and (prereleases or not version.is_prerelease)
    ]
    told = others[: MAX_CLAUSES - _ENDS]
    clauses = [f">= {first}", f"<= {last}", *(f"!= {version}" for version in told)]
    return ", ".join(clauses), len(others) - len(told)

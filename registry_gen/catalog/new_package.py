"""A package that is to be added -> its file, as a person would have written it, with comments to go on from.

Whatever came from outside was read into versions, platforms and patterns before; texts are quoted as JSON has them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry_gen.catalog.identity import package_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from registry_gen.model.address import Address, MirrorAddress, ModuleAddress, Platform, ProviderAddress
    from registry_gen.model.version import Version


@dataclass(frozen=True, slots=True)
class NewModule:
    """A module of a git repository; no ``tags`` for the usual ones. ``versions`` is a constraint, ``seen`` in order."""

    address: ModuleAddress
    git: str
    folder: str
    tags: tuple[str, ...]
    versions: str
    hosting: str
    seen: Sequence[Version]


@dataclass(frozen=True, slots=True)
class NewProvider:
    """A provider with releases; ``listed`` are the versions to look at under a URL, ``seen`` those that were found.

    ``keys`` are paths beneath keys/; none where the namespace has them. ``signed`` says whether the publisher signs.
    """

    address: ProviderAddress
    releases: str
    listed: tuple[Version, ...]
    versions: str
    signed: bool
    keys: tuple[str, ...]
    platforms: tuple[Platform, ...]
    hosting: str
    seen: Sequence[Version]
    offered: tuple[Platform, ...]


@dataclass(frozen=True, slots=True)
class NewMirror:
    """A provider of another registry; ``keys`` are paths beneath keys/, ``offered`` what its newest version has."""

    address: MirrorAddress
    versions: str
    keys: tuple[str, ...]
    platforms: tuple[Platform, ...]
    hosting: str
    seen: Sequence[Version]
    offered: tuple[Platform, ...]


NewPackage = NewModule | NewProvider | NewMirror


def package_text(package: NewPackage, folder: str) -> bytes:
    """The file's bytes; ``folder`` is the catalog's, relative to registry.yaml, beside which schemas/ lies."""
    head = [modeline(f"{folder}/{package_path(package.address)}", package.address.kind), *_seen(package)]
    return "".join(f"{line}\n" for line in [*head, *_lines(package)]).encode()


def _lines(package: NewPackage) -> Iterator[str]:
    match package:
        case NewModule():
            return _module(package)
        case NewProvider():
            return _provider(package)
        case NewMirror():
            return _mirror(package)


def modeline(path: str, kind: str) -> str:
    """The comment by which editors find the schema of a file at ``path``, relative to the folder that schemas/ is in.

    The YAML language server (redhat-developer/yaml-language-server, "Using inlined schema") reads it in the first line.
    """
    return f"# yaml-language-server: $schema={'../' * path.count('/')}schemas/{kind}.schema.json"


def _seen(package: NewPackage) -> Iterator[str]:
    first, last = package.seen[0], package.seen[-1]
    many = f"{len(package.seen)} versions, {first} to {last}" if len(package.seen) > 1 else f"Version {last}"
    yield f"# {many}, when this file was made. Every key: docs/configuration.md of registry-gen."


def _module(module: NewModule) -> Iterator[str]:
    yield "source:"
    yield f"  git: {_quoted(module.git)}"
    if module.folder:
        yield f"  path: {_quoted(module.folder)} # becomes the root of the archive"
    if module.tags:
        yield f"  tags: {_list(map(_quoted, module.tags))} # which tags are versions"
    yield f"versions: {_quoted(module.versions)}"
    yield from _hosting(module.hosting)


def _provider(provider: NewProvider) -> Iterator[str]:
    yield "source:"
    yield f"  releases: {_quoted(provider.releases)}"
    if provider.listed:
        yield "  # A URL cannot be searched: add each new version here."
        yield "  versions:"
        for version in provider.listed:
            yield f"    - {_quoted(str(version))}"
    yield f"versions: {_quoted(provider.versions)}"
    yield from _hosting(provider.hosting)
    if not provider.signed:
        yield "signature: registry # the publisher does not sign, so this registry does"
    if provider.keys:
        yield f"signing_keys: {_list(map(_quoted, provider.keys))} # of the publisher; compare before you commit"
    yield from _platforms(provider.platforms, provider.offered)


def _mirror(mirror: NewMirror) -> Iterator[str]:
    yield "trust:"
    yield f"  keys: {_list(map(_quoted, mirror.keys))} # of the publisher; compare before you commit"
    yield f"versions: {_quoted(mirror.versions)} # every version that this allows is stored"
    yield from _hosting(mirror.hosting)
    yield from _platforms(mirror.platforms, mirror.offered)


def _hosting(hosting: str) -> Iterator[str]:
    if hosting != "copy":
        yield f"hosting: {hosting}"


def _platforms(chosen: Sequence[Platform], offered: Sequence[Platform]) -> Iterator[str]:
    if not chosen:
        return
    others = [str(platform) for platform in offered if platform not in chosen]
    if others:
        yield f"# Also offered: {', '.join(others)}."
    yield f"platforms: {_list(map(str, chosen))}"


def _list(items: Iterable[str]) -> str:
    return f"[{', '.join(items)}]"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def key_file(address: Address, fingerprint: str) -> str:
    """The path beneath keys/ of a publisher's key: its namespace, behind the host of a mirror, and the fingerprint.

    All of it, because a key whose shorter id is that of another one can be made on purpose.
    """
    host = "" if address.kind == "provider" else f"{str(address).split('/', 1)[0]}/"
    return f"{host}{address.namespace}/{fingerprint.lower()}.asc"

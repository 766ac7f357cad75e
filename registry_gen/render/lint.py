"""Rules that every document must keep before it is written: what real clients refuse, or follow into harm.

The rules were found by running Terraform 1.11 against documents that break them, and in OpenTofu's source.
Documents are read as a client reads them, not as the renderer meant them.
"""

from __future__ import annotations

import re
from contextlib import suppress
from html import unescape
from typing import TYPE_CHECKING

from pydantic import ValidationError

from registry_gen import paths
from registry_gen.errors import InputError, RefusalError
from registry_gen.model.address import MirrorAddress, ModuleAddress, Platform, ProviderAddress, parse_platform
from registry_gen.model.codes import BAD_VERSION
from registry_gen.model.version import parse_version
from registry_gen.render import codes, shapes
from registry_gen.render.urls import is_beside, is_https, is_location, is_pinned, is_rooted, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Set

    from registry_gen.errors import Code, RegistryError
    from registry_gen.model.version import Version
    from registry_gen.render.document import Document

_PROTOCOL = re.compile(r"([0-9]+)(?:\.[0-9]+)?")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_HASH = re.compile(r"zh:[0-9a-f]{64}|h1:[A-Za-z0-9+/]{43}=")
_HOP = re.compile(r'<head><meta name="terraform-get" content="([^"]*)">')
_ARMOR_BEGIN = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n"
_ARMOR_END = "\n-----END PGP PUBLIC KEY BLOCK-----"


def lint(documents: Iterable[Document]) -> tuple[RegistryError, ...]:
    """Every broken rule of all documents of a package or of the site, sorted by key; empty where they may be written.

    A listing is checked against the other documents given, so a package's documents belong in one call. Reading a
    document ends at the first part of it that cannot be read.
    """
    by_key = {document.key: document for document in documents}
    errors = [error for key in sorted(by_key) for error in _document(by_key[key], by_key.keys())]
    marked = _marked(by_key.values()) if any(error.code is codes.UNPINNED for error in errors) else frozenset()
    return tuple(error for error in errors if error.code is not codes.UNPINNED or error.where not in marked)


def _marked(documents: Iterable[Document]) -> Set[str]:
    """The keys of documents whose version is said to be unpinned, for everybody to see: these may name a tag."""
    found: set[str] = set()
    for document in documents:
        match document.key.split("/"):
            case ["modules", *parts, version, "index.json"] if len(parts) == 3:
                with suppress(ValidationError, InputError):
                    if shapes.KnownVersion.model_validate_json(document.content).unpinned:
                        address, number = ModuleAddress(*parts), parse_version(version)
                        found |= {paths.module_download(address, number), paths.module_hop(address, number)}
    return found


def _document(document: Document, keys: Set[str]) -> Iterator[RegistryError]:
    key, content = document.key, document.content
    try:
        match key.split("/"):
            case [".well-known", "terraform.json"]:
                yield from _discovery(key, content)
            case ["v1", "modules", *parts]:
                yield from _module(key, parts, content, keys)
            case ["v1", "providers", *parts]:
                yield from _provider(key, parts, content, keys)
            case ["v1", "mirror", *parts]:
                yield from _mirror(key, parts, content, keys)
            case ["modules" | "providers" | "mirror", *_, "index.json"]:
                shapes.KnownVersion.model_validate_json(content)
            case _:
                yield _unknown(key)
    except ValidationError as problem:
        first = problem.errors(include_url=False, include_input=False)[0]
        yield _error(codes.BAD_SHAPE, key, first["msg"], ".".join(map(str, first["loc"])) or "no JSON")
    except InputError as problem:
        code = codes.BAD_VERSION if problem.code is BAD_VERSION else codes.BAD_PLATFORM
        yield _error(code, key, problem.code.title.removeprefix("not "), problem.found)


def _module(key: str, parts: list[str], content: bytes, keys: Set[str]) -> Iterator[RegistryError]:
    match parts:
        case [namespace, name, system, "versions"]:
            yield from _module_listing(key, content, ModuleAddress(namespace, name, system), keys)
        case [_, _, _, _, "download"]:
            location = shapes.ModuleDownload.model_validate_json(content).location
            yield from _location(key, location, relative=True)
        case [_, _, _, _, "get.html"]:
            yield from _hop(key, content)
        case _:
            yield _unknown(key)


def _provider(key: str, parts: list[str], content: bytes, keys: Set[str]) -> Iterator[RegistryError]:
    match parts:
        case [namespace, type_, "versions"]:
            yield from _provider_listing(key, content, ProviderAddress(namespace, type_), keys)
        case [_, type_, version, "download", os, arch]:
            yield from _provider_download(key, content, type_, parse_version(version), Platform(os, arch))
        case _:
            yield _unknown(key)


def _mirror(key: str, parts: list[str], content: bytes, keys: Set[str]) -> Iterator[RegistryError]:
    match parts:
        case [hostname, namespace, type_, "index.json"]:
            yield from _mirror_listing(key, content, MirrorAddress(hostname, namespace, type_), keys)
        case [_, _, type_, name] if name.endswith(".json"):
            yield from _mirror_version(key, content, type_, parse_version(name.removesuffix(".json")))
        case _:
            yield _unknown(key)


def _discovery(key: str, content: bytes) -> Iterator[RegistryError]:
    found = shapes.Discovery.model_validate_json(content)
    for url in (found.modules, found.providers):
        if not url.endswith("/"):
            yield _error(codes.BAD_SERVICE, key, "a slash at the end", shown(url))
        if not is_rooted(url) and not is_https(url):
            yield _error(codes.BAD_URL, key, "a path from the root, or an https URL", shown(url))


def _module_listing(key: str, content: bytes, address: ModuleAddress, keys: Set[str]) -> Iterator[RegistryError]:
    listed = shapes.ModuleListing.model_validate_json(content).modules[0].versions
    for found in listed:
        version = parse_version(found.version)
        yield from _present(key, [paths.module_download(address, version), paths.module_hop(address, version)], keys)


def _hop(key: str, content: bytes) -> Iterator[RegistryError]:
    found = _HOP.findall(content.decode(errors="replace"))
    if len(found) != 1:
        yield _error(codes.BAD_SHAPE, key, "one terraform-get element, first in the head", f"{len(found)} of them")
    for location in found:
        yield from _location(key, unescape(location), relative=False)


def _location(key: str, location: str, *, relative: bool) -> Iterator[RegistryError]:
    if not is_location(location, relative=relative):
        own = "./module.tar.gz with its checksum, " if relative else ""
        yield _error(codes.BAD_URL, key, f"{own}an https URL, or git:: with https or ssh", shown(location))
    elif not is_pinned(location):
        yield _error(codes.UNPINNED, key, "a commit as ref, or a SHA-256 checksum", shown(location))


def _provider_listing(key: str, content: bytes, address: ProviderAddress, keys: Set[str]) -> Iterator[RegistryError]:
    listed = shapes.ProviderListing.model_validate_json(content).versions
    for found in listed:
        version = parse_version(found.version)
        yield from _protocols(key, found.protocols)
        if not found.platforms:
            yield _error(codes.MISSING_LEAF, key, "at least one platform", f"none of {version}")
        platforms = [Platform(platform.os, platform.arch) for platform in found.platforms]
        yield from _present(key, [paths.provider_download(address, version, platform) for platform in platforms], keys)


def _provider_download(
    key: str, content: bytes, type_: str, version: Version, platform: Platform
) -> Iterator[RegistryError]:
    found = shapes.ProviderDownload.model_validate_json(content)
    if (found.os, found.arch) != (platform.os, platform.arch):
        yield _error(codes.BAD_PLATFORM, key, str(platform), f"{found.os}_{found.arch}")
    filename = paths.zip_name(type_, version, platform)
    if found.filename != filename:
        yield _error(codes.BAD_FILENAME, key, filename, repr(found.filename))
    if not _SHA256.fullmatch(found.shasum):
        yield _error(codes.BAD_DIGEST, key, "64 lower-case hexadecimal digits", repr(found.shasum))
    for url in (found.download_url, found.shasums_url, found.shasums_signature_url):
        if not is_https(url) and not is_beside(url, levels=2):
            yield _error(codes.BAD_URL, key, "an https URL, or ../../ and a name", shown(url))
    yield from _protocols(key, found.protocols)
    yield from _signing_keys(key, found.signing_keys.gpg_public_keys)
    if found.packages is not None:
        yield from _packages(key, found.packages, platform, found.shasum)


def _signing_keys(key: str, signing_keys: tuple[shapes.PublicKey, ...]) -> Iterator[RegistryError]:
    if not signing_keys:
        yield _error(codes.BAD_KEY, key, "at least one key", "none")
    for found in signing_keys:
        # Clients read one armored block of each text: a second would be left out without a word.
        armor = found.ascii_armor.replace("\r\n", "\n").strip()
        whole = armor.startswith(_ARMOR_BEGIN) and armor.endswith(_ARMOR_END)
        if not whole or armor.count("-----BEGIN") != 1 or not armor.isascii():
            yield _error(codes.BAD_KEY, key, "one ASCII-armored public key block", f"other text for {found.key_id!r}")


def _packages(
    key: str, packages: dict[str, shapes.PackageHashes], platform: Platform, shasum: str
) -> Iterator[RegistryError]:
    own = packages.get(str(platform))
    if own is None:
        yield _error(codes.BAD_PACKAGES, key, f"hashes of {platform}", "none")
    elif f"zh:{shasum}" not in own.hashes:
        yield _error(codes.BAD_PACKAGES, key, f"zh:{shasum}", ", ".join(own.hashes))
    for name, found in packages.items():
        parse_platform(name)
        yield from _hashes(key, found.hashes)
        if found.package_size <= 0:
            yield _error(codes.BAD_PACKAGES, key, f"the size of {name} in bytes", str(found.package_size))


def _mirror_listing(key: str, content: bytes, address: MirrorAddress, keys: Set[str]) -> Iterator[RegistryError]:
    listed = shapes.MirrorListing.model_validate_json(content).versions
    for text in listed:
        yield from _present(key, [paths.mirror_version(address, parse_version(text))], keys)


def _mirror_version(key: str, content: bytes, type_: str, version: Version) -> Iterator[RegistryError]:
    archives = shapes.MirrorArchives.model_validate_json(content).archives
    for name, found in archives.items():
        filename = paths.zip_name(type_, version, parse_platform(name))
        if is_beside(found.url, levels=0):
            if found.url != filename:
                yield _error(codes.BAD_FILENAME, key, filename, repr(found.url))
        elif not is_https(found.url):
            yield _error(codes.BAD_URL, key, f"an https URL, or {filename}", shown(found.url))
        if not found.hashes:
            yield _error(codes.BAD_DIGEST, key, f"a digest of {name}", "none, which clients install unchecked")
        yield from _hashes(key, found.hashes)


def _present(key: str, leaves: Iterable[str], keys: Set[str]) -> Iterator[RegistryError]:
    for leaf in leaves:
        if leaf not in keys:
            yield _error(codes.MISSING_LEAF, key, leaf, "nothing there")


def _protocols(key: str, protocols: tuple[str, ...]) -> Iterator[RegistryError]:
    spoken = [found[1] if (found := _PROTOCOL.fullmatch(text)) else "" for text in protocols]
    if spoken and ("" in spoken or not {"5", "6"}.intersection(spoken)):
        yield _error(codes.BAD_PROTOCOLS, key, "5.0, 6.0 or none", ", ".join(map(repr, protocols)))


def _hashes(key: str, hashes: tuple[str, ...]) -> Iterator[RegistryError]:
    for text in hashes:
        if not _HASH.fullmatch(text):
            yield _error(codes.BAD_DIGEST, key, "zh: and SHA-256, or h1: and base64", repr(text))


def _unknown(key: str) -> RefusalError:
    return _error(codes.BAD_SHAPE, key, "a key of a protocol's document", repr(key))


def _error(code: Code, key: str, expected: str, found: str) -> RefusalError:
    return RefusalError(code, where=key, expected=expected, found=found[:300], hint=code.fix)

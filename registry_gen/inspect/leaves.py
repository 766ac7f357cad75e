"""The documents that clients follow from a listing to an artifact: they must lead to what was logged, with its digests.

Documents are read as clients read them. Sources: Module Registry Protocol, Provider Registry Protocol, Provider Network
Mirror Protocol, remote service discovery.
"""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING, Final, TypeVar
from urllib.parse import quote, urljoin, urlsplit

from pydantic import BaseModel, ValidationError

from registry_gen import paths
from registry_gen.errors import RefusalError
from registry_gen.inspect import codes
from registry_gen.inspect.reader import MAX_DOCUMENT
from registry_gen.log.read_entries import ModuleDigests
from registry_gen.model.facts import Hosting
from registry_gen.render import shapes
from registry_gen.render.urls import is_https
from registry_gen.sources.guard import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from registry_gen.inspect.reader import Reader
    from registry_gen.inspect.records import ModuleRecord, ProviderRecord
    from registry_gen.log.read_entries import Pinned, ZipDigests
    from registry_gen.model.address import MirrorAddress, ModuleAddress, Platform, ProviderAddress
    from registry_gen.model.version import Version

_S = TypeVar("_S", bound=BaseModel)

_SOMEWHERE: Final = "https://registry.invalid/"
"""Where a folder is taken to be served: names of .invalid belong to nobody (RFC 6761)."""

# Clients take the first such element of the head, so it must be the first of all, and the only one.
_HOP = re.compile(rb'<!DOCTYPE html>\s*<html[^<>]*>\s*<head><meta name="terraform-get" content="([^"<>]*)">')


def discovery_problems(reader: Reader) -> Iterator[RefusalError]:
    """Whether a host's discovery document leads to this registry: INS033; raises SourceError, RefusalError INS025."""
    key = paths.DISCOVERY
    found = read_shape(reader, key, shapes.Discovery)
    # It is asked for at the root of the host, wherever the registry lies under it.
    root = urljoin(reader.base or _SOMEWHERE, f"/{key}")
    for url, prefix in ((found.modules, paths.MODULES), (found.providers, paths.PROVIDERS)):
        if not _is_at(reader, urljoin(root, url), prefix):
            yield _elsewhere(key, prefix, url)


def module_leaf_problems(
    reader: Reader, address: ModuleAddress, version: Version, pinned: Pinned, record: ModuleRecord, *, hop: bool
) -> Iterator[RefusalError]:
    """Whether ``download``, or with ``hop`` the page get.html, leads to what was logged: INS033, INS034.

    Raises SourceError, RefusalError INS025 for a document that is missing or no such document.
    """
    key = paths.module_hop(address, version) if hop else paths.module_download(address, version)
    location = _hop(reader, key) if hop else read_shape(reader, key, shapes.ModuleDownload).location
    digests = pinned.digests
    assert isinstance(digests, ModuleDigests)  # noqa: S101 - entries of modules have no others
    if pinned.hosting is Hosting.LINK:
        ref = pinned.commit or pinned.tag
        pin = f"?ref={ref}" if ref else f"?checksum=sha256:{digests.source}"
        if location != record.location or not location.endswith(pin):
            yield _elsewhere(key, f"{shown(record.location or '')}, pinned by {pin}", location)
        return
    path, _, query = location.partition("?")
    archive = paths.module_archive(address, version)
    if not leads_to(reader, key, path, archive):
        yield _elsewhere(key, archive, location)
    if query != f"checksum=sha256:{digests.archive}":
        yield _differs(key, f"checksum=sha256:{digests.archive}", query)


def provider_leaf_problems(
    reader: Reader,
    address: ProviderAddress,
    version: Version,
    platform: Platform,
    pinned: Pinned,
    record: ProviderRecord,
    leaf: shapes.ProviderDownload,
) -> Iterator[RefusalError]:
    """Whether the document of one platform says what was logged: INS033, INS034. Its keys are not judged here."""
    key = paths.provider_download(address, version, platform)
    zips = _zips(pinned)
    filename = paths.zip_name(address.type, version, platform)
    said = {
        "platform": (str(platform), f"{leaf.os}_{leaf.arch}"),
        "filename": (filename, leaf.filename),
        "shasum": (zips[platform].zh, leaf.shasum),
        "protocols": (record.protocols, leaf.protocols),
        "packages": (_hashes(zips), _listed(leaf)) if leaf.packages is not None else (None, None),
    }
    for name, (expected, found) in said.items():
        if expected != found:
            yield _differs(key, f"{name} {expected}", str(found))
    zip_key = paths.provider_zip(address, version, platform)
    yield from _artifact_problems(
        reader, key, leaf.download_url, zip_key, _link_of(record, platform) if _linked(pinned) else None
    )
    assert pinned.sums  # noqa: S101 - entries of providers have them
    for url, own in (
        (leaf.shasums_url, paths.provider_sums(address, version, pinned.sums.sha256)),
        (leaf.shasums_signature_url, paths.provider_signature(address, version, pinned.sums.signature)),
    ):
        if not (leads_to(reader, key, url, own) or (_linked(pinned) and is_https(url))):
            yield _elsewhere(key, own, url)


def mirror_leaf_problems(
    reader: Reader, address: MirrorAddress, version: Version, pinned: Pinned, record: ProviderRecord
) -> Iterator[RefusalError]:
    """Whether a mirrored version's document says what was logged: INS033, INS034; raises as for modules."""
    key = paths.mirror_version(address, version)
    archives = read_shape(reader, key, shapes.MirrorArchives).archives
    zips = _zips(pinned)
    by_name = {str(platform): platform for platform in zips}
    if set(archives) != set(by_name):
        yield _differs(key, f"platforms {', '.join(sorted(by_name))}", ", ".join(sorted(archives)))
    for name in sorted(archives.keys() & by_name.keys()):
        platform, archive = by_name[name], archives[name]
        expected = _hashes_of(zips[platform])
        if sorted(archive.hashes) != expected:
            yield _differs(key, f"{name}: {', '.join(expected)}", ", ".join(archive.hashes))
        zip_key = paths.mirror_zip(address, version, platform)
        link = _link_of(record, platform) if _linked(pinned) else None
        yield from _artifact_problems(reader, key, archive.url, zip_key, link)


def read_shape(reader: Reader, key: str, shape: type[_S]) -> _S:
    """A JSON document; raises SourceError, RefusalError INS025 for one that clients could not read."""
    try:
        return shape.model_validate_json(reader.read(key, MAX_DOCUMENT))
    except ValidationError as problem:
        first = problem.errors(include_url=False, include_input=False)[0]
        found = f"{'.'.join(map(str, first['loc'])) or 'no JSON'}: {first['msg']}"
        raise RefusalError(codes.BAD_DOCUMENT, where=key, found=found[:200]) from None


def leads_to(reader: Reader, document: str, url: str, key: str) -> bool:
    """Whether a URL in the document of that key leads to the object ``key`` of this registry."""
    try:
        absolute = urljoin((reader.base or _SOMEWHERE) + quote(document, safe="/+"), url)
    except ValueError:
        return False
    return _is_at(reader, absolute, key)


def _hop(reader: Reader, key: str) -> str:
    page = reader.read(key, MAX_DOCUMENT)
    found = _HOP.match(page)
    if not found or len(re.findall(rb"(?i)terraform-get", page)) != 1:
        expected = "one terraform-get element, first in the head"
        raise RefusalError(codes.BAD_DOCUMENT, where=key, expected=expected, found="another page")
    return unescape(found[1].decode("utf-8", "replace"))


def _artifact_problems(reader: Reader, key: str, url: str, own: str, link: str | None) -> Iterator[RefusalError]:
    """A copy is an object of this registry, a link the very URL in the record."""
    if link is not None:
        if url != link:
            yield _elsewhere(key, shown(link), url)
    elif not leads_to(reader, key, url, own):
        yield _elsewhere(key, own, url)


def _is_at(reader: Reader, absolute: str, key: str) -> bool:
    """Whether a URL is that of a key; for a folder, of which nobody knows where it is served, wherever that is."""
    own = quote(key, safe="/+")
    if reader.base is not None:
        return absolute == reader.base + own
    try:
        parts = urlsplit(absolute)
    except ValueError:
        return False
    plain = not parts.query and not parts.fragment and parts.scheme in ("https", "http")
    return plain and parts.path.endswith(f"/{own}")


def _zips(pinned: Pinned) -> Mapping[Platform, ZipDigests]:
    assert not isinstance(pinned.digests, ModuleDigests)  # noqa: S101 - only modules have those
    return pinned.digests


def _linked(pinned: Pinned) -> bool:
    return pinned.hosting is Hosting.LINK


def _link_of(record: ProviderRecord, platform: Platform) -> str:
    return next((each.url or "" for each in record.packages if f"{each.os}_{each.arch}" == str(platform)), "")


def _hashes_of(zip_: ZipDigests) -> list[str]:
    return sorted(text for text in (f"zh:{zip_.zh}", zip_.h1) if text)


def _hashes(zips: Mapping[Platform, ZipDigests]) -> str:
    """Hashes and sizes of all platforms in one text that can be compared and shown."""
    return "; ".join(f"{each}: {_hashes_of(zips[each])} {zips[each].size} bytes" for each in sorted(zips))


def _listed(leaf: shapes.ProviderDownload) -> str:
    packages = {tuple(name.split("_", 1)): each for name, each in (leaf.packages or {}).items()}
    return "; ".join(
        f"{'_'.join(name)}: {sorted(packages[name].hashes)} {packages[name].package_size} bytes"
        for name in sorted(packages)
    )


def _elsewhere(key: str, expected: str, url: str) -> RefusalError:
    return RefusalError(codes.LEADS_ELSEWHERE, where=key, expected=expected, found=shown(url))


def _differs(key: str, expected: str, found: str) -> RefusalError:
    return RefusalError(codes.LEAF_DIFFERS, where=key, expected=expected[:500], found=found[:500])

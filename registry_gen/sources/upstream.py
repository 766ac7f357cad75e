"""Another registry, asked as Terraform asks it: service discovery and the Provider Registry Protocol, version 1."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Final
from urllib.parse import urljoin, urlsplit

from registry_gen import paths
from registry_gen.errors import InputError, SourceError
from registry_gen.model.address import Platform, parse_platform
from registry_gen.model.digest import Sha256, parse_sha256
from registry_gen.model.plan import MirrorSighting, UpstreamSeen
from registry_gen.model.version import Version, parse_version
from registry_gen.policy.upstreams import usable_upstream
from registry_gen.sources import codes
from registry_gen.sources.guard import shown

if TYPE_CHECKING:
    from registry_gen.errors import Code
    from registry_gen.model.address import MirrorAddress
    from registry_gen.model.entries import MirrorEntry
    from registry_gen.sources.http import Downloaded, Fetcher

_DISCOVERY_BYTES: Final = 1_000_000  # what Terraform reads of it
_VERSIONS_BYTES: Final = 8_000_000  # parsed it takes some thirty times as much, in every worker
_PACKAGE_BYTES: Final = 1_000_000
_MAX_KEYS: Final = 64
_MAX_PROTOCOLS: Final = 16
_MAX_URL: Final = 2_000  # it is recorded and published; real ones with a signature in them have 800 characters
_PROTOCOL: Final = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3})?")


@dataclass(frozen=True, slots=True)
class UpstreamPackage:
    """What an upstream says of one platform's zip: URLs are absolute, ``keys`` the armored keys in its order."""

    platform: Platform
    filename: str
    url: str
    shasum: Sha256
    sums_url: str
    signature_url: str
    keys: tuple[str, ...]


class Upstream:
    """Asks upstream registries. Safe to use from several threads; discovery is asked once for each base."""

    def __init__(self, fetcher: Fetcher) -> None:
        self._fetcher = fetcher
        self._lock = threading.Lock()
        self._services: dict[tuple[str, str], str] = {}

    def sight(self, entry: MirrorEntry) -> MirrorSighting:
        """Every version that the upstream lists, in order.

        What no client could ask for is left out: versions that are not SemVer, platforms that are not os_arch.
        Raises SourceError NET0xx; SRC007 and SRC008 where the answers break the protocol.
        """
        address = entry.address
        url = f"{self._service(usable_upstream(entry))}{address.namespace}/{address.type}/versions"
        document, _ = self._fetcher.json(url, _VERSIONS_BYTES)
        found: dict[Version, UpstreamSeen] = {}
        for each in _list(_field(document, "versions", url), url):
            seen = _seen(each)
            if seen is not None:
                found.setdefault(seen.version, seen)
        return MirrorSighting(address, tuple(sorted(found.values())))

    def package(self, base: str, address: MirrorAddress, version: Version, platform: Platform) -> UpstreamPackage:
        """What the upstream registry at ``base`` says of one zip, each field checked against what was asked for.

        Raises SourceError NET006 where there is no such package, SRC007 where the answer is another one.
        """
        path = f"{address.namespace}/{address.type}/{version}/download/{platform.os}/{platform.arch}"
        url = self._service(base) + path
        document, final = self._fetcher.json(url, _PACKAGE_BYTES)
        for name, asked in (("os", platform.os), ("arch", platform.arch)):
            if _text(document, name, url) != asked:
                raise _bad(url, f"{name} {asked}", _text(document, name, url))
        filename = _text(document, "filename", url)
        expected = paths.zip_name(address.type, version, platform)
        if filename != expected:
            # The sums vouch for a name: under another one, a genuine zip of another version would pass.
            raise _bad(url, expected, filename)
        try:
            shasum = parse_sha256(_text(document, "shasum", url))
        except InputError as error:
            raise _bad(url, error.expected, _text(document, "shasum", url)) from None
        return UpstreamPackage(
            platform,
            filename,
            _url(document, "download_url", url, final),
            shasum,
            _url(document, "shasums_url", url, final),
            _url(document, "shasums_signature_url", url, final),
            _keys(document, url),
        )

    def small(self, url: str, limit: int) -> bytes:
        """The bytes of a document such as sums or signature."""
        return self._fetcher.get(url, limit=limit).body

    def copy(self, url: str, out: BinaryIO, limit: int) -> Downloaded:
        """Stream a zip into ``out``; whether its digest is ``shasum`` is the caller's to check."""
        return self._fetcher.download(url, out, limit=limit)

    def service(self, base: str, name: str, missing: Code = codes.NO_PROVIDERS_SERVICE) -> str:
        """The base URL of a service such as modules.v1, ending in "/"; ``base`` is a registry's root.

        Raises SourceError NET0xx, SRC007, and ``missing`` where the host has no such service.
        """
        base = base.rstrip("/")
        with self._lock:
            known = self._services.get((base, name))
        if known is None:
            # Two threads may ask at the same time; both get the same answer.
            known = self._discover(base, name, missing)
            with self._lock:
                self._services[base, name] = known
        return known

    def _service(self, base: str) -> str:
        return self.service(base, "providers.v1")

    def _discover(self, base: str, name: str, missing: Code) -> str:
        url = base + "/.well-known/terraform.json"
        document, final = self._fetcher.json(url, _DISCOVERY_BYTES)
        if isinstance(document, dict) and name not in document:
            raise SourceError(missing, where=shown(url), hint=missing.fix)
        service = _url(document, name, url, final)
        return service if service.endswith("/") else service + "/"


def _seen(document: object) -> UpstreamSeen | None:
    if not isinstance(document, dict):
        return None
    try:
        version = parse_version(str(document.get("version")))
    except InputError:
        return None
    protocols = [text for text in _items(document, "protocols") if isinstance(text, str) and _PROTOCOL.fullmatch(text)]
    platforms = {found for each in _items(document, "platforms") for found in _platform(each)}
    return UpstreamSeen(version, tuple(dict.fromkeys(protocols))[:_MAX_PROTOCOLS], tuple(sorted(platforms)))


def _items(document: dict[str, object], name: str) -> list[object]:
    value = document.get(name)
    return value if isinstance(value, list) else []


def _platform(document: object) -> tuple[Platform, ...]:
    if not isinstance(document, dict):
        return ()
    try:
        return (parse_platform(f"{document.get('os')}_{document.get('arch')}"),)
    except InputError:
        return ()


def _keys(document: object, url: str) -> tuple[str, ...]:
    keys = _list(_field(_field(document, "signing_keys", url), "gpg_public_keys", url), url)
    if len(keys) > _MAX_KEYS:
        raise _bad(url, f"at most {_MAX_KEYS} keys", str(len(keys)))
    return tuple(_text(key, "ascii_armor", url) for key in keys)


def _url(document: object, name: str, url: str, final: str) -> str:
    """A URL of the document, made absolute against where the document came from."""
    text = _text(document, name, url)
    try:
        absolute = urljoin(final, text)
        scheme = urlsplit(absolute).scheme
    except ValueError:
        raise _bad(url, f"a URL as {name}", text) from None
    if scheme not in ("https", "http"):
        raise _bad(url, f"an https URL as {name}", scheme)
    if len(absolute) > _MAX_URL:
        raise _bad(url, f"at most {_MAX_URL} characters as {name}", f"{len(absolute)} characters")
    return absolute


def _text(document: object, name: str, url: str) -> str:
    value = _field(document, name, url)
    if not isinstance(value, str) or not value:
        raise _bad(url, f"a text as {name}", type(value).__name__)
    return value


def _list(value: object, url: str) -> list[object]:
    if not isinstance(value, list):
        raise _bad(url, "a list", type(value).__name__)
    return value


def _field(document: object, name: str, url: str) -> object:
    if not isinstance(document, dict) or name not in document:
        raise _bad(url, f"an object with {name}", type(document).__name__ if not isinstance(document, dict) else "none")
    return document[name]


def _bad(url: str, expected: str, found: str) -> SourceError:
    """``found`` is a stranger's text, perhaps a signed URL in the wrong field."""
    found = repr(shown(found)[:100])
    return SourceError(
        codes.BAD_UPSTREAM, where=shown(url), expected=expected, found=found, hint=codes.BAD_UPSTREAM.fix
    )

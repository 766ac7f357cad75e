"""Where a registry is read from: its public URL, or a folder that holds a copy of its public files.

A reader asks for keys that ``paths`` makes, never for what a document says, and takes no more bytes than the kind of
object may have.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, BinaryIO, Final, Protocol
from urllib.parse import quote, unquote, urlsplit

from registry_gen.errors import InputError, SourceError
from registry_gen.inspect import codes
from registry_gen.model.config import MEGABYTE, Limits, Network
from registry_gen.sources import codes as source_codes
from registry_gen.sources.guard import Guard, Resolver, shown, system_resolver
from registry_gen.sources.http import Fetcher
from registry_gen.sources.places import FolderPlace, inside

if TYPE_CHECKING:
    from registry_gen.sources.http import Downloaded

MAX_DOCUMENT: Final = 16 * MEGABYTE
"""Bytes of a protocol document or a version's document; a listing of 100,000 versions has some 10 MB."""

MAX_RECORD: Final = 128 * MEGABYTE
"""A record keeps 10 MB of HCL and up to 20,000 file names, and JSON escapes may make six bytes of one."""

MAX_ARTIFACT: Final = 4_000 * MEGABYTE
"""An archive or zip, whatever size the log promises."""

_PUBLIC: Final = Network(schemes=("https",))
_DOCUMENT_SECONDS: Final = 60.0
_ARTIFACT_SECONDS: Final = 1800.0


class Reader(Protocol):
    """The public objects of a registry. Safe to use from several threads.

    ``base`` is the URL, ending in "/", that keys are under; None for a folder, which does not know where it is served.
    ``network`` says what may be connected to for it. Both methods raise SourceError: INS006 where there is no such
    object, NET and SRC for what else goes wrong.
    """

    @property
    def base(self) -> str | None:
        """See the class."""

    @property
    def network(self) -> Network:
        """See the class."""

    @property
    def name(self) -> str:
        """The URL or path, for people."""

    def read(self, key: str, limit: int) -> bytes:
        """A whole object of at most ``limit`` bytes."""

    def copy(self, key: str, out: BinaryIO, limit: int) -> Downloaded:
        """Stream an object of at most ``limit`` bytes into ``out`` (seekable)."""


@dataclass(frozen=True, slots=True)
class HttpReader:
    """A registry behind a URL; ``documents`` and ``artifacts`` differ in the time that they allow."""

    base: str
    network: Network
    documents: Fetcher
    artifacts: Fetcher

    @property
    def name(self) -> str:
        """See ``Reader``."""
        return self.base

    def read(self, key: str, limit: int) -> bytes:
        """See ``Reader``."""
        try:
            accept = "text/html" if key.endswith(".html") else "*/*"
            return self.documents.get(self._url(key), limit=limit, accept=accept).body
        except SourceError as error:
            raise _missing(error, key) from None

    def copy(self, key: str, out: BinaryIO, limit: int) -> Downloaded:
        """See ``Reader``."""
        try:
            return self.artifacts.download(self._url(key), out, limit=limit)
        except SourceError as error:
            raise _missing(error, key) from None

    def _url(self, key: str) -> str:
        return self.base + quote(key, safe="/+")


@dataclass(frozen=True, slots=True)
class FolderReader:
    """A registry in a folder; links that lead out of it are not followed."""

    folder: Path
    base: None = None
    network: Network = _PUBLIC

    @property
    def name(self) -> str:
        """See ``Reader``."""
        return str(self.folder)

    def read(self, key: str, limit: int) -> bytes:
        """See ``Reader``."""
        try:
            return self._place(key).read(PurePosixPath(key).name, limit)
        except SourceError as error:
            raise _missing(error, key) from None

    def copy(self, key: str, out: BinaryIO, limit: int) -> Downloaded:
        """See ``Reader``."""
        try:
            return self._place(key).copy(PurePosixPath(key).name, out, limit)
        except SourceError as error:
            raise _missing(error, key) from None

    def _place(self, key: str) -> FolderPlace:
        folder = self.folder / PurePosixPath(key).parent
        try:
            return FolderPlace(inside(folder, self.folder))
        except (FileNotFoundError, NotADirectoryError):
            raise SourceError(source_codes.NOT_FOUND, where=key) from None


def open_reader(text: str, *, ca_file: Path | None = None, resolve: Resolver = system_resolver) -> Reader:
    """The registry at a URL (https; http on this machine only), a ``file://`` URL or a path.

    The host that ``text`` names may be private, as a person named it; hosts that it redirects to may not. Raises
    InputError INS005, SourceError NET004 where its host cannot be found.
    """
    if text.startswith("file://"):
        return _folder(unquote(text.removeprefix("file://")))
    if "://" not in text:
        return _folder(text)
    return http_reader(text, network_of(text, ca_file, resolve), resolve)


def http_reader(url: str, network: Network, resolve: Resolver = system_resolver) -> HttpReader:
    """The registry at a URL, which may be read from where ``network`` says."""
    base = url if url.endswith("/") else f"{url}/"
    fetchers = [
        Fetcher(network, Limits(http_seconds=seconds), resolve=resolve)
        for seconds in (_DOCUMENT_SECONDS, _ARTIFACT_SECONDS)
    ]
    return HttpReader(base, network, *fetchers)


def _folder(path: str) -> FolderReader:
    folder = Path(path)
    if not folder.is_dir():
        raise InputError(codes.BAD_URL, where=path, expected="a folder, or a URL with https", found="no folder")
    return FolderReader(folder.absolute())


def network_of(url: str, ca_file: Path | None = None, resolve: Resolver = system_resolver) -> Network:
    """What a registry at a URL may be read from: its scheme, and the addresses of its host, which may be private.

    Raises InputError INS005, SourceError NET004 where the host cannot be found.
    """
    guard = Guard(Network(schemes=("https", "http"), allow_private=("0.0.0.0/0", "::/0")), resolve)
    try:
        target = guard.http_target(url)
    except SourceError as error:
        found = error.found or error.detail or error.code.title
        raise InputError(codes.BAD_URL, where=shown(url), expected=error.expected, found=found) from None
    if "?" in url or "#" in url:
        raise InputError(codes.BAD_URL, where=shown(url), expected="no query and no fragment")
    addresses = [each.partition("%")[0] for each in guard.addresses(target)]
    if target.scheme == "http" and not all(ipaddress.ip_address(each).is_loopback for each in addresses):
        raise InputError(codes.BAD_URL, where=shown(url), expected="https", found="http to another machine")
    schemes = ("https",) if target.scheme == "https" else ("https", "http")
    return Network(schemes=schemes, allow_private=tuple(addresses), ca_file=ca_file)


def host_of(text: str) -> str | None:
    """Host and port of a URL, None for a folder."""
    return urlsplit(text).netloc.lower() or None if "://" in text else None


def _missing(error: SourceError, key: str) -> SourceError:
    if error.code is not source_codes.NOT_FOUND:
        return error
    return SourceError(codes.MISSING, where=key, found=error.found)

"""Provider zips: judged by their directory, then inflated once, while contents are checked and hashed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Final, Protocol

from isal import igzip_lib, isal_zlib

from registry_gen.errors import RefusalError
from registry_gen.model.digest import H1, Sha256, dirhash
from registry_gen.verify import codes
from registry_gen.verify.zip_directory import STORED, ZipEntry, read_directory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import BinaryIO

CHUNK: Final = 524_288
"""In bytes. Smaller ones cost more in passing them on than in hashing them."""


class Hasher(Protocol):
    """A running SHA-256, as hashlib has it."""

    def update(self, data: bytes, /) -> None:
        """Take in the next bytes."""

    def hexdigest(self) -> str:
        """The digest of all that was taken in."""


@dataclass(frozen=True, slots=True)
class ZipContents:
    """What a provider zip holds: its ``h1``, its file names in the zip's order, and its size unpacked in bytes."""

    h1: H1
    names: tuple[str, ...]
    unpacked: int


def check_zip(
    file: BinaryIO,
    size: int,
    *,
    max_unpacked: int,
    max_entries: int,
    where: str,
    hasher: Callable[[], Hasher] = hashlib.sha256,
) -> ZipContents:
    """Check all of a provider's zip of ``size`` bytes and compute its h1; the SHA-256 of the zip is the caller's.

    ``file`` must be seekable. Memory does not depend on sizes; nothing is inflated before the whole directory has
    been judged. ``hasher`` makes what each file is hashed with: one that works elsewhere meanwhile saves half the time.
    Raises RefusalError ARC001 to ARC013.
    """
    entries = read_directory(file, size, max_unpacked=max_unpacked, max_entries=max_entries, where=where)
    for entry in entries:
        if entry.kind == "directory":
            raise RefusalError(codes.DIRECTORY_ENTRY, where=where, found=entry.name)
        if entry.kind != "file":
            raise RefusalError(codes.NOT_A_FILE, where=where, found=f"{entry.name}, a {entry.kind} entry")
    if not entries:
        raise RefusalError(codes.EMPTY_TREE, where=where)
    digests = []
    for entry in entries:
        digest = hasher()
        for chunk in unpack(file, entry, where):
            digest.update(chunk)
        digests.append((entry.name, Sha256(digest.hexdigest())))
    return ZipContents(dirhash(digests), tuple(entry.name for entry in entries), sum(entry.size for entry in entries))


def require_binary(names: Sequence[str], type_: str, where: str) -> None:
    """Refuse a zip without a program ``terraform-provider-TYPE`` at the top level.

    Clients run the first file there with just that name, or with ``_`` or ``.`` and more behind it.
    Raises RefusalError ARC014.
    """
    program = f"terraform-provider-{type_}"
    if not any(
        name == program or ("/" not in name and name.startswith((f"{program}_", f"{program}."))) for name in names
    ):
        found = ", ".join(sorted(names)[:5])
        raise RefusalError(codes.NO_BINARY, where=where, expected=program, found=found)


def unpack(file: BinaryIO, entry: ZipEntry, where: str) -> Iterator[bytes]:
    """The contents of an entry in pieces of at most ``CHUNK``; raises RefusalError ARC012 where size or CRC differ."""
    crc = 0
    size = 0
    for piece in _stored(file, entry) if entry.method == STORED else _inflated(file, entry, where):
        crc = isal_zlib.crc32(piece, crc)
        size += len(piece)
        yield piece
    if size != entry.size or crc != entry.crc:
        raise RefusalError(codes.HEADERS_DISAGREE, where=where, found=f"other contents of {entry.name}")


def _stored(file: BinaryIO, entry: ZipEntry) -> Iterator[bytes]:
    file.seek(entry.data)
    left = entry.compressed
    while left and (piece := file.read(min(left, CHUNK))):
        left -= len(piece)
        yield piece


def _inflated(file: BinaryIO, entry: ZipEntry, where: str) -> Iterator[bytes]:
    """Inflate never more than the declared size, and refuse a stream that ends early, late or not at all."""
    stream = igzip_lib.IgzipDecompressor(igzip_lib.DECOMP_DEFLATE)
    left = entry.size
    # The empty piece at the end asks for what the decompressor still holds.
    pieces = chain(_stored(file, entry), (b"",))
    for data in pieces:
        pending = data
        full = True
        while full and not stream.eof:
            inflated = _step(stream, pending, entry, where)
            pending = b""  # it keeps what it could not inflate yet
            full = not stream.needs_input or len(inflated) == CHUNK
            left -= len(inflated)
            if left < 0:
                raise RefusalError(codes.HEADERS_DISAGREE, where=where, found=f"more contents of {entry.name}")
            yield inflated
        if stream.eof:
            break
    if left != 0 or not stream.eof or stream.unused_data or any(pieces):
        raise RefusalError(codes.HEADERS_DISAGREE, where=where, found=f"other contents of {entry.name}")


def _step(stream: igzip_lib.IgzipDecompressor, data: bytes, entry: ZipEntry, where: str) -> bytes:
    try:
        return stream.decompress(data, CHUNK)
    except igzip_lib.error:  # type: ignore[misc] # isal's stub gives the class as an instance
        raise RefusalError(codes.HEADERS_DISAGREE, where=where, found=f"broken contents of {entry.name}") from None

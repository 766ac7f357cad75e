"""A module's archive: the same tree gives the same tar on every machine, for good (docs/reproducibility.md).

The tar's bytes and the h1 depend on paths, contents and the executable bit alone. The gzip bytes around them also
depend on the zlib that compresses; so an archive's digest is recorded, never computed again.
"""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from registry_gen.model.digest import H1, Sha256, dirhash, sha256

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import BinaryIO

    from registry_gen.model.tree import TreeFile

MTIME: Final = 315_532_800
"""1980-01-01T00:00:00Z, the first moment that zip can store too; some tools warn of anything at 1970."""

LEVEL: Final = 6

_BLOCK = 512
_MODES = {"file": 0o644, "executable": 0o755}

# RFC 1952: deflate, no name, no time, no extra flags, an unknown operating system.
_GZIP_HEADER = bytes.fromhex("1f8b08000000000000ff")


@dataclass(frozen=True, slots=True)
class Packed:
    """The SHA-256 and size (bytes) of a tar.gz, and the h1 of the tree in it."""

    sha256: Sha256
    size: int
    tree: H1


def pack_module(files: Iterable[TreeFile], out: BinaryIO) -> Packed:
    """Write files, in the order given, as tar.gz to ``out``.

    They come from ``check_tree``: sorted by the bytes of their paths, and without links, which clients cannot
    unpack. Raises ValueError for anything else. One file is in memory at a time.
    """
    writer = _GzipWriter(out)
    digests: list[tuple[str, Sha256]] = []
    last = b""
    for file in files:
        path = file.path.encode()
        if path <= last or file.kind not in _MODES:
            raise ValueError(f"not a file in order: {file.path!r}")
        last = path
        for piece in tar_entry(file):
            writer.write(piece)
        digests.append((file.path, sha256(file.data)))
    writer.write(bytes(2 * _BLOCK))
    return writer.finish(dirhash(digests))


def tar_entry(file: TreeFile) -> Iterator[bytes]:
    """The blocks of one file: a pax header only for a path that ustar's name field cannot hold."""
    path = file.path.encode()
    if len(path) > 100 or not file.path.isascii():
        record = _pax_record(b"path", path)
        yield _header(b"PaxHeaders/path", 0o644, len(record), b"x")
        yield _padded(record)
        path = file.path.encode("ascii", "replace")[:100].rstrip(b"/")
    yield _header(path, _MODES[file.kind], len(file.data), b"0")
    yield _padded(file.data)


def _header(name: bytes, mode: int, size: int, type_: bytes) -> bytes:
    """A ustar header (POSIX.1-1988): owner 0, no names, a fixed time."""
    head = b"".join(
        (
            name.ljust(100, b"\0"),
            _octal(mode, 8),
            _octal(0, 8),
            _octal(0, 8),
            _octal(size, 12),
            _octal(MTIME, 12),
            b" " * 8,
            type_,
            bytes(100),
            b"ustar\0" + b"00",
            bytes(64),
            _octal(0, 8),
            _octal(0, 8),
            bytes(155 + 12),
        )
    )
    return head[:148] + b"%06o\0 " % sum(head) + head[156:]


def _octal(number: int, width: int) -> bytes:
    return b"%0*o\0" % (width - 1, number)


def _pax_record(key: bytes, value: bytes) -> bytes:
    """``LENGTH KEY=VALUE\\n``, where LENGTH counts its own digits."""
    rest = len(key) + len(value) + 3
    length = rest + len(str(rest))
    length = rest + len(str(length))
    return b"%d %s=%s\n" % (length, key, value)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % _BLOCK)


class _GzipWriter:
    """gzip with a constant header; counts and hashes what it writes."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._deflate = zlib.compressobj(LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
        self._digest = hashlib.sha256()
        self._size = 0
        self._crc = 0
        self._length = 0
        self._put(_GZIP_HEADER)

    def write(self, data: bytes) -> None:
        self._crc = zlib.crc32(data, self._crc)
        self._length += len(data)
        self._put(self._deflate.compress(data))

    def finish(self, tree: H1) -> Packed:
        self._put(self._deflate.flush())
        self._put(self._crc.to_bytes(4, "little") + (self._length & 0xFFFFFFFF).to_bytes(4, "little"))
        return Packed(Sha256(self._digest.hexdigest()), self._size, tree)

    def _put(self, data: bytes) -> None:
        self._out.write(data)
        self._digest.update(data)
        self._size += len(data)

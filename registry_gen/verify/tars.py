"""Reading a tar without unpacking it (POSIX.1-2017 pax; GNU's long names), and refusing most of what tar can do.

Not ``tarfile``: it reads extension headers whole, whatever size they claim, knows five ways to write one name, and
repairs what it does not understand. Here each entry has one meaning or is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from registry_gen.errors import RefusalError
from registry_gen.model.tree import TreeFile
from registry_gen.verify import codes
from registry_gen.verify.names import check_path, decode_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from registry_gen.model.tree import FileKind

BLOCK: Final = 512
MAX_EXTENSION: Final = 65_536

_FILES = frozenset({b"0", b"\0"})
_SYMLINK = b"2"
_DIRECTORY = b"5"
_PAX = b"x"
_PAX_GLOBAL = b"g"
_GNU_NAME = b"L"
_GNU_TARGET = b"K"
_FORBIDDEN = {b"1": "hard link", b"3": "device", b"4": "device", b"6": "pipe"}

_MEANINGFUL = frozenset({"path", "linkpath", "size"})
"""Keys of pax headers that change what is unpacked; owners, times, comments and attributes are let go."""


class Stream(Protocol):
    """Where bytes come from."""

    def read(self, size: int, /) -> bytes:
        """So many bytes; fewer only at the end."""


@dataclass(frozen=True, slots=True)
class _Header:
    """One header block."""

    name: bytes
    target: bytes
    type: bytes
    mode: int
    size: int


def read_tar(stream: Stream, *, max_bytes: int, max_files: int, where: str) -> Iterator[TreeFile]:
    """Files and symbolic links of a tar, in its order; directories are passed over, because trees have none.

    Only the file at hand is held in memory. Raises RefusalError ARC001 to ARC015.
    """
    total = 0
    count = 0
    extension: dict[str, bytes] = {}
    while (block := _read(stream, BLOCK, where)) != bytes(BLOCK):
        header = _parse(block, where)
        if header.type in {_PAX, _PAX_GLOBAL, _GNU_NAME, _GNU_TARGET}:
            _extend(extension, header, stream, where)
            continue
        count += 1
        if count > max_files:
            raise RefusalError(codes.TOO_MANY_FILES, where=where, expected=f"at most {max_files} entries")
        file = _read_entry(header, extension, stream, max_bytes - total, where)
        extension = {}
        if file is not None:
            total += len(file.data)
            yield file
    if extension:
        raise RefusalError(codes.NOT_AN_ARCHIVE, where=where, found="an extension header without a file")
    _expect_end(stream, where)


def _parse(block: bytes, where: str) -> _Header:
    """Check a header's sum and magic, and take its fields."""
    stated = _number(block[148:156], where)
    if stated != sum(block[:148]) + sum(block[156:]) + 8 * ord(" "):
        raise RefusalError(codes.NOT_AN_ARCHIVE, where=where, found="a tar header with a wrong checksum")
    name = _text(block[:100])
    if block[257:263] == b"ustar\0" and block[345]:
        # Only POSIX headers have a prefix; GNU's keep other things there.
        name = _text(block[345:500]) + b"/" + name
    return _Header(
        name, _text(block[157:257]), block[156:157], _number(block[100:108], where), _number(block[124:136], where)
    )


def _extend(extension: dict[str, bytes], header: _Header, stream: Stream, where: str) -> None:
    """Read a header that speaks of the next one. A name given twice is refused: readers differ in which they take."""
    if header.size > MAX_EXTENSION:
        found = f"an extension header of {header.size} bytes"
        raise RefusalError(codes.UNSUPPORTED_TAR, where=where, found=found)
    data = _read_padded(stream, header.size, where)
    if header.type == _GNU_NAME:
        records = {"path": _text(data)}
    elif header.type == _GNU_TARGET:
        records = {"linkpath": _text(data)}
    else:
        records = _pax_records(data, where)
    if header.type == _PAX_GLOBAL and records:
        # git writes a global header with the commit as comment; a global path or size would have no sane meaning.
        raise RefusalError(codes.UNSUPPORTED_TAR, where=where, found=f"a global header with {min(records)}")
    if twice := records.keys() & extension.keys():
        raise RefusalError(codes.UNSUPPORTED_TAR, where=where, found=f"two headers with {min(twice)}")
    extension.update(records)


def _pax_records(data: bytes, where: str) -> dict[str, bytes]:
    """The meaningful ``LENGTH KEY=VALUE\\n`` records of a pax header."""
    records: dict[str, bytes] = {}
    position = 0
    while position < len(data):
        digits, space, _ = data[position : position + 8].partition(b" ")
        length = int(digits) if space and digits.isdigit() else 0
        start = position + len(digits) + 1
        record = data[start : position + length]
        key, equals, value = record.removesuffix(b"\n").partition(b"=")
        # The length counts itself: one that does not reach past itself would be met again and again.
        if not start < position + length <= len(data) or not record.endswith(b"\n") or not equals:
            raise RefusalError(codes.NOT_AN_ARCHIVE, where=where, found="a pax header that cannot be read")
        name = key.decode("latin-1")
        if name.startswith("GNU.sparse.") or name == "hdrcharset" or name in records:
            raise RefusalError(codes.UNSUPPORTED_TAR, where=where, found=f"the pax header {name!a}")
        if name in _MEANINGFUL:
            records[name] = value
        position += length
    return records


def _read_entry(header: _Header, extension: dict[str, bytes], stream: Stream, left: int, where: str) -> TreeFile | None:
    """The entry behind a header and its extensions; None for a directory."""
    path = decode_path(extension.get("path", header.name), where)
    size = _decimal(extension["size"], where) if "size" in extension else header.size
    if header.type in _FORBIDDEN:
        raise RefusalError(codes.NOT_A_FILE, where=where, found=f"{path!a}, a {_FORBIDDEN[header.type]}")
    if header.type not in _FILES | {_SYMLINK, _DIRECTORY}:
        raise RefusalError(codes.UNSUPPORTED_TAR, where=where, found=f"{path!a}, an entry of type {header.type!r}")
    if size > left:
        raise RefusalError(codes.TOO_LARGE, where=where, found=f"{path!a} of {size} bytes")
    directory = header.type == _DIRECTORY or path.endswith("/")
    path = path.rstrip("/") if directory else path
    path = path.removeprefix("./")
    if not (directory and path in {"", "."}):
        check_path(path, where)
    if (directory or header.type == _SYMLINK) and size:
        raise RefusalError(codes.UNSUPPORTED_TAR, where=where, found=f"{path!a}, contents where there are none")
    data = _read_padded(stream, size, where)
    if directory:
        return None
    if header.type == _SYMLINK:
        return TreeFile(path, "symlink", extension.get("linkpath", header.target))
    kind: FileKind = "executable" if header.mode & 0o100 else "file"
    return TreeFile(path, kind, data)


def _expect_end(stream: Stream, where: str) -> None:
    """Behind the first block of zeros only zeros may follow: what else is there would be an archive of its own."""
    while data := stream.read(65_536):
        if data.strip(b"\0"):
            raise RefusalError(codes.OVERLAP, where=where, found="bytes behind the end of the tar")


def _text(field: bytes) -> bytes:
    return field.split(b"\0", 1)[0]


def _number(field: bytes, where: str) -> int:
    """An octal number, or GNU's binary one, marked by its first bit."""
    if field[0] == 0x80:
        return int.from_bytes(field[1:], "big")
    digits = field.strip(b" \0")
    if digits.strip(b"01234567"):
        raise RefusalError(codes.NOT_AN_ARCHIVE, where=where, found="a tar header with a broken number")
    return int(digits or b"0", 8)


def _decimal(digits: bytes, where: str) -> int:
    if not digits.isdigit() or len(digits) > 19:
        raise RefusalError(codes.NOT_AN_ARCHIVE, where=where, found="a pax header with a broken size")
    return int(digits)


def _read_padded(stream: Stream, size: int, where: str) -> bytes:
    """``size`` bytes, and what fills up their last block."""
    data = _read(stream, size, where)
    _read(stream, -size % BLOCK, where)
    return data


def _read(stream: Stream, size: int, where: str) -> bytes:
    data = stream.read(size)
    if len(data) != size:
        raise RefusalError(codes.NOT_AN_ARCHIVE, where=where, found="a tar that is cut short")
    return data

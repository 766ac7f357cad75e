"""The directory of a zip, read and judged before a single byte is inflated (PKWARE APPNOTE 6.3.10, section 4).

Every byte of the file must belong to exactly one entry or to the directory: nothing before, between, behind, and
nothing twice. So the readers of the world, which search a zip from different ends, all find the same entries.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from registry_gen.errors import RefusalError
from registry_gen.verify import codes, names

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import BinaryIO

    from registry_gen.errors import Code

STORED: Final = 0
DEFLATED: Final = 8

MAX_RATIO: Final = 200
"""How far an entry may shrink; deflate alone could do 1,032 to 1, programs and text reach 10 to 1."""

FREE_BYTES: Final = 1_000_000
"""Entries up to this size may shrink as they like."""

_END = struct.Struct("<4s4H2LH")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")

_END_MARK = b"PK\x05\x06"
_CENTRAL_MARK = b"PK\x01\x02"
_LOCAL_MARK = b"PK\x03\x04"
_DESCRIPTOR_MARK = b"PK\x07\x08"

_MAX_COMMENT = 0xFFFF
_MAX_ENTRY = 4096
"""Bytes of name, extra field and comment together that an entry of the directory may have on average."""

_ENCRYPTED = 1 << 0 | 1 << 6 | 1 << 13
_PATCHED = 1 << 5
_DESCRIPTOR = 1 << 3
_UTF8 = 1 << 11
_ZIP64_EXTRA = 1

_KIND = 0o170000
_REGULAR = 0o100000
_SYMLINK = 0o120000
_DIRECTORY = 0o040000
_DOS_DIRECTORY = 0x10


@dataclass(frozen=True, slots=True)
class ZipEntry:
    """One entry: sizes in bytes, ``data`` the offset of its compressed bytes, ``mode`` its Unix mode (0: unknown).

    ``kind`` is "directory", "symlink" or "file".
    """

    name: str
    kind: str
    mode: int
    method: int
    crc: int
    compressed: int
    size: int
    data: int


@dataclass(frozen=True, slots=True)
class _Central:
    """A record of the central directory as it stands there."""

    name: bytes
    flags: int
    method: int
    crc: int
    compressed: int
    size: int
    attributes: int
    offset: int


def read_directory(
    file: BinaryIO, size: int, *, max_unpacked: int, max_entries: int, where: str
) -> tuple[ZipEntry, ...]:
    """All entries of a zip of ``size`` bytes, in the directory's order, after every check that needs no inflating.

    Raises RefusalError ARC001 to ARC013. Memory is bounded by ``max_entries``, never by what the zip declares.
    """
    start, records = _read_records(file, size, max_entries, where)
    seen: set[str] = set()
    total = 0
    entries = []
    for record, next_offset in _tiled(records, start, where):
        entry = _read_entry(file, record, next_offset, where)
        if entry.name in seen:
            raise _refusal(codes.DUPLICATE_NAME, where, entry.name)
        seen.add(entry.name)
        total += entry.size
        entries.append(entry)
    if total > max_unpacked:
        found = f"{total} bytes"
        raise RefusalError(codes.TOO_LARGE, where=where, expected=f"at most {max_unpacked} bytes unpacked", found=found)
    _check_folders(seen, where)
    by_offset = {entry.data: entry for entry in entries}
    return tuple(by_offset[key] for key in sorted(by_offset))


def _read_records(file: BinaryIO, size: int, max_entries: int, where: str) -> tuple[int, list[_Central]]:
    """Where the central directory starts, and its records."""
    tail_start = max(0, size - _END.size - _MAX_COMMENT)
    tail = _read(file, tail_start, size - tail_start, where)
    position = tail.rfind(_END_MARK)
    if position < 0 or position + _END.size > len(tail):
        raise RefusalError(codes.NOT_AN_ARCHIVE, where=where, expected="a zip", found="no end of a directory")
    _, disk, start_disk, here, count, length, start, comment = _END.unpack_from(tail, position)
    end = tail_start + position
    if position + _END.size + comment != len(tail):
        raise RefusalError(codes.OVERLAP, where=where, found="bytes behind the directory")
    if disk or start_disk or here != count or count == 0xFFFF or 0xFFFFFFFF in {length, start}:
        raise RefusalError(codes.ZIP64, where=where)
    if count > max_entries:
        raise RefusalError(
            codes.TOO_MANY_FILES, where=where, expected=f"at most {max_entries} entries", found=f"{count}"
        )
    if start + length != end:
        raise RefusalError(codes.OVERLAP, where=where, found="bytes between the entries and the end of the directory")
    if length > max_entries * _MAX_ENTRY:
        raise RefusalError(codes.TOO_LARGE, where=where, found=f"a directory of {length} bytes for {count} entries")
    return start, _parse_records(_read(file, start, length, where), count, where)


def _parse_records(directory: bytes, count: int, where: str) -> list[_Central]:
    records = []
    position = 0
    for _ in range(count):
        if position + _CENTRAL.size > len(directory):
            raise RefusalError(codes.NOT_AN_ARCHIVE, where=where, found="a directory that is cut short")
        (mark, _, _, flags, method, _, _, crc, compressed, size, name_size, extra_size, comment_size, disk, _,
         attributes, offset) = _CENTRAL.unpack_from(directory, position)  # fmt: skip
        name_start = position + _CENTRAL.size
        position = name_start + name_size + extra_size + comment_size
        if mark != _CENTRAL_MARK or position > len(directory):
            raise RefusalError(codes.NOT_AN_ARCHIVE, where=where, found="a directory that is cut short")
        name = directory[name_start : name_start + name_size]
        if disk or 0xFFFFFFFF in {compressed, size, offset}:
            raise _refusal(codes.ZIP64, where, ascii(name))
        records.append(_Central(name, flags, method, crc, compressed, size, attributes, offset))
    if position != len(directory):
        raise RefusalError(codes.OVERLAP, where=where, found="bytes in the directory that no entry owns")
    return records


def _tiled(records: Sequence[_Central], end: int, where: str) -> list[tuple[_Central, int]]:
    """Each record, by its place in the file, with the offset where the next one or the directory begins."""
    ordered = sorted(records, key=lambda record: record.offset)
    starts = [record.offset for record in ordered]
    if (starts[0] if starts else end) != 0:
        raise RefusalError(codes.OVERLAP, where=where, found="bytes before the first entry")
    tiles = list(zip(ordered, [*starts[1:], end][: len(ordered)], strict=True))
    for record, next_offset in tiles:
        if record.offset + _LOCAL.size + len(record.name) + record.compressed > next_offset:
            raise _refusal(codes.OVERLAP, where, ascii(record.name))
    return tiles


def _read_entry(file: BinaryIO, record: _Central, next_offset: int, where: str) -> ZipEntry:
    """Compare an entry's two headers, and its space with what lies around it."""
    name = names.decode_path(record.name, where)
    kind = _kind(record, name)
    names.check_path(name.removesuffix("/") if kind == "directory" else name, where)
    _check_record(record, name, where)
    header = _read(file, record.offset, _LOCAL.size, where)
    mark, _, flags, method, _, _, crc, compressed, size, name_size, extra_size = _LOCAL.unpack(header)
    rest = _read(file, record.offset + _LOCAL.size, name_size + extra_size, where)
    if mark != _LOCAL_MARK or rest[:name_size] != record.name or method != record.method:
        raise _refusal(codes.HEADERS_DISAGREE, where, name)
    if (flags ^ record.flags) & (_ENCRYPTED | _PATCHED | _DESCRIPTOR | _UTF8):
        raise _refusal(codes.HEADERS_DISAGREE, where, name)
    sizes = _local_sizes(compressed, size, rest[name_size:])
    expected = (record.compressed, record.size)
    described = flags & _DESCRIPTOR != 0
    if sizes != expected and not (described and sizes == (0, 0)):
        raise _refusal(codes.HEADERS_DISAGREE, where, name)
    if crc != record.crc and not (described and crc == 0):
        raise _refusal(codes.HEADERS_DISAGREE, where, name)
    data = record.offset + _LOCAL.size + name_size + extra_size
    _check_space(file, record, data, next_offset, name, where)
    return ZipEntry(name, kind, record.attributes >> 16, record.method, record.crc, *expected, data)


def _kind(record: _Central, name: str) -> str:
    mode = (record.attributes >> 16) & _KIND
    if name.endswith("/") or mode == _DIRECTORY or record.attributes & _DOS_DIRECTORY:
        return "directory"
    if mode == _SYMLINK:
        return "symlink"
    return "file" if mode in {0, _REGULAR} else "special"


def _check_record(record: _Central, name: str, where: str) -> None:
    if record.flags & _ENCRYPTED:
        raise _refusal(codes.ENCRYPTED, where, name)
    if record.method not in {STORED, DEFLATED} or record.flags & _PATCHED:
        raise _refusal(codes.UNSUPPORTED_METHOD, where, f"{name}: method {record.method}")
    if record.method == STORED and record.compressed != record.size:
        raise _refusal(codes.HEADERS_DISAGREE, where, name)
    if record.size > max(FREE_BYTES, record.compressed * MAX_RATIO):
        raise _refusal(codes.RATIO, where, f"{name}: {record.compressed} bytes that unpack to {record.size}")


def _local_sizes(compressed: int, size: int, extra: bytes) -> tuple[int, int]:
    """The sizes of a local header. A streaming writer may keep them in a zip64 field although they are small."""
    position = 0
    while {compressed, size} == {0xFFFFFFFF} and position + 4 <= len(extra):
        field, length = struct.unpack_from("<HH", extra, position)
        if field == _ZIP64_EXTRA and length >= 16 and position + 20 <= len(extra):
            size, compressed = struct.unpack_from("<QQ", extra, position + 4)
            break
        position += 4 + length
    return compressed, size


def _check_space(file: BinaryIO, record: _Central, data: int, next_offset: int, name: str, where: str) -> None:
    """What lies between an entry's data and the next header must be its data descriptor, and nothing else."""
    end = data + record.compressed
    if end > next_offset:
        raise _refusal(codes.OVERLAP, where, name)
    if not record.flags & _DESCRIPTOR:
        if end != next_offset:
            raise _refusal(codes.OVERLAP, where, f"{next_offset - end} bytes behind {name}")
        return
    if next_offset - end not in {12, 16, 20, 24}:
        raise _refusal(codes.OVERLAP, where, f"{next_offset - end} bytes behind {name}")
    descriptor = _read(file, end, next_offset - end, where).removeprefix(_DESCRIPTOR_MARK)
    numbers = (record.crc, record.compressed, record.size)
    if descriptor not in {struct.pack("<LLL", *numbers), struct.pack("<LQQ", *numbers)}:
        raise _refusal(codes.HEADERS_DISAGREE, where, name)


def _check_folders(seen: set[str], where: str) -> None:
    """No name may be a file and also the folder of another."""
    for name in seen:
        parts = name.rstrip("/").split("/")
        for depth in range(1, len(parts)):
            if "/".join(parts[:depth]) in seen:
                raise _refusal(codes.DUPLICATE_NAME, where, f"{name} inside a file")


def _read(file: BinaryIO, offset: int, length: int, where: str) -> bytes:
    file.seek(offset)
    data = file.read(length)
    if len(data) != length:
        raise RefusalError(codes.NOT_AN_ARCHIVE, where=where, found="an archive that is cut short")
    return data


def _refusal(code: Code, where: str, found: str) -> RefusalError:
    return RefusalError(code, where=where, found=found)

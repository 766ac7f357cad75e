"""Archives that no honest tool makes, each with the code of the refusal that it must meet.

Built byte by byte, because zipfile and tarfile repair or refuse most of this themselves.
"""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
import zlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

REGULAR = 0o100644
EXECUTABLE = 0o100755
SYMLINK = 0o120777


@dataclass(frozen=True, slots=True)
class Member:
    """One entry of a zip; whatever is None is what an honest writer would put there."""

    name: bytes
    data: bytes = b""
    method: int = 8
    mode: int = REGULAR
    flags: int = 0
    raw: bytes | None = None
    crc: int | None = None
    size: int | None = None
    compressed: int | None = None
    local_name: bytes | None = None
    local_method: int | None = None
    local_flags: int | None = None
    local_size: int | None = None
    local_compressed: int | None = None
    local_crc: int | None = None
    local_extra: bytes = b""
    attributes: int | None = None
    descriptor: bytes = b""
    offset: int | None = None
    disk: int = 0


@dataclass(frozen=True, slots=True)
class Frame:
    """What lies around the entries, as an honest writer leaves it."""

    before: bytes = b""
    between: bytes = b""
    after_entries: bytes = b""
    in_directory: bytes = b""
    comment: bytes = b""
    comment_size: int | None = None
    behind: bytes = b""
    count: int | None = None
    disk: int = 0
    start: int | None = None
    length: int | None = None


def make_zip(members: Sequence[Member], frame: Frame | None = None) -> bytes:
    """The bytes of a zip with these entries."""
    frame = frame or Frame()
    out = bytearray(frame.before)
    directory = bytearray()
    for number, member in enumerate(members):
        offset = len(out) if member.offset is None else member.offset
        raw = member.raw if member.raw is not None else _compress(member)
        crc = zlib.crc32(member.data) if member.crc is None else member.crc
        compressed = len(raw) if member.compressed is None else member.compressed
        size = len(member.data) if member.size is None else member.size
        if member.offset is None:
            out += _local(member, crc, compressed, size) + raw + member.descriptor
            if number + 1 < len(members):
                out += frame.between
        attributes = member.mode << 16 if member.attributes is None else member.attributes
        directory += struct.pack(
            "<4s6H3L5H2L", b"PK\x01\x02", 0x0314, 20, member.flags, member.method, 0, 33,
            crc, compressed, size, len(member.name), 0, 0, member.disk, 0, attributes, offset,
        ) + member.name  # fmt: skip
    out += frame.after_entries
    start = len(out) if frame.start is None else frame.start
    directory += frame.in_directory
    length = len(directory) if frame.length is None else frame.length
    count = len(members) if frame.count is None else frame.count
    comment_size = len(frame.comment) if frame.comment_size is None else frame.comment_size
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", frame.disk, 0, count, count, length, start, comment_size)
    return bytes(out + directory + end + frame.comment + frame.behind)


def _compress(member: Member) -> bytes:
    if member.method != 8:
        return member.data
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    return deflate.compress(member.data) + deflate.flush()


def _local(member: Member, crc: int, compressed: int, size: int) -> bytes:
    name = member.name if member.local_name is None else member.local_name
    return (
        struct.pack(
            "<4s5H3L2H",
            b"PK\x03\x04",
            20,
            member.flags if member.local_flags is None else member.local_flags,
            member.method if member.local_method is None else member.local_method,
            0,
            33,
            crc if member.local_crc is None else member.local_crc,
            compressed if member.local_compressed is None else member.local_compressed,
            size if member.local_size is None else member.local_size,
            len(name),
            len(member.local_extra),
        )
        + name
        + member.local_extra
    )


def described(member: Member, width: str = "<LLL", mark: bytes = b"PK\x07\x08") -> Member:
    """The same entry as a streaming writer leaves it: sizes behind the data."""
    raw = _compress(member)
    numbers = struct.pack(width, zlib.crc32(member.data), len(raw), len(member.data))
    return replace(
        member, flags=member.flags | 8, local_crc=0, local_size=0, local_compressed=0, descriptor=mark + numbers
    )


def overlapping_zip(copies: int = 250, zeros: int = 40_000_000) -> bytes:
    """A few kilobytes that declare gigabytes: every entry quotes the next local header and shares one kernel.

    The construction of David Fifield, "A better zip bomb" (WOOT 2019), reduced to entries that share all data.
    """
    kernel = Member(b"terraform-provider-widget", bytes(zeros))
    first = make_zip([kernel])
    raw = _compress(kernel)
    shared = [
        Member(b"%06d" % number, raw=raw, crc=zlib.crc32(kernel.data), size=zeros, offset=0) for number in range(copies)
    ]
    honest = make_zip([replace(kernel, raw=raw, size=zeros, crc=zlib.crc32(kernel.data))])
    directory = make_zip([replace(member) for member in shared])
    entries_end = len(first) - 22 - 46 - len(kernel.name)
    return honest[:entries_end] + _moved(directory, entries_end)


def _moved(directory: bytes, start: int) -> bytes:
    """A directory without entries of its own, put behind ``start`` bytes."""
    end = bytearray(directory[-22:])
    struct.pack_into("<L", end, 16, start)
    return directory[:-22] + bytes(end)


_GOOD = Member(b"terraform-provider-widget_v1.0.0", b"program" * 50, mode=EXECUTABLE)
_OTHER = Member(b"LICENSE", b"MIT", method=0)
_FAR = 0xFFFFFFFF

HONEST_ZIPS: dict[str, bytes] = {
    "plain": make_zip([_GOOD, _OTHER]),
    "empty file": make_zip([_GOOD, Member(b"empty"), Member(b"stored-empty", method=0)]),
    "streamed": make_zip([described(_GOOD), described(_OTHER)]),
    "streamed without marks": make_zip([described(_GOOD, mark=b""), _OTHER]),
    "streamed with wide sizes": make_zip([described(_GOOD, "<LQQ"), described(_OTHER, "<LQQ", b"")]),
    "small sizes in a zip64 field": make_zip(
        [
            replace(
                _OTHER,
                local_size=_FAR,
                local_compressed=_FAR,
                local_extra=struct.pack("<HH", 0x5455, 1) + b"x" + struct.pack("<HHQQ", 1, 16, 3, 3),
            ),
            _GOOD,
        ]
    ),
    "folders without entries": make_zip([_GOOD, Member(b"docs/a/b.txt", b"b")]),
    "unknown mode": make_zip([replace(_GOOD, mode=0)]),
    "with a comment": make_zip([_GOOD], Frame(comment=b"0123456789abcdef" * 4)),
    "a name beyond ASCII": make_zip([_GOOD, Member("naïve.txt".encode(), b"x", flags=1 << 11)]),
    "unsorted": make_zip([_OTHER, _GOOD]),
}


def _with_local_extra_size(data: bytes, size: int) -> bytes:
    """The first local header claims an extra field that is not there, so that its data would begin later."""
    return data[:28] + struct.pack("<H", size) + data[30:]


HOSTILE_ZIPS: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "ARC001"),
    "text": (b"<html>not found</html>" * 10, "ARC001"),
    "cut short": (HONEST_ZIPS["plain"][:-1], "ARC001"),
    "cut in the middle": (HONEST_ZIPS["plain"][:100], "ARC001"),
    "end only": (make_zip([]), "ARC023"),
    "more records promised": (make_zip([_GOOD], Frame(count=2)), "ARC001"),
    "records with a wrong mark": (make_zip([_GOOD]).replace(b"PK\x01\x02", b"PK\x01\x03"), "ARC001"),
    "a local header with a wrong mark": (make_zip([_GOOD]).replace(b"PK\x03\x04", b"PK\x03\x05"), "ARC012"),
    "a name longer than the directory": (
        make_zip([_GOOD], Frame(length=46 + len(_GOOD.name))).replace(
            struct.pack("<H", len(_GOOD.name)) + bytes(8), struct.pack("<H", 500) + bytes(8)
        ),
        "ARC001",
    ),
    "bytes before": (make_zip([_GOOD], Frame(before=b"#!/bin/sh\n")), "ARC010"),
    "bytes between": (make_zip([_GOOD, _OTHER], Frame(between=b"hidden")), "ARC010"),
    "bytes behind the entries": (make_zip([_GOOD], Frame(after_entries=b"hidden")), "ARC010"),
    "bytes in the directory": (make_zip([_GOOD], Frame(in_directory=b"hidden")), "ARC010"),
    "bytes behind a shorter directory": (make_zip([_GOOD], Frame(in_directory=b"hidden", length=78)), "ARC010"),
    "bytes behind": (make_zip([_GOOD], Frame(behind=b"hidden")), "ARC010"),
    "a comment longer than the file": (make_zip([_GOOD], Frame(comment=b"x", comment_size=9)), "ARC010"),
    "overlapping bomb": (overlapping_zip(), "ARC010"),
    "an entry inside another": (
        make_zip([_GOOD, replace(_OTHER, offset=4)]),
        "ARC010",
    ),
    "data moved by an extra field": (_with_local_extra_size(make_zip([_GOOD, _OTHER]), 9), "ARC010"),
    "one entry twice": (make_zip([_GOOD, replace(_GOOD, offset=0)]), "ARC010"),
    "data into the directory": (make_zip([replace(_GOOD, compressed=5_000)]), "ARC010"),
    "a descriptor of odd length": (make_zip([replace(described(_GOOD), descriptor=b"x" * 13)]), "ARC010"),
    "a descriptor that lies": (make_zip([replace(described(_GOOD), descriptor=b"x" * 12)]), "ARC012"),
    "a name twice": (make_zip([_GOOD, _GOOD]), "ARC005"),
    "a name of more folders than any package has": (make_zip([_GOOD, Member(b"a/" * 64 + b"b", b"x")]), "ARC004"),
    "a file and its folder": (make_zip([_GOOD, Member(b"a", b"x"), Member(b"a/b", b"x")]), "ARC005"),
    "parent folder": (make_zip([_GOOD, Member(b"../evil", b"x")]), "ARC004"),
    "parent folder inside": (make_zip([_GOOD, Member(b"a/../../evil", b"x")]), "ARC004"),
    "absolute": (make_zip([_GOOD, Member(b"/etc/evil", b"x")]), "ARC004"),
    "backslash": (make_zip([_GOOD, Member(b"..\\evil", b"x")]), "ARC004"),
    "drive letter": (make_zip([_GOOD, Member(b"C:evil", b"x")]), "ARC004"),
    "dot part": (make_zip([_GOOD, Member(b"./evil", b"x")]), "ARC004"),
    "empty part": (make_zip([_GOOD, Member(b"a//evil", b"x")]), "ARC004"),
    "empty name": (make_zip([_GOOD, Member(b"", b"x")]), "ARC004"),
    "newline": (make_zip([_GOOD, Member(b"a\nb", b"x")]), "ARC004"),
    "null": (make_zip([_GOOD, Member(b"a\0b", b"x")]), "ARC004"),
    "not UTF-8": (make_zip([_GOOD, Member(b"caf\xe9", b"x")]), "ARC004"),
    "long part": (make_zip([_GOOD, Member(b"a" * 256, b"x")]), "ARC004"),
    "long path": (make_zip([_GOOD, Member(b"a/" * 600 + b"x", b"x")]), "ARC004"),
    "symbolic link": (make_zip([_GOOD, Member(b"link", b"/etc/passwd", mode=SYMLINK)]), "ARC006"),
    "device": (make_zip([_GOOD, Member(b"device", mode=0o020644)]), "ARC006"),
    "folder by its name": (make_zip([_GOOD, Member(b"docs/", method=0)]), "ARC007"),
    "folder by its mode": (make_zip([_GOOD, Member(b"docs", method=0, mode=0o040755)]), "ARC007"),
    "folder by its DOS attribute": (make_zip([_GOOD, Member(b"docs", method=0, attributes=0x10)]), "ARC007"),
    "encrypted": (make_zip([replace(_GOOD, flags=1)]), "ARC008"),
    "masked headers": (make_zip([replace(_GOOD, flags=1 << 13)]), "ARC008"),
    "bzip2": (make_zip([replace(_GOOD, method=12)]), "ARC009"),
    "patched data": (make_zip([replace(_GOOD, flags=1 << 5)]), "ARC009"),
    "stored with two sizes": (make_zip([replace(_OTHER, size=4)]), "ARC012"),
    "another local name": (make_zip([replace(_GOOD, local_name=b"terraform-provider-widget_v6.6.6")]), "ARC012"),
    "another local method": (make_zip([replace(_GOOD, local_method=0)]), "ARC012"),
    "another local size": (make_zip([replace(_GOOD, local_size=1)]), "ARC012"),
    "another local CRC": (make_zip([replace(_GOOD, local_crc=1)]), "ARC012"),
    "other local flags": (make_zip([replace(_GOOD, local_flags=1 << 11)]), "ARC012"),
    "zip64 sizes that lie": (
        make_zip(
            [replace(_OTHER, local_size=_FAR, local_compressed=_FAR, local_extra=struct.pack("<HHQQ", 1, 16, 9, 9))]
        ),
        "ARC012",
    ),
    "zip64 sizes that are missing": (
        make_zip([replace(_OTHER, local_size=_FAR, local_compressed=_FAR)]),
        "ARC012",
    ),
    "wrong CRC": (make_zip([replace(_GOOD, crc=7)]), "ARC012"),
    "wrong CRC of a stored file": (make_zip([replace(_OTHER, crc=7)]), "ARC012"),
    "less than declared": (make_zip([replace(_GOOD, size=400)]), "ARC012"),
    "more than declared": (make_zip([replace(_GOOD, size=300)]), "ARC012"),
    "much more than declared": (make_zip([replace(_GOOD, data=bytes(5_000_000), size=1, crc=0)]), "ARC012"),
    "not deflate": (make_zip([replace(_GOOD, raw=b"\xff" * 60)]), "ARC012"),
    "deflate without an end": (make_zip([replace(_GOOD, raw=_compress(_GOOD)[:-3])]), "ARC012"),
    "bytes behind the deflate data": (make_zip([replace(_GOOD, raw=_compress(_GOOD) + b"hidden")]), "ARC012"),
    "much behind the deflate data": (make_zip([replace(_GOOD, raw=_compress(_GOOD) + bytes(600_000))]), "ARC012"),
    "one entry that swells": (make_zip([Member(b"terraform-provider-widget", bytes(50_000_000))]), "ARC011"),
    "declared gigabytes": (make_zip([replace(_GOOD, size=0xFFFFFFFE)]), "ARC011"),
    "zip64 size": (make_zip([replace(_GOOD, size=_FAR)]), "ARC013"),
    "zip64 offset": (make_zip([_GOOD, replace(_OTHER, offset=_FAR)]), "ARC013"),
    "zip64 count": (make_zip([_GOOD], Frame(count=0xFFFF)), "ARC013"),
    "zip64 directory": (make_zip([_GOOD], Frame(start=_FAR)), "ARC013"),
    "several disks": (make_zip([_GOOD], Frame(disk=1)), "ARC013"),
    "an entry on another disk": (make_zip([replace(_GOOD, disk=1)]), "ARC013"),
    "a directory that starts far behind": (make_zip([_GOOD], Frame(start=0x7FFFFFFF)), "ARC010"),
    "too many entries": (make_zip([Member(b"%d" % number, method=0) for number in range(1_001)]), "ARC003"),
    "an endless directory": (make_zip([_GOOD], Frame(in_directory=bytes(1_000 * 4_096))), "ARC002"),
    "too much in all": (
        make_zip([Member(b"%d" % number, bytes(900_000)) for number in range(150)]),
        "ARC002",
    ),
}


def make_tar(*members: tuple[tarfile.TarInfo, bytes], format_: int = tarfile.PAX_FORMAT) -> bytes:
    """An uncompressed tar by the standard library."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=format_) as tar:
        for info, data in members:
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def entry(name: str, type_: bytes = tarfile.REGTYPE, target: str = "", mode: int = 0o644) -> tarfile.TarInfo:
    """A header for ``make_tar``."""
    info = tarfile.TarInfo(name)
    info.type = type_
    info.linkname = target
    info.mode = mode
    return info


def pax(records: dict[str, str], name: str = "main.tf", data: bytes = b"x") -> bytes:
    """A tar whose one file has these pax records, whatever they say."""
    info = entry(name)
    info.pax_headers = dict(records)
    return make_tar((info, data))


def raw_header(name: bytes, type_: bytes, size: int | bytes, magic: bytes = b"ustar\x0000") -> bytes:
    """One header block."""
    field = size if isinstance(size, bytes) else b"%011o\0" % size
    head = name.ljust(100, b"\0") + b"0000644\0" + b"0000000\0" * 2 + field + b"00000000000\0" + b" " * 8 + type_
    head = (head + bytes(100) + magic).ljust(512, b"\0")
    return head[:148] + b"%06o\0 " % sum(head) + head[156:]


_END = bytes(1024)
_MAIN = raw_header(b"main.tf", b"0", 1) + b"x".ljust(512, b"\0")

HOSTILE_TARS: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "ARC001"),
    "half a header": (_MAIN[:300], "ARC001"),
    "half a file": (raw_header(b"main.tf", b"0", 1000) + b"x" * 512, "ARC001"),
    "no end": (_MAIN, "ARC001"),
    "wrong checksum": (b"n" + _MAIN[1:] + _END, "ARC001"),
    "broken number": (raw_header(b"main.tf", b"0", b"12345678 9x\0") + _END, "ARC001"),
    "negative size": (raw_header(b"main.tf", b"0", b"\xff" * 12) + _END, "ARC001"),
    "enormous size": (raw_header(b"main.tf", b"0", b"\x80" + b"\x7f" * 11) + _END, "ARC002"),
    "an archive behind the end": (_MAIN + _END + _MAIN + _END, "ARC010"),
    "hard link": (make_tar((entry("a", tarfile.LNKTYPE, "/etc/passwd"), b"")), "ARC006"),
    "character device": (make_tar((entry("a", tarfile.CHRTYPE), b"")), "ARC006"),
    "block device": (make_tar((entry("a", tarfile.BLKTYPE), b"")), "ARC006"),
    "pipe": (make_tar((entry("a", tarfile.FIFOTYPE), b"")), "ARC006"),
    "absolute": (make_tar((entry("/etc/evil"), b"x")), "ARC004"),
    "parent folder": (make_tar((entry("../evil"), b"x")), "ARC004"),
    "parent folder after a dot": (make_tar((entry("./../evil"), b"x")), "ARC004"),
    "parent folder as a folder": (make_tar((entry("../evil", tarfile.DIRTYPE), b"")), "ARC004"),
    "backslash": (make_tar((entry("a\\b"), b"x")), "ARC004"),
    "empty name": (raw_header(b"", b"0", 0) + _END, "ARC004"),
    "not UTF-8": (raw_header(b"caf\xe9", b"0", 0) + _END, "ARC004"),
    "control character": (make_tar((entry("a\x1bb"), b"x")), "ARC004"),
    "long part": (make_tar((entry("a" * 256), b"x")), "ARC004"),
    "long path": (make_tar((entry("a/" * 600 + "x"), b"x")), "ARC004"),
    "GNU long path": (make_tar((entry("a/" * 600 + "x"), b"x"), format_=tarfile.GNU_FORMAT), "ARC004"),
    "pax path that leaves": (pax({"path": "../evil"}), "ARC004"),
    "pax path with null": (pax({"path": "main.tf\0.evil"}), "ARC004"),
    "pax size that lies": (pax({"size": "99999999999"}), "ARC002"),
    "pax size that is none": (pax({"size": "-1"}), "ARC001"),
    "pax sparse file": (pax({"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "x"}), "ARC015"),
    "pax with another character set": (pax({"hdrcharset": "BINARY"}), "ARC015"),
    "pax record twice": (
        raw_header(b"p", b"x", 20) + b"10 path=a\n10 path=b\n".ljust(512, b"\0") + _MAIN + _END,
        "ARC015",
    ),
    "pax records that are none": (raw_header(b"p", b"x", 5) + b"hello".ljust(512, b"\0") + _MAIN + _END, "ARC001"),
    "pax record of length zero": (raw_header(b"p", b"x", 9) + b"0 path=a\n".ljust(512, b"\0") + _MAIN + _END, "ARC001"),
    "pax record longer than its header": (
        raw_header(b"p", b"x", 10) + b"99 path=a\n".ljust(512, b"\0") + _MAIN + _END,
        "ARC001",
    ),
    "pax record without a value": (raw_header(b"p", b"x", 7) + b"7 path\n".ljust(512, b"\0") + _MAIN + _END, "ARC001"),
    "a second pax record without a space": (
        raw_header(b"p", b"x", 16) + (b"6 a=b\n" + b"x" * 10).ljust(512, b"\0") + _MAIN + _END,
        "ARC001",
    ),
    "pax record that ends inside its own length": (
        raw_header(b"p", b"x", 10) + b"2 path=ab\n".ljust(512, b"\0") + _MAIN + _END,
        "ARC001",
    ),
    "global pax path": (raw_header(b"p", b"g", 10) + b"10 path=a\n".ljust(512, b"\0") + _MAIN + _END, "ARC015"),
    "a pax path and a GNU name": (
        raw_header(b"p", b"x", 10)
        + b"10 path=a\n".ljust(512, b"\0")
        + raw_header(b"l", b"L", 2)
        + b"b\0".ljust(512, b"\0")
        + _MAIN
        + _END,
        "ARC015",
    ),
    "an extension of megabytes": (raw_header(b"p", b"x", 50_000_000) + bytes(1024), "ARC015"),
    "an extension without a file": (raw_header(b"p", b"x", 10) + b"10 path=a\n".ljust(512, b"\0") + _END, "ARC001"),
    "GNU sparse file": (raw_header(b"a", b"S", 0) + _END, "ARC015"),
    "GNU volume label": (raw_header(b"a", b"V", 0) + _END, "ARC015"),
    "contiguous file": (raw_header(b"a", b"7", 0) + _END, "ARC015"),
    "a folder with contents": (raw_header(b"a/", b"5", 1) + bytes(512) + _END, "ARC015"),
    "a link with contents": (raw_header(b"a", b"2", 1) + bytes(512) + _END, "ARC015"),
    "too many files": (raw_header(b"a", b"0", 0) * 1_001 + _END, "ARC003"),
    "too many folders": (raw_header(b"a/", b"5", 0) * 1_001 + _END, "ARC003"),
    "too large": (raw_header(b"a", b"0", 100_000_001) + _END, "ARC002"),
}


def gzip_bomb() -> bytes:
    """A gzip of 100 MB of zeros in 100 kB, which is not even a tar that anyone wants."""
    return gzip.compress(raw_header(b"a", b"0", 99_000_000) + bytes(99_000_448) + _END, 9, mtime=0)

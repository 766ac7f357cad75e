"""A zip of any size with one program in it, which shrinks as programs do, made in seconds.

A compiled library of this environment is deflated once, and its blocks are repeated: a full flush ends the window, so
that they mean the same wherever they stand.
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.bindings import _rust
from isal import isal_zlib

if TYPE_CHECKING:
    from typing import BinaryIO

NAME: Final = b"terraform-provider-bench"


def write_program(out: BinaryIO, size: int) -> int:
    """Write a zip of about ``size`` bytes, one library's blocks at least; returns the size of what is in it."""
    assert _rust.__file__
    program = Path(_rust.__file__).read_bytes()
    deflater = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
    blocks = deflater.compress(program) + deflater.flush(zlib.Z_FULL_FLUSH)
    end = deflater.flush()
    times = max(1, size // len(blocks))
    crc = 0
    for _ in range(times):
        crc = isal_zlib.crc32(program, crc)
    compressed, unpacked = len(blocks) * times + len(end), len(program) * times
    both = (0, 8, 0, 0, crc, compressed, unpacked, len(NAME), 0)
    out.write(struct.pack("<4s5H3L2H", b"PK\x03\x04", 20, *both) + NAME)
    for _ in range(times):
        out.write(blocks)
    out.write(end)
    start = out.tell()
    out.write(struct.pack("<4s6H3L5H2L", b"PK\x01\x02", 20, 20, *both, 0, 0, 0, 0, 0) + NAME)
    out.write(struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, out.tell() - start, start, 0))
    return unpacked

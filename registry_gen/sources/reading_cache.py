"""What an earlier run read of the catalog, kept in the state folder so that the next one parses only what is new.

The file holds a line that says what it depends on, a line with the digest of the rest, and the rows of ``load_catalog``
as JSON. Whatever is wrong with it, it is as if it was not there: the catalog is parsed, and the file is made anew.
Whether the folder is ours is for the caller to know; a row in it is believed.
"""

from __future__ import annotations

import hashlib
import os
import stat
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import orjson
import pydantic
import yaml

import registry_gen
from registry_gen.catalog.load import places_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from registry_gen.catalog.rows import Row
    from registry_gen.model.config import Config

NAME: Final = "read-catalog"
MAX_BYTES: Final = 64_000_000
"""Ten times as much as 27,479 packages need: a file's aliases may make a row of it that is much larger."""

_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC


def known_rows(config: Config) -> Mapping[str, Row]:
    """The rows that ``keep_rows`` wrote, where this parser made them against the same places; none otherwise."""
    try:
        data = _content(config.state / NAME)
        stamp, digest, body = data.split(b"\n", 2)
        if stamp != _stamp(config) or digest != _digest(body):
            return {}
        rows: Any = orjson.loads(body)
    except (OSError, ValueError):
        return {}
    return rows if isinstance(rows, dict) else {}


def keep_rows(config: Config, rows: Mapping[str, Row]) -> None:
    """Write the rows in the place of those before. Where that cannot be, nothing new is kept, and nobody misses it."""
    beside = config.state / f".{NAME}.new"  # two writers at once may spoil each other's, which its digest then tells
    with suppress(OSError, orjson.JSONEncodeError):  # a folder's name may be no text
        body = _body(rows)
        if len(body) > MAX_BYTES:
            return
        with os.fdopen(os.open(beside, _NEW, 0o600), "wb") as file:
            file.write(b"\n".join((_stamp(config), _digest(body), body)))
        beside.replace(config.state / NAME)


def _body(rows: Mapping[str, Row]) -> bytes:
    """The rows as one JSON object, row by row: of what is too large no more than tells that it is."""
    pieces = []
    size = 0
    for name, row in rows.items():
        pieces.append(b'"%b":%b' % (name.encode(), orjson.dumps(row)))
        size += len(pieces[-1])
        if size > MAX_BYTES:
            break
    return b"{" + b",".join(pieces) + b"}"


def _content(path: Path) -> bytes:
    with os.fdopen(os.open(path, _READ), "rb") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode) or found.st_size > MAX_BYTES:
            raise ValueError("not a file that was written here")
        return file.read()


def _stamp(config: Config) -> bytes:
    """What rows depend on beside the files that they are named for: the parser, and what locations are read against."""
    places = places_of(config)
    total = hashlib.sha256(_parser())
    for part in (places.root, *sorted(places.schemes), "", *sorted(places.hosts)):
        total.update(os.fsencode(part) + b"\0")
    return total.hexdigest().encode()


@cache
def _parser() -> bytes:
    """A digest of all code that makes a row of a file, so that nobody has to remember to count a version up."""
    total = hashlib.sha256(f"{registry_gen.__version__} {pydantic.VERSION} {yaml.__version__} {sys.version}".encode())
    for path in _code():
        total.update(path.name.encode() + b"\0" + path.read_bytes())
    return total.digest()


def _code() -> Iterator[Path]:
    package = Path(registry_gen.__file__).parent
    for room in ("catalog", "model"):
        yield from sorted((package / room).glob("*.py"))


def _digest(body: bytes) -> bytes:
    return hashlib.sha256(body).hexdigest().encode()

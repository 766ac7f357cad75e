"""What is kept from one verification to the next: the newest checkpoint that was believed, and the log's keys.

Comparing with it is the only way to notice a log that was rewritten, so it is never begun anew without being told to.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlsplit

import orjson

from registry_gen.errors import InputError, RegistryError, StorageError
from registry_gen.inspect import codes
from registry_gen.inspect.public_log import Signed
from registry_gen.log.note import parse_verifier_key, stated
from registry_gen.log.read_entries import Members, NotSoError

if TYPE_CHECKING:
    from collections.abc import Mapping

_SCHEMA: Final = 1
_MAX_BYTES: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Kept:
    """The checkpoint that was believed last; verifier keys that are believed, and ``retired`` ones that were replaced.

    ``read`` is how many entries of the log were read, from its first on: a key may change in any of them.
    """

    signed: Signed
    read: int
    keys: tuple[str, ...]
    retired: tuple[str, ...] = ()


def default_file(registry: str, environment: Mapping[str, str]) -> Path:
    """Where the state of a registry is kept unless told otherwise: $XDG_STATE_HOME/registry-gen/verify/HOST.json.

    A URL with a path has the path in the name, too; a folder has a name made from its own. Base directories are those
    of the XDG specification, version 0.8, in which a relative one counts for nothing.
    """
    home = environment.get("XDG_STATE_HOME", "")
    base = Path(home) if home.startswith("/") else Path.home() / ".local" / "state"
    return base / "registry-gen" / "verify" / f"{_name(registry)}.json"


def _name(registry: str) -> str:
    parts = urlsplit(registry)
    if parts.scheme in ("https", "http"):
        return quote(f"{parts.netloc.lower()}{parts.path.rstrip('/')}", safe="")[:200]
    folder = Path(registry.removeprefix("file://")).absolute()
    return f"folder-{hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]}"


def load(path: Path) -> Kept | None:
    """What was kept in this file, None where there is no file.

    Raises InputError INS003 for a file that cannot be read, or that holds something else.
    """
    try:
        data = path.read_bytes() if path.stat().st_size <= _MAX_BYTES else b""
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(codes.BAD_STATE, where=str(path), found=error.strerror or "") from None
    try:
        members = Members(orjson.loads(data))
        note = members.text("checkpoint").encode()
        signed = Signed(note, stated(note))
        return Kept(signed, members.number("read"), _keys(members, "keys"), _keys(members, "retired"))
    except (orjson.JSONDecodeError, NotSoError, RegistryError) as error:
        raise InputError(codes.BAD_STATE, where=str(path), found=str(error)[:200]) from None


def save(path: Path, kept: Kept) -> None:
    """Keep it in this file, which only its owner can read; whoever reads it meanwhile sees the old or the new one.

    Raises StorageError INS004.
    """
    fields = {
        "schema": _SCHEMA,
        "checkpoint": kept.signed.note.decode(),
        "origin": kept.signed.checkpoint.origin,
        "size": kept.signed.checkpoint.size,
        "root": kept.signed.checkpoint.root.hex(),
        "read": kept.read,
        "keys": list(kept.keys),
        "retired": list(kept.retired),
    }
    _write(path, orjson.dumps(fields, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def save_evidence(path: Path, kept: Signed, found: Signed) -> tuple[str, ...]:
    """Write both checkpoints of a rewritten log beside the state file and give their names; raises StorageError INS004.

    The names hold size and root, so that the same evidence is written once.
    """
    names = []
    for word, signed in (("kept", kept), ("found", found)):
        size, root = signed.checkpoint.size, signed.checkpoint.root.hex()
        name = path.with_name(f"{path.stem}.{word}-{size}-{root[:16]}.checkpoint")
        _write(name, signed.note)
        names.append(str(name))
    return tuple(names)


def _write(path: Path, data: bytes) -> None:
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(path)
        except OSError:
            with contextlib.suppress(OSError):
                fresh.unlink()
            raise
    except OSError as error:
        raise StorageError(codes.CANNOT_KEEP, where=str(path), found=error.strerror or str(error)) from None


def _keys(members: Members, name: str) -> tuple[str, ...]:
    keys = tuple(str(each) for each in members.each(name))
    for key in keys:
        parse_verifier_key(key)
    return keys

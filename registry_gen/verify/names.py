"""Which paths inside a package may exist."""

from __future__ import annotations

import re
from typing import Final
from unicodedata import category

from registry_gen.errors import RefusalError
from registry_gen.verify import codes

MAX_PART: Final = 255
"""Bytes of one part of a path: what ext4, APFS and NTFS store."""

MAX_PATH: Final = 1024
"""Bytes of a whole path: macOS stores no more, and the clients' folders come on top."""

MAX_DEPTH: Final = 64
"""Parts of a path. Real packages have a dozen; what is done for each folder of each name must stay little."""

_HIDDEN: Final = frozenset({"Cc", "Cf", "Zl", "Zp"})
"""Controls, line breaks, and formats such as U+202E and U+200B, with which one path looks like another."""

_DRIVE = re.compile(r"[A-Za-z]:")


def decode_path(raw: bytes, where: str) -> str:
    """A name out of an archive as text. Raises RefusalError ARC004 where it is not UTF-8."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise RefusalError(codes.BAD_NAME, where=where, expected="UTF-8", found=ascii(raw[:80])) from None


def check_path(path: str, where: str) -> None:
    """Refuse a path that is not relative, plain and short enough for every machine; raises RefusalError ARC004.

    Names that only Windows dislikes (``aux.tf``, two names that differ in case) are allowed: real repositories have
    them, and nobody on another system is hurt.
    """
    parts = path.split("/")
    if problem := _problem(path, parts):
        raise RefusalError(codes.BAD_NAME, where=where, expected=problem, found=ascii(path[:80]))


def _problem(path: str, parts: list[str]) -> str:
    if path.startswith("/") or _DRIVE.match(path):
        return "a relative path"
    if "" in parts or "." in parts or ".." in parts:
        return "no empty, '.' or '..' part"
    if "\\" in path or any(category(each) in _HIDDEN for each in set(path)):
        return "no backslash, and no control or format character"
    try:
        longest = max(len(part.encode()) for part in parts)
        whole = len(path.encode())
    except UnicodeEncodeError:
        return "UTF-8"
    if longest > MAX_PART or whole > MAX_PATH:
        return f"at most {MAX_PART} bytes in a part and {MAX_PATH} in all"
    if len(parts) > MAX_DEPTH:
        return f"at most {MAX_DEPTH - 1} folders, one in the other"
    return ""

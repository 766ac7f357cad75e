"""Digests as text: SHA-256 in lower-case hex, h1 dirhashes, git commits."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import TYPE_CHECKING, NewType

from registry_gen.errors import InputError
from registry_gen.model import codes

if TYPE_CHECKING:
    from collections.abc import Iterable

Sha256 = NewType("Sha256", str)
"""64 lower-case hexadecimal digits."""

H1 = NewType("H1", str)
"""``h1:`` and 44 characters of base64: golang.org/x/mod/sumdb/dirhash Hash1."""

Commit = NewType("Commit", str)
"""A full git object id: 40 (SHA-1) or 64 (SHA-256) lower-case hexadecimal digits."""

_SHA256 = re.compile(r"[0-9a-f]{64}")
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_H1 = re.compile(r"h1:[A-Za-z0-9+/]{43}=")


def sha256(data: bytes) -> Sha256:
    """SHA-256 of bytes, in lower-case hex."""
    return Sha256(hashlib.sha256(data).hexdigest())


def parse_sha256(text: str) -> Sha256:
    """Check and lower-case 64 hexadecimal digits; raises InputError ADR003."""
    return Sha256(_checked(_SHA256, text.lower(), "64 hexadecimal digits of SHA-256", text))


def parse_commit(text: str) -> Commit:
    """Check a full, lower-case object id; raises InputError ADR003."""
    return Commit(_checked(_COMMIT, text, "a full git commit of 40 or 64 lower-case hexadecimal digits", text))


def parse_h1(text: str) -> H1:
    """Check an ``h1:`` dirhash; raises InputError ADR003."""
    return H1(_checked(_H1, text, "h1: and 44 characters of base64", text))


def dirhash(files: Iterable[tuple[str, Sha256]]) -> H1:
    """The h1 of (path, SHA-256) pairs: SHA-256 over sorted ``hex␠␠path\\n`` lines.

    Source: golang.org/x/mod/sumdb/dirhash, Hash1; clients sort by path as bytes.
    """
    total = hashlib.sha256()
    for path, digest in sorted(files, key=lambda pair: pair[0].encode()):
        total.update(f"{digest}  {path}\n".encode())
    return H1("h1:" + base64.b64encode(total.digest()).decode())


def _checked(grammar: re.Pattern[str], text: str, expected: str, found: str) -> str:
    if not grammar.fullmatch(text):
        raise InputError(codes.BAD_DIGEST, expected=expected, found=repr(found[:80]))
    return text

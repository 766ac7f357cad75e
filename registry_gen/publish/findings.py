"""What a comparison of bucket and ledger finds: one value for each thing that is not as it should be."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from registry_gen import paths
from registry_gen.errors import StorageError
from registry_gen.publish import codes
from registry_gen.storage import codes as storage_codes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from registry_gen.errors import Code
    from registry_gen.model.address import Address
    from registry_gen.model.digest import Sha256
    from registry_gen.model.version import Version
    from registry_gen.publish.inventory import Expected
    from registry_gen.storage import Storage, Stored


WRONG_BYTES: Final = frozenset({codes.OBJECT_MISSING, codes.OBJECT_ALTERED, codes.OBJECT_TRUNCATED})
"""An object is not there, or is another one."""

NO_ROW: Final = "no row for a document that is not rendered"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be. ``expected_object`` is what must be there, where something must.

    ``untrue`` says that the ledger contradicts its own log about this package: nothing may be made, deleted or
    forgotten by what it says of it.
    """

    code: Code
    key: str
    expected: str = ""
    found: str = ""
    address: Address | None = None
    version: Version | None = None
    expected_object: Expected | None = field(default=None, compare=False, repr=False)
    untrue: bool = False

    @property
    def row_alone(self) -> bool:
        """Whether nothing is wrong but what the ledger remembers of a document."""
        return self.code is codes.LEDGER_DIFFERS and (self.expected == NO_ROW or self.expected_object is not None)

    @property
    def hint(self) -> str:
        """What to do, where nothing else is wrong. A record holds what nothing else does: no repair brings it back."""
        if self.code in WRONG_BYTES and self.key.startswith("records/"):
            return f"It cannot be made again. {codes.NO_RECORD.fix}"
        if self.row_alone:
            return "Run 'registry-gen fsck --repair': the ledger learns what the bucket holds."
        return self.code.fix


@dataclass(frozen=True, slots=True)
class Checked:
    """What was compared: how many objects and bytes, and what was found."""

    objects: int
    size: int
    findings: tuple[Finding, ...]


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Each finding once, by key and code."""
    return tuple(sorted(dict.fromkeys(findings), key=lambda found: (found.key, found.code.id, found.found)))


def wrong_bytes(expected: Expected, stored: Stored | None, digest: Sha256 | None) -> Finding | None:
    """What is wrong with an object itself; ``digest`` of its bytes is None where its size alone is compared."""
    if stored is None:
        return None if expected.optional else about(codes.OBJECT_MISSING, expected, expected.described)
    if expected.size is not None and stored.size < expected.size:
        return about(codes.OBJECT_TRUNCATED, expected, f"{expected.size} bytes", f"{stored.size} bytes")
    if expected.sha256 is None:
        if expected.row is None or stored.etag == expected.row.etag:
            return None
        return about(codes.OBJECT_ALTERED, expected, f"the etag {expected.row.etag}", f"the etag {stored.etag}")
    if digest not in (None, expected.sha256) or (expected.size is not None and stored.size != expected.size):
        found = f"SHA-256 {digest}" if digest else f"{stored.size} bytes"
        return about(codes.OBJECT_ALTERED, expected, expected.described, found)
    return None


def in_the_way(storage: Storage, key: str) -> str:
    """What keeps an object from being there that is missing, in words; "" where nothing stands in its place.

    Links, folders and special files are no objects: no storage follows them, lists them or puts anything over them.
    """
    try:
        storage.head(key)
    except StorageError as error:
        if error.code is not storage_codes.IN_THE_WAY:
            raise
        return f"something that is no object: {error.found}"
    return ""


def wrong_labels(stored: Stored, address: Address | None) -> Iterator[Finding]:
    """How an object is served, where its storage keeps that with it."""
    if stored.content_type is None and stored.cache_control is None:
        return
    rule = paths.rule(stored.key)
    if stored.content_type not in (None, rule.content_type):
        yield Finding(codes.WRONG_TYPE, stored.key, rule.content_type, str(stored.content_type), address)
    if stored.cache_control not in (None, rule.cache_control):
        yield Finding(codes.WRONG_CACHE, stored.key, rule.cache_control, str(stored.cache_control), address)


def wrong_row(expected: Expected, stored: Stored) -> Finding | None:
    """What the ledger knows of a document that is right; the next publish would stumble over it."""
    row = expected.row
    if expected.content is None:
        return None
    if row is None:
        return about(codes.LEDGER_DIFFERS, expected, "a row for the document", "none")
    if row.content != expected.content:
        return about(codes.LEDGER_DIFFERS, expected, f"content {expected.content}", f"content {row.content} in the row")
    if row.etag != stored.etag:
        return about(codes.LEDGER_DIFFERS, expected, f"the etag {stored.etag}", f"{row.etag} in the row")
    return None


def surplus(key: str) -> Finding:
    """Something that nothing refers to."""
    try:
        rule = paths.rule(key)
    except ValueError:
        return Finding(codes.FOREIGN, key)
    if key.startswith(paths.SCRATCH):
        return Finding(codes.SCRATCH, key)
    if not rule.immutable and paths.is_listing(key):
        return Finding(codes.DEAD_LISTING, key, found="a listing of nothing")
    return Finding(codes.ORPHAN, key)


def about(code: Code, expected: Expected, wanted: str, found: str = "") -> Finding:
    """A finding at an object that must be there."""
    return Finding(code, expected.key, wanted, found, expected.address, expected.version, expected)


def offered(listing: bytes) -> frozenset[str]:
    """The versions that a listing of any kind names; none where it cannot be read."""
    try:
        document = json.loads(listing)
        if "modules" in document:
            return frozenset(item["version"] for item in document["modules"][0]["versions"])
        found = document["versions"]
        return frozenset(found if isinstance(found, dict) else (item["version"] for item in found))
    except (ValueError, KeyError, TypeError, IndexError, RecursionError):
        return frozenset()

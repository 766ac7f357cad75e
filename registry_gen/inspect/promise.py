"""What the log promises of a version, and whether the version's document says the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson

from registry_gen.errors import RefusalError
from registry_gen.inspect import codes
from registry_gen.log.read_entries import (
    Members,
    ModuleDigests,
    NotSoError,
    Pinned,
    PinningEntry,
    WithdrawnEntry,
    parse_time,
    read_pinned,
    read_warning,
)
from registry_gen.model.digest import parse_sha256

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from registry_gen.errors import Code
    from registry_gen.log.history import LoggedVersion
    from registry_gen.log.read_entries import LoggedEntry
    from registry_gen.model.address import Address
    from registry_gen.model.digest import Sha256
    from registry_gen.model.facts import Deprecation
    from registry_gen.model.version import Version


@dataclass(frozen=True, slots=True)
class Promise:
    """What the newest entry about a version promises, and its ``index``; ``withdrawn`` is the reason, None if listed.

    ``pinned`` is None where only that entry is known, and it is the one that withdrew the version.
    """

    version: Version
    index: int
    record: Sha256
    pinned: Pinned | None
    withdrawn: str | None


def promise_of(version: LoggedVersion) -> Promise:
    """The promise in a replayed log."""
    return Promise(version.version, version.index, version.pinned.record, version.pinned, version.withdrawn)


def promise_in(entry: LoggedEntry) -> Promise | None:
    """The promise in one entry; None where it is about no version."""
    match entry.said:
        case PinningEntry(version, pinned):
            return Promise(version, entry.index, pinned.record, pinned, None)
        case WithdrawnEntry(version, record, reason):
            return Promise(version, entry.index, record, None, reason)
        case _:
            return None


@dataclass(frozen=True, slots=True)
class VersionDocument:
    """What a version's document says; see ``render.version_documents``.

    ``deprecated`` are the warnings that concern this version.
    """

    kind: str
    address: str
    version: str
    status: str
    log_index: int
    pinned: Pinned
    provenance: Sha256 | None
    withdrawn: str | None
    recorded_at: datetime
    withdrawn_at: datetime | None = None
    deprecated: tuple[Deprecation, ...] = ()


def read_document(data: bytes, key: str) -> VersionDocument:
    """Read a version's document; raises RefusalError INS025."""
    try:
        members = Members(orjson.loads(data))
        kind = members.text("kind")
        withdrawn = members.inside("withdrawn") if "withdrawn" in members else None
        warnings = members.each("deprecated") if "deprecated" in members else ()
        return VersionDocument(
            kind=kind,
            address=members.text("address"),
            version=members.text("version"),
            status=members.text("status"),
            log_index=members.number("log_index"),
            pinned=read_pinned(members, kind),
            provenance=members.maybe("provenance", parse_sha256),
            withdrawn=withdrawn.text("reason") if withdrawn else None,
            recorded_at=members.parsed("recorded_at", parse_time),
            withdrawn_at=withdrawn.parsed("at", parse_time) if withdrawn else None,
            deprecated=tuple(read_warning(Members(each, "deprecated")) for each in warnings),
        )
    except (orjson.JSONDecodeError, NotSoError) as error:
        raise RefusalError(codes.BAD_DOCUMENT, where=key, found=str(error)[:200]) from None


def document_problems(
    document: VersionDocument, address: Address, promise: Promise, key: str
) -> Iterator[RefusalError]:
    """Everything in which the document is not what the log promises: INS024."""
    status = "published" if promise.withdrawn is None else "withdrawn"
    pairs: dict[str, tuple[object, object]] = {
        "kind": (address.kind, document.kind),
        "address": (str(address), document.address),
        "version": (str(promise.version), document.version),
        "status": (status, document.status),
        "log_index": (promise.index, document.log_index),
        "record": (promise.record, document.pinned.record),
        "withdrawn": (promise.withdrawn, document.withdrawn),
    }
    for name, (expected, found) in pairs.items():
        if expected != found:
            yield differs(codes.DOCUMENT_DIFFERS, key, name, expected, found)
    if promise.pinned is not None:
        yield from pinned_problems(codes.DOCUMENT_DIFFERS, key, promise.pinned, document.pinned)


def pinned_problems(code: Code, where: str, expected: Pinned, found: Pinned) -> Iterator[RefusalError]:
    """Everything that pins a version and that is another thing; the record's own digest is not looked at."""
    pairs: dict[str, tuple[object, object]] = {
        "hosting": (expected.hosting.value, found.hosting.value),
        "tag": (expected.tag, found.tag),
        "commit": (expected.commit, found.commit),
    }
    pairs |= _pairs(_digests(expected), _digests(found))
    for name, (one, other) in pairs.items():
        if one != other:
            yield differs(code, where, name, one, other)


def _digests(pinned: Pinned) -> dict[str, object]:
    digests = pinned.digests
    if isinstance(digests, ModuleDigests):
        return {"archive": digests.archive, "h1": digests.h1, "source": digests.source}
    found: dict[str, object] = {}
    for platform, zip_ in sorted(digests.items()):
        found |= {f"zh of {platform}": zip_.zh, f"h1 of {platform}": zip_.h1, f"size of {platform}": zip_.size}
    if pinned.sums:
        found |= {"sums": pinned.sums.sha256, "signature": pinned.sums.signature, "signer": pinned.sums.signer}
    return found


def _pairs(expected: Mapping[str, object], found: Mapping[str, object]) -> dict[str, tuple[object, object]]:
    return {name: (expected.get(name), found.get(name)) for name in {**expected, **found}}


def differs(code: Code, where: str, name: str, expected: object, found: object) -> RefusalError:
    """A problem that names a member with the value that was logged, and the one that is there."""
    return RefusalError(code, where=where, expected=f"{name} {_said(expected)}", found=_said(found))


def _said(value: object) -> str:
    return "none" if value is None else str(value)[:300]

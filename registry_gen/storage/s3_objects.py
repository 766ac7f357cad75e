"""One object of a storage that speaks S3: what is sent with it, and what answers tell of it."""

from __future__ import annotations

import base64
import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from registry_gen.model.digest import Sha256
from registry_gen.storage import Stored

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry_gen.model.places import S3Place
    from registry_gen.paths import Rule

WRITTEN: Final = "written"
"""The key of an object's own metadata that names the one write that made it."""


def labels(rule: Rule, place: S3Place) -> dict[str, Any]:
    """What every object is stored with, as ``paths.rule`` and the place say."""
    storage_class = place.artifact_class if rule.immutable else place.document_class
    return {
        "ContentType": rule.content_type,
        "CacheControl": rule.cache_control,
        **({"StorageClass": storage_class} if storage_class else {}),
    }


def new_write() -> str:
    """A name for one write."""
    return secrets.token_hex(8)


def checksum(digest: Sha256) -> str:
    """A SHA-256 as S3 has it: base64."""
    return base64.b64encode(bytes.fromhex(digest)).decode()


def quoted(etag: str) -> str:
    """An etag as HTTP has it (RFC 9110, 8.8.3)."""
    return f'"{etag}"'


def written(key: str, etag: str, size: int, digest: Sha256, rule: Rule, write: str) -> Stored:
    """What is known of an object that was just written."""
    return Stored(
        key,
        etag.strip('"'),
        size,
        sha256=digest,
        content_type=rule.content_type,
        cache_control=rule.cache_control,
        written=f"/{write}",
    )


def headed(key: str, answer: Mapping[str, Any]) -> Stored:
    """What an answer to HeadObject or GetObject tells."""
    modified = answer["LastModified"].astimezone(UTC)
    return Stored(
        key,
        answer["ETag"].strip('"'),
        answer["ContentLength"],
        sha256=_digest(answer),
        content_type=answer.get("ContentType"),
        cache_control=answer.get("CacheControl"),
        modified=modified,
        written=f"{_second(modified)}/{answer.get('Metadata', {}).get(WRITTEN, '')}",
    )


def listed(key: str, item: Mapping[str, Any]) -> Stored:
    """What one item of an answer to ListObjectsV2 tells."""
    modified = item["LastModified"].astimezone(UTC)
    return Stored(key, item["ETag"].strip('"'), item["Size"], modified=modified, written=f"{_second(modified)}/")


def is_same_write(found: Stored, now: Stored) -> bool:
    """Whether an object is still the one that was found: by the name of its write, else by its time of writing.

    A listing tells only the second. ``S3Storage.list`` asks for the name where that second was not over yet, so that
    whatever is written later has another one.
    """
    if found.written is None or now.written is None:
        return found.etag == now.etag
    second, _, write = found.written.partition("/")
    second_now, _, write_now = now.written.partition("/")
    return found.etag == now.etag and (write == write_now if write else second == second_now)


def is_written_by(found: Stored, write: str) -> bool:
    """Whether it was this write of ours that made what is there, although we were told that it had lost."""
    return (found.written or "").rpartition("/")[2] == write


def _digest(answer: Mapping[str, Any]) -> Sha256 | None:
    """The SHA-256 that the server computed or checked itself when the bytes came; None for one over digests of parts.

    Metadata would tell it, too; but whoever can write an object can write any metadata with it.
    """
    try:
        told = base64.b64decode(answer.get("ChecksumSHA256", ""), validate=True)
    except ValueError:
        return None
    whole = answer.get("ChecksumType", "FULL_OBJECT") == "FULL_OBJECT" and len(told) == 32
    return Sha256(told.hex()) if whole else None


def _second(moment: datetime) -> int:
    return int(moment.timestamp())

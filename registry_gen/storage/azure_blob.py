"""One blob: what is known of it, how it is labelled, and how a large one is staged.

Sources: Azure REST reference, "Put Blob", "Put Block", "Put Block List", "Specifying conditional headers".
"""

from __future__ import annotations

import hashlib
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from azure.core import MatchConditions
from azure.storage.blob import BlobBlock, BlobProperties, ContentSettings, StandardBlobTier

from registry_gen.model.digest import Sha256
from registry_gen.storage import Stored
from registry_gen.storage.azure_errors import failing
from registry_gen.storage.folders import failing as failing_here
from registry_gen.storage.write_names import new_write

if TYPE_CHECKING:
    from collections.abc import Mapping
    from concurrent.futures import Future
    from pathlib import Path

    from azure.storage.blob import BlobClient

    from registry_gen.paths import Rule

BLOCK: Final = 8 << 20
"""Bytes of one block; a blob has at most 50,000 of them, which is 390 GB."""

_AT_ONCE: Final = 4
_DIGEST: Final = "sha256"
_WRITE: Final = "write"


@dataclass(frozen=True, slots=True)
class Labels:
    """What is put with the bytes: ``write`` names this one attempt, so that we know our own after a lost answer."""

    rule: Rule
    sha256: Sha256
    tier: str | None
    write: str

    @classmethod
    def new(cls, rule: Rule, sha256: Sha256, tier: str | None) -> Labels:
        """Labels of a new attempt."""
        return cls(rule, sha256, tier, new_write())

    @property
    def options(self) -> dict[str, Any]:
        """What the library calls them; a put that leaves any of them out takes it away from the blob."""
        return {
            "content_settings": settings(self.rule),
            "metadata": {_DIGEST: self.sha256, _WRITE: self.write},
            "standard_blob_tier": StandardBlobTier(self.tier) if self.tier else None,
            "validate_content": True,
        }

    def are_on(self, found: BlobProperties) -> bool:
        """Whether it was this attempt that wrote a blob."""
        return (found.metadata or {}).get(_WRITE) == self.write


def settings(rule: Rule, md5: bytearray | None = None) -> ContentSettings:
    """How a blob is served."""
    return ContentSettings(content_type=rule.content_type, cache_control=rule.cache_control, content_md5=md5)


def unchanged(etag: str) -> dict[str, Any]:
    """The condition that a blob still has this etag; ours are without quotation marks, as lists have them."""
    return {"etag": f'"{etag}"', "match_condition": MatchConditions.IfNotModified}


def described(key: str, found: BlobProperties) -> Stored:
    """What a blob says of itself. Not its digest: whoever can write a blob can write any metadata with it."""
    return Stored(
        key,
        bare(found.etag),
        found.size,
        content_type=found.content_settings.content_type,
        cache_control=found.content_settings.cache_control,
        modified=found.last_modified,
        written=bare(found.etag),
    )


def as_put(key: str, size: int, labels: Labels, answer: Mapping[str, Any]) -> Stored:
    """The same of what was just put."""
    etag = bare(answer["etag"])
    return Stored(
        key,
        etag,
        size,
        sha256=labels.sha256,
        content_type=labels.rule.content_type,
        cache_control=labels.rule.cache_control,
        modified=answer["last_modified"],
        written=etag,
    )


def bare(etag: str | None) -> str:
    """An etag without its quotation marks."""
    return (etag or "").strip('"')


def stage(blob: BlobClient, source: Path, where: str) -> tuple[list[BlobBlock], Sha256, int]:
    """Send a file in blocks that nobody sees yet; gives them with the digest and the size of what was sent.

    A few blocks are in memory at a time. What is never committed Azure removes after a week.
    """
    total, size = hashlib.sha256(), 0
    attempt = new_write()
    blocks: list[BlobBlock] = []
    sending: deque[Future[None]] = deque()

    def send(name: str, data: bytes) -> None:
        with failing(where):
            blob.stage_block(name, data, length=len(data), validate_content=True)

    with failing_here(str(source)), source.open("rb", buffering=0) as file, ThreadPoolExecutor(_AT_ONCE) as senders:
        try:
            while data := file.read(BLOCK):
                total.update(data)
                size += len(data)
                if len(sending) == _AT_ONCE:
                    sending.popleft().result()
                name = f"{attempt}-{len(blocks):05}"
                blocks.append(BlobBlock(name))
                sending.append(senders.submit(send, name, data))
            while sending:
                sending.popleft().result()
        finally:
            for waiting in sending:
                waiting.cancel()
    return blocks, Sha256(total.hexdigest()), size

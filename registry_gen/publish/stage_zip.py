"""Staging the zip of one platform: hashed while it streams, checked before it is kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, BinaryIO, Protocol

from registry_gen.errors import RefusalError
from registry_gen.model.facts import ProviderPackage
from registry_gen.publish import codes
from registry_gen.sources.hashing import hashing_beside
from registry_gen.verify.zips import check_zip, require_binary

if TYPE_CHECKING:
    from registry_gen.model.address import Platform
    from registry_gen.model.digest import Sha256
    from registry_gen.model.intent import Artifact
    from registry_gen.publish.module_source import Workshop

MAX_ENTRIES = 10_000


class Downloaded(Protocol):
    """What a download says of itself."""

    @property
    def sha256(self) -> Sha256:
        """Of all its bytes."""

    @property
    def size(self) -> int:
        """In bytes."""


Download = Callable[[BinaryIO, int], Downloaded]
"""Writes at most so many bytes into the file, and says what they were."""


def stage_zip(
    workshop: Workshop,
    type_: str,
    platform: Platform,
    filename: str,
    promised: Sha256,
    download: Download,
    *,
    key: str | None,
    url: str | None,
    where: str,
) -> tuple[ProviderPackage, Artifact | None]:
    """Fetch one zip and check it against its promised SHA-256 and the rules for provider zips.

    With ``key`` None nothing is kept: the bytes were only looked at, and ``url`` is where clients get them.
    """
    with workshop.staging.file() as out:
        got = download(out, workshop.limits.provider_bytes)
        require_digest(promised, got.sha256, f"{where}: {filename}")
        with hashing_beside() as hasher:
            contents = check_zip(
                out,
                got.size,
                max_unpacked=workshop.limits.provider_unpacked_bytes,
                max_entries=MAX_ENTRIES,
                where=f"{where}: {filename}",
                hasher=hasher,
            )
        require_binary(contents.names, type_, f"{where}: {filename}")
        package = ProviderPackage(platform, filename, promised, contents.h1, got.size, url)
        return package, workshop.staging.keep(out, key, promised) if key else None


def require_digest(promised: Sha256, found: Sha256, where: str) -> None:
    """Refuse bytes whose SHA-256 is not the promised one; raises RefusalError PUB005."""
    if promised != found:
        raise RefusalError(
            codes.WRONG_BYTES,
            where=where,
            expected=f"SHA-256 {promised}",
            found=found,
            hint=codes.WRONG_BYTES.fix,
        )

"""Writing one object to a storage that speaks S3, by condition: at once, or in parts where it is large.

Conditions: Amazon S3 User Guide, "How to prevent object overwrites with conditional writes".
"""

from __future__ import annotations

import hashlib
import random
import time
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from registry_gen.model.digest import Sha256, sha256
from registry_gen.storage.file_objects import require_digest
from registry_gen.storage.folders import failing as failing_file
from registry_gen.storage.s3_errors import BUSY_KEY, code_of
from registry_gen.storage.s3_objects import WRITTEN, checksum, labels, new_write, written

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import BinaryIO

    from registry_gen.model.places import S3Place
    from registry_gen.paths import Rule
    from registry_gen.storage import Stored

LARGE: Final = 64 * 2**20
"""Larger files are sent to Amazon S3 in parts."""
LARGE_ELSEWHERE: Final = 4 * 2**30
"""The same for other servers: of two uploads in parts to one new key SeaweedFS 4.48 may complete both, of two at once
never. A file that is sent at once is read from disk as it goes, too."""
PART: Final = 16 * 2**20
"""The size of a part, and the most memory that one large file takes; of 10,000 parts at most, 160 GB is the largest."""

_TRIES: Final = 8
_FIRST_PAUSE: Final = 0.05


@dataclass(frozen=True, slots=True)
class Upload:
    """Where an object goes and what it must be."""

    client: Any
    place: S3Place
    key: str
    rule: Rule
    large: int = LARGE
    part: int = PART

    def put(self, body: bytes | Path, digest: Sha256, condition: dict[str, str], write: str) -> Stored:
        """Write bytes, or a file whose bytes were hashed, where ``condition`` holds (IfMatch or IfNoneMatch).

        ``write`` names this write, however often it is sent. Raises ClientError with one of ``s3_errors.LOST`` where
        it does not hold.
        """

        def send() -> Stored:
            with _opened(body) as content:
                answer = self.client.put_object(
                    **self._named,
                    **labels(self.rule, self.place),
                    **condition,
                    Body=content,
                    ChecksumSHA256=checksum(digest),
                    Metadata={WRITTEN: write},
                )
            size = len(body) if isinstance(body, bytes) else body.stat().st_size
            return written(self.key, answer["ETag"], size, digest, self.rule, write)

        return patiently(send)

    def put_parts(self, source: Path, digest: Sha256) -> Stored:
        """Write a large new file. Its bytes are hashed as they are sent, and nothing is visible before they are right.

        Raises StorageError STO003 for other bytes, and ClientError with one of ``s3_errors.LOST`` where the key is
        taken.
        """

        def send() -> Stored:
            write = new_write()
            upload = self.client.create_multipart_upload(
                **self._named,
                **labels(self.rule, self.place),
                ChecksumAlgorithm="SHA256",
                Metadata={WRITTEN: write},
            )["UploadId"]
            with self._aborting(upload):
                parts, total, size = self._send_parts(source, upload)
                require_digest(self.key, digest, total)
                answer = self.client.complete_multipart_upload(
                    **self._named, UploadId=upload, MultipartUpload={"Parts": parts}, IfNoneMatch="*"
                )
            return written(self.key, answer["ETag"], size, digest, self.rule, write)

        return patiently(send)

    @property
    def _named(self) -> dict[str, str]:
        return {"Bucket": self.place.bucket, "Key": self.place.prefix + self.key}

    def _send_parts(self, source: Path, upload: str) -> tuple[list[dict[str, Any]], Sha256, int]:
        """Send a file part by part; gives the parts, and digest and size of what was sent."""
        parts: list[dict[str, Any]] = []
        total = hashlib.sha256()
        size = 0
        with failing_file(str(source)), source.open("rb", buffering=0) as file:
            while chunk := _read(file, self.part):
                total.update(chunk)
                size += len(chunk)
                of_part = checksum(sha256(chunk))
                answer = self.client.upload_part(
                    **self._named, UploadId=upload, PartNumber=len(parts) + 1, Body=chunk, ChecksumSHA256=of_part
                )
                parts.append({"PartNumber": len(parts) + 1, "ETag": answer["ETag"], "ChecksumSHA256": of_part})
        return parts, Sha256(total.hexdigest()), size

    @contextmanager
    def _aborting(self, upload: str) -> Iterator[None]:
        """Give up the parts where anything fails, so that nobody pays for them."""
        try:
            yield
        except BaseException:
            with suppress(
                ClientError, BotoCoreError
            ):  # what failed first is told; a rule of the bucket sweeps the rest
                self.client.abort_multipart_upload(**self._named, UploadId=upload)
            raise


def patiently(send: Callable[[], Stored]) -> Stored:
    """Send again where somebody else was writing the same key at that moment, as S3 asks for (409)."""
    for attempt in range(_TRIES - 1):
        try:
            return send()
        except ClientError as error:
            if code_of(error) not in BUSY_KEY:
                raise
        time.sleep(random.uniform(0, _FIRST_PAUSE * 2**attempt))  # noqa: S311 - only spreads requests
    return send()


@contextmanager
def _opened(body: bytes | Path) -> Iterator[bytes | BinaryIO]:
    with ExitStack() as stack:
        if isinstance(body, Path):
            with failing_file(str(body)):
                yield stack.enter_context(body.open("rb"))
        else:
            yield body


def _read(file: BinaryIO | Any, size: int) -> bytes:
    """Bytes up to the size, fewer only at the end of the file."""
    pieces = []
    while size and (piece := file.read(size)):
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)

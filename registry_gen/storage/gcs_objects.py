"""One object of a bucket of Google Cloud Storage: its etag, its bytes on their way there and back.

An etag of ours is ``GENERATION-CRC32C``: the generation is new with every write and decides every swap, the checksum
tells the content of a bucket that was copied or restored from that of another.
"""

from __future__ import annotations

import base64
import hashlib
import io
import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import google_crc32c
from google.api_core.exceptions import GoogleAPICallError, NotFound, PreconditionFailed

from registry_gen.errors import StorageError
from registry_gen.model.digest import Sha256
from registry_gen.storage import Stored, codes
from registry_gen.storage.file_objects import require_digest
from registry_gen.storage.folders import failing as failing_here
from registry_gen.storage.gcs_client import TIMEOUT
from registry_gen.storage.gcs_errors import is_no_bucket
from registry_gen.storage.write_names import new_write

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

    from google.api_core.retry import Retry

    from registry_gen.paths import Rule

LARGE: Final = 8 * 1024 * 1024
"""Bytes. What is larger goes in a resumable upload, the rest in one request (multipart): the library's rule."""

CHUNK: Final = 8 * 1024 * 1024
"""Bytes of a resumable upload's request: so many are in memory at once, however large the object is."""

WRITE: Final = "registry-gen-write"
"""A name of each write in the object's metadata: who finds its own there has not lost the object to somebody else."""

_READ: Final = 1 << 20
_ETAG: Final = re.compile(r"([1-9][0-9]{0,18})-\S+")


@dataclass(frozen=True, slots=True)
class Upload:
    """What is to be written, as it was hashed: ``data`` where it is small enough to be sent as it was read."""

    sha256: Sha256
    crc32c: str
    size: int
    data: bytes | None
    source: Path | None


class Summed:
    """Sums of all that is written to it, in order; nothing is kept."""

    def __init__(self) -> None:
        self._sha256 = hashlib.sha256()
        self._crc32c = google_crc32c.Checksum()  # type: ignore[no-untyped-call]
        self.size = 0

    def write(self, data: bytes) -> int:
        """Take the next bytes."""
        self._sha256.update(data)
        self._crc32c.update(data)  # type: ignore[no-untyped-call]
        self.size += len(data)
        return len(data)

    @property
    def sha256(self) -> Sha256:
        """In hex."""
        return Sha256(self._sha256.hexdigest())

    @property
    def crc32c(self) -> str:
        """As Google writes it: base64 of four bytes, the highest first."""
        return base64.b64encode(self._crc32c.digest()).decode()  # type: ignore[no-untyped-call]


def prepared(key: str, body: bytes | Path, promised: Sha256 | None) -> Upload:
    """Hash a body, and keep it where it is small; raises StorageError STO003 where that is not ``promised``."""
    summed = Summed()
    kept: list[bytes] = []
    if isinstance(body, bytes):
        summed.write(body)
        kept.append(body)
    else:
        with failing_here(str(body)), body.open("rb", buffering=0) as source:
            while chunk := source.read(_READ):
                summed.write(chunk)
                kept = [*kept, chunk] if summed.size <= LARGE else []
    if promised is not None:
        require_digest(key, promised, summed.sha256)
    data = b"".join(kept) if isinstance(body, bytes) or summed.size <= LARGE else None
    return Upload(summed.sha256, summed.crc32c, summed.size, data, None if isinstance(body, bytes) else body)


def send(blob: Any, upload: Upload, rule: Rule, generation: int, storage_class: str | None, patience: Retry) -> None:
    """Write an object where its generation still is ``generation`` (0: where there is none).

    Google compares the checksum before the object is seen; the answer is compared once more. Raises what the library
    raises, PreconditionFailed where another generation is there, and StorageError STO003 for damaged bytes.
    """
    write = new_write()
    blob.metadata = {"sha256": upload.sha256, WRITE: write}
    blob.crc32c = upload.crc32c
    blob.cache_control = rule.cache_control
    if storage_class:
        blob.storage_class = storage_class
    try:
        _send(blob, upload, rule, generation, patience)
    except PreconditionFailed:
        if not _is_ours(blob, write, patience):
            raise
    if (blob.crc32c, blob.size) != (upload.crc32c, upload.size):
        blob.delete(if_generation_match=blob.generation, retry=patience, timeout=TIMEOUT)
        raise StorageError(codes.WRONG_BYTES, where=str(blob.name), expected=upload.crc32c, found=str(blob.crc32c))


def _send(blob: Any, upload: Upload, rule: Rule, generation: int, patience: Retry) -> None:
    """A resumable upload whose session is lost, or of which a part of a request was kept, starts anew.

    Source: https://cloud.google.com/storage/docs/performing-resumable-uploads#handling_errors; the library raises
    ValueError where it would have to go on within a request.
    """
    for last in (False, False, True):
        try:
            with _opened(upload, str(blob.name)) as stream:
                blob.upload_from_file(
                    stream,
                    size=upload.size,
                    content_type=rule.content_type,
                    if_generation_match=generation,
                    retry=patience,
                    timeout=TIMEOUT,
                    checksum=None,  # ours is sent; after a mismatch the library would delete whatever is there
                )
            return
        except (ValueError, GoogleAPICallError) as error:
            if upload.size <= LARGE or not (isinstance(error, ValueError) or error.code == HTTPStatus.GONE):
                raise
            if last:
                raise StorageError(
                    codes.FAILED, "an upload was lost again and again", where=str(blob.name), hint=codes.FAILED.fix
                ) from None


def _is_ours(blob: Any, write: str, patience: Retry) -> bool:
    """Whether what is there was written by an attempt whose answer did not arrive; ``blob`` tells of it then."""
    try:
        blob.reload(retry=patience, timeout=TIMEOUT)
    except NotFound:
        return False
    return bool((blob.metadata or {}).get(WRITE) == write)


def look(blob: Any, patience: Retry) -> bool:
    """Whether there is such an object; ``blob`` tells of it then. Raises NotFound where the bucket is missing."""
    try:
        blob.reload(retry=patience, timeout=TIMEOUT)
    except NotFound as error:
        if is_no_bucket(error):
            raise
        return False
    return True


def read(blob: Any, patience: Retry, out: BinaryIO | None = None) -> Summed | None:
    """Read an object to the end, into ``out`` where that is given: its sums; None where there is none.

    They are all of one generation, and are read again from the start where that was replaced meanwhile. Raises
    StorageError STO008 where they are not those that Google has the checksum of.
    """
    for last in (False, False, True):
        summed = Summed()
        if out is not None:
            out.seek(0)
            out.truncate()
        try:
            blob.download_to_file(
                _Both(summed, out) if out is not None else summed,
                raw_download=True,
                checksum=None,  # the library does not look at it once it had to resume: we do
                retry=patience,
                timeout=TIMEOUT,
            )
        except NotFound as error:
            if is_no_bucket(error) or (summed.size and last):
                raise
            if not summed.size:
                return None
        else:
            if blob.crc32c and blob.crc32c != summed.crc32c:
                raise StorageError(
                    codes.FAILED, "bytes were damaged on the way", where=str(blob.name), hint=codes.FAILED.fix
                )
            return summed
    raise AssertionError


class _Both:
    def __init__(self, *sinks: Any) -> None:
        self._sinks = sinks

    def write(self, data: bytes) -> int:
        for sink in self._sinks:
            sink.write(data)
        return len(data)


def described(key: str, blob: Any, bytes_: Upload | Summed | None = None) -> Stored:
    """What the library's blob knows of an object, and ``bytes_``, as they were written or read just now.

    The digest in its metadata is for people: whoever may write there may lie, so only who read or wrote the bytes says
    what it is.
    """
    return Stored(
        key,
        f"{blob.generation}-{bytes_.crc32c if bytes_ else blob.crc32c}",
        bytes_.size if bytes_ else int(blob.size),
        sha256=bytes_.sha256 if bytes_ else None,
        content_type=blob.content_type,
        cache_control=blob.cache_control,
        modified=blob.time_created,
        written=str(blob.generation),
    )


def generation_of(etag: str) -> int | None:
    """The generation that an etag names; None for one that no bucket of Google's gave."""
    found = _ETAG.fullmatch(etag)
    return int(found[1]) if found else None


def _opened(upload: Upload, where: str) -> BinaryIO | _Verified:
    if upload.data is not None or upload.source is None:
        return io.BytesIO(upload.data or b"")
    return _Verified(upload, upload.source, where)


class _Verified:
    """A file that is read once more to be sent: its last byte is given only where all are those that were hashed."""

    def __init__(self, upload: Upload, source: Path, where: str) -> None:
        self._upload = upload
        self._source = source
        self._where = where
        self._summed = Summed()

    def __enter__(self) -> _Verified:
        with failing_here(str(self._source)):
            self._file = self._source.open("rb")
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def tell(self) -> int:
        """How much was read."""
        return self._summed.size

    def read(self, size: int) -> bytes:
        """The next bytes; raises StorageError STO003 where the file is no longer what it was."""
        with failing_here(str(self._source)):
            data = self._file.read(size)
        self._summed.write(data)
        whole = self._summed.size == self._upload.size
        if (len(data) < size and not whole) or (whole and self._summed.sha256 != self._upload.sha256):
            require_digest(self._where, self._upload.sha256, Sha256("another, or the file was cut short"))
        return data

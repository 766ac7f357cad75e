"""A bucket that speaks S3 as object storage: Amazon S3, and servers that hold its conditions on writes.

Create-only and compare-and-swap are the server's own (If-None-Match and If-Match). A request whose answer was lost is
sent again, so a lost condition may have been lost to ourselves: what is there then decides.
"""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from botocore.exceptions import ClientError, HTTPClientError, IncompleteReadError

from registry_gen.errors import ConflictError, StorageError
from registry_gen.model.digest import Sha256
from registry_gen.model.digest import sha256 as digest_of
from registry_gen.storage import MAX_SIGNED_SECONDS, codes
from registry_gen.storage.file_objects import check_key, check_parts, digest_of_body, gathered, require_digest
from registry_gen.storage.s3_client import CONNECTIONS, open_client
from registry_gen.storage.s3_errors import GONE, LOST, code_of, failing, refused_key, says_nothing
from registry_gen.storage.s3_objects import (
    headed,
    is_same_write,
    is_written_by,
    labels,
    listed,
    new_write,
    quoted,
)
from registry_gen.storage.s3_upload import LARGE, LARGE_ELSEWHERE, PART, Upload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime
    from typing import BinaryIO

    from registry_gen.model.places import S3Place
    from registry_gen.storage import Put, Stored

_Read = TypeVar("_Read")

_BATCH: Final = 1_000
"""The most keys of one DeleteObjects."""
_PAGE: Final = 1_000
"""The most keys of one answer to ListObjectsV2."""
_CHUNK: Final = 1 << 20
_ATTEMPTS: Final = 5
_FRESH: Final = timedelta(seconds=2)
"""So young, an object may yet be written anew within the second that a listing tells."""


class S3Storage:
    """The storage at a place. The bucket must be there; nothing is asked before the first call.

    Every request is tried up to ``attempts`` times; a file of more than ``large`` bytes goes in parts of ``part``
    (None: as fits the server).
    Raises InputError STO018 for a secret that is not where registry.yaml says, and StorageError for settings of AWS on
    this machine that cannot be read.
    """

    def __init__(
        self, place: S3Place, *, attempts: int = _ATTEMPTS, large: int | None = None, part: int = PART
    ) -> None:
        """Read the settings; nothing is sent."""
        self._place = place
        self._attempts = attempts
        self._sizes = (large or (LARGE_ELSEWHERE if place.endpoint else LARGE), part)
        self._bucket_seen = False
        with failing(place.url):
            self._client = open_client(place, attempts)

    @property
    def name(self) -> str:
        """``s3://bucket/some/folder``."""
        return self._place.url

    def put_new(self, key: str, body: bytes | Path, sha256: Sha256) -> Stored:
        """Write an immutable object, once for good: see ``Storage.put_new``."""
        upload = self._upload(key)
        with failing(self._where(key)):
            try:
                if isinstance(body, Path) and body.exists() and body.stat().st_size > upload.large:
                    if self.head(key) is None:
                        return upload.put_parts(body, sha256)
                    require_digest(key, sha256, digest_of_body(body))
                    return self._as_promised(key, sha256)
                require_digest(key, sha256, digest_of_body(body))
                return upload.put(body, sha256, {"IfNoneMatch": "*"}, new_write())
            except ClientError as error:
                if code_of(error) not in LOST:
                    raise
            return self._as_promised(key, sha256)

    def put_if(self, key: str, body: bytes, expected: str | None) -> Stored:
        """Write a mutable document by compare-and-swap: see ``Storage.put_if``."""
        upload = self._upload(key)
        if upload.rule.immutable:
            raise StorageError(codes.BAD_KEY, "an immutable object is never replaced", where=key)
        digest, write = digest_of(body), new_write()
        condition = {"IfNoneMatch": "*"} if expected is None else {"IfMatch": quoted(expected)}
        with failing(self._where(key)):
            try:
                return upload.put(body, digest, condition, write)
            except ClientError as error:
                if code_of(error) not in LOST | GONE:
                    raise
            found = self.head(key)
            if found and is_written_by(found, write):
                return replace(found, sha256=digest)
        raise _changed(key, found, expected)

    def put_all(self, puts: Sequence[Put]) -> list[Stored | ConflictError | StorageError]:
        """Write many small objects: see ``Storage.put_all``."""

        hopeless: list[StorageError] = []

        def put(each: Put) -> Stored | ConflictError | StorageError:
            if hopeless:
                return hopeless[0]
            try:
                if each.sha256 is not None:
                    return self.put_new(each.key, each.body, each.sha256)
                body = each.body.read_bytes() if isinstance(each.body, Path) else each.body
                return self.put_if(each.key, body, each.expected)
            except (ConflictError, StorageError) as error:
                if isinstance(error, StorageError) and error.code in codes.HOPELESS:
                    hopeless.append(error)
                return error

        return [*self._at_once(put, puts)]

    def get(self, key: str) -> tuple[bytes, Stored] | None:
        """All bytes of a document, or None."""

        def read(answer: Mapping[str, Any]) -> bytes:
            with closing(answer["Body"]) as body:
                return gathered(body.iter_chunks(_CHUNK), self._where(key))

        found = self._read(key, read)
        if found is None:
            return None
        data, stored = found
        return data, replace(stored, sha256=digest_of(data))

    def head(self, key: str) -> Stored | None:
        """What is stored under a key, or None."""
        found = self._head(key)
        return found[0] if found else None

    def digest(self, key: str) -> Sha256 | None:
        """The SHA-256 of what is stored under a key, read to the end; None where there is nothing."""

        def read(answer: Mapping[str, Any]) -> Sha256:
            total = hashlib.sha256()
            with closing(answer["Body"]) as body:
                for chunk in body.iter_chunks(_CHUNK):
                    total.update(chunk)
            return Sha256(total.hexdigest())

        found = self._read(key, read)
        return found[0] if found else None

    def read_into(self, key: str, out: BinaryIO) -> Sha256 | None:
        """Write all bytes of an object into an open file: see ``Storage.read_into``."""

        def read(answer: Mapping[str, Any]) -> Sha256:
            total = hashlib.sha256()
            out.seek(0)
            out.truncate()  # where the way broke off before
            with closing(answer["Body"]) as body:
                for chunk in body.iter_chunks(_CHUNK):
                    total.update(chunk)
                    out.write(chunk)
            return Sha256(total.hexdigest())

        found = self._read(key, read)
        return found[0] if found else None

    def list(self, prefix: str) -> Iterator[Stored]:
        """Every object whose key starts with ``prefix``, in order of keys."""
        check_parts(prefix.removesuffix("/"), prefix)
        found = self._pages(prefix)
        if self._place.endpoint is None:
            return found  # Amazon S3 lists in order of keys; servers that keep folders have an order of their own
        return iter(sorted(found, key=lambda each: each.key))

    def relabel(self, key: str) -> Stored | None:
        """Give an object the labels that ``paths.rule`` says, by a copy onto itself: see ``Storage.relabel``."""
        looked = self._head(key)
        if looked is None:
            return None
        found, answer = looked
        wanted = labels(check_key(key), self._place)
        if wanted.items() <= {"StorageClass": "STANDARD", **answer}.items():
            return found
        keeps = {"StorageClass": answer["StorageClass"]} if "StorageClass" in answer else {}
        with failing(self._where(key)):
            try:
                self._client.copy_object(
                    **self._named(key),
                    CopySource=self._named(key),
                    CopySourceIfMatch=answer["ETag"],
                    IfMatch=answer["ETag"],
                    MetadataDirective="REPLACE",
                    Metadata=answer.get("Metadata", {}),
                    ChecksumAlgorithm="SHA256",
                    **{**keeps, **wanted},
                )
            except ClientError as error:
                if code_of(error) not in LOST | GONE:
                    raise  # whoever wrote it meanwhile labelled it
        return self.head(key)

    def delete_if(self, key: str, expected: str) -> None:
        """Delete a mutable document by compare-and-delete: see ``Storage.delete_if``."""
        found = self.head(key)  # not every server compares when it deletes
        if found and found.etag == expected and not self._delete_same(found):
            found = self.head(key)
        if found and found.etag != expected:
            raise _changed(key, found, expected)

    def delete_found(self, found: Sequence[Stored]) -> None:
        """Delete objects that nobody wrote anew: see ``Storage.delete_found``."""

        def delete(each: Stored) -> None:
            now = self.head(each.key)
            if now and is_same_write(each, now):
                self._delete_same(now)

        for each in found:
            check_key(each.key)
        self._at_once(delete, found)

    def delete(self, keys: Sequence[str]) -> None:
        """Delete objects; those that do not exist are no error."""
        for key in keys:
            check_key(key)
        for start in range(0, len(keys), _BATCH):
            objects = [{"Key": self._place.prefix + key} for key in dict.fromkeys(keys[start : start + _BATCH])]
            with failing(self.name):
                answer = self._client.delete_objects(
                    Bucket=self._place.bucket, Delete={"Objects": objects, "Quiet": True}
                )
            if errors := [each for each in answer.get("Errors", ()) if each.get("Code") not in GONE]:
                raise refused_key(errors, f"s3://{self._place.bucket}")

    def signed_url(self, key: str, seconds: int) -> str:
        """A URL that lets anybody GET one object for a while: see ``SigningStorage.signed_url``."""
        check_key(key)
        if not 1 <= seconds <= MAX_SIGNED_SECONDS:
            raise StorageError(codes.BAD_LIFETIME, where=key, found=f"{seconds} seconds", hint=codes.BAD_LIFETIME.fix)
        with failing(self._where(key)):
            return str(self._client.generate_presigned_url("get_object", Params=self._named(key), ExpiresIn=seconds))

    def _named(self, key: str) -> dict[str, str]:
        return {"Bucket": self._place.bucket, "Key": self._place.prefix + key}

    def _where(self, key: str) -> str:
        return f"{self.name}/{key}"

    def _upload(self, key: str) -> Upload:
        return Upload(self._client, self._place, key, check_key(key), *self._sizes)

    def _at_once(self, call: Callable[[Any], _Read], each: Sequence[Any]) -> Sequence[_Read]:
        with ThreadPoolExecutor(CONNECTIONS) as executor:
            return [*executor.map(call, each)]

    def _head(self, key: str) -> tuple[Stored, Mapping[str, Any]] | None:
        check_key(key)
        with failing(self._where(key)):
            try:
                answer: Mapping[str, Any] = self._client.head_object(**self._named(key), ChecksumMode="ENABLED")
            except ClientError as error:
                if code_of(error) in GONE:
                    self._require_bucket()
                    return None
                if says_nothing(error):
                    self._ask_why(key)
                raise
            self._bucket_seen = True
            return headed(key, answer), answer

    def _require_bucket(self) -> None:
        """Raise ClientError where the bucket is missing: the answer to HEAD is the same as for a missing object."""
        if not self._bucket_seen:
            self._client.list_objects_v2(Bucket=self._place.bucket, Prefix=self._place.prefix, MaxKeys=1)
            self._bucket_seen = True

    def _ask_why(self, key: str) -> None:
        """Raise the ClientError that says why HEAD was refused: its own answer has no body."""
        try:
            self._client.get_object(**self._named(key), Range="bytes=0-0")["Body"].close()
        except ClientError as error:
            if code_of(error) != "InvalidRange":
                raise

    def _read(self, key: str, read: Callable[[Mapping[str, Any]], _Read]) -> tuple[_Read, Stored] | None:
        """What ``read`` makes of an object's bytes, and what is known of it; from the start where the way broke off."""
        check_key(key)
        with failing(self._where(key)):
            for left in reversed(range(self._attempts)):
                try:
                    answer = self._client.get_object(**self._named(key), ChecksumMode="ENABLED")
                except ClientError as error:
                    if code_of(error) in GONE:
                        return None
                    raise
                try:
                    return read(answer), headed(key, answer)
                except (IncompleteReadError, HTTPClientError):
                    if not left:
                        raise
        return None

    def _as_promised(self, key: str, sha256: Sha256) -> Stored:
        """What is there instead, where it is the same; raises ConflictError STO001 for anything else."""
        found = self.head(key)
        digest = (found.sha256 or self.digest(key)) if found else None
        if found is None or digest is None:
            raise _changed(key, None, None)
        if digest != sha256:
            raise ConflictError(
                codes.IMMUTABLE_CONFLICT,
                where=key,
                expected=f"SHA-256 {sha256}",
                found=f"SHA-256 {digest}",
                hint=codes.IMMUTABLE_CONFLICT.fix,
            )
        return found

    def _delete_same(self, found: Stored) -> bool:
        """Delete an object that was just looked at; False where another one took its place."""
        with failing(self._where(found.key)):
            try:
                self._client.delete_object(**self._named(found.key), IfMatch=quoted(found.etag))
            except ClientError as error:
                if code_of(error) not in LOST | GONE:
                    raise
                return False
            return True

    def _pages(self, prefix: str) -> Iterator[Stored]:
        own = self._place.prefix
        token: dict[str, str] = {}
        while True:
            with failing(self._where(prefix)):
                page = self._client.list_objects_v2(
                    Bucket=self._place.bucket, Prefix=own + prefix, MaxKeys=_PAGE, **token
                )
                self._bucket_seen = True
                found = [listed(each["Key"].removeprefix(own), each) for each in page.get("Contents", ())]
                date = page["ResponseMetadata"]["HTTPHeaders"].get("date")
                since = parsedate_to_datetime(date).astimezone(UTC) - _FRESH if date else None
                token = {"ContinuationToken": page["NextContinuationToken"]} if page.get("IsTruncated") else {}
            yield from self._told_apart(found, since)
            if not token:
                return

    def _told_apart(self, found: Sequence[Stored], since: datetime | None) -> Iterator[Stored]:
        """The objects of a page, those that were written ``since`` with the name of their write."""
        young = [each for each in found if since is None or each.modified is None or each.modified > since]
        asked = dict(zip([each.key for each in young], self._at_once(self._head_listed, young), strict=True))
        for each in found:
            known = asked.get(each.key, each)
            if known:
                yield known

    def _head_listed(self, each: Stored) -> Stored | None:
        try:
            return self.head(each.key)
        except StorageError as error:
            if error.code is codes.BAD_KEY:
                return each  # something that is not ours
            raise


def _changed(key: str, found: Stored | None, expected: str | None) -> ConflictError:
    etag = found.etag if found else None
    return ConflictError(
        codes.CHANGED_MEANWHILE, where=key, expected=expected or "no object", found=etag or "no object"
    )

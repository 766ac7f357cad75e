"""A bucket of Google Cloud Storage, or the part of one below a prefix.

Every write names the generation that it expects, 0 for none, so that one of many writers wins and asking again does
nothing twice. Source: https://cloud.google.com/storage/docs/request-preconditions.
"""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final, TypeVar

from google.api_core.exceptions import NotFound, PreconditionFailed

from registry_gen.errors import ConflictError, StorageError
from registry_gen.storage import Stored, codes
from registry_gen.storage.file_objects import check_key, check_parts, require_etag, require_small
from registry_gen.storage.folders import failing as failing_here
from registry_gen.storage.gcs_client import PATIENCE, THREADS, TIMEOUT, open_bucket
from registry_gen.storage.gcs_credentials import credentials_of
from registry_gen.storage.gcs_errors import failing, is_no_bucket
from registry_gen.storage.gcs_objects import CHUNK, LARGE, described, generation_of, look, prepared, read, send
from registry_gen.storage.gcs_signing import signed_url, signing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path
    from typing import BinaryIO

    from google.api_core.retry import Retry

    from registry_gen.model.digest import Sha256
    from registry_gen.model.places import GcsPlace
    from registry_gen.paths import Rule
    from registry_gen.storage import Put
    from registry_gen.storage.gcs_objects import Upload

_T = TypeVar("_T")
_R = TypeVar("_R")

_ATTEMPTS: Final = 3
"""How often an object is looked at again that others write and delete meanwhile."""

_FIELDS: Final = "items(name,generation,crc32c,size,contentType,cacheControl,timeCreated),nextPageToken"
_PAGE: Final = 1_000


class GcsStorage:
    """A storage in the bucket that ``place`` names; see ``Storage`` for what each method does.

    Nothing is asked of Google before the first method is called. Raises StorageError STO010 where there are no
    credentials, and InputError STO018 for those that cannot be used. ``patience`` is for tests.
    """

    def __init__(self, place: GcsPlace, *, patience: Retry = PATIENCE) -> None:
        """Read the credentials."""
        self._place = place
        self._patience = patience
        self._credentials = credentials_of(place)
        with failing(place.url):
            self._bucket = open_bucket(place.bucket, self._credentials, place.endpoint)

    @property
    def name(self) -> str:
        """``gs://bucket/some/folder``."""
        return self._place.url

    def put_new(self, key: str, body: bytes | Path, sha256: Sha256) -> Stored:
        """Write an immutable object, once for good: see ``Storage.put_new``."""
        rule = check_key(key)
        with failing(f"{self.name}/{key}"):
            upload = prepared(key, body, sha256)
            for _ in range(_ATTEMPTS):
                if upload.size > LARGE and look(self._blob(key), self._patience):
                    written = None  # it would be refused after its first bytes, or its last
                else:
                    written = self._write(key, upload, rule, 0)
                found = written or self._same(key, sha256)
                if found:
                    return found
            raise self._restless(key)

    def put_if(self, key: str, body: bytes, expected: str | None) -> Stored:
        """Write a mutable document by compare-and-swap: see ``Storage.put_if``."""
        rule = check_key(key)
        if rule.immutable:
            raise StorageError(codes.BAD_KEY, "an immutable object is never replaced", where=key)
        with failing(f"{self.name}/{key}"):
            generation = 0 if expected is None else generation_of(expected)
            written = None if generation is None else self._write(key, prepared(key, body, None), rule, generation)
            if written:
                return written
            raise self._changed(key, expected)

    def put_all(self, puts: Sequence[Put]) -> list[Stored | ConflictError | StorageError]:
        """Write many small objects side by side: see ``Storage.put_all``."""
        hopeless: list[StorageError] = []

        def put(each: Put) -> Stored | ConflictError | StorageError:
            if hopeless:
                return hopeless[0]
            try:
                return self._put(each)
            except (ConflictError, StorageError) as error:
                if isinstance(error, StorageError) and error.code in codes.HOPELESS:
                    hopeless.append(error)
                return error

        return _side_by_side(put, puts)

    def get(self, key: str) -> tuple[bytes, Stored] | None:
        """All bytes of a document, or None."""
        check_key(key)
        with failing(f"{self.name}/{key}"):
            blob = self._blob(key)
            kept = _Kept(f"{self.name}/{key}")
            summed = read(blob, self._patience, kept)
            if summed is None:
                return None
            if blob.generation is None:
                raise StorageError(codes.FAILED, "an answer that names no generation", where=f"{self.name}/{key}")
            return kept.getvalue(), described(key, blob, summed)

    def head(self, key: str) -> Stored | None:
        """What is stored under a key, or None."""
        check_key(key)
        with failing(f"{self.name}/{key}"):
            return self._head(key)

    def digest(self, key: str) -> Sha256 | None:
        """The SHA-256 of what is stored under a key, read to the end; None where there is nothing."""
        check_key(key)
        with failing(f"{self.name}/{key}"):
            found = read(self._blob(key), self._patience)
            return found.sha256 if found else None

    def read_into(self, key: str, out: BinaryIO) -> Sha256 | None:
        """Write all bytes of an object into an open file: see ``Storage.read_into``."""
        check_key(key)
        with failing(f"{self.name}/{key}"):
            found = read(self._blob(key), self._patience, out)
            return found.sha256 if found else None

    def list(self, prefix: str) -> Iterator[Stored]:
        """Every object whose key starts with ``prefix``, in order of keys; the console's folder marks are none."""
        check_parts(prefix.removesuffix("/"), prefix)
        return self._list(prefix)

    def relabel(self, key: str) -> Stored | None:
        """Give an object the labels that ``paths.rule`` says: see ``Storage.relabel``."""
        rule = check_key(key)
        with failing(f"{self.name}/{key}"):
            for _ in range(_ATTEMPTS):
                blob = self._blob(key)
                if not look(blob, self._patience):
                    return None
                found = described(key, blob)
                if (found.content_type, found.cache_control) == (rule.content_type, rule.cache_control):
                    return found
                blob.content_type, blob.cache_control = rule.content_type, rule.cache_control
                conditions = {
                    "if_generation_match": blob.generation,
                    "if_metageneration_match": blob.metageneration,
                }
                try:
                    blob.patch(retry=self._patience, timeout=TIMEOUT, **conditions)
                    return described(key, blob)
                except (PreconditionFailed, NotFound) as error:
                    if is_no_bucket(error):
                        raise
            raise self._restless(key)

    def delete_if(self, key: str, expected: str) -> None:
        """Delete a mutable document by compare-and-delete: see ``Storage.delete_if``."""
        check_key(key)
        with failing(f"{self.name}/{key}"):
            generation = generation_of(expected)
            if generation is not None and self._delete(key, generation):
                return
            found = self._head(key)
            if found:
                require_etag(key, found, expected)
                raise self._restless(key)

    def delete_found(self, found: Sequence[Stored]) -> None:
        """Delete objects that nobody wrote anew: see ``Storage.delete_found``."""
        for each in found:
            check_key(each.key)
        generations = {
            (each.key, generation)
            for each in found
            if (generation := int(each.written) if each.written else generation_of(each.etag))
        }
        with failing(self.name):
            _side_by_side(lambda each: self._delete(*each), sorted(generations))

    def delete(self, keys: Sequence[str]) -> None:
        """Delete objects; those that do not exist are no error."""
        for key in keys:
            check_key(key)
        with failing(self.name):
            _side_by_side(lambda key: self._delete(key, None), sorted(set(keys)))

    def signed_url(self, key: str, seconds: int) -> str:
        """A URL with which anybody may read one object for a while: see ``SigningStorage.signed_url``."""
        check_key(key)
        with failing(f"{self.name}/{key}"):
            return signed_url(self._blob(key), seconds, signing(self._credentials), self._place.endpoint)

    def _put(self, put: Put) -> Stored:
        if put.immutable != check_key(put.key).immutable:
            raise StorageError(codes.BAD_KEY, "an immutable object is never replaced", where=put.key)
        if put.sha256:
            return self.put_new(put.key, put.body, put.sha256)
        if isinstance(put.body, bytes):
            return self.put_if(put.key, put.body, put.expected)
        with failing_here(str(put.body)):
            body = put.body.read_bytes()
        return self.put_if(put.key, body, put.expected)

    def _write(self, key: str, upload: Upload, rule: Rule, generation: int) -> Stored | None:
        """What was written; None where another generation is there."""
        blob = self._bucket.blob(self._place.prefix + key, chunk_size=CHUNK)
        storage_class = self._place.artifact_class if rule.immutable else self._place.document_class
        try:
            send(blob, upload, rule, generation, storage_class, self._patience)
        except PreconditionFailed:
            return None
        return described(key, blob, upload)

    def _same(self, key: str, sha256: Sha256) -> Stored | None:
        """What is there, where it has this digest, and None where it is gone; raises ConflictError STO001 otherwise."""
        blob = self._blob(key)
        summed = read(blob, self._patience)
        if summed is None:
            return None
        if summed.sha256 != sha256:
            raise ConflictError(
                codes.IMMUTABLE_CONFLICT,
                where=key,
                expected=f"SHA-256 {sha256}",
                found=f"SHA-256 {summed.sha256}",
                hint=codes.IMMUTABLE_CONFLICT.fix,
            )
        now = self._head(key)
        return now if now and now.written == str(blob.generation) else None

    def _head(self, key: str) -> Stored | None:
        blob = self._blob(key)
        return described(key, blob) if look(blob, self._patience) else None

    def _list(self, prefix: str) -> Iterator[Stored]:
        with failing(f"{self.name}/{prefix}"):
            for blob in self._bucket.client.list_blobs(
                self._bucket,
                prefix=self._place.prefix + prefix,
                fields=_FIELDS,
                page_size=_PAGE,
                retry=self._patience,
                timeout=TIMEOUT,
            ):
                if not blob.name.endswith("/"):
                    yield described(blob.name.removeprefix(self._place.prefix), blob)

    def _delete(self, key: str, generation: int | None) -> bool:
        """Whether an object is gone now; False where another generation is there."""
        try:
            self._blob(key).delete(if_generation_match=generation, retry=self._patience, timeout=TIMEOUT)
        except NotFound as error:
            if is_no_bucket(error):
                raise
        except PreconditionFailed:
            return False
        return True

    def _changed(self, key: str, expected: str | None) -> ConflictError:
        """That something else is there than was expected."""
        found = self._head(key)
        return ConflictError(
            codes.CHANGED_MEANWHILE,
            where=key,
            expected=expected or "no object",
            found=found.etag if found else "no object",
        )

    def _restless(self, key: str) -> StorageError:
        return StorageError(codes.FAILED, "others write this object all the time", where=f"{self.name}/{key}")

    def _blob(self, key: str) -> Any:
        return self._bucket.blob(self._place.prefix + key)


class _Kept(io.BytesIO):
    """A document in memory; raises StorageError STO025 for one that is too large."""

    def __init__(self, where: str) -> None:
        super().__init__()
        self._where = where

    def write(self, data: Any) -> int:
        require_small(self.tell() + len(data), self._where)
        return super().write(data)


def _side_by_side(do: Callable[[_T], _R], each: Sequence[_T]) -> list[_R]:
    with ThreadPoolExecutor(min(THREADS, len(each) or 1)) as executor:
        return list(executor.map(do, each))

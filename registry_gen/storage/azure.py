"""A container of Azure Blob Storage as object storage.

Azure gives a blob a new etag with every write, so an etag names one write; new labels are a write too.
"""

from __future__ import annotations

import hashlib
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceModifiedError, ResourceNotFoundError

from registry_gen.errors import ConflictError, StorageError
from registry_gen.model.digest import Sha256
from registry_gen.model.digest import sha256 as digest_of
from registry_gen.storage import codes
from registry_gen.storage.azure_blob import BLOCK, Labels, as_put, bare, described, settings, stage, unchanged
from registry_gen.storage.azure_client import connect
from registry_gen.storage.azure_errors import code_of, failing
from registry_gen.storage.azure_links import Links
from registry_gen.storage.file_objects import check_key, check_parts, digest_of_body, gathered, require_digest
from registry_gen.storage.folders import failing as failing_here

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import BinaryIO

    from azure.storage.blob import BlobClient, BlobProperties

    from registry_gen.model.places import AzurePlace
    from registry_gen.paths import Rule
    from registry_gen.storage import Put, Stored

_AT_ONCE: Final = 10
"""Requests at a time: as many connections as the library keeps."""

_BATCH: Final = 256
"""Deletions in one request: Azure REST reference, "Blob Batch"."""
_DELETED: Final = 202
_LIST: Final = 5_000
_TRIES: Final = 5

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def _now() -> datetime:
    return datetime.now(UTC)


class AzureStorage:
    """A storage in the container of ``place``, which must be there.

    ``pause`` waits before a request is sent again, ``clock`` tells when links are made. Raises StorageError for
    credentials that cannot be those of the account and for access tiers that cannot be read from, InputError where a
    secret is missing.
    """

    def __init__(
        self,
        place: AzurePlace,
        *,
        pause: Callable[[float], None] = time.sleep,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        self._place = place
        connection = connect(place, pause)
        weakref.finalize(self, connection.service.close)  # nobody closes a storage
        self._container = connection.container
        self._links = Links(connection, place.account, clock)

    @property
    def name(self) -> str:
        """``az://account/container/some/folder``."""
        return self._place.url

    def put_new(self, key: str, body: bytes | Path, sha256: Sha256) -> Stored:
        """Write an immutable object, once for good: see ``Storage.put_new``."""
        labels = Labels.new(check_key(key), sha256, self._place.artifact_class)
        if isinstance(body, Path):
            with failing_here(str(body)):
                if body.stat().st_size > BLOCK:
                    return self._put_large(key, body, labels)
                body = body.read_bytes()
        require_digest(key, sha256, digest_of(body))
        with failing(self._where(key)):
            for _ in range(_TRIES):
                try:
                    answer = self._blob(key).upload_blob(body, overwrite=False, **labels.options)
                    return as_put(key, len(body), labels, answer)
                except ResourceExistsError as error:
                    _require(error, "BlobAlreadyExists")
                found = self._same(key, sha256)
                if found:
                    return found
        raise self._restless(key)

    def put_if(self, key: str, body: bytes, expected: str | None) -> Stored:
        """Write a mutable document by compare-and-swap: see ``Storage.put_if``."""
        rule = check_key(key)
        if rule.immutable:
            raise StorageError(codes.BAD_KEY, "an immutable object is never replaced", where=key)
        labels = Labels.new(rule, digest_of(body), self._place.document_class)
        condition = {"overwrite": False} if expected is None else {"overwrite": True, **unchanged(expected)}
        with failing(self._where(key)):
            try:
                answer = self._blob(key).upload_blob(body, **condition, **labels.options)
                return as_put(key, len(body), labels, answer)
            except (ResourceExistsError, ResourceModifiedError) as error:
                _require(error, "BlobAlreadyExists", "ConditionNotMet")
            found = self._properties(key)
            if found and labels.are_on(found):
                return described(key, found)
        raise _changed(key, expected, found)

    def put_all(self, puts: Sequence[Put]) -> list[Stored | ConflictError | StorageError]:
        """Write many small objects: see ``Storage.put_all``."""
        hopeless: list[StorageError] = []

        def put(each: Put) -> Stored | ConflictError | StorageError:
            done = hopeless[0] if hopeless else self._put(each)
            if isinstance(done, StorageError) and done.code in codes.HOPELESS:
                hopeless.append(done)
            return done

        return _each(put, puts)

    def get(self, key: str) -> tuple[bytes, Stored] | None:
        """All bytes of a document, or None."""
        check_key(key)
        with failing(self._where(key)):
            for _ in range(_TRIES):
                try:
                    found = self._blob(key).download_blob(decompress=False)
                    body = gathered(found.chunks(), self._where(key))
                except ResourceNotFoundError as error:
                    _require(error, "BlobNotFound")
                    return None
                except ResourceModifiedError:
                    continue  # it was swapped between two parts of it
                return body, replace(described(key, found.properties), sha256=digest_of(body))
        raise self._restless(key)

    def head(self, key: str) -> Stored | None:
        """What is stored under a key, or None."""
        check_key(key)
        with failing(self._where(key)):
            found = self._properties(key)
        return described(key, found) if found else None

    def digest(self, key: str) -> Sha256 | None:
        """The SHA-256 of what is stored, read to the end; None where there is nothing."""
        return self._read_through(key, None)

    def read_into(self, key: str, out: BinaryIO) -> Sha256 | None:
        """Write all bytes of an object into an open file: see ``Storage.read_into``."""
        return self._read_through(key, out)

    def _read_through(self, key: str, out: BinaryIO | None) -> Sha256 | None:
        """Hash an object, into a file where one is given; from its start where another one took its place meanwhile."""
        check_key(key)
        with failing(self._where(key)):
            for _ in range(_TRIES):
                total = hashlib.sha256()
                if out is not None:
                    out.seek(0)
                    out.truncate()
                try:
                    for chunk in self._blob(key).download_blob(decompress=False).chunks():
                        total.update(chunk)
                        if out is not None:
                            out.write(chunk)
                except ResourceNotFoundError as error:
                    _require(error, "BlobNotFound")
                    return None
                except ResourceModifiedError:
                    continue
                return Sha256(total.hexdigest())
        raise self._restless(key)

    def list(self, prefix: str) -> Iterator[Stored]:
        """Every object whose key starts with ``prefix``, in order of keys."""
        check_parts(prefix.removesuffix("/"), prefix)
        return self._listed(prefix)

    def relabel(self, key: str) -> Stored | None:
        """Give an object the content type and cache rule of ``paths.rule``: see ``Storage.relabel``."""
        rule = check_key(key)
        with failing(self._where(key)):
            for _ in range(_TRIES):
                found = self._properties(key)
                if found is None:
                    return None
                if _labelled(found, rule):
                    return described(key, found)
                labels = settings(rule, found.content_settings.content_md5)
                try:
                    self._blob(key).set_http_headers(labels, **unchanged(bare(found.etag)))
                except (ResourceModifiedError, ResourceNotFoundError) as error:
                    _require(error, "ConditionNotMet", "BlobNotFound")
        raise self._restless(key)

    def delete_if(self, key: str, expected: str) -> None:
        """Delete a mutable document by compare-and-delete: see ``Storage.delete_if``."""
        check_key(key)
        with failing(self._where(key)):
            if self._deleted(key, expected):
                return
            found = self._properties(key)
        if found:
            raise _changed(key, expected, found)

    def delete_found(self, found: Sequence[Stored]) -> None:
        """Delete objects that nobody wrote anew: see ``Storage.delete_found``."""
        for each in found:
            check_key(each.key)
        self._delete_all([(each.key, each.written or each.etag) for each in found])

    def delete(self, keys: Sequence[str]) -> None:
        """Delete objects; those that do not exist are no error."""
        for key in keys:
            check_key(key)
        self._delete_all([(key, None) for key in dict.fromkeys(keys)])

    def signed_url(self, key: str, seconds: int) -> str:
        """A URL that reads one object for a while: see ``SigningStorage.signed_url``."""
        check_key(key)
        return self._links.url(self._blob(key), self._where(key), seconds)

    def _where(self, key: str) -> str:
        return f"{self.name}/{key}"

    def _blob(self, key: str) -> BlobClient:
        return self._container.get_blob_client(self._place.prefix + key)

    def _properties(self, key: str) -> BlobProperties | None:
        try:
            return self._blob(key).get_blob_properties()
        except ResourceNotFoundError as error:
            _require(error, "BlobNotFound")
            return None

    def _put(self, put: Put) -> Stored | ConflictError | StorageError:
        try:
            if put.sha256 is not None:
                return self.put_new(put.key, put.body, put.sha256)
            body = put.body if isinstance(put.body, bytes) else put.body.read_bytes()
            return self.put_if(put.key, body, put.expected)
        except (ConflictError, StorageError) as error:
            return error

    def _put_large(self, key: str, source: Path, labels: Labels) -> Stored:
        """Send a file in blocks, and give it its name once the digest of all of them is known."""
        where = self._where(key)
        with failing(where):
            if self._properties(key):
                require_digest(key, labels.sha256, digest_of_body(source))
                found = self._same(key, labels.sha256)
                if found:
                    return found
            blob = self._blob(key)
            blocks, digest, size = stage(blob, source, where)
            require_digest(key, labels.sha256, digest)
            try:
                missing = MatchConditions.IfMissing
                return as_put(
                    key, size, labels, blob.commit_block_list(blocks, match_condition=missing, **labels.options)
                )
            except HttpResponseError as error:
                # Whoever was first took our blocks away with his own commit.
                _require(error, "BlobAlreadyExists", "ConditionNotMet", "InvalidBlockList")
            found = self._same(key, labels.sha256)
        if found:
            return found
        raise self._restless(key)

    def _same(self, key: str, sha256: Sha256) -> Stored | None:
        """What is stored, None where nothing is; raises ConflictError STO001 for anything but what was to be stored."""
        found = self._properties(key)
        if found is None:
            return None
        stored = described(key, found)
        digest = stored.sha256 or self.digest(key)
        if digest != sha256:
            raise ConflictError(
                codes.IMMUTABLE_CONFLICT,
                where=key,
                expected=f"SHA-256 {sha256}",
                found=f"SHA-256 {digest}",
                hint=codes.IMMUTABLE_CONFLICT.fix,
            )
        return stored

    def _listed(self, prefix: str) -> Iterator[Stored]:
        ours, last = self._place.prefix, ""
        with failing(self._where(prefix)):
            for each in self._container.list_blobs(
                name_starts_with=ours + prefix, include=["metadata"], results_per_page=_LIST
            ):
                if each.name < last:
                    raise StorageError(
                        codes.FAILED,
                        "the account lists its objects in an order of its own",
                        where=self.name,
                        found="an account with a hierarchical namespace, as it seems",
                        hint="Use a storage account without a hierarchical namespace (Data Lake Storage).",
                    )
                last = each.name
                yield described(each.name.removeprefix(ours), each)

    def _delete(self, key: str, expected: str | None = None) -> None:
        with failing(self._where(key)):
            self._deleted(key, expected)

    def _deleted(self, key: str, expected: str | None) -> bool:
        """Delete a blob, where it still has an etag if one is given; False where it has not, or it is gone."""
        try:
            self._blob(key).delete_blob(**unchanged(expected) if expected is not None else {})
        except (ResourceNotFoundError, ResourceModifiedError) as error:
            _require(error, "BlobNotFound", "ConditionNotMet")
            return False
        return True

    def _delete_all(self, wanted: Sequence[tuple[str, str | None]]) -> None:
        """Delete blobs, each where it still has its etag if one is given."""
        _each(self._delete_some, [wanted[start : start + _BATCH] for start in range(0, len(wanted), _BATCH)])

    def _delete_some(self, wanted: Sequence[tuple[str, str | None]]) -> None:
        """Delete blobs in one request; those where it fails one by one, which tells what to make of it."""
        done = self._deleted_at_once(wanted) if len(wanted) > 1 else [False]
        for (key, expected), is_done in zip(wanted, done, strict=True):
            if not is_done:
                self._delete(key, expected)

    def _deleted_at_once(self, wanted: Sequence[tuple[str, str | None]]) -> Sequence[bool]:
        conditions = [{} if expected is None else unchanged(expected) for _, expected in wanted]
        names = [self._place.prefix + key for key, _ in wanted]
        blobs = [{"name": name, **condition} for name, condition in zip(names, conditions, strict=True)]
        with failing(self.name):
            try:
                answers = list(self._container.delete_blobs(*blobs, raise_on_any_failure=False))
            except (HttpResponseError, ValueError):
                answers = []
        done = [answer.status_code == _DELETED for answer in answers]
        return done if len(done) == len(wanted) else [False] * len(wanted)

    def _restless(self, key: str) -> StorageError:
        return StorageError(
            codes.FAILED,
            "an object was changed each time that we looked",
            where=self._where(key),
            hint="Look for whoever else writes here; then run publish again.",
        )


def _require(error: HttpResponseError, *expected: str) -> None:
    """Raise an answer again that says anything else."""
    if code_of(error) not in expected:
        raise error


def _changed(key: str, expected: str | None, found: BlobProperties | None) -> ConflictError:
    return ConflictError(
        codes.CHANGED_MEANWHILE,
        where=key,
        expected=expected or "no object",
        found=bare(found.etag) if found else "no object",
    )


def _labelled(found: BlobProperties, rule: Rule) -> bool:
    has = found.content_settings
    return (has.content_type, has.cache_control) == (rule.content_type, rule.cache_control)


def _each(work: Callable[[_Item], _Result], items: Sequence[_Item]) -> list[_Result]:
    """Do the same with each of many, some at a time; the first error of any, in order, is raised at the end."""
    if not items:
        return []
    with ThreadPoolExecutor(min(_AT_ONCE, len(items))) as workers:
        return list(workers.map(work, items))

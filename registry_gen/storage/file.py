"""A folder as object storage: for one machine, for tests, and behind any web server.

Bytes are written to ``.staging/`` inside the folder, made durable there, and then get their name in one step: by a
hard link where the name must be new, by renaming where it is swapped. A killed writer leaves only a staged file,
which no reader sees and the next one to write removes. Folders are walked by descriptor and symbolic links are never
followed, so that nothing planted inside leads out. Whoever only reads changes nothing: the folder may be read-only.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Final

from registry_gen.errors import ConflictError, StorageError
from registry_gen.model.digest import Sha256
from registry_gen.model.digest import sha256 as digest_of
from registry_gen.storage import Stored, codes
from registry_gen.storage.file_batch import put_batch
from registry_gen.storage.file_objects import (
    check_key,
    check_parts,
    chunks,
    described,
    digest_of_body,
    gathered,
    is_from,
    object_at,
    require_digest,
    require_etag,
    same,
    stored_at,
    write,
)
from registry_gen.storage.file_walk import walk
from registry_gen.storage.folders import failing, open_file, open_folder, open_root, opened_staging

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path
    from typing import BinaryIO

    from registry_gen.storage import Put
    from registry_gen.storage.folders import Staging


_BATCH: Final = 1_000
"""How many objects are named while nobody else may: some hundredths of a second."""


class FileStorage:
    """A storage in the folder ``root``, which the first write creates where it is missing; so far it is empty then.

    ``durable`` False leaves out every fsync: several times as fast, for folders that can be made again.
    Etags are the SHA-256 of the content, so ``head`` and ``list`` read what they report.
    Raises StorageError where the folder cannot be used.
    """

    def __init__(self, root: Path, *, durable: bool = True) -> None:
        """Look whether the folder can be used; nothing in it changes."""
        self._root = root.absolute()
        self._name = self._root.as_uri()
        self._durable = durable
        self._found = False
        self._cleaned = False
        with failing(self.name), suppress(FileNotFoundError), self._reading():
            pass

    @property
    def name(self) -> str:
        """``file:///srv/registry``."""
        return self._name

    def put_new(self, key: str, body: bytes | Path, sha256: Sha256) -> Stored:
        """Write an immutable object, once for good: see ``Storage.put_new``."""
        check_key(key)
        with failing(f"{self.name}/{key}"):
            found = self.head(key)
            if found:
                require_digest(key, sha256, digest_of_body(body))
                return same(found, sha256)
            with self._writing() as (root, staging), staging.file() as (staged, file):
                digest, size = self._fill(file, body)
                require_digest(key, sha256, digest)
                with staging.lock(fcntl.LOCK_SH), self._folder(root, key, create=True) as (folder, name):
                    try:
                        os.link(staged, name, src_dir_fd=staging.folder, dst_dir_fd=folder, follow_symlinks=False)
                    except FileExistsError:
                        found = object_at(folder, name, key)
                    else:
                        self._sync(folder)
            return same(found, sha256) if found else Stored(key, sha256, size)

    def put_if(self, key: str, body: bytes, expected: str | None) -> Stored:
        """Write a mutable document by compare-and-swap: see ``Storage.put_if``."""
        if check_key(key).immutable:
            raise StorageError(codes.BAD_KEY, "an immutable object is never replaced", where=key)
        with failing(f"{self.name}/{key}"), self._writing() as (root, staging), staging.file() as (staged, file):
            digest, size = self._fill(file, body)
            with staging.lock(fcntl.LOCK_EX), self._folder(root, key, create=True) as (folder, name):
                require_etag(key, object_at(folder, name, key), expected)
                os.rename(staged, name, src_dir_fd=staging.folder, dst_dir_fd=folder)
                self._sync(folder)
            return Stored(key, digest, size)

    def put_all(self, puts: Sequence[Put]) -> list[Stored | ConflictError | StorageError]:
        """Write many small objects: see ``Storage.put_all``."""
        results: list[Stored | ConflictError | StorageError] = []
        for start in range(0, len(puts), _BATCH):
            batch = puts[start : start + _BATCH]
            try:
                with failing(self.name), self._writing() as (root, staging):
                    results += put_batch(root, staging, batch, durable=self._durable)
            except StorageError as error:
                results += [error] * len(batch)
        return results

    def get(self, key: str) -> tuple[bytes, Stored] | None:
        """All bytes of a document, or None."""
        check_key(key)
        with failing(f"{self.name}/{key}"), self._existing(key) as file:
            if file is None:
                return None
            data = gathered(chunks(file), f"{self.name}/{key}")
            return data, described(key, file, digest_of(data), len(data))

    def head(self, key: str) -> Stored | None:
        """What is stored under a key, or None."""
        check_key(key)
        with failing(f"{self.name}/{key}"), self._existing(key) as file:
            return stored_at(key, file) if file is not None else None

    def digest(self, key: str) -> Sha256 | None:
        """The SHA-256 of what is stored, which is its etag here; None where there is nothing."""
        found = self.head(key)
        return Sha256(found.etag) if found else None

    def read_into(self, key: str, out: BinaryIO) -> Sha256 | None:
        """Write all bytes of an object into an open file: see ``Storage.read_into``."""
        check_key(key)
        total = hashlib.sha256()
        with failing(f"{self.name}/{key}"), self._existing(key) as file:
            if file is None:
                return None
            for chunk in chunks(file):
                total.update(chunk)
                out.write(chunk)
        return Sha256(total.hexdigest())

    def list(self, prefix: str) -> Iterator[Stored]:
        """Every object whose key starts with ``prefix``, in order of keys; links and special files are no objects."""
        check_parts(prefix.removesuffix("/"), prefix)
        folder, slash, _ = prefix.rpartition("/")
        return self._walk(folder + slash, prefix)

    def relabel(self, key: str) -> Stored | None:
        """Nothing to do: the web server in front makes both when it serves."""
        return self.head(key)

    def delete_if(self, key: str, expected: str) -> None:
        """Delete a mutable document by compare-and-delete: see ``Storage.delete_if``."""

        def require(folder: int, name: str) -> bool:
            found = object_at(folder, name, key)
            if found:
                require_etag(key, found, expected)
            return found is not None

        check_key(key)
        self._remove(key, require)

    def delete_found(self, found: Sequence[Stored]) -> None:
        """Delete objects that nobody wrote anew: see ``Storage.delete_found``."""
        for each in found:
            check_key(each.key)
        for each in found:
            self._remove(each.key, partial(is_from, each.written))

    def delete(self, keys: Sequence[str]) -> None:
        """Delete objects, and the folders that become empty."""
        for key in keys:
            check_key(key)
        for key in keys:
            self._remove(key, lambda _folder, _name: True)

    @contextmanager
    def _reading(self) -> Iterator[int]:
        """A descriptor of the storage's folder. Raises FileNotFoundError where it never was there."""
        known = self._found  # before looking: another thread may make the folder in between
        try:
            root = open_root(self._root)
        except FileNotFoundError:
            if known or self._root.is_symlink():
                raise StorageError(codes.FAILED, "the storage's folder is gone", where=self.name) from None
            raise
        self._found = True
        try:
            yield root
        finally:
            os.close(root)

    @contextmanager
    def _writing(self) -> Iterator[tuple[int, Staging]]:
        """The storage's folder and its staging, for one write; the first one removes what killed writers left."""
        if not self._found and not self._root.is_symlink():
            self._root.mkdir(parents=True, exist_ok=True)
        with self._reading() as root, opened_staging(root, self.name) as staging:
            if not self._cleaned:
                self._cleaned = True
                staging.remove_leftovers()
            yield root, staging

    def _remove(self, key: str, wanted: Callable[[int, str], bool]) -> None:
        """Delete one object where ``wanted`` says so of its folder and name, while nobody else writes or removes."""
        with (
            failing(f"{self.name}/{key}"),
            self._writing() as (root, staging),
            staging.lock(fcntl.LOCK_EX),
            suppress(FileNotFoundError),
        ):
            with self._folder(root, key) as (folder, name):
                if not wanted(folder, name):
                    return
                os.unlink(name, dir_fd=folder)
                self._sync(folder)
            self._remove_empty_folders(root, key)

    @contextmanager
    def _folder(self, root: int, key: str, *, create: bool = False) -> Iterator[tuple[int, str]]:
        """A descriptor of the folder that holds ``key``, and the last part of the key.

        Raises FileNotFoundError where a folder is missing and shall not be created.
        """
        *parents, name = key.split("/")
        folder = root
        try:
            for part in parents:
                above, folder = folder, self._open_folder(folder, part, create=create)
                if above != root:
                    os.close(above)
            yield folder, name
        finally:
            if folder != root:
                os.close(folder)

    def _open_folder(self, above: int, part: str, *, create: bool) -> int:
        try:
            return open_folder(above, part)
        except FileNotFoundError:
            if not create:
                raise
        with suppress(FileExistsError):
            os.mkdir(part, dir_fd=above)
        folder = open_folder(above, part)
        os.fchmod(folder, 0o755)
        self._sync(above)
        return folder

    @contextmanager
    def _existing(self, key: str) -> Iterator[int | None]:
        """A descriptor of the object under ``key``, or None."""
        try:
            with self._reading() as root, self._folder(root, key) as (folder, name):
                file = open_file(folder, name)
        except FileNotFoundError:
            yield None
            return
        try:
            yield file
        finally:
            os.close(file)

    def _fill(self, file: int, body: bytes | Path) -> tuple[Sha256, int]:
        """Digest and size of what is durable in ``file`` then, and readable for web servers of other users."""
        digest, size = write(file, body)
        os.fchmod(file, 0o644)
        self._sync(file)
        return digest, size

    def _walk(self, folder: str, prefix: str) -> Iterator[Stored]:
        """Objects below ``folder`` ("" or ending in "/"); none where there is no such folder."""
        with ExitStack() as stack:
            with failing(f"{self.name}/{folder}"):
                try:
                    root = stack.enter_context(self._reading())
                    opened, _ = stack.enter_context(self._folder(root, folder))
                    found = walk(opened, folder, prefix, self.name)
                except (FileNotFoundError, NotADirectoryError):
                    return
            yield from found

    def _remove_empty_folders(self, root: int, key: str) -> None:
        while "/" in key:
            key = key.rpartition("/")[0]
            with self._folder(root, key) as (above, name):
                try:
                    os.rmdir(name, dir_fd=above)
                except OSError as error:
                    if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
                        return
                    raise
                self._sync(above)

    def _sync(self, file: int) -> None:
        if self._durable:
            os.fsync(file)

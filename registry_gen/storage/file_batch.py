"""Many objects of a folder storage at once: written, made durable together, and then named one after the other.

A disk is waited for twice in a batch, where a put by itself waits twice for each object. The promises are the same:
nothing has a name before its bytes are durable, no name is told before it is durable.
"""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

from registry_gen.errors import ConflictError, StorageError
from registry_gen.storage import Stored, codes
from registry_gen.storage.durable import sync_file_system
from registry_gen.storage.file_objects import check_key, object_at, require_digest, require_etag, same, write
from registry_gen.storage.folders import failing, open_folder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from registry_gen.model.digest import Sha256
    from registry_gen.storage import Put
    from registry_gen.storage.folders import Staging

Ended = Stored | ConflictError | StorageError


def put_batch(root: int, staging: Staging, puts: Sequence[Put], *, durable: bool) -> list[Ended]:
    """How each put ended, in their order; see ``Storage.put_all``. Raises OSError where none could be tried."""
    results: dict[int, Ended] = {}
    with staging.folder_of_files() as staged:
        written: dict[int, tuple[Sha256, int]] = {}
        for number, put in enumerate(puts):
            try:
                written[number] = _written(staged, str(number), put)
            except StorageError as error:
                results[number] = error
        if durable:
            sync_file_system(root)
        with staging.lock(fcntl.LOCK_EX), _Folders(root) as folders:
            for number in sorted(written, key=lambda number: puts[number].key):
                try:
                    results[number] = _named(staged, str(number), puts[number], *written[number], folders)
                except (ConflictError, StorageError) as error:
                    results[number] = error
        if durable:
            sync_file_system(root)
    return [results[number] for number in range(len(puts))]


def _written(staged: int, name: str, put: Put) -> tuple[Sha256, int]:
    """Digest and size of what was written."""
    with failing(put.key):
        if put.immutable != check_key(put.key).immutable:
            raise StorageError(codes.BAD_KEY, "an immutable object is never replaced", where=put.key)
        file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=staged)
        try:
            digest, size = write(file, put.body)
            os.fchmod(file, 0o644)  # for web servers of other users, whatever the umask
        finally:
            os.close(file)
    if put.sha256:
        require_digest(put.key, put.sha256, digest)
    return digest, size


def _named(staged: int, name: str, put: Put, digest: Sha256, size: int, folders: _Folders) -> Stored:
    """Give a staged file its key, as ``Storage.put_new`` and ``Storage.put_if`` say."""
    with failing(put.key):
        folder, target = folders.of(put.key)
        if put.expected is None:
            try:
                os.link(name, target, src_dir_fd=staged, dst_dir_fd=folder, follow_symlinks=False)
            except FileExistsError:
                found = object_at(folder, target, put.key)
                if put.immutable and found:
                    return same(found, digest)
                require_etag(put.key, found, None)
                raise
        else:
            require_etag(put.key, object_at(folder, target, put.key), put.expected)
            os.rename(name, target, src_dir_fd=staged, dst_dir_fd=folder)
    return Stored(put.key, digest, size)


class _Folders:
    """The folders of one key, open until a key of others is asked for: keys in order need few steps."""

    def __init__(self, root: int) -> None:
        self._open: list[tuple[str, int]] = [("", root)]

    def __enter__(self) -> _Folders:
        return self

    def __exit__(self, *_: object) -> None:
        self._close(1)

    def of(self, key: str) -> tuple[int, str]:
        """The folder that holds a key, made where it is missing, and the last part of the key."""
        *parents, name = key.split("/")
        same_parts = 1
        while same_parts < len(self._open) and same_parts <= len(parents):
            if self._open[same_parts][0] != parents[same_parts - 1]:
                break
            same_parts += 1
        self._close(same_parts)
        for part in parents[same_parts - 1 :]:
            self._open.append((part, _opened(self._open[-1][1], part)))
        return self._open[-1][1], name

    def _close(self, keep: int) -> None:
        for _, folder in self._open[keep:]:
            os.close(folder)
        del self._open[keep:]


def _opened(above: int, part: str) -> int:
    try:
        return open_folder(above, part)
    except FileNotFoundError:
        os.mkdir(part, dir_fd=above)
    folder = open_folder(above, part)
    os.fchmod(folder, 0o755)
    return folder

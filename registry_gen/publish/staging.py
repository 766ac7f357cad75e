"""The staging area: verified bytes that wait for the bucket, in the state folder.

Each waits under its digest and its key: two packages may have the same bytes, and each forgets only its own.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from registry_gen.errors import StorageError
from registry_gen.model.digest import Sha256, sha256
from registry_gen.model.intent import Artifact
from registry_gen.publish import codes
from registry_gen.storage.durable import sync_file_system

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_PART: Final = ".part"


class Staging:
    """A folder of files. What is kept survives the process, so that an intent can be finished later."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @contextmanager
    def file(self) -> Iterator[BinaryIO]:
        """A new file to write, read and seek; it is gone at the end unless ``keep`` was called with it."""
        try:
            self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
            path = self._root / f"{secrets.token_hex(16)}{_PART}"
            out = path.open("x+b")
        except OSError as error:
            raise self._failed(error) from error
        try:
            with out:
                yield out
        except OSError as error:
            raise self._failed(error) from error
        finally:
            path.unlink(missing_ok=True)

    def keep(self, out: BinaryIO, key: str, digest: Sha256) -> Artifact:
        """Keep a file of ``file()``, whose SHA-256 is ``digest``, as the artifact for ``key``."""
        try:
            out.flush()
            artifact = Artifact(key, digest, os.fstat(out.fileno()).st_size)
            Path(out.name).replace(self._place(artifact))
        except OSError as error:
            raise self._failed(error) from error
        return artifact

    def keep_bytes(self, data: bytes, key: str) -> Artifact:
        """Keep a small artifact."""
        with self.file() as out:
            out.write(data)
            return self.keep(out, key, sha256(data))

    def sync(self) -> None:
        """Wait until all that was kept is on the disk: what the ledger counts on has to be there after a power loss."""
        try:
            folder = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY)
            try:
                sync_file_system(folder)
            finally:
                os.close(folder)
        except FileNotFoundError:
            return  # nothing was ever kept
        except OSError as error:
            raise self._failed(error) from error

    def path(self, artifact: Artifact) -> Path | None:
        """Where the artifact's bytes wait, or None where they do not."""
        path = self._place(artifact)
        return path if path.is_file() else None

    def holds(self, artifact: Artifact) -> bool:
        """Whether the artifact's bytes wait, to the last one. What else waits in their place is removed."""
        path = self.path(artifact)
        if path is None:
            return False
        try:
            with path.open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() == artifact.sha256:
                    return True
            path.unlink()
        except OSError as error:
            raise self._failed(error) from error
        return False

    def discard(self, artifacts: Iterable[Artifact]) -> None:
        """Forget artifacts that have reached the bucket."""
        try:
            for artifact in artifacts:
                self._place(artifact).unlink(missing_ok=True)
        except OSError as error:
            raise self._failed(error) from error

    def sweep(self, needed: Iterable[Artifact], older_than: float) -> None:
        """Remove what earlier runs left, except artifacts an open intent needs.

        ``older_than`` (seconds since the epoch) spares the files of a run that is staging at this moment.
        """
        if not self._root.is_dir():
            return
        kept = {self._place(artifact) for artifact in needed}
        try:
            for path in self._root.iterdir():
                with suppress(FileNotFoundError):  # a run that is staging at this moment was done with it
                    if path not in kept and path.stat().st_mtime < older_than:
                        path.unlink()
        except OSError as error:
            raise self._failed(error) from error

    def _place(self, artifact: Artifact) -> Path:
        return self._root / f"{artifact.sha256}-{sha256(artifact.key.encode())[:16]}"

    def _failed(self, error: OSError) -> StorageError:
        return StorageError(
            codes.STAGING, where=str(self._root), found=error.strerror or str(error), hint=codes.STAGING.fix
        )

"""The staging area: verified bytes that wait for the bucket, each under its SHA-256 in the state folder."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from registry_gen.errors import StorageError
from registry_gen.model.digest import Sha256, sha256
from registry_gen.model.intent import Artifact
from registry_gen.publish import codes

if TYPE_CHECKING:
    from collections.abc import Iterator

_PART: Final = ".part"


class Staging:
    """A folder of files named by digest. What is kept survives the process, so that an intent can be finished later."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @contextmanager
    def file(self) -> Iterator[IO[bytes]]:
        """A new file to write, read and seek; it is gone at the end unless ``keep`` was called with it."""
        try:
            self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
            # The name is needed by keep(), which renames the file: so it is not deleted on closing.
            out = tempfile.NamedTemporaryFile(dir=self._root, suffix=_PART, delete=False)  # noqa: SIM115
        except OSError as error:
            raise self._failed(error) from error
        path = Path(out.name)
        try:
            with out:
                yield out
        except OSError as error:
            raise self._failed(error) from error
        finally:
            path.unlink(missing_ok=True)

    def keep(self, out: IO[bytes], key: str, digest: Sha256) -> Artifact:
        """Keep a file of ``file()`` under its digest, and name it as the artifact for ``key``."""
        try:
            out.flush()
            os.fsync(out.fileno())
            size = os.fstat(out.fileno()).st_size
            Path(out.name).replace(self._root / digest)
        except OSError as error:
            raise self._failed(error) from error
        return Artifact(key, digest, size)

    def keep_bytes(self, data: bytes, key: str) -> Artifact:
        """Keep a small artifact."""
        with self.file() as out:
            out.write(data)
            return self.keep(out, key, sha256(data))

    def path(self, digest: Sha256) -> Path | None:
        """Where the bytes with this digest wait, or None where they do not."""
        path = self._root / digest
        return path if path.is_file() else None

    def discard(self, digests: Iterator[Sha256]) -> None:
        """Forget bytes that have reached the bucket."""
        for digest in digests:
            (self._root / digest).unlink(missing_ok=True)

    def sweep(self, needed: frozenset[Sha256], older_than: float) -> None:
        """Remove what earlier runs left, except digests an open intent needs.

        ``older_than`` (seconds since the epoch) spares the files of a run that is staging at this moment.
        """
        if not self._root.is_dir():
            return
        for path in self._root.iterdir():
            if path.name not in needed and path.stat().st_mtime < older_than:
                path.unlink(missing_ok=True)

    def _failed(self, error: OSError) -> StorageError:
        return StorageError(
            codes.STAGING, where=str(self._root), found=error.strerror or str(error), hint=codes.STAGING.fix
        )

"""Folder storages that each break one promise of ``storage.Storage``, as buckets of the world do.

What is asked in the main thread comes one after another, what other threads ask comes at once.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from registry_gen.errors import ConflictError, StorageError
from registry_gen.storage import codes
from registry_gen.storage.file import FileStorage

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from registry_gen.model.digest import Sha256
    from registry_gen.storage import Stored


def at_once() -> bool:
    """Whether another writer is at work."""
    return threading.current_thread() is not threading.main_thread()


class Denies(FileStorage):
    def head(self, key: str) -> Stored | None:
        raise StorageError(codes.NOT_ALLOWED, where=key, hint="Allow it.")


class Forgets(FileStorage):
    def get(self, key: str) -> tuple[bytes, Stored] | None:
        return None


class AnswersWithOthers(FileStorage):
    def get(self, key: str) -> tuple[bytes, Stored] | None:
        found = super().get(key)
        return found and (b"former contents", found[1])


class AnswersWithAnotherEtag(FileStorage):
    def get(self, key: str) -> tuple[bytes, Stored] | None:
        found = super().get(key)
        return found and (found[0], replace(found[1], etag="another"))


class Overwrites(FileStorage):
    def put_new(self, key: str, body: bytes | Path, sha256: Sha256) -> Stored:
        self.delete([key])
        return super().put_new(key, body, sha256)


class Pretends(FileStorage):
    """Says that it wrote, and leaves what is there."""

    def put_new(self, key: str, body: bytes | Path, sha256: Sha256) -> Stored:
        return super().head(key) or super().put_new(key, body, sha256)


class CreatesOverDocuments(FileStorage):
    def put_if(self, key: str, body: bytes, expected: str | None) -> Stored:
        found = super().head(key)
        return super().put_if(key, body, expected or (found.etag if found else None))


class OverwritesAtOnce(FileStorage):
    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._lock = threading.Lock()

    def put_new(self, key: str, body: bytes | Path, sha256: Sha256) -> Stored:
        if not at_once():
            return super().put_new(key, body, sha256)
        with self._lock:
            self.delete([key])
            return super().put_new(key, body, sha256)


class LetsTheLoserWin(FileStorage):
    """Refuses the second writer, and keeps its bytes all the same."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._lock = threading.Lock()

    def put_new(self, key: str, body: bytes | Path, sha256: Sha256) -> Stored:
        with self._lock:
            second = at_once() and super().head(key) is not None
            if second:
                self.delete([key])
            stored = super().put_new(key, body, sha256)
        if second:
            raise ConflictError(codes.IMMUTABLE_CONFLICT, where=key)
        return stored


class IgnoresEtags(FileStorage):
    def put_if(self, key: str, body: bytes, expected: str | None) -> Stored:
        found = super().head(key) if expected else None
        return super().put_if(key, body, found.etag if found else expected)


class IgnoresEtagsAtOnce(FileStorage):
    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._lock = threading.Lock()

    def put_if(self, key: str, body: bytes, expected: str | None) -> Stored:
        if not at_once():
            return super().put_if(key, body, expected)
        with self._lock:
            found = super().head(key)
            return super().put_if(key, body, found.etag if found else None)


class RefusesAtOnce(FileStorage):
    """Of two at once none wins."""

    def put_if(self, key: str, body: bytes, expected: str | None) -> Stored:
        return super().put_if(key, body, "another" if at_once() else expected)


class OneEtag(FileStorage):
    """Every document has the same etag, whatever is in it."""

    def put_if(self, key: str, body: bytes, expected: str | None) -> Stored:
        found = super().head(key)
        real = found.etag if found and expected == "one" else expected
        return replace(super().put_if(key, body, real), etag="one")


class DeletesBlindly(FileStorage):
    def delete_if(self, key: str, expected: str) -> None:
        self.delete([key])


class KeepsSilently(FileStorage):
    """Does not delete what changed, and does not say so."""

    def delete_if(self, key: str, expected: str) -> None:
        found = self.head(key)
        if found and found.etag == expected:
            super().delete_if(key, expected)


class ListsNothing(FileStorage):
    def list(self, prefix: str) -> Iterator[Stored]:
        yield from ()


class HeadsNothing(FileStorage):
    def head(self, key: str) -> Stored | None:
        return None


class LosesLabels(FileStorage):
    def head(self, key: str) -> Stored | None:
        found = super().head(key)
        return found and replace(found, content_type="binary/octet-stream", cache_control="public, max-age=300")


class KeepsLabels(FileStorage):
    def head(self, key: str) -> Stored | None:
        found = super().head(key)
        return found and replace(found, content_type="application/octet-stream", cache_control="public, max-age=300")


class AnHourAhead(FileStorage):
    def head(self, key: str) -> Stored | None:
        found = super().head(key)
        return found and replace(found, modified=found.modified and found.modified + timedelta(hours=1))


class NeverDeletes(FileStorage):
    def delete(self, keys: Sequence[str]) -> None:
        """A lock of the bucket that nobody is told about."""


class RefusesToDelete(FileStorage):
    def delete(self, keys: Sequence[str]) -> None:
        raise StorageError(codes.NOT_ALLOWED, where=keys[0] if keys else "")


class IsInterrupted(FileStorage):
    """Somebody presses Ctrl-C in the middle."""

    def digest(self, key: str) -> Sha256 | None:
        raise KeyboardInterrupt

"""The bare repositories that fetched commits are kept in: one folder for each URL, one writer at a time.

A commit counts as fetched when ``refs/at/COMMIT`` names it. Git writes a ref only after the pack is complete, so a
killed fetch leaves no such ref. Everything here can be deleted at any time; it is fetched again.
"""

from __future__ import annotations

import contextlib
import fcntl
import shutil
import threading
from hashlib import sha256
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from registry_gen.model.digest import Commit
    from registry_gen.sources.git_command import GitCommand

_REFS_BYTES: Final = 64 * 1024 * 1024
_OBJECT_FORMATS: Final = {40: "sha1", 64: "sha256"}


class GitCache:
    """Finds, locks, makes and discards caches under ``folder``."""

    def __init__(self, folder: Path, command: GitCommand) -> None:
        self._folder = folder
        self._command = command
        self._guard = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}

    def path(self, url: str) -> Path:
        """The cache of a URL, which may not exist."""
        return self._folder / sha256(url.encode()).hexdigest()

    @contextlib.contextmanager
    def locked(self, url: str) -> Iterator[Path]:
        """Be the only one, of all threads and processes, to write to a URL's cache."""
        path = self.path(url)
        with self._guard:
            lock = self._locks.setdefault(path.name, threading.Lock())
        self._folder.mkdir(parents=True, exist_ok=True)
        with lock, path.with_suffix(".lock").open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield path

    def prepare(self, path: Path, commit: Commit) -> None:
        """Make the cache where it is missing, and clear away what a killed git left. Call it under the lock."""
        if not (path / "HEAD").is_file():
            self.discard(path)
            # Made aside and renamed, so that a half-made one is never taken for a cache.
            new = path.with_suffix(".new")
            shutil.rmtree(new, ignore_errors=True)
            form = _OBJECT_FORMATS[len(commit)]
            self._command.run("init", "-q", "--bare", "--template=", f"--object-format={form}", "--", str(new), limit=0)
            new.rename(path)
        for left in (*path.glob("*.lock"), *(path / "refs").rglob("*.lock"), *path.glob("objects/pack/tmp_*")):
            left.unlink(missing_ok=True)

    def discard(self, path: Path) -> None:
        """Throw a cache away; whoever still reads from it gets an error."""
        shutil.rmtree(path, ignore_errors=True)

    def fetched(self, path: Path, commits: Sequence[Commit]) -> frozenset[Commit]:
        """Those of the commits that were fetched completely."""
        lines = self.peel(path, [f"refs/at/{commit}" for commit in commits])
        return frozenset(commit for commit, line in zip(commits, lines, strict=True) if line == f"commit {commit}")

    def peel(self, path: Path, refs: Sequence[str]) -> tuple[str, ...]:
        """What each ref peels to: "commit ID", another type and its id, or something that ends in " missing"."""
        asked = "".join(f"{ref}^{{}}\n" for ref in refs).encode()
        output = self._command.run(
            "cat-file", "--batch-check=%(objecttype) %(objectname)", folder=path, stdin=asked, limit=_REFS_BYTES
        )
        return tuple(output.decode().splitlines())

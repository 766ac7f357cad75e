"""The bare repositories that fetched commits are kept in: one folder for each URL, one writer at a time.

A commit counts as fetched when ``refs/at/COMMIT`` names it. Git writes a ref only after the pack is complete, so a
killed fetch leaves no such ref. Everything here can be deleted at any time; it is fetched again.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
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
_HEAD: Final = b"ref: refs/heads/main\n"
_CONFIGS: Final = {
    40: b"[core]\n\trepositoryformatversion = 0\n\tbare = true\n",
    64: b"[core]\n\trepositoryformatversion = 1\n\tbare = true\n[extensions]\n\tobjectFormat = sha256\n",
}
"""By the length of ids: SHA-1 and SHA-256."""
_PARTS: Final = frozenset({"HEAD", "config", "objects", "refs", "packed-refs", "shallow"})


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
        if not self.usable(path):
            self.discard(path)
            # Made aside and renamed, so that a half-made one is never taken for a cache.
            new = path.with_suffix(".new")
            self.discard(new)
            (new / "objects").mkdir(parents=True)
            (new / "refs").mkdir()
            (new / "config").write_bytes(_CONFIGS[len(commit)])
            (new / "HEAD").write_bytes(_HEAD)
            new.rename(path)
        for left in (*path.glob("*.lock"), *(path / "refs").rglob("*.lock"), *path.glob("objects/pack/tmp_*")):
            left.unlink(missing_ok=True)

    def discard(self, path: Path) -> None:
        """Throw a cache away; whoever still reads from it gets an error."""
        if path.is_symlink() or path.is_file():
            path.unlink()
        shutil.rmtree(path, ignore_errors=True)

    def usable(self, path: Path) -> bool:
        """Whether a cache is there that was made here: git obeys what a repository's config and hooks say."""
        try:
            with os.scandir(path) as found:
                parts = [entry for entry in found if not entry.name.endswith(".lock")]
            return (
                not path.is_symlink()
                and not any(entry.is_symlink() or entry.name not in _PARTS for entry in parts)
                and not (path / "objects/info/alternates").exists()
                and (path / "HEAD").read_bytes() == _HEAD
                and (path / "config").read_bytes() in _CONFIGS.values()
            )
        except (FileNotFoundError, NotADirectoryError):
            return False

    def fetched(self, path: Path, commits: Sequence[Commit]) -> frozenset[Commit]:
        """Those of the commits that were fetched completely."""
        lines = self.peel(path, [f"refs/at/{commit}" for commit in commits])
        return frozenset(commit for commit, line in zip(commits, lines, strict=True) if line == f"commit {commit}")

    def peel(self, path: Path, refs: Sequence[str]) -> tuple[str, ...]:
        """What each ref peels to: "commit ID", another type and its id, or something that ends in " missing"."""
        asked = "".join(f"{ref}^{{}}\n" for ref in refs).encode()
        output = self._command.run(
            "cat-file", "--batch-check=%(objecttype) %(objectname)", repository=path, stdin=asked, limit=_REFS_BYTES
        )
        return tuple(output.decode().splitlines())

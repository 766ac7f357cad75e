"""The catalog as it is at a commit of its own repository: the one that is checked out, or an earlier one."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from registry_gen.catalog.identity import is_ignored
from registry_gen.errors import InputError, SourceError
from registry_gen.model.digest import parse_commit
from registry_gen.sources import codes
from registry_gen.sources.files import MAX_FILES, MAX_TOTAL_BYTES
from registry_gen.sources.git_command import CommandError, OutputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from registry_gen.model.config import Config
    from registry_gen.model.digest import Commit
    from registry_gen.sources.files import CatalogFile
    from registry_gen.sources.git_command import GitCommand

_ROW_BYTES: Final = 600
_FILE_MODES: Final = frozenset({b"100644", b"100755"})


@dataclass(frozen=True, slots=True)
class Former:
    """The catalog's files at a commit, as ``read_catalog`` gives those of today; links are left out.

    ``same_registry`` says whether registry.yaml was what it is now.
    """

    files: tuple[CatalogFile, ...]
    same_registry: bool


@dataclass(frozen=True, slots=True)
class CheckedOut:
    """The commit that a catalog is of, byte for byte; None where there is no such commit.

    ``differs`` is then the first file that is not as committed, or "" where the catalog is in no git repository.
    """

    commit: Commit | None
    differs: str = ""


def checked_out(config: Config, git: GitCommand, files: Iterable[CatalogFile]) -> CheckedOut:
    """Whether ``files``, all that was read of the catalog, is what the commit holds that is checked out.

    What was changed, added or taken away since is in no commit: to name one would be to say what is not so.
    """
    try:
        said = _ask(git, config.catalog, "rev-parse", "--verify", "--end-of-options", "HEAD^{commit}")
        commit = parse_commit(said.decode("ascii").strip())
        there = {path: blob for path, blob in _tree(git, config.catalog, commit) if not is_ignored(path)}
    except (CommandError, OutputError, SourceError, InputError, ValueError, OSError):
        return CheckedOut(None)
    for path, data in files:
        blob = there.pop(path, "")
        if not isinstance(data, bytes) or blob_id(data, blob) != blob:
            return CheckedOut(None, path)
    return CheckedOut(None, min(there)) if there else CheckedOut(commit)


def read_former_catalog(
    config: Config, git: GitCommand, revision: str, registry: tuple[str, bytes], now: Iterable[CatalogFile]
) -> Former:
    """The catalog at ``revision``, which git knows. Only what differs from ``now``, the files of today, is read.

    ``registry`` is registry.yaml's name and bytes. Raises InputError GIT016 where there is no such commit, the catalog
    is in no repository, or was larger then than it may be.
    """
    here = {path: data for path, data in now if isinstance(data, bytes)}
    name, settings = registry
    try:
        commit = _ask(git, config.catalog, "rev-parse", "--verify", "--end-of-options", revision + "^{commit}")
        there = dict(_tree(git, config.catalog, commit.decode("ascii").strip()))
        blobs = {path: here[path] for path, blob in there.items() if path in here and blob_id(here[path], blob) == blob}
        blobs |= _read(git, config.catalog, {path: blob for path, blob in there.items() if path not in blobs})
        before = dict(_tree(git, config.root, commit.decode("ascii").strip(), name)).get(name, "")
    except (CommandError, OutputError, SourceError, ValueError, OSError):
        raise InputError(codes.NO_REVISION, found=revision, hint=codes.NO_REVISION.fix) from None
    return Former(tuple(sorted(blobs.items())), blob_id(settings, before) == before)


def blob_id(data: bytes, like: str) -> str:
    """The name that git gives a blob, by the hash that ``like`` has the length of (SHA-1 or SHA-256)."""
    header = b"blob %d\0" % len(data)
    if len(like) == 64:
        return hashlib.sha256(header + data).hexdigest()
    return hashlib.sha1(header + data, usedforsecurity=False).hexdigest()


def _ask(git: GitCommand, folder: Path, *arguments: str, stdin: bytes = b"", limit: int = 200) -> bytes:
    return git.run(*arguments, folder=folder, stdin=stdin, limit=limit)


def _tree(git: GitCommand, folder: Path, commit: str, *names: str) -> Iterator[tuple[str, str]]:
    """Path and blob of each file below ``folder`` at a commit."""
    rows = _ask(git, folder, "ls-tree", "-r", "-z", commit, "--", *names, limit=MAX_FILES * _ROW_BYTES)
    for row in rows.split(b"\0")[:-1]:
        facts, _, path = row.partition(b"\t")
        mode, _, blob = facts.split(b" ")
        if mode in _FILE_MODES:
            yield path.decode(), blob.decode("ascii")


def _read(git: GitCommand, folder: Path, blobs: Mapping[str, str]) -> Mapping[str, bytes]:
    """The contents of blobs, by path."""
    if not blobs:
        return {}
    asked = "".join(f"{blob}\n" for blob in blobs.values()).encode()
    said = _ask(git, folder, "cat-file", "--batch", stdin=asked, limit=MAX_TOTAL_BYTES)
    found: dict[str, bytes] = {}
    start = 0
    for path in blobs:
        end = said.index(b"\n", start)
        size = int(said[start:end].split(b" ")[2])  # NAME blob SIZE
        found[path] = said[end + 1 : end + 1 + size]
        start = end + 1 + size + 1
    return found

"""Reading a folder of a commit, blob by blob, bounded before the first byte is read.

``ls-tree`` and ``cat-file`` give exactly what was committed: no attributes, filters or line endings are applied,
which ``git archive`` and a checkout would do.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Final

from registry_gen.errors import RefusalError, SourceError
from registry_gen.model.tree import FileKind, TreeFile
from registry_gen.sources import codes
from registry_gen.sources.git_command import CommandError, OutputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from registry_gen.model.config import Limits
    from registry_gen.model.digest import Commit
    from registry_gen.sources.git_command import GitCommand

_KINDS: Final[dict[str, FileKind]] = {
    "100644": "file",
    "100664": "file",
    "100755": "executable",
    "120000": "symlink",
}
_LINE: Final = re.compile(rb"([0-7]{6}) ([a-z]+) ([0-9a-f]{40,64}) +([0-9]+|-)\t(.+)", re.DOTALL)
_NAME_BYTES: Final = 1024
"""What a file's line in a listing may take on average."""


class DamagedCacheError(Exception):
    """The cache lacks something that it must have."""


@dataclass(frozen=True, slots=True)
class _Blob:
    path: str
    kind: FileKind
    id: str
    size: int


def read_tree(
    command: GitCommand, cache: Path, commit: Commit, path: str, where: str, limits: Limits
) -> Iterator[TreeFile]:
    """The files under ``path`` ("" for all) of a commit in the repository ``cache``, by path as bytes.

    Raises RefusalError GIT008, GIT009, GIT013, SourceError GIT010, DamagedCacheError, and what ``GitCommand`` raises.
    """
    blobs = _list(command, cache, commit, path, where, limits)
    asked = "".join(f"{blob.id}\n" for blob in blobs).encode()
    with command.stream("cat-file", "--batch", repository=cache, stdin=asked) as running:
        for blob in blobs:
            yield TreeFile(blob.path, blob.kind, _read(running.output, blob))


def _list(command: GitCommand, cache: Path, commit: Commit, path: str, where: str, limits: Limits) -> list[_Blob]:
    if path and {"", ".", ".."} & set(path.split("/")):
        raise SourceError(codes.NO_FOLDER, where=where, found=repr(path[:200]), hint=codes.NO_FOLDER.fix)
    try:
        listed = command.run(
            *("ls-tree", "-r", "-l", "-z", "--full-tree", f"{commit}:{path}"),
            repository=cache,
            limit=limits.module_files * _NAME_BYTES,
        )
    except OutputError:
        raise _too_large(where, f"at most {limits.module_files} files", "more") from None
    except CommandError as error:
        if re.search(r"not a tree object|not a valid object name|does not exist", error.ended.said, re.IGNORECASE):
            raise SourceError(
                codes.NO_FOLDER, where=where, expected=f"the folder {path!r}", hint=codes.NO_FOLDER.fix
            ) from None
        raise
    lines = listed.split(b"\0")[:-1]
    if len(lines) > limits.module_files:
        raise _too_large(where, f"at most {limits.module_files} files", str(len(lines)))
    blobs = sorted((_blob(line, where) for line in lines), key=lambda blob: blob.path.encode())
    total = sum(blob.size for blob in blobs)
    if total > limits.module_bytes:
        raise _too_large(where, f"at most {limits.module_bytes} bytes", str(total))
    return blobs


def _blob(line: bytes, where: str) -> _Blob:
    found = _LINE.fullmatch(line)
    if found is None:
        raise DamagedCacheError(repr(line[:100]))
    mode, type_, name, size, raw = (part.decode(errors="surrogateescape") for part in found.groups())
    shown = raw.encode(errors="surrogateescape").decode(errors="backslashreplace")[:200]
    if type_ == "commit":
        raise RefusalError(codes.SUBMODULE, where=where, found=repr(shown), hint=codes.SUBMODULE.fix)
    if mode not in _KINDS or size == "-":
        raise RefusalError(codes.BAD_PATH_IN_TREE, where=where, found=f"mode {mode} of {shown!r}")
    # A tree made by hand may hold any name but one with a slash; git itself checks on checkout only.
    parts = raw.split("/")
    if not _is_plain(raw) or any(part in ("", ".", "..") or part.lower() == ".git" for part in parts):
        raise RefusalError(codes.BAD_PATH_IN_TREE, where=where, found=repr(shown), hint=codes.BAD_PATH_IN_TREE.fix)
    return _Blob(raw, _KINDS[mode], name, int(size))


def _is_plain(text: str) -> bool:
    return not any(ord(char) < 32 or ord(char) == 127 or 0xD800 <= ord(char) <= 0xDFFF for char in text)


def _read(output: IO[bytes], blob: _Blob) -> bytes:
    head = output.readline(256)
    if head != f"{blob.id} blob {blob.size}\n".encode():
        raise DamagedCacheError(f"{blob.path}: {head[:100]!r}")
    data = output.read(blob.size + 1)
    if len(data) != blob.size + 1:
        raise DamagedCacheError(f"{blob.path}: broke off")
    return data[:-1]


def _too_large(where: str, expected: str, found: str) -> RefusalError:
    return RefusalError(
        codes.TREE_TOO_LARGE, where=where, expected=expected, found=found, hint=codes.TREE_TOO_LARGE.fix
    )

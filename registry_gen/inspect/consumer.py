"""A consumer's folder: its Terraform code and lock files. Everything has an end, and no link is followed."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from registry_gen.errors import InputError, Position
from registry_gen.extract.configuration import MAX_BYTES, CodeFile, NotCodeError
from registry_gen.extract.hcl import read_hcl
from registry_gen.extract.hcl_json import read_json
from registry_gen.inspect import codes
from registry_gen.inspect.lock_file import MAX_BYTES as MAX_LOCK
from registry_gen.inspect.lock_file import read_lock_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from registry_gen.extract.configuration import Expression
    from registry_gen.inspect.lock_file import LockedProvider

LOCK_FILE: Final = ".terraform.lock.hcl"
_HCL: Final = (".tf", ".tofu")
_JSON: Final = (".tf.json", ".tofu.json")
_NOT_THEIRS: Final = frozenset({".terraform", ".terragrunt-cache", ".git"})
"""Folders of the clients and of git: what lies there is a copy."""

MAX_ENTRIES: Final = 200_000
MAX_FOLDERS: Final = 64
"""Folders in folders."""
MAX_CODE: Final = 16_000_000
"""Bytes of all files together; a hostile one takes some seconds for each million."""
MAX_ASKED: Final = 20_000
"""Modules and providers of all files together."""


@dataclass(frozen=True, slots=True)
class Folder:
    """One module of the consumer's: its files by path, and what its lock file pins; ``lock`` is that file's path."""

    files: dict[str, CodeFile] = field(default_factory=dict)
    locked: tuple[LockedProvider, ...] = ()
    lock: str = ""

    @property
    def locals(self) -> dict[str, Expression]:
        """Those of all files."""
        return {name: value for file in self.files.values() for name, value in file.locals.items()}


@dataclass(frozen=True, slots=True)
class Consumer:
    """All folders with code or a lock file, by their paths; ``problems`` are files that were not read or not wholly."""

    folders: dict[str, Folder]
    problems: tuple[InputError, ...]


def read_consumer(root: Path) -> Consumer:
    """Read a folder and those below it. Paths are as ``root`` was given. Raises InputError INS070."""
    folders: dict[str, Folder] = {}
    problems: list[InputError] = []
    room, asked = MAX_CODE, 0
    for path in _files(root, problems):
        limit = MAX_LOCK if path.name == LOCK_FILE else MAX_BYTES
        try:
            data = _read(path, limit)
        except OSError as error:
            problems.append(_unread(str(path), "a file that can be read", error.strerror or "an error"))
            continue
        room -= len(data)
        if room < 0:
            raise InputError(codes.TOO_MUCH_CODE, where=str(root), expected=f"at most {MAX_CODE} bytes of code")
        folder = folders.setdefault(str(path.parent), Folder())
        if path.name == LOCK_FILE:
            locked = _locked(data, str(path), problems)
            folders[str(path.parent)] = Folder(folder.files, locked, str(path))
        else:
            file = folder.files[str(path)] = _code(data, path, problems)
            asked += len(file.modules) + len(file.providers)
            if asked > MAX_ASKED:
                raise InputError(
                    codes.TOO_MUCH_CODE, where=str(root), expected=f"at most {MAX_ASKED} modules and providers"
                )
    return Consumer(folders, tuple(problems))


def _files(root: Path, problems: list[InputError]) -> Iterator[Path]:
    """Code and lock files, sorted."""
    seen = 0
    waiting = [(root, 0)]
    while waiting:
        folder, depth = waiting.pop()
        below = []
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    seen += 1
                    if seen > MAX_ENTRIES:
                        raise InputError(codes.TOO_MUCH_CODE, where=str(root), expected=f"at most {MAX_ENTRIES} files")
                    below.append(
                        (entry.name, entry.is_dir(follow_symlinks=False), entry.is_file(follow_symlinks=False))
                    )
        except OSError as error:
            problems.append(_unread(str(folder), "a folder that can be read", error.strerror or "an error"))
        for name, _, is_file in sorted(below):
            if is_file and (name == LOCK_FILE or (name.endswith(_HCL + _JSON) and not name.startswith("."))):
                yield folder / name
        inside = [folder / name for name, is_folder, _ in sorted(below) if is_folder and name not in _NOT_THEIRS]
        if inside and depth == MAX_FOLDERS:
            raise InputError(codes.TOO_MUCH_CODE, where=str(folder), expected=f"at most {MAX_FOLDERS} folders deep")
        waiting += [(each, depth + 1) for each in reversed(inside)]


def _read(path: Path, limit: int) -> bytes:
    """One byte more than the limit says that there is more. Neither a link nor a pipe that came meanwhile is opened."""
    number = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    with os.fdopen(number, "rb") as file:
        return file.read(limit + 1)


def _code(data: bytes, path: Path, problems: list[InputError]) -> CodeFile:
    try:
        file = (read_json if path.name.endswith(_JSON) else read_hcl)(data)
    except NotCodeError as error:
        problems.append(_unread(str(path), error.expected, error.found, error.line, error.column))
        return CodeFile()
    if file.trouble:
        problems.append(_unread(str(path), "HCL as Terraform and OpenTofu read it", "something else", *file.trouble))
    return file


def _locked(data: bytes, path: str, problems: list[InputError]) -> tuple[LockedProvider, ...]:
    try:
        return read_lock_file(data, path)
    except InputError as error:
        problems.append(error)
        return ()


def _unread(path: str, expected: str, found: str, line: int = 1, column: int = 1) -> InputError:
    position = Position(path, line, column)
    return InputError(codes.UNREAD_CODE, expected=expected, found=found, position=position)

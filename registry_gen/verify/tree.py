"""A module's tree, judged as a whole before it is packed.

Symbolic links are replaced by what they point at. Terraform and OpenTofu unpack archives with go-getter, which makes
an empty file of every link in a tar and a file that holds the target's name of every link in a zip (tried with
Terraform 1.11.4): a published link would install without an error and mean something else. A link to nothing has no
content to copy; real repositories have such links among their tests, so it is left out and told.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from registry_gen.errors import RefusalError
from registry_gen.model.tree import TreeFile
from registry_gen.verify import codes
from registry_gen.verify.names import MAX_PATH, check_path, decode_path

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_LINKS: Final = 1_000
MAX_HOPS: Final = 16


@dataclass(frozen=True, slots=True)
class CheckedTree:
    """``files`` in the order of their paths' bytes; ``dangling`` the links that lead to nothing, "link -> target"."""

    files: tuple[TreeFile, ...]
    dangling: tuple[str, ...] = ()


def check_tree(files: Iterable[TreeFile], *, max_bytes: int, max_files: int, where: str) -> CheckedTree:
    """Every file of the tree in the order of its path's bytes, links replaced by copies, all under both limits.

    The files may come in any order. They are held in memory, ``max_bytes`` at most, because a link may point at
    a file that came long before it. Limits count what comes out, copies too, and what is looked at on the way. Two
    names that differ only in case are allowed, as in real repositories. Raises RefusalError ARC002 to ARC005, ARC020
    to ARC023.
    """
    budget = _Budget(max_bytes, max_files, where)
    entries: dict[str, TreeFile] = {}
    for file in files:
        check_path(file.path, where)
        if any(part.lower() == ".git" for part in file.path.split("/")):
            raise RefusalError(codes.RESERVED_NAME, where=where, found=file.path)
        if file.path in entries:
            raise RefusalError(codes.DUPLICATE_NAME, where=where, found=file.path)
        budget.take(file)
        entries[file.path] = file
    if not entries:
        raise RefusalError(codes.EMPTY_TREE, where=where)
    tree = _Tree(entries, where)
    if tree.links == 0:
        return CheckedTree(tuple(sorted(entries.values(), key=_order)))
    return _expand(tree, _Budget(max_bytes, max_files, where))


def _order(file: TreeFile) -> bytes:
    return file.path.encode()


class _Budget:
    """Counts files and bytes down, and the names that are looked at to find them."""

    def __init__(self, max_bytes: int, max_files: int, where: str) -> None:
        self._bytes = max_bytes
        self._files = max_files
        # A file may have a folder of its own, and a link may lead to nothing: more names mean that links multiply.
        self._visits = 2 * max_files + MAX_LINKS
        self._limits = (max_bytes, max_files)
        self._where = where

    def take(self, file: TreeFile) -> None:
        self._bytes -= len(file.data)
        self._files -= 1
        if self._bytes < 0:
            expected = f"at most {self._limits[0]} bytes"
            raise RefusalError(codes.TOO_LARGE, "the tree is larger than allowed", where=self._where, expected=expected)
        if self._files < 0:
            raise RefusalError(codes.TOO_MANY_FILES, where=self._where, expected=f"at most {self._limits[1]} files")

    def visit(self, path: str) -> None:
        """Count a name, whatever it is: links can make many folders of few, without a single file in them."""
        self._visits -= 1
        if self._visits < 0:
            expected = f"a tree of at most {self._limits[1]} files once links are followed"
            found = f"links that multiply folders, as at {path[:80]}"
            raise RefusalError(codes.TOO_MANY_FILES, where=self._where, expected=expected, found=found)


class _Tree:
    """Entries by path, the names in each folder, and where links lead."""

    def __init__(self, entries: dict[str, TreeFile], where: str) -> None:
        self.entries = entries
        self.folders: dict[str, list[str]] = {"": []}
        self.links = 0
        self.where = where
        self._resolved: dict[str, str | None] = {}
        for path, file in entries.items():
            self._place(path)
            self.links += file.kind == "symlink"
        if both := entries.keys() & self.folders.keys():
            raise RefusalError(codes.DUPLICATE_NAME, where=where, found=f"{min(both)}, a file and a folder")
        if self.links > MAX_LINKS:
            found = f"{self.links} symbolic links"
            raise RefusalError(codes.TOO_MANY_FILES, where=where, expected=f"at most {MAX_LINKS}", found=found)

    def _place(self, path: str) -> None:
        """Enter a path into its folder, and new folders into theirs."""
        while True:
            folder, _, name = path.rpartition("/")
            known = folder in self.folders
            self.folders.setdefault(folder, []).append(name)
            if known:
                return
            path = folder

    def resolve(self, link: str) -> str | None:
        """The path of the file or folder that a link leads to in the end ("" for the root); None for nothing."""
        if link not in self._resolved:
            self._resolved[link] = self._follow(link)
        return self._resolved[link]

    def _follow(self, link: str) -> str | None:
        real: list[str] = []
        pending = link.split("/")[::-1]
        hops = 0
        while pending:
            part = pending.pop()
            if part in {"", "."}:
                continue
            if part == "..":
                if not real:
                    raise RefusalError(codes.LINK_LEAVES, where=self.where, found=self.described(link))
                real.pop()
                continue
            real.append(part)
            here = "/".join(real)
            entry = self.entries.get(here)
            if entry is not None and entry.kind == "symlink":
                hops += 1
                if hops > MAX_HOPS:
                    raise RefusalError(codes.LINK_LOOP, where=self.where, found=self.described(link))
                real.pop()
                pending.extend(self._target(entry).split("/")[::-1])
            elif here not in self.folders and (entry is None or pending):
                return None
        return "/".join(real)

    def _target(self, link: TreeFile) -> str:
        target = decode_path(link.data, self.where)
        if target.startswith("/") or "\\" in target or "\0" in target or len(link.data) > MAX_PATH:
            raise RefusalError(codes.LINK_LEAVES, where=self.where, found=self.described(link.path))
        return target

    def described(self, link: str) -> str:
        """The link and its target, printable."""
        return f"{link} -> {ascii(self.entries[link].data[:80].decode('utf-8', 'replace'))[1:-1]}"


def _expand(tree: _Tree, budget: _Budget) -> CheckedTree:
    """Walk the tree as a program would that follows links.

    A folder may be met often, but never inside itself: that walk would not end.
    """
    found: list[TreeFile] = []
    dangling: set[str] = set()
    pending: list[tuple[str, str, frozenset[str]]] = [("", "", frozenset())]
    while pending:
        shown, real, above = pending.pop()
        inside = above | {real}  # one set for all folders of a folder
        for name in tree.folders[real]:
            path = f"{shown}/{name}" if shown else name
            budget.visit(path)
            target = f"{real}/{name}" if real else name
            if target in tree.entries and tree.entries[target].kind == "symlink":
                resolved = tree.resolve(target)
                if resolved is None:
                    dangling.add(tree.described(target))
                    continue
                target = resolved
            check_path(path, tree.where)
            if target in tree.folders:
                if target in inside:
                    raise RefusalError(codes.LINK_LOOP, where=tree.where, found=path)
                pending.append((path, target, inside))
                continue
            file = TreeFile(path, tree.entries[target].kind, tree.entries[target].data)
            budget.take(file)
            found.append(file)
    return CheckedTree(tuple(sorted(found, key=_order)), tuple(sorted(dangling)))

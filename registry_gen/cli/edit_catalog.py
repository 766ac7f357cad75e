"""Commands that change the catalog's files: all changes are checked before the first is written, none is published."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import click

from registry_gen.catalog.edit import in_form
from registry_gen.catalog.identity import Shared, identify, package_path
from registry_gen.catalog.key_order import ORDERS
from registry_gen.catalog.load import load_catalog, shown_folder, shown_path
from registry_gen.catalog.problems import ProblemsError
from registry_gen.cli.selection import not_in_catalog
from registry_gen.errors import RegistryError, printable
from registry_gen.sources.files import read_catalog
from registry_gen.sources.replace_file import replace_file
from registry_gen.verify.openpgp import parse_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from registry_gen.catalog.edit import Edit
    from registry_gen.cli.output import Output
    from registry_gen.model.address import Address
    from registry_gen.model.config import Config
    from registry_gen.sources.files import CatalogFile

    MakeEdit = Callable[[bytes, str], Edit]
    """A file's bytes and how people know it -> how it changes; raises RegistryError."""


@dataclass(frozen=True, slots=True)
class Edited:
    """A package whose file was changed; ``file`` is its path as people know it."""

    address: Address
    file: str
    edit: Edit


def edit_catalog(config: Config, edits: Mapping[Address, MakeEdit], *, write: bool = True) -> tuple[Edited, ...]:
    """Change the files of these packages; each is put in its place at once, after all were found good.

    With ``write`` False the files stay as they are.

    Raises InputError CLI002 for a package that is not in the catalog, what a change itself raises, ProblemsError where
    a file would have a problem afterwards, and what ``replace_file`` raises. Nothing is written then, except that the
    last may come after other files were written.
    """
    files = read_catalog(config)
    known, folder = dict(files), shown_folder(config)
    made: dict[str, tuple[bytes, Edited]] = {}
    for address, make in edits.items():
        path = package_path(address)
        data = _bytes(address, path, known)
        shown = shown_path(folder, path)
        made[path] = data, Edited(address, shown, make(data, shown))
    changed: list[CatalogFile] = [(path, made[path][1].edit.data if path in made else data) for path, data in files]
    require_good(load_catalog(changed, config, parse_key, None).problems, {each.file for _, each in made.values()})
    formed = {path: (before, _formed(before, edited)) for path, (before, edited) in made.items()}
    for path, (before, edited) in formed.items() if write else ():
        replace_file(config, path, before, edited.edit.data)
    return tuple(edited for _, edited in formed.values())


def show_edits(output: Output, edited: Iterable[Edited]) -> None:
    """Tell which lines changed, and what to do for it to take effect."""
    edited = tuple(edited)
    output.json({"changed": [edited_json(each) for each in edited]})
    output.result("\n".join(edited_text(each) for each in edited))
    output.say("Nothing is published yet. Commit the change, see what 'registry-gen plan' says, then publish.")


def _formed(before: bytes, edited: Edited) -> Edited:
    return replace(edited, edit=in_form(before, edited.edit, edited.file, ORDERS[edited.address.kind]))


def _bytes(address: Address, path: str, files: Mapping[str, bytes | RegistryError]) -> bytes:
    # Where a folder cannot be entered, the folder is told and its files are not there.
    parts = path.split("/")
    for depth in range(1, len(parts) + 1):
        data = files.get("/".join(parts[:depth]))
        if isinstance(data, RegistryError):
            raise ProblemsError([data])
        if data is not None and depth == len(parts):
            return data
    raise not_in_catalog(address, _addresses(files))


def _addresses(files: Iterable[str]) -> Iterator[str]:
    for path in files:
        with suppress(RegistryError):
            identity = identify(path)
            if not isinstance(identity, Shared):
                yield str(identity)


def require_good(problems: Iterable[RegistryError], files: set[str]) -> None:
    """Raise ProblemsError for those of the files that change.

    A mistake elsewhere must not keep a version from being taken back.
    """
    found = [problem for problem in problems if problem.position and problem.position.path in files]
    if found:
        raise ProblemsError(found)


def edited_text(edited: Edited) -> str:
    """The lines that a file lost and gained, below where they are."""
    edit = edited.edit
    count = max(len(edit.added), len(edit.removed))
    place = f"line {edit.line}" if count == 1 else f"lines {edit.line} to {edit.line + count - 1}"
    lines = [click.style(f"{printable(edited.file)}, {place}:", bold=True)]
    lines += [click.style(f"- {printable(line)}", fg="red") for line in edit.removed]
    lines += [click.style(f"+ {printable(line)}", fg="green") for line in edit.added]
    return "\n".join(lines)


def edited_json(edited: Edited) -> Mapping[str, object]:
    """The same for machines."""
    edit = edited.edit
    return {
        "kind": edited.address.kind,
        "address": str(edited.address),
        "file": edited.file,
        "line": edit.line,
        "removed": list(edit.removed),
        "added": list(edit.added),
    }

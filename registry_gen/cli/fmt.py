"""``fmt``: give the catalog's files their one form."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from registry_gen import wiring
from registry_gen.catalog.format import format_file
from registry_gen.catalog.identity import identify
from registry_gen.catalog.key_order import ORDERS
from registry_gen.catalog.load import shown_folder, shown_path
from registry_gen.catalog.problems import ProblemsError
from registry_gen.cli import codes
from registry_gen.cli.output import counted
from registry_gen.errors import InputError, RegistryError, printable
from registry_gen.sources.files import read_catalog
from registry_gen.sources.replace_file import replace_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from registry_gen.cli.output import Output
    from registry_gen.model.config import Config
    from registry_gen.sources.files import CatalogFile


@click.command("fmt", epilog="Example: registry-gen fmt --check")
@click.argument("files", nargs=-1, metavar="[FILE]...", type=click.Path(path_type=Path))
@click.option("--check", is_flag=True, help="Change nothing; exit 1 where a file would change.")
@click.pass_obj
def command(output: Output, files: tuple[Path, ...], check: bool) -> int:
    """Give FILEs of the catalog, or all of them, their one form: order of keys, indentation, blank lines.

    Comments and every value stay. registry.yaml and keys are left alone.
    """
    config = wiring.read_settings(output.config)
    found = read_catalog(config)
    chosen = _chosen(found, config, files) if files else found
    formed, problems = _formed(chosen, shown_folder(config))
    for path, (before, after) in formed.items() if not check else ():
        replace_file(config, path, before, after)
    _show(output, [shown_path(shown_folder(config), path) for path in formed], problems, check=check)
    return 1 if problems or (check and formed) else 0


def _chosen(found: Iterable[CatalogFile], config: Config, files: Sequence[Path]) -> list[CatalogFile]:
    """The files that were named; raises InputError CLI940 for one that the catalog does not have."""
    known = dict(found)
    chosen = {}
    for file in files:
        try:
            path = file.absolute().relative_to(config.catalog).as_posix()
        except ValueError:
            path = ""
        if path not in known:
            raise InputError(codes.NO_FILE_OF_CATALOG, where=str(file), hint=codes.NO_FILE_OF_CATALOG.fix)
        chosen[path] = known[path]
    return list(chosen.items())


def _formed(files: Iterable[CatalogFile], folder: str) -> tuple[dict[str, tuple[bytes, bytes]], list[RegistryError]]:
    """The bytes before and after of each file that changes, by path; and every problem, which hides no other."""
    formed: dict[str, tuple[bytes, bytes]] = {}
    problems: list[RegistryError] = []
    for path, data in files:
        try:
            order = ORDERS.get(identify(path).kind)  # a key has none
            if order is None:
                continue
            if isinstance(data, RegistryError):
                raise data
            after = format_file(data, shown_path(folder, path), order)
        except ProblemsError as error:
            problems += error.problems
        except RegistryError as error:
            problems.append(error)
        else:
            if after != data:
                formed[path] = data, after
    return formed, problems


def _show(output: Output, changed: Sequence[str], problems: Sequence[RegistryError], *, check: bool) -> None:
    output.json({"check": check, "changed": list(changed), "problems": [each.as_json() for each in problems]})
    output.problems(problems)
    for file in changed:
        output.result(f"{'not formatted' if check else 'formatted'}: {printable(file)}")
    if not changed and not problems:
        output.say("Every file has its form.")
    elif changed and check:
        output.say(f"{counted(len(changed), 'file')} would change: run 'registry-gen fmt'.")

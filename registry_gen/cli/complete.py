"""Completing addresses of the catalog while somebody types a command."""

from __future__ import annotations

import os
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

from registry_gen.catalog.identity import PACKAGE_FOLDERS, Shared, identify
from registry_gen.errors import RegistryError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import click

_MOST: Final = 200
"""Addresses that are offered: nobody reads more."""


def complete_address(context: click.Context, parameter: click.Parameter, begun: str) -> list[str]:  # noqa: ARG001
    """The addresses of the catalog that begin so, by its folders alone: no file of it is opened.

    Nothing is offered where there is no registry.yaml or it has a problem: a shell is no place to tell of it.
    """
    root = context.find_root()
    with suppress(RegistryError, OSError, ValueError):
        from registry_gen.wiring import read_settings

        catalog = read_settings(Path(root.params.get("config") or "registry.yaml")).catalog
        return list(islice(_addresses(catalog, begun), _MOST))
    return []


def _addresses(catalog: Path, begun: str) -> Iterator[str]:
    for kind in sorted(PACKAGE_FOLDERS):
        for path in _files(str(catalog), kind, begun.split("/")):
            with suppress(RegistryError):
                found = identify(path)
                if not isinstance(found, Shared) and str(found).startswith(begun):
                    yield str(found)


def _files(catalog: str, folder: str, begun: list[str]) -> Iterator[str]:
    """Files below a folder, of those inner ones alone that what was begun leaves open."""
    first, rest = begun[0], begun[1:]
    with suppress(OSError), os.scandir(f"{catalog}/{folder}") as entries:
        for entry in sorted(entries, key=lambda each: each.name):
            if not entry.name.startswith(first) or (rest and entry.name != first):
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from _files(catalog, f"{folder}/{entry.name}", rest or [""])
            elif entry.is_file(follow_symlinks=False):
                yield f"{folder}/{entry.name}"

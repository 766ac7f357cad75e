"""Plans in files: written for whoever publishes or reviews them later, and read again."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from typing import TYPE_CHECKING

import click

from registry_gen.cli import codes
from registry_gen.errors import StorageError
from registry_gen.plan.saved import MAX_SAVED, read_saved

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from registry_gen.plan.saved import Saved


def write_plan(path: Path, plan: Mapping[str, object]) -> None:
    """Write a plan as JSON, at once: whoever reads meanwhile finds the whole of it, or what was there before.

    Raises StorageError CLI980.
    """
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        try:
            fresh.write_text(json.dumps(plan, indent=2) + "\n", encoding="ascii")
            fresh.replace(path)
        except OSError:
            with contextlib.suppress(OSError):
                fresh.unlink()
            raise
    except OSError as error:
        found = error.strerror or type(error).__name__
        raise StorageError(codes.PLAN_NOT_WRITTEN, where=str(path), found=found) from None


def read_plan(path: Path) -> Saved:
    """Read a saved plan; raises click.BadParameter where the system cannot, InputError PLN041 for something else."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_SAVED + 1)
    except OSError as error:
        raise click.BadParameter(f"{os.fspath(path)}: {error.strerror}", param_hint="PLAN") from None
    if len(data) > MAX_SAVED:
        raise click.BadParameter(f"{os.fspath(path)}: larger than {MAX_SAVED} bytes", param_hint="PLAN")
    return read_saved(data, str(path))

"""``schema``: JSON Schemas for editors."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from registry_gen.catalog.schema import json_schemas

if TYPE_CHECKING:
    from registry_gen.cli.output import Output


@click.command("schema")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=Path("schemas"))
@click.pass_obj
def command(output: Output, folder: Path) -> None:
    """Write the JSON Schemas of the catalog's files into FOLDER (schemas/ if not given), for editors to check with."""
    folder.mkdir(parents=True, exist_ok=True)
    written = json_schemas()
    for name, text in written.items():
        (folder / name).write_bytes(text)
    output.json({"written": [str(folder / name) for name in written]})
    output.result("\n".join(f"wrote {folder / name}" for name in written))

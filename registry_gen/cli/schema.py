"""``schema``: JSON Schemas for editors."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from registry_gen.catalog.schema import json_schemas
from registry_gen.cli import codes
from registry_gen.cli.configuration import configuration_as_markdown
from registry_gen.errors import StorageError
from registry_gen.plan.schema import plan_schemas

if TYPE_CHECKING:
    from registry_gen.cli.output import Output


@click.command("schema", epilog="Example: registry-gen schema schemas")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=Path("schemas"))
@click.option("--markdown", is_flag=True, help="Write docs/configuration.md, every key as a table, to stdout instead.")
@click.pass_obj
def command(output: Output, folder: Path, markdown: bool) -> None:
    """Write the JSON Schemas of the catalog's files and of plans into FOLDER (schemas/ if not given)."""
    if markdown:
        page = configuration_as_markdown()
        output.json({"markdown": page})
        output.result(page)
        return
    written = dict(sorted({**json_schemas(), **plan_schemas()}.items()))
    for name, text in written.items():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(text)
        except OSError as error:
            found = error.strerror or str(error)
            raise StorageError(codes.CANNOT_WRITE, where=str(folder / name), found=found) from None
    output.json({"written": [str(folder / name) for name in written]})
    output.result("\n".join(f"wrote {folder / name}" for name in written))

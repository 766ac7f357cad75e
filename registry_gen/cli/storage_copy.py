"""``storage copy``: a registry moves to another storage, of the same kind or another one."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from registry_gen import wiring
from registry_gen.cli.output import counted
from registry_gen.cli.selection import read_parameter, say_uncommitted
from registry_gen.cli.show_gc import size_text
from registry_gen.cli.show_purge import say_purge
from registry_gen.model.intent import Run
from registry_gen.model.places import known_as

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from registry_gen.cli.output import Output
    from registry_gen.model.config import Config
    from registry_gen.model.places import Place
    from registry_gen.publish.move import Moved

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command(
    "copy",
    short_help="Move the registry to another storage.",
    epilog="Example: registry-gen storage copy ./public s3://acme-registry/public",
)
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
@click.option("--from-config", metavar="FILE", type=_FILE, help="A registry.yaml that says how to reach FROM.")
@click.option("--to-config", metavar="FILE", type=_FILE, help="A registry.yaml that says how to reach TO.")
@click.option("--private", is_flag=True, help="Copy the private storage instead.")
@click.pass_obj
def copy(
    output: Output, source: str, target: str, from_config: Path | None, to_config: Path | None, private: bool
) -> None:
    """Copy all that is published from FROM to TO, and publish to TO from then on.

    Each is a folder or a URL as in registry.yaml, read from that file's folder, or "public" or "private" for what the
    file names so. Options of a bucket, such as its endpoint, are those of the registry.yaml that names it.

    Every byte is checked on its way. What is there already is not copied again: a copy that was stopped goes on where
    it was. Publishing goes on meanwhile, but for the last moments. FROM stays as it is.
    """
    workspace = wiring.read_workspace(output.config)
    config = workspace.config
    before, after = _place(source, config, from_config, "FROM"), _place(target, config, to_config, "TO")
    wiring.require_apart(config, before, after, private=private)
    say_uncommitted(output, workspace)
    with wiring.open_registry(workspace) as registry, output.progress() as progress:
        here, there = wiring.open_storage(before), wiring.open_storage(after)
        if private:
            from registry_gen.publish.move_private import copy_private

            moved = copy_private(registry, here, there, progress)
        else:
            from registry_gen.publish.move import Way, move
            from registry_gen.publish.purge import purge_waiting

            root = str(config.root)
            way = Way(here, there, known_as(before, root), known_as(after, root))
            run = Run(registry.actor, registry.run_url, workspace.catalog.commit, datetime.now(UTC))
            moved = move(registry, way, wiring.open_keys(registry).log, run, progress)
            if moved.rendered:
                say_purge(output, purge_waiting(registry, progress))
    named = after == (config.private if private else config.public)
    output.json(_as_json(moved, before, after))
    output.result("\n".join(_lines(moved, after, named=named, private=private)))


def _place(text: str, config: Config, file: Path | None, name: str) -> Place:
    chosen = wiring.read_settings(file) if file else config
    return read_parameter(lambda written: wiring.place_named(written, chosen), text, name)


def _as_json(moved: Moved, before: Place, after: Place) -> Mapping[str, object]:
    return {
        "from": before.url,
        "to": after.url,
        "copied": moved.copied,
        "bytes": moved.size,
        "kept": moved.kept,
        "rendered": moved.rendered,
        "already": moved.already,
    }


def _lines(moved: Moved, after: Place, *, named: bool, private: bool) -> Iterator[str]:
    if moved.already:
        yield f"The registry publishes to {after.url} already."
    else:
        kept = f" {counted(moved.kept, 'object')} were there already." if moved.kept else ""
        yield f"Copied {counted(moved.copied, 'object')} with {size_text(moved.size)} to {after.url}.{kept}"
    if moved.rendered:
        yield f"Rendered the documents of {counted(moved.rendered, 'package')} anew."
    key = "private" if private else "public"
    if not named:
        yield f"Write it into registry.yaml as storage.{key} before anything is published again."
    if not private:
        yield "Run 'registry-gen fsck', and let your web server or CDN read from there. Then the old storage can go."

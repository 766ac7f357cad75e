"""``purge``: tell the CDN again what has changed, or what somebody names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from registry_gen import paths, wiring
from registry_gen.cli import codes
from registry_gen.cli.show_purge import purge_json, purge_text, say_purge
from registry_gen.errors import InputError
from registry_gen.publish.purge import purge_now, purge_waiting

if TYPE_CHECKING:
    from registry_gen.cli.output import Output


@click.command("purge", epilog="Example: registry-gen purge v1/modules/acme/network/aws/versions")
@click.argument("keys", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Everything that the CDN holds of this registry.")
@click.pass_obj
def command(output: Output, keys: tuple[str, ...], everything: bool) -> int:
    """Purge what earlier runs changed and could not purge, or these KEYS of the bucket.

    Each publish and each gc purges what it changed by itself. Exits 1 where something could not be purged.
    """
    if keys and everything:
        raise click.UsageError("Name keys or --all, not both.")
    for key in keys:
        _require_key(key)
    workspace = wiring.read_workspace(output.config)
    if workspace.config.purge is None:
        raise InputError(codes.NO_CDN, where=str(output.config), hint=codes.NO_CDN.fix)
    with wiring.open_registry(workspace) as registry, output.progress() as progress:
        if keys or everything:
            told = purge_now(registry, None if everything else keys, progress)
        else:
            told = purge_waiting(registry, progress)
    say_purge(output, told)
    output.json({"purge": purge_json(told)})
    output.result(purge_text(told) if told else "Nothing is waiting to be purged.")
    return 1 if told and told.failures else 0


def _require_key(key: str) -> None:
    try:
        paths.rule(key)
    except ValueError:
        raise InputError(codes.NO_KEY_OF_BUCKET, where=key, hint=codes.NO_KEY_OF_BUCKET.fix) from None

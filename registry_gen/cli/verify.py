"""``verify``: check a registry from outside, without trust in its server or its operator."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from registry_gen.cli.selection import read_parameter
from registry_gen.cli.show_verify import report_json, report_text
from registry_gen.inspect.lock_file import MAX_BYTES, read_lock_file
from registry_gen.inspect.reader import open_reader
from registry_gen.inspect.remembered import default_file
from registry_gen.inspect.verify import LockRequest, Request, verify
from registry_gen.model.address import parse_address
from registry_gen.model.version import parse_version

if TYPE_CHECKING:
    from registry_gen.cli.output import Output

_LOCK_FILE: Final = ".hcl"


@click.command("verify", epilog="Example: registry-gen verify https://registry.example.com/ acme/network/aws")
@click.argument("url")
@click.argument("what", required=False)
@click.option("--key", "keys", metavar="VKEY", multiple=True, help="The log's verifier key; may be repeated.")
@click.option("--version", metavar="VERSION", help="This version of ADDRESS only.")
@click.option(
    "--state",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where the log's newest checkpoint is kept.  [default: in the user's state folder]",
)
@click.option("--monitor", is_flag=True, help="The log alone, silently where it is well: for cron.")
@click.option("--no-artifacts", is_flag=True, help="Fetch no archives and no zips.")
@click.option("--follow-links", is_flag=True, help="Fetch also what lies elsewhere (hosting: link).")
@click.option(
    "--allow-unknown-platforms",
    is_flag=True,
    help="With a lock file: an h1 may be that of a platform which the registry does not hold.",
)
@click.pass_obj
def command(
    output: Output,
    url: str,
    what: str | None,
    keys: tuple[str, ...],
    version: str | None,
    state: Path | None,
    monitor: bool,
    no_artifacts: bool,
    follow_links: bool,
    allow_unknown_platforms: bool,
) -> int:
    """Check a registry from outside: nothing but its public URL, or a folder with its files, is needed.

    WHAT is an address (acme/network/aws, acme/widget, HOST/hashicorp/random) or the path of a .terraform.lock.hcl;
    left out, the whole registry is checked. The log's key comes from the registry's operator the first time, and is
    kept. Exits 1 where anything is wrong.
    """
    _check_options(what, version, monitor, no_artifacts or follow_links, allow_unknown_platforms)
    lock = None
    if what is not None and what.endswith(_LOCK_FILE):
        lock = LockRequest(what, read_lock_file(_read(what), what), allow_unknown_platforms)
    request = Request(
        keys=keys,
        state=state or default_file(url, os.environ),
        address=read_parameter(parse_address, what, "WHAT") if what is not None and lock is None else None,
        version=read_parameter(parse_version, version, "--version") if version is not None else None,
        lock=lock,
        monitor=monitor,
        artifacts=not no_artifacts,
        links=follow_links,
    )
    reader = open_reader(url)
    with output.progress() as progress:
        report = verify(reader, request, datetime.now(UTC), progress)
    output.json(report_json(report))
    if not (monitor and report.good):
        output.result(report_text(report))
    return 0 if report.good else 1


def _check_options(
    what: str | None, version: str | None, monitor: bool, about_artifacts: bool, allow_unknown_platforms: bool
) -> None:
    """Options that mean nothing together are a mistake, not to be passed over."""
    locked = what is not None and what.endswith(_LOCK_FILE)
    if version is not None and (what is None or locked):
        raise click.UsageError("--version needs an ADDRESS.")
    if monitor and what is not None:
        raise click.UsageError("--monitor looks at the log alone, so there is nothing to name beside the URL.")
    if about_artifacts and (monitor or locked):
        raise click.UsageError("--no-artifacts and --follow-links are about versions, and none is looked at.")
    if allow_unknown_platforms and not locked:
        raise click.UsageError("--allow-unknown-platforms is about a lock file.")


def _read(path: str) -> bytes:
    try:
        with Path(path).open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise click.BadParameter(f"{path}: {error.strerror}", param_hint="WHAT") from None

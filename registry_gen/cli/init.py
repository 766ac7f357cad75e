"""``init``: a new catalog repository, or what is missing of one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from registry_gen import __version__, wiring
from registry_gen.catalog import codes as catalog_codes
from registry_gen.catalog.layout_files import NewFile
from registry_gen.catalog.registry_shapes import site_host
from registry_gen.catalog.scaffold import CIS, scaffold
from registry_gen.cli.init_demo import demo_files, make_sources
from registry_gen.cli.output import counted
from registry_gen.cli.packaged import packaged
from registry_gen.cli.selection import read_parameter
from registry_gen.errors import RegistryError, printable
from registry_gen.sources.new_files import write_new_files

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry_gen.catalog.scaffold import Ci
    from registry_gen.cli.output import Output
    from registry_gen.sources.new_files import Written

_CI_FOLDER: Final[Mapping[Ci, str]] = {"github": ".github/workflows/", "gitlab": "", "azure": "", "bitbucket": ""}
"""Where the files of ``workflows/CI`` go to."""

_HOST: Final = "registry.example.com"
"""What the files of ``workflows`` name in the place of the registry."""


@click.command("init", epilog="Example: registry-gen init my-registry --ci github --host registry.example.com")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=Path())
@click.option("--ci", type=click.Choice(CIS), help="Write pipelines for this CI, too.")
@click.option("--host", help=f"What people write in sources; if not given that of registry.yaml, or {_HOST}.")
@click.option("--demo", is_flag=True, help="A small registry to try on this machine, with its sources.")
@click.option("--dry-run", is_flag=True, help="Only say what would be written.")
@click.pass_obj
def command(output: Output, folder: Path, ci: Ci | None, host: str | None, demo: bool, dry_run: bool) -> int:
    """Make FOLDER (this one if not given) a catalog repository, with an example of each kind.

    Nothing that is there is overwritten: run it again for what is missing, and to hear what differs.
    """
    if demo and (ci or host):
        raise click.UsageError("--demo is for this machine: it takes neither --ci nor --host.")
    root = folder.resolve()
    files = demo_files() if demo else _files(host or _own_host(root), ci)
    written = write_new_files(root, [NewFile(path, data) for path, data in files.items()], dry_run=dry_run)
    made = make_sources(root) if demo and not dry_run else []
    _show(output, written, sorted(files.keys() - written.there), made, dry_run=dry_run)
    return 1 if _links(written) else 0


def _own_host(root: Path) -> str:
    """The host of a registry that is there already, else one that says that it is to be replaced."""
    try:
        return wiring.read_settings(root / "registry.yaml").site.host
    except RegistryError:
        return _HOST


def _files(host: str, ci: Ci | None) -> dict[str, bytes]:
    site = read_parameter(site_host, host, "--host")
    files = scaffold(site, __version__, ci)
    if ci:
        pipelines = packaged(f"workflows/{ci}")
        files |= {_CI_FOLDER[ci] + path: data.replace(_HOST.encode(), site.encode()) for path, data in pipelines}
    return files


def _links(written: Written) -> list[RegistryError]:
    """Where a link stands in the way: whoever made it knows where it leads, and nobody else."""
    return [problem for problem in written.problems if problem.code is catalog_codes.LINK_IN_CATALOG]


def _show(output: Output, written: Written, differs: list[str], made: list[str], *, dry_run: bool) -> None:
    output.json(
        {
            "dry_run": dry_run,
            "written": list(written.written),
            "kept": list(written.unchanged),
            "differs": differs,
            "sources": made,
        }
    )
    output.problems(_links(written))
    for path in written.written:
        output.result(f"{'to be written' if dry_run else 'wrote'}: {printable(path)}")
    if written.unchanged:
        output.result(f"kept, as it would be written: {counted(len(written.unchanged), 'file')}")
    for path in differs:
        output.result(f"kept, and differs from what would be written: {printable(path)}")
    for path in made:
        output.result(f"made: {printable(path)}")
    if differs:
        output.say("'registry-gen init FOLDER' with the same options writes all of it into another folder, to compare.")
    if made:
        output.say("Go there and run 'registry-gen plan', 'registry-gen publish' and 'registry-gen serve'.")
    elif "registry.yaml" in written.written and not dry_run:
        output.say("Read README.md, write your host and storage into registry.yaml, and commit.")
    elif written.written and not dry_run:
        output.say("Look at what is new, and commit it.")

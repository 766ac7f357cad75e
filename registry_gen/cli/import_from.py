"""``import`` of what is not in the layout of OpenTofu's registry: registries, mirror trees, buckets and listings."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from registry_gen import wiring
from registry_gen.catalog.registry_shapes import hostname
from registry_gen.cli.add_key import given_keys
from registry_gen.cli.import_take import DRY_RUN, INTO, take
from registry_gen.cli.selection import read_parameter
from registry_gen.model.address import MirrorAddress, ProviderAddress, mirror_address, parse_address
from registry_gen.model.version import parse_constraints
from registry_gen.sources.boring_bucket import read_boring_bucket
from registry_gen.sources.hcp_listing import read_hcp_listing
from registry_gen.sources.mirror_tree import Origin, read_mirror_tree
from registry_gen.sources.other_registry import OtherRegistry

if TYPE_CHECKING:
    from registry_gen.cli.output import Output
    from registry_gen.model.address import Address
    from registry_gen.model.config import Config
    from registry_gen.model.version import Version

_FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)


@click.command(
    "registry",
    short_help="Take packages over from a registry, by its protocols.",
    epilog="Example: registry-gen import registry old.example.com acme/widget acme/network/aws --dry-run",
)
@click.argument("host", metavar="HOST")
@click.argument("addresses", metavar="ADDRESS...", nargs=-1, required=True)
@click.option("--mirror", is_flag=True, help="Mirror the providers under their host instead of publishing them here.")
@click.option("--hosting", type=click.Choice(["copy", "link"]), default="copy", show_default=True)
@click.option("--versions", metavar="RANGE", default=">= 0.0.0-0", help="Only these versions, such as '>= 2.0.0'.")
@INTO
@DRY_RUN
@click.pass_obj
def registry(
    output: Output,
    host: str,
    addresses: tuple[str, ...],
    mirror: bool,
    hosting: str,
    versions: str,
    into: Path | None,
    dry_run: bool,
) -> int:
    """Take over packages of the registry at HOST: NAMESPACE/TYPE of providers, NAMESPACE/NAME/SYSTEM of modules.

    A registry cannot be asked what it has, so that addresses are given. Each digest is held against the sums that the
    publisher signed; the exit status is 1 where one differs. Nothing is published.
    """
    config = wiring.read_settings(output.config)
    host = read_parameter(hostname, host, "HOST")
    wanted = read_parameter(parse_constraints, versions, "--versions")
    found = sorted({_address(text, host, mirror=mirror) for text in addresses}, key=str)
    taken = _registry(config, host).read(found, versions=wanted, hosting=hosting)
    return take(output, config, taken.layout, taken.compared, into=into, dry_run=dry_run)


@click.command(
    "mirror-tree",
    short_help="Take over a tree of 'terraform providers mirror'.",
    epilog="Example: registry-gen import mirror-tree ../mirror --dry-run",
)
@click.argument("folder", metavar="DIR", type=_FOLDER)
@click.option("--offline", is_flag=True, help="Ask no registry: nothing is compared, and keys must be given.")
@click.option(
    "--key",
    "keys",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="A publisher's public key, armoured, trusted for every provider of the tree.",
)
@INTO
@DRY_RUN
@click.pass_obj
def mirror_tree(
    output: Output, folder: Path, offline: bool, keys: tuple[Path, ...], into: Path | None, dry_run: bool
) -> int:
    """Take over DIR, which holds HOST/NAMESPACE/TYPE with zips, as 'terraform providers mirror' writes it.

    Each provider becomes a mirror of the versions and platforms that are there. The zips are held against the sums that
    its publisher signed, asked of its registry; the exit status is 1 where one differs. Their digests are kept in the
    ledger: whatever the registry offers later, no other bytes are mirrored. Nothing is published.
    """
    config = wiring.read_settings(output.config)
    given = [key for key, _ in given_keys(keys)]
    taken = read_mirror_tree(folder, None if offline else _origin(config), given, config.limits)
    return take(output, config, taken.layout, taken.compared, into=into, dry_run=dry_run)


@click.command(
    "boring-registry",
    short_help="Take over a bucket of boring-registry.",
    epilog="Example: registry-gen import boring-registry ../bucket --dry-run",
)
@click.argument("folder", metavar="DIR", type=_FOLDER)
@INTO
@DRY_RUN
@click.pass_obj
def boring_registry(output: Output, folder: Path, into: Path | None, dry_run: bool) -> int:
    """Take over DIR, a copy of a bucket with modules/, providers/ and mirror/providers/.

    Modules and providers are published from that folder, so that it must stay where it is until they are. Zips are held
    against their signed sums; the exit status is 1 where one differs. Nothing is published.
    """
    config = wiring.read_settings(output.config)
    taken = read_boring_bucket(folder.resolve(), config.limits, datetime.now(UTC))
    return take(output, config, taken.layout, taken.compared, into=into, dry_run=dry_run)


@click.command(
    "hcp-listing",
    short_help="Take over modules that HCP Terraform lists.",
    epilog="Example: registry-gen import hcp-listing registry-modules-1.json registry-modules-2.json --dry-run",
)
@click.argument("pages", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path, dir_okay=False))
@INTO
@DRY_RUN
@click.pass_obj
def hcp_listing(output: Output, pages: tuple[Path, ...], into: Path | None, dry_run: bool) -> int:
    """Take over the private modules in saved pages of HCP Terraform's (or Terraform Enterprise's) listing.

    A module becomes its git repository, with its folder and prefix of tags. What was uploaded, and providers, are told:
    no listing says where those come from. Nothing is published.
    """
    config = wiring.read_settings(output.config)
    taken = read_hcp_listing(pages)
    return take(output, config, taken.layout, into=into, dry_run=dry_run)


def _address(text: str, host: str, *, mirror: bool) -> Address:
    address = read_parameter(parse_address, text, "ADDRESS")
    if isinstance(address, MirrorAddress):
        raise click.BadParameter("give it without the host, and --mirror to mirror it.", param_hint="ADDRESS")
    if mirror and isinstance(address, ProviderAddress):
        return mirror_address(host, address.namespace, address.type)
    return address


def _registry(config: Config, host: str) -> OtherRegistry:
    """The registry at a host, or where registry.yaml says that it is to be asked for."""
    from registry_gen.sources.http import Fetcher
    from registry_gen.sources.upstream import Upstream

    fetcher = Fetcher(config.network, config.limits)
    base = (config.network.upstreams or {}).get(host, f"https://{host}")
    return OtherRegistry(fetcher, Upstream(fetcher), base, host, config.limits.workers, datetime.now(UTC))


def _origin(config: Config) -> Origin:
    """The registries of providers, each asked under its own host."""
    known: dict[str, OtherRegistry] = {}

    def of(address: MirrorAddress) -> OtherRegistry:
        return known.setdefault(address.hostname, _registry(config, address.hostname))

    def offered(address: MirrorAddress) -> tuple[Version, ...]:
        return of(address).offered(address)

    return Origin(offered, lambda address, version, platform: of(address).signed_of(address, version, platform))

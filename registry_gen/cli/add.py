"""``add``: a new file of the catalog, proposed from what its source has."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from registry_gen import wiring
from registry_gen.catalog.location import inner_folder, tag_pattern
from registry_gen.cli.add_look import (
    Asked,
    look_at_mirror,
    look_at_module,
    look_at_provider,
    module_asked,
    provider_asked,
)
from registry_gen.cli.add_write import namespace_has_keys, require_new, with_known_key, write_package
from registry_gen.cli.confirm import require_somebody
from registry_gen.cli.outside import open_sources
from registry_gen.cli.selection import read_parameter
from registry_gen.model.address import MirrorAddress, ModuleAddress, ProviderAddress, parse_address, parse_platform
from registry_gen.model.version import parse_constraints, parse_version

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from registry_gen.cli.add_look import Found
    from registry_gen.cli.output import Output
    from registry_gen.errors import RegistryError
    from registry_gen.model.address import Address
    from registry_gen.model.config import Config
    from registry_gen.publish.look import Sources

    Known = Mapping[str, bytes | RegistryError]

_Command = TypeVar("_Command", bound="Callable[..., Any]")

_PAGE: Final = re.compile(r"https://([a-z0-9.-]+)/providers?/([^/]+)/([^/]+)(?:/.*)?")
"""The page of a provider at a registry, as people copy it from their browser."""
_REGISTRY_OF_PAGES: Final = {"search.opentofu.org": "registry.opentofu.org"}
"""OpenTofu's pages are at another host than its registry."""
_KEY_FILE: Final = click.Path(path_type=Path, dir_okay=False)


@click.group("add")
def command() -> None:
    """Add a package to the catalog, from a URL, a folder or an address."""


def _common(function: _Command) -> _Command:
    """The options that every kind has."""
    for option in reversed(
        (
            click.option("--versions", metavar="RANGE", help="Which versions to publish, such as '~> 1.2'."),
            click.option("--hosting", type=click.Choice(["copy", "link"]), default="copy", show_default=True),
            click.option("-y", "--yes", is_flag=True, help="Write without asking."),
            click.option("--dry-run", is_flag=True, help="Only show what would be written."),
        )
    ):
        function = option(function)
    return function


_PLATFORMS: Final = click.option(
    "--platform", "platforms", multiple=True, metavar="OS_ARCH", help="Only this platform; may be repeated."
)
_KEYS: Final = click.option(
    "--key", "keys", multiple=True, type=_KEY_FILE, metavar="FILE", help="The publisher's public key, armoured."
)


@command.command(
    "module",
    short_help="From a git repository.",
    epilog="Example: registry-gen add module https://github.com/acme/terraform-aws-network.git",
)
@click.argument("source", metavar="SOURCE")
@click.argument("address", required=False, metavar="[ADDRESS]")
@click.option("--path", "folder", default="", metavar="FOLDER", help="The module's folder in the repository.")
@click.option("--tags", multiple=True, metavar="PATTERN", help="Which tags are versions, such as 'network/v{version}'.")
@_common
@click.pass_obj
def add_module(
    output: Output,
    source: str,
    address: str | None,
    folder: str,
    tags: tuple[str, ...],
    versions: str | None,
    hosting: str,
    yes: bool,
    dry_run: bool,
) -> int:
    """Add a module of a git repository: a URL, or a folder that starts with ./ or /.

    Its tags say which versions there are. The address is told from OWNER/terraform-SYSTEM-NAME.
    """
    asked = Asked(
        source,
        _address(address, ModuleAddress, "a module's address is NAMESPACE/NAME/SYSTEM."),
        folder=read_parameter(inner_folder, folder, "--path"),
        tags=tuple(read_parameter(tag_pattern, each, "--tags") for each in tags),
        versions=_versions(versions),
        hosting=hosting,
    )
    adding = _begin(output, yes=yes, dry_run=dry_run)
    package = module_asked(adding.config, asked)
    return adding.add(package, lambda sources, _: look_at_module(adding.config, sources, asked, package))


@command.command(
    "provider",
    short_help="From releases: a folder, a URL, or a repository's page.",
    epilog="Example: registry-gen add provider https://github.com/acme/terraform-provider-widget --key a.asc",
)
@click.argument("source", metavar="SOURCE")
@click.argument("address", required=False, metavar="[ADDRESS]")
@click.option("--version", "listed", multiple=True, metavar="VERSION", help="A version to look at; may be repeated.")
@_PLATFORMS
@_KEYS
@click.option("--keys-from", default="", metavar="HOST", help="Ask the registry at HOST for the publisher's keys.")
@_common
@click.pass_obj
def add_provider(
    output: Output,
    source: str,
    address: str | None,
    listed: tuple[str, ...],
    platforms: tuple[str, ...],
    keys: tuple[Path, ...],
    keys_from: str,
    versions: str | None,
    hosting: str,
    yes: bool,
    dry_run: bool,
) -> int:
    """Add a provider: its releases are a folder, a URL, or a repository's page.

    The address is told from OWNER/terraform-provider-TYPE, and the versions from the repository's tags. The key must
    have signed the newest release; it is shown for you to compare, and written into catalog/keys.
    """
    adding = _begin(output, yes=yes, dry_run=dry_run)
    asked = Asked(
        source,
        _address(address, ProviderAddress, "a provider's address is NAMESPACE/TYPE."),
        listed=tuple(sorted({read_parameter(parse_version, each, "--version") for each in listed})),
        versions=_versions(versions),
        hosting=hosting,
        platforms=tuple(sorted({read_parameter(parse_platform, each, "--platform") for each in platforms})),
        key_files=keys,
        keys_from=keys_from,
    )
    package, releases = provider_asked(adding.config, asked)

    def look(sources: Sources, known: Known) -> Found:
        kept = not keys and not keys_from and namespace_has_keys(known, package.namespace)
        return look_at_provider(adding.config, sources, replace(asked, keys_of_namespace=kept), package, releases)

    return adding.add(package, look)


@command.command(
    "mirror",
    short_help="From another registry.",
    epilog="Example: registry-gen add mirror registry.opentofu.org/hashicorp/random",
)
@click.argument("address", metavar="ADDRESS")
@_PLATFORMS
@_KEYS
@_common
@click.pass_obj
def add_mirror(
    output: Output,
    address: str,
    platforms: tuple[str, ...],
    keys: tuple[Path, ...],
    versions: str | None,
    hosting: str,
    yes: bool,
    dry_run: bool,
) -> int:
    """Mirror a provider of another registry: HOST/NAMESPACE/TYPE, or the URL of its page there.

    The registry is asked for versions, platforms and keys. The key that signed the newest version is shown for you to
    compare with what its publisher says, and written into catalog/keys.
    """
    package = read_parameter(parse_address, _address_of_page(address), "ADDRESS")
    if not isinstance(package, MirrorAddress):
        raise click.BadParameter("a mirror's address is HOST/NAMESPACE/TYPE.", param_hint="ADDRESS")
    adding = _begin(output, yes=yes, dry_run=dry_run)
    asked = Asked(
        address,
        versions=_versions(versions),
        hosting=hosting,
        platforms=tuple(sorted({read_parameter(parse_platform, each, "--platform") for each in platforms})),
        key_files=keys,
    )
    return adding.add(package, lambda sources, _: look_at_mirror(adding.config, sources, asked, package))


@dataclass(frozen=True, slots=True)
class _Adding:
    """What every kind does: refuse what is there, look, show, ask, write."""

    output: Output
    config: Config
    yes: bool
    dry_run: bool

    def add(self, package: Address, look: Callable[[Sources, Known], Found]) -> int:
        """The exit status."""
        known = require_new(self.config, package)
        with open_sources(self.config) as sources:
            found = with_known_key(look(sources, known), known)
        return write_package(self.output, self.config, known, found, yes=self.yes, dry_run=self.dry_run)


def _begin(output: Output, *, yes: bool, dry_run: bool) -> _Adding:
    if not dry_run:
        require_somebody(output, yes=yes, otherwise=" or --dry-run")
    return _Adding(output, wiring.read_settings(output.config), yes, dry_run)


def _address_of_page(text: str) -> str:
    page = _PAGE.fullmatch(text)
    return "/".join([_REGISTRY_OF_PAGES.get(page[1], page[1]), page[2], page[3]]) if page else text


def _address(text: str | None, kind: type[Address], form: str) -> Address | None:
    address = None if text is None else read_parameter(parse_address, text, "ADDRESS")
    if address is not None and not isinstance(address, kind):
        raise click.BadParameter(form, param_hint="ADDRESS")
    return address


def _versions(text: str | None) -> str:
    return "" if text is None else str(read_parameter(parse_constraints, text, "--versions"))

"""``withdraw``: write into a package's file of the catalog that versions are taken back."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import click

from registry_gen import paths, wiring
from registry_gen.catalog.codes import TWO_RULES
from registry_gen.catalog.edit import undo_withdraw_edit, withdraw_edit
from registry_gen.catalog.fields import message as sentence
from registry_gen.cli.approval_options import APPROVED_BY, AUTHOR, read_approvals
from registry_gen.cli.complete import complete_address
from registry_gen.cli.confirm import confirmed, require_somebody
from registry_gen.cli.edit_catalog import edit_catalog, edited_text, show_edits
from registry_gen.cli.selection import read_parameter
from registry_gen.errors import InputError, RegistryError
from registry_gen.model.address import parse_address
from registry_gen.model.entries import WithdrawalRule
from registry_gen.model.version import Constraints, parse_constraints, parse_version
from registry_gen.publish.findings import offered

if TYPE_CHECKING:
    from registry_gen.cli.edit_catalog import Edited, MakeEdit
    from registry_gen.cli.output import Output
    from registry_gen.model.address import Address
    from registry_gen.model.config import Config
    from registry_gen.model.version import Version


@click.command("withdraw", epilog="Example: registry-gen withdraw acme/network/aws 1.2.0 --reason 'A live token.'")
@click.argument("address", metavar="ADDRESS", shell_complete=complete_address)
@click.argument("version", metavar="[VERSION]", required=False)
@click.option("--versions", metavar="RANGE", help="Withdraw these versions, such as '< 2.0.0'.")
@click.option("--all", "every", is_flag=True, help="Withdraw every version.")
@click.option("--reason", metavar="TEXT", help="Why, in one line that everybody can read.")
@click.option("--undo", is_flag=True, help="Remove the withdrawal of these versions again.")
@click.option("--now", "at_once", is_flag=True, help="Publish it, and delete all that is left: for a leaked secret.")
@click.option("--yes", is_flag=True, help="With --now: do not ask.")
@APPROVED_BY
@AUTHOR
@click.pass_obj
def command(
    output: Output,
    address: str,
    version: str | None,
    versions: str | None,
    every: bool,
    reason: str | None,
    undo: bool,
    at_once: bool,
    yes: bool,
    approved_by: tuple[str, ...],
    author: str | None,
) -> int:
    """Take versions off the listing: the catalog's file is changed.

    Nothing is published. Commit the change, then plan and publish. With --now the package is published, and archives
    and records of these versions are deleted for good, at once: commit the change afterwards. Where
    catalog/policies asks for an approval of withdrawals, --now needs --approved-by.
    """
    approvals = read_approvals(approved_by, author)
    if not at_once and (approved_by or author is not None):
        raise click.UsageError("--approved-by and --author go with --now: nothing else is published here.")
    package = read_parameter(parse_address, address, "ADDRESS")
    about = _versions(version, versions, every)
    if undo == (reason is not None):
        raise click.UsageError("Say either --reason or --undo.")
    if reason is None:
        edit = partial(undo_withdraw_edit, versions=about)
    else:
        rule = WithdrawalRule(about, read_parameter(sentence, reason, "--reason"))
        edit = partial(withdraw_edit, rules=(rule,))
    if at_once:
        if undo:
            raise click.UsageError("--now takes back, it cannot undo.")
        require_somebody(output, yes=yes)
        if not confirmed(output, f"Withdraw {address} and delete its archives and records for good?", yes=yes):
            return 1
    edits = _edited(wiring.read_settings(output.config), package, edit, at_once=at_once)
    if at_once:
        from registry_gen.cli.withdraw_now import withdraw_now

        output.say("\n".join(map(edited_text, edits)))
        return withdraw_now(output, package, about, approvals)
    show_edits(output, edits)
    if not undo and _concerns_nothing(wiring.read_settings(output.config), package, about):
        output.say(f"No listed version of {package} matches: the rule keeps future ones off.")
    return 0


def _edited(config: Config, package: Address, edit: MakeEdit, *, at_once: bool) -> tuple[Edited, ...]:
    try:
        return edit_catalog(config, {package: edit})
    except InputError as error:
        # Whoever lacked an approval, or was interrupted, runs the same again.
        if not at_once or error.code is not TWO_RULES:
            raise
        return ()


def _concerns_nothing(config: Config, package: Address, about: Constraints | None) -> bool:
    """Whether the registry is known to list no such version; its listing tells, no ledger has to be in reach."""
    try:
        storage = wiring.open_storage(config.public)
        if storage.head(paths.DISCOVERY) is None:
            return False  # nothing was published here, or somewhere else
        found = storage.get(paths.listing(package))
    except RegistryError:
        return False
    versions = {version for text in offered(found[0]) if (version := _version(text))} if found else set()
    return not any(about is None or about.covers(version) for version in versions)


def _version(text: str) -> Version | None:
    with suppress(InputError):
        return parse_version(text)
    return None


def _versions(version: str | None, versions: str | None, every: bool) -> Constraints | None:
    if (version is not None) + (versions is not None) + every != 1:
        raise click.UsageError("Say one of VERSION, --versions and --all.")
    if version is not None:
        return parse_constraints(str(read_parameter(parse_version, version, "VERSION")))
    return None if versions is None else read_parameter(parse_constraints, versions, "--versions")

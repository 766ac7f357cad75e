"""``update``: write the pins of new versions into the files of modules that pin commits."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import click

from registry_gen import wiring
from registry_gen.catalog.pin_edit import pins_edit
from registry_gen.cli import codes
from registry_gen.cli.complete import complete_address
from registry_gen.cli.edit_catalog import edit_catalog, edited_json, edited_text
from registry_gen.cli.outside import open_sources
from registry_gen.cli.selection import selected
from registry_gen.errors import RefusalError, RegistryError
from registry_gen.model.entries import GitSource, ModuleEntry
from registry_gen.plan.pins import MovedPin, Pins, decide_pins
from registry_gen.publish.mistakes import as_error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from registry_gen.cli.edit_catalog import Edited
    from registry_gen.cli.output import Output
    from registry_gen.model.address import Address
    from registry_gen.model.config import Config
    from registry_gen.model.digest import Commit
    from registry_gen.model.entries import Entry
    from registry_gen.model.plan import Tag
    from registry_gen.model.version import Version


@dataclass(frozen=True, slots=True)
class _Pinning:
    """An entry that pins commits."""

    entry: ModuleEntry
    source: GitSource


@click.command("update", epilog="Example: registry-gen update --json")
@click.argument("addresses", nargs=-1, metavar="[ADDRESS]...", shell_complete=complete_address)
@click.option("--dry-run", is_flag=True, help="Only say what would be written.")
@click.pass_obj
def command(output: Output, addresses: tuple[str, ...], dry_run: bool) -> int:
    """Write pins of new versions into the files of modules that pin commits (source.pins).

    It is made for a bot that opens a pull request. A pin that is there never moves: where its tag is at another
    commit now, or gone, that is told and the exit status is 1. Comments stay.
    """
    workspace = wiring.read_workspace(output.config)
    pinning = _pinning(selected(workspace, addresses).entries.values())
    decided, problems = _look(workspace.config, pinning)
    new = {address: pins.new for address, pins in decided.items() if pins.new}
    edits = {address: partial(pins_edit, pins=pins) for address, pins in new.items()}
    edited = edit_catalog(workspace.config, edits, write=not dry_run) if edits else ()
    problems += [problem for address, pins in decided.items() for problem in _problems(address, pins)]
    _show(output, edited, decided, problems, dry_run=dry_run)
    return 1 if problems else 0


def _pinning(entries: Iterable[Entry]) -> list[_Pinning]:
    return [
        _Pinning(entry, entry.source)
        for entry in entries
        if isinstance(entry, ModuleEntry) and isinstance(entry.source, GitSource) and entry.source.pins
    ]


def _look(config: Config, pinning: Sequence[_Pinning]) -> tuple[dict[Address, Pins], list[RegistryError]]:
    """What to do with each entry; one whose repository cannot be read is a problem and stops no other."""
    urls = sorted({each.source.url for each in pinning})
    with open_sources(config) as sources, ThreadPoolExecutor(config.limits.workers) as executor:
        tags = dict(zip(urls, executor.map(partial(_tags, sources.git.tags), urls), strict=True))
    decided: dict[Address, Pins] = {}
    problems = [found for found in tags.values() if isinstance(found, RegistryError)]
    for each in pinning:
        found = tags[each.source.url]
        if not isinstance(found, RegistryError):
            decided[each.entry.address] = decide_pins(each.entry, each.source, found)
    return decided, problems


def _tags(ask: Callable[[str], tuple[Tag, ...]], url: str) -> tuple[Tag, ...] | RegistryError:
    try:
        return ask(url)
    except Exception as error:  # noqa: BLE001 - one hostile source must not stop the others, whatever it broke
        return as_error(error, url)


def _problems(address: Address, pins: Pins) -> Iterable[RegistryError]:
    yield from pins.problems
    for moved in pins.moved:
        yield RefusalError(
            codes.PIN_MOVED,
            "" if moved.tag else "the tag of a pinned version is gone",
            where=f"{address} {moved.version}",
            expected=f"a tag at {moved.pinned}",
            found=f"tag {moved.tag} at {moved.now}" if moved.tag else "",
            hint=codes.PIN_MOVED.fix,
        )


def _show(
    output: Output,
    edited: Sequence[Edited],
    decided: Mapping[Address, Pins],
    problems: Sequence[RegistryError],
    *,
    dry_run: bool,
) -> None:
    output.json(
        {
            "dry_run": dry_run,
            "changed": [{**edited_json(each), "pins": _text(decided[each.address].new)} for each in edited],
            "moved": [_moved_json(address, each) for address, pins in decided.items() for each in pins.moved],
            "problems": [problem.as_json() for problem in problems],
        }
    )
    output.problems(problems)
    for each in edited:
        output.result(edited_text(each))
    if not edited:
        output.say("No pin is missing.")
    elif not dry_run:
        output.say("Nothing is published yet. Commit the change, see what 'registry-gen plan' says, then publish.")


def _text(pins: Mapping[Version, Commit]) -> dict[str, str]:
    return {str(version): commit for version, commit in sorted(pins.items())}


def _moved_json(address: Address, moved: MovedPin) -> Mapping[str, str]:
    return {
        "address": str(address),
        "version": str(moved.version),
        "pinned": moved.pinned,
        "tag": moved.tag,
        "now": moved.now,
    }

"""What an import did, as machines and people read it."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Final

import click

from registry_gen.cli.output import counted
from registry_gen.errors import printable
from registry_gen.model.imported import ImportedArchives, ImportedMirror, ImportedModule, ImportedProvider

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from registry_gen.catalog.layout import Layout
    from registry_gen.errors import Code, RegistryError
    from registry_gen.ledger import ImportCounts
    from registry_gen.model.imported import Compared
    from registry_gen.sources.new_files import Written

_SHOWN: Final = 10
"""Of problems with one code: of a whole registry it may be tens of thousands."""
_SHOWN_PLACE: Final = 100
_SHOWN_MESSAGE: Final = 120
_WIDTH: Final = 100


@dataclass(frozen=True, slots=True)
class Import:
    """What came of an import; ``taken`` is the part of the layout whose files are there.

    ``kept`` is None where the ledger was not asked: of a draft, and where nothing was to be done (``dry_run``).
    ``compared`` is None where digests were not held against anything.
    """

    taken: Layout
    written: Written
    kept: ImportCounts | None
    not_taken: Sequence[RegistryError]
    dry_run: bool
    compared: Compared | None = None


def counts(layout: Layout) -> Mapping[str, int]:
    """How many there are of each thing."""
    found = layout.packages.values()
    modules = [package for package in found if isinstance(package, ImportedModule | ImportedArchives)]
    providers = [package for package in found if isinstance(package, ImportedProvider)]
    mirrors = [package for package in found if isinstance(package, ImportedMirror)]
    zipped: list[ImportedProvider | ImportedMirror] = [*providers, *mirrors]
    return {
        "modules": len(modules),
        "module_versions": sum(len(module.versions) for module in modules),
        "providers": len(providers),
        "provider_versions": sum(len(provider.zips) for provider in providers),
        "mirrors": len(mirrors),
        "mirror_versions": sum(len(mirror.zips) for mirror in mirrors),
        "zips": sum(len(zips) for package in zipped for zips in package.zips.values()),
        "keys": len(layout.keys),
    }


def import_json(done: Import) -> Mapping[str, object]:
    """Everything, for machines."""
    return {
        "dry_run": done.dry_run,
        "taken": counts(done.taken),
        "ledger": {"tags": done.kept.tags if done.kept else 0, "zips": done.kept.zips if done.kept else 0},
        "files": {
            "written": len(done.written.written),
            "updated": len(done.written.updated),
            "unchanged": len(done.written.unchanged),
        },
        "not_taken": [problem.as_json() for problem in done.not_taken],
        **({"digests": _compared_json(done.compared)} if done.compared else {}),
    }


def _compared_json(compared: Compared) -> Mapping[str, object]:
    return {
        "equal": compared.equal,
        "different": [problem.as_json() for problem in compared.different],
        "not_compared": [problem.as_json() for problem in compared.open],
    }


def import_lines(done: Import) -> Iterator[str]:
    """For people: the first problems of each code, what was taken, and of each code how many, and what to do."""
    groups = _by_code(done.not_taken)
    yield from _first_of_each(groups)
    yield from _taken_lines(done)
    if groups:
        yield f"Not taken: {len(done.not_taken)}, see above:"
    yield from _counts(groups)
    if done.compared:
        yield from _compared_lines(done.compared)


_Groups = list[tuple["Code", list["RegistryError"]]]


def _by_code(problems: Sequence[RegistryError]) -> _Groups:
    by_code = sorted(problems, key=lambda problem: problem.code.id)
    return [(code, list(same)) for code, same in groupby(by_code, key=lambda problem: problem.code)]


def _compared_lines(compared: Compared) -> Iterator[str]:
    """At the end, for it is what decides whether lock files go on working."""
    groups = _by_code((*compared.different, *compared.open))
    yield from _first_of_each(groups)
    yield (
        f"Digests: {compared.equal} are what the publisher signed, {len(compared.different)} are not, "
        f"{len(compared.open)} could not be compared."
    )
    yield from _counts(groups)


def _first_of_each(groups: _Groups) -> Iterator[str]:
    for code, problems in groups:
        yield from map(_problem_line, problems[:_SHOWN])
        if len(problems) > _SHOWN:
            yield f"… and {len(problems) - _SHOWN} more with {click.style(code.id, fg='red')}; --json has them all."


def _counts(groups: _Groups) -> Iterator[str]:
    for code, problems in groups:
        yield f"{len(problems):>7} {click.style(code.id, fg='red')} {code.title}"
        yield textwrap.fill(code.fix, _WIDTH, initial_indent=" " * 8, subsequent_indent=" " * 8, break_on_hyphens=False)


def _taken_lines(done: Import) -> Iterator[str]:
    found = counts(done.taken)
    modules, providers = counted(found["modules"], "module"), counted(found["providers"], "provider")
    versions = counted(found["module_versions"], "version"), counted(found["provider_versions"], "version")
    keys, zips = counted(found["keys"], "key"), counted(found["zips"], "zip")
    head = "Would be taken" if done.dry_run else "Taken"
    mirrors = f"{counted(found['mirrors'], 'mirror')} with {counted(found['mirror_versions'], 'version')}"
    others = f", {mirrors}" if found["mirrors"] else ""
    yield f"{head}: {modules} with {versions[0]}, {providers} with {versions[1]}{others} and {zips}, {keys}."
    if done.kept:
        yield f"{counted(done.kept.tags, 'tag')} and {counted(done.kept.zips, 'digest')} are new in the ledger."
    verb = "to be written" if done.dry_run else "written"
    more = f", {len(done.written.updated)} with new versions" if done.written.updated else ""
    yield f"{counted(len(done.written.written), 'file')} {verb}{more}, {len(done.written.unchanged)} there already."


def _problem_line(problem: RegistryError) -> str:
    """Without the hint, which would be there a thousand times: it is told once, at the end."""
    place = click.style(f"{_short(problem.where, _SHOWN_PLACE)}:", bold=True)
    return f"{place} {click.style(problem.code.id, fg='red')} {_short(problem.message, _SHOWN_MESSAGE)}"


def _short(text: str, most: int) -> str:
    """Without its middle where it is long: a path is known by its end."""
    shown = printable(text)
    half = most // 2
    return shown if len(shown) <= most else f"{shown[: half - 1]}…{shown[-half:]}"

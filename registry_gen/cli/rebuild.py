"""``rebuild``: make a published version again from its source, and compare."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from registry_gen import wiring
from registry_gen.catalog.problems import nearest
from registry_gen.cli import codes
from registry_gen.cli.complete import complete_address
from registry_gen.cli.selection import read_parameter
from registry_gen.cli.show_error import failure_text
from registry_gen.errors import InputError
from registry_gen.model.address import parse_address
from registry_gen.model.version import parse_version
from registry_gen.publish.rebuild import rebuild

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from registry_gen.cli.output import Output
    from registry_gen.extract.module import FileFact
    from registry_gen.model.address import Address
    from registry_gen.model.facts import VersionFacts
    from registry_gen.model.version import Version
    from registry_gen.publish.rebuild import Compared, Rebuilt
    from registry_gen.publish.registry import Registry

WORDS = {
    "equal": "equal",
    "recompressed": "same contents, other gzip bytes",
    "different": "different",
    "unavailable": "not to be had",
}


@click.command("rebuild", epilog="Example: registry-gen rebuild acme/network/aws 1.2.0")
@click.argument("address", shell_complete=complete_address)
@click.argument("version")
@click.pass_obj
def command(output: Output, address: str, version: str) -> int:
    """Make a published version again from its source, and compare it with what was published.

    A module is packed again from its commit or archive, by digest: what its tag says today does not count. The zips of
    a provider or mirror are fetched again. Nothing is changed. Exits 1 where something differs or cannot be had.
    """
    wanted = read_parameter(parse_address, address, "ADDRESS")
    number = read_parameter(parse_version, version, "VERSION")
    with wiring.open_registry(wiring.read_workspace(output.config)) as registry:
        facts = _published(registry, wanted, number)
        with wiring.without_cache(registry) as fresh:
            found = rebuild(fresh, wanted, facts)
    output.json(_as_json(wanted, facts, found))
    output.result("\n".join(_text(wanted, facts, found)))
    return 1 if found.problems else 0


def _published(registry: Registry, address: Address, version: Version) -> VersionFacts:
    package = registry.ledger.packages([address]).get(address)
    known = {facts.version: facts for facts in package.versions} if package else {}
    if version not in known:
        hint = nearest(str(version), map(str, known)) or codes.NOT_PUBLISHED.fix
        raise InputError(codes.NOT_PUBLISHED, where=f"{address} {version}", hint=hint)
    return known[version]


def _text(address: Address, facts: VersionFacts, found: Rebuilt) -> Iterator[str]:
    yield f"{click.style(address.kind, dim=True)} {click.style(f'{address} {facts.version}', bold=True)}"
    width = max(len(each.name) for each in found.compared)
    for each in found.compared:
        yield f"  {each.name:<{width}}  {_verdict(each)}"
    for problem in found.problems:
        yield ""
        yield failure_text(problem)


def _verdict(each: Compared) -> str:
    word = click.style(WORDS[each.verdict], fg="green" if each.verdict in ("equal", "recompressed") else "red")
    if each.verdict == "recompressed":
        return f"{word}: {each.published} published, {each.rebuilt} with the zlib of this machine"
    return f"{word}  {each.published}" if each.verdict == "equal" else word


def _as_json(address: Address, facts: VersionFacts, found: Rebuilt) -> Mapping[str, object]:
    return {
        "kind": address.kind,
        "address": str(address),
        "version": str(facts.version),
        "compared": [
            {"name": each.name, "verdict": each.verdict, "published": each.published, "rebuilt": each.rebuilt}
            for each in found.compared
        ],
        "files": [
            {"path": each.path, "published": _file(each.published), "rebuilt": _file(each.rebuilt)}
            for each in found.files
        ],
        "problems": [problem.as_json() for problem in found.problems],
    }


def _file(fact: FileFact | None) -> Mapping[str, object] | None:
    return fact.as_json() if fact else None

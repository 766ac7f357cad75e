"""``plan --as-of``: what the registry said then, for people and for machines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from registry_gen.cli.output import counted
from registry_gen.cli.show_error import failure_text
from registry_gen.cli.show_plan import warning_text
from registry_gen.errors import printable
from registry_gen.log.tree import root_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from registry_gen.log.history import LoggedVersion, PackageHistory
    from registry_gen.model.address import Address
    from registry_gen.publish.past import Past

SHOWN_VERSIONS = 12


def past_json(past: Past, only: Sequence[Address]) -> Mapping[str, object]:
    """The packages as of then, sorted by address; of ``only`` those that are named, all where none is."""
    history = past.history
    return {
        "size": history.size,
        "root": root_text(past.root),
        "entries": past.entries,
        "packages": [_package_json(package) for package in _chosen(past, only)],
        "log_keys": None if history.log_keys is None else list(history.log_keys),
        "audit": {"seq": history.audit[-1].seq, "hash": history.audit[-1].hash} if history.audit else None,
        "unknown": dict(history.unknown),
        "contradictions": [error.as_json() for error in history.contradictions],
    }


def past_text(past: Past, only: Sequence[Address]) -> str:
    """The same as text."""
    return "\n".join(_lines(past, only))


def _chosen(past: Past, only: Sequence[Address]) -> list[PackageHistory]:
    packages = past.history.packages
    return [packages[address] for address in sorted(packages, key=str) if not only or address in only]


def _package_json(package: PackageHistory) -> Mapping[str, object]:
    return {
        "kind": package.address.kind,
        "address": str(package.address),
        "revision": package.revision,
        "listed": [str(logged.version) for logged in package.listed],
        "withdrawn": {str(logged.version): logged.withdrawn for logged in _withdrawn(package)},
        "deprecated": [dict(warning.as_json()) for warning in package.warnings],
        "keys": None if package.keys is None else list(package.keys),
        "signers": _signers(package),
    }


def _withdrawn(package: PackageHistory) -> list[LoggedVersion]:
    return [package.versions[version] for version in sorted(package.versions) if not package.versions[version].listed]


def _signers(package: PackageHistory) -> list[str]:
    """Whose signatures the listed versions have: their keys were given to clients, whether or not others were too."""
    return sorted({logged.pinned.sums.signer for logged in package.listed if logged.pinned.sums})


def _lines(past: Past, only: Sequence[Address]) -> Iterator[str]:
    history, chosen = past.history, _chosen(past, only)
    for package in chosen:
        yield f"{click.style(package.address.kind, dim=True)} {click.style(str(package.address), bold=True)}"
        yield from _package_lines(package)
        yield ""
    for address in only:
        if address not in history.packages:
            yield f"{address}: nothing of it was published then."
    for error in history.contradictions:
        yield failure_text(error)
    listed = sum(len(package.listed) for package in chosen)
    yield click.style(f"After {history.size} of {past.entries} log entries: ", bold=True) + (
        f"{counted(listed, 'version')} listed in {counted(len(chosen), 'package')}."
    )
    yield f"Root of the log then: {root_text(past.root)}"


def _package_lines(package: PackageHistory) -> Iterator[str]:
    listed = [str(logged.version) for logged in package.listed]
    earlier = [f"{len(listed) - SHOWN_VERSIONS} earlier"] if len(listed) > SHOWN_VERSIONS else []
    yield f"  {', '.join([*earlier, *listed[-SHOWN_VERSIONS:]]) or 'no version'}"
    for logged in _withdrawn(package):
        yield f"  {click.style('-', fg='red')} {logged.version}  withdrawn: {printable(logged.withdrawn or '')}"
    for warning in package.warnings:
        yield f"  {click.style('!', fg='yellow')} {warning_text(warning)}"
    signers = _signers(package)
    if package.keys is not None:
        yield f"  {click.style('keys:', dim=True)} {', '.join(map(printable, package.keys)) or 'none'}"
    elif signers:
        yield f"  {click.style('signed by:', dim=True)} {', '.join(map(printable, signers))}"

"""``storage usage``: what is stored, by kind, owner and package."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from registry_gen import wiring
from registry_gen.cli.output import counted
from registry_gen.cli.show_gc import size_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from registry_gen.cli.output import Output
    from registry_gen.publish.usage import Owner, Sum, Usage

SHOWN = 20
"""How many owners and packages a terminal gets to see, unless all are asked for."""

_Row = tuple[str, "Sum", str]


@click.command(
    "usage", short_help="Tell what is stored, and whose it is.", epilog="Example: registry-gen storage usage --json"
)
@click.option("--all", "everything", is_flag=True, help="Show every owner and package.")
@click.pass_obj
def usage(output: Output, everything: bool) -> None:
    """Tell what takes up how much of the public storage: by kind, by organization, and by package, largest first.

    The bucket is listed once. Namespaces that no organization owns stand for themselves, mirrors under their host.
    """
    from registry_gen.publish.usage import usage as look

    workspace = wiring.read_workspace(output.config)
    with wiring.open_registry(workspace) as registry, output.progress() as progress:
        found = look(registry.ledger, registry.public, workspace.catalog, progress)
    output.json(_as_json(found))
    output.result("\n".join(_lines(found, None if everything else SHOWN)))


def _lines(found: Usage, shown: int | None) -> Iterator[str]:
    kinds = [(kind, one, "") for kind, one in found.kinds.items() if one.objects]
    yield from _table("By kind", kinds, None)
    yield from _table("By organization", [(owner.name, owner.sum, _quota(owner)) for owner in found.owners], shown)
    yield from _table("By package", [(str(address), one, "") for address, one in found.packages.items()], shown)
    if found.unknown.objects:
        objects, size = counted(found.unknown.objects, "object"), size_text(found.unknown.size)
        yield f"{objects} with {size} of nothing that the ledger knows: 'registry-gen fsck' names them."
    total = f"{counted(found.total.objects, 'object')} with {size_text(found.total.size)}"
    yield click.style(f"Stored: {total}.", bold=True)


def _table(title: str, rows: Sequence[_Row], shown: int | None) -> Iterator[str]:
    if not rows:
        return
    ordered = _largest_first(rows)
    yield click.style(title, bold=True)
    width = max(len(name) for name, _, _ in ordered[:shown])
    for name, one, more in ordered[:shown]:
        line = f"  {name:<{width}}  {size_text(one.size):>10}  {counted(one.objects, 'object'):>14}{more}"
        yield line.rstrip()
    if shown is not None and len(ordered) > shown:
        rest = ordered[shown:]
        yield f"  and {len(rest)} more with {size_text(sum(one.size for _, one, _ in rest))}; --all shows them"
    yield ""


def _largest_first(rows: Iterable[_Row]) -> list[_Row]:
    return sorted(rows, key=lambda row: (-row[1].size, -row[1].objects, row[0]))


def _quota(owner: Owner) -> str:
    """How much of its quota an organization has used; what is stored beside archives and zips does not count."""
    if owner.quota is None or owner.stock is None:
        return ""
    parts = []
    if owner.quota.size is not None:
        parts.append(f"{size_text(owner.stock.size)} of {size_text(owner.quota.size)}")
    if owner.quota.versions is not None:
        parts.append(f"{owner.stock.versions} of {counted(owner.quota.versions, 'version')}")
    return f"  (quota: {', '.join(parts)})" if parts else ""


def _as_json(found: Usage) -> Mapping[str, object]:
    packages = sorted(found.packages.items(), key=lambda pair: (-pair[1].size, -pair[1].objects, str(pair[0])))
    owners = sorted(found.owners, key=lambda owner: (-owner.sum.size, -owner.sum.objects, owner.name))
    return {
        **_sum(found.total),
        "kinds": {kind: _sum(one) for kind, one in found.kinds.items()},
        "owners": [
            {
                "name": owner.name,
                "organization": owner.is_organization,
                **_sum(owner.sum),
                "quota": _quota_json(owner),
            }
            for owner in owners
        ],
        "packages": [{"kind": address.kind, "address": str(address), **_sum(one)} for address, one in packages],
        "unknown": _sum(found.unknown),
    }


def _sum(one: Sum) -> Mapping[str, int]:
    return {"objects": one.objects, "bytes": one.size}


def _quota_json(owner: Owner) -> Mapping[str, int | None] | None:
    if owner.quota is None or owner.stock is None:
        return None
    return {
        "bytes": owner.quota.size,
        "bytes_used": owner.stock.size,
        "versions": owner.quota.versions,
        "versions_used": owner.stock.versions,
    }

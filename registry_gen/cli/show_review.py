"""What a plan means for others, as a person reads it: who notices, who must agree, which documents change."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

import click

from registry_gen.errors import printable
from registry_gen.model.words import counted
from registry_gen.plan.differences import difference_lines
from registry_gen.plan.words import effects_said

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from registry_gen.model.address import Address
    from registry_gen.plan.differences import Difference
    from registry_gen.plan.review import Basis, Reviewed

SHOWN_EFFECTS: Final = 12
SHOWN_DOCUMENTS: Final = 50
SHOWN_LINES: Final = 40
"""Of the difference of one document."""

_COLORS: Final = {"+": "green", "-": "red", "@": "cyan"}


def review_lines(package: Reviewed) -> Iterator[str]:
    """What consumers of a package notice, what breaks first."""
    for breaks in (True, False):
        word = click.style("breaks", fg="red", bold=True) if breaks else click.style("notice", fg="yellow")
        lines = []
        for version, said in effects_said(package.address, package.effects, breaks=breaks):
            about = f"{version}: " if version else ""
            lines.append(f"  {word} {about}{' '.join(printable(part) for part in said if part)}")
        yield from lines[:SHOWN_EFFECTS]
        if len(lines) > SHOWN_EFFECTS:
            yield f"  {word} {len(lines) - SHOWN_EFFECTS} more; --json has all"


def basis_text(basis: Basis) -> str:
    """What a plan without a ledger was made against."""
    proof = "signed by the given key" if basis.verified else click.style("not verified: no --key", fg="yellow")
    size = counted(basis.log_size or 0, "entry", "entries")
    return f"Planned against {printable(basis.where or '')}, a log of {size}, {proof}."


def differences_text(differences: Sequence[Difference], unknown: Sequence[Address]) -> str:
    """The documents that change, each with its lines; of many, and of long ones, the first."""
    lines = [line for each in differences[:SHOWN_DOCUMENTS] for line in _difference(each)]
    if len(differences) > SHOWN_DOCUMENTS:
        lines += [f"{len(differences) - SHOWN_DOCUMENTS} more documents; --json has all", ""]
    lines += [
        f"  {address}: its documents are known only once it is fetched, which --against does not do"
        for address in unknown
    ]
    said = f"{counted(len(differences), 'protocol document')} would change"
    rest = f", those of {counted(len(unknown), 'package')} not counted" if unknown else ""
    return "\n".join([*lines, click.style(f"{said}{rest}.", bold=True)])


def _difference(difference: Difference) -> Iterator[str]:
    color = {"added": "green", "removed": "red", "changed": "yellow"}[difference.change]
    yield f"{click.style(difference.change, fg=color)} {click.style(difference.key, bold=True)}"
    lines = difference_lines(difference)
    for line in islice(lines, SHOWN_LINES):
        yield f"  {click.style(printable(line), fg=_COLORS.get(line[:1]))}"
    more = sum(1 for _ in lines)
    if more:
        yield f"  {counted(more, 'more line')}; --json has all"
    yield ""

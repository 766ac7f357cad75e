"""What a CDN was told, as a person and as a machine read it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from registry_gen.cli.output import counted
from registry_gen.cli.show_error import details
from registry_gen.errors import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from registry_gen.cli.output import Output
    from registry_gen.publish.purge import Told

SHOWN_FAILURES = 3


def say_purge(output: Output, told: Told | None) -> None:
    """Tell on stderr what was purged beyond what changed, and warn of what could not be purged."""
    lines = list(_lines(told)) if told else []
    if lines:
        output.say("\n".join(lines))


def purge_text(told: Told) -> str:
    """What was purged, in a sentence."""
    purged = told.purged
    if purged.scope == "everything":
        return f"{'Could not purge' if purged.failures else 'Purged'} everything from {told.cdn}."
    return f"Purged {counted(len(purged.done), 'key')} from {told.cdn}."


def purge_json(told: Told | None) -> Mapping[str, object] | None:
    """The same for machines; None where no CDN was told anything."""
    if told is None:
        return None
    purged = told.purged
    return {
        "cdn": told.cdn,
        "scope": purged.scope,
        "names": list(purged.names),
        "purged": len(purged.done),
        "pending": told.pending,
        "notes": list(purged.notes),
        "failures": [error.as_json() for error in told.failures],
    }


def _lines(told: Told) -> Iterator[str]:
    for note in told.purged.notes:
        yield f"  {click.style('note', fg='blue')}  {told.cdn}: {printable(note)}"
    for error in told.failures[:SHOWN_FAILURES]:
        word = click.style("not purged", fg="yellow", bold=True)
        yield f"  {word} {told.cdn}: {error.code.id} {printable(error.detail or error.code.title)}"
        yield from details(error, printable(error.where), indent=4)
    if len(told.failures) > SHOWN_FAILURES:
        yield f"  {counted(len(told.failures) - SHOWN_FAILURES, 'more failure')}; --json has all"
    if told.failures:
        what = "Everything" if told.purged.scope == "everything" else counted(told.pending, "key")
        yield (
            f"What is published stays published. {what} may be served as before until caches "
            "let go; the next run tells the CDN again."
        )

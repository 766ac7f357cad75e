"""``--approved-by`` and ``--author``: what CI says of the review."""

from __future__ import annotations

from typing import Final

import click

from registry_gen.model.rules import Approvals, Approver

MOST: Final = 100
_LONGEST: Final = 254

APPROVED_BY: Final = click.option(
    "--approved-by",
    metavar="NAME",
    multiple=True,
    help="Who approved what is done, as catalog/organizations names people; NAME:@ORG/TEAM for a member of a team. "
    "May be repeated.",
)
AUTHOR: Final = click.option(
    "--author", metavar="NAME", help="Whose change it is: does not count where two people or more must approve."
)


def read_approvals(approved_by: tuple[str, ...], author: str | None) -> Approvals:
    """The approvals that were given; raises click.BadParameter for what names no person.

    Who is no member is no mistake: reviews come from anybody, and do not count then.
    """
    if len(approved_by) > MOST:
        raise click.BadParameter(f"at most {MOST} times.", param_hint="--approved-by")
    if author is not None and author.strip().startswith("@"):
        # Else whoever approved their own change would be another person than its author.
        raise click.BadParameter("a person's name has no @ in front, as in --approved-by.", param_hint="--author")
    people = tuple(_approver(text) for text in approved_by)
    return Approvals(people, None if author is None else _name(author, "--author"))


def _approver(text: str) -> Approver:
    name, colon, team = text.strip().partition(":@")
    if name.startswith("@"):
        raise click.BadParameter(
            "a team is many people: say who of them approved, such as alice:@acme/platform.",
            param_hint="--approved-by",
        )
    teams = (_name(f"@{team}", "--approved-by"),) if colon else ()
    return Approver(_name(name, "--approved-by"), teams)


def _name(text: str, option: str) -> str:
    name = text.strip()
    if not 1 <= len(name) <= _LONGEST or not name.isprintable():
        raise click.BadParameter(f"a name of 1 to {_LONGEST} characters is needed.", param_hint=option)
    return name

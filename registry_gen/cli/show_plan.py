"""A plan and a report as a person reads them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import click

from registry_gen.cli.output import counted
from registry_gen.cli.show_error import details
from registry_gen.cli.show_needs import needs_lines, rules_text
from registry_gen.cli.show_review import basis_text, review_lines
from registry_gen.errors import printable
from registry_gen.model.plan import (
    Action,
    ChangeState,
    MirrorProvider,
    Note,
    PublishModule,
    PublishProvider,
    Refusal,
    Relist,
    Withdraw,
)
from registry_gen.plan.review import count
from registry_gen.plan.words import counts_said, fetch_said

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from registry_gen.model.address import Platform
    from registry_gen.model.facts import Deprecation
    from registry_gen.plan.review import Review, Reviewed
    from registry_gen.publish.run import Changed, Report

SHOWN_PLATFORMS = 4
SHOWN_VERSIONS = 12
SHOWN_NOTES = 50
SHOWN_WHOLE = 3
SHOWN_BRIEFLY = 50

_ALARMED = """\
An alarm comes back with every publish until somebody says why it may rest. 'registry-gen violations' shows its number:
registry-gen violations acknowledge NUMBER --reason TEXT"""


def plan_text(review: Review) -> str:
    """The plan as text."""
    return "\n".join(_plan_lines(review))


def report_text(report: Report) -> str:
    """How a publish ended, as text."""
    return "\n".join(_report_lines(report))


def refusals_text(refusals: Iterable[Refusal]) -> str:
    """Refusals, each a block with its code, both values and what to do; of many with one code the first.

    The others follow with a line each: one host that is down concerns hundreds of packages. Alarms are all shown.
    """
    whole: list[Refusal] = []
    others: list[Refusal] = []
    seen: Counter[str] = Counter()
    for refusal in refusals:
        seen[refusal.error.code.id] += not refusal.violation
        brief = not refusal.violation and seen[refusal.error.code.id] > SHOWN_WHOLE
        (others if brief else whole).append(refusal)
    blocks = ["\n".join(_refusal_lines(refusal)) for refusal in whole]
    lines = [_refusal_head(refusal) for refusal in others[:SHOWN_BRIEFLY]]
    if len(others) > SHOWN_BRIEFLY:
        lines.append(
            f"  {click.style('refused', fg='red', bold=True)} {len(others) - SHOWN_BRIEFLY} more; --json has all"
        )
    return "\n\n".join([*blocks, *(["\n".join(lines)] if lines else [])])


def notes_text(notes: Iterable[Note]) -> str:
    """Notes, a line each; of many the first, since a repository may have any number of odd tags."""
    word = click.style("note", fg="blue")
    lines = [f"  {word}  {note.address}: {printable(note.text)}" for note in notes]
    more = [f"  {word}  {len(lines) - SHOWN_NOTES} more; --json has all"] if len(lines) > SHOWN_NOTES else []
    return "\n".join([*lines[:SHOWN_NOTES], *more])


def warning_text(warning: Deprecation) -> str:
    """A deprecation in one line: which versions, what users are told, and what to use instead."""
    about = f"deprecated {warning.versions}" if warning.versions else "deprecated"
    instead = f" (use {printable(warning.replacement)})" if warning.replacement else ""
    return f"{about}: {printable(warning.message)}{instead}"


def _plan_lines(review: Review) -> Iterator[str]:
    plan = review.plan
    for package in review.packages:
        yield from _package_lines(package)
        yield ""
    if plan.needs:
        yield click.style("who may approve", bold=True)
        yield from needs_lines(plan.needs)
        yield ""
    if plan.notes:
        yield notes_text(plan.notes)
        yield ""
    if review.refusals:
        yield refusals_text(review.refusals)
        yield ""
    if review.basis.where is not None:
        yield basis_text(review.basis)
    fetched = fetch_said(review.fetch)
    if fetched:
        yield f"To fetch: {fetched}."
    counts = count(plan.packages)
    head = f"Plan: {counts_said(counts)}." if counts.packages else "No changes."
    yield _summary(head, review.refusals, plan.unchanged)


def _package_lines(package: Reviewed) -> Iterator[str]:
    """A package: its actions, the newest ones where there are many, what consumers notice, and who must agree."""
    address, actions = package.address, package.plan.actions
    yield f"{click.style(address.kind, dim=True)} {click.style(str(address), bold=True)}"
    shown = actions[-SHOWN_VERSIONS:]
    earlier = len(actions) - len(shown)
    if earlier:
        yield f"  {_hidden(actions[:earlier])}"
    width = max(len(_version(action)) for action in shown)
    for action in shown:
        yield f"  {_action(action, width)}"
    yield from review_lines(package)
    yield from needs_lines(package.needs)


def _report_lines(report: Report) -> Iterator[str]:
    changed = [*report.recovered, *report.published]
    kinds = max((len(package.address.kind) for package in changed), default=0)
    addresses = max((len(str(package.address)) for package in changed), default=0)
    for number, package in enumerate(changed):
        earlier = click.style("  begun by an earlier run", dim=True) if number < len(report.recovered) else ""
        kind = click.style(f"{package.address.kind:<{kinds}}", dim=True)
        done = f"{package.address!s:<{addresses}}  {_versions(package)}{earlier}"
        yield f"  {click.style('✓', fg='green')} {kind}  {done}"
    if changed:
        yield ""
    if report.rules_changed:
        yield f"  {click.style('✓', fg='green')} who may approve: the catalog's rules are in force from now on"
        yield ""
    for key in report.altered:
        yield f"  {click.style('alarm', fg='red', bold=True)} {key}: someone had changed it in the bucket; replaced"
    if report.altered:
        yield ""
    if report.refused_rules:
        yield rules_text(report.refused_rules)
        yield ""
    if report.refusals:
        yield refusals_text(report.refusals)
        yield ""
    if any(refusal.violation for refusal in report.refusals):
        yield f"{_ALARMED}\n"
    come = sum(len(package.published) for package in changed)
    gone = sum(len(package.withdrawn) for package in changed)
    counts = [f"Published {counted(come, 'version')}"] if come else []
    counts += [f"{'withdrew' if counts else 'Withdrew'} {counted(gone, 'version')}"] if gone else []
    counts = counts or (["Published new documents"] if changed else [])
    if counts:
        head = f"{' and '.join(counts)} in {counted(len(changed), 'package')} with {counted(report.puts, 'put')}."
    else:
        unchanged = "No package changed." if report.rules_changed else "No changes."
        head = "Nothing was published." if report.refusals or report.refused_rules else unchanged
    yield _summary(head, (*report.refusals, *report.refused_rules), report.plan.unchanged)


def _versions(package: Changed) -> str:
    gone = [(version, " withdrawn") for version in package.withdrawn]
    both = sorted([*((version, "") for version in package.published), *gone])
    versions = [f"{version}{note}" for version, note in both]
    if len(versions) > SHOWN_VERSIONS:
        versions = [*versions[:3], "…", *versions[-3:]]
    return ", ".join(versions) or "new documents"


def _hidden(actions: Sequence[Action]) -> str:
    """What is not shown: a version that goes must not look like one that comes."""
    gone = sum(isinstance(action, Withdraw) for action in actions)
    come = f"{click.style('+', fg='green')} {counted(len(actions) - gone, 'earlier version')}"
    went = f"{click.style('-', fg='red')} {counted(gone, 'earlier version')} withdrawn"
    return "\n  ".join([*([come] if len(actions) > gone else []), *([went] if gone else [])])


def _version(action: Action) -> str:
    return "" if isinstance(action, ChangeState) else str(action.version)


def _action(action: Action, width: int) -> str:
    version = f"{click.style('+', fg='green')} {_version(action):<{width}}"
    match action:
        case PublishModule(tag=tag, archive=archive):
            known = f"archive {archive.filename}" if archive else f"tag {action.named}, unpinned"
            source = f"tag {tag.name} at {tag.commit[:12]}" if tag else known
            return f"{version}  {click.style(_rehosted(action) + printable(source), dim=True)}"
        case PublishProvider() | MirrorProvider():
            what = _rehosted(action) or ("more platforms: " if action.added else "")
            unseen = ", not fetched" if isinstance(action, PublishProvider) and action.unfetched else ""
            return f"{version}  {click.style(what + _platforms(action.platforms) + unseen, dim=True)}"
        case Withdraw():
            gone = f"{click.style('-', fg='red')} {_version(action):<{width}}"
            return f"{gone}  {click.style(f'withdrawn: {printable(action.reason)}', dim=True)}"
        case Relist():
            return f"{version}  {click.style('listed again', dim=True)}"
        case ChangeState():
            lines = [f"{click.style('~', fg='yellow')} documents change: {printable(action.why)}"]
            return "\n    ".join([*lines, *_warning_lines(action.warnings)])


def _warning_lines(warnings: Sequence[Deprecation] | None) -> Iterator[str]:
    mark = click.style("!", fg="yellow")
    if warnings is not None and not warnings:
        yield f"{mark} deprecated no more"
    for warning in (warnings or ())[:SHOWN_VERSIONS]:
        yield f"{mark} {warning_text(warning)}"
    if warnings and len(warnings) > SHOWN_VERSIONS:
        yield f"{mark} {len(warnings) - SHOWN_VERSIONS} more; --json has all"


def _rehosted(action: PublishModule | PublishProvider | MirrorProvider) -> str:
    return "hosted anew: " if action.rehost else ""


def _platforms(platforms: Sequence[Platform]) -> str:
    shown = ", ".join(str(platform) for platform in platforms[:SHOWN_PLATFORMS])
    more = len(platforms) - SHOWN_PLATFORMS
    return f"{shown} and {more} more" if more > 0 else shown


def _refusal_lines(refusal: Refusal) -> Iterator[str]:
    yield _refusal_head(refusal)
    error = refusal.error
    place = str(error.position or error.where)
    yield from details(error, "" if place == _about(refusal) else place, indent=4)


def _refusal_head(refusal: Refusal) -> str:
    error = refusal.error
    word = click.style("alarm" if refusal.violation else "refused", fg="red", bold=True)
    about = click.style(_about(refusal), bold=True)
    return f"  {word} {about}: {error.code.id} {printable(error.detail or error.code.title)}"


def _about(refusal: Refusal) -> str:
    return f"{refusal.address} {refusal.version}" if refusal.version else str(refusal.address)


def _summary(head: str, refusals: Sequence[object], unchanged: int) -> str:
    parts = [click.style(head, bold=True)]
    if refusals:
        parts.append(click.style(f"{len(refusals)} refused.", fg="red", bold=True))
    if unchanged:
        parts.append(f"{counted(unchanged, 'package')} unchanged.")
    return " ".join(parts)

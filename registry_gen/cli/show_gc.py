"""What a collection would do and did, as a person and as a machine read it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from registry_gen import paths
from registry_gen.cli.output import counted
from registry_gen.cli.show_plan import refusals_text
from registry_gen.cli.show_purge import purge_json, purge_text
from registry_gen.model.facts import WithdrawalStage
from registry_gen.plan.as_json import refusal_json
from registry_gen.render.version_documents import rfc3339

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from registry_gen.plan.collect import Extent, Step
    from registry_gen.publish.gc import Collected, Goes, Outlook

SHOWN_WAITING = 20

_REVOKE = "What was downloaded before stays downloaded: a secret that was in it must be revoked."
_UNITS = ("bytes", "kB", "MB", "GB", "TB")
_WHY = {
    WithdrawalStage.UNLINKED: "caches may still list it",
    WithdrawalStage.COLLECTED: "caches may still lead to its artifacts",
}


def outlook_text(found: Outlook, extent: Extent) -> str:
    """What would go, what waits, and what caches may hold."""
    head = f"To delete: {_sum(found.goes)}." if found.goes else "Nothing to collect."
    lines = [*_goes_lines(found.goes, "-"), *_waiting_lines(found.waiting), click.style(head, bold=True)]
    return "\n".join([*lines, *_purge_lines(found.goes, extent)])


def collected_text(done: Collected, waiting: Sequence[Step], extent: Extent) -> str:
    """How a collection ended."""
    lines = [f"  {click.style('✓', fg='green')} {intent.address}  begun by an earlier run" for intent in done.recovered]
    lines += _goes_lines(done.gone, "✓")
    lines += _waiting_lines(waiting)
    if done.refusals:
        lines += [refusals_text(done.refusals), ""]
    head = click.style(f"Deleted {_sum(done.gone)}." if done.gone else "Nothing was collected.", bold=True)
    if done.refusals:
        head += click.style(f" {len(done.refusals)} failed.", fg="red", bold=True)
    if done.purge and not done.purge.failures:
        return "\n".join([*lines, head, purge_text(done.purge), *_purged_lines(done.gone, extent)])
    return "\n".join([*lines, head, *_purge_lines(done.gone, extent)])


def outlook_json(found: Outlook, extent: Extent) -> Mapping[str, object]:
    """What would go and what waits."""
    return {**_json(found.goes, found.waiting, extent), "dry_run": True}


def collected_json(done: Collected, waiting: Sequence[Step], extent: Extent) -> Mapping[str, object]:
    """What went, what waits and what failed."""
    return {
        **_json(done.gone, waiting, extent),
        "dry_run": False,
        "purged": purge_json(done.purge),
        "recovered": [str(intent.address) for intent in done.recovered],
        "refusals": [refusal_json(refusal) for refusal in done.refusals],
    }


def size_text(size: int) -> str:
    """A number of bytes with three digits, in decimal units."""
    value, unit = float(size), 0
    while value >= 1000 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:.3g} {_UNITS[unit]}"


def _json(goes: Sequence[Goes], waiting: Sequence[Step], extent: Extent) -> Mapping[str, object]:
    return {
        "steps": [_step_json(step) for each in goes for step in each.steps],
        "documents": [key for each in goes for key in each.documents],
        "objects": [key for each in goes for key in each.intent.removes],
        "bytes": sum(each.size for each in goes),
        "waiting": [{**_step_json(step), "until": rfc3339(step.due)} for step in waiting],
        "purge": list(_purge(goes, extent)),
    }


def _step_json(step: Step) -> Mapping[str, str]:
    return {
        "kind": step.address.kind,
        "address": str(step.address),
        "version": str(step.version),
        "stage": step.stage.value,
    }


def _goes_lines(goes: Iterable[Goes], mark: str) -> Iterator[str]:
    sign = click.style(mark, fg="red" if mark == "-" else "green")
    for each in goes:
        yield f"  {sign} {click.style(each.intent.address.kind, dim=True)} {each.intent.address}  {_what(each)}"


def _what(goes: Goes) -> str:
    by_stage = {
        stage: ", ".join(str(step.version) for step in goes.steps if step.stage is stage)
        for stage in (WithdrawalStage.UNLINKED, WithdrawalStage.COLLECTED)
    }
    parts = []
    if by_stage[WithdrawalStage.UNLINKED]:
        parts.append(f"{by_stage[WithdrawalStage.UNLINKED]}: leaf documents")
    if by_stage[WithdrawalStage.COLLECTED]:
        parts.append(f"{by_stage[WithdrawalStage.COLLECTED]}: everything stored")
    if not parts:
        parts.append("records of collected versions")
    counts = [counted(len(goes.documents), "document")] if goes.documents else []
    counts += [counted(len(goes.intent.removes), "object")] if goes.intent.removes else []
    return f"{'; '.join(parts)} ({' and '.join(counts) or 'nothing is stored'})"


def _waiting_lines(waiting: Sequence[Step]) -> Iterator[str]:
    for step in waiting[:SHOWN_WAITING]:
        until = f"{step.due:%Y-%m-%d %H:%M:%S} UTC"
        yield f"  {click.style('waits', fg='yellow')} {step.address} {step.version}  until {until}: {_WHY[step.stage]}"
    if len(waiting) > SHOWN_WAITING:
        yield f"  {click.style('waits', fg='yellow')} {len(waiting) - SHOWN_WAITING} more; --json has all"


def _purge(goes: Iterable[Goes], extent: Extent) -> Iterator[str]:
    """What caches may still hold where nobody waited for them."""
    if extent.at_once:
        for each in goes:
            yield paths.listing(each.intent.address)
            yield from each.documents
            yield from each.intent.removes


def _purge_lines(goes: Sequence[Goes], extent: Extent) -> Iterator[str]:
    keys = list(_purge(goes, extent))
    if keys:
        yield "Caches were not waited for and may still hold copies. Purge these from every CDN in front:"
        yield from (f"  {key}" for key in keys)
        yield _REVOKE


def _purged_lines(goes: Sequence[Goes], extent: Extent) -> Iterator[str]:
    if any(_purge(goes, extent)):
        yield _REVOKE


def _sum(goes: Sequence[Goes]) -> str:
    documents = sum(len(each.documents) for each in goes)
    objects = sum(len(each.intent.removes) for each in goes)
    size = size_text(sum(each.size for each in goes))
    packages = counted(len(goes), "package")
    return f"{counted(documents, 'document')} and {counted(objects, 'object')} with {size} in {packages}"

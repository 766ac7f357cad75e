"""What is said of a plan in every format for people: one sentence for one thing, without styles.

Text of strangers in it (tags, reasons, messages) is handed over apart, for each format to make harmless in its way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry_gen.model.address import ModuleAddress
from registry_gen.model.plan import (
    Action,
    ChangeState,
    MirrorProvider,
    PublishModule,
    PublishProvider,
    Relist,
    Withdraw,
)
from registry_gen.model.words import counted, size_said
from registry_gen.plan.approve import some

if TYPE_CHECKING:
    from collections.abc import Iterator

    from registry_gen.model.address import Address
    from registry_gen.model.rules import Need
    from registry_gen.plan.review import Counts, Effect, Fetch

Said = tuple[str, ...]
"""Words of ours and words of others by turns, ours first; each may be empty."""


def fetch_said(fetch: Fetch) -> str:
    """What is fetched, in words; "" for nothing."""
    known = f"{size_said(fetch.size)} in {counted(fetch.known, 'file')}" if fetch.known else ""
    unknown = f"{counted(fetch.unknown, 'source')} of unknown size" if fetch.unknown else ""
    return " and ".join(text for text in (known, unknown) if text)


def counts_said(counts: Counts) -> str:
    """What the plan is about: "3 versions to publish and 1 to withdraw in 2 packages"."""
    numbers = {
        "to publish": counts.published,
        "to change": counts.changed,
        "to list again": counts.relisted,
        "to withdraw": counts.withdrawn,
    }
    parts = [f"{number} {what}" for what, number in numbers.items() if number]
    if not parts:
        return f"new documents for {counted(counts.packages, 'package')}" if counts.packages else "no changes"
    first = next(number for number in numbers.values() if number)
    parts[0] = parts[0].replace(f"{first} ", f"{counted(first, 'version')} ", 1)
    listed = f"{', '.join(parts[:-1])} and {parts[-1]}" if len(parts) > 1 else parts[0]
    return f"{listed} in {counted(counts.packages, 'package')}"


def action_said(action: Action) -> Said:
    """What an action does, beside its version."""
    match action:
        case PublishModule(tag=tag, archive=archive):
            source = "hosted anew from" if action.rehost else "from"
            if tag:
                return f"{source} tag", tag.name, "at", tag.commit[:12]
            if archive:
                return f"{source} archive", archive.filename
            return f"{source} a tag whose commit nobody has seen:", action.named or ""
        case PublishProvider() | MirrorProvider():
            kind = "hosted anew for" if action.rehost else "more platforms:" if action.added else "for"
            unseen = isinstance(action, PublishProvider) and action.unfetched
            return kind, ", ".join(map(str, action.platforms)), "not fetched" if unseen else ""
        case Withdraw():
            return "withdrawn:", action.reason
        case Relist():
            return ("listed again",)
        case ChangeState():
            return (f"documents change: {action.why}",)


def mark(action: Action) -> str:
    """One character that tells what comes (+), goes (-) and changes (~)."""
    match action:
        case Withdraw():
            return "-"
        case ChangeState():
            return "~"
        case PublishProvider() | MirrorProvider() | PublishModule() if action.rehost:
            return "~"
        case _:
            return "+"


def effect_said(address: Address, effect: Effect) -> Said:
    """What consumers notice, and about what."""
    locked = "configurations that ask for it" if isinstance(address, ModuleAddress) else "lock files that name it"
    about = ", ".join(effect.about)
    match effect.kind:
        case "version-withdrawn":
            return f"{locked} fail at the next init; the reason:", about
        case "key-dropped":
            tail = "which signed published versions" if effect.breaks else "which signed nothing here"
            return "clients no longer get the key", about, tail
        case "platform-gone":
            return "lacks", about, "although the version before it has that: no upgrade there"
        case "hosting-changed":
            to = "this registry" if about == "link" else "its source"
            return (f"fetched from {to} from now on; the digests stay what they are",)


def need_said(need: Need) -> Said:
    """Which approval is needed for what, who could give it, and by which rule."""
    people = f"needs {counted(need.rule.people, 'person', 'people')} with the role"
    versions = ", ".join(map(str, need.versions))
    default = "by default, since approvals are asked for in" if need.rule.default else "by the rule in"
    rule = str(need.rule.position)
    return need.what, versions, people, str(need.rule.role), "among", some(need.may), default, rule


def effects_said(address: Address, effects: tuple[Effect, ...], *, breaks: bool) -> Iterator[tuple[str, Said]]:
    """The versions and what is noticed of them, of those effects that break something, or of the others."""
    for effect in effects:
        if effect.breaks is breaks:
            yield str(effect.version or ""), effect_said(address, effect)

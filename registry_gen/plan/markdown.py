"""A plan as one comment on a pull request, which CI finds by its first line and edits in place.

What anybody else wrote (tags, reasons, messages, addresses that a change brought along) stands in code spans only:
there neither Markdown nor HTML, mentions, references nor links are looked for. Counts cover everything, whatever did
not fit.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape
from itertools import islice
from typing import TYPE_CHECKING, Final

from registry_gen.errors import printable
from registry_gen.model.plan import ChangeState
from registry_gen.model.words import counted
from registry_gen.plan.differences import difference_lines
from registry_gen.plan.review import count
from registry_gen.plan.words import action_said, counts_said, effects_said, fetch_said, mark, need_said

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from registry_gen.model.address import Address
    from registry_gen.model.facts import Deprecation
    from registry_gen.model.plan import Action, Refusal
    from registry_gen.plan.differences import Difference
    from registry_gen.plan.review import Review, Reviewed
    from registry_gen.plan.words import Said

MARKER: Final = "[//]: # (registry-gen plan)"
"""The comment's first line: a link definition that nothing refers to, so that no forge shows it; Bitbucket would show
an HTML comment.
"""


@dataclass(frozen=True, slots=True)
class Forge:
    """How large a comment may be, in bytes of UTF-8, which are never fewer than characters; ``folds`` says whether
    ``<details>`` is understood.
    """

    limit: int
    folds: bool


FORGES: Final[Mapping[str, Forge]] = {
    # "body is too long (maximum is 65536 characters)", as its API answers; the documentation has no number.
    "github": Forge(65_536, folds=True),
    # docs.gitlab.com, Notes API: "body: Limited to 1,000,000 characters."
    "gitlab": Forge(1_000_000, folds=True),
    # Not documented for comments of pull requests. Other tools (Atlantis) have stayed below this for years.
    "azure": Forge(150_000, folds=True),
    # "Please enter a non-empty value less than 32768 characters", as its API answers. Its Markdown knows no HTML.
    "bitbucket": Forge(32_767, folds=False),
}

_BETWEEN: Final = 2
"""Bytes between two blocks."""
_SHOWN_ACTIONS: Final = 20
_SHOWN_TEXT: Final = 500
_SHOWN_LINES: Final = 20
_TICKS = re.compile("`+")
_COMMAND = re.compile(r"##(?=(?:vso)?\[)", re.IGNORECASE)
_MARKUP = re.compile(r"[\\`*_\[\]<>#!|~]")


def plan_markdown(
    review: Review,
    forge: Forge,
    saved: str = "",
    documents: Sequence[Difference] = (),
    unknown: Sequence[Address] = (),
) -> str:
    """The comment, no longer than the forge takes. ``saved`` is the name of the file that has the whole plan.

    ``documents`` are the protocol documents that change, ``unknown`` packages whose documents nobody fetched.

    What matters most to a reviewer comes first, and is the last to be left out.
    """
    head = "\n\n".join(_head(review))
    changed = _Section("Protocol documents", [_document(each, forge) for each in documents])
    unseen = _Section("Not compared", [f"- {code(str(each))}: nothing of it was fetched" for each in unknown])
    sections = [section for section in (*_sections(review, forge), changed, unseen) if section.items]
    whole = f"{code(saved or 'registry-gen plan --json')} has all"
    frame = sum(_size(_section(each, [], whole)) + _BETWEEN for each in sections)
    left = forge.limit - _size(head) - _BETWEEN - frame
    shown = []
    for number, section in enumerate(sections):
        later = sum(_size("\n".join(each.items)) + 1 for each in sections[number + 1 :])
        items = _fitting(section.items, max(left // 2, left - later) if later else left)
        left -= sum(_size(item) + 1 for item in items)
        shown.append(_section(section, items, whole))
    return "\n\n".join([head, *shown]) + "\n"


def code(text: str) -> str:
    """Text of anybody as a code span, in which nothing is looked for; cut where it is long, on one line.

    The delimiters are longer than any run of backticks inside (CommonMark 0.31, section 6.1).
    """
    text = _plain(text) or " "
    ticks = "`" * (max((len(run) for run in _TICKS.findall(text)), default=0) + 1)
    space = " " if text.startswith("`") or text.endswith("`") or not text.strip(" `") else ""
    return f"{ticks}{space}{text}{space}{ticks}"


def _plain(text: str) -> str:
    # A log would make it so, too: what looks like a command to a pipeline's runner.
    text = _COMMAND.sub(r"#\\x23", printable(text))
    return text if len(text) <= _SHOWN_TEXT else text[: _SHOWN_TEXT - 1] + "…"


@dataclass(frozen=True, slots=True)
class _Section:
    """``title`` without its number, and blocks of Markdown, of which the last ones may be left out."""

    title: str
    items: list[str]


def _section(section: _Section, items: Sequence[str], whole: str) -> str:
    more = len(section.items) - len(items)
    lines = [f"#### {section.title} ({len(section.items)})", "", *items]
    lines += ["", f"_{more} more are not shown: {whole}._"] if more else []
    return "\n".join(lines).rstrip()


def _fitting(items: Sequence[str], room: int) -> Sequence[str]:
    for number, item in enumerate(items):
        room -= _size(item) + 1
        if room < 0:
            return items[:number]
    return items


def _size(text: str) -> int:
    return len(text.encode())


def _head(review: Review) -> Iterator[str]:
    yield MARKER
    yield f"### Registry plan: {counts_said(count(review.plan.packages))}"
    facts = [f"**{len(review.refusals)} refused.**"] if review.refusals else []
    broken = sum(effect.breaks for package in review.packages for effect in package.effects)
    facts += [f"**{counted(broken, 'break')} for consumers.**"] if broken else []
    facts += [f"To fetch: {fetch_said(review.fetch)}."] if fetch_said(review.fetch) else []
    facts += [f"{counted(review.plan.unchanged, 'package')} unchanged."] if review.plan.unchanged else []
    if facts:
        yield " ".join(facts)
    basis = review.basis
    if basis.where is not None:
        proof = "its checkpoint is signed by the given key" if basis.verified else "**not verified: no key was given**"
        size = counted(basis.log_size or 0, "entry", "entries")
        yield f"Planned against {code(basis.where)}, a log of {size}; {proof}."


def _sections(review: Review, forge: Forge) -> Iterator[_Section]:
    yield _Section("Refused", [_refusal(each) for each in review.refusals])
    yield _Section("Breaks for consumers", list(_effects(review, breaks=True)))
    rules = [f"- who may approve: {_said(need_said(need))}" for need in review.plan.needs]
    yield _Section("Approvals", rules + [line for package in review.packages for line in _needs(package)])
    yield _Section("Packages", [_package(package, forge) for package in review.packages])
    yield _Section("Consumers will notice", list(_effects(review, breaks=False)))
    yield _Section("Notes", [f"- {code(str(note.address))}: {code(note.text)}" for note in review.plan.notes])


def _refusal(refusal: Refusal) -> str:
    error = refusal.error
    about = code(str(refusal.address)) + (f" {code(str(refusal.version))}" if refusal.version else "")
    alarm = "**alarm** " if refusal.violation else ""
    title = _prose(error.code.title) if error.detail in ("", error.code.title) else code(error.detail)
    lines = [f"- {about}: {alarm}**{error.code.id}** {title}"]
    hint = _prose(error.code.fix) if error.hint in ("", error.code.fix) else code(error.hint)
    said = {"where": str(error.position or error.where), "expected": error.expected, "found": error.found}
    lines += [f"  - {name}: {code(text)}" for name, text in said.items() if text]
    return "\n".join([*lines, f"  - what to do: {hint}"])


def _effects(review: Review, *, breaks: bool) -> Iterator[str]:
    for package in review.packages:
        for version, said in effects_said(package.address, package.effects, breaks=breaks):
            about = f" {code(version)}" if version else ""
            yield f"- {code(str(package.address))}{about}: {_said(said)}"


def _needs(package: Reviewed) -> Iterator[str]:
    for need in package.needs:
        yield f"- {code(str(package.address))}: {_said(need_said(need))}"


def _package(package: Reviewed, forge: Forge) -> str:
    """A package with its actions, the newest ones where there are many; folded where the forge can."""
    address, actions = package.address, package.plan.actions
    counts = count([package.plan])
    what = counts_said(counts).rpartition(" in ")[0] or "new documents"
    new = "new, " if package.new else ""
    shown = [_action(action) for action in actions[-_SHOWN_ACTIONS:]]
    hidden = len(actions) - len(shown)
    shown = [f"- and {hidden} before these", *shown] if hidden else shown
    fetched = fetch_said(package.fetch)
    shown += [f"- to fetch: {fetched}"] if fetched else []
    if not forge.folds:
        lines = [line for block in shown for line in block.split("\n")]
        return "\n".join([f"- {address.kind} {code(str(address))}: {new}{what}", *(f"  {line}" for line in lines)])
    summary = f"{address.kind} <code>{escape(_plain(str(address)))}</code>: {new}{what}"
    return "\n".join([f"<details><summary>{summary}</summary>", "", *shown, "", "</details>", ""])


def _document(difference: Difference, forge: Forge) -> str:
    """A document with the first lines that change, folded; only its key where the forge cannot fold."""
    if not forge.folds:
        return f"- {difference.change} {code(difference.key)}"
    lines = list(islice(difference_lines(difference), _SHOWN_LINES + 1))
    shown = [_plain(line) for line in lines[:_SHOWN_LINES]]
    shown += ["…"] if len(lines) > _SHOWN_LINES else []
    # A fence ends at one that is as long (CommonMark 0.31, section 4.5).
    fence = "`" * max(3, *(len(run) + 1 for line in shown for run in _TICKS.findall(line)), 3)
    summary = f"{difference.change} <code>{escape(_plain(difference.key))}</code>"
    return "\n".join(
        [f"<details><summary>{summary}</summary>", "", f"{fence}diff", *shown, fence, "", "</details>", ""]
    )


def _action(action: Action) -> str:
    version = getattr(action, "version", None)
    about = f"{mark(action)} {version}" if version else mark(action)
    lines = [f"- {code(about)} {_said(action_said(action))}"]
    if isinstance(action, ChangeState) and action.warnings is not None:
        lines += [f"  - deprecated: {_warning(each)}" for each in action.warnings[:_SHOWN_ACTIONS]]
        more = len(action.warnings) - _SHOWN_ACTIONS
        lines += [f"  - and {more} more"] if more > 0 else []
        lines += [] if action.warnings else ["  - deprecated no more"]
    return "\n".join(lines)


def _warning(warning: Deprecation) -> str:
    about = f"{code(str(warning.versions))}: " if warning.versions else ""
    instead = f", use {code(warning.replacement)}" if warning.replacement else ""
    return f"{about}{code(warning.message)}{instead}"


def _said(said: Said) -> str:
    return " ".join(code(part) if number % 2 else part for number, part in enumerate(said) if part)


def _prose(text: str) -> str:
    """A sentence of ours, in which nothing is Markdown by chance."""
    return _MARKUP.sub(r"\\\g<0>", text)

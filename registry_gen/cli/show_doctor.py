"""What ``doctor`` found, as a person and as a machine reads it."""

from __future__ import annotations

import shutil
import textwrap
from itertools import groupby
from typing import TYPE_CHECKING, Final

import click

from registry_gen.cli.output import counted
from registry_gen.doctor.examination import MACHINE, PRIVATE, PUBLIC, SITE
from registry_gen.doctor.result import NOT_TRIED, Outcome, Result
from registry_gen.errors import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from registry_gen.model.config import Config

_WIDEST: Final = 120
_NARROWEST: Final = 40
_WORD: Final = 8
_LABEL: Final = 10
_WORDS: Final[Mapping[Outcome, tuple[str, str]]] = {
    Outcome.OK: ("ok", "green"),
    Outcome.FAILED: ("failed", "red"),
    Outcome.NOT_APPLICABLE: ("-", "yellow"),
}


def results_json(config: Config, url: str | None, results: Sequence[Result]) -> Mapping[str, object]:
    """Every result in plain values; ``code`` is null where nothing failed."""
    counts = {outcome.value: sum(result.outcome is outcome for result in results) for outcome in Outcome}
    return {
        "good": not counts[Outcome.FAILED],
        "subjects": _subjects(config, url),
        "counts": counts,
        "checks": [
            {
                "part": result.part,
                "check": result.check,
                "outcome": result.outcome.value,
                "code": result.code.id if result.code else None,
                "expected": result.expected,
                "found": result.found,
                "fix": result.fix,
            }
            for result in results
        ],
    }


def results_text(config: Config, url: str | None, results: Sequence[Result]) -> str:
    """A line for each check, and below each failure what was found and how to fix it, as wide as the terminal."""
    width = max(_NARROWEST, min(_WIDEST, shutil.get_terminal_size().columns))
    subjects = _subjects(config, url)
    lines: list[str] = []
    for part, of_part in groupby(results, key=lambda result: result.part):
        lines.append(click.style(f"{part[:1].upper()}{part[1:]}", bold=True) + f"  {printable(subjects[part])}")
        for why, alike in groupby(of_part, key=_not_tried):
            together = list(alike)
            for result in [_together(together, why)] if why and len(together) > 1 else together:
                lines += _lines(result, width)
        lines.append("")
    return "\n".join([*lines, *textwrap.wrap(_verdict(results, url), width)])


def _subjects(config: Config, url: str | None) -> Mapping[str, str]:
    return {
        MACHINE: str(config.state),
        PUBLIC: config.public.url,
        PRIVATE: config.private.url,
        SITE: url or "",
    }


def _not_tried(result: Result) -> str:
    return result.found if result.outcome is Outcome.NOT_APPLICABLE and result.found.startswith(NOT_TRIED) else ""


def _together(results: Sequence[Result], why: str) -> Result:
    """One line for all that was left out for one reason: what failed is not to be lost among them."""
    return Result(results[0].part, counted(len(results), "check"), Outcome.NOT_APPLICABLE, why)


def _lines(result: Result, width: int) -> Iterator[str]:
    word, color = _WORDS[result.outcome]
    head = f"  {click.style(f'{word:<{_WORD}}', fg=color, bold=result.outcome is Outcome.FAILED)}"
    if result.outcome is not Outcome.FAILED:
        note = f" ({printable(result.found)})" if result.found else ""
        first, *rest = _wrapped(result.check + note, width, 2 + _WORD)
        yield head + first
        yield from (" " * (2 + _WORD) + line for line in rest)
        return
    said = f"{result.code.id} {result.code.title}" if result.code else result.check
    for number, line in enumerate(_wrapped(said, width, 2 + _WORD)):
        yield (head if number == 0 else " " * (2 + _WORD)) + line
    for label, text in (("expected", result.expected), ("found", result.found), ("fix", result.fix)):
        for number, line in enumerate(_wrapped(printable(text), width, 2 + _WORD + _LABEL) if text else ()):
            shown = click.style(f"{label if number == 0 else '':<{_LABEL}}", dim=True)
            yield " " * (2 + _WORD) + shown + line


def _wrapped(text: str, width: int, indent: int) -> list[str]:
    # URLs are to be copied: they are not broken where it can be helped.
    return textwrap.wrap(text, width - indent, break_on_hyphens=False, break_long_words=False) or [""]


def _verdict(results: Sequence[Result], url: str | None) -> str:
    failed = sum(result.outcome is Outcome.FAILED for result in results)
    tried = sum(result.outcome is not Outcome.NOT_APPLICABLE for result in results)
    if failed:
        return click.style(f"{failed} of {counted(tried, 'check')} failed.", fg="red", bold=True)
    rest = "" if url else " With --url the public URL is looked at, too."
    return click.style(f"All is well: {counted(tried, 'check')}.", fg="green", bold=True) + rest

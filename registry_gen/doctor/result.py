"""A check and what it says: each is one small function that tries one thing."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from registry_gen.doctor.platforms import fix_of
from registry_gen.errors import RegistryError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from registry_gen.doctor.platforms import Platform
    from registry_gen.errors import Code


NOT_TRIED: Final = "not tried: "
"""What the lines of checks begin with that make no sense before something else is mended."""


class Outcome(StrEnum):
    """How a check ended."""

    OK = "ok"
    FAILED = "failed"
    NOT_APPLICABLE = "not applicable"


@dataclass(frozen=True, slots=True)
class Ok:
    """All is as it must be; ``found`` is what is worth to be known of it."""

    found: str = ""


@dataclass(frozen=True, slots=True)
class Failed:
    """Something is not; texts may hold what strangers say."""

    expected: str
    found: str


@dataclass(frozen=True, slots=True)
class NotApplicable:
    """There was nothing to try, and why."""

    why: str


class CheckFailedError(Exception):
    """Ends a check from inside of what it calls, as if it had returned ``failed``."""

    def __init__(self, expected: str, found: str) -> None:
        super().__init__(f"expected {expected}, found {found}")
        self.failed = Failed(expected, found)


Verdict = Ok | Failed | NotApplicable


@dataclass(frozen=True, slots=True)
class Check:
    """``name`` says what is true where it is well; where ``run`` raises RegistryError, that is a failure too.

    What comes behind a check that is ``needed`` is not tried where it fails; neither is a check that comes ``after``
    the code of one that failed.
    """

    name: str
    code: Code
    run: Callable[[], Verdict]
    needed: bool = False
    after: Code | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """One line of the list. ``part`` is what was looked at; ``code`` and ``fix`` are those of a failure."""

    part: str
    check: str
    outcome: Outcome
    found: str = ""
    expected: str = ""
    code: Code | None = None
    fix: str = ""


def examine(part: str, platform: Callable[[], Platform], checks: Iterable[Check]) -> Iterator[Result]:
    """Run checks one after another; ``platform`` is asked after each that failed: by then it may be known."""
    broken: Code | None = None
    failed: set[Code] = set()
    for check in checks:
        first = broken or (check.after if check.after in failed else None)
        if first:
            yield not_tried(part, check, first)
            continue
        result = _result(part, platform, check)
        if result.outcome is Outcome.FAILED:
            failed.add(check.code)
            broken = check.code if check.needed else None
        yield result


def not_tried(part: str, check: Check, first: Code) -> Result:
    """The line of a check that makes no sense before what failed with the code ``first`` is mended."""
    return Result(part, check.name, Outcome.NOT_APPLICABLE, f"{NOT_TRIED}{first} above comes first")


def _result(part: str, platform: Callable[[], Platform], check: Check) -> Result:
    try:
        verdict = check.run()
    except CheckFailedError as error:
        verdict = error.failed
    except RegistryError as error:
        place = f"{error.where}: " if error.where else ""
        fix = f"{error.hint or error.code.fix} {fix_of(check.code, platform())}"
        found = f"{place}{error.code} {error.message}"
        return Result(part, check.name, Outcome.FAILED, found, "", check.code, fix)
    match verdict:
        case Ok():
            return Result(part, check.name, Outcome.OK, verdict.found)
        case NotApplicable():
            return Result(part, check.name, Outcome.NOT_APPLICABLE, verdict.why)
        case Failed():
            fix = fix_of(check.code, platform())
            return Result(part, check.name, Outcome.FAILED, verdict.found, verdict.expected, check.code, fix)

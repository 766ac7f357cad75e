"""Versions (SemVer 2.0.0) and Terraform's constraint language.

Terraform and OpenTofu read constraints with two libraries that disagree in corners: hashicorp/go-version for modules,
apparentlymart/go-versions for providers and, since prereleases must be asked for exactly, for modules' prereleases too.
Where they differ this module does what ``init`` does for providers:

- A prerelease matches only where ``=`` (or no operator) names it. (go-version: any prerelease of the same three
  numbers may match an ordering operator that names a prerelease; ``init`` no longer lets such a version through.)
- ``~> 1`` is ``>= 1.0.0, < 2.0.0``. (go-version: no upper bound.)
- ``~> 2.1.0-rc1`` is ``>= 2.1.0-rc1, < 2.2.0`` and so allows 2.1.0. (go-version: prereleases of 2.1.0 only.)
- ``=`` and ``!=`` compare build metadata, the ordering operators ignore it. (go-version: always ignored.)
- A leading ``v``, leading zeros, wildcards and a fourth number are refused. (go-version: the v, zeros and number pass.)
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, Literal, cast

from registry_gen.errors import InputError
from registry_gen.model import codes

MAX_LENGTH: Final = 128
"""Characters of a version. A provider's file name repeats it, and file systems end a name at 255 bytes."""

_REMEMBERED: Final = 4_096
"""Texts whose versions are kept: most packages have the same few, and each is read from rows, entries and records."""

Operator = Literal["=", "!=", ">", ">=", "<", "<=", "~>"]

# Eighteen digits always fit the 64-bit integers that clients parse them into.
_NUMBER = r"0|[1-9][0-9]{0,17}"
_PRERELEASE = rf"(?:{_NUMBER}|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
_SUFFIX = rf"(?:-({_PRERELEASE}(?:\.{_PRERELEASE})*))?(?:\+([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?"
_VERSION = re.compile(rf"({_NUMBER})\.({_NUMBER})\.({_NUMBER}){_SUFFIX}")
_CLAUSE = re.compile(rf"(=|!=|>=|<=|~>|>|<)?[ \t]*({_NUMBER})(?:\.({_NUMBER}))?(?:\.({_NUMBER}))?{_SUFFIX}")
MAX_CLAUSES = 32

_Identifier = tuple[int, int, str]
_Key = tuple[int, int, int, tuple[_Identifier, ...], str]
# A release is greater than each of its prereleases (SemVer 11.3), and numbers are less than words (11.4.3).
_RELEASE: Final[tuple[_Identifier, ...]] = ((2, 0, ""),)


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """A semantic version without a leading v. Text from outside goes through ``parse_version``, which checks it.

    Equality, hash and order cover all parts: SemVer precedence first, then the build metadata as text, so that
    sorting is deterministic although SemVer gives builds no order.
    """

    major: int = field(compare=False)
    minor: int = field(compare=False)
    patch: int = field(compare=False)
    prerelease: tuple[str, ...] = field(default=(), compare=False)
    build: str = field(default="", compare=False)
    _key: _Key = field(init=False, repr=False)

    def __post_init__(self) -> None:
        order = tuple(map(_identifier, self.prerelease)) if self.prerelease else _RELEASE
        object.__setattr__(self, "_key", (self.major, self.minor, self.patch, order, self.build))

    @property
    def is_prerelease(self) -> bool:
        """Whether clients take this version only when it is asked for exactly."""
        return bool(self.prerelease)

    @property
    def precedence(self) -> tuple[object, ...]:
        """A sort key of SemVer's own precedence, in which versions that differ only in build metadata are equal."""
        return self._key[:4]

    def __str__(self) -> str:
        text = f"{self.major}.{self.minor}.{self.patch}"
        if self.prerelease:
            text += "-" + ".".join(self.prerelease)
        if self.build:
            text += "+" + self.build
        return text


@lru_cache(_REMEMBERED)
def parse_version(text: str) -> Version:
    """Read a version strictly as SemVer 2.0.0 has it, at most ``MAX_LENGTH`` characters; raises InputError VER001.

    Numbers end at 18 digits, because clients keep them in 64 bits. Build metadata is read; whether it may be
    published is policy.
    """
    found = _VERSION.fullmatch(text) if len(text) <= MAX_LENGTH else None
    if found is None:
        raise _bad_version(text)
    major, minor, patch, prerelease, build = found.groups()
    return Version(int(major), int(minor), int(patch), tuple(prerelease.split(".")) if prerelease else (), build or "")


@dataclass(frozen=True, slots=True)
class Clause:
    """One comparison. ``numbers`` counts the numbers that were written, which ``~>`` depends on."""

    operator: Operator
    version: Version
    numbers: int = 3

    def __str__(self) -> str:
        if self.numbers == 3:
            return f"{self.operator} {self.version}"
        written = (self.version.major, self.version.minor)[: self.numbers]
        return f"{self.operator} {'.'.join(map(str, written))}"

    def holds(self, version: Version) -> bool:
        """Compare by order alone; that prereleases must be named is the rule of ``Constraints``."""
        asked = self.version
        match self.operator:
            case "=":
                return version == asked
            case "!=":
                return version != asked
            case ">":
                return version.precedence > asked.precedence
            case ">=":
                return version.precedence >= asked.precedence
            case "<":
                return version.precedence < asked.precedence
            case "<=":
                return version.precedence <= asked.precedence
            case "~>":
                return asked.precedence <= version.precedence < self._ceiling().precedence

    def _ceiling(self) -> Version:
        if self.numbers == 3:
            return Version(self.version.major, self.version.minor + 1, 0)
        return Version(self.version.major + 1, 0, 0)


@dataclass(frozen=True, slots=True)
class Constraints:
    """Comparisons that must all hold. Made by ``parse_constraints``, which sorts the clauses and drops repetitions."""

    clauses: tuple[Clause, ...]

    def allows(self, version: Version) -> bool:
        """Whether ``init`` would take this version: every clause holds, and a prerelease is named by an ``=``."""
        if version.is_prerelease and not any(c.operator == "=" and c.version == version for c in self.clauses):
            return False
        return self.covers(version)

    def covers(self, version: Version) -> bool:
        """Whether every clause holds by order alone, for prereleases too: what a range of a person's speech means."""
        return all(clause.holds(version) for clause in self.clauses)

    def __str__(self) -> str:
        """The normal form: equal constraints have equal texts, and ``parse_constraints`` reads it back."""
        return ", ".join(map(str, self.clauses))


def parse_constraints(text: str) -> Constraints:
    """Read comma-separated comparisons such as ``>= 1.2, < 2.0.0``; raises InputError VER002.

    No operator means ``=``; missing numbers mean 0, except that ``~>`` counts them. At most 32 clauses.
    """
    parts = text.split(",")
    if len(parts) > MAX_CLAUSES:
        raise InputError(
            codes.BAD_CONSTRAINT, expected=f"at most {MAX_CLAUSES} comparisons", found=f"{len(parts)} of them"
        )
    clauses = {_clause(part.strip(" \t"), text) for part in parts}
    return Constraints(tuple(sorted(clauses, key=lambda c: (c.version, c.operator, c.numbers))))


def _clause(part: str, text: str) -> Clause:
    found = _CLAUSE.fullmatch(part) if len(part) <= MAX_LENGTH else None
    if found is None:
        raise _bad_constraint(part, text)
    operator, major, minor, patch, prerelease, build = found.groups()
    if patch is None and (prerelease or build):
        raise _bad_constraint(part, text)
    version = Version(
        int(major),
        int(minor or 0),
        int(patch or 0),
        tuple(prerelease.split(".")) if prerelease else (),
        build or "",
    )
    operator = cast("Operator", operator or "=")
    written = 3 - (minor is None) - (patch is None)
    return Clause(operator, version, written if operator == "~>" else 3)


def _identifier(text: str) -> _Identifier:
    return (0, int(text), "") if text.isdigit() else (1, 0, text)


def _bad_version(text: str) -> InputError:
    hint = codes.BAD_VERSION.fix
    if text[:1] in ("v", "V") and len(text) <= MAX_LENGTH and _VERSION.fullmatch(text[1:]):
        hint = f"Did you mean {text[1:]}?"
    elif len(text) > MAX_LENGTH:
        hint = f"A version has at most {MAX_LENGTH} characters."
    return InputError(codes.BAD_VERSION, found=repr(text[:80]), hint=hint)


def _bad_constraint(part: str, text: str) -> InputError:
    found = repr(part[:80]) + (f" in {text[:80]!r}" if part != text else "")
    return InputError(codes.BAD_CONSTRAINT, found=found, hint=_hint(part))


def _hint(part: str) -> str:
    bare = part.lstrip("=!<>~ \t")
    if part.startswith("=>"):
        return f"Did you mean '>= {bare}'?"
    if part.startswith("=<"):
        return f"Did you mean '<= {bare}'?"
    if bare[:1] in ("v", "V"):
        return "Leave out the leading v."
    return codes.BAD_CONSTRAINT.fix


ANY: Final = parse_constraints(">= 0.0.0")
"""All stable versions."""

"""``state/head``: the one object of a ledger in a bucket that is ever replaced, and so what everything hangs on.

It names whose turn it is, the last snapshot and every change since, each by its digest: what it does not name is not
part of the ledger, and what does not have the digest is not believed. Numbers count changes from the first one.
"""

from __future__ import annotations

from datetime import timedelta  # noqa: TC003 - pydantic reads the annotations
from typing import TYPE_CHECKING, Annotated, Final, Literal, Self, TypeVar

import orjson
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from registry_gen.errors import LedgerError
from registry_gen.ledger import codes

if TYPE_CHECKING:
    from datetime import datetime

FORMAT: Final = 1
MOST_BYTES: Final = 4_000_000
"""Of a head, or a list of parts: one that is larger is none of ours."""

Sha256Text = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_Text = Annotated[str, Field(max_length=1_000)]
_Count = Annotated[int, Field(ge=0, le=2**62)]


class Part(BaseModel):
    """A piece of JSON in the private bucket: frozen, and exactly what is declared."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    def to_bytes(self) -> bytes:
        """The same for the same values."""
        return self.model_dump_json(indent=1).encode()


class Lease(Part):
    """Who may write, and until when; ``by_hand`` for people who keep publishers away for a ``reason``."""

    owner: _Text
    since: AwareDatetime
    expires_at: AwareDatetime
    by_hand: bool = False
    reason: _Text = ""

    def holds(self, now: datetime, margin: timedelta) -> bool:
        """Whether others must stay away; ``margin`` is how far their clocks may be apart."""
        return now - margin < self.expires_at

    def __str__(self) -> str:
        reason = f": {self.reason}" if self.reason else ""
        return f"{self.owner!r}, until {self.expires_at:%Y-%m-%d %H:%M:%S} UTC{reason}"


class Change(Part):
    """An object of the journal."""

    sha256: Sha256Text
    size: _Count


class SnapshotRef(Part):
    """The list of a snapshot's parts, and after how many changes it was taken, by which generation."""

    sha256: Sha256Text
    generation: _Count
    number: _Count


class Head(Part):
    """Where a ledger stands: ``ledger`` tells it from every other, ``migration`` is the last one of its schema.

    ``changes`` are those from number ``first`` on, some of them older than the snapshot, so that a ledger that is a
    little behind need not be made anew. ``before`` is the digest of what comes before them, "" at the beginning.
    """

    format: Literal[1] = FORMAT
    ledger: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    generation: _Count
    lease: Lease | None
    migration: _Text
    snapshot: SnapshotRef | None
    first: _Count
    before: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")]
    changes: Annotated[tuple[Change, ...], Field(max_length=20_000)]

    @model_validator(mode="after")
    def _leads_here(self) -> Self:
        """A ledger can be made of a head: no change is missing between its snapshot, or the beginning, and the last."""
        start = self.snapshot.number if self.snapshot else 0
        if not self.first <= start <= self.number:
            raise ValueError(f"changes {self.first} to {self.number} do not lead on from change {start}")
        return self

    @property
    def number(self) -> int:
        """How many changes led here."""
        return self.first + len(self.changes)

    @property
    def digest(self) -> str:
        """The digest of the last one."""
        return self.changes[-1].sha256 if self.changes else self.before

    @property
    def unsaved(self) -> tuple[Change, ...]:
        """The changes that no snapshot holds."""
        return self.changes[(self.snapshot.number if self.snapshot else 0) - self.first :]

    def digest_at(self, number: int) -> str | None:
        """The digest of the last of so many changes; None where the head does not tell."""
        if number == self.first:
            return self.before
        if self.first < number <= self.number:
            return self.changes[number - self.first - 1].sha256
        return None


_Parsed = TypeVar("_Parsed", bound=Part)


def parse(body: bytes, kind: type[_Parsed], where: str) -> _Parsed:
    """Read a piece of JSON; raises LedgerError LED045, saying so where a newer registry-gen wrote it."""
    if len(body) > MOST_BYTES:
        raise _unreadable(where, f"{len(body)} bytes", f"at most {MOST_BYTES}")
    try:
        said = orjson.loads(body)
        if isinstance(said, dict) and isinstance(said.get("format"), int) and said["format"] > FORMAT:
            raise _unreadable(where, f"format {said['format']}", f"format {FORMAT}")
        return kind.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise _unreadable(where, f"{place}: {first['msg']}" if place else first["msg"]) from None
    except ValueError as error:  # no JSON at all
        raise _unreadable(where, str(error)) from None


def _unreadable(where: str, found: str, expected: str = "") -> LedgerError:
    code = codes.HEAD_UNREADABLE
    return LedgerError(code, where=where, expected=expected, found=found, hint=code.fix)

"""The audit log as a file: a JSON object in a line for each row, in ASCII, with all columns in the table's order.

A line is written in one way only, so that any byte that is changed shows: in its form, in its hash, or in the chain.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import asdict
from typing import IO, TYPE_CHECKING, Final

import orjson

from registry_gen.errors import LedgerError
from registry_gen.ledger import codes
from registry_gen.ledger.audit import StoredAuditRow
from registry_gen.ledger.audit_check import broken, verify_chain
from registry_gen.ledger.rows import canonical, instant, utc

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from registry_gen.ledger.audit import Anchor, VerifiedAudit

_LONGEST_LINE: Final = 1 << 24
_SHOWN_BYTES: Final = 200


def line(row: StoredAuditRow) -> str:
    """A row as a line, with its newline."""
    return json.dumps(as_json(row), separators=(",", ":")) + "\n"


def as_json(row: StoredAuditRow) -> dict[str, object]:
    """A row with its columns as keys, ``before`` and ``after`` as objects."""
    return {**asdict(row), "at": instant(row.at), "before": orjson.loads(row.before), "after": orjson.loads(row.after)}


def verify_file(file: Path, anchors: Sequence[Anchor] | None) -> VerifiedAudit:
    """Recompute the chain of an export, and compare it with what the log says of the audit log, where that is known.

    Raises LedgerError LED033 for a file that cannot be read, LED018 naming the first row that does not fit.
    """
    with _opened(file) as lines:
        return verify_chain(_rows(lines, str(file)), anchors, str(file))


def read_file(file: Path, anchors: Sequence[Anchor]) -> tuple[StoredAuditRow, ...]:
    """The rows of an export, verified as ``verify_file`` does it: all where the log names no later row.

    Where it does, what comes after the last row that both have is left out: nothing confirms it any more.
    """
    with _opened(file) as lines:
        rows = tuple(_rows(lines, str(file)))
    verified = verify_chain(rows, anchors, str(file))
    if not verified.unchecked:
        return rows
    last = max((anchor.seq for anchor in anchors if anchor.seq <= verified.seq), default=0)
    return tuple(row for row in rows if row.seq <= last)


def _rows(lines: IO[bytes], where: str) -> Iterator[StoredAuditRow]:
    seq = 0
    while text := lines.readline(_LONGEST_LINE):
        row = _parsed(text)
        if row is None:
            raise broken(where, seq + 1, expected="a line as an export has it", found=_shown(text))
        seq = row.seq
        yield row


def _parsed(text: bytes) -> StoredAuditRow | None:
    try:
        data = orjson.loads(text)
        before, after = canonical(data["before"]).decode(), canonical(data["after"]).decode()
        row = StoredAuditRow(**{**data, "at": utc(str(data["at"])), "before": before, "after": after})
        return row if line(row).encode() == text else None
    except (ValueError, TypeError, KeyError, OverflowError):
        return None


def _shown(text: bytes) -> str:
    return repr(text[:_SHOWN_BYTES].decode(errors="replace"))


@contextmanager
def _opened(file: Path) -> Iterator[IO[bytes]]:
    try:
        with file.open("rb") as lines:
            yield lines
    except OSError as error:
        found = error.strerror or type(error).__name__
        raise LedgerError(codes.NO_EXPORT, where=str(file), found=found, hint=codes.NO_EXPORT.fix) from error

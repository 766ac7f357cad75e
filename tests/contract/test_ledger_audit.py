"""The audit log against whoever owns its table: altered, rewritten, cut short; in the database and as an export."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import TYPE_CHECKING, Final, LiteralString

import psycopg
import pytest

from registry_gen.errors import LedgerError
from registry_gen.ledger import audit_check
from registry_gen.ledger.audit import append_rows, row_hash
from registry_gen.ledger.audit_export import line, verify_file
from registry_gen.ledger.postgres import open_server
from registry_gen.log.tree import Tail, append, root
from tests.contract.test_ledger import audit_row, publish
from tests.support.intents import intent_of
from tests.support.published_facts import MIRROR, MODULE, PROVIDER, mirror_version, module_version, provider_version

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from registry_gen.ledger import Publication
    from registry_gen.ledger.postgres import PostgresLedger
    from registry_gen.model.intent import AuditRow

INSERT: Final = """
INSERT INTO audit_log (seq, at, actor, action, address, before, after, catalog_commit, run_url, prev_hash, hash)
VALUES (%(seq)s, %(at)s, %(actor)s, %(action)s, %(address)s, %(before)s, %(after)s, %(catalog_commit)s, %(run_url)s,
    %(prev_hash)s, %(hash)s)
"""
NOT_EVEN_A_NUMBER: Final = (
    b'{"seq":true,"at":"2026-01-01T00:00:00+00:00","actor":5,"action":null,"address":[],"before":{},"after":{},'
    b'"catalog_commit":null,"run_url":null,"prev_hash":"","hash":""}\n'
)


@pytest.fixture
def ledger(database: str) -> Iterator[PostgresLedger]:
    """Three rows that three entries of the log name, and a fourth that no entry names yet."""
    opened = open_server(database)
    with opened.publication(0) as held:
        publish(held, intent_of(MODULE, module_version("1.0.0")))
        publish(held, intent_of(PROVIDER, provider_version("2.0.0", "linux_amd64")))
        publish(held, intent_of(MIRROR, mirror_version("3.0.0", "linux_amd64")))
        held.audit([audit_row("four \N{SNOWMAN}")])
    yield opened
    opened.close()


@pytest.fixture
def export(ledger: PostgresLedger, tmp_path: Path) -> Path:
    file = tmp_path / "audit.jsonl"
    file.write_text("".join(map(line, ledger.audit_log())))
    return file


def as_owner(dsn: str, *statements: LiteralString) -> None:
    """What somebody does who owns the tables, with the triggers switched off."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        for table in ("audit_log", "log_entries", "log_head"):
            connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        for statement in statements:
            connection.execute(statement)


def rewrite(dsn: str, seq: int, changed: AuditRow) -> None:
    """Put another row in some place and make the chain anew from there: by itself it is without a flaw."""
    as_owner(dsn, "CREATE TABLE kept AS SELECT * FROM audit_log", "DELETE FROM audit_log")
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("INSERT INTO audit_log SELECT * FROM kept WHERE seq < %s", (seq,))
        append_rows(connection, [changed])
        for (action,) in connection.execute("SELECT action FROM kept WHERE seq > %s ORDER BY seq", (seq,)).fetchall():
            append_rows(connection, [audit_row(action)])


def test_the_log_confirms_every_row_that_was_logged(ledger: PostgresLedger) -> None:
    verified = ledger.verify_audit()

    assert (verified.seq, verified.anchors, verified.unchecked) == (4, 3, 0)
    assert [anchor.seq for anchor in ledger.audit_anchors()] == [1, 2, 3]


@pytest.mark.parametrize(
    ("statement", "row"),
    [
        ("UPDATE audit_log SET actor = 'nobody' WHERE seq = 2", 2),
        ("UPDATE audit_log SET actor = 'nobody' WHERE seq = 4", 4),  # which neither a later row nor the log hashes
    ],
)
def test_an_edited_row_is_named(ledger: PostgresLedger, database: str, statement: LiteralString, row: int) -> None:
    as_owner(database, statement)

    with pytest.raises(LedgerError, match=rf"audit_log row {row}: LED018"):
        ledger.verify_audit()


@pytest.mark.parametrize(
    ("statement", "row"),
    [
        ("UPDATE audit_log SET run_url = NULL WHERE seq = 1", 1),
        ("UPDATE audit_log SET run_url = 'https://ci.example.com/2' WHERE seq = 1", 1),
        ("UPDATE audit_log SET run_url = 'https://ci.example.com/2' WHERE seq = 2", 2),
        ("UPDATE audit_log SET run_url = '' WHERE seq = 2", 2),
    ],
)
def test_the_run_of_a_row_is_part_of_its_hash(database: str, statement: LiteralString, row: int) -> None:
    opened = open_server(database)
    with opened.publication(0) as held:
        held.audit([dataclasses.replace(audit_row("one"), run_url="https://ci.example.com/1"), audit_row("two")])
    assert opened.verify_audit().seq == 2

    as_owner(database, statement)

    with pytest.raises(LedgerError, match=rf"audit_log row {row}: LED018"):
        opened.verify_audit()
    opened.close()


def test_a_chain_that_was_rewritten_as_a_whole_is_noticed_at_the_first_row_that_was_logged(
    ledger: PostgresLedger, database: str
) -> None:
    rewrite(database, 2, dataclasses.replace(audit_row("publish"), actor="nobody"))

    with pytest.raises(LedgerError) as caught:
        ledger.verify_audit()

    assert caught.value.code.id == "LED018"
    assert caught.value.where.endswith("audit_log row 2")
    assert caught.value.found.endswith("row 1 is the last that the log confirms")
    assert "entry 3 of the log" in caught.value.expected


def test_a_rewritten_row_between_two_that_were_logged_is_noticed_at_the_next_of_them(database: str) -> None:
    opened = open_server(database)
    with opened.publication(0) as held:
        publish(held, intent_of(MODULE, module_version("1.0.0")))
        held.audit([audit_row("two"), audit_row("three")])
        publish(held, intent_of(MIRROR, mirror_version("3.0.0", "linux_amd64")))

    rewrite(database, 2, audit_row("something else"))

    with pytest.raises(LedgerError, match=r"audit_log row 4: LED018 .*row 1 is the last that the log confirms"):
        opened.verify_audit()
    opened.close()


def test_rows_that_were_cut_off_at_the_end_are_missed(ledger: PostgresLedger, database: str) -> None:
    as_owner(database, "DELETE FROM audit_log WHERE seq > 2")

    with pytest.raises(
        LedgerError, match=r"audit_log row 3: LED018 .*row 3 too, which entry 5 of the log names; found row 2 is"
    ):
        ledger.verify_audit()


def test_an_emptied_audit_log_is_missed(ledger: PostgresLedger, database: str) -> None:
    as_owner(database, "DELETE FROM audit_log")

    with pytest.raises(LedgerError, match=r"audit_log row 1: LED018"):
        ledger.verify_audit()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE log_entries SET payload = replace(payload::text, '2c22', '2c20')::bytea WHERE index = 3",
        "UPDATE log_entries SET payload = 'audit-head' WHERE index = 3",
        "DELETE FROM log_entries WHERE index = 5",
        "UPDATE log_entries SET index = 99 WHERE index = 5",
        "UPDATE log_head SET root = sha256('')",
    ],
)
def test_a_log_that_is_not_what_its_head_says_confirms_nothing(
    ledger: PostgresLedger, database: str, statement: LiteralString
) -> None:
    as_owner(database, statement)

    with pytest.raises(LedgerError, match="LED031"):
        ledger.verify_audit()


def test_the_type_in_the_table_says_nothing(ledger: PostgresLedger, database: str) -> None:
    rewrite(database, 2, audit_row("something else"))
    as_owner(database, "UPDATE log_entries SET type = 'published'")

    with pytest.raises(LedgerError, match=r"audit_log row 2: LED018"):
        ledger.verify_audit()


def test_a_log_that_was_made_anew_is_not_what_was_signed(ledger: PostgresLedger, database: str) -> None:
    with ledger.publication(0) as held:
        sign(held)
    assert ledger.verify_audit().anchors == 3

    as_owner(database, "DELETE FROM log_entries WHERE index = 5", "DELETE FROM audit_log WHERE seq > 2")
    with psycopg.connect(database, autocommit=True) as connection:
        rows = connection.execute("SELECT payload FROM log_entries ORDER BY index").fetchall()
        tail = append(Tail(), [payload for (payload,) in rows])
        connection.execute(
            "UPDATE log_head SET size = %s, tail = %s, root = %s", (tail.size, tail.to_bytes(), root(tail))
        )

    with pytest.raises(LedgerError, match=r"LED031 .*expected what was signed, 6 entries .*found 5 of the root"):
        ledger.verify_audit()


def sign(held: Publication) -> None:
    from registry_gen.log.note import checkpoint_body, note

    tail = held.log_head().tail
    body = checkpoint_body("registry.example.com/log", tail.size, root(tail))
    held.checkpoint_signed(tail.size, note(body, "registry.example.com/log", b"keys", b"s" * 64))


def test_an_export_has_every_column_and_verifies_by_itself(ledger: PostgresLedger, export: Path, database: str) -> None:
    with psycopg.connect(database) as connection:
        columns = {name for (name, *_) in connection.execute("SELECT * FROM audit_log LIMIT 0").description or ()}

    rows = [json.loads(text) for text in export.read_text().splitlines()]
    verified = verify_file(export, None)

    assert {frozenset(row) for row in rows} == {frozenset(columns)}
    assert (verified.seq, verified.hash, verified.anchors) == (4, rows[-1]["hash"], 0)
    assert rows[3]["action"] == "four \N{SNOWMAN}"
    assert export.read_bytes().isascii()
    assert verify_file(export, ledger.audit_anchors()).anchors == 3


def test_every_single_byte_of_an_export_counts(export: Path) -> None:
    good = export.read_bytes()
    lines = good.splitlines(keepends=True)
    ends = [sum(map(len, lines[: number + 1])) for number in range(len(lines))]

    for place in range(len(good)):
        row = next(number for number, end in enumerate(ends, 1) if place < end)
        for changed in (good[place] ^ 1, ord(" "), None):
            if changed == good[place]:
                continue
            export.write_bytes(good[:place] + (b"" if changed is None else bytes([changed])) + good[place + 1 :])
            with pytest.raises(LedgerError, match=rf"audit.jsonl row {row}: LED018"):
                verify_file(export, None)


def test_a_byte_more_anywhere_in_an_export_is_noticed(export: Path) -> None:
    good = export.read_bytes()

    for place in range(0, len(good) + 1, 7):
        for more in (b" ", b"0", b"\n"):
            export.write_bytes(good[:place] + more + good[place:])
            with pytest.raises(LedgerError, match=r"audit.jsonl row \d: LED018"):
                verify_file(export, None)


def test_an_export_without_a_row_names_the_gap(export: Path) -> None:
    lines = export.read_text().splitlines(keepends=True)
    export.write_text("".join([*lines[:1], *lines[2:]]))

    with pytest.raises(LedgerError, match=r"audit.jsonl row 2: LED018 .*found row 3 follows row 1"):
        verify_file(export, None)


def test_a_rewritten_export_is_named_by_the_log(ledger: PostgresLedger, export: Path) -> None:
    anchors = ledger.audit_anchors()
    rows = [json.loads(text) for text in export.read_text().splitlines()]
    previous = "0" * 64
    for row in rows:
        row["actor"] = "nobody"
        texts = [json.dumps(row[name], sort_keys=True, separators=(",", ":")) for name in ("before", "after")]
        content = [row["seq"], row["at"], row["actor"], row["action"], row["address"], *texts, row["catalog_commit"]]
        text = json.dumps([*content, previous], separators=(",", ":"), ensure_ascii=False)
        row["prev_hash"], previous = previous, hashlib.sha256(text.encode()).hexdigest()
        row["hash"] = previous
    export.write_text("".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows))
    assert verify_file(export, None).seq == 4

    with pytest.raises(LedgerError, match=r"audit.jsonl row 1: LED018 .*entry 1 of the log"):
        verify_file(export, anchors)


def test_a_line_that_is_none_is_named_by_the_row_that_it_should_be(
    ledger: PostgresLedger, database: str, tmp_path: Path
) -> None:
    *_, last = ledger.audit_anchors()
    begin_anew(database, "rebuild", last.seq, last.hash)
    file = tmp_path / "audit.jsonl"
    file.write_text("".join(map(line, ledger.audit_log())).replace('"two"', "two"))

    with pytest.raises(LedgerError, match=r"audit.jsonl row 5: LED018"):
        verify_file(file, None)


def test_an_older_export_is_confirmed_as_far_as_it_goes(ledger: PostgresLedger, export: Path) -> None:
    export.write_text("".join(export.read_text().splitlines(keepends=True)[:2]))

    verified = verify_file(export, ledger.audit_anchors())

    assert (verified.seq, verified.anchors, verified.unchecked) == (2, 2, 1)


def test_a_rebuilt_audit_log_goes_on_from_the_last_row_that_the_log_names(
    ledger: PostgresLedger, database: str, tmp_path: Path
) -> None:
    *_, last = ledger.audit_anchors()
    begin_anew(database, "rebuild", last.seq, last.hash)

    verified = ledger.verify_audit()

    assert (verified.first, verified.seq, verified.anchors) == (4, 5, 0)
    file = tmp_path / "audit.jsonl"
    file.write_text("".join(map(line, ledger.audit_log())))
    assert verify_file(file, None) == verify_file(file, ledger.audit_anchors()) == verified


@pytest.mark.parametrize(
    ("action", "seq", "previous"), [("rebuild", 3, "f" * 64), ("rebuild", 7, None), ("publish", 3, None)]
)
def test_nothing_else_begins_an_audit_log_in_the_middle(
    ledger: PostgresLedger, database: str, action: str, seq: int, previous: str | None
) -> None:
    *_, last = ledger.audit_anchors()
    begin_anew(database, action, seq, previous or last.hash)

    with pytest.raises(LedgerError, match="LED018"):
        ledger.verify_audit()


def test_a_rebuilding_in_the_middle_of_a_chain_hides_nothing(ledger: PostgresLedger, database: str) -> None:
    *_, last = ledger.audit_anchors()
    begin_anew(database, "rebuild", last.seq, last.hash)
    with psycopg.connect(database) as connection:
        connection.execute("INSERT INTO audit_log SELECT * FROM kept WHERE seq = 1")

    with pytest.raises(LedgerError, match=r"audit_log row 2: LED018 .*found row 4 follows row 1"):
        ledger.verify_audit()


def begin_anew(dsn: str, action: str, seq: int, previous: str) -> None:
    """A chain of two rows that goes on from another one, whose number and hash are given."""
    as_owner(dsn, "CREATE TABLE kept AS SELECT * FROM audit_log", "DELETE FROM audit_log")
    with psycopg.connect(dsn, autocommit=True) as connection, connection.transaction():
        append_rows(connection, [audit_row(action), audit_row("two")])
        rows = [*audit_check.rows(connection)]
        connection.execute("DELETE FROM audit_log")
        for number, row in enumerate(rows, seq + 1):
            moved = dataclasses.replace(row, seq=number, prev_hash=previous)
            previous = row_hash(moved)
            moved = dataclasses.replace(moved, hash=previous)
            connection.execute(INSERT, dataclasses.asdict(moved))


@pytest.mark.parametrize(
    "text",
    [
        b"[]\n",
        b"1\n",
        b"null\n",
        b"{}\n",
        b"\xff\n",
        b"[" * 100_000 + b"\n",
        b'{"seq":1,"at":5}\n',
        b'{"seq":1,"at":"0001-01-01T00:00:00+23:59","before":{},"after":{}}\n',
        b'{"before":123456789012345678901234567890,"after":"\\ud800","at":"2026-01-01"}\n',
        NOT_EVEN_A_NUMBER,
    ],
)
def test_a_file_that_is_no_export_is_no_crash(tmp_path: Path, text: bytes) -> None:
    file = tmp_path / "audit.jsonl"
    file.write_bytes(text)

    with pytest.raises(LedgerError, match=r"audit.jsonl row 1: LED018"):
        verify_file(file, None)


def test_an_export_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match=r"LED033 .*found No such file or directory"):
        verify_file(tmp_path / "lost", None)
    with pytest.raises(LedgerError, match=r"LED033 .*found Is a directory"):
        verify_file(tmp_path, None)

"""The key that the log stands under: known once, changed only together with what the log says of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import psycopg
import pytest

from registry_gen.errors import LedgerError
from registry_gen.ledger.postgres import open_server
from registry_gen.log.entries import audit_head, log_key_changed
from registry_gen.log.history import replay
from registry_gen.log.note import verifier_key
from registry_gen.log.tree import Tail, append
from registry_gen.model.intent import AuditRow
from tests.support.intents import NOW

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import LiteralString

    from registry_gen.ledger import Ledger, LogHead, Publication

ORIGIN = "registry.example.com/log"
OLD, NEW, OTHER = (verifier_key(ORIGIN, bytes([number]) * 32) for number in range(3))


@pytest.fixture
def ledger(database: str) -> Iterator[Ledger]:
    opened = open_server(database)
    yield opened
    opened.close()


@pytest.fixture
def publication(ledger: Ledger) -> Iterator[Publication]:
    with ledger.publication(0) as held:
        yield held


def change(publication: Publication, before: str | None, key: str, former: tuple[str, ...] = ()) -> LogHead:
    row = AuditRow("ada", "rotate-log-key", ORIGIN, {"key": before}, {"keys": [key, *former]}, None, None, NOW)
    return publication.change_log_key(before, key, log_key_changed(ORIGIN, [key, *former], None, NOW), row)


def test_a_log_gets_its_key_once(ledger: Ledger, publication: Publication) -> None:
    assert ledger.log_head().key is None
    for _ in range(2):
        publication.adopt_log_key(OLD)
    with pytest.raises(LedgerError, match="LED006"):
        publication.adopt_log_key(NEW)
    assert ledger.log_head().key == publication.log_head().key == OLD


def test_a_change_is_one_entry_and_one_audit_row_however_often_it_is_told(publication: Publication) -> None:
    publication.adopt_log_key(OLD)
    head = change(publication, OLD, NEW, (OLD,))
    payloads = publication.log_entries(0, head.tail.size)

    assert change(publication, OLD, NEW, (OLD,)) == head == publication.log_head()
    assert (head.key, head.checkpoint, head.tail) == (NEW, None, append(Tail(), payloads))
    told, anchored = payloads
    assert told == log_key_changed(ORIGIN, [NEW, OLD], None, NOW).payload
    digest = json.loads(anchored)["hash"]
    assert anchored == audit_head(1, digest, NOW).payload
    history = replay(payloads)
    assert (history.log_keys, [head.seq for head in history.audit]) == ((NEW, OLD), [1])


def test_a_key_may_change_again_and_back(publication: Publication) -> None:
    publication.adopt_log_key(OLD)
    for size, (before, key) in enumerate([(OLD, NEW), (NEW, OLD), (OLD, NEW)], 1):
        publication.checkpoint_signed(publication.log_head().tail.size, b"note %d" % size)
        head = change(publication, before, key)
        assert (head.key, head.tail.size) == (key, 2 * size)


@pytest.mark.parametrize("before", [None, OTHER])
def test_a_change_from_another_key_than_the_present_one_is_refused_whole(
    ledger: Ledger, publication: Publication, before: str | None
) -> None:
    publication.adopt_log_key(OLD)
    head = publication.log_head()
    with pytest.raises(LedgerError, match="LED006") as refused:
        change(publication, before, NEW)
    assert OLD in refused.value.detail
    assert (publication.log_head(), publication.log_entries(0, 9)) == (head, ())
    assert ledger.verify_audit().seq == 0


def test_a_log_without_a_known_key_changes_to_a_known_one(publication: Publication) -> None:
    assert change(publication, None, NEW).key == NEW


def test_a_key_stays_with_the_log_as_it_grows(publication: Publication) -> None:
    publication.adopt_log_key(OLD)
    change(publication, OLD, NEW)
    publication.checkpoint_signed(2, b"note")
    publication.checkpoint_stored(2, "etag")
    assert publication.log_head().key == NEW


@pytest.mark.parametrize(
    "statement",
    ["UPDATE log_head SET key = NULL", "UPDATE log_head SET key = 'registry.example.com/log+00000000+AAAA'"],
)
def test_the_database_itself_keeps_the_key_under_a_signed_checkpoint(
    publication: Publication, database: str, statement: LiteralString
) -> None:
    publication.adopt_log_key(OLD)
    change(publication, OLD, NEW)
    publication.checkpoint_signed(2, b"note")
    with psycopg.connect(database) as connection, pytest.raises(psycopg.Error, match="by the key of then"):
        connection.execute(statement)
    assert publication.log_head().key == NEW


def test_a_key_that_is_known_is_never_forgotten(publication: Publication, database: str) -> None:
    publication.adopt_log_key(OLD)
    change(publication, OLD, NEW)
    with psycopg.connect(database) as connection, pytest.raises(psycopg.Error, match="by the key of then"):
        connection.execute("UPDATE log_head SET key = NULL")
    assert publication.log_head().key == NEW


@pytest.mark.parametrize("key", ["", "no key", f"{OLD} ", f"{OLD}\n{NEW}", OLD.rpartition("+")[0]])
def test_what_is_no_verifier_key_is_not_kept(publication: Publication, key: str) -> None:
    with pytest.raises(LedgerError, match="LED015"):
        publication.adopt_log_key(key)
    assert publication.log_head().key is None

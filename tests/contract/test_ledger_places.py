"""The place that is published to: remembered once, and left only with a copy of every document as it is now."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import psycopg
import pytest

from registry_gen.errors import LedgerError
from registry_gen.ledger.postgres import open_server
from registry_gen.log.entries import log_key_changed
from registry_gen.log.note import verifier_key
from registry_gen.model.digest import sha256
from registry_gen.model.facts import PublishedDocument
from registry_gen.model.intent import AuditRow, Run
from registry_gen.model.places import AzurePlace, FolderPlace, S3Place, known_as
from tests.support.intents import NOW

if TYPE_CHECKING:
    from collections.abc import Iterator

    from registry_gen.ledger import Ledger, Publication
    from registry_gen.model.places import Place

RUN = Run("ada", "https://ci.example.com/1", None, NOW)
ONE = PublishedDocument(".well-known/terraform.json", sha256(b"one"), 1, "old-1")
TWO = PublishedDocument(".well-known/other.json", sha256(b"two"), 2, "old-2")


@pytest.fixture
def ledger(database: str) -> Iterator[Ledger]:
    opened = open_server(database)
    yield opened
    opened.close()


@pytest.fixture
def publication(ledger: Ledger) -> Iterator[Publication]:
    """A ledger that has logged something and put two documents at ./old."""
    with ledger.publication(0) as held:
        held.settle_place("./old")
        key = verifier_key("registry.example.com/log", b"k" * 32)
        entry = log_key_changed("registry.example.com/log", [key], None, NOW)
        held.change_log_key(None, key, entry, AuditRow("ada", "rotate-log-key", "", {}, {}, None, None, NOW))
        held.documents_stored({None: [ONE, TWO]})
        yield held


def etags(publication: Publication) -> list[str]:
    return [row.etag for _, row in sorted(publication.documents(None).items(), key=lambda pair: pair[1].revision)]


def test_a_place_is_settled_anew_only_while_nothing_is_logged(ledger: Ledger) -> None:
    with ledger.publication(0) as held:
        assert ledger.log_head().place is None
        held.settle_place("./one")
        held.settle_place("./two")
        assert held.log_head().place == "./two"


def test_a_place_stays_once_something_is_logged(publication: Publication) -> None:
    publication.settle_place("./new")
    assert publication.log_head().place == "./old"


def test_the_etags_of_a_copy_lie_beside_those_that_hold_until_the_registry_moves(publication: Publication) -> None:
    assert not publication.copy_begun("./new")
    publication.begin_copy("./new", RUN)
    publication.begin_copy("./new", RUN)
    assert publication.copy_begun("./new")
    publication.documents_copied("./new", [replace(ONE, etag="new-0"), replace(TWO, etag="new-2")])
    publication.documents_copied("./new", [replace(ONE, etag="new-1")])
    assert etags(publication) == ["old-1", "old-2"]
    assert publication.copied_documents("./new", [ONE.key, "none"]) == {ONE.key: replace(ONE, etag="new-1")}
    publication.move("./new", None, RUN)
    assert etags(publication) == ["new-1", "new-2"]
    assert publication.log_head().place == "./new"
    assert not publication.copy_begun("./new")
    assert publication.copied_documents("./new", [ONE.key]) == {}


@pytest.mark.parametrize("late", [replace(TWO, content=sha256(b"later")), replace(TWO, revision=1), None])
def test_a_registry_does_not_move_while_a_document_is_not_copied_as_it_is_now(
    ledger: Ledger, publication: Publication, late: PublishedDocument | None
) -> None:
    publication.begin_copy("./new", RUN)
    publication.documents_copied(
        "./new", [replace(ONE, etag="new-1"), *([replace(late, etag="new-2")] if late else [])]
    )
    with pytest.raises(LedgerError, match="LED006") as refused:
        publication.move("./new", "etag", RUN)
    assert "1 of 2 documents" in refused.value.detail
    assert (etags(publication), publication.log_head().place) == (["old-1", "old-2"], "./old")
    assert publication.copy_begun("./new")
    assert ledger.audit_rows(None, 1)[0].action == "rotate-log-key"


def test_what_a_copy_has_that_is_no_document_any_more_is_told_and_forgotten(publication: Publication) -> None:
    publication.begin_copy("./new", RUN)
    gone = PublishedDocument("v1/modules/a/b/c/1.0.0/download", sha256(b"gone"), 1, "new")
    publication.documents_copied("./new", [gone, replace(ONE, etag="new-1")])
    assert publication.surplus_copies("./new") == (gone,)
    publication.copies_removed("./new", [gone.key])
    assert publication.surplus_copies("./new") == ()


def test_a_move_is_audited_with_both_places(ledger: Ledger, publication: Publication) -> None:
    publication.begin_copy("./new", RUN)
    publication.documents_copied("./new", [ONE, TWO])
    publication.move("./new", None, RUN)
    row = ledger.audit_rows(None, 1)[0]
    assert (row.actor, row.action, row.run_url) == ("ada", "move-storage", RUN.run_url)
    assert (json.loads(row.before), json.loads(row.after)) == ({"place": "./old"}, {"place": "./new"})


def test_whoever_lost_the_lock_moves_nothing(ledger: Ledger, publication: Publication, database: str) -> None:
    publication.begin_copy("./new", RUN)
    publication.documents_copied("./new", [ONE, TWO])
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("UPDATE publication SET generation = generation + 1")
    with pytest.raises(LedgerError, match="LED004"):
        publication.move("./new", None, RUN)
    assert ledger.log_head().place == "./old"


@pytest.mark.parametrize(
    ("place", "name"),
    [
        (FolderPlace("/srv/registry/public"), "./public"),
        (FolderPlace("/srv/registry/a/b"), "./a/b"),
        (FolderPlace("/srv/registry-public"), "file:///srv/registry-public"),
        (FolderPlace("/srv/registry"), "file:///srv/registry"),
        (S3Place("acme", "some/folder/"), "s3://acme/some/folder"),
        (S3Place("acme", endpoint="https://minio.example.com"), "s3://acme at https://minio.example.com"),
        (AzurePlace("acme", "registry"), "az://acme/registry"),
    ],
)
def test_a_folder_is_known_from_its_registry_and_a_bucket_by_its_server(place: Place, name: str) -> None:
    assert known_as(place, "/srv/registry") == name

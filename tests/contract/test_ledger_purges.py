"""What a CDN is still to be told: each key is noted with its change, and goes only as it was when the CDN was told."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from registry_gen.ledger.postgres import open_server
from registry_gen.model.facts import PublishedDocument
from tests.support.intents import NOW, intent_of, logged
from tests.support.published_facts import MODULE, digest_of, module_version

if TYPE_CHECKING:
    from collections.abc import Iterator

    from registry_gen.ledger import Publication

LISTING = "v1/modules/acme/network/aws/versions"
LEAF = "v1/modules/acme/network/aws/1.0.0/download"


@pytest.fixture
def publication(database: str) -> Iterator[Publication]:
    ledger = open_server(database, notes_purges=True)
    with ledger.publication(0) as held:
        yield held
    ledger.close()


def document(key: str, revision: int = 1) -> PublishedDocument:
    return PublishedDocument(key, digest_of(f"{key} {revision}"), revision, "etag")


def keys(publication: Publication) -> tuple[str, ...]:
    return publication.pending_purges(100).keys


def test_documents_are_noted_when_they_are_stored_and_when_they_are_removed(publication: Publication) -> None:
    assert publication.pending_purges(100) == dataclasses.replace(publication.pending_purges(100), count=0, keys=())
    publication.documents_stored({MODULE: [document(LEAF), document(LISTING)], None: [document("index.html")]})
    found = publication.pending_purges(100)
    assert (found.count, found.keys) == (3, ("index.html", LEAF, LISTING))
    publication.purged(None, found.last)
    assert keys(publication) == ()

    publication.document_removed(MODULE, [LEAF])
    assert keys(publication) == (LEAF,)


def test_a_key_that_changed_again_meanwhile_stays(publication: Publication) -> None:
    publication.documents_stored({MODULE: [document(LEAF), document(LISTING)]})
    told = publication.pending_purges(100)
    publication.documents_stored({MODULE: [document(LISTING, 2)]})

    publication.purged(told.keys, told.last)

    assert keys(publication) == (LISTING,)


def test_of_everything_that_was_purged_only_later_changes_stay(publication: Publication) -> None:
    publication.documents_stored({MODULE: [document(LEAF), document(LISTING)]})
    told = publication.pending_purges(1)
    assert (told.count, told.keys) == (2, ()), "of too many only their number"
    publication.documents_stored({MODULE: [document(LEAF, 2)]})

    publication.purged(None, told.last)

    assert keys(publication) == (LEAF,)


def test_only_what_was_purged_goes(publication: Publication) -> None:
    publication.documents_stored({MODULE: [document(LEAF), document(LISTING)]})
    publication.purged([LEAF], publication.pending_purges(100).last)

    assert keys(publication) == (LISTING,)


def test_the_checkpoint_is_noted_when_it_is_in_the_bucket(publication: Publication) -> None:
    (opened,) = publication.begin([intent_of(MODULE, module_version("1.0.0"))])
    head = publication.log([opened])
    publication.checkpoint_signed(head.tail.size, b"signed")
    assert keys(publication) == ()

    publication.checkpoint_stored(head.tail.size, "etag")
    assert keys(publication) == ("log/checkpoint",)


def test_artifacts_are_noted_when_they_are_gone_and_never_when_they_come(publication: Publication) -> None:
    gone = dataclasses.replace(intent_of(MODULE, module_version("1.0.0")), removes=("v1/gone.zip",))
    (opened,) = publication.begin([gone])
    publication.log([opened])
    assert keys(publication) == ()

    publication.finish([logged(opened)], NOW)
    assert keys(publication) == ("v1/gone.zip",)


def test_artifacts_of_a_change_that_was_given_up_are_noted_when_they_are_collected(publication: Publication) -> None:
    intent = intent_of(MODULE, module_version("1.0.0"))
    (opened,) = publication.begin([intent])
    publication.abandon([opened.id])
    assert keys(publication) == ()

    publication.collected([opened.id])
    assert keys(publication) == tuple(made.key for made in intent.artifacts)


def test_a_registry_without_a_cdn_notes_nothing(database: str) -> None:
    ledger = open_server(database)
    with ledger.publication(0) as publication:
        publication.documents_stored({MODULE: [document(LEAF)]})
        assert publication.pending_purges(100).count == 0
    ledger.close()

from __future__ import annotations

import hashlib
import json

import pytest

from registry_gen.render.document import Document, restamped, revision_of, stamp

_JSON = "v1/modules/acme/network/aws/versions"
_PAGE = "v1/modules/acme/network/aws/1.0.0/get.html"
_META = b'<meta name="registry-gen-revision" content="'


@pytest.mark.parametrize(
    ("content", "stamped"),
    [
        (b"{}", b'{"revision":7}'),
        (b'{"versions":{}}', b'{"versions":{},"revision":7}'),
        (b'{"a":"}"}', b'{"a":"}","revision":7}'),
    ],
)
def test_a_json_document_gets_its_revision_as_last_member(content: bytes, stamped: bytes) -> None:
    assert stamp(_JSON, content, 7) == stamped
    assert json.loads(stamped) == json.loads(content) | {"revision": 7}


def test_a_page_gets_its_revision_into_the_head() -> None:
    stamped = stamp(_PAGE, b"<html><head><title>x</title></head><body></head></body></html>", 12)

    assert stamped == (
        b'<html><head><title>x</title><meta name="registry-gen-revision" content="12"></head>'
        b"<body></head></body></html>"
    )


@pytest.mark.parametrize("revision", [0, 1, 10, 2**53])
@pytest.mark.parametrize(("key", "content"), [(_JSON, b"{}"), (_JSON, b'{"a":1}'), (_PAGE, b"<head></head>")])
def test_a_revision_is_read_back_as_it_was_stamped(key: str, content: bytes, revision: int) -> None:
    assert revision_of(key, stamp(key, content, revision)) == revision


@pytest.mark.parametrize(
    ("key", "content"),
    [
        (_JSON, b"{}"),
        (_JSON, b""),
        (_JSON, b'{"a":{"revision":7}}'),
        (_JSON, b'{"revision":7,"a":1}'),
        (_JSON, b'{"a":"\\"revision\\":7}"}'),
        (_JSON, b'{"revision":"7"}'),
        (_JSON, b'{"revision":-7}'),
        (_JSON, b'{"revision":07}'),
        (_JSON, b'{"revision":7.5}'),
        (_JSON, b'{"older_revision":7}'),
        (_PAGE, b"<head></head>"),
        (_PAGE, b'{"revision":7}'),
    ],
)
def test_what_was_not_stamped_has_no_revision(key: str, content: bytes) -> None:
    assert revision_of(key, content) is None


@pytest.mark.parametrize(
    ("key", "content"), [(_JSON, b""), (_JSON, b"[]"), (_JSON, b"{} "), (_PAGE, b"{}"), ("log/checkpoint", b"x\n")]
)
def test_what_cannot_carry_a_revision_is_refused(key: str, content: bytes) -> None:
    with pytest.raises(ValueError, match=key):
        stamp(key, content, 1)


def test_the_digest_of_a_document_is_that_of_its_bytes_without_revision() -> None:
    assert Document(_JSON, b"{}").digest == hashlib.sha256(b"{}").hexdigest()


@pytest.mark.parametrize(("key", "before", "after"), [(_JSON, b'{"revision":', b"}"), (_PAGE, _META, b'"></head>')])
def test_a_number_that_no_ledger_can_hold_is_no_revision(key: str, before: bytes, after: bytes) -> None:
    """Python refuses to read thousands of digits: a document with that many must not stop a run."""
    assert revision_of(key, before + b"9" * 19 + after) == 10**19 - 1
    assert revision_of(key, before + b"9" * 20 + after) is None
    assert revision_of(key, before + b"9" * 5_000 + after) is None


@pytest.mark.parametrize(("key", "content"), [(_JSON, b'{"a":1}'), (_PAGE, b"<head></head>")])
def test_a_document_is_stamped_anew_only_where_it_is_stamped(key: str, content: bytes) -> None:
    assert restamped(key, stamp(key, content, 99), 0) == stamp(key, content, 0)
    assert restamped(key, content, 0) == content

"""S3 when requests, answers and servers fail: what is tried again, what it comes to, what is told."""

from __future__ import annotations

import gc
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from botocore.session import Session

from registry_gen.errors import ConflictError, StorageError
from registry_gen.model.digest import sha256
from registry_gen.storage import Put
from registry_gen.storage.s3 import S3Storage
from registry_gen.storage.s3_client import CONNECTIONS
from tests.support.misbehaving import Fault, Misbehaving
from tests.support.seaweedfs import BUCKET, OWNER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from registry_gen.model.places import S3Place
    from registry_gen.storage import Stored
    from tests.support.seaweedfs import SeaweedFS

LISTING = "v1/modules/acme/network/aws/versions"
ARCHIVE = "v1/modules/acme/network/aws/1.0.0/module.tar.gz"
SLOW = Fault.says(503, "SlowDown")
BROKEN = Fault.says(500, "InternalError")
BUSY = Fault.says(409, "ConditionalRequestConflict")
EVERY = ("GET", "HEAD", "PUT", "POST", "DELETE")


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0)
    monkeypatch.setattr("registry_gen.storage.s3_upload._FIRST_PAUSE", 0)


@pytest.fixture
def proxy(seaweedfs: SeaweedFS) -> Iterator[Misbehaving]:
    with Misbehaving(seaweedfs.endpoint) as proxy:
        yield proxy


@pytest.fixture
def storage(s3_place: S3Place, proxy: Misbehaving) -> S3Storage:
    """What is asked through the proxy, three times at most."""
    return S3Storage(replace(s3_place, endpoint=proxy.url), attempts=3)


@pytest.fixture
def direct(s3_place: S3Place) -> S3Storage:
    return S3Storage(s3_place)


@pytest.mark.parametrize("fault", [SLOW, BROKEN, Fault.dropped(), Fault.lost()], ids=["slow", "500", "dropped", "lost"])
def test_what_fails_twice_is_done_in_the_end(storage: S3Storage, proxy: Misbehaving, fault: Fault) -> None:
    for method in EVERY:
        proxy.fail(method, fault, fault)
    put = storage.put_new(ARCHIVE, b"archive", sha256(b"archive"))
    proxy.fail("PUT", fault, fault)
    listing = storage.put_if(LISTING, b"[]", None)
    proxy.fail("PUT", fault, fault)
    swapped = storage.put_if(LISTING, b"[1]", listing.etag)
    assert storage.get(ARCHIVE) == (b"archive", put)
    assert list(storage.list("")) == [put, swapped]
    storage.delete_if(LISTING, swapped.etag)
    storage.delete([ARCHIVE])
    assert list(storage.list("")) == []


@pytest.mark.parametrize(
    ("fault", "code"), [(SLOW, "STO017"), (BROKEN, "STO017"), (Fault.dropped(), "STO016"), (Fault.lost(), "STO016")]
)
def test_what_fails_every_time_is_told_after_three_tries(
    storage: S3Storage, proxy: Misbehaving, fault: Fault, code: str
) -> None:
    for method in EVERY:
        proxy.fail(method, *[fault] * 20)
    calls: list[Callable[[], object]] = [
        lambda: storage.put_new(ARCHIVE, b"archive", sha256(b"archive")),
        lambda: storage.put_if(LISTING, b"[]", None),
        lambda: storage.head(LISTING),
        lambda: storage.get(LISTING),
        lambda: storage.digest(LISTING),
        lambda: list(storage.list("")),
        lambda: storage.delete([LISTING]),
    ]
    for call in calls:
        before = len(proxy.asked)
        with pytest.raises(StorageError) as refused:
            call()
        assert refused.value.code.id == code
        assert len(proxy.asked) == before + 3


def test_a_swap_whose_answer_was_lost_is_not_taken_for_somebody_elses(
    storage: S3Storage, direct: S3Storage, proxy: Misbehaving
) -> None:
    before = direct.put_if(LISTING, b"[1]", None)
    proxy.fail("PUT", Fault.lost())
    after = storage.put_if(LISTING, b"[1,2]", before.etag)
    assert after == direct.head(LISTING)
    assert proxy.asked.count("PUT") == 2


def test_a_swap_that_was_lost_to_another_is_a_conflict_though_it_was_sent_twice(
    storage: S3Storage, direct: S3Storage, proxy: Misbehaving
) -> None:
    before = direct.put_if(LISTING, b"[1]", None)
    other = direct.put_if(LISTING, b"[1,3]", before.etag)
    proxy.fail("PUT", BROKEN)
    with pytest.raises(ConflictError) as refused:
        storage.put_if(LISTING, b"[1,2]", before.etag)
    assert (refused.value.code.id, refused.value.found) == ("STO002", other.etag)


def test_a_stale_swap_to_the_same_bytes_is_a_conflict_where_it_was_sent_once(direct: S3Storage) -> None:
    """Somebody else wrote them: what the caller knows of the document is old all the same."""
    before = direct.put_if(LISTING, b"[1]", None)
    direct.put_if(LISTING, b"[1,2]", before.etag)
    with pytest.raises(ConflictError):
        direct.put_if(LISTING, b"[1,2]", before.etag)


def test_a_swap_whose_answer_was_lost_is_ours_though_it_met_itself_when_it_was_sent_again(
    storage: S3Storage, direct: S3Storage, proxy: Misbehaving
) -> None:
    before = direct.put_if(LISTING, b"[1]", None)
    proxy.fail("PUT", Fault.lost(), BUSY)
    after = storage.put_if(LISTING, b"[1,2]", before.etag)
    assert after == direct.head(LISTING)
    assert proxy.asked.count("PUT") == 3


def test_a_stale_swap_to_the_same_bytes_is_a_conflict_though_it_was_sent_twice(
    storage: S3Storage, direct: S3Storage, proxy: Misbehaving
) -> None:
    before = direct.put_if(LISTING, b"[1]", None)
    direct.put_if(LISTING, b"[1,2]", before.etag)
    proxy.fail("PUT", BROKEN)
    with pytest.raises(ConflictError):
        storage.put_if(LISTING, b"[1,2]", before.etag)


def test_many_puts_to_a_server_that_is_gone_end_with_the_patience_of_a_few(
    storage: S3Storage, proxy: Misbehaving
) -> None:
    proxy.fail("PUT", *[Fault.dropped()] * 10_000)
    puts = [Put(f"v1/modules/acme/network/aws/1.{minor}.0/download", b"{}") for minor in range(500)]
    told = storage.put_all(puts)
    assert {error.code.id for error in told if isinstance(error, StorageError)} == {"STO016"}
    assert len(told) == 500
    assert len(proxy.asked) <= 3 * 2 * CONNECTIONS


NOW = {"ETag": '"x"', "Last-Modified": "Wed, 25 Nov 2026 17:00:00 GMT"}
LISTED = (
    "<ListBucketResult><Contents><Key>k</Key><Size>{}</Size><ETag>x</ETag><LastModified>{}</LastModified></Contents>"
    "<IsTruncated>{}</IsTruncated></ListBucketResult>"
)
DAY = "2026-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("asks", "fault"),
    [
        ("head get digest put_if put_new relabel", Fault(200)),
        ("head get digest relabel", Fault(200, b"<html>", {"ETag": '"x"', "Last-Modified": "yesterday"})),
        (
            "head get digest",
            Fault(200, b"x", {"ETag": '"x"', "Last-Modified": "Fri, 31 Dec 9999 23:59:59 -0100"}),
        ),
        ("list", Fault(200, b"<ListBucketResult><Contents><Size>1</Size></Contents></ListBucketResult>")),
        ("list", Fault(200, LISTED.format("many", DAY, "false").encode())),
        ("list", Fault(200, LISTED.format(1, "soon", "false").encode())),
        ("list", Fault(200, LISTED.format(1, "9999-12-31T23:59:59-01:00", "false").encode())),
        ("list", Fault(200, LISTED.format(1, DAY, "true").encode())),
        ("list", Fault(200, LISTED.format(1, DAY, "false").encode(), {"Date": "never"})),
        ("list", Fault(200, LISTED.format(1, DAY, "false").encode(), {"Date": "Fri, 31 Dec 9999 23:59:59 -0100"})),
    ],
)
@pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning")
def test_an_answer_that_makes_no_sense_is_an_error_of_the_storage(
    storage: S3Storage, proxy: Misbehaving, asks: str, fault: Fault
) -> None:
    calls: dict[str, Callable[[], object]] = {
        "head": lambda: storage.head(LISTING),
        "get": lambda: storage.get(LISTING),
        "digest": lambda: storage.digest(LISTING),
        "put_if": lambda: storage.put_if(LISTING, b"[]", None),
        "put_new": lambda: storage.put_new(ARCHIVE, b"archive", sha256(b"archive")),
        "relabel": lambda: storage.relabel(LISTING),
        "list": lambda: list(storage.list("")),
    }
    for method in EVERY:
        proxy.fail(method, *[fault] * 30)
    for name in asks.split():
        with pytest.raises(StorageError) as refused:
            calls[name]()
        assert refused.value.code.id == "STO008", name
        del refused
    gc.collect()  # botocore hands out no answer that it cannot read, so nobody can close that connection: it ends here


def test_a_redirect_without_end_is_left(storage: S3Storage, proxy: Misbehaving) -> None:
    for method in EVERY:
        proxy.fail(method, *[Fault(307, headers={"Location": proxy.url})] * 2_000)
    with pytest.raises(StorageError) as refused:
        storage.get(LISTING)
    assert refused.value.code.id == "STO015"
    assert len(proxy.asked) <= 3


def test_a_word_of_a_server_is_shown_as_far_as_it_can_be_read(storage: S3Storage, proxy: Misbehaving) -> None:
    proxy.fail("GET", Fault.says(400, "Long" * 100_000))
    proxy.fail(
        "POST",
        Fault(200, b"<DeleteResult><Error><Key>k</Key><Code>" + b"x" * 100_000 + b"</Code></Error></DeleteResult>"),
    )
    calls: list[Callable[[], object]] = [lambda: storage.get(LISTING), lambda: storage.delete([LISTING])]
    for call in calls:
        with pytest.raises(StorageError) as refused:
            call()
        assert len(str(refused.value)) < 1_000


def test_a_write_that_met_another_one_is_sent_again(storage: S3Storage, proxy: Misbehaving) -> None:
    proxy.fail("PUT", BUSY, BUSY)
    put = storage.put_new(ARCHIVE, b"archive", sha256(b"archive"))
    assert put == storage.head(ARCHIVE)
    assert proxy.asked.count("PUT") == 3


def test_a_write_that_meets_others_again_and_again_is_given_up(storage: S3Storage, proxy: Misbehaving) -> None:
    proxy.fail("PUT", *[BUSY] * 20)
    with pytest.raises(StorageError) as refused:
        storage.put_if(LISTING, b"[]", None)
    assert refused.value.code.id == "STO017"
    assert proxy.asked.count("PUT") == 8


@pytest.mark.parametrize("at", [0, 1, 99_999])
def test_a_body_that_breaks_off_is_read_again_from_the_start(
    storage: S3Storage, direct: S3Storage, proxy: Misbehaving, at: int
) -> None:
    body = os.urandom(100_000)
    put = direct.put_new(ARCHIVE, body, sha256(body))
    proxy.fail("GET", Fault.cut(at), Fault.cut(at))
    assert storage.get(ARCHIVE) == (body, put)
    proxy.fail("GET", Fault.cut(at), Fault.cut(at))
    assert storage.digest(ARCHIVE) == sha256(body)


def test_a_body_that_breaks_off_every_time_is_an_error_and_never_half_of_it(
    storage: S3Storage, direct: S3Storage, proxy: Misbehaving
) -> None:
    direct.put_if(LISTING, b"[1,2,3]", None)
    for call in (storage.get, storage.digest):
        proxy.fail("GET", *[Fault.cut(3)] * 3)
        with pytest.raises(StorageError) as refused:
            call(LISTING)
        assert refused.value.code.id == "STO016"


@pytest.mark.parametrize(
    ("fault", "code", "said"),
    [
        (Fault.says(403, "RequestTimeTooSkewed"), "STO014", "RequestTimeTooSkewed"),
        (Fault.says(400, "ExpiredToken"), "STO012", "ExpiredToken"),
        (Fault.says(403, "InvalidAccessKeyId"), "STO011", "InvalidAccessKeyId"),
        (Fault.says(400, "AuthorizationHeaderMalformed", "<Region>eu-west-9</Region>"), "STO015", "eu-west-9"),
        (Fault.says(301, "PermanentRedirect", x_amz_bucket_region="eu-west-9"), "STO015", "eu-west-9"),
        (Fault.says(507, "InsufficientStorage"), "STO005", "InsufficientStorage"),
        (Fault.says(400, "BadDigest"), "STO003", "BadDigest"),
        (Fault.says(400, "EntityTooLarge"), "STO008", "EntityTooLarge to s3:PutObject: because"),
    ],
    ids=lambda value: value if isinstance(value, str) and value.startswith("STO") else "",
)
def test_what_a_server_refuses_is_told_by_its_cause(
    storage: S3Storage, proxy: Misbehaving, fault: Fault, code: str, said: str
) -> None:
    for method in EVERY:
        proxy.fail(method, *[fault] * 9)
    with pytest.raises(StorageError) as refused:
        storage.put_if(LISTING, b"[]", None)
    assert refused.value.code.id == code
    assert said in refused.value.found


@pytest.mark.parametrize(
    ("word", "code"), [("ExpiredToken", "STO012"), ("RequestTimeTooSkewed", "STO014"), ("AccessDenied", "STO006")]
)
def test_why_a_look_was_refused_is_asked_since_its_answer_has_no_body(
    storage: S3Storage, proxy: Misbehaving, word: str, code: str
) -> None:
    for method in EVERY:
        proxy.fail(method, *[Fault.says(403, word)] * 3)
    with pytest.raises(StorageError) as refused:
        storage.head(LISTING)
    assert refused.value.code.id == code


def test_another_document_is_not_deleted_even_where_a_server_would_not_compare(
    storage: S3Storage, direct: S3Storage, proxy: Misbehaving
) -> None:
    before = direct.put_if(LISTING, b"[1]", None)
    after = direct.put_if(LISTING, b"[1,2]", before.etag)
    with pytest.raises(ConflictError) as refused:
        storage.delete_if(LISTING, before.etag)
    assert (refused.value.code.id, refused.value.found) == ("STO002", after.etag)
    storage.delete_found([before])
    assert "DELETE" not in proxy.asked
    assert direct.head(LISTING) == after


@pytest.mark.parametrize("again", [b"[1,2]", None])
def test_what_changes_between_a_look_and_its_deletion_stays(
    storage: S3Storage, direct: S3Storage, monkeypatch: pytest.MonkeyPatch, again: bytes | None
) -> None:
    before = direct.put_if(LISTING, b"[1]", None)
    look = storage.head

    def look_then_change(key: str) -> Stored | None:
        found = look(key)
        monkeypatch.setattr(storage, "head", look)
        direct.delete([key]) if again is None else direct.put_if(key, again, before.etag)
        return found

    monkeypatch.setattr(storage, "head", look_then_change)
    if again is None:
        storage.delete_if(LISTING, before.etag)
    else:
        with pytest.raises(ConflictError):
            storage.delete_if(LISTING, before.etag)
    assert (direct.head(LISTING) is None) is (again is None)


def test_labels_are_not_copied_over_what_was_written_meanwhile(
    s3_place: S3Place, storage: S3Storage, direct: S3Storage, seaweedfs: SeaweedFS, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = owner(seaweedfs)
    client.put_object(Bucket=BUCKET, Key=s3_place.prefix + LISTING, Body=b"[1]", ContentType="text/html")
    before = direct.head(LISTING)
    assert before is not None
    look = storage._head
    written: list[Stored] = []

    def look_then_change(key: str) -> Any:
        found = look(key)
        monkeypatch.setattr(storage, "_head", look)
        written.append(direct.put_if(key, b"[1,2]", before.etag))
        return found

    monkeypatch.setattr(storage, "_head", look_then_change)
    assert [storage.relabel(LISTING)] == written
    assert direct.get(LISTING) == (b"[1,2]", written[0])


def test_a_large_file_whose_parts_fail_leaves_neither_object_nor_parts(
    s3_place: S3Place, proxy: Misbehaving, seaweedfs: SeaweedFS, tmp_path: Path
) -> None:
    storage = S3Storage(replace(s3_place, endpoint=proxy.url), attempts=1, large=1, part=5 << 20)
    body = os.urandom(6 << 20)
    (tmp_path / "large").write_bytes(body)
    proxy.fail("PUT", BROKEN)
    with pytest.raises(StorageError) as refused:
        storage.put_new(ARCHIVE, tmp_path / "large", sha256(body))
    assert refused.value.code.id == "STO017"
    assert storage.head(ARCHIVE) is None
    uploads = owner(seaweedfs).list_multipart_uploads(Bucket=BUCKET, Prefix=s3_place.prefix).get("Uploads", [])
    assert [each["Key"] for each in uploads if each["Key"].startswith(s3_place.prefix)] == []


def test_a_large_file_is_stored_though_the_answer_to_its_completion_was_lost(
    s3_place: S3Place, proxy: Misbehaving, tmp_path: Path
) -> None:
    storage = S3Storage(replace(s3_place, endpoint=proxy.url), attempts=2, large=1, part=5 << 20)
    body = os.urandom(6 << 20)
    (tmp_path / "large").write_bytes(body)
    proxy.fail("POST", Fault.dropped(), Fault.forwarded(), Fault.lost())
    put = storage.put_new(ARCHIVE, tmp_path / "large", sha256(body))
    assert put == storage.head(ARCHIVE)
    assert storage.digest(ARCHIVE) == sha256(body)


def owner(seaweedfs: SeaweedFS) -> Any:
    return Session().create_client(
        "s3",
        region_name="us-east-1",
        endpoint_url=seaweedfs.endpoint,
        aws_access_key_id=OWNER[0],
        aws_secret_access_key=OWNER[1],
    )

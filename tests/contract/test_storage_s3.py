"""What S3 needs beside the promises of every storage, against a real server: labels, parts, rights, signed URLs."""

from __future__ import annotations

import os
import socket
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import botocore.compat
import pytest
from botocore.session import Session

from registry_gen import paths, wiring
from registry_gen.errors import ConflictError, InputError, RegistryError, StorageError
from registry_gen.model.digest import Sha256, sha256
from registry_gen.model.places import S3Keys
from registry_gen.storage import Put, Stored
from registry_gen.storage.s3 import S3Storage
from tests.support.seaweedfs import BUCKET, OWNER, READER

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from registry_gen.model.places import S3Place
    from registry_gen.storage import SigningStorage
    from tests.support.seaweedfs import SeaweedFS

LISTING = "v1/modules/acme/network/aws/versions"
LEAF = "v1/modules/acme/network/aws/1.0.0/download"
ARCHIVE = "v1/modules/acme/network/aws/1.0.0/module.tar.gz"
MB = 2**20


@pytest.fixture
def client(seaweedfs: SeaweedFS) -> Any:
    """Somebody else's view of the bucket."""
    return Session().create_client(
        "s3",
        region_name="us-east-1",
        endpoint_url=seaweedfs.endpoint,
        aws_access_key_id=OWNER[0],
        aws_secret_access_key=OWNER[1],
    )


@pytest.fixture
def storage(s3_place: S3Place) -> S3Storage:
    return S3Storage(s3_place)


def calls(storage: S3Storage) -> list[Callable[[], object]]:
    return [
        lambda: storage.put_new(ARCHIVE, b"archive", sha256(b"archive")),
        lambda: storage.put_if(LISTING, b"[]", None),
        lambda: storage.get(LISTING),
        lambda: storage.head(LISTING),
        lambda: storage.digest(LISTING),
        lambda: list(storage.list("")),
        lambda: storage.relabel(LISTING),
        lambda: storage.delete_if(LISTING, "etag"),
        lambda: storage.delete_found([Stored(LISTING, "etag", 1)]),
        lambda: storage.delete([LISTING]),
        lambda: raised(storage.put_all([Put(LISTING, b"[]")])),
    ]


def raised(results: list[Stored | ConflictError | StorageError]) -> None:
    for result in results:
        if isinstance(result, RegistryError):
            raise result


def open_with(place: S3Place, **options: Any) -> S3Storage:
    return S3Storage(replace(place, **options), attempts=1)


class TestObjects:
    def test_an_object_has_the_labels_that_its_key_says(self, s3_place: S3Place, client: Any) -> None:
        storage = open_with(s3_place, artifact_class="STANDARD_IA", document_class="STANDARD")
        storage.put_new(ARCHIVE, b"archive", sha256(b"archive"))
        storage.put_if(LISTING, b"[]", None)
        for key, storage_class in ((ARCHIVE, "STANDARD_IA"), (LISTING, "STANDARD")):
            found = client.head_object(Bucket=BUCKET, Key=s3_place.prefix + key)
            rule = paths.rule(key)
            assert (found["ContentType"], found["CacheControl"]) == (rule.content_type, rule.cache_control)
            assert found.get("StorageClass", "STANDARD") == storage_class

    def test_other_labels_are_set_right_and_the_bytes_and_all_that_is_known_of_them_stay(
        self, storage: S3Storage, s3_place: S3Place, client: Any
    ) -> None:
        client.put_object(Bucket=BUCKET, Key=s3_place.prefix + LISTING, Body=b"[]", ContentType="text/html")
        before = storage.head(LISTING)
        after = storage.relabel(LISTING)
        rule = paths.rule(LISTING)
        assert before is not None
        assert after == before
        assert (before.content_type, after.content_type) == ("text/html", rule.content_type)
        assert after.cache_control == rule.cache_control
        assert after.sha256 in {None, sha256(b"[]")}
        assert client.get_object(Bucket=BUCKET, Key=s3_place.prefix + LISTING)["Body"].read() == b"[]"

    def test_a_digest_is_told_where_the_server_checked_the_bytes_and_metadata_is_not_believed(
        self, storage: S3Storage, s3_place: S3Place, client: Any
    ) -> None:
        storage.put_new(ARCHIVE, b"archive", sha256(b"archive"))
        told = storage.head(ARCHIVE)
        assert told is not None
        assert told.sha256 == sha256(b"archive")
        client.put_object(
            Bucket=BUCKET, Key=s3_place.prefix + ARCHIVE, Body=b"other", Metadata={"sha256": sha256(b"archive")}
        )
        lied = storage.head(ARCHIVE)
        assert lied is not None
        assert lied.sha256 in {None, sha256(b"other")}
        with pytest.raises(ConflictError) as refused:
            storage.put_new(ARCHIVE, b"archive", sha256(b"archive"))
        assert refused.value.code.id == "STO001"

    def test_only_what_lies_below_the_prefix_is_seen(self, storage: S3Storage, s3_place: S3Place, client: Any) -> None:
        client.put_object(Bucket=BUCKET, Key=f"{s3_place.prefix.rstrip('/')}x/{LISTING}", Body=b"[]")
        storage.put_if(LISTING, b"[1]", None)
        assert [each.key for each in storage.list("")] == [LISTING]

    def test_what_the_registry_did_not_make_is_listed_too(
        self, storage: S3Storage, s3_place: S3Place, client: Any
    ) -> None:
        client.put_object(Bucket=BUCKET, Key=f"{s3_place.prefix}stray file.txt", Body=b"?")
        assert [each.key for each in storage.list("")] == ["stray file.txt"]

    def test_a_listing_of_many_pages_is_whole_and_in_order(
        self, storage: S3Storage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("registry_gen.storage.s3._PAGE", 3)
        keys = [f"v1/modules/acme/network/aws/1.{number}.0/download" for number in range(10)]
        keys.append("v1/modules/acme/network/aws/1.1.0-rc1/download")
        raised(storage.put_all([Put(key, b"leaf") for key in keys]))
        assert [each.key for each in storage.list("v1/")] == sorted(keys)

    def test_a_listing_names_the_write_of_what_is_young_and_the_second_of_what_is_old(
        self, storage: S3Storage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        storage.put_if(LISTING, b"[]", None)
        now = storage.head(LISTING)
        assert now is not None
        assert now.written is not None
        second, _, write = now.written.partition("/")
        assert write
        [young] = storage.list("")
        assert young.written == now.written
        monkeypatch.setattr("registry_gen.storage.s3._FRESH", timedelta(days=-1))
        [old] = storage.list("")
        assert old.written == f"{second}/"
        storage.delete_found([replace(old, written="1/")])
        assert storage.head(LISTING) == now
        storage.delete_found([old])
        assert storage.head(LISTING) is None

    def test_many_are_deleted_in_batches(self, storage: S3Storage, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("registry_gen.storage.s3._BATCH", 3)
        keys = [f"v1/modules/acme/network/aws/1.{number}.0/download" for number in range(10)]
        raised(storage.put_all([Put(key, b"leaf") for key in keys]))
        storage.delete(keys[:-1])
        assert [each.key for each in storage.list("")] == keys[-1:]


class TestLargeFiles:
    @pytest.fixture
    def parted(self, s3_place: S3Place) -> S3Storage:
        return S3Storage(s3_place, large=6 * MB, part=5 * MB)

    @pytest.fixture
    def large(self, tmp_path: Path) -> tuple[Path, bytes]:
        body = os.urandom(11 * MB + 17)
        (tmp_path / "large.zip").write_bytes(body)
        return tmp_path / "large.zip", body

    def test_a_large_file_goes_in_parts_and_is_whole(
        self, parted: S3Storage, large: tuple[Path, bytes], s3_place: S3Place, client: Any
    ) -> None:
        path, body = large
        put = parted.put_new(ARCHIVE, path, sha256(body))
        assert put.etag.endswith("-3")
        assert parted.get(ARCHIVE) == (body, put)
        assert parted.digest(ARCHIVE) == sha256(body)
        found = parted.head(ARCHIVE)
        assert found == put
        assert found is not None
        assert found.sha256 is None, "a digest over digests of parts is not that of the bytes"
        assert (found.content_type, found.cache_control) == ("application/gzip", paths.rule(ARCHIVE).cache_control)
        assert parted.put_new(ARCHIVE, path, sha256(body)) == put
        assert unfinished(client, s3_place) == []

    def test_a_large_file_with_other_bytes_is_never_seen_and_leaves_no_parts(
        self, parted: S3Storage, large: tuple[Path, bytes], s3_place: S3Place, client: Any
    ) -> None:
        with pytest.raises(StorageError) as refused:
            parted.put_new(ARCHIVE, large[0], Sha256("0" * 64))
        assert refused.value.code.id == "STO003"
        assert parted.head(ARCHIVE) is None
        assert unfinished(client, s3_place) == []

    def test_a_large_file_never_takes_the_place_of_another(
        self, parted: S3Storage, large: tuple[Path, bytes], s3_place: S3Place, client: Any
    ) -> None:
        path, body = large
        parted.put_new(ARCHIVE, b"small", sha256(b"small"))
        with pytest.raises(ConflictError) as refused:
            parted.put_new(ARCHIVE, path, sha256(body))
        assert refused.value.code.id == "STO001"
        with pytest.raises(StorageError) as refused_too:
            parted.put_new(ARCHIVE, path, sha256(b"small"))
        assert refused_too.value.code.id == "STO003"
        assert parted.digest(ARCHIVE) == sha256(b"small")

    def test_what_was_put_while_its_parts_were_on_their_way_stays(
        self,
        parted: S3Storage,
        large: tuple[Path, bytes],
        s3_place: S3Place,
        client: Any,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        path, body = large
        S3Storage(s3_place).put_new(ARCHIVE, b"small", sha256(b"small"))
        look = parted.head

        def look_too_early(_: str) -> None:
            monkeypatch.setattr(parted, "head", look)

        monkeypatch.setattr(parted, "head", look_too_early)
        with pytest.raises(ConflictError) as refused:
            parted.put_new(ARCHIVE, path, sha256(body))
        assert refused.value.code.id == "STO001"
        assert parted.digest(ARCHIVE) == sha256(b"small")
        assert unfinished(client, s3_place) == []

    def test_a_server_of_others_gets_it_at_once_since_it_may_not_hold_conditions_on_parts(
        self, large: tuple[Path, bytes], s3_place: S3Place, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("registry_gen.storage.s3.LARGE", 1)
        path, body = large
        storage = S3Storage(s3_place)
        put = storage.put_new(ARCHIVE, path, sha256(body))
        assert "-" not in put.etag
        assert storage.get(ARCHIVE) == (body, put)

    def test_of_four_writers_of_files_one_wins(self, storage: S3Storage, tmp_path: Path) -> None:
        def put(number: int) -> Stored | None:
            body = bytes([number]) * (5 * MB)
            path = tmp_path / str(number)
            path.write_bytes(body)
            try:
                return storage.put_new(ARCHIVE, path, sha256(body))
            except ConflictError:
                return None

        with ThreadPoolExecutor(4) as executor:
            winners = [each for each in executor.map(put, range(4)) if each]
        assert winners == [storage.head(ARCHIVE)]


class TestWhoMayNot:
    @pytest.mark.parametrize(("key", "secret"), [("OWNER_KEY", "READER_SECRET"), ("NOBODY", "OWNER_SECRET")])
    def test_wrong_credentials_are_named_as_such_by_every_call_and_never_shown(
        self, s3_place: S3Place, monkeypatch: pytest.MonkeyPatch, key: str, secret: str
    ) -> None:
        monkeypatch.setenv("NOBODY", "AKIANOBODY")
        storage = open_with(s3_place, auth=S3Keys(f"env:{key}", f"env:{secret}"))
        for call in calls(storage):
            with pytest.raises(StorageError) as refused:
                call()
            assert refused.value.code.id == "STO011"
            assert not any(each in f"{refused.value!r}{refused.value}{storage!r}" for each in (OWNER[1], READER[1]))

    def test_a_missing_bucket_is_an_error_of_every_call(self, s3_place: S3Place) -> None:
        for call in calls(open_with(s3_place, bucket="not-there")):
            with pytest.raises(StorageError) as refused:
                call()
            assert refused.value.code.id == "STO013"
            assert "not-there" in refused.value.where

    def test_an_action_that_is_denied_is_named_with_its_key(self, storage: S3Storage, s3_place: S3Place) -> None:
        reader = open_with(s3_place, auth=S3Keys("env:READER_KEY", "env:READER_SECRET"))
        listing = storage.put_if(LISTING, b"[]", None)
        assert reader.get(LISTING) == (b"[]", listing)
        denied: list[tuple[Callable[[], object], str]] = [
            (lambda: reader.put_new(ARCHIVE, b"archive", sha256(b"archive")), f"s3:PutObject {ARCHIVE}"),
            (lambda: reader.put_if(LISTING, b"[1]", listing.etag), f"s3:PutObject {LISTING}"),
            (lambda: reader.delete([LISTING]), f"s3:DeleteObject {LISTING}"),
            (lambda: reader.delete_if(LISTING, listing.etag), f"s3:DeleteObject {LISTING}"),
        ]
        for call, said in denied:
            with pytest.raises(StorageError) as refused:
                call()
            action, key = said.split()
            assert refused.value.code.id == "STO006"
            assert action in refused.value.message
            assert refused.value.where.endswith(key)
        assert [each.key for each in storage.list("")] == [LISTING]

    def test_of_many_deletions_that_are_denied_the_first_is_named_with_their_number(
        self, storage: S3Storage, s3_place: S3Place
    ) -> None:
        raised(storage.put_all([Put(LISTING, b"[]"), Put(LEAF, b"leaf")]))
        reader = open_with(s3_place, auth=S3Keys("env:READER_KEY", "env:READER_SECRET"))
        with pytest.raises(StorageError) as refused:
            reader.delete([LISTING, LEAF])
        assert refused.value.where.endswith(LISTING)
        assert "for 2 objects" in refused.value.found

    def test_no_credentials_at_all_are_told(
        self, s3_place: S3Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        no_aws(monkeypatch, tmp_path)
        with pytest.raises(StorageError) as refused:
            open_with(s3_place, auth=None).head(LISTING)
        assert refused.value.code.id == "STO010"

    def test_the_default_chain_finds_what_the_environment_says(
        self, s3_place: S3Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        no_aws(monkeypatch, tmp_path)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", OWNER[0])
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", OWNER[1])
        assert open_with(s3_place, auth=None).head(LISTING) is None

    def test_a_profile_that_is_not_there_is_told(self, s3_place: S3Place, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_PROFILE", "no-such-profile")
        with pytest.raises(StorageError) as refused:
            open_with(s3_place, auth=None)
        assert refused.value.code.id == "STO010"

    def test_a_secret_that_is_not_where_it_should_be_is_told_before_anything_is_sent(
        self, s3_place: S3Place, tmp_path: Path
    ) -> None:
        (tmp_path / "empty").write_text("\n")
        (tmp_path / "bytes").write_bytes(b"\xff\xfe")
        for reference in ("env:NOT_SET", *(f"file:{tmp_path}/{name}" for name in ("missing", "empty", "bytes"))):
            with pytest.raises(InputError) as refused:
                open_with(s3_place, auth=S3Keys("env:OWNER_KEY", reference))
            assert refused.value.code.id == "STO018"
            assert refused.value.where == reference

    def test_a_secret_in_a_file_is_read_without_the_line_break_at_its_end(
        self, s3_place: S3Place, tmp_path: Path
    ) -> None:
        (tmp_path / "secret").write_text(f"{OWNER[1]}\n")
        keys = S3Keys("env:OWNER_KEY", f"file:{tmp_path}/secret")
        assert open_with(s3_place, auth=keys).head(LISTING) is None

    def test_a_server_that_is_not_there_is_told(self, s3_place: S3Place) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        with pytest.raises(StorageError) as refused:
            open_with(s3_place, endpoint=f"http://127.0.0.1:{port}").head(LISTING)
        assert refused.value.code.id == "STO016"


class TestSignedUrls:
    def test_it_lets_anybody_read_one_object(self, storage: S3Storage) -> None:
        signing: SigningStorage = storage
        storage.put_new(ARCHIVE, b"archive", sha256(b"archive"))
        assert fetch(signing.signed_url(ARCHIVE, 60)) == b"archive"

    def test_it_opens_nothing_else(self, storage: S3Storage) -> None:
        storage.put_new(ARCHIVE, b"archive", sha256(b"archive"))
        storage.put_if(LEAF, b"leaf", None)
        url = storage.signed_url(ARCHIVE, 60)
        signature = url.rpartition("=")[2]
        for other in (
            url.replace(ARCHIVE, LEAF),
            url.replace("X-Amz-Expires=60", "X-Amz-Expires=61"),
            url.replace(signature, signature[::-1]),
            url.partition("?")[0],
        ):
            assert refused_with(other) == 403
        for method in ("PUT", "DELETE"):
            assert refused_with(url, method) == 403
        assert storage.digest(ARCHIVE) == sha256(b"archive")

    def test_it_ends(self, storage: S3Storage, monkeypatch: pytest.MonkeyPatch) -> None:
        storage.put_new(ARCHIVE, b"archive", sha256(b"archive"))
        now = botocore.compat.get_current_datetime
        monkeypatch.setattr("botocore.auth.get_current_datetime", lambda *_, **__: now() - timedelta(minutes=2))
        assert refused_with(storage.signed_url(ARCHIVE, 60)) == 403
        assert fetch(storage.signed_url(ARCHIVE, 600)) == b"archive"

    @pytest.mark.parametrize("seconds", [0, -1, 3601])
    def test_its_lifetime_has_bounds(self, storage: S3Storage, seconds: int) -> None:
        with pytest.raises(StorageError) as refused:
            storage.signed_url(ARCHIVE, seconds)
        assert refused.value.code.id == "STO019"

    def test_it_is_for_keys_of_the_registry_and_shows_no_secret(self, storage: S3Storage) -> None:
        with pytest.raises(StorageError) as refused:
            storage.signed_url("../other", 60)
        assert refused.value.code.id == "STO004"
        assert OWNER[1] not in storage.signed_url(ARCHIVE, 60)


def test_what_registry_yaml_names_is_opened(s3_place: S3Place) -> None:
    storage = wiring.open_storage(s3_place)
    put = storage.put_if(LISTING, b"[]", None)
    assert storage.name == f"s3://{BUCKET}/{s3_place.prefix}".rstrip("/")
    assert storage.head(LISTING) == put


def unfinished(client: Any, place: S3Place) -> list[str]:
    """Uploads in parts that were neither completed nor given up."""
    found = client.list_multipart_uploads(Bucket=BUCKET, Prefix=place.prefix).get("Uploads", [])
    return [each["Key"] for each in found if each["Key"].startswith(place.prefix)]


def no_aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine without any credentials of AWS."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))


def fetch(url: str, method: str = "GET") -> bytes:
    assert urlsplit(url).hostname == "127.0.0.1"
    request = urllib.request.Request(url, method=method, data=b"x" if method == "PUT" else None)  # noqa: S310
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - loopback
        return bytes(answer.read())


def refused_with(url: str, method: str = "GET") -> int:
    with pytest.raises(urllib.error.HTTPError) as refused:
        fetch(url, method)
    refused.value.close()
    return refused.value.code

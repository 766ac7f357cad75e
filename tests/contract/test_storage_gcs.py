"""What a bucket of Google Cloud Storage promises beside what every storage does.

The emulator looks at neither credentials nor checksums; what it forgets of preconditions, the door before it adds (see
``tests.support.fake_gcs``). So requests are looked at too, not only what they lead to.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

import pytest

from registry_gen import paths
from registry_gen.errors import ConflictError, StorageError
from registry_gen.model.digest import sha256
from registry_gen.model.places import GcsPlace
from registry_gen.storage import Put, Stored, gcs, gcs_objects
from registry_gen.storage.gcs import GcsStorage
from registry_gen.storage.gcs_client import PATIENCE, THREADS
from tests.support.fake_gcs import gcs_storage

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.fake_gcs import Asked, Door

LISTING = "v1/modules/acme/network/aws/versions"
LEAF = "v1/modules/acme/network/aws/1.0.0/download"
ARCHIVE = "v1/modules/acme/network/aws/1.0.0/module.tar.gz"
LARGE = gcs_objects.LARGE + 1

CALLS: Final[dict[str, Callable[[GcsStorage, Stored], object]]] = {
    "put_new": lambda storage, _: storage.put_new(ARCHIVE, b"archive", sha256(b"archive")),
    "put_if": lambda storage, put: storage.put_if(LISTING, b"[1,2]", put.etag),
    "put_if where nothing is": lambda storage, _: storage.put_if(LEAF, b"{}", None),
    "get": lambda storage, _: storage.get(LISTING),
    "head": lambda storage, _: storage.head(LISTING),
    "digest": lambda storage, _: storage.digest(LISTING),
    "list": lambda storage, _: list(storage.list("")),
    "relabel": lambda storage, _: storage.relabel(LISTING),
    "delete_if": lambda storage, put: storage.delete_if(LISTING, put.etag),
    "delete_found": lambda storage, put: storage.delete_found([put]),
    "delete": lambda storage, _: storage.delete([LISTING]),
}


def sent(asked: Asked) -> dict[str, Any]:
    """What an upload says of its object."""
    if asked.query["uploadType"] == "resumable":
        return dict(json.loads(asked.body))
    return dict(json.loads(asked.body.split(b"\r\n\r\n")[1].split(b"\r\n")[0]))


def uploads(door: Door) -> list[Asked]:
    return [asked for asked in door.asked if "uploadType" in asked.query and asked.method == "POST"]


def refused(call: Callable[[], object]) -> StorageError:
    with pytest.raises(StorageError) as error:
        call()
    return error.value


class TestWhatIsSent:
    def test_labels_digest_and_checksum_go_with_the_bytes_and_never_without_a_precondition(
        self, fake_gcs: Door
    ) -> None:
        storage = gcs_storage(fake_gcs, prefix="a/b/")
        before = storage.put_if(LISTING, b"[1]", None)
        storage.put_new(ARCHIVE, b"archive", sha256(b"archive"))
        storage.put_if(LISTING, b"[1,2]", before.etag)
        assert [asked.query["uploadType"] for asked in uploads(fake_gcs)] == ["multipart"] * 3
        assert [asked.query["ifGenerationMatch"] for asked in uploads(fake_gcs)] == ["0", "0", before.written]
        listing, archive, _ = (sent(asked) for asked in uploads(fake_gcs))
        assert archive["name"] == f"a/b/{ARCHIVE}"
        assert b"content-type: application/gzip\r\n" in uploads(fake_gcs)[1].body
        assert archive["cacheControl"] == "public, max-age=31536000, immutable"
        assert archive["metadata"]["sha256"] == sha256(b"archive")
        assert archive["crc32c"] == "0zyNww=="
        assert listing["cacheControl"] == paths.rule(LISTING).cache_control
        assert "storageClass" not in archive

    def test_artifacts_and_documents_have_storage_classes_of_their_own(self, fake_gcs: Door) -> None:
        place = GcsPlace(
            fake_gcs.bucket(),
            endpoint=fake_gcs.url,
            anonymous=True,
            artifact_class="NEARLINE",
            document_class="STANDARD",
        )
        storage = GcsStorage(place)
        storage.put_new(ARCHIVE, b"archive", sha256(b"archive"))
        storage.put_if(LISTING, b"[1]", None)
        assert [sent(asked)["storageClass"] for asked in uploads(fake_gcs)] == ["NEARLINE", "STANDARD"]

    def test_an_environment_variable_sends_objects_nowhere_else(
        self, fake_gcs: Door, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:9")
        monkeypatch.setenv("API_ENDPOINT_OVERRIDE", "http://127.0.0.1:9")
        gcs_storage(fake_gcs).put_if(LISTING, b"[1]", None)
        real = GcsStorage(GcsPlace("bucket", anonymous=True))
        assert real._bucket.client.api_endpoint == "https://storage.googleapis.com"

    def test_the_etag_names_generation_and_checksum(self, fake_gcs: Door) -> None:
        storage = gcs_storage(fake_gcs)
        first = storage.put_if(LISTING, b"archive", None)
        assert first.etag == f"{first.written}-0zyNww=="
        back = storage.put_if(LISTING, b"archive", storage.put_if(LISTING, b"[1]", first.etag).etag)
        assert back.etag != first.etag  # the same bytes, but another write

    @pytest.mark.parametrize("etag", ["", "0-0zyNww==", "archive", "1", "-5-x", sha256(b"[1]")])
    def test_an_etag_of_another_storage_is_a_conflict_that_tells_ours(self, fake_gcs: Door, etag: str) -> None:
        storage = gcs_storage(fake_gcs)
        put = storage.put_if(LISTING, b"[1]", None)
        for call in (lambda: storage.put_if(LISTING, b"[2]", etag), lambda: storage.delete_if(LISTING, etag)):
            with pytest.raises(ConflictError) as conflict:
                call()
            assert (conflict.value.code.id, conflict.value.found) == ("STO002", put.etag)
        assert storage.head(LISTING) == put


class TestDigests:
    def test_a_digest_that_anybody_may_have_written_into_the_metadata_is_not_believed(self, fake_gcs: Door) -> None:
        storage = gcs_storage(fake_gcs)
        blob = storage._bucket.blob(ARCHIVE)
        blob.metadata = {"sha256": sha256(b"archive")}
        blob.upload_from_string(b"planted", if_generation_match=0)
        found = storage.head(ARCHIVE)
        assert found is not None
        assert found.sha256 is None
        assert [each.sha256 for each in storage.list("")] == [None]
        assert storage.digest(ARCHIVE) == sha256(b"planted")
        with pytest.raises(ConflictError) as conflict:
            storage.put_new(ARCHIVE, b"archive", sha256(b"archive"))
        assert sha256(b"planted") in conflict.value.found

    def test_who_wrote_or_read_the_bytes_tells_their_digest(self, fake_gcs: Door) -> None:
        storage = gcs_storage(fake_gcs)
        assert storage.put_new(ARCHIVE, b"archive", sha256(b"archive")).sha256 == sha256(b"archive")
        found = storage.get(ARCHIVE)
        assert found is not None
        assert found[1].sha256 == sha256(b"archive")

    def test_a_read_without_a_checksum_names_the_same_etag_and_one_without_a_generation_none(
        self, fake_gcs: Door
    ) -> None:
        storage = gcs_storage(fake_gcs)
        put = storage.put_if(LISTING, b"[1]", None)
        fake_gcs.fail(1, method="GET", without="X-Goog-Hash")
        assert storage.get(LISTING) == (b"[1]", put)
        fake_gcs.fail(1, method="GET", without="X-Goog-Generation")
        assert refused(lambda: storage.get(LISTING)).code.id == "STO008"

    def test_damaged_bytes_are_not_taken_for_what_is_stored(self, fake_gcs: Door) -> None:
        storage = gcs_storage(fake_gcs)
        storage.put_if(LISTING, b"[1,2]", None)
        for call in (lambda: storage.get(LISTING), lambda: storage.digest(LISTING)):
            fake_gcs.fail(1, method="GET", change=lambda body: body.replace(b"1", b"7"))
            assert "damaged" in str(refused(call))

    def test_an_object_that_arrived_damaged_is_deleted_and_only_that_one(self, fake_gcs: Door) -> None:
        """The emulator verifies no checksum that is sent, as Google does before anything is seen."""
        storage = gcs_storage(fake_gcs)
        fake_gcs.fail(1, method="POST", change=lambda body: body.replace(b"0zyNww==", b"AAAAAA=="))
        assert refused(lambda: storage.put_new(ARCHIVE, b"archive", sha256(b"archive"))).code.id == "STO003"
        assert storage.head(ARCHIVE) is None
        deleted = [asked for asked in fake_gcs.asked if asked.method == "DELETE"]
        assert [int(asked.query["ifGenerationMatch"]) > 0 for asked in deleted] == [True]


class TestPatience:
    @pytest.mark.parametrize("status", [429, 500, 503, None], ids=str)
    @pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
    def test_a_busy_service_and_a_cut_connection_are_tried_again(
        self, fake_gcs: Door, call: Callable[[GcsStorage, Stored], object], status: int | None
    ) -> None:
        storage = gcs_storage(fake_gcs)
        put = storage.put_if(LISTING, b"[1]", None)
        fake_gcs.asked.clear()
        fake_gcs.fail(2, status=status)
        call(storage, put)
        assert len(fake_gcs.asked) >= 3

    @pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
    def test_what_was_done_though_its_answer_was_lost_is_not_done_twice_and_succeeds(
        self, fake_gcs: Door, call: Callable[[GcsStorage, Stored], object]
    ) -> None:
        storage = gcs_storage(fake_gcs)
        put = storage.put_if(LISTING, b"[1]", None)
        fake_gcs.fail(1, after=True)
        result = call(storage, put)
        if isinstance(result, Stored):
            assert result == storage.head(result.key)

    def test_patience_ends(self, fake_gcs: Door) -> None:
        storage = gcs_storage(fake_gcs, seconds=0.1)
        fake_gcs.fail(1_000_000, status=503)
        error = refused(lambda: storage.put_if(LISTING, b"[1]", None))
        assert (error.code.id, error.found) == ("STO017", "HTTP 503")

    def test_a_lost_answer_of_a_create_is_no_excuse_for_other_bytes_of_somebody_else(self, fake_gcs: Door) -> None:
        storage = gcs_storage(fake_gcs)
        fake_gcs.fail(1, method="POST", status=503)
        fake_gcs.watch = once(lambda: storage.put_new(ARCHIVE, b"other", sha256(b"other")), method="POST", number=2)
        with pytest.raises(ConflictError) as conflict:
            storage.put_new(ARCHIVE, b"archive", sha256(b"archive"))
        assert conflict.value.code.id == "STO001"

    def test_a_swap_is_lost_to_somebody_who_wrote_the_same_bytes(self, fake_gcs: Door) -> None:
        """Else two publishers would both believe that it was theirs."""
        storage = gcs_storage(fake_gcs)
        put = storage.put_if(LISTING, b"[1]", None)
        storage.put_if(LISTING, b"[1,2]", put.etag)
        with pytest.raises(ConflictError):
            storage.put_if(LISTING, b"[1,2]", put.etag)

    def test_a_swap_that_somebody_else_made_to_the_same_bytes_is_lost_though_it_was_sent_twice(
        self, fake_gcs: Door
    ) -> None:
        storage = gcs_storage(fake_gcs)
        put = storage.put_if(LISTING, b"[1]", None)
        fake_gcs.fail(1, method="POST", status=503)
        fake_gcs.watch = once(lambda: storage.put_if(LISTING, b"[1,2]", put.etag), method="POST", number=2)
        with pytest.raises(ConflictError):
            storage.put_if(LISTING, b"[1,2]", put.etag)

    def test_a_read_that_was_cut_goes_on_where_it_stopped(self, fake_gcs: Door) -> None:
        storage = gcs_storage(fake_gcs)
        body = os.urandom(3_000_000)
        storage.put_new(ARCHIVE, body, sha256(body))
        for call in (lambda: storage.get(ARCHIVE), lambda: storage.digest(ARCHIVE)):
            fake_gcs.fail(1, method="GET", cut_at=2_000_000)
            assert call() in (sha256(body), (body, storage.head(ARCHIVE)))
        resumed = [asked for asked in fake_gcs.asked if "range" in asked.headers]
        assert len(resumed) == 2
        assert all(asked.query["generation"] for asked in resumed)

    def test_a_read_that_was_cut_and_cannot_go_on_since_the_document_changed_starts_anew(self, fake_gcs: Door) -> None:
        storage = gcs_storage(fake_gcs)
        put = storage.put_if(LISTING, b"a" * 200_000, None)
        fake_gcs.fail(1, method="GET", cut_at=100_000)
        fake_gcs.watch = once(lambda: storage.put_if(LISTING, b"b" * 200_000, put.etag), header="range")
        found = storage.get(LISTING)
        assert found is not None
        assert found[0] == b"b" * 200_000
        assert found[1] == storage.head(LISTING)


def once(
    act: Callable[[], object], *, method: str = "", header: str = "", number: int = 1, containing: str = ""
) -> Callable[[Asked], None]:
    """What acts before the request of that number that is of this kind, once."""
    seen: list[Asked] = []

    def watching(asked: Asked) -> None:
        if method in ("", asked.method) and (not header or header in asked.headers) and containing in asked.path:
            seen.append(asked)
            if len(seen) == number:
                act()

    return watching


class TestRefusals:
    @pytest.mark.parametrize(
        ("status", "message", "code"),
        [
            (403, "ci@p.iam.gserviceaccount.com does not have storage.objects.create access", "STO006"),
            (404, "The specified bucket does not exist.", "STO013"),
            (400, "Invalid value", "STO008"),
        ],
    )
    @pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
    def test_an_answer_that_asking_again_does_not_change_is_told_at_once(
        self, fake_gcs: Door, call: Callable[[GcsStorage, Stored], object], status: int, message: str, code: str
    ) -> None:
        storage = gcs_storage(fake_gcs)
        put = storage.put_if(LISTING, b"[1]", None)
        fake_gcs.asked.clear()
        body = json.dumps({"error": {"code": status, "message": message}}).encode()
        fake_gcs.fail(100, status=status, body=body)
        error = refused(lambda: call(storage, put))
        assert (error.code.id, error.found) == (code, message)
        assert error.hint == error.code.fix
        assert len(fake_gcs.asked) == 1

    def test_an_answer_of_somebody_between_is_told(self, fake_gcs: Door) -> None:
        storage = gcs_storage(fake_gcs)
        for call in (lambda: storage.head(LISTING), lambda: list(storage.list(""))):
            fake_gcs.fail(1, status=200, body=b"<html>Sign in</html>")
            error = refused(call)
            assert (error.code.id, error.found) == ("STO008", "an answer that is not the storage's own")

    @pytest.mark.parametrize(
        ("name", "status", "body"),
        [
            ("head", 200, b"[" * 100_000),
            ("get", 400, b"[" * 100_000),
            ("head", 200, b'{"name": 7, "size": "many", "generation": "x", "timeCreated": "soon"}'),
            ("head", 200, b'{"items": []}'),
            ("list", 200, b'{"items": [null]}'),
            ("list", 200, b'{"items": 7}'),
            ("list", 200, b'{"items": [{"name": "k", "size": "1", "generation": "1", "timeCreated": "soon"}]}'),
            ("head", 400, b'{"error": "invalid"}'),
            ("delete", 400, b"7"),
            ("put_if", 200, b'{"size": "many"}'),
        ],
    )
    def test_an_answer_that_makes_no_sense_is_a_failure_of_the_storage(
        self, fake_gcs: Door, name: str, status: int, body: bytes
    ) -> None:
        storage = gcs_storage(fake_gcs)
        put = storage.put_if(LISTING, b"[1]", None)
        fake_gcs.fail(9, status=status, body=body)
        assert refused(lambda: CALLS[name](storage, put)).code.id == "STO008"

    def test_a_missing_bucket_is_named(self, fake_gcs: Door) -> None:
        """Of an object that is asked for in it, the emulator does not say which of both is missing."""
        fake_gcs.bucket()
        storage = GcsStorage(GcsPlace("nobodys", endpoint=fake_gcs.url, anonymous=True))
        for call in (lambda: storage.put_if(LISTING, b"[1]", None), lambda: list(storage.list(""))):
            error = refused(call)
            assert (error.code.id, error.where[:12]) == ("STO013", "gs://nobodys")

    def test_a_service_that_is_not_there_is_unreachable_and_is_not_waited_for_by_every_object(self) -> None:
        with socket.socket() as server:
            server.bind(("127.0.0.1", 0))
            place = GcsPlace("bucket", endpoint=f"http://127.0.0.1:{server.getsockname()[1]}", anonymous=True)
            patience = PATIENCE.with_delay(initial=0.001, maximum=0.01).with_timeout(0.1)
            storage = GcsStorage(place, patience=patience)
            results = storage.put_all([Put(f"v1/modules/a/b/c/{number}/download", b"x") for number in range(400)])
        assert {each.code.id for each in results if isinstance(each, StorageError)} == {"STO016"}
        assert len({id(each) for each in results}) <= 2 * THREADS

    def test_an_upload_session_that_anybody_could_go_on_with_is_in_no_error(
        self, fake_gcs: Door, tmp_path: Path
    ) -> None:
        storage = gcs_storage(fake_gcs)
        (tmp_path / "large").write_bytes(bytes(LARGE))
        fake_gcs.fail(1, status=403, method="PUT")
        error = refused(lambda: storage.put_new(ARCHIVE, tmp_path / "large", sha256(bytes(LARGE))))
        assert error.found == "HTTP 403"
        assert "upload_id" not in f"{error} {error.__cause__}"
        assert error.__suppress_context__


class TestLargeObjects:
    """Uploads in parts. The emulator forgets the precondition of those; the door looks at both of their ends."""

    @pytest.fixture
    def large(self, tmp_path: Path) -> Path:
        path = tmp_path / "large.tar.gz"
        path.write_bytes(os.urandom(LARGE))
        return path

    def test_an_object_is_seen_when_its_last_part_is_there(self, fake_gcs: Door, large: Path) -> None:
        storage = gcs_storage(fake_gcs)
        seen: list[object] = []

        def look(asked: Asked) -> None:
            if asked.method == "PUT":
                seen.append(storage.head(ARCHIVE))

        fake_gcs.watch = look
        put = storage.put_new(ARCHIVE, large, sha256(large.read_bytes()))
        assert seen == [None, None]
        assert storage.get(ARCHIVE) == (large.read_bytes(), put)
        start = uploads(fake_gcs)[0]
        assert (start.query["uploadType"], start.query["ifGenerationMatch"]) == ("resumable", "0")
        assert sent(start)["metadata"]["sha256"] == sha256(large.read_bytes())
        assert len(sent(start)["crc32c"]) == 8

    def test_a_file_that_changes_while_it_is_sent_is_refused_before_its_end(self, fake_gcs: Door, large: Path) -> None:
        storage = gcs_storage(fake_gcs)
        digest = sha256(large.read_bytes())

        def change() -> None:
            with large.open("r+b") as file:
                file.seek(-1, os.SEEK_END)
                file.write(b"?" if large.read_bytes()[-1:] != b"?" else b"!")

        fake_gcs.watch = once(change, method="PUT")
        assert refused(lambda: storage.put_new(ARCHIVE, large, digest)).code.id == "STO003"
        assert list(storage.list("")) == []
        assert len([asked for asked in fake_gcs.asked if asked.method == "PUT"]) == 1

    def test_a_file_that_is_cut_short_while_it_is_sent_is_refused(self, fake_gcs: Door, large: Path) -> None:
        storage = gcs_storage(fake_gcs)
        digest = sha256(large.read_bytes())
        fake_gcs.watch = once(lambda: os.truncate(large, LARGE - 1), method="PUT")
        assert refused(lambda: storage.put_new(ARCHIVE, large, digest)).code.id == "STO003"
        assert list(storage.list("")) == []

    @pytest.mark.parametrize("status", [503, None], ids=str)
    def test_a_part_that_failed_is_sent_again(self, fake_gcs: Door, large: Path, status: int | None) -> None:
        storage = gcs_storage(fake_gcs)
        fake_gcs.watch = once(lambda: fake_gcs.fail(1, status=status, method="PUT"), method="PUT", number=2)
        storage.put_new(ARCHIVE, large, sha256(large.read_bytes()))
        assert storage.digest(ARCHIVE) == sha256(large.read_bytes())
        assert len([asked for asked in fake_gcs.asked if asked.method == "PUT"]) == 3

    def test_a_session_that_was_lost_is_begun_anew(self, fake_gcs: Door, large: Path) -> None:
        storage = gcs_storage(fake_gcs)
        fake_gcs.watch = once(lambda: fake_gcs.fail(1, status=410, method="PUT"), method="PUT", number=2)
        storage.put_new(ARCHIVE, large, sha256(large.read_bytes()))
        assert storage.digest(ARCHIVE) == sha256(large.read_bytes())
        assert len(uploads(fake_gcs)) == 2

    def test_a_session_that_is_always_lost_is_given_up(self, fake_gcs: Door, large: Path) -> None:
        storage = gcs_storage(fake_gcs)
        fake_gcs.fail(100, status=410, method="PUT")
        assert refused(lambda: storage.put_new(ARCHIVE, large, sha256(large.read_bytes()))).code.id == "STO008"
        assert len(uploads(fake_gcs)) == 3

    def test_who_wrote_meanwhile_wins(self, fake_gcs: Door, large: Path) -> None:
        storage = gcs_storage(fake_gcs)
        other = once(lambda: storage.put_new(ARCHIVE, b"other", sha256(b"other")), method="PUT", number=2)
        fake_gcs.watch = other
        with pytest.raises(ConflictError) as conflict:
            storage.put_new(ARCHIVE, large, sha256(large.read_bytes()))
        assert conflict.value.code.id == "STO001"
        assert storage.digest(ARCHIVE) == sha256(b"other")

    def test_what_is_there_already_is_not_sent_again(self, fake_gcs: Door, large: Path) -> None:
        storage = gcs_storage(fake_gcs)
        first = storage.put_new(ARCHIVE, large, sha256(large.read_bytes()))
        assert storage.put_new(ARCHIVE, large, sha256(large.read_bytes())) == first
        assert len(uploads(fake_gcs)) == 1

    def test_memory_does_not_grow_with_the_object(self, fake_gcs: Door, tmp_path: Path) -> None:
        """48 MB, of which a part is in memory at a time; another process, for the emulator's door is in this one."""
        large, size = tmp_path / "large", 48_000_000
        with large.open("wb") as file:
            file.truncate(size)
        program = f"""
import re
from pathlib import Path
from registry_gen.model.digest import sha256
from registry_gen.model.places import GcsPlace
from registry_gen.storage.gcs import GcsStorage
storage = GcsStorage(GcsPlace({fake_gcs.bucket()!r}, endpoint={fake_gcs.url!r}, anonymous=True))
storage.put_if({LISTING!r}, b"[1]", None)
storage.digest({LISTING!r})
def peak():  # getrusage would tell the parent's
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
before = peak()
storage.put_new({ARCHIVE!r}, Path({str(large)!r}), {str(sha256(bytes(size)))!r})
storage.digest({ARCHIVE!r})
print(peak() - before)
"""
        root = Path(__file__).parents[2]
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=root)
        assert int(done.stdout) < 30_000  # kilobytes


class TestListings:
    def test_pages_follow_each_other_and_neighbours_of_the_prefix_stay_out(
        self, fake_gcs: Door, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(gcs, "_PAGE", 2)
        storage = gcs_storage(fake_gcs, prefix="ours/")
        keys = [f"v1/modules/acme/network/aws/1.0.{number}/download" for number in range(5)]
        storage.put_all([Put(key, b"x") for key in keys])
        for name in ("ours2/x", "our", "ours/v1/modules/"):  # the last one as the console marks a folder
            storage._bucket.blob(name).upload_from_string(b"", if_generation_match=0)
        fake_gcs.asked.clear()
        assert [found.key for found in storage.list("")] == keys
        assert len(fake_gcs.asked) == 3
        assert all("crc32c" in unquote(asked.query["fields"]) for asked in fake_gcs.asked)

    def test_an_object_is_listed_with_its_labels(self, fake_gcs: Door) -> None:
        storage = gcs_storage(fake_gcs)
        storage.put_if(LISTING, b"[1]", None)
        rule = paths.rule(LISTING)
        assert [(each.content_type, each.cache_control) for each in storage.list("")] == [
            (rule.content_type, rule.cache_control)
        ]

    def test_its_name_is_a_gs_url(self) -> None:
        assert GcsStorage(GcsPlace("bucket", "some/folder/", anonymous=True)).name == "gs://bucket/some/folder"


class TestLabels:
    @pytest.fixture
    def storage(self, fake_gcs: Door) -> GcsStorage:
        storage = gcs_storage(fake_gcs)
        blob = storage._bucket.blob(LISTING)
        blob.upload_from_string(b"[1]", content_type="text/html", if_generation_match=0)
        return storage

    def test_wrong_labels_are_put_right_and_the_write_stays_the_same(self, fake_gcs: Door, storage: GcsStorage) -> None:
        before = storage.head(LISTING)
        labelled = storage.relabel(LISTING)
        assert labelled == before == storage.head(LISTING)
        found = storage.head(LISTING)
        assert found is not None
        assert (found.content_type, found.cache_control) == ("application/json", paths.rule(LISTING).cache_control)
        patched = next(asked for asked in fake_gcs.asked if asked.method == "PATCH")
        assert before is not None
        assert (patched.query["ifGenerationMatch"], patched.query["ifMetagenerationMatch"]) == (before.written, "1")

    def test_right_labels_are_not_written_again(self, fake_gcs: Door, storage: GcsStorage) -> None:
        storage.relabel(LISTING)
        fake_gcs.asked.clear()
        storage.relabel(LISTING)
        assert [asked.method for asked in fake_gcs.asked] == ["GET"]

    def test_a_document_that_is_swapped_meanwhile_keeps_its_new_bytes_and_labels(
        self, fake_gcs: Door, storage: GcsStorage
    ) -> None:
        before = storage.head(LISTING)
        assert before is not None
        fake_gcs.watch = once(lambda: storage.put_if(LISTING, b"[1,2]", before.etag), method="PATCH")
        labelled = storage.relabel(LISTING)
        assert labelled == storage.head(LISTING)
        assert labelled is not None
        assert (labelled.size, labelled.content_type) == (5, "application/json")


def test_an_object_that_vanishes_between_a_create_and_a_look_is_made_after_all(fake_gcs: Door) -> None:
    storage = gcs_storage(fake_gcs)
    storage.put_new(ARCHIVE, b"other", sha256(b"other"))
    fake_gcs.watch = once(lambda: storage.delete([ARCHIVE]), method="GET", containing="alt=media")
    storage.put_new(ARCHIVE, b"archive", sha256(b"archive"))
    assert storage.digest(ARCHIVE) == sha256(b"archive")


def test_a_password_in_netrc_takes_the_place_of_no_token(
    fake_gcs: Door, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    gcs_storage(fake_gcs).head(LISTING)
    assert "authorization" not in fake_gcs.asked[-1].headers


def test_many_objects_are_sent_side_by_side(fake_gcs: Door) -> None:
    storage = gcs_storage(fake_gcs)
    meeting = threading.Barrier(4, timeout=30)
    fake_gcs.watch = lambda asked: meeting.wait() if asked.method == "POST" else None
    results = storage.put_all([Put(f"v1/modules/acme/network/aws/1.0.{number}/download", b"x") for number in range(4)])
    assert all(isinstance(each, Stored) for each in results)

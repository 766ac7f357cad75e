"""What a container of Azure does with answers that are late, lost, refusals or nonsense, and with wrong keys."""

from __future__ import annotations

import gzip
import io
import os
import socket
import traceback
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import pytest
from azure.storage.blob import ContentSettings

from registry_gen.errors import RegistryError, StorageError
from registry_gen.model.digest import sha256
from registry_gen.model.places import AzureConnectionString
from registry_gen.storage import Put
from registry_gen.storage.azure import AzureStorage
from registry_gen.storage.azure_blob import BLOCK
from tests.support.azurite import ACCOUNT, KEY, Azurite
from tests.support.azurite.front import Corrupted, Front, Lost, Refused

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from azure.storage.blob import BlobClient

    from registry_gen.model.places import AzurePlace
    from registry_gen.storage import Stored

LISTING = "v1/modules/acme/network/aws/versions"
LEAF = "v1/modules/acme/network/aws/1.0.0/download"
ARCHIVE = "v1/modules/acme/network/aws/1.0.0/module.tar.gz"
LARGE = 2 * BLOCK + 5


@pytest.fixture
def storage(azure_place: AzurePlace) -> AzureStorage:
    return AzureStorage(azure_place)


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "large.zip"
    path.write_bytes(os.urandom(LARGE))
    return path


def blob(azurite: Azurite, place: AzurePlace, key: str) -> BlobClient:
    return azurite.service().get_blob_client(place.container, key)


def code(call: Callable[[], object]) -> str:
    with pytest.raises(RegistryError) as refused:
        call()
    return refused.value.code.id


class TestAnswersThatGoWrong:
    @pytest.mark.parametrize("fault", [Lost(), Lost(500), Lost(503)], ids=["dropped", "500", "503"])
    def test_a_put_that_was_stored_and_reported_failed_is_a_success(
        self, azure_behind: AzureStorage, azure_front: Front, fault: Lost
    ) -> None:
        azure_front.plan("PUT", fault)
        put = azure_behind.put_new(ARCHIVE, b"archive", sha256(b"archive"))
        assert put == azure_behind.head(ARCHIVE)
        azure_front.plan("PUT", fault)
        first = azure_behind.put_if(LISTING, b"[1]", None)
        azure_front.plan("PUT", fault)
        second = azure_behind.put_if(LISTING, b"[1,2]", first.etag)
        assert azure_behind.get(LISTING) == (b"[1,2]", second)
        assert len(azure_front.pauses) == 3

    def test_the_same_document_of_somebody_else_is_no_success_of_ours(
        self, azure_behind: AzureStorage, azure_front: Front, storage: AzureStorage
    ) -> None:
        storage.put_if(LISTING, b"[1]", None)
        azure_front.plan("PUT", Refused(500, "InternalError"))
        assert code(lambda: azure_behind.put_if(LISTING, b"[1]", None)) == "STO002"

    def test_other_bytes_that_came_first_after_a_lost_request_are_a_conflict(
        self, azure_behind: AzureStorage, azure_front: Front, storage: AzureStorage
    ) -> None:
        storage.put_new(ARCHIVE, b"first", sha256(b"first"))
        azure_front.plan("PUT", Refused(503, "ServerBusy"))
        assert code(lambda: azure_behind.put_new(ARCHIVE, b"second", sha256(b"second"))) == "STO001"

    def test_a_deletion_whose_answer_is_lost_is_no_error(self, azure_behind: AzureStorage, azure_front: Front) -> None:
        put = azure_behind.put_if(LISTING, b"[1]", None)
        azure_front.plan("DELETE", Lost(500))
        azure_behind.delete_if(LISTING, put.etag)
        assert azure_behind.head(LISTING) is None

    @pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
    def test_a_busy_storage_is_asked_again_after_the_time_that_it_names(
        self, azure_behind: AzureStorage, azure_front: Front, status: int
    ) -> None:
        azure_front.plan("PUT", Refused(status, "ServerBusy", {"Retry-After": "7"}), Refused(status, "ServerBusy"))
        azure_behind.put_if(LISTING, b"[1]", None)
        assert len(azure_front.pauses) == 2
        assert azure_front.pauses[0] >= 7
        assert 0 < azure_front.pauses[1] < 7

    def test_a_storage_that_stays_busy_is_given_up(self, azure_behind: AzureStorage, azure_front: Front) -> None:
        azure_front.plan("HEAD", *[Refused(503, "ServerBusy", {"Retry-After": "86400"})] * 20)
        with pytest.raises(StorageError) as refused:
            azure_behind.head(LISTING)
        assert refused.value.code.id == "STO017"
        assert refused.value.found == "503 ServerBusy"
        assert azure_front.count("HEAD") == 5
        assert max(azure_front.pauses) == 60

    @pytest.mark.parametrize("key", [ARCHIVE, LISTING])
    def test_bytes_that_change_on_their_way_are_refused_by_the_storage(
        self, azure_behind: AzureStorage, azure_front: Front, key: str
    ) -> None:
        azure_front.plan("PUT", Corrupted())
        put = {ARCHIVE: lambda: azure_behind.put_new(key, b"body", sha256(b"body"))}
        assert code(put.get(key, lambda: azure_behind.put_if(key, b"body", None))) == "STO008"
        assert azure_behind.head(key) is None

    def test_a_block_that_changes_on_its_way_is_refused_by_the_storage(
        self, azure_behind: AzureStorage, azure_front: Front, large: Path
    ) -> None:
        azure_front.plan("PUT", Corrupted())
        assert code(lambda: azure_behind.put_new(ARCHIVE, large, sha256(large.read_bytes()))) == "STO008"
        assert azure_behind.head(ARCHIVE) is None

    def test_a_document_that_is_swapped_between_two_parts_of_it_is_read_anew(
        self, azure_behind: AzureStorage, azure_front: Front, storage: AzureStorage
    ) -> None:
        body = os.urandom(BLOCK + 1)
        put = storage.put_if(LISTING, body, None)
        azure_front.plan("GET", None, Refused(412, "ConditionNotMet"))
        assert azure_behind.get(LISTING) == (body, put)
        azure_front.plan("GET", None, Refused(412, "ConditionNotMet"))
        assert azure_behind.digest(LISTING) == sha256(body)
        assert azure_front.count("GET") == 2 + 3 + 2 + 3

    def test_an_answer_that_makes_no_sense_is_a_failure_of_the_storage(
        self, azure_behind: AzureStorage, azure_front: Front, storage: AzureStorage
    ) -> None:
        storage.put_if(LISTING, b"[1]", None)
        azure_front.plan("GET", Lost(206))
        assert code(lambda: azure_behind.get(LISTING)) == "STO008"
        azure_front.plan("GET", Refused(200, "", body="<!DOCTYPE html><html><title>Sign in</title></html>"))
        assert code(lambda: list(azure_behind.list(""))) == "STO008"

    @pytest.mark.parametrize("body", ["[" * 100_000, '{"error": {"message": 7}}', "7"], ids=["deep", "odd", "number"])
    def test_a_refusal_that_makes_no_sense_is_a_failure_of_the_storage(
        self, azure_behind: AzureStorage, azure_front: Front, body: str
    ) -> None:
        said = Refused(400, "", {"Content-Type": "application/json"}, body)
        azure_front.plan("GET", said, said)
        azure_front.plan("PUT", said)
        for call in (
            lambda: azure_behind.get(LISTING),
            lambda: list(azure_behind.list("")),
            lambda: azure_behind.put_if(LISTING, b"[1]", None),
        ):
            assert code(call) == "STO008"

    def test_many_puts_to_an_account_that_is_gone_end_with_the_patience_of_a_few(
        self, azure_behind: AzureStorage, azure_front: Front
    ) -> None:
        azure_front.plan("PUT", *[Refused(404, "ContainerNotFound")] * 500)
        puts = [Put(f"v1/modules/acme/network/aws/1.{minor}.0/download", b"{}") for minor in range(500)]
        told = azure_behind.put_all(puts)
        assert [error.code.id for error in told if isinstance(error, StorageError)] == ["STO013"] * 500
        assert azure_front.count("PUT") <= 40

    def test_a_code_of_any_length_is_shown_as_far_as_it_can_be_read(
        self, azure_behind: AzureStorage, azure_front: Front
    ) -> None:
        azure_front.plan("HEAD", Refused(400, "Long" * 10_000))
        with pytest.raises(StorageError) as refused:
            azure_behind.head(LISTING)
        assert len(str(refused.value)) < 1_000

    def test_what_somebody_stored_packed_is_read_as_it_is_stored_and_never_unpacked(
        self, azurite: Azurite, azure_place: AzurePlace, storage: AzureStorage
    ) -> None:
        packed = gzip.compress(b"x" * 1_000_000)
        settings = ContentSettings(content_encoding="gzip")
        blob(azurite, azure_place, LISTING).upload_blob(packed, content_settings=settings)
        found, kept = storage.get(LISTING), io.BytesIO()
        assert found
        assert (found[0], found[1].size) == (packed, len(packed))
        assert storage.digest(LISTING) == storage.read_into(LISTING, kept) == sha256(packed)
        assert kept.getvalue() == packed


class TestRefusals:
    @pytest.mark.parametrize(
        ("status", "said", "expected"),
        [
            (403, "AuthenticationFailed", "STO011"),
            (403, "AuthorizationPermissionMismatch", "STO006"),
            (403, "AuthorizationFailure", "STO006"),
            (403, "KeyBasedAuthenticationNotPermitted", "STO006"),
            (409, "BlobImmutableDueToPolicy", "STO006"),
            (404, "ContainerNotFound", "STO013"),
            (409, "ContainerBeingDeleted", "STO013"),
            (400, "SomethingNew", "STO008"),
            (404, "", "STO008"),
            (403, "", "STO006"),
        ],
    )
    def test_each_refusal_has_a_code_that_says_what_to_do_and_nothing_of_the_answers_text(
        self, azure_behind: AzureStorage, azure_front: Front, status: int, said: str, expected: str
    ) -> None:
        calls: list[tuple[str, Callable[[], object]]] = [
            ("HEAD", lambda: azure_behind.head(LISTING)),
            ("GET", lambda: azure_behind.get(LISTING)),
            ("GET", lambda: list(azure_behind.list(""))),
            ("PUT", lambda: azure_behind.put_if(LISTING, b"[1]", None)),
            ("PUT", lambda: azure_behind.put_new(ARCHIVE, b"x", sha256(b"x"))),
            ("DELETE", lambda: azure_behind.delete([LISTING])),
        ]
        for method, call in calls:
            azure_front.plan(method, Refused(status, said))
            with pytest.raises(StorageError) as refused:
                call()
            assert refused.value.code.id == expected
            assert f"{status} {said}".strip() == refused.value.found
            assert "SIGNATURE" not in "".join(traceback.format_exception(refused.value))

    def test_a_clock_that_is_off_is_told_from_a_wrong_key(self, azure_behind: AzureStorage, azure_front: Front) -> None:
        then = datetime.now(UTC) + timedelta(hours=2)
        azure_front.plan("HEAD", Refused(403, "AuthenticationFailed", {"Date": format_datetime(then, usegmt=True)}))
        with pytest.raises(StorageError) as refused:
            azure_behind.head(LISTING)
        assert refused.value.code.id == "STO014"
        assert "clock" in refused.value.found

    def test_a_container_that_is_missing_is_no_empty_one(self, azure_place: AzurePlace, large: Path) -> None:
        missing = AzureStorage(replace(azure_place, container="missing"))
        calls: list[Callable[[], object]] = [
            lambda: missing.head(LISTING),
            lambda: missing.get(LISTING),
            lambda: missing.digest(LISTING),
            lambda: missing.relabel(LISTING),
            lambda: list(missing.list("")),
            lambda: missing.put_if(LISTING, b"[1]", None),
            lambda: missing.put_new(ARCHIVE, b"x", sha256(b"x")),
            lambda: missing.put_new(ARCHIVE, large, sha256(large.read_bytes())),
            lambda: missing.delete([LISTING]),
            lambda: missing.delete_if(LISTING, "0x1"),
        ]
        assert {code(call) for call in calls} == {"STO013"}

    def test_an_object_under_a_lease_is_no_lost_swap(
        self, storage: AzureStorage, azurite: Azurite, azure_place: AzurePlace
    ) -> None:
        put = storage.put_if(LISTING, b"[1]", None)
        lease = blob(azurite, azure_place, LISTING).acquire_lease()
        assert code(lambda: storage.put_if(LISTING, b"[2]", put.etag)) == "STO006"
        assert code(lambda: storage.delete_if(LISTING, put.etag)) == "STO006"
        lease.release()
        storage.put_if(LISTING, b"[2]", storage_etag(storage))

    def test_a_storage_that_nobody_answers_for_is_told_with_its_address(
        self, azure_place: AzurePlace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pauses: list[float] = []
        with socket.create_server(("127.0.0.1", 0)) as closed:
            port = closed.getsockname()[1]
        nobody = replace(azure_place, endpoint=f"https://127.0.0.1:{port}/{ACCOUNT}")
        with pytest.raises(StorageError) as refused:
            AzureStorage(nobody, pause=pauses.append).head(LISTING)
        assert refused.value.code.id == "STO016"
        assert refused.value.where == f"{nobody.url}/{LISTING}"
        assert len(pauses) == 2

        def unknown(*_: object, **__: object) -> None:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        monkeypatch.setattr(socket, "getaddrinfo", unknown)
        with pytest.raises(StorageError) as refused:
            AzureStorage(replace(azure_place, endpoint=None), pause=pauses.append).head(LISTING)
        assert refused.value.code.id == "STO016"
        assert "no such storage account" in refused.value.found

    def test_an_account_that_lists_in_an_order_of_its_own_is_refused(
        self, azure_behind: AzureStorage, azure_front: Front
    ) -> None:
        names = "".join(
            f"<Blob><Name>{name}</Name><Properties><Etag>0x1</Etag><Content-Length>1</Content-Length>"
            "<BlobType>BlockBlob</BlobType></Properties></Blob>"
            for name in ("v1/modules/acme/net/aws/versions", "v1/modules/acme/net-work/aws/versions")
        )
        text = f"<?xml version='1.0'?><EnumerationResults><Blobs>{names}</Blobs><NextMarker/></EnumerationResults>"
        azure_front.plan("GET", Refused(200, "", body=text))
        with pytest.raises(StorageError, match="an order of its own"):
            list(azure_behind.list(""))


class TestKeys:
    def test_a_wrong_key_opens_nothing_and_no_key_is_ever_shown(
        self, azure_place: AzurePlace, monkeypatch: pytest.MonkeyPatch, azurite: Azurite
    ) -> None:
        wrong = "d3Jvbmcga2V5IHdyb25nIGtleSB3cm9uZyBrZXkgd3Jvbmcga2V5"
        monkeypatch.setenv(KEY.removeprefix("env:"), wrong)
        storage = AzureStorage(azure_place)
        with pytest.raises(StorageError) as refused:
            storage.head(LISTING)
        assert refused.value.code.id == "STO011"
        shown = "".join(traceback.format_exception(refused.value)) + repr(storage) + repr(vars(storage))
        assert wrong not in shown

    @pytest.mark.parametrize("text", ["not base64 §", "c2VjcmV0c2VjcmV0=secret"])
    def test_text_that_is_no_key_is_refused_without_showing_it(
        self, azure_place: AzurePlace, monkeypatch: pytest.MonkeyPatch, text: str
    ) -> None:
        monkeypatch.setenv(KEY.removeprefix("env:"), text)
        with pytest.raises(StorageError) as refused:
            AzureStorage(azure_place)
        assert refused.value.code.id == "STO011"
        assert text not in "".join(traceback.format_exception(refused.value))

    def test_a_connection_string_opens_its_account(
        self, azure_place: AzurePlace, monkeypatch: pytest.MonkeyPatch, azurite: Azurite
    ) -> None:
        monkeypatch.setenv("CONNECTION", azurite.connection_string)
        place = replace(azure_place, endpoint=None, auth=AzureConnectionString("env:CONNECTION"))
        AzureStorage(place).put_if(LISTING, b"[1]", None)
        assert [each.key for each in AzureStorage(azure_place).list("")] == [LISTING]
        with pytest.raises(StorageError, match="of the account other") as refused:
            AzureStorage(replace(place, account="other"))
        assert azurite.key not in str(refused.value)

    @pytest.mark.parametrize("text", ["AccountKey=topsecret", "topsecret"])
    def test_text_that_is_no_connection_string_is_refused_without_showing_it(
        self, azure_place: AzurePlace, monkeypatch: pytest.MonkeyPatch, text: str
    ) -> None:
        monkeypatch.setenv("CONNECTION", text)
        with pytest.raises(StorageError) as refused:
            AzureStorage(replace(azure_place, auth=AzureConnectionString("env:CONNECTION")))
        assert refused.value.code.id == "STO011"
        assert "topsecret" not in "".join(traceback.format_exception(refused.value))


def storage_etag(storage: AzureStorage) -> str:
    found: Any = storage.head(LISTING)
    return str(found.etag)


class TestManyDeletions:
    @pytest.fixture
    def found(self, storage: AzureStorage, monkeypatch: pytest.MonkeyPatch) -> list[Stored]:
        monkeypatch.setattr("registry_gen.storage.azure._BATCH", 4)
        return [storage.put_if(f"v1/modules/acme/network/aws/1.0.{number}/download", b"x", None) for number in range(7)]

    def test_go_in_few_requests(
        self, azure_behind: AzureStorage, azure_front: Front, storage: AzureStorage, found: list[Stored]
    ) -> None:
        azure_behind.delete([each.key for each in found])
        assert (azure_front.count("POST", "comp=batch"), azure_front.count("DELETE")) == (2, 0)
        assert list(storage.list("")) == []

    def test_keep_what_was_written_anew(
        self, azure_behind: AzureStorage, azure_front: Front, storage: AzureStorage, found: list[Stored]
    ) -> None:
        again = storage.put_if(found[2].key, b"x", found[2].etag)
        storage.delete([found[5].key])
        azure_behind.delete_found(found)
        assert list(storage.list("")) == [again]
        assert azure_front.count("POST", "comp=batch") == 2

    @pytest.mark.parametrize("status", [403, 404, 501])
    def test_go_one_by_one_where_a_request_for_many_is_refused(
        self, azure_behind: AzureStorage, azure_front: Front, found: list[Stored], status: int
    ) -> None:
        azure_front.plan("POST", Refused(status, "NotImplemented"))
        azure_behind.delete([each.key for each in found])
        assert list(azure_behind.list("")) == []

    def test_tell_what_is_refused(self, azure_behind: AzureStorage, azure_front: Front, found: list[Stored]) -> None:
        azure_front.plan("POST", *[Refused(403, "AuthorizationPermissionMismatch")] * 2)
        azure_front.plan("DELETE", *[Refused(403, "AuthorizationPermissionMismatch")] * 9)
        assert code(lambda: azure_behind.delete([each.key for each in found])) == "STO006"

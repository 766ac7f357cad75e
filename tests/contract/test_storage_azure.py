"""What a container of Azure promises beside what every storage does: labels, large objects, bytes of others."""

from __future__ import annotations

import hashlib
import os
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from azure.storage.blob import BlobClient, ContentSettings

from registry_gen import paths
from registry_gen.errors import ConflictError, RegistryError, StorageError
from registry_gen.model.digest import sha256
from registry_gen.storage import azure, azure_blob
from registry_gen.storage.azure import AzureStorage
from registry_gen.storage.azure_blob import BLOCK
from tests.support.azurite import ACCOUNT, Azurite
from tests.support.azurite.front import Front, Lost, Meanwhile, Refused

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from registry_gen.model.places import AzurePlace

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


class TestLabels:
    def test_an_object_has_the_content_type_and_cache_rule_of_its_key_and_keeps_them_when_it_is_swapped(
        self, storage: AzureStorage, azurite: Azurite, azure_place: AzurePlace
    ) -> None:
        storage.put_new(ARCHIVE, b"archive", sha256(b"archive"))
        first = storage.put_if(LISTING, b"[1]", None)
        storage.put_if(LISTING, b"[1,2]", first.etag)
        for key in (ARCHIVE, LISTING):
            has = blob(azurite, azure_place, key).get_blob_properties().content_settings
            assert has.content_type == paths.rule(key).content_type
            assert has.cache_control == paths.rule(key).cache_control

    def test_artifacts_and_documents_lie_in_the_tiers_that_are_configured(
        self, azurite: Azurite, azure_place: AzurePlace, large: Path
    ) -> None:
        storage = AzureStorage(replace(azure_place, artifact_class="Cold", document_class="Cool"))
        other = ARCHIVE.replace("1.0.0", "2.0.0")
        storage.put_new(ARCHIVE, b"archive", sha256(b"archive"))
        storage.put_new(other, large, sha256(large.read_bytes()))
        storage.put_if(LISTING, b"[1]", None)
        tiers = [blob(azurite, azure_place, key).get_blob_properties().blob_tier for key in (ARCHIVE, other, LISTING)]
        assert tiers == ["Cold", "Cold", "Cool"]

    @pytest.mark.parametrize("tier", ["Archive", "Premium"])
    def test_nothing_is_ever_put_where_it_cannot_be_read_at_once(self, azure_place: AzurePlace, tier: str) -> None:
        for place in (replace(azure_place, artifact_class=tier), replace(azure_place, document_class=tier)):
            with pytest.raises(StorageError, match="Hot, Cool or Cold"):
                AzureStorage(place)

    def test_new_labels_leave_bytes_digests_and_tier_alone_and_are_written_only_where_they_differ(
        self, azure_behind: AzureStorage, azure_front: Front, azurite: Azurite, azure_place: AzurePlace
    ) -> None:
        put = azure_behind.put_new(ARCHIVE, b"archive", sha256(b"archive"))
        assert azure_behind.relabel(ARCHIVE) == put
        assert azure_front.count("PUT") == 1
        client = blob(azurite, azure_place, ARCHIVE)
        md5 = client.get_blob_properties().content_settings.content_md5
        client.set_http_headers(ContentSettings(content_type="text/html", content_md5=md5))
        azure_front.plan("PUT", Refused(412, "ConditionNotMet"))
        labelled = azure_behind.relabel(ARCHIVE)
        assert labelled is not None
        assert labelled == azure_behind.head(ARCHIVE)
        assert labelled.content_type == "application/gzip"
        assert labelled.cache_control == paths.rule(ARCHIVE).cache_control
        assert azure_behind.digest(ARCHIVE) == sha256(b"archive")
        assert client.get_blob_properties().content_settings.content_md5 == bytearray(hashlib.md5(b"archive").digest())  # noqa: S324

    def test_a_part_of_a_container_is_a_storage_of_its_own(
        self, azurite: Azurite, azure_place: AzurePlace, storage: AzureStorage
    ) -> None:
        part = AzureStorage(replace(azure_place, prefix="registry/one/"))
        part.put_if(LISTING, b"[1]", None)
        storage.put_if(LEAF, b"{}", None)
        assert [each.key for each in part.list("v1/")] == [LISTING]
        assert [each.key for each in part.list("")] == [LISTING]
        assert blob(azurite, azure_place, f"registry/one/{LISTING}").exists()
        assert part.name == f"az://{ACCOUNT}/{azure_place.container}/registry/one"


class TestLargeObjects:
    def test_a_large_file_goes_in_blocks_and_is_there_whole(
        self, azure_behind: AzureStorage, azure_front: Front, large: Path
    ) -> None:
        digest = sha256(large.read_bytes())
        put = azure_behind.put_new(ARCHIVE, large, digest)
        assert (put.size, put.sha256) == (LARGE, digest)
        assert azure_behind.head(ARCHIVE) == put
        assert azure_behind.digest(ARCHIVE) == digest
        assert azure_behind.get(ARCHIVE) == (large.read_bytes(), put)
        assert (azure_front.count("PUT", "comp=block&"), azure_front.count("PUT", "comp=blocklist")) == (3, 1)

    def test_a_large_file_with_another_digest_never_gets_its_name(
        self, azure_behind: AzureStorage, azure_front: Front, large: Path
    ) -> None:
        assert code(lambda: azure_behind.put_new(ARCHIVE, large, sha256(b"promised"))) == "STO003"
        assert azure_behind.head(ARCHIVE) is None
        assert list(azure_behind.list("")) == []
        assert azure_front.count("PUT", "comp=blocklist") == 0

    def test_a_large_file_that_is_there_is_not_sent_again(
        self, azure_behind: AzureStorage, azure_front: Front, large: Path
    ) -> None:
        digest = sha256(large.read_bytes())
        put = azure_behind.put_new(ARCHIVE, large, digest)
        sent = azure_front.count("PUT")
        assert azure_behind.put_new(ARCHIVE, large, digest) == put
        assert code(lambda: azure_behind.put_new(ARCHIVE, large, sha256(b"promised"))) == "STO003"
        large.write_bytes(b"!" * LARGE)
        assert code(lambda: azure_behind.put_new(ARCHIVE, large, sha256(b"!" * LARGE))) == "STO001"
        assert azure_front.count("PUT") == sent

    def test_of_four_writers_of_large_files_one_wins_and_his_bytes_are_whole(
        self, storage: AzureStorage, tmp_path: Path
    ) -> None:
        files = [tmp_path / f"{number}.zip" for number in range(4)]
        for number, path in enumerate(files):
            path.write_bytes(b"%d" % number * LARGE)

        def put(path: Path) -> str:
            try:
                return storage.put_new(ARCHIVE, path, sha256(path.read_bytes())).sha256 or ""
            except ConflictError as error:
                return error.code.id

        with ThreadPoolExecutor(4) as executor:
            ends = list(executor.map(put, files))
        won = [end for end in ends if end != "STO001"]
        assert won == [storage.digest(ARCHIVE)]

    def test_an_object_that_appears_while_a_large_file_is_sent_stays(
        self, azure_behind: AzureStorage, azure_front: Front, storage: AzureStorage, large: Path
    ) -> None:
        azure_front.plan("HEAD", Meanwhile(lambda: storage.put_new(ARCHIVE, b"first", sha256(b"first"))))
        assert code(lambda: azure_behind.put_new(ARCHIVE, large, sha256(large.read_bytes()))) == "STO001"
        assert storage.digest(ARCHIVE) == sha256(b"first")

    @pytest.mark.parametrize("fault", [Lost(), Lost(500)], ids=["dropped", "500"])
    def test_a_commit_whose_answer_is_lost_is_found_to_have_happened(
        self, azure_behind: AzureStorage, azure_front: Front, large: Path, fault: Lost
    ) -> None:
        digest = sha256(large.read_bytes())
        azure_front.plan("PUT", Lost(), Lost(500), part="comp=block&")
        azure_front.plan("PUT", fault, part="comp=blocklist")
        assert azure_behind.put_new(ARCHIVE, large, digest) == azure_behind.head(ARCHIVE)
        assert azure_behind.digest(ARCHIVE) == digest

    def test_the_memory_that_a_file_takes_does_not_grow_with_it(
        self, storage: AzureStorage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        block = 1 << 20
        monkeypatch.setattr(azure, "BLOCK", block)
        monkeypatch.setattr(azure_blob, "BLOCK", block)
        path = tmp_path / "huge.zip"
        with path.open("wb") as file:
            file.truncate(32 * block)
        digest = sha256(bytes(32 * block))
        tracemalloc.start()
        try:
            storage.put_new(ARCHIVE, path, digest)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < 10 * block
        assert storage.digest(ARCHIVE) == digest


class TestBytesOfOthers:
    def test_only_the_document_that_was_expected_is_deleted(self, storage: AzureStorage) -> None:
        first = storage.put_if(LISTING, b"[1]", None)
        second = storage.put_if(LISTING, b"[1,2]", first.etag)
        with pytest.raises(ConflictError) as refused:
            storage.delete_if(LISTING, first.etag)
        assert (refused.value.code.id, refused.value.found) == ("STO002", second.etag)
        storage.delete_found([first])
        assert storage.head(LISTING) == second
        storage.delete_if(LISTING, second.etag)
        storage.delete_if(LISTING, second.etag)
        assert storage.head(LISTING) is None

    def test_what_metadata_say_of_the_bytes_is_not_believed(
        self, storage: AzureStorage, azurite: Azurite, azure_place: AzurePlace
    ) -> None:
        lie: dict[str, str] = {"sha256": sha256(b"other")}
        blob(azurite, azure_place, ARCHIVE).upload_blob(b"archive", metadata=lie)
        found = storage.head(ARCHIVE)
        assert found is not None
        assert found.sha256 is None
        assert storage.put_new(ARCHIVE, b"archive", sha256(b"archive")) == found
        with pytest.raises(ConflictError) as refused:
            storage.put_new(ARCHIVE, b"other", sha256(b"other"))
        assert sha256(b"archive") in refused.value.found

    def test_a_long_list_comes_in_pages(
        self, azure_behind: AzureStorage, azure_front: Front, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(azure, "_LIST", 2)
        keys = [LEAF.replace("1.0.0", f"1.0.{number}") for number in range(5)]
        for key in keys:
            azure_behind.put_if(key, b"{}", None)
        assert [each.key for each in azure_behind.list("v1/")] == keys
        assert azure_front.count("GET", "comp=list") == 3

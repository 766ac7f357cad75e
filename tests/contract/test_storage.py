"""What every storage promises, whatever its kind; and what a folder promises beside."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from registry_gen import paths
from registry_gen.errors import ConflictError, RegistryError, StorageError
from registry_gen.model.digest import Sha256, sha256
from registry_gen.storage import Put, Stored
from registry_gen.storage.azure import AzureStorage
from registry_gen.storage.durable import sync_file_system
from registry_gen.storage.file import FileStorage
from registry_gen.storage.s3 import S3Storage
from tests.support.fake_gcs import gcs_storage

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry_gen.storage import Storage

LISTING = "v1/modules/acme/network/aws/versions"
LEAF = "v1/modules/acme/network/aws/1.0.0/download"
ARCHIVE = "v1/modules/acme/network/aws/1.0.0/module.tar.gz"
SYNC = "registry_gen.storage.file_batch.sync_file_system"
CLOCK_STEP = timedelta(seconds=1)
"""What a file system's clock may be behind or ahead of the system's own."""


def record(content: bytes) -> str:
    return f"records/{sha256(content)}"


@pytest.fixture(params=["file", "s3", "gcs", "azure"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    kinds: dict[str, Callable[[], Storage]] = {
        "file": lambda: FileStorage(tmp_path / "bucket"),
        "s3": lambda: S3Storage(request.getfixturevalue("s3_place")),
        "gcs": lambda: gcs_storage(request.getfixturevalue("fake_gcs"), prefix="some/folder/"),
        "azure": lambda: AzureStorage(request.getfixturevalue("azure_place")),
    }
    return kinds[str(request.param)]()


class TestAnyStorage:
    def test_what_is_larger_than_any_document_is_not_read_into_memory(
        self, storage: Storage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("registry_gen.storage.file_objects.MOST_READ", 3_000)
        storage.put_if(LEAF, b"x" * 3_000, None)
        storage.put_if(LISTING, b"x" * 3_001, None)
        found = storage.get(LEAF)
        assert found
        assert len(found[0]) == 3_000
        with pytest.raises(StorageError) as refused:
            storage.get(LISTING)
        assert refused.value.code.id == "STO025"
        assert LISTING in refused.value.where
        assert storage.digest(LISTING) == sha256(b"x" * 3_001), "what is streamed may have any size"

    def test_what_was_put_is_read_back(self, storage: Storage) -> None:
        put = storage.put_new(ARCHIVE, b"archive", sha256(b"archive"))
        assert storage.get(ARCHIVE) == (b"archive", put)
        assert storage.head(ARCHIVE) == put
        assert (put.key, put.size) == (ARCHIVE, 7)

    def test_a_file_is_stored_as_its_bytes(self, storage: Storage, tmp_path: Path) -> None:
        body = os.urandom(3_000_000)
        source = tmp_path / "staged.zip"
        source.write_bytes(body)
        put = storage.put_new(ARCHIVE, source, sha256(body))
        assert storage.get(ARCHIVE) == (body, put)
        assert source.read_bytes() == body

    def test_an_object_of_any_size_is_read_into_a_file(self, storage: Storage, tmp_path: Path) -> None:
        body = os.urandom(3_000_000)
        storage.put_new(ARCHIVE, body, sha256(body))
        with (tmp_path / "out").open("x+b") as out:
            assert storage.read_into(ARCHIVE, out) == sha256(body)
        assert (tmp_path / "out").read_bytes() == body
        with (tmp_path / "none").open("x+b") as out:
            assert storage.read_into(LEAF, out) is None

    def test_an_empty_object_is_an_object(self, storage: Storage) -> None:
        storage.put_new(ARCHIVE, b"", sha256(b""))
        found = storage.head(ARCHIVE)
        assert found is not None
        assert found.size == 0

    def test_an_object_tells_when_it_was_written(self, storage: Storage) -> None:
        before = datetime.now(UTC) - CLOCK_STEP
        storage.put_new(ARCHIVE, b"archive", sha256(b"archive"))
        found = storage.head(ARCHIVE)
        assert found is not None
        assert found.modified is not None
        assert before <= found.modified <= datetime.now(UTC) + CLOCK_STEP
        assert [each.modified for each in storage.list("")] == [found.modified]

    def test_a_digest_that_is_told_is_that_of_the_bytes(self, storage: Storage) -> None:
        storage.put_new(ARCHIVE, b"archive", sha256(b"archive"))
        found = [storage.head(ARCHIVE), *storage.list("")]
        assert {each.sha256 for each in found if each} <= {sha256(b"archive"), None}

    def test_new_labels_leave_the_bytes_alone(self, storage: Storage) -> None:
        storage.put_new(ARCHIVE, b"archive", sha256(b"archive"))
        labelled = storage.relabel(ARCHIVE)
        assert labelled is not None
        assert labelled == storage.head(ARCHIVE)
        assert {labelled.content_type, labelled.cache_control} <= {
            None,
            paths.rule(ARCHIVE).content_type,
            paths.rule(ARCHIVE).cache_control,
        }
        assert _body(storage, ARCHIVE) == b"archive"
        assert storage.relabel(LEAF) is None

    def test_nothing_is_found_where_nothing_was_put(self, storage: Storage) -> None:
        assert storage.get(LEAF) is None
        assert storage.head(LEAF) is None
        assert list(storage.list("")) == []
        storage.delete([LEAF])

    def test_the_same_bytes_again_are_success(self, storage: Storage, tmp_path: Path) -> None:
        first = storage.put_new(ARCHIVE, b"archive", sha256(b"archive"))
        source = tmp_path / "again"
        source.write_bytes(b"archive")
        assert storage.put_new(ARCHIVE, b"archive", sha256(b"archive")) == first
        assert storage.put_new(ARCHIVE, source, sha256(b"archive")) == first

    def test_other_bytes_under_an_immutable_key_are_refused_with_both_digests(self, storage: Storage) -> None:
        storage.put_new(ARCHIVE, b"first", sha256(b"first"))
        with pytest.raises(ConflictError) as refused:
            storage.put_new(ARCHIVE, b"second", sha256(b"second"))
        assert refused.value.code.id == "STO001"
        assert sha256(b"first") in refused.value.found
        assert sha256(b"second") in refused.value.expected
        assert _body(storage, ARCHIVE) == b"first"

    @pytest.mark.parametrize("existing", [False, True])
    def test_bytes_with_another_digest_are_refused_and_leave_nothing(self, storage: Storage, existing: bool) -> None:
        if existing:
            storage.put_new(ARCHIVE, b"promised", sha256(b"promised"))
        before = list(storage.list(""))
        with pytest.raises(StorageError) as refused:
            storage.put_new(ARCHIVE, b"delivered", sha256(b"promised"))
        assert refused.value.code.id == "STO003"
        assert list(storage.list("")) == before

    def test_of_sixteen_writers_of_an_immutable_key_one_wins(self, storage: Storage) -> None:
        bodies = [b"writer %d" % number * 1000 for number in range(16)]

        def put(body: bytes) -> Stored | None:
            try:
                return storage.put_new(ARCHIVE, body, sha256(body))
            except ConflictError:
                return None

        with ThreadPoolExecutor(16) as executor:
            winners = [found for found in executor.map(put, bodies) if found]
        assert len(winners) == 1
        found = storage.get(ARCHIVE)
        assert found is not None
        assert found[0] in bodies
        assert found[1] == winners[0]

    def test_sixteen_writers_of_the_same_bytes_all_succeed(self, storage: Storage) -> None:
        def put(_: int) -> Stored:
            return storage.put_new(ARCHIVE, b"same", sha256(b"same"))

        with ThreadPoolExecutor(16) as executor:
            assert len(set(executor.map(put, range(16)))) == 1

    def test_of_sixteen_swaps_from_one_etag_one_wins(self, storage: Storage) -> None:
        base = storage.put_if(LISTING, b"base", None)

        def swap(number: int) -> Stored | None:
            try:
                return storage.put_if(LISTING, b"swap %d" % number, base.etag)
            except ConflictError:
                return None

        with ThreadPoolExecutor(16) as executor:
            winners = [found for found in executor.map(swap, range(16)) if found]
        assert winners == [storage.head(LISTING)]

    def test_a_document_is_swapped_from_etag_to_etag(self, storage: Storage) -> None:
        first = storage.put_if(LISTING, b"[1]", None)
        second = storage.put_if(LISTING, b"[1,2]", first.etag)
        assert first.etag != second.etag
        assert storage.get(LISTING) == (b"[1,2]", second)

    def test_a_stale_swap_is_refused_with_both_etags(self, storage: Storage) -> None:
        first = storage.put_if(LISTING, b"[1]", None)
        second = storage.put_if(LISTING, b"[1,2]", first.etag)
        with pytest.raises(ConflictError) as refused:
            storage.put_if(LISTING, b"[1,3]", first.etag)
        assert refused.value.code.id == "STO002"
        assert (refused.value.expected, refused.value.found) == (first.etag, second.etag)
        assert _body(storage, LISTING) == b"[1,2]"

    def test_a_swap_from_nothing_is_refused_where_something_is(self, storage: Storage) -> None:
        storage.put_if(LISTING, b"[1]", None)
        with pytest.raises(ConflictError) as refused:
            storage.put_if(LISTING, b"[2]", None)
        assert refused.value.code.id == "STO002"

    def test_a_swap_from_something_is_refused_where_nothing_is(self, storage: Storage) -> None:
        gone = storage.put_if(LISTING, b"[1]", None)
        storage.delete([LISTING])
        with pytest.raises(ConflictError) as refused:
            storage.put_if(LISTING, b"[2]", gone.etag)
        assert refused.value.code.id == "STO002"
        assert storage.head(LISTING) is None

    def test_objects_are_listed_in_order_of_keys_whatever_their_folders(self, storage: Storage) -> None:
        keys = [
            ".well-known/terraform.json",
            "v1/modules/acme/net-work/aws/versions",
            "v1/modules/acme/net/aws/1.0.0-rc.1/download",
            "v1/modules/acme/net/aws/1.0.0/download",
            "v1/modules/acme/net/aws/versions",
            "v1/providers/acme/widget/versions",
        ]
        for key in reversed(keys):
            storage.put_if(key, key.encode(), None)
        assert [found.key for found in storage.list("")] == sorted(keys)
        assert [found.key for found in storage.list("v1/modules/acme/net")] == sorted(keys[1:5])
        assert [found.key for found in storage.list("v1/modules/acme/net/")] == sorted(keys[2:5])
        assert [found.key for found in storage.list(keys[4])] == [keys[4]]
        assert list(storage.list(f"{keys[4]}/")) == []
        assert list(storage.list("v1/mirror/")) == []
        assert all(found == storage.head(found.key) for found in storage.list(""))

    def test_many_at_once_end_as_each_would_by_itself(self, storage: Storage) -> None:
        storage.put_new(record(b"there"), b"there", sha256(b"there"))
        before = storage.put_if(LISTING, b"[1]", None)
        stale = sha256(b"[0]")
        other = ARCHIVE.replace("1.0.0", "2.0.0")
        puts = [
            Put(ARCHIVE, b"archive", sha256(b"archive")),
            Put(record(b"there"), b"there", sha256(b"there")),
            Put(other, b"cut", sha256(b"whole")),
            Put(LISTING, b"[1,2]", expected=before.etag),
            Put(LEAF, b"leaf", expected=stale),
            Put(LEAF.replace("1.0.0", "1.1.0"), b"leaf"),
        ]
        results = storage.put_all(puts)
        assert [each.code.id if isinstance(each, RegistryError) else each.key for each in results] == [
            *(ARCHIVE, record(b"there"), "STO003", LISTING, "STO002", LEAF.replace("1.0.0", "1.1.0")),
        ]
        assert all(each == storage.head(each.key) for each in results if not isinstance(each, RegistryError))
        assert _body(storage, LISTING) == b"[1,2]"
        assert storage.head(other) is storage.head(LEAF) is None
        again = storage.put_all([Put(ARCHIVE, b"another", sha256(b"another")), Put(LISTING, b"[3]")])
        assert [each.code.id for each in again if isinstance(each, RegistryError)] == ["STO001", "STO002"]
        assert (_body(storage, ARCHIVE), _body(storage, LISTING)) == (b"archive", b"[1,2]")
        assert storage.put_all([]) == []

    def test_of_eight_writers_of_many_each_object_is_won_by_one(self, storage: Storage) -> None:
        keys = [f"v1/modules/acme/network/aws/1.0.{number}/download" for number in range(50)]

        def write(number: int) -> list[Stored | ConflictError | StorageError]:
            return storage.put_all([Put(key, f"{number}".encode()) for key in keys])

        with ThreadPoolExecutor(8) as executor:
            results = list(executor.map(write, range(8)))
        for at, key in enumerate(keys):
            won = [number for number in range(8) if isinstance(results[number][at], Stored)]
            assert [_body(storage, key)] == [f"{number}".encode() for number in won]

    def test_deleted_objects_are_gone_and_others_stay(self, storage: Storage) -> None:
        storage.put_if(LISTING, b"listing", None)
        storage.put_if(LEAF, b"leaf", None)
        storage.put_new(ARCHIVE, b"archive", sha256(b"archive"))
        storage.delete([LEAF, ARCHIVE, LEAF])
        assert [found.key for found in storage.list("")] == [LISTING]
        storage.put_new(ARCHIVE, b"another", sha256(b"another"))
        assert _body(storage, ARCHIVE) == b"another"

    def test_what_was_found_is_deleted_and_what_was_written_since_stays_though_it_is_the_same(
        self, storage: Storage
    ) -> None:
        storage.put_new(ARCHIVE, b"archive", sha256(b"archive"))
        storage.put_new(record(b"record"), b"record", sha256(b"record"))
        found = list(storage.list(""))
        storage.delete([ARCHIVE])
        storage.put_new(ARCHIVE, b"archive", sha256(b"archive"))
        storage.delete_found(found)
        assert [each.key for each in storage.list("")] == [ARCHIVE]
        now = storage.head(ARCHIVE)
        assert now is not None
        assert now.written not in {None, *(each.written for each in found)}
        storage.delete_found([now, now])
        assert list(storage.list("")) == []

    @pytest.mark.parametrize(
        "key",
        [
            "",
            "/etc/passwd",
            "../outside",
            "v1/modules/../../../versions",
            "v1/modules/acme/./aws/versions",
            "v1/modules/acme//aws/versions",
            "v1/modules/acme/net\0work/aws/versions",
            ".staging/lock",
            "something/else",
        ],
    )
    def test_a_key_that_the_registry_never_makes_is_refused(self, storage: Storage, key: str) -> None:
        calls: list[Callable[[], object]] = [
            lambda: storage.get(key),
            lambda: storage.head(key),
            lambda: storage.put_if(key, b"x", None),
            lambda: storage.put_new(key, b"x", sha256(b"x")),
            lambda: storage.delete([key]),
            lambda: storage.delete_found([Stored(key, "", 0)]),
            lambda: _raised(storage.put_all([Put(key, b"x", sha256(b"x"))])),
            lambda: _raised(storage.put_all([Put(key, b"x")])),
        ]
        for call in calls:
            with pytest.raises(StorageError) as refused:
                call()
            assert refused.value.code.id == "STO004"

    def test_an_immutable_object_is_never_swapped(self, storage: Storage) -> None:
        put = storage.put_new(ARCHIVE, b"archive", sha256(b"archive"))
        with pytest.raises(StorageError) as refused:
            storage.put_if(ARCHIVE, b"other", put.etag)
        assert refused.value.code.id == "STO004"
        with pytest.raises(StorageError) as refused:
            _raised(storage.put_all([Put(ARCHIVE, b"other", expected=put.etag)]))
        assert refused.value.code.id == "STO004"
        assert _body(storage, ARCHIVE) == b"archive"

    def test_readers_see_one_document_or_the_other_never_a_mixture(self, storage: Storage) -> None:
        bodies = {bytes([letter]) * 200_000 for letter in b"ab"}
        before = storage.put_if(LISTING, b"a" * 200_000, None)

        def swap() -> None:
            etag = before.etag
            for letter in b"ba" * 20:
                etag = storage.put_if(LISTING, bytes([letter]) * 200_000, etag).etag

        with ThreadPoolExecutor(1) as executor:
            writing = executor.submit(swap)
            seen = {_body(storage, LISTING)}
            while not writing.done():
                seen.add(_body(storage, LISTING))
            writing.result()
        assert seen <= bodies


class TestFolder:
    def test_its_name_is_a_file_url(self, tmp_path: Path) -> None:
        assert FileStorage(tmp_path / "my bucket").name == f"file://{tmp_path}/my%20bucket"

    def test_the_etag_is_the_digest_so_it_comes_back_with_the_content(self, tmp_path: Path) -> None:
        """Which is why every mutable document carries its package's revision (design section 7)."""
        storage = FileStorage(tmp_path)
        first = storage.put_if(LISTING, b"[1]", None)
        second = storage.put_if(LISTING, b"[1,2]", first.etag)
        third = storage.put_if(LISTING, b"[1]", second.etag)
        assert third.etag == first.etag == sha256(b"[1]")

    def test_web_servers_of_other_users_can_read_what_was_written_under_a_strict_umask(self, tmp_path: Path) -> None:
        before = os.umask(0o077)
        try:
            storage = FileStorage(tmp_path)
            storage.put_new(ARCHIVE, b"archive", sha256(b"archive"))
            storage.put_if(LISTING, b"listing", None)
        finally:
            os.umask(before)
        for key in (ARCHIVE, LISTING):
            assert stat.S_IMODE((tmp_path / key).stat().st_mode) == 0o644
            assert stat.S_IMODE((tmp_path / key).parent.stat().st_mode) == 0o755
        assert stat.S_IMODE((tmp_path / ".staging").stat().st_mode) == 0o700

    def test_nothing_but_the_lock_stays_in_the_staging_folder(self, tmp_path: Path) -> None:
        storage = FileStorage(tmp_path)
        storage.put_new(ARCHIVE, b"archive", sha256(b"archive"))
        storage.put_if(LISTING, b"listing", None)
        with pytest.raises(ConflictError):
            storage.put_if(LISTING, b"other", None)
        with pytest.raises(StorageError):
            storage.put_new(record(b"x"), b"x", Sha256("0" * 64))
        assert [path.name for path in (tmp_path / ".staging").iterdir()] == ["lock"]

    def test_deleting_the_last_object_removes_its_empty_folders(self, tmp_path: Path) -> None:
        storage = FileStorage(tmp_path)
        storage.put_if(LISTING, b"listing", None)
        storage.put_new(ARCHIVE, b"archive", sha256(b"archive"))
        storage.delete([ARCHIVE])
        assert sorted(path.name for path in (tmp_path / LISTING).parent.iterdir()) == ["versions"]
        storage.delete([LISTING])
        assert [path.name for path in tmp_path.iterdir()] == [".staging"]

    def test_nobody_else_may_swap_or_put_between_a_swaps_comparison_and_its_rename(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        storage = FileStorage(tmp_path)
        rename = os.rename
        refused: list[int] = []

        def try_to_lock_and_rename(*args: object, **options: object) -> None:
            for kind in (fcntl.LOCK_EX, fcntl.LOCK_SH):
                with (tmp_path / ".staging" / "lock").open("rb") as lock, pytest.raises(BlockingIOError):
                    fcntl.flock(lock, kind | fcntl.LOCK_NB)
                refused.append(kind)
            rename(*args, **options)  # type: ignore[arg-type]

        monkeypatch.setattr(os, "rename", try_to_lock_and_rename)
        storage.put_if(LISTING, b"listing", None)
        assert refused == [fcntl.LOCK_EX, fcntl.LOCK_SH]

    def test_folders_that_vanish_under_a_writer_are_made_again(self, tmp_path: Path) -> None:
        storage = FileStorage(tmp_path, durable=False)

        def put_and_delete(number: int) -> None:
            key = f"v1/modules/acme/network/aws/1.0.{number}/module.tar.gz"
            for _ in range(30):
                storage.put_new(key, b"archive", sha256(b"archive"))
                storage.delete([key])

        with ThreadPoolExecutor(4) as executor:
            list(executor.map(put_and_delete, range(4)))
        assert list(storage.list("")) == []

    @pytest.mark.parametrize("linked", ["v1", "v1/modules/acme", LISTING])
    def test_a_link_that_leads_out_is_neither_read_nor_written(self, tmp_path: Path, linked: str) -> None:
        outside = tmp_path / "outside"
        inside = outside / LISTING.removeprefix(linked).lstrip("/")
        inside.parent.mkdir(parents=True, exist_ok=True)
        target = outside if linked != LISTING else inside / "secret"
        secret = inside if linked != LISTING else target
        secret.parent.mkdir(parents=True, exist_ok=True)
        secret.write_bytes(b"secret")
        storage = FileStorage(tmp_path / "bucket")
        link = tmp_path / "bucket" / linked
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(target)
        calls: list[Callable[[], object]] = [
            lambda: storage.get(LISTING),
            lambda: storage.put_if(LISTING, b"x", None),
            lambda: storage.put_if(LISTING, b"x", sha256(b"secret")),
            lambda: _raised(storage.put_all([Put(LISTING, b"x")])),
            lambda: _raised(storage.put_all([Put(LISTING, b"x", expected=sha256(b"secret"))])),
        ]
        for call in calls:
            with pytest.raises(StorageError) as refused:
                call()
            assert refused.value.code.id == "STO007"
        assert list(storage.list("")) == []
        assert secret.read_bytes() == b"secret"

    def test_folders_nested_without_end_are_named_before_they_use_up_what_the_system_lets_be_open(
        self, tmp_path: Path
    ) -> None:
        deep = tmp_path / "v1" / "/".join("x" * 100)
        deep.mkdir(parents=True)
        with pytest.raises(StorageError) as refused:
            list(FileStorage(tmp_path).list(""))
        assert refused.value.code.id == "STO007"
        assert refused.value.where.startswith("v1/x/x/")

    def test_what_is_no_file_is_refused_and_not_listed(self, tmp_path: Path) -> None:
        storage = FileStorage(tmp_path)
        (tmp_path / LISTING).mkdir(parents=True)
        (tmp_path / LEAF).parent.mkdir(parents=True)
        os.mkfifo(tmp_path / LEAF)
        for key in (LISTING, LEAF):
            with pytest.raises(StorageError) as refused:
                storage.get(key)
            assert refused.value.code.id == "STO007"
        assert list(storage.list("")) == []

    def test_a_root_that_is_a_file_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "bucket").write_bytes(b"")
        with pytest.raises(StorageError) as refused:
            FileStorage(tmp_path / "bucket")
        assert refused.value.code.id == "STO007"

    def test_a_root_that_vanishes_is_an_error_not_an_empty_storage(self, tmp_path: Path) -> None:
        storage = FileStorage(tmp_path / "bucket")
        storage.put_if(LISTING, b"listing", None)
        (tmp_path / "bucket").rename(tmp_path / "moved")
        calls: list[Callable[[], object]] = [
            lambda: storage.get(LISTING),
            lambda: list(storage.list("")),
            lambda: storage.put_if(LISTING, b"x", None),
        ]
        for call in calls:
            with pytest.raises(StorageError) as refused:
                call()
            assert refused.value.code.id == "STO008"
        assert not (tmp_path / "bucket").exists()

    def test_a_body_that_is_gone_is_an_error_that_names_it(self, tmp_path: Path) -> None:
        storage = FileStorage(tmp_path / "bucket")
        with pytest.raises(StorageError) as refused:
            storage.put_new(ARCHIVE, tmp_path / "missing.zip", sha256(b""))
        assert "missing.zip" in str(refused.value)

    @pytest.mark.parametrize(
        ("number", "code"),
        [("ENOSPC", "STO005"), ("EDQUOT", "STO005"), ("EROFS", "STO006"), ("EACCES", "STO006"), ("EIO", "STO008")],
    )
    def test_a_write_that_fails_is_named_and_leaves_nothing(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: str, code: str
    ) -> None:
        storage = FileStorage(tmp_path)
        before = storage.put_if(LISTING, b"before", None)

        def fail(*_: object) -> int:
            raise OSError(getattr(errno, number), os.strerror(getattr(errno, number)))

        monkeypatch.setattr(os, "write", fail)
        calls: list[Callable[[], object]] = [
            lambda: storage.put_new(ARCHIVE, b"archive", sha256(b"archive")),
            lambda: storage.put_if(LISTING, b"after", before.etag),
        ]
        for call in calls:
            with pytest.raises(StorageError) as refused:
                call()
            assert refused.value.code.id == code
        assert list(storage.list("")) == [before]
        assert [path.name for path in (tmp_path / ".staging").iterdir()] == ["lock"]

    def test_a_full_file_system_in_the_middle_of_an_archive_leaves_nothing(self, tmp_path: Path) -> None:
        source = tmp_path / "archive"
        source.write_bytes(bytes(3_000_000))
        program = f"""
import resource
from pathlib import Path
from registry_gen.errors import StorageError
from registry_gen.model.digest import sha256
from registry_gen.storage.file import FileStorage
resource.setrlimit(resource.RLIMIT_FSIZE, (1_500_000, 1_500_000))
storage = FileStorage(Path({str(tmp_path / "bucket")!r}))
try:
    storage.put_new({ARCHIVE!r}, Path({str(source)!r}), sha256(bytes(3_000_000)))
except StorageError as error:
    print(error.code)
"""
        assert _python(program).stdout == "STO005\n"
        assert list(FileStorage(tmp_path / "bucket").list("")) == []

    @pytest.mark.parametrize("moment", ["write", "link", "rename"])
    def test_a_killed_writer_leaves_nothing_that_is_seen_and_its_leftover_is_removed(
        self, tmp_path: Path, moment: str
    ) -> None:
        """The process dies right before it writes, links or renames; the next to write cleans up."""
        program = f"""
import os, signal
from pathlib import Path
from registry_gen.model.digest import sha256
from registry_gen.storage.file import FileStorage
storage = FileStorage(Path({str(tmp_path)!r}))
def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)
os.{moment} = die
if {moment == "link"}:
    storage.put_new({ARCHIVE!r}, b"archive", sha256(b"archive"))
else:
    storage.put_if({LISTING!r}, b"x", None)
"""
        assert _python(program).returncode == -signal.SIGKILL
        left = {path.name for path in (tmp_path / ".staging").iterdir()} - {"lock"}
        assert len(left) == 1
        storage = FileStorage(tmp_path)
        assert list(storage.list("")) == []
        storage.put_new(ARCHIVE, b"archive", sha256(b"archive"))
        assert {path.name for path in (tmp_path / ".staging").iterdir()} == {"lock"}
        storage.put_if(LISTING, b"listing", None)

    @pytest.mark.parametrize("moment", ["write", "link", "rename", "rmdir"])
    def test_a_writer_of_many_that_is_killed_leaves_whole_objects_and_its_leftovers_are_removed(
        self, tmp_path: Path, moment: str
    ) -> None:
        """The process dies right before it does so for the second time, or removes what it has staged."""
        program = f"""
import os, signal
from pathlib import Path
from registry_gen.model.digest import sha256
from registry_gen.storage import Put
from registry_gen.storage.file import FileStorage
storage = FileStorage(Path({str(tmp_path)!r}))
keys = [f"v1/modules/acme/network/aws/1.0.{{number}}/download" for number in range(4)]
storage.put_all([Put(key, b"before") for key in keys[:2]])
own, calls = os.{moment}, []
def die(*arguments, **options):
    calls.append(1)
    if len(calls) == {1 if moment == "rmdir" else 2}:
        os.kill(os.getpid(), signal.SIGKILL)
    return own(*arguments, **options)
os.{moment} = die
swaps = [Put(key, b"after!", expected=sha256(b"before")) for key in keys[:2]]
storage.put_all([*swaps, *(Put(key, b"after!") for key in keys[2:])])
"""
        assert _python(program).returncode == -signal.SIGKILL
        assert len({path.name for path in (tmp_path / ".staging").iterdir()} - {"lock"}) == 1
        storage = FileStorage(tmp_path)
        bodies = [(tmp_path / found.key).read_bytes() for found in storage.list("")]
        assert set(bodies) <= {b"before", b"after!"}
        assert bodies.count(b"after!") == {"write": 0, "link": 3, "rename": 1, "rmdir": 4}[moment]
        storage.put_new(ARCHIVE, b"archive", sha256(b"archive"))
        assert {path.name for path in (tmp_path / ".staging").iterdir()} == {"lock"}

    def test_many_are_durable_before_the_first_has_a_name_and_all_names_before_it_returns(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        steps: list[str] = []
        link, write = os.link, os.write

        def noted(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
            def noting(*arguments: object, **options: object) -> object:
                steps.append(name)
                return call(*arguments, **options)

            return noting

        storage = FileStorage(tmp_path)
        monkeypatch.setattr(SYNC, noted("sync", sync_file_system))
        monkeypatch.setattr(os, "link", noted("link", link))
        monkeypatch.setattr(os, "write", noted("write", write))
        puts = [Put(LEAF, b"leaf"), Put(ARCHIVE, b"archive", sha256(b"archive"))]
        storage.put_all(puts)
        assert steps == ["write", "write", "sync", "link", "link", "sync"]
        steps.clear()
        FileStorage(tmp_path / "other", durable=False).put_all(puts)
        assert "sync" not in steps

    def test_a_disk_that_fails_to_take_many_has_them_all_reported(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(_folder: int) -> None:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

        storage = FileStorage(tmp_path)
        monkeypatch.setattr(SYNC, fail)
        results = storage.put_all([Put(LEAF, b"leaf"), Put(LISTING, b"[1]")])
        assert [each.code.id for each in results if isinstance(each, StorageError)] == ["STO008", "STO008"]
        assert list(storage.list("")) == []
        assert list((tmp_path / ".staging").iterdir()) == []

    def test_cleaning_up_leaves_the_work_of_a_living_writer_alone(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        storage = FileStorage(tmp_path)
        link = os.link

        def let_another_write_and_link(*args: object, **options: object) -> None:
            monkeypatch.setattr(os, "link", link)
            FileStorage(tmp_path).put_new(record(b"other"), b"other", sha256(b"other"))
            link(*args, **options)  # type: ignore[arg-type]

        monkeypatch.setattr(os, "link", let_another_write_and_link)
        storage.put_new(ARCHIVE, b"archive", sha256(b"archive"))
        assert _body(storage, record(b"other")) == b"other"
        assert _body(storage, ARCHIVE) == b"archive"

    def test_a_staged_file_that_was_cleaned_away_before_it_was_locked_is_made_again(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        storage = FileStorage(tmp_path)
        flock = fcntl.flock
        cleaned: list[Path] = []

        def clean_and_lock(file: int, kind: int) -> None:
            if not cleaned:
                cleaned.extend((tmp_path / ".staging").iterdir())
                FileStorage(tmp_path).delete([LEAF])  # takes the file that nobody has locked yet for a leftover
            flock(file, kind)

        monkeypatch.setattr(fcntl, "flock", clean_and_lock)
        storage.put_new(ARCHIVE, b"archive", sha256(b"archive"))
        assert len(cleaned) == 1
        assert not cleaned[0].exists()
        assert _body(storage, ARCHIVE) == b"archive"

    def test_bytes_are_durable_before_they_have_a_name_and_the_name_before_the_put_returns(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        storage = FileStorage(tmp_path)
        storage.put_if(LISTING, b"folders exist now", None)
        steps: list[str] = []
        fsync, link = os.fsync, os.link

        def recorded_fsync(file: int) -> None:
            steps.append("sync folder" if stat.S_ISDIR(os.fstat(file).st_mode) else "sync file")
            fsync(file)

        def recorded_link(*args: object, **options: object) -> None:
            steps.append("link")
            link(*args, **options)  # type: ignore[arg-type]

        monkeypatch.setattr(os, "fsync", recorded_fsync)
        monkeypatch.setattr(os, "link", recorded_link)
        storage.put_new("v1/modules/acme/network/aws/2.0.0/module.tar.gz", b"x", sha256(b"x"))
        assert steps == ["sync file", "sync folder", "link", "sync folder"]

    def test_a_storage_that_need_not_be_durable_never_syncs(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def never(_: int) -> None:
            raise AssertionError("fsync")

        monkeypatch.setattr(os, "fsync", never)
        storage = FileStorage(tmp_path, durable=False)
        storage.put_new(ARCHIVE, b"archive", sha256(b"archive"))
        storage.put_if(LISTING, b"listing", None)
        storage.delete([LISTING])

    def test_an_unexpected_failure_of_removing_folders_is_reported(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        storage = FileStorage(tmp_path)
        storage.put_if(LISTING, b"listing", None)

        def fail(*_: object, **__: object) -> None:
            raise PermissionError(1, "Operation not permitted")

        monkeypatch.setattr(os, "rmdir", fail)
        with pytest.raises(RegistryError) as refused:
            storage.delete([LISTING])
        assert refused.value.code.id == "STO006"


def _body(storage: Storage, key: str) -> bytes:
    found = storage.get(key)
    assert found is not None
    return found[0]


def _python(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=Path(__file__).parents[2],
    )


def test_the_digest_of_what_is_stored_is_that_of_its_bytes(storage: Storage) -> None:
    key = paths.record(sha256(b"record"))
    assert storage.digest(key) is None
    storage.put_new(key, b"record", sha256(b"record"))
    assert storage.digest(key) == sha256(b"record")


def _raised(results: list[Stored | ConflictError | StorageError]) -> None:
    for result in results:
        if isinstance(result, RegistryError):
            raise result

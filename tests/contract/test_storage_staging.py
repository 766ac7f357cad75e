"""A folder as storage, where somebody else can write into it: what stands in ``.staging`` leads nowhere."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from registry_gen.errors import ConflictError, RegistryError, StorageError
from registry_gen.model.digest import sha256
from registry_gen.storage import Put, Stored
from registry_gen.storage.file import FileStorage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from registry_gen.storage import Storage

LISTING = "v1/modules/acme/network/aws/versions"
LEAF = "v1/modules/acme/network/aws/1.0.0/download"
ARCHIVE = "v1/modules/acme/network/aws/1.0.0/module.tar.gz"
OTHER = "v1/modules/acme/network/aws/2.0.0/module.tar.gz"
LEFTOVER = "0123456789abcdef" * 2
"""A name as staged files have."""

WRITES: Mapping[str, Callable[[Storage], object]] = {
    "put_new": lambda storage: storage.put_new(OTHER, b"archive", sha256(b"archive")),
    "put_if": lambda storage: storage.put_if(LISTING, b"[2]", sha256(b"[1]")),
    "put_all": lambda storage: _raised(storage.put_all([Put(OTHER, b"archive", sha256(b"archive"))])),
    "delete_if": lambda storage: storage.delete_if(LISTING, sha256(b"[1]")),
    "delete": lambda storage: storage.delete([LISTING]),
    "delete_found": lambda storage: storage.delete_found([Stored(LISTING, "", 0)]),
}
READS: Mapping[str, Callable[[Storage], object]] = {
    "get": lambda storage: storage.get(LISTING),
    "head": lambda storage: storage.head(ARCHIVE),
    "digest": lambda storage: storage.digest(ARCHIVE),
    "list": lambda storage: list(storage.list("")),
    "relabel": lambda storage: storage.relabel(ARCHIVE),
}
PLANTED: Mapping[str, Callable[[Path, Path], None]] = {
    "link": lambda path, outside: path.symlink_to(outside),
    "link_to_nothing": lambda path, outside: path.symlink_to(outside / "nothing"),
    "link_to_a_file": lambda path, outside: path.symlink_to(outside / LEFTOVER),
    "pipe": lambda path, _: os.mkfifo(path),
}


@pytest.fixture
def bucket(tmp_path: Path) -> Path:
    """A storage's folder with two objects in it, and no staging folder."""
    storage = FileStorage(tmp_path / "bucket")
    storage.put_if(LISTING, b"[1]", None)
    storage.put_new(ARCHIVE, b"archive", sha256(b"archive"))
    (tmp_path / "bucket/.staging/lock").unlink()
    (tmp_path / "bucket/.staging").rmdir()
    return tmp_path / "bucket"


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """Somebody's folder elsewhere, whose files have names like those of staged ones and others."""
    folder = tmp_path / "outside"
    folder.mkdir()
    for name in (LEFTOVER, "keys.txt", "lock"):
        (folder / name).write_text(name)
    return folder


class TestWhatStandsAtStaging:
    @pytest.mark.parametrize("planted", [*PLANTED, "file"])
    @pytest.mark.parametrize("write", WRITES)
    def test_a_writer_refuses_what_is_no_folder_and_says_what_to_do(
        self, bucket: Path, outside: Path, planted: str, write: str
    ) -> None:
        _plant(bucket / ".staging", outside, planted)
        before, kept = _tree(bucket), _tree(outside)
        storage = FileStorage(bucket)
        with pytest.raises(StorageError) as refused:
            WRITES[write](storage)
        assert refused.value.code.id == "STO009"
        assert refused.value.where == f"{storage.name}/.staging"
        assert refused.value.found == {"pipe": "a special file", "file": "a file"}.get(planted, "a symbolic link")
        assert "delete" in refused.value.hint
        assert (_tree(bucket), _tree(outside)) == (before, kept)

    @pytest.mark.parametrize("planted", [*PLANTED, "file"])
    def test_a_reader_does_not_look_at_it(self, bucket: Path, outside: Path, planted: str) -> None:
        _plant(bucket / ".staging", outside, planted)
        before, kept = _tree(bucket), _tree(outside)
        storage = FileStorage(bucket)
        assert [found.key for found in storage.list("")] == [ARCHIVE, LISTING]
        assert all(read(storage) for read in READS.values())
        assert (_tree(bucket), _tree(outside)) == (before, kept)

    @pytest.mark.parametrize("planted", [*PLANTED, "folder"])
    @pytest.mark.parametrize("write", WRITES)
    def test_a_lock_that_is_no_file_is_refused(self, bucket: Path, outside: Path, planted: str, write: str) -> None:
        (bucket / ".staging").mkdir()
        _plant(bucket / ".staging/lock", outside, planted)
        before, kept = _tree(bucket), _tree(outside)
        storage = FileStorage(bucket)
        with pytest.raises(StorageError) as refused:
            WRITES[write](storage)
        assert refused.value.code.id == "STO009"
        assert refused.value.where == f"{storage.name}/.staging/lock"
        assert (_tree(bucket), _tree(outside)) == (before, kept)

    @pytest.mark.parametrize(("step", "write"), [("link", "put_new"), ("rename", "put_if")])
    def test_a_link_put_there_in_the_middle_of_a_write_leads_nowhere(
        self, bucket: Path, outside: Path, monkeypatch: pytest.MonkeyPatch, step: str, write: str
    ) -> None:
        storage = FileStorage(bucket)
        kept = _tree(outside)
        own = getattr(os, step)

        def replace_and_go_on(*args: object, **options: object) -> None:
            monkeypatch.setattr(os, step, own)
            (bucket / ".staging").rename(bucket / "moved")
            (bucket / ".staging").symlink_to(outside)
            own(*args, **options)

        monkeypatch.setattr(os, step, replace_and_go_on)
        WRITES[write](storage)
        assert storage.digest(OTHER if write == "put_new" else LISTING) in {sha256(b"archive"), sha256(b"[2]")}
        assert _tree(outside) == kept
        assert [path.name for path in (bucket / "moved").iterdir()] == ["lock"]

    def test_no_descriptor_stays_open_whether_it_goes_well_or_not(self, bucket: Path, outside: Path) -> None:
        before = _open_descriptors()
        storage = FileStorage(bucket)
        for write in WRITES.values():
            with suppress(ConflictError):
                write(storage)
        staging = bucket / ".staging"
        for path in (staging / "lock", staging):
            storage.delete([OTHER])
            path.rename(bucket / f"moved {path.name}")
            path.symlink_to(outside)
            for write in WRITES.values():
                with pytest.raises(StorageError):
                    write(storage)
            path.unlink()
        assert _open_descriptors() == before


class TestLeftovers:
    @pytest.mark.parametrize("write", WRITES)
    def test_the_first_write_removes_what_killed_writers_left_and_nothing_else(
        self, bucket: Path, outside: Path, write: str
    ) -> None:
        staging = bucket / ".staging"
        staging.mkdir()
        names = [f"{number:032x}" for number in range(4)]
        (staging / names[0]).write_bytes(b"left")
        (staging / names[1]).symlink_to(outside / LEFTOVER)
        (staging / names[2]).mkdir()
        os.mkfifo(staging / names[3])
        for name in ("notes", LEFTOVER[1:], f"{LEFTOVER}0", f"{LEFTOVER[1:]}\n", LEFTOVER.upper()):
            (staging / name).write_bytes(b"")
        before, kept = _names(staging), _tree(outside)
        result = _python(bucket, f"tests.contract.test_storage_staging.WRITES[{write!r}](storage)")
        assert result.returncode == 0, result.stderr
        assert _names(staging) - {"lock"} == before - {names[0]}
        assert _tree(outside) == kept

    def test_a_pipe_named_like_one_holds_nobody_up(self, bucket: Path) -> None:
        (bucket / ".staging").mkdir()
        os.mkfifo(bucket / ".staging" / LEFTOVER)
        result = _python(bucket, "storage.put_if('v1/modules/acme/dns/aws/versions', b'[]', None)")
        assert result.returncode == 0, result.stderr
        assert _names(bucket / ".staging") == {"lock", LEFTOVER}

    def test_only_the_first_write_looks_for_them(self, bucket: Path) -> None:
        storage = FileStorage(bucket)
        storage.put_if(LISTING, b"[2]", sha256(b"[1]"))
        (bucket / ".staging" / LEFTOVER).write_bytes(b"left")
        storage.put_new(OTHER, b"archive", sha256(b"archive"))
        assert _names(bucket / ".staging") == {"lock", LEFTOVER}
        FileStorage(bucket).delete([OTHER])
        assert _names(bucket / ".staging") == {"lock"}


class TestReading:
    def test_whoever_only_reads_makes_nothing_and_removes_nothing(self, bucket: Path) -> None:
        before = _tree(bucket)
        storage = FileStorage(bucket)
        assert all(read(storage) for read in READS.values())
        assert _tree(bucket) == before
        (bucket / ".staging").mkdir()
        (bucket / ".staging" / LEFTOVER).write_bytes(b"left")
        before = _tree(bucket)
        storage = FileStorage(bucket)
        assert all(read(storage) for read in READS.values())
        assert _tree(bucket) == before

    def test_a_folder_that_nobody_wrote_to_yet_is_an_empty_storage(self, tmp_path: Path) -> None:
        storage = FileStorage(tmp_path / "deep/bucket")
        assert not any(read(storage) for read in READS.values())
        assert list(tmp_path.iterdir()) == []
        storage.put_new(ARCHIVE, b"archive", sha256(b"archive"))
        assert storage.digest(ARCHIVE) == sha256(b"archive")

    def test_a_folder_that_another_writer_made_meanwhile_may_not_vanish_again(self, tmp_path: Path) -> None:
        storage = FileStorage(tmp_path / "bucket")
        FileStorage(tmp_path / "bucket").put_if(LISTING, b"[1]", None)
        assert storage.digest(LISTING) == sha256(b"[1]")
        (tmp_path / "bucket").rename(tmp_path / "moved")
        for call in (*READS.values(), *WRITES.values()):
            with pytest.raises(StorageError) as refused:
                call(storage)
            assert refused.value.code.id == "STO008"

    def test_a_folder_that_vanishes_while_its_neighbours_are_listed_is_left_out(self, bucket: Path) -> None:
        storage = FileStorage(bucket)
        storage.put_new(OTHER, b"archive", sha256(b"archive"))
        found = storage.list("")
        assert next(found).key == ARCHIVE
        (bucket / OTHER).unlink()
        (bucket / OTHER).parent.rmdir()
        assert [each.key for each in found] == [LISTING]

    def test_what_takes_the_place_of_a_file_while_its_neighbours_are_listed_is_named(self, bucket: Path) -> None:
        found = FileStorage(bucket).list("")
        assert next(found).key == ARCHIVE
        (bucket / LISTING).unlink()
        (bucket / LISTING).symlink_to(bucket / ARCHIVE)
        with pytest.raises(StorageError) as refused:
            next(found)
        assert (refused.value.code.id, refused.value.where) == ("STO007", f"{bucket.as_uri()}/{LISTING}")

    def test_a_link_to_a_folder_that_is_not_there_is_no_empty_storage(self, tmp_path: Path) -> None:
        (tmp_path / "bucket").symlink_to(tmp_path / "not mounted")
        with pytest.raises(StorageError) as refused:
            FileStorage(tmp_path / "bucket")
        assert refused.value.code.id == "STO008"
        assert [path.name for path in tmp_path.iterdir()] == ["bucket"]


def _raised(results: list[Stored | ConflictError | StorageError]) -> None:
    for result in results:
        if isinstance(result, RegistryError):
            raise result


def _plant(path: Path, outside: Path, planted: str) -> None:
    if planted in PLANTED:
        PLANTED[planted](path, outside)
    elif planted == "folder":
        path.mkdir()
    else:
        path.write_bytes(b"")


def _open_descriptors() -> int:
    return len(list(Path("/dev/fd").iterdir()))


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def _tree(folder: Path) -> dict[str, bytes | None]:
    """Every name below a folder, with the content of what is a file."""
    found = folder.rglob("*")
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() and not path.is_symlink() else None
        for path in found
    }


def _python(bucket: Path, program: str) -> subprocess.CompletedProcess[str]:
    """Run a line in a process of its own, which is ended where it hangs; ``storage`` is that of the folder."""
    before = "from pathlib import Path; import tests.contract.test_storage_staging; "
    opened = f"storage = tests.contract.test_storage_staging.FileStorage(Path({str(bucket)!r})); "
    return subprocess.run(
        [sys.executable, "-c", before + opened + program],
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
        cwd=Path(__file__).parents[2],
    )


def test_a_folder_that_another_thread_makes_in_between_is_not_called_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = FileStorage(tmp_path / "bucket")

    def made_in_between(root: Path) -> int:
        storage._found = True
        raise FileNotFoundError(root)

    monkeypatch.setattr("registry_gen.storage.file.open_root", made_in_between)
    assert storage.head("records/" + "0" * 64) is None

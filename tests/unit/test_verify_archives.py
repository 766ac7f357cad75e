"""Module archives: what teams make passes, links and devices and tricks of tar do not."""

from __future__ import annotations

import bz2
import gzip
import io
import tarfile
import tracemalloc
from typing import TYPE_CHECKING

import pytest

from registry_gen.errors import RefusalError
from registry_gen.model.tree import TreeFile
from registry_gen.verify.archives import read_archive
from tests.support import hostile_archives
from tests.support.hostile_archives import (
    EXECUTABLE,
    HONEST_ZIPS,
    HOSTILE_TARS,
    HOSTILE_ZIPS,
    SYMLINK,
    Member,
    entry,
    make_tar,
    make_zip,
    pax,
)

if TYPE_CHECKING:
    from collections.abc import Callable


def read(data: bytes, filename: str = "module.tar.gz") -> list[TreeFile]:
    files = read_archive(io.BytesIO(data), filename, max_bytes=100_000_000, max_files=1_000, where="acme/network/aws")
    return list(files)


def read_tar(tar: bytes, filename: str = "module.tar.gz") -> list[TreeFile]:
    return read(gzip.compress(tar, mtime=0), filename)


def refusal(run: Callable[[], object]) -> RefusalError:
    with pytest.raises(RefusalError) as caught:
        run()
    return caught.value


@pytest.mark.parametrize("format_", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("filename", ["module.tar.gz", "module-1.0.0.tgz"])
def test_every_dialect_of_tar_gives_the_same_files(format_: int, filename: str) -> None:
    long = "/".join(["modules"] * 20) + "/main.tf"
    tar = make_tar(
        (entry(".", tarfile.DIRTYPE), b""),
        (entry("./main.tf"), b"terraform {}\n"),
        (entry("modules/", tarfile.DIRTYPE), b""),
        (entry(long), b"x" * 512),
        (entry("install.sh", mode=0o755), b"#!/bin/sh\n"),
        (entry("link.tf", tarfile.SYMTYPE, "main.tf"), b""),
        format_=format_,
    )
    assert read_tar(tar, filename) == [
        TreeFile("main.tf", "file", b"terraform {}\n"),
        TreeFile(long, "file", b"x" * 512),
        TreeFile("install.sh", "executable", b"#!/bin/sh\n"),
        TreeFile("link.tf", "symlink", b"main.tf"),
    ]


@pytest.mark.parametrize("format_", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_a_link_with_a_long_target_is_read_whole(format_: int) -> None:
    target = "../" * 60 + "main.tf"
    (file,) = read_tar(make_tar((entry("a", tarfile.SYMTYPE, target), b""), format_=format_))
    assert file.data.decode() == target


def test_the_comment_that_git_archive_writes_is_let_go() -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT, pax_headers={"comment": "0" * 40}) as tar:
        tar.addfile(entry("main.tf"))
    assert [file.path for file in read_tar(out.getvalue())] == ["main.tf"]


def test_owners_times_and_attributes_in_pax_headers_are_let_go() -> None:
    records = {"mtime": "1.5", "SCHILY.xattr.user.x": "y", "uname": "jürgen", "size": "1"}
    assert read_tar(pax(records)) == [TreeFile("main.tf", "file", b"x")]


def test_a_shared_top_folder_stays() -> None:
    (file,) = read_tar(make_tar((entry("network-1.0.0/main.tf"), b"x")))
    assert file.path == "network-1.0.0/main.tf"


def test_two_gzip_members_are_one_stream_as_for_clients() -> None:
    tar = make_tar((entry("main.tf"), b"x"))
    assert read(gzip.compress(tar[:512]) + gzip.compress(tar[512:])) == [TreeFile("main.tf", "file", b"x")]


@pytest.mark.parametrize("name", HOSTILE_TARS)
def test_hostile_tars_are_refused_with_their_code(name: str) -> None:
    tar, code = HOSTILE_TARS[name]
    refused = refusal(lambda: read_tar(tar))
    assert refused.code.id == code
    assert str(refused).startswith("acme/network/aws: module.tar.gz: ")


def test_a_gzip_bomb_is_refused_in_little_memory() -> None:
    bomb = hostile_archives.gzip_bomb()
    tracemalloc.start()
    try:
        refused = refusal(lambda: read(bomb))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert refused.code.id == "ARC011"
    assert peak < 50_000_000


def test_padding_without_end_is_a_bomb_too() -> None:
    tar = make_tar((entry("main.tf"), b"x")) + bytes(30_000_000)
    assert refusal(lambda: read_tar(tar)).code.id == "ARC011"


@pytest.mark.parametrize("cut", [1, 5, 9, 30])
def test_gzip_that_is_cut_short_is_refused(cut: int) -> None:
    data = gzip.compress(make_tar((entry("main.tf"), b"x")))
    assert refusal(lambda: read(data[:-cut])).code.id == "ARC001"


def test_gzip_with_a_wrong_checksum_is_refused() -> None:
    data = bytearray(gzip.compress(make_tar((entry("main.tf"), b"x"))))
    data[-6] ^= 1
    assert refusal(lambda: read(bytes(data))).code.id == "ARC001"


def test_bytes_behind_the_gzip_data_are_refused() -> None:
    data = gzip.compress(make_tar((entry("main.tf"), b"x")))
    assert refusal(lambda: read(data + b"hidden")).code.id == "ARC001"


@pytest.mark.parametrize("data", [b"", b"<html>", bz2.compress(b"x")])
def test_what_is_not_gzip_is_refused(data: bytes) -> None:
    assert refusal(lambda: read(data)).code.id == "ARC001"


def test_a_disk_that_fails_is_no_fault_of_the_archive() -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise OSError(5, "Input/output error")

    with pytest.raises(OSError, match="Input/output error"):
        list(read_archive(Broken(b"x"), "m.tgz", max_bytes=1, max_files=1, where="x"))


@pytest.mark.parametrize("filename", ["module.tar", "module.tar.xz", "module.rar", "tgz"])
def test_other_kinds_of_archives_are_refused_by_name(filename: str) -> None:
    refused = refusal(lambda: read(b"", filename))
    assert refused.code.id == "ARC001"
    assert ".tar.gz, .tgz or .zip" in str(refused)


def test_a_zip_gives_files_links_and_modes_and_no_folders() -> None:
    data = make_zip(
        [
            Member(b"modules/", method=0, mode=0o040755),
            Member(b"modules/main.tf", b"x" * 1_000),
            Member(b"run.sh", b"#!", mode=EXECUTABLE),
            Member(b"link", b"run.sh", method=0, mode=SYMLINK),
        ]
    )
    assert read(data, "module.zip") == [
        TreeFile("modules/main.tf", "file", b"x" * 1_000),
        TreeFile("run.sh", "executable", b"#!"),
        TreeFile("link", "symlink", b"run.sh"),
    ]


@pytest.mark.parametrize("name", HONEST_ZIPS)
def test_honest_zips_are_read(name: str) -> None:
    assert read(HONEST_ZIPS[name], "module.zip")


# Links, folders and an empty list are judged by check_tree, which sees the whole.
@pytest.mark.parametrize(
    "name",
    [name for name, (_, code) in HOSTILE_ZIPS.items() if code not in {"ARC007", "ARC023"} and "link" not in name],
)
def test_hostile_zips_are_refused_as_modules_too(name: str) -> None:
    data, code = HOSTILE_ZIPS[name]
    assert refusal(lambda: read(data, "module.zip")).code.id == code

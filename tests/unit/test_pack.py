"""Module archives: one tree, one tar, on every machine and interpreter."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import subprocess
import sys
import tarfile
import zlib
from pathlib import Path

import pytest

from registry_gen.model.digest import dirhash, sha256
from registry_gen.model.tree import TreeFile
from registry_gen.pack.tar import MTIME, pack_module
from registry_gen.verify.archives import read_archive
from registry_gen.verify.tree import check_tree

LONG = "/".join(["modules"] * 20) + "/main.tf"
EXACT = "a" * 100
TREE = (
    TreeFile("README.md", "file", b"# network\n"),
    TreeFile(EXACT, "file", b""),
    TreeFile("install.sh", "executable", b"#!/bin/sh\n"),
    TreeFile("main.tf", "file", b"x" * 512),
    TreeFile(LONG, "file", b"y" * 513),
    TreeFile("naïve.tf", "file", b"z"),
)

GOLDEN_TAR = "0f4053bacb38ca6baaeb917e8d2143741ec3b8d56e6e4f2d3e39ccb23173fe5e"
"""SHA-256 of the uncompressed tar of TREE. It must never change: published archives would no longer be ours."""

GOLDEN_H1 = "h1:HxpCifv4tjwrHbXsiQ9M5LbDvkci92nZvq6mCddJcCo="


def packed(files: tuple[TreeFile, ...] = TREE) -> bytes:
    out = io.BytesIO()
    pack_module(files, out)
    return out.getvalue()


def test_the_tar_is_the_same_for_good() -> None:
    tar = gzip.decompress(packed())
    assert hashlib.sha256(tar).hexdigest() == GOLDEN_TAR


def test_the_result_tells_digest_size_and_h1_of_what_was_written() -> None:
    out = io.BytesIO()
    result = pack_module(TREE, out)
    assert result.sha256 == sha256(out.getvalue())
    assert result.size == len(out.getvalue())
    assert result.tree == GOLDEN_H1 == dirhash((file.path, sha256(file.data)) for file in TREE)


@pytest.mark.parametrize("seed", ["0", "1", "12345"])
def test_a_fresh_interpreter_makes_the_same_bytes(seed: str) -> None:
    script = "from tests.unit.test_pack import *; print(hashlib.sha256(packed()).hexdigest())"
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONHASHSEED": seed, "TZ": "Pacific/Kiritimati", "PYTHONPATH": str(root)}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == hashlib.sha256(packed()).hexdigest()


def test_the_gzip_header_tells_nothing_of_the_machine() -> None:
    assert packed()[:10] == b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"


def test_the_standard_library_reads_names_modes_owners_and_times() -> None:
    with tarfile.open(fileobj=io.BytesIO(packed())) as tar:
        members = tar.getmembers()
        contents = [(tar.extractfile(member) or io.BytesIO()).read() for member in members]
    assert [member.name for member in members] == [file.path for file in TREE]
    assert contents == [file.data for file in TREE]
    assert [member.mode for member in members] == [0o755 if file.kind == "executable" else 0o644 for file in TREE]
    assert {(member.uid, member.gid, member.uname, member.gname, member.mtime) for member in members} == {
        (0, 0, "", "", MTIME)
    }


def test_pax_headers_are_there_only_where_a_name_needs_one() -> None:
    tar = gzip.decompress(packed())
    assert tar.count(b"PaxHeaders/path") == 2
    with tarfile.open(fileobj=io.BytesIO(packed())) as opened:
        assert [member.name for member in opened if member.pax_headers] == [LONG, "naïve.tf"]


@pytest.mark.parametrize("length", [101, 102, 103, 985, 986, 987, 988, 989, 990, 991, 992, 1_000, 1_024])
def test_the_length_of_a_pax_record_counts_its_own_digits(length: int) -> None:
    path = "/".join(["d" * 99] * 11)[: length - 1].rstrip("/").ljust(length, "x")
    with tarfile.open(fileobj=io.BytesIO(packed((TreeFile(path, "file", b"x"),)))) as tar:
        assert tar.getnames() == [path]


def test_what_is_packed_comes_back_through_our_own_checks() -> None:
    files = read_archive(io.BytesIO(packed()), "module.tar.gz", max_bytes=10_000, max_files=10, where="x")
    assert check_tree(files, max_bytes=10_000, max_files=10, where="x").files == TREE


@pytest.mark.parametrize(
    "files",
    [
        (TREE[1], TREE[0]),
        (TREE[0], TREE[0]),
        (TreeFile("link", "symlink", b"main.tf"),),
        (TreeFile("", "file", b""),),
    ],
)
def test_what_check_tree_would_not_give_is_a_mistake_of_ours(files: tuple[TreeFile, ...]) -> None:
    with pytest.raises(ValueError, match="not a file in order"):
        packed(files)


def test_files_are_written_while_they_come() -> None:
    out = io.BytesIO()
    sizes = []

    def files() -> object:
        for number in range(3):
            sizes.append(out.tell())
            yield TreeFile(str(number), "file", hashlib.shake_256(str(number).encode()).digest(300_000))

    pack_module(files(), out)  # type: ignore[arg-type]
    assert sizes[0] < sizes[1] < sizes[2]


def test_another_compressor_changes_the_archive_but_neither_the_tar_nor_the_h1(monkeypatch: pytest.MonkeyPatch) -> None:
    first, first_result = packed(), pack_module(TREE, io.BytesIO())
    monkeypatch.setattr("registry_gen.pack.tar.LEVEL", zlib.Z_NO_COMPRESSION)
    second, second_result = packed(), pack_module(TREE, io.BytesIO())
    assert first_result.sha256 != second_result.sha256
    assert first_result.tree == second_result.tree
    assert gzip.decompress(first) == gzip.decompress(second)

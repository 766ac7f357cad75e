"""Provider zips: what honest tools make passes, what attackers make is refused cheaply."""

from __future__ import annotations

import base64
import hashlib
import io
import struct
import tracemalloc
import zipfile
from dataclasses import replace

import pytest

from registry_gen.errors import RefusalError
from registry_gen.verify.zip_directory import FREE_BYTES, read_directory
from registry_gen.verify.zips import CHUNK, ZipContents, check_zip, require_binary, unpack
from tests.support.hostile_archives import EXECUTABLE, HONEST_ZIPS, HOSTILE_ZIPS, Member, make_zip


def check(data: bytes) -> ZipContents:
    return check_zip(io.BytesIO(data), len(data), max_unpacked=100_000_000, max_entries=1_000, where="widget.zip")


def dirhash_by_the_book(files: dict[str, bytes]) -> str:
    lines = "".join(f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in sorted(files))
    return "h1:" + base64.b64encode(hashlib.sha256(lines.encode()).digest()).decode()


@pytest.mark.parametrize("name", HONEST_ZIPS)
def test_honest_zips_get_the_h1_of_their_contents(name: str) -> None:
    with zipfile.ZipFile(io.BytesIO(HONEST_ZIPS[name])) as reference:
        files = {info.filename: reference.read(info) for info in reference.infolist()}
    found = check(HONEST_ZIPS[name])
    assert found.h1 == dirhash_by_the_book(files)
    assert sorted(found.names) == sorted(files)
    assert found.unpacked == sum(map(len, files.values()))


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK])
def test_zips_of_the_standard_library_pass_at_every_edge_of_a_chunk(compression: int, size: int) -> None:
    data = hashlib.shake_256(b"seed").digest(size)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as made:
        made.writestr("terraform-provider-widget", data)
        made.writestr("zeros", bytes(min(size, FREE_BYTES)))
        with made.open("forced", "w", force_zip64=True) as entry:
            entry.write(data)
    files = {"terraform-provider-widget": data, "zeros": bytes(min(size, FREE_BYTES)), "forced": data}
    assert check(out.getvalue()).h1 == dirhash_by_the_book(files)


@pytest.mark.parametrize("name", HOSTILE_ZIPS)
def test_hostile_zips_are_refused_with_their_code(name: str) -> None:
    data, code = HOSTILE_ZIPS[name]
    with pytest.raises(RefusalError) as caught:
        check(data)
    assert caught.value.code.id == code
    assert str(caught.value).startswith("widget.zip: ")


def test_no_hostile_zip_takes_fifty_megabytes_of_memory() -> None:
    tracemalloc.start()
    try:
        for data, _ in HOSTILE_ZIPS.values():
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            with pytest.raises(RefusalError):
                check(data)
            assert tracemalloc.get_traced_memory()[1] - before < 50_000_000
    finally:
        tracemalloc.stop()


def test_a_bomb_is_refused_before_anything_is_inflated(monkeypatch: pytest.MonkeyPatch) -> None:
    def inflate(*_: object) -> object:
        raise AssertionError("inflated")

    monkeypatch.setattr("registry_gen.verify.zips.igzip_lib.IgzipDecompressor", inflate)
    for name in ("overlapping bomb", "one entry that swells", "declared gigabytes", "too much in all"):
        with pytest.raises(RefusalError):
            check(HOSTILE_ZIPS[name][0])


def test_a_zip_that_shrinks_while_it_is_read_is_refused() -> None:
    data = HONEST_ZIPS["plain"]
    with pytest.raises(RefusalError) as caught:
        check_zip(io.BytesIO(data[:-5]), len(data), max_unpacked=1_000, max_entries=9, where="widget.zip")
    assert caught.value.code.id == "ARC001"


@pytest.mark.parametrize(
    "names",
    [
        ("terraform-provider-widget",),
        ("LICENSE", "terraform-provider-widget_v1.0.0_x5"),
        ("terraform-provider-widget.exe",),
    ],
)
def test_the_program_may_carry_version_and_suffix(names: tuple[str, ...]) -> None:
    require_binary(names, "widget", "widget.zip")


@pytest.mark.parametrize(
    "names",
    [
        (),
        ("README.md",),
        ("bin/terraform-provider-widget",),
        ("terraform-provider-widgets",),
        ("terraform-provider-x",),
    ],
)
def test_a_zip_without_the_program_is_refused(names: tuple[str, ...]) -> None:
    with pytest.raises(RefusalError) as caught:
        require_binary(names, "widget", "widget.zip")
    assert caught.value.code.id == "ARC014"


def test_the_order_of_entries_in_the_file_does_not_change_the_h1() -> None:
    first, second = Member(b"terraform-provider-a", b"1", mode=EXECUTABLE), Member(b"B", b"2")
    assert check(make_zip([first, second])).h1 == check(make_zip([second, first])).h1


def test_nothing_is_inflated_beyond_the_declared_size() -> None:
    data = HOSTILE_ZIPS["much more than declared"][0]
    file = io.BytesIO(data)
    (declared,) = read_directory(file, len(data), max_unpacked=10, max_entries=1, where="widget.zip")
    sizes: list[int] = []

    def drain() -> None:
        for piece in unpack(file, declared, "widget.zip"):
            sizes.append(len(piece))  # noqa: PERF401 - what came before the refusal counts

    with pytest.raises(RefusalError):
        drain()
    assert sum(sizes) <= declared.size


def test_bytes_behind_deflate_data_that_fills_a_chunk_are_seen() -> None:
    # Eight stored blocks that take exactly one chunk, so that what follows is read on its own.
    data = hashlib.shake_256(b"x").digest(CHUNK - 8 * 5)
    blocks = [data[start : start + 65_535] for start in range(0, len(data), 65_535)]
    raw = b"".join(
        struct.pack("<BHH", block is blocks[-1], len(block), 0xFFFF - len(block)) + block for block in blocks
    )
    assert len(raw) == CHUNK
    whole = Member(b"terraform-provider-x", data, raw=raw)
    assert check(make_zip([whole])).unpacked == len(data)
    with pytest.raises(RefusalError) as caught:
        check(make_zip([replace(whole, raw=raw + b"hidden")]))
    assert caught.value.code.id == "ARC012"

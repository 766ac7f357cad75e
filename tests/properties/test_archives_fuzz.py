"""Whatever bytes come through the door: an answer or a RefusalError, never another exception."""

from __future__ import annotations

import contextlib
import gzip
import io
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from registry_gen.errors import RefusalError
from registry_gen.model.digest import Sha256, sha256
from registry_gen.model.facts import SigningKey
from registry_gen.model.tree import TreeFile
from registry_gen.pack.tar import pack_module
from registry_gen.verify.archives import read_archive
from registry_gen.verify.openpgp import parse_key, verify_detached
from registry_gen.verify.sums import lint_sums, parse_sums, render_sums
from registry_gen.verify.tree import check_tree
from registry_gen.verify.zips import check_zip
from tests.support.hostile_archives import HONEST_ZIPS, HOSTILE_TARS, HOSTILE_ZIPS, entry, make_tar, raw_header

FIXTURES = Path(__file__).parent.parent / "fixtures" / "openpgp"
NOW = datetime(2026, 6, 1, tzinfo=UTC)
DATA = (FIXTURES / "data").read_bytes()
KEYS = {name: parse_key((FIXTURES / f"{name}.asc").read_text(), name) for name in ("good", "renewed-ed25519")}
SMALL = 5_000

names = st.text(st.characters(codec="utf-8"), max_size=12)
parts = st.sampled_from(["a", "b", "main.tf", ".", "..", "", ".git"])
paths = st.lists(parts, min_size=1, max_size=4).map("/".join) | names
trees = st.lists(
    st.builds(TreeFile, paths, st.sampled_from(["file", "executable"]), st.binary(max_size=20))
    | st.builds(TreeFile, paths, st.just("symlink"), paths.map(str.encode) | st.binary(max_size=8)),
    max_size=12,
)


def damaged(originals: list[bytes]) -> st.SearchStrategy[bytes]:
    """An original, cut, with some bytes changed and others put in."""

    @st.composite
    def damage(draw: st.DrawFn) -> bytes:
        data = bytearray(draw(st.sampled_from(originals)))
        for _ in range(draw(st.integers(0, 4))):
            if data:
                data[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
        if draw(st.booleans()):
            position = draw(st.integers(0, len(data)))
            data[position:position] = draw(st.binary(max_size=8))
        if draw(st.booleans()):
            del data[draw(st.integers(0, len(data))) :]
        return bytes(data)

    return damage()


@given(st.binary(max_size=200) | damaged([zip_ for zip_ in HONEST_ZIPS.values() if len(zip_) < SMALL]))
def test_a_damaged_zip_is_refused_or_means_what_the_standard_library_reads(data: bytes) -> None:
    try:
        found = check_zip(io.BytesIO(data), len(data), max_unpacked=100_000, max_entries=20, where="x")
    except RefusalError:
        return
    with contextlib.suppress(NotImplementedError), zipfile.ZipFile(io.BytesIO(data)) as reference:
        # The clients do not look at the version that an entry asks for; the standard library does.
        assert sorted(found.names) == sorted(reference.namelist())


@given(damaged([data for data, _ in HOSTILE_ZIPS.values() if len(data) < SMALL]))
def test_a_damaged_hostile_zip_raises_nothing_else(data: bytes) -> None:
    with contextlib.suppress(RefusalError):
        list(read_archive(io.BytesIO(data), "x.zip", max_bytes=100_000, max_files=20, where="x"))


GOOD_TAR = make_tar((entry("main.tf"), b"x"), (entry("é" * 60), b"y"), (entry("link", b"2", "main.tf"), b""))


@given(st.binary(max_size=1_100) | damaged([GOOD_TAR, *(tar for tar, _ in HOSTILE_TARS.values() if len(tar) < SMALL)]))
def test_a_damaged_tar_raises_nothing_else(tar: bytes) -> None:
    data = gzip.compress(tar, 1)
    with contextlib.suppress(RefusalError):
        list(read_archive(io.BytesIO(data), "x.tgz", max_bytes=100_000, max_files=20, where="x"))


PAX_RECORDS = [b"6 a=b\n", b"10 path=a\n", b"14 linkpath=b\n", b"9 size=1\n", b"22 comment=a b = c d\n\n", b"x" * 10]


@given(st.lists(st.sampled_from(PAX_RECORDS) | damaged(PAX_RECORDS), max_size=5).map(b"".join))
@example(b"6 a=b\n" + b"x" * 10)
def test_any_pax_header_is_read_to_its_end_or_refused(records: bytes) -> None:
    header = raw_header(b"p", b"x", len(records)) + records + bytes(-len(records) % 512)
    data = gzip.compress(header + GOOD_TAR, 1)
    with contextlib.suppress(RefusalError):
        list(read_archive(io.BytesIO(data), "x.tgz", max_bytes=100_000, max_files=20, where="x"))


@given(damaged([gzip.compress(GOOD_TAR, mtime=0)]))
def test_damaged_gzip_raises_nothing_else(data: bytes) -> None:
    with contextlib.suppress(RefusalError):
        list(read_archive(io.BytesIO(data), "x.tgz", max_bytes=100_000, max_files=20, where="x"))


@given(trees)
@example([TreeFile("a", "symlink", b".."), TreeFile("b/c", "file", b"")])
def test_any_tree_is_refused_or_can_be_packed_and_read_again(files: list[TreeFile]) -> None:
    try:
        checked = check_tree(files, max_bytes=500, max_files=40, where="x").files
    except RefusalError:
        return
    out = io.BytesIO()
    result = pack_module(checked, out)
    assert result.sha256 == sha256(out.getvalue())
    assert tuple(read_archive(out, "x.tar.gz", max_bytes=500, max_files=40, where="x")) == checked


@given(trees, st.randoms(use_true_random=False))
def test_the_order_of_files_never_matters(files: list[TreeFile], random: object) -> None:
    def outcome(given_: list[TreeFile]) -> object:
        try:
            return check_tree(given_, max_bytes=500, max_files=40, where="x")
        except RefusalError:
            return "refused"

    shuffled = sorted(files, key=lambda _: random.random())  # type: ignore[attr-defined]
    assert outcome(files) == outcome(shuffled)


@given(damaged([(FIXTURES / f"{name}.sig").read_bytes() for name in KEYS]) | st.binary(max_size=64))
def test_a_damaged_signature_is_refused_or_still_means_its_key(signature: bytes) -> None:
    try:
        signer = verify_detached(DATA, signature, tuple(KEYS.values()), "x", NOW)
    except RefusalError:
        return
    # What is not signed may change: the length's form, the unhashed area, bytes of a second, unknown signature.
    assert signer in {key.fingerprint for key in KEYS.values()}


@given(st.binary(max_size=200), st.sampled_from(sorted(KEYS)))
def test_other_data_never_verifies(data: bytes, name: str) -> None:
    with pytest.raises(RefusalError, match="SIG013"):
        verify_detached(data + b"x", (FIXTURES / f"{name}.sig").read_bytes(), [KEYS[name]], "x", NOW)


@given(damaged([(FIXTURES / f"{name}.asc").read_bytes() for name in ("good", "renewed-subkey", "revoked")]))
def test_a_damaged_key_raises_nothing_else(armor: bytes) -> None:
    text = armor.decode("latin-1")
    try:
        key = parse_key(text, "x")
    except RefusalError:
        return
    assert parse_key(key.armor, "x") == key


@given(damaged([base.encode() for base in (KEYS["renewed-ed25519"].armor,)]))
def test_a_key_that_was_never_checked_raises_nothing_else(armor: bytes) -> None:
    key = SigningKey("F" * 40, armor.decode("latin-1"))
    with contextlib.suppress(RefusalError):
        verify_detached(DATA, (FIXTURES / "renewed-ed25519.sig").read_bytes(), [key], "x", NOW)


@given(st.binary(max_size=300) | damaged([f"{'a' * 64}  x.zip\n{'b' * 64} *y.zip\r\n".encode()]))
def test_any_sums_are_read_or_refused_and_what_is_fit_to_serve_reads_back(data: bytes) -> None:
    try:
        lint_sums(data, "x")
    except RefusalError:
        with contextlib.suppress(RefusalError):
            parse_sums(data, "x")
        return
    files = parse_sums(data, "x")
    assert parse_sums(render_sums(files), "x") == files
    # What Terraform does with each line (protocols: a line without a field would make it panic).
    for line in data.splitlines():
        fields = line.split()
        assert len(fields) == 2
        assert files[fields[1].decode()] == Sha256(fields[0].decode().lower())

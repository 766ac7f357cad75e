"""A small catalog of all three protocols becomes exactly the tree in ``expected/``, whatever order things come in.

After a change that is meant to change documents, refresh the tree and review the difference like code:

    REFRESH_GOLDEN=1 pytest tests/golden && git diff tests/golden/expected
"""

from __future__ import annotations

import difflib
import gzip
import hashlib
import io
import itertools
import json
import os
import random
import re
import subprocess
import sys
import tarfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pytest

from registry_gen.signing.log import LogSigner
from tests.golden.expected_tree import as_files, is_text, read_expected, refresh
from tests.golden.small_registry import LOG_KEY, RUN_URL, publish_small_registry
from tests.support.reader import check_reachable
from tests.support.workspace import HOST

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tests.support.postgres import Postgres
    from tests.support.workspace import Workspace

_numbers = itertools.count()


@pytest.fixture(scope="module")
def new_dsn(postgres: Postgres) -> Callable[[], str]:
    return lambda: postgres.create(f"golden_{next(_numbers)}")


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory, new_dsn: Callable[[], str]) -> Workspace:
    """The small registry, published."""
    return publish_small_registry(tmp_path_factory.mktemp("golden"), new_dsn())


@pytest.fixture(scope="module")
def tree(work: Workspace) -> Mapping[str, bytes]:
    return work.tree()


def documents(tree: Mapping[str, bytes], pattern: str) -> list[Any]:
    found = [json.loads(data) for key, data in tree.items() if re.fullmatch(pattern, key)]
    assert found, f"nothing under {pattern}"
    return found


def test_the_tree_is_the_expected_one_byte_for_byte(tree: Mapping[str, bytes]) -> None:
    if os.environ.get("REFRESH_GOLDEN") == "1":
        refresh(tree)
    expected, found = read_expected(), as_files(tree)
    changed = [name for name in sorted({*expected, *found}) if expected.get(name) != found.get(name)]
    if changed:
        head = f"{len(changed)} files differ (zlib {zlib.ZLIB_RUNTIME_VERSION} here; expected/binaries.txt tells why)"
        pytest.fail("\n".join((head, *_difference(expected, found, changed))))


def _difference(expected: Mapping[str, bytes], found: Mapping[str, bytes], changed: list[str]) -> Iterator[str]:
    for name in changed:
        before, after = (side.get(name, b"").decode().splitlines() for side in (expected, found))
        yield from difflib.unified_diff(before, after, f"expected/{name}", f"found/{name}", lineterm="", n=0)


def test_every_listing_leads_to_artifacts_that_verify(work: Workspace) -> None:
    linked = {"v1/modules/acme/backup/azure", "v1/modules/acme/dns/aws", "v1/providers/acme/gadget"}
    for package in linked:
        (work.public / package / "versions").rename(work.public / package / "versions.linked")
    try:
        assert check_reachable(work.public) == 5 + 4 + 2
    finally:
        for package in linked:
            (work.public / package / "versions.linked").rename(work.public / package / "versions")


@pytest.mark.parametrize("seed", [1, 2])
def test_no_order_of_files_packages_or_sightings_changes_a_byte(
    seed: int,
    tree: Mapping[str, bytes],
    new_dsn: Callable[[], str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    order = random.Random(seed)  # noqa: S311 - a shuffle that can be repeated
    monkeypatch.setattr(os, "scandir", _shuffled_scandir(order))
    assert publish_small_registry(tmp_path, new_dsn(), order).tree() == tree


class _Shuffled:
    """What ``os.scandir`` returns is an iterator that closes at the end of a with block."""

    def __init__(self, entries: list[Any]) -> None:
        self._entries = entries

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        if not self._entries:
            raise StopIteration
        return self._entries.pop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._entries.clear()


def _shuffled_scandir(order: random.Random) -> Callable[..., _Shuffled]:
    scandir = os.scandir

    def shuffled(path: Any = ".") -> _Shuffled:
        with scandir(path) as found:
            entries = list(found)
        order.shuffle(entries)
        return _Shuffled(entries)

    return shuffled


@pytest.mark.parametrize("seed", ["0", "1", "12345"])
def test_no_hash_seed_changes_a_byte(
    seed: str, tree: Mapping[str, bytes], new_dsn: Callable[[], str], tmp_path: Path
) -> None:
    subprocess.run(
        [sys.executable, "-m", "tests.golden.small_registry", str(tmp_path), new_dsn()],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONHASHSEED": seed},
        check=True,
        timeout=120,
    )
    public = tmp_path / "work/public"
    found = {str(path.relative_to(public)): path.read_bytes() for path in public.rglob("*") if path.is_file()}
    assert {key: data for key, data in found.items() if not key.startswith(".staging/")} == tree


def test_nothing_of_this_machine_is_in_the_tree(work: Workspace, tree: Mapping[str, bytes]) -> None:
    ours = (str(work.root.parent).encode(), b"127.0.0.1", b"localhost", b"file:")
    for key, data in tree.items():
        assert not [each for each in ours if each in data], key


def test_archives_hold_the_same_tar_whatever_compressed_them(tree: Mapping[str, bytes]) -> None:
    data = gzip.decompress(tree["v1/modules/acme/vpc/aws/0.3.0/module.tar.gz"])
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        assert [(entry.name, entry.mode, entry.mtime, entry.uid) for entry in tar] == [
            ("main.tf", 0o644, 315532800, 0)
        ], "the folder of the monorepo is the root"


def test_every_copied_module_has_provenance_signed_by_the_key_of_the_log(tree: Mapping[str, bytes]) -> None:
    key = LogSigner(f"{HOST}/log", LOG_KEY.read_bytes())
    archives = [name for name in tree if name.endswith("/module.tar.gz")]
    assert len(archives) == 5
    for name in archives:
        statement = json.loads(key.opened(tree[f"{name}.intoto.jsonl"], name))
        (subject,) = statement["subject"]
        assert f"v1/modules/{subject['name']}" == name
        assert subject["digest"]["sha256"] == hashlib.sha256(tree[name]).hexdigest()
        assert statement["predicate"]["runDetails"]["metadata"]["invocationId"] == RUN_URL


def test_module_documents_have_the_shape_that_opentofu_documents(tree: Mapping[str, bytes]) -> None:
    """https://opentofu.org/docs/internals/module-registry-protocol/"""
    for body in documents(tree, r"v1/modules/.+/versions"):
        assert [set(module) for module in body["modules"]] == [{"versions"}]
        assert all(set(item) == {"version"} for item in body["modules"][0]["versions"])
    copied, linked = r"\./module\.tar\.gz\?checksum=sha256:[0-9a-f]{64}", r"(git::)?https://\S+"
    for body in documents(tree, r"v1/modules/.+/download"):
        assert set(body) == {"location", "revision"}
        assert re.fullmatch(f"{copied}|{linked}", body["location"])


def test_provider_documents_have_the_shape_that_opentofu_documents(tree: Mapping[str, bytes]) -> None:
    """https://opentofu.org/docs/internals/provider-registry-protocol/"""
    for listing in documents(tree, r"v1/providers/[^/]+/[^/]+/versions"):
        for item in listing["versions"]:
            assert set(item) == {"version", "protocols", "platforms"}
            assert all(set(platform) == {"os", "arch"} for platform in item["platforms"])
    for leaf in documents(tree, r"v1/providers/.+/download/.+/.+"):
        strings = {"os", "arch", "filename", "download_url", "shasum", "shasums_url", "shasums_signature_url"}
        assert set(leaf) == strings | {"protocols", "signing_keys", "packages", "revision"}
        assert all(isinstance(leaf[name], str) for name in strings)
        assert all(re.fullmatch(r"[0-9]+\.[0-9]+", text) for text in leaf["protocols"])
        assert [set(key) for key in leaf["signing_keys"]["gpg_public_keys"]] == [{"key_id", "ascii_armor"}]
        own = leaf["packages"][f"{leaf['os']}_{leaf['arch']}"]
        assert f"zh:{leaf['shasum']}" in own["hashes"], "the member has to cover the document's own platform"
        for package in leaf["packages"].values():
            assert set(package) == {"hashes", "package_size"}
            assert sorted(text[:3] for text in package["hashes"]) == ["h1:", "zh:"]
            assert package["package_size"] > 0


def test_mirror_documents_have_the_shape_that_clients_document(tree: Mapping[str, bytes]) -> None:
    """https://developer.hashicorp.com/terraform/internals/provider-network-mirror-protocol"""
    (index,) = documents(tree, r"v1/mirror/.+/index\.json")
    assert index["versions"] == {"3.1.0": {}}
    (version,) = documents(tree, r"v1/mirror/.+/3\.1\.0\.json")
    assert set(version["archives"]) == {"darwin_arm64", "linux_amd64"}
    for archive in version["archives"].values():
        assert set(archive) == {"url", "hashes"}
        assert [text[:3] for text in archive["hashes"]] == ["h1:", "zh:"]


def test_every_kind_of_source_and_hosting_is_in_the_tree(tree: Mapping[str, bytes]) -> None:
    records = documents(tree, "records/.+")
    assert {(record["kind"], record["hosting"]) for record in records} == {
        ("module", "copy"),
        ("module", "link"),
        ("provider", "copy"),
        ("provider", "link"),
        ("mirror", "copy"),
    }
    nested = {file["path"] for record in records for file in record.get("hcl", [])}
    assert "modules/subnet/main.tf" in nested
    assert sum(not is_text(key) for key in tree) == 5 + 4 + 2 + 2 + 2, "archives, zips, mirrored, signatures, tiles"

from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from registry_gen.errors import Position, RegistryError, SourceError
from registry_gen.model.address import ModuleAddress
from registry_gen.model.config import Limits, Network
from registry_gen.model.digest import Sha256, sha256
from registry_gen.model.entries import ArchiveSource, GitSource, ModuleEntry
from registry_gen.model.facts import Hosting
from registry_gen.model.plan import ArchiveSeen
from registry_gen.model.version import parse_constraints, parse_version
from registry_gen.sources import codes
from registry_gen.sources.archives import Archives
from registry_gen.sources.http import Fetcher
from tests.support.http_server import HttpServer, Reply
from tests.support.releases import sums_document
from tests.support.tls import Authority

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FILES = {
    "network-1.10.0.tar.gz": b"ten",
    "network-1.9.0.tar.gz": b"nine",
    "network-2.0.0.tar.gz": b"two",
    "network-latest.tar.gz": b"no version",
    "other-1.0.0.tar.gz": b"another module",
}


def fill(folder: Path, files: Mapping[str, bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    (folder / "SHA256SUMS").write_bytes(sums_document(files))


def entry(location: str, constraint: str = "~> 1.0") -> ModuleEntry:
    return ModuleEntry(
        ModuleAddress("acme", "network", "aws"),
        Position("catalog/modules/acme/network/aws.yaml"),
        Sha256("0" * 64),
        ArchiveSource(location, "network-{version}.tar.gz"),
        parse_constraints(constraint),
        Hosting.COPY,
        (),
    )


@pytest.fixture
def archives() -> Archives:
    return Archives(Fetcher(Network(), Limits()), Limits())


def seen(*versions: str) -> tuple[ArchiveSeen, ...]:
    names = [f"network-{version}.tar.gz" for version in versions]
    return tuple(
        ArchiveSeen(parse_version(version), name, sha256(FILES[name]))
        for version, name in zip(versions, names, strict=True)
    )


def test_archives_that_the_sums_name_are_found_by_version(tmp_path: Path, archives: Archives) -> None:
    fill(tmp_path, FILES)
    sighting = archives.sight(entry(f"{tmp_path}/"))
    assert (sighting.tags, sighting.archives) == ((), seen("1.9.0", "1.10.0"))


def test_prereleases_are_seen_where_the_entry_wants_them(tmp_path: Path, archives: Archives) -> None:
    names = ("network-1.0.0.tar.gz", "network-1.1.0-rc.1.tar.gz")
    fill(tmp_path, dict.fromkeys(names, b"x"))
    named = [archives.sight(replace(entry(f"{tmp_path}/"), prereleases=wanted)).archives for wanted in (False, True)]
    assert [tuple(archive.filename for archive in each) for each in named] == [names[:1], names]


def test_archives_under_a_url_are_those_that_the_sums_name(tmp_path: Path) -> None:
    fill(tmp_path / "files", FILES)
    authority = Authority(tmp_path / "ca")
    network = Network(allow_private=("127.0.0.0/8",), ca_file=authority.ca_file)
    archives = Archives(Fetcher(network, Limits(), sleep=lambda _seconds: None), Limits())
    with HttpServer(authority=authority) as server:
        server.folder("/modules/", tmp_path / "files")
        what = entry(server.url("/modules/"))
        sighting = archives.sight(what)
        assert sighting.archives == seen("1.9.0", "1.10.0")
        assert isinstance(what.source, ArchiveSource)
        out = io.BytesIO()
        assert archives.copy(what.source.location, sighting.archives[1], out, 100).size == 3
        assert out.getvalue() == b"ten"
        server.route("/modules/network-1.10.0.tar.gz", Reply(body=b"TEN"))
        with pytest.raises(SourceError) as caught:
            archives.copy(what.source.location, sighting.archives[1], out, 100)
        assert caught.value.code is codes.SUMS_DIFFER
        with pytest.raises(SourceError) as caught:
            archives.sight(entry(server.url("/empty/")))
        assert caught.value.code is codes.NOT_FOUND


def test_an_archive_that_the_sums_do_not_name_is_told(tmp_path: Path, archives: Archives) -> None:
    fill(tmp_path, FILES)
    (tmp_path / "network-1.11.0.tar.gz").write_bytes(b"new")
    with pytest.raises(SourceError) as caught:
        archives.sight(entry(f"{tmp_path}/"))
    assert caught.value.code is codes.BAD_RELEASE
    assert "network-1.11.0.tar.gz" in str(caught.value)
    assert archives.sight(entry(f"{tmp_path}/", "< 1.11.0")).archives == seen("1.9.0", "1.10.0")


def test_missing_and_broken_sums_are_told(tmp_path: Path, archives: Archives) -> None:
    with pytest.raises(SourceError) as caught:
        archives.sight(entry(f"{tmp_path}/"))
    assert caught.value.code is codes.NOT_FOUND
    (tmp_path / "SHA256SUMS").write_text("nonsense\n")
    with pytest.raises(RegistryError) as broken:
        archives.sight(entry(f"{tmp_path}/"))
    assert broken.value.code.id.startswith("SUM")


def test_a_changed_archive_and_a_large_one_are_refused(tmp_path: Path) -> None:
    fill(tmp_path, FILES)
    limits = Limits(module_bytes=3)
    archives = Archives(Fetcher(Network(), limits), limits)
    what = entry(f"{tmp_path}/")
    assert isinstance(what.source, ArchiveSource)
    nine, ten = archives.sight(what).archives
    with pytest.raises(SourceError) as caught:
        archives.copy(what.source.location, nine, io.BytesIO(), 100)
    assert caught.value.code is codes.TOO_LARGE
    (tmp_path / "network-1.10.0.tar.gz").write_bytes(b"TEN")
    with pytest.raises(SourceError) as caught:
        archives.copy(what.source.location, ten, io.BytesIO(), 100)
    assert caught.value.code is codes.SUMS_DIFFER
    assert (caught.value.expected, caught.value.found) == (sha256(b"ten"), sha256(b"TEN"))


def test_an_archive_is_found_by_its_digest_whatever_its_name_is_today(tmp_path: Path, archives: Archives) -> None:
    (ten,) = seen("1.10.0")
    fill(tmp_path, {"renamed.tar.gz": b"ten", "network-1.10.0.tar.gz": b"others"})
    found = archives.find(f"{tmp_path}/", ten.version, ten.sha256)
    assert (found.version, found.filename, found.sha256) == (ten.version, "renamed.tar.gz", ten.sha256)
    fill(tmp_path, {"network-1.10.0.tar.gz": b"others"})
    with pytest.raises(SourceError) as caught:
        archives.find(f"{tmp_path}/", ten.version, ten.sha256)
    assert caught.value.code is codes.NO_ARCHIVE
    assert ten.sha256 in str(caught.value)


def test_a_module_from_git_is_not_for_here(archives: Archives) -> None:
    git = ModuleEntry(
        ModuleAddress("acme", "network", "aws"),
        Position("x"),
        Sha256("0" * 64),
        GitSource("https://git.example.com/x", "", ("v{version}",), {}),
        parse_constraints(">= 0.0.0"),
        Hosting.COPY,
        (),
    )
    with pytest.raises(TypeError):
        archives.sight(git)

from __future__ import annotations

import errno
import hashlib
import io
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from registry_gen.errors import Code, InputError, Position, RegistryError, SourceError
from registry_gen.model.address import ProviderAddress
from registry_gen.model.config import Limits, Network
from registry_gen.model.digest import Sha256, sha256
from registry_gen.model.entries import ProviderEntry, ReleaseSource
from registry_gen.model.facts import Hosting
from registry_gen.model.version import parse_constraints, parse_version
from registry_gen.sources import codes, places
from registry_gen.sources.http import Fetcher
from registry_gen.sources.releases import Releases, parse_manifest
from registry_gen.verify import codes as verify_codes
from tests.support.http_server import HttpServer, Reply
from tests.support.openpgp_keys import make_key
from tests.support.releases import make_release, manifest, sums_document

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from registry_gen.model.plan import ProviderSighting
    from tests.support.tls import Authority

KEY = make_key("acme")


@pytest.fixture
def server(authority: Authority) -> Iterator[HttpServer]:
    with HttpServer(authority=authority) as server:
        yield server


@pytest.fixture
def releases(authority: Authority) -> Releases:
    network = Network(allow_private=("127.0.0.0/8",), ca_file=authority.ca_file)
    return Releases(Fetcher(network, Limits(http_seconds=30.0), sleep=lambda _seconds: None), Limits())


def entry(
    location: Path | str, *versions: str, constraint: str = ">= 0.0.0", protocols: tuple[str, ...] = ()
) -> ProviderEntry:
    return ProviderEntry(
        ProviderAddress("acme", "widget"),
        Position("catalog/providers/acme/widget.yaml"),
        Sha256("0" * 64),
        ReleaseSource(str(location), tuple(map(parse_version, versions))),
        parse_constraints(constraint),
        Hosting.COPY,
        (),
        "publisher",
        (),
        (),
        protocols,
    )


def found(sighting: ProviderSighting) -> list[str]:
    return [str(release.version) for release in sighting.releases]


def problem(sighting: ProviderSighting) -> RegistryError:
    (error,) = sighting.problems
    return error


def fails(code: Code, releases: Releases, what: ProviderEntry) -> RegistryError:
    with pytest.raises(RegistryError) as caught:
        releases.sight(what)
    assert caught.value.code is code, caught.value
    return caught.value


# --- folders ------------------------------------------------------------------------------------------------------


def test_releases_are_found_at_the_top_and_one_level_down(tmp_path: Path, releases: Releases) -> None:
    made = make_release(tmp_path, "widget", "1.10.0", key=KEY, protocols=("5.0", "6.0"))
    make_release(tmp_path / "v1.9.0", "widget", "1.9.0")
    make_release(tmp_path / "beta", "widget", "2.0.0-rc.1", key=KEY)
    make_release(tmp_path / "other", "gadget", "9.0.0")
    make_release(tmp_path / "deep" / "er", "widget", "3.0.0")
    (tmp_path / "README").write_text("x")
    sighting = releases.sight(entry(tmp_path, constraint=">= 1.0.0"))
    assert (found(sighting), sighting.problems) == (["1.9.0", "1.10.0"], ())
    unsigned, signed = sighting.releases
    assert signed.location == str(tmp_path)
    assert signed.sums == sha256(made.sums)
    assert signed.signature == sha256(made.signature or b"")
    assert signed.protocols == ("5.0", "6.0")
    assert signed.files["terraform-provider-widget_1.10.0_linux_amd64.zip"] == sha256(made.zips["linux_amd64"])
    assert unsigned.signature is None
    assert found(releases.sight(entry(tmp_path, constraint="2.0.0-rc.1"))) == ["2.0.0-rc.1"]
    every = replace(entry(tmp_path, constraint=">= 1.10.0"), prereleases=True)
    assert found(releases.sight(every)) == ["1.10.0", "2.0.0-rc.1"]


def test_a_path_with_the_version_in_it_is_looked_up_by_listing(tmp_path: Path, releases: Releases) -> None:
    for version in ("1.0.0", "1.1.0"):
        make_release(tmp_path / f"v{version}-final" / "dist", "widget", version)
        make_release(tmp_path / "twice" / version / f"widget-{version}", "widget", version)
    (tmp_path / "vlatest-final" / "dist").mkdir(parents=True)
    (tmp_path / "v1.2.0-final").mkdir()
    sighting = releases.sight(entry(tmp_path / "v{version}-final" / "dist"))
    assert found(sighting) == ["1.0.0", "1.1.0"]
    assert sighting.releases[0].location == str(tmp_path / "v1.0.0-final" / "dist")
    assert found(releases.sight(entry(tmp_path / "twice" / "{version}" / "widget-{version}"))) == ["1.0.0", "1.1.0"]
    assert found(releases.sight(entry(tmp_path / "v{version}-final" / "dist", constraint="~> 1.1.0"))) == ["1.1.0"]


def test_a_folder_with_the_version_in_its_name_but_without_sums_is_a_problem(
    tmp_path: Path, releases: Releases
) -> None:
    (tmp_path / "1.0.0").mkdir()
    make_release(tmp_path / "1.1.0", "widget", "1.1.0")
    sighting = releases.sight(entry(tmp_path / "{version}"))
    assert found(sighting) == ["1.1.0"]
    assert problem(sighting).code is codes.NOT_FOUND


def test_a_missing_folder_is_told_from_an_empty_one(tmp_path: Path, releases: Releases) -> None:
    assert releases.sight(entry(tmp_path)).releases == ()
    fails(codes.NO_RELEASES_FOLDER, releases, entry(tmp_path / "missing"))
    fails(codes.NO_RELEASES_FOLDER, releases, entry(tmp_path / "missing" / "{version}"))


def test_one_broken_release_stops_no_other(tmp_path: Path, releases: Releases) -> None:
    make_release(tmp_path / "good", "widget", "1.0.0")
    bad = make_release(tmp_path / "bad", "widget", "1.1.0").folder
    (bad / "terraform-provider-widget_1.1.0_SHA256SUMS").write_text("not sums\n")
    sighting = releases.sight(entry(tmp_path))
    assert found(sighting) == ["1.0.0"]
    assert problem(sighting).code.id.startswith("SUM")
    assert "1.1.0_SHA256SUMS" in str(problem(sighting))


@pytest.mark.parametrize(("platforms", "others"), [(101, 0), (1, 1_000)], ids=["zips", "lines"])
def test_a_release_of_more_files_than_any_has_is_a_problem_and_stops_no_other(
    tmp_path: Path, releases: Releases, platforms: int, others: int
) -> None:
    make_release(tmp_path / "good", "widget", "1.0.0")
    wide = tmp_path / "wide"
    wide.mkdir()
    names = [f"terraform-provider-widget_1.1.0_os{number}_amd64.zip" for number in range(platforms)]
    names += [f"other{number}" for number in range(others)]
    sums = "".join(f"{'a' * 64}  {name}\n" for name in names)
    (wide / "terraform-provider-widget_1.1.0_SHA256SUMS").write_text(sums)
    sighting = releases.sight(entry(tmp_path))
    assert found(sighting) == ["1.0.0"]
    assert problem(sighting).code is codes.BAD_RELEASE
    assert "1.1.0" in str(problem(sighting))


def test_a_name_that_is_no_version_is_a_problem(tmp_path: Path, releases: Releases) -> None:
    (tmp_path / "terraform-provider-widget_v1.0.0_SHA256SUMS").write_text("")
    (tmp_path / "terraform-provider-widget_extra_1.0.0_SHA256SUMS").write_text("the provider widget_extra")
    error = problem(releases.sight(entry(tmp_path)))
    assert error.code is codes.BAD_RELEASE
    assert "'v1.0.0'" in str(error)


def test_a_version_in_two_folders_is_a_problem(tmp_path: Path, releases: Releases) -> None:
    make_release(tmp_path / "a", "widget", "1.0.0")
    make_release(tmp_path / "b", "widget", "1.0.0", key=KEY)
    sighting = releases.sight(entry(tmp_path))
    assert sighting.releases[0].location == str(tmp_path / "a")
    assert "twice" in str(problem(sighting))


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path, releases: Releases) -> None:
    outside = make_release(tmp_path / "outside", "widget", "1.0.0").folder
    root = tmp_path / "root"
    inner = make_release(root / "inner", "widget", "2.0.0").folder
    (root / "linked").symlink_to(outside)
    (root / "loop").symlink_to("loop")
    (root / "again").symlink_to("missing")
    sums = inner / "terraform-provider-widget_2.0.0_SHA256SUMS"
    sums.unlink()
    sums.symlink_to(outside / "terraform-provider-widget_1.0.0_SHA256SUMS")
    sighting = releases.sight(entry(root))
    assert sighting.releases == ()
    assert problem(sighting).code is codes.OUTSIDE


@pytest.mark.parametrize("swapped", ["sums", "inner"])
def test_a_file_that_becomes_a_link_out_of_the_folder_after_the_look_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, swapped: str
) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "folder"
    for made in (outside, folder / "inner"):
        made.mkdir(parents=True)
        (made / "sums").write_text(made.name)
    (folder / "sums").symlink_to("inner/sums")
    really = places.inside

    def look_and_swap(path: Path, root: Path) -> Path:
        found = really(path, root)
        at = folder / "inner" / "sums" if swapped == "sums" else folder / "inner"
        at.rename(tmp_path / "old")
        at.symlink_to(outside / "sums" if swapped == "sums" else outside)
        return found

    assert places.FolderPlace(folder).read("sums", 100) == b"inner"
    monkeypatch.setattr(places, "inside", look_and_swap)
    with pytest.raises(RegistryError) as caught:
        places.FolderPlace(folder).read("sums", 100)
    assert caught.value.code is codes.OUTSIDE


def test_a_link_inside_the_folder_is_followed(tmp_path: Path, releases: Releases) -> None:
    make_release(tmp_path / "1.0.0", "widget", "1.0.0")
    (tmp_path / "latest").symlink_to("1.0.0")
    sighting = releases.sight(entry(tmp_path / "latest"))
    assert found(sighting) == ["1.0.0"]


def test_a_pipe_where_a_file_should_be_does_not_hang(tmp_path: Path, releases: Releases) -> None:
    os.mkfifo(tmp_path / "terraform-provider-widget_1.0.0_SHA256SUMS")
    assert "regular file" in str(problem(releases.sight(entry(tmp_path))))


def test_sums_that_are_too_large_are_a_problem(tmp_path: Path, releases: Releases) -> None:
    (tmp_path / "terraform-provider-widget_1.0.0_SHA256SUMS").write_bytes(b"x" * 1_000_001)
    assert problem(releases.sight(entry(tmp_path))).code is codes.TOO_LARGE


def test_a_folder_with_too_many_files_is_refused(
    tmp_path: Path, releases: Releases, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "x").write_text("")
    monkeypatch.setattr("registry_gen.sources.places.MAX_ENTRIES", 3)
    fails(codes.TOO_MANY_FILES, releases, entry(tmp_path))
    monkeypatch.setattr("registry_gen.sources.places.MAX_ENTRIES", 5)
    monkeypatch.setattr("registry_gen.sources.releases.MAX_ENTRIES", 5)
    fails(codes.TOO_MANY_FILES, releases, entry(tmp_path))


# --- manifests ----------------------------------------------------------------------------------------------------


def test_without_a_manifest_the_protocol_is_5(tmp_path: Path, releases: Releases) -> None:
    make_release(tmp_path, "widget", "1.0.0", protocols=None)
    assert releases.sight(entry(tmp_path)).releases[0].protocols == ("5.0",)


def test_a_manifest_with_other_bytes_than_the_sums_name_is_a_problem(tmp_path: Path, releases: Releases) -> None:
    make_release(tmp_path, "widget", "1.0.0")
    (tmp_path / "terraform-provider-widget_1.0.0_manifest.json").write_bytes(manifest(["6.0"]))
    assert problem(releases.sight(entry(tmp_path))).code is codes.SUMS_DIFFER


def test_a_manifest_that_goreleaser_left_on_the_release_page_is_asked_for(tmp_path: Path, releases: Releases) -> None:
    make_release(tmp_path, "widget", "1.0.0")
    (tmp_path / "terraform-provider-widget_1.0.0_manifest.json").unlink()
    error = problem(releases.sight(entry(tmp_path)))
    assert error.code is codes.BAD_MANIFEST
    assert "copy terraform-registry-manifest.json" in error.hint


def test_a_manifest_that_nothing_vouches_for_is_a_problem_unless_the_catalog_says_the_protocols(
    tmp_path: Path, releases: Releases
) -> None:
    make_release(tmp_path, "widget", "1.0.0", protocols=None)
    (tmp_path / "terraform-provider-widget_1.0.0_manifest.json").write_bytes(manifest(["6.0"]))
    assert problem(releases.sight(entry(tmp_path))).code is codes.BAD_MANIFEST
    assert releases.sight(entry(tmp_path, protocols=("6.0",))).problems == ()


@pytest.mark.parametrize(
    "text",
    [
        *("", "[]", "null", "{}", '{"version": 1}', '{"version": 1, "metadata": []}', "[" * 100_000, "\xff"),
        *('{"version": 2, "metadata": {"protocol_versions": ["5.0"]}}',),
        *(f'{{"version": 1, "metadata": {{"protocol_versions": {value}}}}}' for value in ("[]", '"5.0"', "[5.0]")),
        *(f'{{"version": 1, "metadata": {{"protocol_versions": ["{value}"]}}}}' for value in ("5", "v5.0", "5.0\\n")),
    ],
)
def test_a_manifest_of_another_shape_is_refused(text: str) -> None:
    with pytest.raises(SourceError) as caught:
        parse_manifest(text.encode("latin-1"), "here")
    assert caught.value.code is codes.BAD_MANIFEST


# --- URLs ---------------------------------------------------------------------------------------------------------


def test_releases_under_a_url_are_asked_for_by_version(tmp_path: Path, releases: Releases, server: HttpServer) -> None:
    made = make_release(tmp_path / "v1.0.0", "widget", "1.0.0", key=KEY, protocols=("6.0",))
    make_release(tmp_path / "v1.1.0", "widget", "1.1.0", protocols=None)
    server.folder("/download/", tmp_path)
    what = entry(server.url("/download/v{version}"), "1.0.0", "1.1.0", "0.9.0", constraint=">= 1.0.0")
    sighting = releases.sight(what)
    assert (found(sighting), sighting.problems) == (["1.0.0", "1.1.0"], ())
    first, second = sighting.releases
    assert (first.signature, first.protocols) == (sha256(KEY.sign(made.sums)), ("6.0",))
    assert (second.signature, second.protocols) == (None, ("5.0",))
    assert not any("0.9.0" in request.path for request in server.requests)


def test_a_version_that_is_not_there_is_told_from_an_outage(
    tmp_path: Path, authority: Authority, releases: Releases
) -> None:
    make_release(tmp_path / "1.0.0", "widget", "1.0.0")
    with HttpServer(authority=authority) as server:
        server.folder("/", tmp_path)
        what = entry(server.url("/{version}/"), "1.0.0", "1.1.0")
        sighting = releases.sight(what)
        assert found(sighting) == ["1.0.0"]
        assert problem(sighting).code is codes.NOT_FOUND
        server.route("/1.1.0/terraform-provider-widget_1.1.0_SHA256SUMS", Reply(500))
        assert problem(releases.sight(what)).code is codes.BAD_STATUS
        server.route("/1.1.0/terraform-provider-widget_1.1.0_SHA256SUMS", Reply.busy("3600"))
        fails(codes.BUSY, releases, what)
    fails(codes.UNREACHABLE, releases, what)


def test_a_sign_in_page_instead_of_sums_is_a_problem(releases: Releases, server: HttpServer) -> None:
    server.route("/terraform-provider-widget_1.0.0_SHA256SUMS", Reply.html())
    assert problem(releases.sight(entry(server.url("/"), "1.0.0"))).code is codes.WRONG_CONTENT


def test_a_signature_that_cannot_be_read_is_a_problem_and_not_a_missing_one(
    tmp_path: Path, releases: Releases, server: HttpServer
) -> None:
    make_release(tmp_path, "widget", "1.0.0", key=KEY)
    server.folder("/", tmp_path)
    server.route("/terraform-provider-widget_1.0.0_SHA256SUMS.sig", Reply(403))
    assert problem(releases.sight(entry(server.url("/"), "1.0.0"))).code is codes.DENIED


# --- reading ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["folder", "url"])
def test_documents_and_zips_are_read_where_the_release_was_seen(
    tmp_path: Path, releases: Releases, server: HttpServer, kind: str
) -> None:
    made = make_release(tmp_path, "widget", "1.0.0", key=KEY, size=3_000_000)
    server.folder("/r/", tmp_path)
    what = entry(tmp_path) if kind == "folder" else entry(server.url("/r"), "1.0.0")
    (release,) = releases.sight(what).releases
    assert releases.small(release, "terraform-provider-widget_1.0.0_SHA256SUMS", 10_000) == made.sums
    out = io.BytesIO(b"left from before" * 1_000_000)
    done = releases.copy(release, "terraform-provider-widget_1.0.0_linux_arm64.zip", out, 10_000_000)
    assert out.getvalue() == made.zips["linux_arm64"]
    assert (done.sha256, done.size) == (hashlib.sha256(out.getvalue()).hexdigest(), len(out.getvalue()))
    with pytest.raises(SourceError) as caught:
        releases.copy(release, "terraform-provider-widget_1.0.0_linux_arm64.zip", io.BytesIO(), 10)
    assert caught.value.code is codes.TOO_LARGE
    with pytest.raises(SourceError) as caught:
        releases.small(release, "terraform-provider-widget_1.0.0_SHA256SUMS", 10)
    assert caught.value.code is codes.TOO_LARGE
    with pytest.raises(SourceError) as caught:
        releases.small(release, "missing", 10)
    assert caught.value.code is codes.NOT_FOUND


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "..", ".", "", "a/b", "a\\b", "a\0b"])
@pytest.mark.parametrize("kind", ["folder", "url"])
def test_a_name_with_a_path_in_it_is_refused(
    tmp_path: Path, releases: Releases, server: HttpServer, kind: str, name: str
) -> None:
    (tmp_path / "secret").write_text("secret")
    make_release(tmp_path / "r", "widget", "1.0.0")
    server.folder("/", tmp_path)
    what = entry(tmp_path / "r") if kind == "folder" else entry(server.url("/r"), "1.0.0")
    (release,) = releases.sight(what).releases
    with pytest.raises(SourceError) as caught:
        releases.small(release, name, 1000)
    assert caught.value.code is codes.OUTSIDE


def test_limits_bound_a_zip_whatever_the_caller_allows(tmp_path: Path) -> None:
    make_release(tmp_path, "widget", "1.0.0", size=10_000)
    limits = Limits(provider_bytes=5000)
    small = Releases(Fetcher(Network(), limits), limits)
    (release,) = small.sight(entry(tmp_path)).releases
    with pytest.raises(SourceError) as caught:
        small.copy(release, "terraform-provider-widget_1.0.0_linux_amd64.zip", io.BytesIO(), 10**9)
    assert caught.value.code is codes.TOO_LARGE


class FullDisk(io.BytesIO):
    def write(self, data: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_is_told_as_such(tmp_path: Path, releases: Releases) -> None:
    make_release(tmp_path, "widget", "1.0.0")
    (release,) = releases.sight(entry(tmp_path)).releases
    with pytest.raises(SourceError) as caught:
        releases.copy(release, "terraform-provider-widget_1.0.0_linux_amd64.zip", FullDisk(), 10_000)
    assert caught.value.code is codes.CANNOT_WRITE


def test_a_file_that_cannot_be_read_is_told(
    tmp_path: Path, releases: Releases, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever runs the tests may be root, whom no permission stops."""
    make_release(tmp_path, "widget", "1.0.0")

    def denied(*_: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("os.open", denied)
    assert "Permission denied" in str(problem(releases.sight(entry(tmp_path))))


def test_only_a_release_under_a_url_can_be_linked_to(tmp_path: Path, releases: Releases, server: HttpServer) -> None:
    make_release(tmp_path, "widget", "1.0.0")
    server.folder("/r/", tmp_path)
    (release,) = releases.sight(entry(server.url("/r"), "1.0.0")).releases
    assert releases.url(release, "a+b.zip") == server.url("/r/a%2Bb.zip")
    (release,) = releases.sight(entry(tmp_path)).releases
    with pytest.raises(InputError) as caught:
        releases.url(release, "a.zip")
    assert caught.value.code is codes.NOTHING_TO_LINK


def test_sums_that_disagree_with_themselves_are_a_problem(tmp_path: Path, releases: Releases) -> None:
    sums = sums_document({"a.zip": b"1"}) + sums_document({"a.zip": b"2"})
    (tmp_path / "terraform-provider-widget_1.0.0_SHA256SUMS").write_bytes(sums)
    assert problem(releases.sight(entry(tmp_path))).code is verify_codes.SUMS_DISAGREE

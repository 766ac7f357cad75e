"""What is made of what other registries and mirrors say: constraints, repositories, files, and digests compared."""

from __future__ import annotations

import pytest

from registry_gen.catalog.format import format_file
from registry_gen.catalog.key_order import ORDERS
from registry_gen.catalog.layout_files import catalog_files
from registry_gen.errors import InputError
from registry_gen.model.address import MirrorAddress, Platform, module_address, provider_address
from registry_gen.model.digest import Commit, Sha256
from registry_gen.model.facts import SigningKey
from registry_gen.model.imported import ImportedArchives, ImportedModule, ImportedProvider
from registry_gen.model.version import Version, parse_constraints, parse_version
from registry_gen.sources.other_modules import GitPlace, read_location, read_other_module
from registry_gen.sources.taking import Taking, just_these, mirror_of, named
from tests.support.entries import LINUX

MIRRORED = MirrorAddress("registry.example.com", "acme", "widget")
NETWORK = module_address("acme", "network", "aws")
WIDGET = provider_address("acme", "widget")
ZH = Sha256("0123456789abcdef" * 4)
COMMIT = Commit("0123456789abcdef0123456789abcdef01234567")
GIT = "git::https://git.example.com/acme/network.git"
KEY = SigningKey("AB" * 20, "armor")


def versions(*texts: str) -> list[Version]:
    return [parse_version(text) for text in texts]


@pytest.mark.parametrize(
    ("have", "offered", "constraint"),
    [
        (["1.0.0"], ["0.9.0", "1.0.0", "1.1.0"], "1.0.0"),
        (["1.0.0-rc.1"], [], "1.0.0-rc.1"),
        (["2.0.0", "1.0.0"], ["0.9.0", "1.0.0", "2.0.0", "3.0.0"], ">= 1.0.0, <= 2.0.0"),
        (["1.0.0", "2.0.0"], ["1.1.0", "1.2.0-rc.1", "1.3.0+x"], ">= 1.0.0, <= 2.0.0, != 1.1.0"),
        (["1.0.0", "2.0.0-rc.1"], ["1.2.0-rc.1"], ">= 1.0.0, <= 2.0.0-rc.1, != 1.2.0-rc.1"),
    ],
)
def test_a_constraint_has_just_the_versions_of_a_tree(have: list[str], offered: list[str], constraint: str) -> None:
    assert just_these(versions(*have), versions(*offered)) == (constraint, 0)
    read = parse_constraints(constraint)
    plain = all(not version.is_prerelease for version in versions(*have))
    wanted = {each for each in versions(*have, *offered) if (read.allows if plain else read.covers)(each)}
    assert {each for each in wanted if not each.build} == set(versions(*have))


def test_more_versions_between_than_a_constraint_can_leave_out_are_told() -> None:
    taking = Taking()
    have = {version: {LINUX: ZH} for version in versions("1.0.0", "1.50.0")}

    mirror_of(taking, MIRRORED, have, [KEY], versions(*(f"1.{minor}.0" for minor in range(51))))

    (told,) = taking.taken().layout.problems
    assert (told.code.id, told.found) == ("IMP024", "19 other versions between 1.0.0 and 1.50.0")
    assert MIRRORED in taking.packages


def test_a_mirror_without_a_key_or_without_a_zip_is_not_taken() -> None:
    taking = Taking()
    mirror_of(taking, MIRRORED, {Version(1, 0, 0): {LINUX: ZH}}, [], ())
    mirror_of(taking, MIRRORED, {Version(1, 0, 0): {}}, [KEY], ())

    assert [problem.code.id for problem in taking.taken().layout.problems] == ["CAT026", "IMP009"]
    assert taking.taken().layout.packages == {}
    assert taking.taken().layout.keys == {}, "a key that no package needs is left out"


def test_digests_are_compared_by_name_and_each_that_differs_or_is_not_signed_is_told() -> None:
    taking = Taking()
    arm = Platform("linux", "arm64")
    mac = Platform("darwin", "arm64")
    said = named("widget", Version(1, 0, 0), {LINUX: ZH, arm: ZH, mac: ZH})
    signed = {"terraform-provider-widget_1.0.0_linux_amd64.zip": ZH}
    signed["terraform-provider-widget_1.0.0_linux_arm64.zip"] = Sha256("f" * 64)

    taking.compare("acme/widget 1.0.0", said, signed)

    assert taking.compared.equal == 1
    assert [(problem.where.rpartition("_1.0.0_")[2], problem.expected) for problem in taking.compared.different] == [
        ("darwin_arm64.zip", "a line in SHA256SUMS"),
        ("linux_arm64.zip", f"{'f' * 64} in SHA256SUMS"),
    ]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (f"{GIT}?ref=v1.0.0", GitPlace("https://git.example.com/acme/network.git", "", "v1.0.0")),
        (
            f"{GIT}//modules/vpc?ref={COMMIT}",
            GitPlace("https://git.example.com/acme/network.git", "modules/vpc", COMMIT),
        ),
        ("git::ssh://git@host.example/a/b.git?depth=1&ref=1", GitPlace("ssh://git@host.example/a/b.git", "", "1")),
        ("github.com/acme/network?ref=v1", GitPlace("https://github.com/acme/network", "", "v1")),
    ],
)
def test_an_address_of_go_getter_is_a_repository_a_folder_and_a_ref(text: str, place: GitPlace) -> None:
    assert read_location(text) == place


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("https://dl.example.com/network.tar.gz?archive=tar.gz", "IMP020"),
        (GIT, "IMP020"),
        (f"{GIT}?ref=v1&ref=v2", "IMP020"),
        ("git::git@host.example:a/b.git?ref=v1", "IMP020"),
        ("git::file:///etc?ref=v1", "CAT020"),
        ("git::ext::sh -c x?ref=v1", "IMP020"),
        ("git::https://user:secret@host.example/a.git?ref=v1", "CAT021"),
        (f"{GIT}//../../etc?ref=v1", "CAT023"),
        ("s3::https://s3.amazonaws.com/bucket/x.zip", "IMP020"),
    ],
)
def test_an_address_that_is_no_repository_is_refused_and_no_secret_is_shown(text: str, code: str) -> None:
    with pytest.raises(InputError) as caught:
        read_location(text)
    assert caught.value.code.id == code
    assert "secret" not in str(caught.value)


def test_a_module_is_the_repository_of_most_versions_with_the_patterns_of_its_tags() -> None:
    read = read_other_module(
        NETWORK,
        {
            Version(1, 0, 0): f"{GIT}//aws?ref=aws/v1.0.0",
            Version(1, 1, 0): f"{GIT}//aws?ref={COMMIT}",
            Version(1, 2, 0): "git::https://elsewhere.example/x.git?ref=v1.2.0",
            Version(1, 3, 0): f"{GIT}//aws?ref=aws/v11.3.0",
            Version(1, 4, 0): f"{GIT}//aws?ref=..1.4.0",
        },
        "acme/network/aws",
    )

    assert [f"{problem.where} {problem.code}" for problem in read.problems] == [
        "acme/network/aws 1.3.0 IMP020",
        "acme/network/aws 1.4.0 IMP020",
        "acme/network/aws 1.2.0 IMP005",
    ]
    assert read.package is not None
    assert (read.package.folder, read.package.patterns) == ("aws", ("aws/v{version}",))
    assert read.package.tags == {Version(1, 0, 0): "aws/v1.0.0"}
    assert read.package.pins == {Version(1, 1, 0): COMMIT}


def test_every_kind_of_file_has_the_form_that_fmt_gives() -> None:
    taking = Taking()
    both = versions("1.0.0", "1.1.0-rc.1")
    mirror_of(taking, MIRRORED, {version: {LINUX: ZH} for version in both}, [KEY], ())
    git = "https://git.example.com/a.git"
    taking.packages[NETWORK] = ImportedModule(
        NETWORK, git, frozenset(both), {}, "modules/vpc", ("vpc/v{version}",), {both[0]: COMMIT}, "copy"
    )
    other = module_address("acme", "other", "aws")
    taking.packages[other] = ImportedArchives(other, "/srv/x", "x-{version}.tar.gz", frozenset(both))
    zips, paths = {version: {LINUX: ZH} for version in both}, taking.add_keys(WIDGET, [KEY])
    taking.packages[WIDGET] = ImportedProvider(WIDGET, "/srv/x", zips, paths, hosting="copy", listed=False)

    files = [file for file in catalog_files(taking.taken().layout, allow_unpinned=False) if file.package]

    assert len(files) == 4
    for file in files:
        order = ORDERS[file.path.split("/")[0].removesuffix("s")]
        assert format_file(file.data, file.path, order) == file.data


def test_a_file_that_an_import_of_fewer_pinned_versions_wrote_is_followed() -> None:
    def file_of(*found: Version) -> bytes:
        taking = Taking()
        pins = dict.fromkeys(found, COMMIT)
        taking.packages[NETWORK] = ImportedModule(NETWORK, GIT, frozenset(found), {}, "", (), pins, "copy")
        (file,) = catalog_files(taking.taken().layout, allow_unpinned=False)
        assert file.follows(first) is (len(found) > 1)
        return file.data

    first = b""
    first = file_of(Version(1, 0, 0))
    file_of(Version(1, 0, 0), Version(1, 1, 0))

"""The layout of OpenTofu's registry: what is taken of it, and what is refused and why."""

from __future__ import annotations

import json
import time

import pytest

from registry_gen.catalog.format import format_file
from registry_gen.catalog.identity import identify
from registry_gen.catalog.key_order import ORDERS
from registry_gen.catalog.layout import read_layout
from registry_gen.catalog.layout_files import NewFile, catalog_files, part_of
from registry_gen.errors import InputError
from registry_gen.model.address import Platform, module_address, provider_address
from registry_gen.model.entries import ModuleEntry, ProviderEntry
from registry_gen.model.facts import Hosting, SigningKey
from registry_gen.model.imported import ImportedModule, ImportedProvider
from registry_gen.model.version import Version
from tests.support.catalogs import BAD_KEY, load, problems
from tests.support.layouts import HOST, ZH, key, module, provider, read, refused, release

NETWORK = module_address("acme", "network", "aws")
WIDGET = provider_address("acme", "widget")
MODULE = "modules/a/acme/network/aws.json"
PROVIDER = "providers/a/acme/widget.json"


def test_a_module_is_its_repository_and_the_tag_of_each_version() -> None:
    layout = read(module("acme/network/aws", "v1.1.0", "1.0.0"))

    found = layout.packages[NETWORK]
    assert found == ImportedModule(
        NETWORK,
        "https://github.com/acme/terraform-aws-network",
        frozenset({Version(1, 0, 0), Version(1, 1, 0)}),
        {Version(1, 0, 0): "1.0.0", Version(1, 1, 0): "v1.1.0"},
    )
    assert layout.problems == ()


def test_a_version_that_two_tags_name_waits_for_their_commits() -> None:
    layout = read(module("acme/network/aws", "v1.0.0", "1.0.0", "v1.1.0", "v1.1.0"))

    found = layout.packages[NETWORK]
    assert isinstance(found, ImportedModule)
    assert found.tags == {Version(1, 1, 0): "v1.1.0"}
    assert found.versions == {Version(1, 0, 0), Version(1, 1, 0)}
    assert refused(layout) == [f"{MODULE} 1.0.0 IMP007"]


@pytest.mark.parametrize(
    ("tag", "code"), [("v1.0", "VER001"), ("9", "VER001"), ("1.0.0+build", "IMP006"), ("../../x", "VER001")]
)
def test_a_tag_that_is_no_version_is_refused_and_stops_no_other(tag: str, code: str) -> None:
    layout = read(module("acme/network/aws", tag, "1.0.0"))

    assert refused(layout) == [f"{MODULE} {tag} {code}"]
    assert NETWORK in layout.packages


def test_a_module_without_any_version_left_is_not_taken() -> None:
    layout = read(module("acme/network/aws", "v1.0"))

    assert refused(layout) == [f"{MODULE} IMP009", f"{MODULE} v1.0 VER001"]
    assert layout.packages == {}


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("modules/a/acme/nimnews.tf/aws.json", "ADR001"),
        ("modules/a/acme/../aws.json", "ADR001"),
        ("modules/a/acme/network/aws.yaml", "IMP001"),
        ("modules/z/acme/network/aws.json", "IMP001"),
        ("modules/a/acme/acme/network/aws.json", "IMP001"),
        ("providers/a/a--b/widget.json", "ADR001"),
        ("keys/a/acme/../../x/y.asc", "IMP001"),
        ("keys/a/acme/$(touch x)/y.asc", "ADR001"),
        ("modules/acme.json", "IMP001"),
        ("modules/\u212a/\u212aube/network/aws.json", "IMP001"),
    ],
)
def test_a_path_is_an_address_or_it_is_refused(path: str, code: str) -> None:
    layout = read((path, module("acme/network/aws", "1.0.0")[1]))

    assert refused(layout) == [f"{path} {code}"]
    assert layout.packages == {}


def test_folders_in_two_letter_cases_are_one_package_where_they_say_the_same() -> None:
    layout = read(module("acme/network/aws", "1.0.0"), module("Acme/network/aws", "1.0.0"))

    assert list(layout.packages) == [NETWORK]
    assert layout.problems == ()


def test_folders_in_two_letter_cases_that_differ_are_both_refused() -> None:
    layout = read(module("acme/network/aws", "1.0.0"), module("Acme/network/aws", "1.0.1"))

    assert layout.packages == {}
    assert refused(layout) == [f"{MODULE} IMP003"]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{}",
        b'{"versions": {}}',
        b'{"versions": [{"version": 1}]}',
        b'{"versions": [{"version": "' + b"1" * 5_000 + b'"}]}',
        b'{"versions": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"versions": [' + b'{"version": "1.0.0"},' * 10_001 + b'{"version": "1.0.0"}]}',
        b"\xff\xfe",
    ],
)
def test_a_file_of_another_shape_is_refused_as_a_whole(data: bytes) -> None:
    layout = read((MODULE, data), module("acme/other/aws", "1.0.0"))

    assert refused(layout) == [f"{MODULE} IMP002"]
    assert list(layout.packages) == [module_address("acme", "other", "aws")]


def test_a_provider_is_the_place_of_its_releases_and_the_digests_of_their_zips() -> None:
    layout = read(
        key("acme"),
        key("acme/widget", "FFFF"),
        provider("acme/widget", release("1.0.0", "linux_amd64", "darwin_arm64")),
    )

    assert layout.packages[WIDGET] == ImportedProvider(
        WIDGET,
        f"{HOST}/v{{version}}",
        {Version(1, 0, 0): {Platform("linux", "amd64"): ZH, Platform("darwin", "arm64"): ZH}},
        ("acme/abcd.asc", "acme/widget/ffff.asc"),
    )
    assert layout.keys == {"acme/abcd.asc": "ABCD", "acme/widget/ffff.asc": "FFFF"}
    assert layout.problems == ()


def test_a_provider_without_a_key_is_not_taken_because_nobody_could_install_it() -> None:
    layout = read(key("other"), provider("acme/widget", release("1.0.0")))

    assert refused(layout) == [f"{PROVIDER} CAT026"]
    assert layout.packages == {}
    assert layout.keys == {}


def test_a_key_that_cannot_be_used_is_refused_and_the_others_are_taken() -> None:
    layout = read(key("acme", "bad", "a.asc"), key("acme", "ABCD", "b.asc"), provider("acme/widget", release("1.0.0")))

    assert refused(layout) == ["keys/a/acme/a.asc SIG999"]
    assert list(layout.keys) == ["acme/abcd.asc"]


def test_a_key_that_is_no_text_and_one_that_is_huge_are_refused() -> None:
    layout = read(("keys/a/acme/a.asc", b"\xff"), ("keys/a/acme/b.asc", b"x" * 300_000))

    assert refused(layout) == ["keys/a/acme/a.asc CAT002", "keys/a/acme/b.asc CAT003"]


@pytest.mark.parametrize(
    "change",
    [
        {"shasums_url": "https://elsewhere.example.com/terraform-provider-widget_1.0.0_SHA256SUMS"},
        {"shasums_url": f"{HOST}/v1.0.0/SHA256SUMS"},
        {"shasums_signature_url": f"{HOST}/v1.0.0/terraform-provider-widget_1.0.0_SHA256SUMS.asc"},
    ],
)
def test_a_release_whose_documents_are_not_side_by_side_is_refused(change: dict[str, str]) -> None:
    layout = read(key("acme"), provider("acme/widget", release("1.0.0", **change), release("1.1.0")))

    assert refused(layout) == [f"{PROVIDER} 1.0.0 IMP004"]
    found = layout.packages[WIDGET]
    assert isinstance(found, ImportedProvider)
    assert list(found.zips) == [Version(1, 1, 0)]


@pytest.mark.parametrize("member", ["shasums_url", "shasums_signature_url"])
@pytest.mark.parametrize(
    "place", ["https://u:s3cret@h.example/x", "https://h.example/x?key=s3cret", "https://u:s3cret?x@h.example/x"]
)
def test_what_could_be_a_secret_in_an_address_is_not_repeated(member: str, place: str) -> None:
    name = "terraform-provider-widget_1.0.0_SHA256SUMS"
    change = {member: f"{place}/{name}.sig" if member == "shasums_signature_url" else f"{place}/{name}"}
    layout = read(key("acme"), provider("acme/widget", release("1.0.0", **change)))

    assert layout.packages == {}
    assert "s3cret" not in "".join(map(str, layout.problems))


def test_a_zip_with_another_name_place_or_digest_is_refused_alone() -> None:
    made = release("1.0.0", "linux_amd64", "linux_arm64", "linux_arm", "linux_386")
    made["targets"][1]["filename"] = "widget.zip"
    made["targets"][2]["download_url"] = "https://elsewhere.example.com/terraform-provider-widget_1.0.0_linux_arm.zip"
    made["targets"][3]["shasum"] = "short"
    layout = read(key("acme"), provider("acme/widget", made))

    assert refused(layout) == [
        f"{PROVIDER} 1.0.0 linux_386 ADR003",
        f"{PROVIDER} 1.0.0 linux_arm IMP004",
        f"{PROVIDER} 1.0.0 linux_arm64 IMP004",
    ]
    found = layout.packages[WIDGET]
    assert isinstance(found, ImportedProvider)
    assert found.zips == {Version(1, 0, 0): {Platform("linux", "amd64"): ZH}}


@pytest.mark.parametrize(
    ("base", "code"),
    [
        ("http://github.com/acme/terraform-provider-widget/releases/download/v1.0.0", "CAT020"),
        ("file:///etc", "CAT020"),
        ("ext::sh -c touch", "CAT020"),
        ("https://user:secret@github.com/acme/x/v1.0.0", "CAT021"),
        ("/srv/releases/1.0.0", "CAT020"),
        ("https://github.com/{version}/x", "CAT020"),
    ],
)
def test_a_place_that_sources_may_not_come_from_is_refused(base: str, code: str) -> None:
    layout = read(key("acme"), provider("acme/widget", release("1.0.0", base=base), release("1.1.0")))

    assert refused(layout) == [f"{PROVIDER} 1.0.0 {code}"]
    assert "secret" not in str(layout.problems[0])


def test_a_version_that_is_there_twice_is_taken_once_where_both_are_equal() -> None:
    same = release("1.0.0", "linux_amd64")
    layout = read(key("acme"), provider("acme/widget", same, {**same, "version": "v1.0.0"}))

    found = layout.packages[WIDGET]
    assert isinstance(found, ImportedProvider)
    assert list(found.zips) == [Version(1, 0, 0)]
    assert layout.problems == ()


def test_a_version_that_is_there_twice_and_differently_is_refused() -> None:
    layout = read(
        key("acme"), provider("acme/widget", release("1.0.0"), release("1.0.0", zh="f" * 64), release("1.1.0"))
    )

    assert refused(layout) == [f"{PROVIDER} 1.0.0 IMP003"]
    found = layout.packages[WIDGET]
    assert isinstance(found, ImportedProvider)
    assert list(found.zips) == [Version(1, 1, 0)]


def test_one_platform_with_two_digests_refuses_its_version() -> None:
    made = release("1.0.0", "linux_amd64", "linux_amd64")
    made["targets"][1]["shasum"] = "f" * 64
    layout = read(key("acme"), provider("acme/widget", made, release("1.1.0")))

    assert refused(layout) == [f"{PROVIDER} 1.0.0 IMP003"]


def test_the_place_with_the_most_versions_is_taken_and_the_others_are_told() -> None:
    bare = f"{HOST}/1.0.0"
    layout = read(key("acme"), provider("acme/widget", release("1.0.0", base=bare), release("1.1.0"), release("1.2.0")))

    found = layout.packages[WIDGET]
    assert isinstance(found, ImportedProvider)
    assert found.releases == f"{HOST}/v{{version}}"
    assert refused(layout) == [f"{PROVIDER} 1.0.0 IMP005"]


def test_an_owner_that_was_written_in_two_letter_cases_on_github_is_one_place() -> None:
    other = f"{HOST}/v1.0.0".replace("acme", "Acme")
    layout = read(
        key("acme"), provider("acme/widget", release("1.0.0", base=other), release("1.1.0"), release("1.2.0"))
    )

    found = layout.packages[WIDGET]
    assert isinstance(found, ImportedProvider)
    assert len(found.zips) == 3
    assert layout.problems == ()


def test_warnings_become_the_notice_and_one_that_could_steer_a_terminal_is_refused() -> None:
    kept = read(key("acme"), provider("acme/widget", release("1.0.0"), warnings=["Deprecated.", "Use x/y."]))
    steering = read(key("acme"), provider("acme/widget", release("1.0.0"), warnings=["\x1b[2J"]))

    found, other = kept.packages[WIDGET], steering.packages[WIDGET]
    assert isinstance(found, ImportedProvider)
    assert isinstance(other, ImportedProvider)
    assert found.warning == "Deprecated. Use x/y."
    assert other.warning == ""
    assert refused(steering) == [f"{PROVIDER} warnings CAT008"]


def test_the_files_that_are_written_say_what_was_read() -> None:
    layout = read(
        key("acme"),
        module("acme/network/aws", "v1.1.0-rc.1", "0.0.0-alpha"),
        provider("acme/widget", release("1.0.0"), release("1.1.0-rc1"), warnings=['Say "no": # €.']),
    )

    files = {file.path: file.data for file in catalog_files(layout, allow_unpinned=False)}
    loaded = load(files)

    assert problems(loaded) == []
    for path, data in files.items():
        order = ORDERS.get(identify(path).kind)
        assert order is None or format_file(data, path, order) == data, "formatting hides no file from an import"
    network, widget = loaded.catalog.entries[NETWORK], loaded.catalog.entries[WIDGET]
    assert isinstance(network, ModuleEntry)
    assert isinstance(widget, ProviderEntry)
    assert (network.hosting, widget.hosting) == (Hosting.LINK, Hosting.LINK)
    assert network.wants(Version(0, 0, 0, ("alpha",)))
    assert network.wants(Version(1, 1, 0, ("rc", "1")))
    assert widget.wants(Version(1, 1, 0, ("rc1",)))
    assert widget.source.versions == (Version(1, 0, 0), Version(1, 1, 0, ("rc1",)))
    assert [key.fingerprint for key in widget.signing_keys] == ["ABCD"]
    assert [warning.message for warning in widget.deprecated] == ['Say "no": # €.']


def test_the_same_layout_is_read_alike_in_any_order_of_its_entries() -> None:
    releases = [release("1.0.0"), release("1.1.0"), release("1.2.0", base=f"{HOST}/1.2.0")]
    there = read(key("acme"), provider("acme/widget", *releases), module("acme/network/aws", "1.0.0", "v1.1.0"))
    back = read(key("acme"), provider("acme/widget", *releases[::-1]), module("acme/network/aws", "v1.1.0", "1.0.0"))

    assert list(catalog_files(there, allow_unpinned=False)) == list(catalog_files(back, allow_unpinned=False))
    assert json.dumps(refused(there)) == json.dumps(refused(back))


def test_a_file_with_thousands_of_problems_fills_neither_the_report_nor_the_day() -> None:
    tags = [f"v{number}" for number in range(5_000)]
    releases = [release(f"1.{number}.0", base=f"{HOST}/x{number}/{number}") for number in range(5_000)]
    started = time.monotonic()

    layout = read(key("acme"), module("acme/network/aws", "1.0.0", *tags), provider("acme/widget", *releases))

    assert time.monotonic() - started < 30
    assert len(layout.problems) == 202
    assert {problem.detail for problem in layout.problems if problem.code.id == "CAT003"} == {
        "4900 more problems in this file",
        "4899 more problems in this file",
    }
    assert layout.packages.keys() == {NETWORK, WIDGET}


@pytest.mark.parametrize(
    "file",
    [
        ("modules/a/acme/network/aws.json", b'{"versions": [' + b"1," * 1_000_000 + b"1]}"),
        ("providers/a/acme/widget.json", b'{"versions": [' + b"{}," * 500_000 + b"{}]}"),
        ("providers/a/acme/widget.json", b'{"versions": [], "warnings": [' + b"1," * 1_000_000 + b"1]}"),
    ],
    ids=["numbers", "empty versions", "warnings"],
)
def test_a_list_of_wrong_items_is_read_up_to_the_first(file: tuple[str, bytes]) -> None:
    """A problem was made of each: a file of 16 MB took more memory than a machine has."""
    started = time.monotonic()

    assert refused(read(file)) == [f"{file[0]} IMP002"]
    assert time.monotonic() - started < 2


def test_problems_of_a_layout_are_counted_beyond_what_a_person_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("registry_gen.catalog.layout.MAX_TOLD", 5)
    layout = read(*(module(f"acme/n{number}/aws", "1.0.0", "x") for number in range(8)))

    assert len(layout.packages) == 8
    assert [problem.code.id for problem in layout.problems] == ["VER001"] * 5 + ["CAT003"]
    assert layout.problems[-1].detail == "3 more problems in other files"


def test_a_provider_without_any_version_left_is_not_taken() -> None:
    layout = read(key("acme"), provider("acme/widget", release("1.0.0+build"), release("0.1")))

    assert refused(layout) == [f"{PROVIDER} IMP009", f"{PROVIDER} 0.1 VER001", f"{PROVIDER} 1.0.0+build IMP006"]
    assert layout.packages == {}


def test_a_version_without_any_zip_left_is_refused() -> None:
    made = release("1.0.0")
    made["targets"][0]["filename"] = "widget.zip"
    layout = read(key("acme"), provider("acme/widget", made, release("1.1.0")))

    assert refused(layout) == [f"{PROVIDER} 1.0.0 IMP009", f"{PROVIDER} 1.0.0 linux_amd64 IMP004"]


@pytest.mark.parametrize(
    "base", ["https://releases.example.com/Widget/", "https://github.com/", "https://github.com/x/"]
)
def test_releases_elsewhere_than_in_a_repository_on_github_are_taken_as_they_are_written(base: str) -> None:
    layout = read(key("acme"), provider("acme/widget", release("1.0.0", base=f"{base}1.0.0")))

    found = layout.packages[WIDGET]
    assert isinstance(found, ImportedProvider)
    assert found.releases == f"{base}{{version}}"


def test_one_key_in_two_states_is_told_and_the_first_is_taken() -> None:
    def renewed(text: str, _: str) -> SigningKey:
        return SigningKey("ABCD", text)

    files = [key("acme", "old", "a.asc"), key("acme", "new", "b.asc"), provider("acme/widget", release("1.0.0"))]
    layout = read_layout(files, renewed)

    assert refused(layout) == ["keys/a/acme/b.asc IMP003"]
    assert layout.keys == {"acme/abcd.asc": "old"}


def test_a_file_that_could_not_be_read_is_told_and_stops_no_other() -> None:
    layout = read((MODULE, InputError(BAD_KEY)), module("acme/other/aws", "1.0.0"))

    assert refused(layout) == [f"{MODULE} SIG999"]
    assert list(layout.packages) == [module_address("acme", "other", "aws")]


def files(*told: tuple[str, bytes], allow_unpinned: bool = False) -> dict[str, NewFile]:
    return {file.path: file for file in catalog_files(read(*told), allow_unpinned=allow_unpinned)}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (provider("acme/widget", release("1.0.0")), provider("acme/widget", release("1.0.0"), release("1.1.0-rc1"))),
        (module("acme/network/aws", "v1.0.0"), module("acme/network/aws", "v1.0.0", "v1.1.0-rc1")),
        (module("acme/network/aws", "v1.0.0"), module("acme/network/aws", "v0.0.0-rc1")),
        (module("acme/network/aws", "v1.1.0-rc1"), module("acme/network/aws", "v1.1.0-rc1", "v0.0.0-rc1")),
    ],
)
def test_a_file_follows_what_an_import_of_fewer_versions_wrote_and_nothing_else(
    before: tuple[str, bytes], after: tuple[str, bytes]
) -> None:
    earlier, later = files(key("acme"), before), files(key("acme"), after)
    (path,) = (path for path in earlier if path.endswith(".yaml"))
    found = earlier[path].data

    assert later[path].follows(found)
    assert not later[path].follows(later[path].data)
    assert not earlier[path].follows(later[path].data)
    for changed in (b"", found[:-1], found + b"# mine", found.replace(b"hosting: link\n", b""), b"\xff" + found[1:]):
        assert not later[path].follows(changed)


def test_a_file_never_follows_one_with_other_answers_or_another_key() -> None:
    with_one, with_other = key("acme", "AAAA"), key("acme", "BBBB")
    first, more = release("1.0.0"), release("1.1.0")
    path = "providers/acme/widget.yaml"
    found = files(with_one, provider("acme/widget", first))[path].data

    assert not files(with_other, provider("acme/widget", first, more))[path].follows(found)
    assert not files(with_one, provider("acme/widget", first, more, warnings=["Gone."]))[path].follows(found)
    path = "modules/acme/network/aws.yaml"
    found = files(module("acme/network/aws", "v1.0.0"))[path].data
    newer = module("acme/network/aws", "v1.0.0", "v1.1.0-rc1")
    assert not files(newer, allow_unpinned=True)[path].follows(found)


def test_a_key_follows_no_other() -> None:
    (path,) = (path for path in files(key("acme"), provider("acme/widget", release("1.0.0"))) if path.endswith(".asc"))
    made = files(key("acme"), provider("acme/widget", release("1.0.0")))[path]

    assert not made.follows(b"")


def test_the_part_of_a_layout_is_what_has_its_file() -> None:
    layout = read(key("acme"), provider("acme/widget", release("1.0.0")), module("acme/network/aws", "v1.0.0"))

    part = part_of(layout, {"providers/acme/widget.yaml"})

    assert [str(address) for address in part.packages] == ["acme/widget"]
    assert part.keys == {}
    assert part_of(layout, {file.path for file in catalog_files(layout, allow_unpinned=True)}) == layout

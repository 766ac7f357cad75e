from __future__ import annotations

import pytest

from registry_gen.catalog import codes
from registry_gen.errors import InputError, Position
from registry_gen.model.address import MirrorAddress, ModuleAddress, Platform, ProviderAddress, parse_address
from registry_gen.model.digest import Commit
from registry_gen.model.entries import ArchiveSource, GitSource, MirrorEntry, ModuleEntry, ProviderEntry, ReleaseSource
from registry_gen.model.facts import Deprecation, Hosting, SigningKey
from registry_gen.model.version import ANY, Version, parse_constraints
from tests.support.catalogs import GIT, REGISTRY, config, load, one_problem, problems

MODULE = "modules/acme/network/aws.yaml"
PROVIDER = "providers/acme/widget.yaml"
MIRROR = "mirrors/registry.terraform.io/hashicorp/random.yaml"
COMMIT = Commit("0123456789012345678901234567890123456789")
FOLDER = "source: {releases: ./releases}\n"


def test_a_module_of_a_repository_with_all_its_keys() -> None:
    text = f"""\
source:
  git: ./sources/network.git
  path: modules/network/
  tags: ["network/v{{version}}"]
  pins: {{1.10.0: {COMMIT}}}
versions: "~> 1.2"
hosting: link
deprecated: |
  Use acme/other/aws.
"""
    loaded = load({MODULE: text})

    assert problems(loaded) == []
    address = ModuleAddress("acme", "network", "aws")
    entry = loaded.catalog.entries[address]
    assert isinstance(entry, ModuleEntry)
    assert entry.address == address
    assert entry.position == Position("catalog/" + MODULE)
    assert entry.source == GitSource(
        "file:///srv/registry/sources/network.git",
        "modules/network",
        ("network/v{version}",),
        {Version(1, 10, 0): COMMIT},
    )
    assert entry.versions == parse_constraints("~> 1.2")
    assert entry.hosting is Hosting.LINK
    assert entry.deprecated == (Deprecation("Use acme/other/aws."),)


def test_a_module_needs_its_source_only() -> None:
    entry = load({MODULE: GIT}).catalog.entries[parse_address("acme/network/aws")]

    assert isinstance(entry, ModuleEntry)
    assert entry.source == GitSource("https://git.example.com/network.git", "", ("v{version}", "{version}"), {})
    assert (entry.versions, entry.hosting, entry.deprecated) == (ANY, Hosting.COPY, ())
    assert (entry.withdrawn, entry.retention) == ((), None)


@pytest.mark.parametrize(
    ("written", "read"),
    [("./built", "/srv/registry/built/"), ("https://example.com/built/", "https://example.com/built/")],
)
def test_a_module_of_archives(written: str, read: str) -> None:
    loaded = load({MODULE: f'source: {{archives: {written}, pattern: "network-{{version}}.tar.gz"}}'})

    assert problems(loaded) == []
    [entry] = loaded.catalog.entries.values()
    assert isinstance(entry, ModuleEntry)
    assert entry.source == ArchiveSource(read, "network-{version}.tar.gz")


def test_a_version_is_never_a_number() -> None:
    [entry] = load({MODULE: GIT + "versions: 1.10\n"}).catalog.entries.values()

    assert str(entry.versions) == "= 1.10.0"


def test_a_provider_with_all_its_keys() -> None:
    text = """\
source: {releases: "https://example.com/v{version}", versions: ["1.0.0", 1.1.0]}
versions: "< 2"
signing_keys: [acme/two.asc, acme/one.asc]
platforms: [linux_amd64, darwin_arm64]
protocols: [5.0, "6.0"]
hosting: link
deprecated: Old.
"""
    loaded = load({PROVIDER: text, "keys/acme/one.asc": "AA", "keys/acme/two.asc": "BB"})

    assert problems(loaded) == []
    [entry] = loaded.catalog.entries.values()
    assert isinstance(entry, ProviderEntry)
    assert entry.address == ProviderAddress("acme", "widget")
    assert entry.source == ReleaseSource("https://example.com/v{version}", (Version(1, 0, 0), Version(1, 1, 0)))
    assert entry.signature == "publisher"
    assert entry.signing_keys == (SigningKey("AA", "AA"), SigningKey("BB", "BB"))
    assert entry.platforms == (Platform("darwin", "arm64"), Platform("linux", "amd64"))
    assert entry.protocols == ("5.0", "6.0")
    assert (entry.hosting, entry.deprecated) == (Hosting.LINK, (Deprecation("Old."),))


def test_a_provider_without_keys_has_those_of_its_namespace() -> None:
    shared = {"namespaces/acme.yaml": "signing_keys: [acme/one.asc]", "keys/acme/one.asc": "AA"}
    loaded = load({PROVIDER: FOLDER, **shared})

    [entry] = loaded.catalog.entries.values()
    assert isinstance(entry, ProviderEntry)
    assert entry.signing_keys == (SigningKey("AA", "AA"),)


def test_a_provider_that_the_registry_signs_for_has_no_keys_of_a_publisher() -> None:
    shared = {"namespaces/acme.yaml": "signing_keys: [acme/one.asc]", "keys/acme/one.asc": "AA"}
    [entry] = load({PROVIDER: FOLDER + "signature: registry", **shared}).catalog.entries.values()

    assert isinstance(entry, ProviderEntry)
    assert (entry.signature, entry.signing_keys) == ("registry", ())


def test_a_mirror_with_all_its_keys() -> None:
    text = "trust: {keys: [m.asc]}\nversions: '>= 3.0'\nplatforms: [linux_amd64]\nhosting: copy\n"
    loaded = load({MIRROR: text, "keys/m.asc": "CC"})

    assert problems(loaded) == []
    [entry] = loaded.catalog.entries.values()
    assert isinstance(entry, MirrorEntry)
    assert entry.address == MirrorAddress("registry.terraform.io", "hashicorp", "random")
    assert entry.upstream == "https://registry.terraform.io"
    assert entry.trusted_keys == (SigningKey("CC", "CC"),)
    assert entry.platforms == (Platform("linux", "amd64"),)


def test_a_mirror_asks_where_registry_yaml_says() -> None:
    text = REGISTRY.replace("file]}", 'file], upstreams: {registry.terraform.io: "https://up.example.com/"}}')
    [entry] = load({MIRROR: "trust: {keys: [m.asc]}", "keys/m.asc": "CC"}, config(text)).catalog.entries.values()

    assert isinstance(entry, MirrorEntry)
    assert entry.upstream == "https://up.example.com"


@pytest.mark.parametrize(
    ("text", "place", "code", "said"),
    [
        ("", "1:1", "CAT007", "source"),
        ("- a", "1:1", "CAT008", "a mapping"),
        ("just text", "1:1", "CAT008", "a mapping"),
        (GIT + "hostign: copy", "2:1", "CAT006", "Did you mean hosting?"),
        (
            GIT + "members: []",
            "2:1",
            "CAT006",
            "Known keys: allow_unpinned, deprecated, hosting, prereleases, retention, source, versions, withdrawn",
        ),
        ("source: {git: https://h.x/y, pth: a}", "1:30", "CAT006", "Did you mean path?"),
        (
            "source: {archives: ./a, pattern: '{version}.zip', tgs: b}",
            "1:51",
            "CAT006",
            "Known keys: archives, pattern",
        ),
        ("source: {archives: ./a}", "1:1", "CAT007", "pattern"),
        ("source: {gti: https://h.x/y}", "1:1", "CAT007", "Did you mean git?"),
        ("source: https://h.x/y", "1:9", "CAT008", "a mapping with the key git or archives"),
        ("source:", "1:8", "CAT008", "found nothing"),
        (GIT + "hosting: lnik", "2:10", "CAT008", "Did you mean link?"),
        (GIT + "hosting: [link]", "2:10", "CAT008", "found a list"),
        (GIT + "hosting: true", "2:10", "CAT008", "the boolean true"),
        (GIT + "deprecated: true", "2:13", "CAT008", "quotes"),
        (GIT + "deprecated:", "2:12", "CAT008", "expected text; found nothing"),
        (GIT + "deprecated: ''", "2:13", "CAT008", "1 to 1000 characters"),
        (GIT + "versions: '=> 1.0'", "2:11", "VER002", "Did you mean '>= 1.0'?"),
        (GIT + "versions: [1.0]", "2:11", "CAT008", "found a list"),
        (GIT + "versions: true", "2:11", "CAT008", "the boolean true"),
        (GIT + "versions: 1.0\nversions: 2.0", "3:1", "CAT005", "line 2"),
        ("source: {git: https://h.x/y, pins: {v1.0.0: " + COMMIT + "}}", "1:37", "VER001", "Did you mean 1.0.0?"),
        ("source: {git: https://h.x/y, pins: {1.0.0: main}}", "1:44", "ADR003", "a full git commit"),
        ("source: {git: https://h.x/y, pins: [1.0.0]}", "1:36", "CAT008", "a mapping"),
        ("source: {git: https://h.x/y, tags: v}", "1:36", "CAT008", "a list"),
        ("source: {git: https://h.x/y, tags: []}", "1:36", "CAT008", "at least one"),
        ("source: {git: https://h.x/y, tags: [v]}", "1:37", "CAT022", "{version}"),
        ("source: {git: https://h.x/y, tags: ['{version}', '{version}']}", "1:36", "CAT008", "twice"),
        ("source: {git: https://h.x/y, path: ../x}", "1:36", "CAT023", "'../x'"),
        ("source: {git: 'ext::sh -c id'}", "1:15", "CAT020", "ext::sh"),
        ("source: {git: 'https://u:p@h.x/y'}", "1:15", "CAT021", "credentials"),
        ("source: {archives: ./a, pattern: '{version}.zip'}\nhosting: link", "2:10", "CAT024", "hosting: copy"),
        ("source: {git: https://h.x/y, archives: ./a}", "1:30", "CAT006", "archives"),
    ],
)
def test_a_problem_of_a_module_is_told_at_its_place(text: str, place: str, code: str, said: str) -> None:
    problem = one_problem(MODULE, text)

    assert str(problem).startswith(f"catalog/{MODULE}:{place}: {code} ")
    assert said in str(problem)


@pytest.mark.parametrize(
    ("text", "place", "code", "said"),
    [
        (FOLDER, "1:1", "CAT026", "signature: registry"),
        (FOLDER + "signing_keys: [acme/on.asc]", "2:16", "CAT025", "Did you mean acme/one.asc?"),
        (FOLDER + "signing_keys: [../one.asc]", "2:16", "CAT008", "beneath catalog/keys"),
        (FOLDER + "signature: registry\nplatforms: [linux-amd64]", "3:13", "ADR002", "os_arch"),
        (FOLDER + "signature: registry\nprotocols: [five]", "3:13", "CAT008", "5.0"),
        (FOLDER + "signing_keys: [acme/one.asc]\nhosting: link", "3:10", "CAT024", "hosting: copy"),
        (FOLDER + "signature: regsitry", "2:12", "CAT008", "Did you mean registry?"),
        ("source: {releases: ./r, versions: [1.0.0]}\nsignature: registry", "1:35", "CAT029", "a folder is searched"),
        ("source: {releases: https://h.x/r}\nsignature: registry", "1:20", "CAT007", "cannot be searched"),
        ("source: {releases: https://h.x/r, versions: [v1]}\nsignature: registry", "1:46", "VER001", "'v1'"),
        (
            "source: {releases: 'https://h.x/{ver}', versions: [1.0.0]}\nsignature: registry",
            "1:20",
            "CAT020",
            "{version}",
        ),
        (
            "source: {releases: https://h.x/r, versions: [1.0.0]}\nsignature: registry\nhosting: link",
            "2:12",
            "CAT029",
            "cannot sign",
        ),
    ],
)
def test_a_problem_of_a_provider_is_told_at_its_place(text: str, place: str, code: str, said: str) -> None:
    problem = one_problem(PROVIDER, text, one="AA")

    assert str(problem).startswith(f"catalog/{PROVIDER}:{place}: {code} ")
    assert said in str(problem)


@pytest.mark.parametrize(
    ("text", "place", "code"),
    [("", "1:1", "CAT007"), ("trust: {}", "1:1", "CAT007"), ("trust: {keys: []}", "1:15", "CAT008")],
)
def test_a_mirror_without_trust_is_a_problem(text: str, place: str, code: str) -> None:
    assert str(one_problem(MIRROR, text)).startswith(f"catalog/{MIRROR}:{place}: {code} ")


def test_a_mirror_of_the_registry_itself_is_a_problem() -> None:
    path = "mirrors/registry.example.com/acme/widget.yaml"

    assert one_problem(path, "trust: {keys: [acme/one.asc]}", one="AA").code is codes.OWN_MIRROR


@pytest.mark.parametrize(
    ("path", "code", "said"),
    [
        ("stray.txt", "CAT009", ""),
        ("module/a/b/aws.yaml", "CAT009", "Did you mean modules?"),
        ("rules/all.yaml", "CAT009", ""),
        ("modules/acme/network.yaml", "CAT009", "expected 3 names below modules/; found 2"),
        ("modules/a/b/c/d.yaml", "CAT009", "found 4"),
        ("mirrors/registry.terraform.io/hashicorp.yaml", "CAT009", "found 2"),
        ("modules/acme/network/aws.yml", "CAT009", "Rename it to aws.yaml"),
        ("modules/acme/network/yaml", "CAT009", ""),
        ("modules/acme/network/aws.json", "CAT009", ""),
        ("modules/Acme/network/aws.yaml", "CAT010", "Rename it to modules/acme/network/aws.yaml"),
        ("modules/acme/nétwork/aws.yaml", "CAT010", "lower-case letters of ASCII"),
        ("modules/" + "a" * 500 + "/b/c.yaml", "CAT010", ""),
        ("modules/acme/network/a-ws.yaml", "ADR001", "'a-ws'"),
        ("modules/acme/-network/aws.yaml", "ADR001", "'-network'"),
        ("modules/acme//aws.yaml", "ADR001", "''"),
        ("providers/acme/a--b.yaml", "ADR001", "'a--b'"),
        ("mirrors/localhost/acme/widget.yaml", "ADR001", "'localhost'"),
        ("mirrors/example.com:8443/acme/widget.yaml", "ADR001", "example.com:8443"),
        ("namespaces/-acme.yaml", "CAT008", "'-acme'"),
        ("keys/acme/release.gpg", "CAT008", ".asc"),
        ("keys/acme/Release.asc", "CAT010", "keys/acme/release.asc"),
    ],
)
def test_a_path_that_is_no_identity_is_a_problem(path: str, code: str, said: str) -> None:
    problem = one_problem(path, GIT)

    assert str(problem).startswith(f"catalog/{path}:1:1: {code} ".replace("//aws", "/aws"))
    assert said in str(problem)


@pytest.mark.parametrize("path", ["README.md", "modules/README.md", ".gitkeep", "keys/acme/.gitkeep", ".idea/a.yaml"])
def test_files_for_people_and_tools_are_left_alone(path: str) -> None:
    assert problems(load({path: b"\xff"})) == []


def test_paths_that_differ_in_case_only_are_told_and_the_well_spelt_one_stays() -> None:
    loaded = load(
        {MODULE: GIT, MODULE.upper().replace("MODULES", "modules"): GIT, "MODULES/acme/network/aws.yaml": GIT}
    )

    assert [problem.code.id for problem in loaded.problems] == ["CAT011", "CAT011"]
    assert list(map(str, loaded.catalog.entries)) == ["acme/network/aws"]


def test_every_problem_of_every_file_is_told_in_order_and_sound_files_stay() -> None:
    loaded = load(
        {
            PROVIDER: FOLDER + "signing_keys: [acme/none.asc]\nfoo: 1\nplatforms: [x]\n",
            MODULE: "source: {git: https://h.x/y, tags: [v]}\nhosting: x\nversions: y\nbar: 1\nbar: 2\n",
            "modules/acme/broken/aws.yaml": "a: [",
            "modules/acme/sound/aws.yaml": GIT,
            "stray": "",
        }
    )

    assert problems(loaded) == [
        "catalog/modules/acme/broken/aws.yaml:2:1 CAT001",
        f"catalog/{MODULE}:1:37 CAT022",
        f"catalog/{MODULE}:2:10 CAT008",
        f"catalog/{MODULE}:3:11 VER002",
        f"catalog/{MODULE}:4:1 CAT006",
        f"catalog/{MODULE}:5:1 CAT005",
        f"catalog/{PROVIDER}:2:16 CAT025",
        f"catalog/{PROVIDER}:3:1 CAT006",
        f"catalog/{PROVIDER}:4:13 ADR002",
        "catalog/stray:1:1 CAT009",
    ]
    assert list(map(str, loaded.catalog.entries)) == ["acme/sound/aws"]
    assert list(map(str, loaded.left_out)) == ["acme/broken/aws", "acme/network/aws", "acme/widget"]


def test_the_order_of_the_files_changes_nothing() -> None:
    files = {MODULE: GIT, PROVIDER: FOLDER, "keys/acme/one.asc": "bad", "organizations/a.yaml": "namespaces: [acme]"}
    backwards = dict(reversed(files.items()))

    one, other = load(files), load(backwards)

    assert one.catalog == other.catalog
    assert list(one.catalog.entries) == list(other.catalog.entries)
    assert list(map(str, one.problems)) == list(map(str, other.problems))


def test_a_bad_key_is_told_where_it_is_and_where_it_is_used() -> None:
    loaded = load({PROVIDER: FOLDER + "signing_keys: [acme/one.asc]", "keys/acme/one.asc": "bad"})

    assert problems(loaded) == ["catalog/keys/acme/one.asc:1:1 SIG999", f"catalog/{PROVIDER}:2:16 CAT025"]
    assert "has problems of its own" in str(loaded.problems[1])


@pytest.mark.parametrize("armor", [b"\x99\x01\xff", b"x" * 300_000])
def test_a_key_that_is_binary_or_huge_is_not_read(armor: bytes) -> None:
    [problem] = load({"keys/acme/one.asc": armor}).problems

    assert problem.code in (codes.TEXT, codes.LIMIT)
    assert problem.position == Position("catalog/keys/acme/one.asc")


def test_a_private_namespace_is_not_yet_supported_and_nothing_of_it_is_published() -> None:
    loaded = load({MODULE: GIT, "modules/other/network/aws.yaml": GIT, "namespaces/acme.yaml": "visibility: private"})

    assert problems(loaded) == ["catalog/namespaces/acme.yaml:1:13 CAT028"]
    assert list(map(str, loaded.catalog.entries)) == ["other/network/aws"]
    assert list(map(str, loaded.left_out)) == ["acme/network/aws"]


@pytest.mark.parametrize("text", ["visiblity: private", "signing_keys: [none.asc]", "[", "visibility: secret"])
def test_nothing_of_a_namespace_with_problems_is_published_and_they_are_told_once(text: str) -> None:
    loaded = load({MODULE: GIT, PROVIDER: FOLDER, "namespaces/acme.yaml": text})

    assert len(loaded.problems) == 1
    assert loaded.catalog.entries == {}


def test_a_namespace_has_one_owner() -> None:
    loaded = load(
        {
            MODULE: GIT,
            "organizations/one.yaml": "namespaces: [acme, other]",
            "organizations/two.yaml": "namespaces:\n- third\n- acme\n",
        }
    )

    assert problems(loaded) == ["catalog/organizations/two.yaml:3:3 CAT027"]
    assert "catalog/organizations/one.yaml" in loaded.problems[0].hint
    assert loaded.catalog.entries == {}


def test_an_organization_names_its_namespaces_in_their_spelling() -> None:
    loaded = load({"organizations/one.yaml": "namespaces: [Acme, acme, acme]\nmember: []"})

    assert problems(loaded) == [
        "catalog/organizations/one.yaml:1:14 CAT008",
        "catalog/organizations/one.yaml:2:1 CAT006",
    ]


def unreadable(path: str) -> InputError:
    return InputError(codes.UNREADABLE, position=Position(f"catalog/{path}"))


def test_an_unreadable_file_is_told_and_left_out() -> None:
    loaded = load({MODULE: unreadable(MODULE), "modules/acme/sound/aws.yaml": GIT})

    assert problems(loaded) == [f"catalog/{MODULE}:1:1 CAT014"]
    assert list(map(str, loaded.catalog.entries)) == ["acme/sound/aws"]


def test_an_unreadable_shared_file_keeps_back_what_depends_on_it() -> None:
    namespace, key = "namespaces/acme.yaml", "keys/acme/one.asc"
    loaded = load({MODULE: GIT, namespace: unreadable(namespace), key: unreadable(key)})

    assert problems(loaded) == [f"catalog/{key}:1:1 CAT014", f"catalog/{namespace}:1:1 CAT014"]
    assert loaded.catalog.entries == {}


def test_an_unreadable_folder_keeps_everything_back_for_it_may_say_what_is_private() -> None:
    loaded = load({MODULE: GIT, "namespaces": unreadable("namespaces")})

    assert problems(loaded) == ["catalog/namespaces:1:1 CAT014"]
    assert loaded.catalog.entries == {}
    assert list(map(str, loaded.left_out)) == ["acme/network/aws"]


FILES = {
    MODULE: GIT,
    PROVIDER: FOLDER,
    MIRROR: "trust: {keys: [m.asc]}",
    "namespaces/acme.yaml": "signing_keys: [acme/one.asc]",
    "organizations/acme.yaml": "namespaces: [acme]",
    "keys/acme/one.asc": "AA",
    "keys/m.asc": "CC",
}
UPSTREAM = REGISTRY.replace("file]}", 'file], upstreams: {registry.terraform.io: "https://up.example.com/"}}')


@pytest.mark.parametrize(
    ("change", "registry", "changed"),
    [
        ({}, REGISTRY, set()),
        ({MODULE: GIT + "# a comment"}, REGISTRY, {"acme/network/aws"}),
        ({"keys/acme/one.asc": "DD"}, REGISTRY, {"acme/widget"}),
        ({"keys/m.asc": "DD"}, REGISTRY, {"registry.terraform.io/hashicorp/random"}),
        ({"namespaces/acme.yaml": "signing_keys: [m.asc]"}, REGISTRY, {"acme/network/aws", "acme/widget"}),
        ({"organizations/acme.yaml": "namespaces: [acme, x]"}, REGISTRY, {"acme/network/aws", "acme/widget"}),
        ({"modules/acme/other/aws.yaml": GIT, "namespaces/x.yaml": ""}, REGISTRY, {"acme/other/aws"}),
        ({}, UPSTREAM, {"registry.terraform.io/hashicorp/random"}),
    ],
)
def test_an_entrys_digest_covers_what_it_depends_on_and_no_more(
    change: dict[str, str], registry: str, changed: set[str]
) -> None:
    before = load(FILES).catalog.entries
    loaded = load({**FILES, **change}, config(registry))

    assert problems(loaded) == []
    after = loaded.catalog.entries
    assert {
        str(address) for address in after if address not in before or after[address].digest != before[address].digest
    } == changed


def test_equal_files_of_two_addresses_have_digests_of_their_own() -> None:
    loaded = load({MODULE: GIT, "modules/acme/other/aws.yaml": GIT})

    assert len({entry.digest for entry in loaded.catalog.entries.values()}) == 2


def test_hosts_that_registry_yaml_allows_bind_sources_and_mirrors_and_no_folder() -> None:
    only = config(REGISTRY.replace("file]}", 'file], hosts: [registry.opentofu.org, "*.example.com"]}'))
    other = MIRROR.replace("terraform.io", "opentofu.org")
    trust = "trust: {keys: [acme/one.asc]}\n"

    loaded = load(
        {
            "keys/acme/one.asc": "F" * 40,
            MODULE: GIT.replace("git.example.com", "git.example.net"),
            MODULE.replace("aws", "azure"): GIT,
            MODULE.replace("aws", "google"): "source: {git: ./network}\n",
            MIRROR: trust,
            other: trust,
        },
        only,
    )

    assert problems(loaded) == [f"catalog/{MIRROR}:1:1 CAT070", f"catalog/{MODULE}:1:15 CAT070"]

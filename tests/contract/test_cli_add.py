"""``add``: from a source to a file of the catalog that publishes, with a key that somebody can compare."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from deployments.demo.signing import read_signer
from deployments.demo.upstream import make_upstream
from tests.support.command_line import on_terminal, run_here
from tests.support.git_repo import GitRepo
from tests.support.http_server import HttpServer
from tests.support.openpgp_keys import make_key
from tests.support.releases import make_release
from tests.support.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.tls import Authority

ROOT = Path(__file__).parents[2]
UPSTREAM_KEY = (ROOT / "catalog/keys/mirrors/sprocket.asc").read_text()
SPROCKET = "registry.example.net/acme/sprocket"
NOWHERE = "postgresql://nobody@127.0.0.1:1/nothing"


@pytest.fixture
def work(tmp_path: Path) -> Workspace:
    """A registry whose ledger is out of reach: it is not needed."""
    return Workspace(tmp_path, NOWHERE)


@pytest.fixture
def upstream(tmp_path: Path, authority: Authority) -> Iterator[Workspace]:
    """A registry that may ask another one, which has a provider of acme's."""
    folder = tmp_path / "upstream"
    make_upstream(folder, read_signer(ROOT / "deployments/demo/upstream-key.asc"), UPSTREAM_KEY)
    with HttpServer(authority=authority) as server:
        server.folder("/", folder)
        upstreams = json.dumps({"registry.example.net": server.url("").rstrip("/")})
        network = f"  ca_file: {json.dumps(str(authority.ca_file))}\n  upstreams: {upstreams}\n"
        yield Workspace(tmp_path, NOWHERE, network=network)


def repository(folder: Path, *tags: str) -> GitRepo:
    repo = GitRepo(folder)
    for tag in tags:
        repo.tag(tag, repo.commit({"main.tf": f"# {tag}", "modules/queue/main.tf": ""}))
    return repo


def test_a_module_is_written_from_the_tags_of_its_repository_and_not_a_second_time(work: Workspace) -> None:
    repository(work.root / "network.git", "v1.0.0", "v1.1.0", "latest")
    ran = run_here(work, "add", "module", "./network.git", "acme/network/aws", "--yes")
    file = work.root / "catalog/modules/acme/network/aws.yaml"

    assert ran.code == 0
    assert file.read_text().splitlines() == [
        "# yaml-language-server: $schema=../../../../schemas/module.schema.json",
        "# 2 versions, 1.0.0 to 1.1.0, when this file was made. Every key: docs/configuration.md of registry-gen.",
        "source:",
        '  git: "./network.git"',
        'versions: ">= 1.0.0"',
    ]
    assert (run_here(work, "validate").code, run_here(work, "fmt", "--check").code) == (0, 0)
    again = run_here(work, "add", "module", "./network.git", "acme/network/aws", "--yes")
    assert (again.code, "CLI941" in again.err) == (1, True)


def test_in_a_repository_of_many_modules_the_folder_says_which_tags_are_meant(work: Workspace) -> None:
    repository(work.root / "all.git", "queue/v0.1.0", "topic/v1.0.0")
    source = ("add", "module", "./all.git", "acme/queue/aws", "--json")

    refused = run_here(work, *source, "--yes")
    assert (refused.code, refused.json["problems"][0]["code"]) == (64, "CLI944")
    assert "queue/v{version} (1), topic/v{version} (1)" in refused.json["problems"][0]["found"]
    ran = run_here(work, *source, "--dry-run", "--path", "modules/queue")
    [text] = ran.json["files"].values()
    assert 'path: "modules/queue"' in text
    assert 'tags: ["queue/v{version}"]' in text
    assert not any((work.root / "catalog").iterdir()), "only shown"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("module", "./network.git", "--yes"), "CLI942"),
        (("module", "./network.git", "acme/widget", "--yes"), "a module's address is NAMESPACE/NAME/SYSTEM"),
        (("provider", "./network.git", "acme/network/aws", "--yes"), "a provider's address is NAMESPACE/TYPE"),
        (("module", "./empty.git", "acme/network/aws", "--yes"), "CLI943"),
        (("module", "ext::sh -c id", "acme/network/aws", "--yes"), "CAT020"),
        (("module", "https://user:secret@h.x/y.git", "acme/network/aws", "--yes"), "CAT021"),
        (("module", "./empty.git", "acme/network/aws", "--yes"), "hint      Tag what is to be published"),
        (("provider", "./empty.git", "acme/gizmo", "--yes"), "no terraform-provider-gizmo_…_SHA256SUMS"),
        (("provider", "https://h.x/releases", "acme/widget", "--yes"), "CLI943"),
    ],
)
def test_what_cannot_be_added_is_refused_and_nothing_is_written(
    work: Workspace, arguments: tuple[str, ...], code: str
) -> None:
    repository(work.root / "network.git", "v1.0.0")
    repository(work.root / "empty.git", "latest")
    ran = run_here(work, "add", *arguments)

    assert (ran.code != 0, code in ran.err, "secret" in ran.err) == (True, True, False)
    assert not any((work.root / "catalog").iterdir())


def test_a_provider_gets_the_key_that_signed_its_newest_release_and_its_fingerprint_is_shown(work: Workspace) -> None:
    key, other = make_key("acme"), make_key("other")
    for version in ("1.0.0", "1.1.0"):
        make_release(work.root / "releases" / version, "widget", version, key=key)
    (work.root / "acme.asc").write_text(key.armor)
    (work.root / "other.asc").write_text(other.armor)
    source = ("add", "provider", "./releases", "acme/widget", "--yes")

    assert "CLI945" in run_here(work, *source).err
    refused = run_here(work, *source, "--key", "other.asc")
    assert (refused.code, "CLI946" in refused.err) == (1, True)
    assert not any((work.root / "catalog").iterdir())
    ran = run_here(work, *source, "--key", "other.asc", "--key", "acme.asc", "--platform", "linux_amd64")
    assert ran.code == 0, ran.err
    assert key.fingerprint in ran.out.replace(" ", "")
    path = f"acme/{key.fingerprint.lower()}.asc"
    assert (work.root / "catalog/keys" / path).read_text().strip() == key.armor.strip()
    text = (work.root / "catalog/providers/acme/widget.yaml").read_text()
    assert f'signing_keys: ["{path}"]' in text
    assert "# Also offered: darwin_arm64, linux_arm64, windows_amd64.\nplatforms: [linux_amd64]\n" in text
    assert run_here(work, "validate").code == 0


def test_a_provider_that_nobody_signs_is_signed_by_the_registry(work: Workspace) -> None:
    make_release(work.root / "releases", "widget", "1.0.0")
    [text] = run_here(work, "add", "provider", "./releases", "acme/widget", "--yes", "--json").json["files"].values()

    assert "signature: registry" in text
    assert run_here(work, "validate").code == 0


def test_a_release_that_lost_its_signature_is_not_signed_by_the_registry_where_a_key_was_named(work: Workspace) -> None:
    make_release(work.root / "releases", "widget", "1.0.0")
    (work.root / "acme.asc").write_text(make_key("acme").armor)
    ran = run_here(work, "add", "provider", "./releases", "acme/widget", "--yes", "--key", "acme.asc")

    assert (ran.code, "CLI946" in ran.err, any((work.root / "catalog").iterdir())) == (1, True, False)


def test_a_namespace_that_has_keys_needs_none(work: Workspace) -> None:
    key = make_key("acme")
    make_release(work.root / "releases", "widget", "1.0.0", key=key)
    work.write("catalog/keys/acme.asc", key.armor)
    work.write("catalog/namespaces/acme.yaml", "signing_keys: [acme.asc]\n")
    [text] = run_here(work, "add", "provider", "./releases", "acme/widget", "--yes", "--json").json["files"].values()

    assert "signing_keys" not in text
    assert run_here(work, "validate").code == 0


def test_a_mirror_gets_versions_platforms_and_the_key_that_its_registry_gives(upstream: Workspace) -> None:
    ran = run_here(upstream, "add", "mirror", SPROCKET, "--yes", "--json")
    key = ran.json["key"]

    assert (ran.code, key["origin"]) == (0, "the registry registry.example.net")
    assert (upstream.root / "catalog/keys" / key["path"]).read_text().strip() == UPSTREAM_KEY.strip()
    text = (upstream.root / f"catalog/mirrors/{SPROCKET}.yaml").read_text()
    assert 'versions: "~> 2.1"' in text
    assert "platforms: [darwin_arm64, linux_amd64, linux_arm64]" in text
    assert run_here(upstream, "validate").code == 0


def test_the_page_of_a_provider_at_opentofu_means_its_registry(work: Workspace) -> None:
    work.write("catalog/mirrors/registry.opentofu.org/hashicorp/random.yaml", "")
    ran = run_here(work, "add", "mirror", "https://search.opentofu.org/provider/hashicorp/random/latest", "--yes")

    assert (ran.code, "CLI941" in ran.err) == (1, True), "it is there already"


def test_a_provider_can_take_its_key_from_a_registry_that_knows_it(upstream: Workspace) -> None:
    folder = upstream.root / "upstream/v1/providers/acme/sprocket/2.1.0"
    source = ("add", "provider", str(folder), "acme/sprocket", "--yes", "--json")
    ran = run_here(upstream, *source, "--keys-from", "registry.example.net")

    assert (ran.code, ran.json["key"]["origin"]) == (0, "the registry registry.example.net")


def test_a_key_that_the_catalog_has_under_another_name_is_not_written_again(upstream: Workspace) -> None:
    upstream.write("catalog/keys/acme/release.asc", f"From acme.example.\n\n{UPSTREAM_KEY}")
    ran = run_here(upstream, "add", "mirror", SPROCKET, "--yes", "--json")

    assert ran.json["written"] == [f"catalog/mirrors/{SPROCKET}.yaml"]
    assert 'keys: ["acme/release.asc"]' in next(iter(ran.json["files"].values()))


def test_another_key_in_the_place_of_the_publishers_is_not_trusted_and_not_replaced(upstream: Workspace) -> None:
    path = run_here(upstream, "add", "mirror", SPROCKET, "--dry-run", "--json").json["key"]["path"]
    planted = upstream.write(f"catalog/keys/{path}", make_key("other").armor)
    ran = run_here(upstream, "add", "mirror", SPROCKET, "--yes")

    assert (ran.code, planted.read_text()) == (1, make_key("other").armor)
    assert not (upstream.root / f"catalog/mirrors/{SPROCKET}.yaml").exists()


def test_versions_under_a_url_are_those_that_somebody_names(upstream: Workspace) -> None:
    base = json.loads((upstream.root / "registry.yaml").read_text().partition("upstreams: ")[2])["registry.example.net"]
    source = ("add", "provider", f"{base}/v1/providers/acme/sprocket/{{version}}", "acme/sprocket", "--yes", "--json")
    ran = run_here(upstream, *source, "--version", "2.1.0", "--version", "2.0.0", "--keys-from", "registry.example.net")

    assert ran.code == 0, ran.err
    text = ran.json["files"]["catalog/providers/acme/sprocket.yaml"]
    assert '  versions:\n    - "2.0.0"\n    - "2.1.0"\nversions: ">= 2.0.0"\n' in text
    assert run_here(upstream, "validate").code == 0


@pytest.mark.parametrize("host", ["registry.example.net@evil.test", "evil.test/x", "localhost"])
def test_keys_are_asked_for_at_hosts_alone(upstream: Workspace, host: str) -> None:
    folder = upstream.root / "upstream/v1/providers/acme/sprocket/2.1.0"
    ran = run_here(upstream, "add", "provider", str(folder), "acme/sprocket", "--yes", "--keys-from", host)

    assert (ran.code, "ADR001" in ran.err) == (1, True)


def test_a_registry_whose_only_key_is_refused_says_why(upstream: Workspace) -> None:
    for document in (upstream.root / "upstream").rglob("download/*/*"):
        said = json.loads(document.read_text())
        said["signing_keys"]["gpg_public_keys"][0]["ascii_armor"] = make_key("weak", algorithm="rsa1024").armor
        document.write_text(json.dumps(said))
    ran = run_here(upstream, "add", "mirror", SPROCKET, "--yes")

    assert (ran.code, "SIG0" in ran.err, any((upstream.root / "catalog").iterdir())) == (1, True, False)


def test_a_registry_whose_key_did_not_sign_is_refused(upstream: Workspace) -> None:
    signature = next((upstream.root / "upstream").rglob("*_2.1.0_SHA256SUMS.sig"))
    signature.write_bytes(make_key("other").sign(signature.with_suffix("").read_bytes()))
    ran = run_here(upstream, "add", "mirror", SPROCKET, "--yes")

    assert (ran.code, "CLI946" in ran.err) == (1, True)
    assert not any((upstream.root / "catalog").iterdir())


def test_a_person_is_asked_and_a_script_must_say_yes(work: Workspace) -> None:
    repository(work.root / "network.git", "v1.0.0")
    source = ("add", "module", "./network.git", "acme/network/aws")

    assert run_here(work, *source, "--json").code == 64
    code, shown = on_terminal(work, *source, says="n\n")
    assert (code, "Write this?" in shown, any((work.root / "catalog").iterdir())) == (1, True, False)
    code, _ = on_terminal(work, *source, says="y\n")
    assert (code, (work.root / "catalog/modules/acme/network/aws.yaml").is_file()) == (0, True)

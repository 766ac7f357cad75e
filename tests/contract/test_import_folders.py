"""``import mirror-tree`` and ``import boring-registry``: folders of zips, held against what their publishers signed."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from registry_gen.model.address import MirrorAddress, Platform, provider_address
from registry_gen.model.version import Version
from registry_gen.sources import mirror_tree
from registry_gen.verify.zips import check_zip
from tests.support.command_line import run_here
from tests.support.http_server import HttpServer, Reply
from tests.support.openpgp_keys import make_key
from tests.support.releases import make_release, provider_zip
from tests.support.runbook import ROOT, Shell, read_page
from tests.support.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.command_line import Ran
    from tests.support.openpgp_keys import TestKey
    from tests.support.releases import Release
    from tests.support.tls import Authority

THEIRS = "old.example.com"
MIRRORED = MirrorAddress(THEIRS, "acme", "widget")
LINUX = Platform("linux", "amd64")
V1 = Version(1, 0, 0)
STEM = "terraform-provider-widget_1.0.0"
NAME = f"{STEM}_linux_amd64.zip"


@dataclass
class Origin:
    """The registry that the tree's provider is from, and the tree."""

    server: HttpServer
    key: TestKey
    release: Release
    tree: Path

    @property
    def folder(self) -> Path:
        return self.tree / THEIRS / "acme/widget"

    def put(self, data: bytes, hashes: tuple[str, ...] | None = None) -> None:
        """Put a zip into the tree, with the JSON that Terraform writes beside it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / NAME).write_bytes(data)
        with (self.folder / NAME).open("rb") as file:
            h1 = check_zip(file, len(data), max_unpacked=1_000_000, max_entries=10, where="").h1
        archives = {"linux_amd64": {"url": NAME, "hashes": list(hashes or (h1,))}}
        (self.folder / "1.0.0.json").write_text(json.dumps({"archives": archives}))
        (self.folder / "index.json").write_text(json.dumps({"versions": {"1.0.0": {}}}))


@pytest.fixture
def origin(authority: Authority, tmp_path: Path) -> Iterator[Origin]:
    key = make_key("acme")
    release = make_release(tmp_path / "releases", "widget", "1.0.0", key=key, platforms=["linux_amd64"])
    platform = {"os": "linux", "arch": "amd64"}
    with HttpServer(authority=authority) as server:
        server.folder("/releases/", tmp_path / "releases")
        server.route("/.well-known/terraform.json", Reply.json({"providers.v1": "/v1/"}))
        versions = [{"version": version, "platforms": [platform]} for version in ("1.0.0", "1.1.0")]
        server.route("/v1/acme/widget/versions", Reply.json({"versions": versions}))
        leaf = {
            **platform,
            "filename": NAME,
            "download_url": f"/releases/{NAME}",
            "shasum": hashlib.sha256(release.zips["linux_amd64"]).hexdigest(),
            "shasums_url": f"/releases/{STEM}_SHA256SUMS",
            "shasums_signature_url": f"/releases/{STEM}_SHA256SUMS.sig",
            "signing_keys": {"gpg_public_keys": [{"ascii_armor": key.armor}]},
        }
        server.route("/v1/acme/widget/1.0.0/download/linux/amd64", Reply.json(leaf))
        found = Origin(server, key, release, tmp_path / "tree")
        found.put(release.zips["linux_amd64"])
        yield found


@pytest.fixture
def work(tmp_path: Path, database: str, origin: Origin, authority: Authority) -> Workspace:
    network = f"  ca_file: {authority.ca_file}\n  upstreams: {{{THEIRS}: '{origin.server.url('')}'}}\n"
    return Workspace(tmp_path / "work", database, network=network)


def imported(work: Workspace, kind: str, folder: Path, *more: str, code: int = 0) -> Ran:
    ran = run_here(work, "import", kind, str(folder), "--json", *more)
    assert ran.code == code, ran.err + ran.out
    return ran


def refused(ran: Ran) -> dict[str, str]:
    return {problem["where"]: problem["code"] for problem in ran.json["not_taken"]}


# --- a tree of 'terraform providers mirror' --------------------------------------------------------------------------


def test_a_tree_becomes_a_mirror_of_just_its_versions_with_the_key_that_signed_them(
    work: Workspace, origin: Origin
) -> None:
    ran = imported(work, "mirror-tree", origin.tree)

    assert ran.json["not_taken"] == []
    assert ran.json["digests"] == {"equal": 1, "different": [], "not_compared": []}
    path = work.root / f"catalog/mirrors/{THEIRS}/acme/widget.yaml"
    assert path.read_text() == (
        f"trust:\n  keys: [{THEIRS}/acme/{origin.key.fingerprint.lower()}.asc]\n"
        'versions: "1.0.0"\nplatforms: [linux_amd64]\n'
    )
    assert work.publish().refusals == ()
    published = work.document(f"v1/mirror/{MIRRORED}/1.0.0.json")["archives"]["linux_amd64"]["hashes"]
    assert json.loads((origin.folder / "1.0.0.json").read_text())["archives"]["linux_amd64"]["hashes"][0] in published


def test_a_zip_that_its_publisher_did_not_sign_is_told_and_nothing_else_is_mirrored_in_its_place(
    work: Workspace, origin: Origin
) -> None:
    other = provider_zip("widget", "1.0.0", "linux_amd64", size=32)
    origin.put(other)

    ran = imported(work, "mirror-tree", origin.tree, code=1)

    (told,) = ran.json["digests"]["different"]
    assert (told["code"], told["where"]) == ("IMP021", f"{MIRRORED} 1.0.0 {NAME}")
    assert told["found"] == hashlib.sha256(other).hexdigest()
    assert [refusal.error.code.id for refusal in work.publish().refusals] == ["PLN021"]


def test_a_zip_that_is_not_what_the_tree_says_of_it_is_told(work: Workspace, origin: Origin) -> None:
    origin.put(origin.release.zips["linux_amd64"], ("h1:" + "A" * 43 + "=",))

    (told,) = imported(work, "mirror-tree", origin.tree, code=1).json["digests"]["different"]

    assert (told["code"], told["where"]) == ("IMP021", f"{MIRRORED}/1.0.0.json linux_amd64")


def test_a_registry_that_cannot_be_asked_leaves_digests_open_and_needs_a_key(
    work: Workspace, origin: Origin, tmp_path: Path
) -> None:
    origin.server.route("/v1/acme/widget/versions", Reply(403))
    without = imported(work, "mirror-tree", origin.tree)
    (tmp_path / "acme.asc").write_text(origin.key.armor)
    asked = len(origin.server.requests)
    given = imported(work, "mirror-tree", origin.tree, "--offline", "--key", str(tmp_path / "acme.asc"))

    assert refused(without) == {str(MIRRORED): "CAT026"}
    assert [problem["code"] for problem in without.json["digests"]["not_compared"]] == ["IMP022"]
    assert len(origin.server.requests) == asked
    assert (given.json["taken"]["mirrors"], given.json["ledger"]["zips"]) == (1, 1)


def test_what_is_no_provider_of_a_tree_is_told_and_no_link_is_followed(work: Workspace, origin: Origin) -> None:
    (origin.folder / "terraform-provider-other_1.0.0_linux_amd64.zip").write_bytes(b"")
    (origin.folder / "terraform-provider-widget_1.1.0_linux_amd64.zip").write_bytes(b"not a zip")
    (origin.folder / "terraform-provider-widget_1.2.0_linux_amd64.zip").symlink_to("/etc/passwd")
    os.mkfifo(origin.folder / "terraform-provider-widget_1.3.0_linux_amd64.zip")
    (origin.tree / THEIRS / "acme/linked").symlink_to("/etc")
    (origin.tree / "no-host/acme/widget").mkdir(parents=True)

    ran = imported(work, "mirror-tree", origin.tree)

    before = f"{MIRRORED}/terraform-provider-widget"
    assert refused(ran) == {
        f"{MIRRORED}/terraform-provider-other_1.0.0_linux_amd64.zip": "IMP025",
        f"{before}_1.1.0_linux_amd64.zip": "ARC001",
        f"{before}_1.2.0_linux_amd64.zip": "SRC005",
        f"{before}_1.3.0_linux_amd64.zip": "SRC005",
        "no-host/acme/widget": "ADR001",
    }
    assert ran.json["taken"]["zips"] == 1


def test_a_mirror_of_this_very_registry_is_not_taken_for_its_catalog_could_not_have_it(
    work: Workspace, origin: Origin, tmp_path: Path
) -> None:
    (origin.tree / THEIRS).rename(origin.tree / "registry.example.com")
    (tmp_path / "acme.asc").write_text(origin.key.armor)

    ran = imported(work, "mirror-tree", origin.tree, "--offline", "--key", str(tmp_path / "acme.asc"))

    assert refused(ran) == {"registry.example.com/acme/widget": "CAT030"}
    assert (ran.json["taken"]["keys"], list((work.root / "catalog").iterdir())) == (0, [])


def test_the_json_of_a_version_may_be_broken_or_name_what_is_not_there(
    work: Workspace, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    (origin.folder / "1.0.0.json").write_text(json.dumps({"archives": {"linux_arm64": {}, "\x1b[0m": {}}}))
    ran = imported(work, "mirror-tree", origin.tree)
    monkeypatch.setattr(mirror_tree, "_JSON_BYTES", 10)

    assert refused(ran) == {f"{MIRRORED}/1.0.0.json linux_arm64": "IMP009", f"{MIRRORED}/1.0.0.json \x1b[0m": "ADR002"}
    assert "NET010" in refused(imported(work, "mirror-tree", origin.tree)).values()


# --- a bucket of boring-registry -------------------------------------------------------------------------------------


@pytest.fixture
def bucket(tmp_path: Path, origin: Origin) -> Path:
    root = tmp_path / "bucket"
    keys = json.dumps({"gpg_public_keys": [{"key_id": "1", "ascii_armor": origin.key.armor}]})
    for below in ("providers/acme", f"mirror/providers/{THEIRS}/acme"):
        make_release(root / below / "widget", "widget", "1.0.0", key=origin.key, platforms=["linux_amd64"])
        (root / below / "signing-keys.json").write_text(keys)
    module = root / "modules/acme/network/aws"
    module.mkdir(parents=True)
    (module / "acme-network-aws-1.0.0.tar.gz").write_bytes(b"an archive")
    return root


def test_a_bucket_becomes_modules_providers_and_mirrors(work: Workspace, bucket: Path, origin: Origin) -> None:
    ran = imported(work, "boring-registry", bucket)

    assert ran.json["not_taken"] == []
    assert ran.json["digests"]["equal"] == 2
    assert [problem["code"] for problem in ran.json["digests"]["not_compared"]] == ["IMP027"]
    catalog = work.root / "catalog"
    assert (catalog / "modules/acme/network/aws.yaml").read_text() == (
        f'source:\n  archives: "{bucket}/modules/acme/network/aws"\n  pattern: "acme-network-aws-{{version}}.tar.gz"\n'
    )
    assert (catalog / "providers/acme/widget.yaml").read_text() == (
        f'source:\n  releases: "{bucket}/providers/acme/widget"\n'
        f"signing_keys:\n  - acme/{origin.key.fingerprint.lower()}.asc\n"
    )
    assert 'versions: "1.0.0"' in (catalog / f"mirrors/{THEIRS}/acme/widget.yaml").read_text()
    assert run_here(work, "validate").code == 0
    with work.registry() as registry:
        found = registry.ledger.imported([provider_address("acme", "widget"), MIRRORED])
    digest = hashlib.sha256(origin.release.zips["linux_amd64"]).hexdigest()
    assert {each.zips[V1][LINUX] for each in found.values()} == {digest}
    assert len(found) == 2


def test_a_zip_of_a_bucket_that_was_replaced_is_told_and_never_published(work: Workspace, bucket: Path) -> None:
    zip_ = bucket / f"providers/acme/widget/{NAME}"
    zip_.write_bytes(provider_zip("widget", "1.0.0", "linux_amd64", size=32))

    ran = imported(work, "boring-registry", bucket, code=1)

    assert [problem["where"] for problem in ran.json["digests"]["different"]] == [f"providers/acme/widget 1.0.0 {NAME}"]
    assert "PLN021" in {refusal.error.code.id for refusal in work.publish().refusals}


def test_what_a_bucket_should_not_hold_is_told(work: Workspace, bucket: Path) -> None:
    (bucket / "providers/acme/signing-keys.json").write_text('{"gpg_public_keys": [{"ascii_armor": "no key"}]}')
    (bucket / f"mirror/providers/{THEIRS}/acme/widget/{STEM}_SHA256SUMS").write_bytes(b"")
    module = bucket / "modules/acme/network/aws"
    (module / "acme-network-aws-1.1.0.zip").write_bytes(b"")
    (module / "acme-network-aws-1.2.0+x.tar.gz").write_bytes(b"")
    (module / "other-1.0.0.tar.gz").write_bytes(b"")
    (bucket / "modules/acme/Net work/aws").mkdir(parents=True)

    ran = imported(work, "boring-registry", bucket)

    said = refused(ran)
    assert said["providers/acme/widget"].startswith(("SIG", "IMP"))
    assert said[str(MIRRORED)] == "IMP009"
    assert said["modules/acme/network/aws 1.1.0"] == "IMP005"
    assert said["modules/acme/network/aws/acme-network-aws-1.2.0+x.tar.gz"] == "IMP006"
    assert said["modules/acme/network/aws/other-1.0.0.tar.gz"] == "IMP025"
    assert said["modules/acme/Net work/aws"] == "ADR001"
    assert ran.json["taken"]["modules"] == 1


@pytest.mark.parametrize("kind", ["mirror-tree", "boring-registry"])
def test_a_folder_of_another_kind_is_refused(work: Workspace, tmp_path: Path, kind: str) -> None:
    (tmp_path / "empty").mkdir()

    ran = run_here(work, "import", kind, str(tmp_path / "empty"))

    assert ran.code == 1
    assert "IMP025" in ran.err


def test_the_commands_of_the_documentation_work_as_written(
    work: Workspace, origin: Origin, bucket: Path, tmp_path: Path
) -> None:
    page = read_page(ROOT / "docs/migration.md")
    shutil.copytree(origin.tree, tmp_path / "mirror")
    shell = Shell(work, tmp_path)

    said = shell.run(page["Another registry"][0])
    mirror = shell.run(page["A tree of terraform providers mirror"][0])
    theirs = shell.run(page["A bucket of boring-registry"][0])

    assert "The catalog is good: 1 package." in said
    assert (tmp_path / "draft/providers/acme/widget.yaml").is_file()
    assert "Digests: 1 are what the publisher signed, 0 are not, 0 could not be compared." in mirror
    assert "Taken: 1 module with 1 version, 0 providers with 0 versions, 1 mirror with 1 version and 1 zip" in theirs

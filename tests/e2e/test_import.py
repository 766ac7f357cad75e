"""A registry in OpenTofu's layout is taken over, published as links, and installed from by a real Terraform."""

from __future__ import annotations

import json
import shutil
import socket
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from registry_gen.render.shapes import ModuleDownload, ModuleListing
from tests.e2e.conftest import required_provider
from tests.support.command_line import run_here
from tests.support.openpgp_keys import make_key
from tests.support.releases import make_release
from tests.support.runbook import ROOT, Shell, read_page
from tests.support.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.conftest import ServedRegistry
    from tests.support.releases import Release
    from tests.support.terraform import Terraform

pytestmark = pytest.mark.long

LAYOUT = ROOT / "tests/fixtures/opentofu-registry"
STEM = "terraform-provider-widget_1.0.0"


class TheirRegistry:
    """A provider's releases on another server, and the layout that tells of them."""

    def __init__(self, registry: ServedRegistry, folder: Path) -> None:
        self.key = make_key("acme")
        self.folder = folder
        self.releases = folder.parent / "releases"
        self.release: Release = make_release(self.releases / "v1.0.0", "widget", "1.0.0", key=self.key)
        self.served = registry.outside
        self.served.folder("/widget/", self.releases)
        keys = folder / "keys/a/acme/provider.asc"
        keys.parent.mkdir(parents=True)
        keys.write_text(self.key.armor)
        self.tell()

    def tell(self, **digests: str) -> None:
        """Write the provider's file; ``digests`` by platform, in place of those of its zips."""
        base = self.served.url("/widget/v1.0.0")
        sums = {line.split()[1].decode(): line.split()[0].decode() for line in self.release.sums.splitlines()}
        targets = [
            {
                "os": platform.partition("_")[0],
                "arch": platform.partition("_")[2],
                "filename": f"{STEM}_{platform}.zip",
                "download_url": f"{base}/{STEM}_{platform}.zip",
                "shasum": digests.get(platform, sums[f"{STEM}_{platform}.zip"]),
            }
            for platform in self.release.zips
        ]
        version = {
            "version": "1.0.0",
            "protocols": ["5.0"],
            "shasums_url": f"{base}/{STEM}_SHA256SUMS",
            "shasums_signature_url": f"{base}/{STEM}_SHA256SUMS.sig",
            "targets": targets,
        }
        path = self.folder / "providers/a/acme/widget.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"versions": [version], "warnings": ["It rests."]}))

    def requests(self) -> set[str]:
        """The files that were asked for, without their folder."""
        return {request.path.rpartition("/")[2] for request in self.served.requests if "/widget/" in request.path}


@pytest.fixture
def theirs(registry: ServedRegistry, tmp_path: Path) -> TheirRegistry:
    return TheirRegistry(registry, tmp_path / "their-registry")


def imported(registry: Workspace, folder: Path, *more: str) -> Any:
    ran = run_here(registry, "import", "opentofu-registry", str(folder), "--json", *more)
    assert ran.code == 0, ran.err
    return ran.json


def test_an_imported_provider_is_published_without_fetching_a_zip_and_terraform_installs_it(
    registry: ServedRegistry, theirs: TheirRegistry, terraform: Terraform
) -> None:
    assert imported(registry, theirs.folder)["not_taken"] == []
    registry.published()

    assert not any(name.endswith(".zip") for name in theirs.requests()), "sums and signature were enough"
    leaf = registry.json("v1/providers/acme/widget/1.0.0/download/linux/amd64")
    assert leaf["download_url"] == registry.outside.url(f"/widget/v1.0.0/{STEM}_linux_amd64.zip")
    assert "packages" not in leaf, "sizes and h1 are not known"
    assert registry.json("v1/providers/acme/widget/versions")["warnings"] == ["It rests."]
    assert not any(key.endswith(".zip") for key in registry.tree())
    folder = registry.use("consumer", required_provider(f"{registry.host}/acme/widget"))
    result = registry.install(terraform, folder)
    assert result.code == 0, result
    assert f"key ID {theirs.key.fingerprint[-16:]}" in result.out
    assert registry.published().strip().endswith("No changes. 1 package unchanged.")


def test_a_release_that_is_not_what_was_imported_is_an_alarm_and_not_published(
    registry: ServedRegistry, theirs: TheirRegistry
) -> None:
    theirs.tell(linux_amd64="f" * 64)
    imported(registry, theirs.folder)

    registry.refused("PLN021")

    assert registry.get("v1/providers/acme/widget/versions")[0] == 404
    assert "PLN021" in run_here(registry, "violations").out


def test_a_wrong_layout_blocks_nothing_once_it_was_taken_back(registry: ServedRegistry, theirs: TheirRegistry) -> None:
    theirs.tell(linux_amd64="f" * 64)
    imported(registry, theirs.folder)
    registry.refused("PLN021")
    theirs.tell()
    assert [problem["code"] for problem in imported(registry, theirs.folder)["not_taken"]] == ["LED042"]
    registry.refused("PLN021")

    forgotten = run_here(registry, "import", "forget", "acme/widget", "--reason", "It was altered on its way here.")
    again = imported(registry, theirs.folder)
    registry.published()

    assert forgotten.code == 0, forgotten.err
    assert (again["not_taken"], again["ledger"]["zips"]) == ([], len(theirs.release.zips))
    assert not any(name.endswith(".zip") for name in theirs.requests()), "the digests of the new import were enough"
    assert registry.json("v1/providers/acme/widget/versions")["versions"][0]["version"] == "1.0.0"


def test_a_release_that_its_publisher_did_not_sign_is_not_published_whatever_was_imported(
    registry: ServedRegistry, theirs: TheirRegistry
) -> None:
    (theirs.folder / "keys/a/acme/provider.asc").write_text(make_key("somebody-else").armor)
    imported(registry, theirs.folder)

    registry.refused("SIG012")

    assert registry.get("v1/providers/acme/widget/versions")[0] == 404


def test_hosting_copy_fetches_what_was_imported(registry: ServedRegistry, theirs: TheirRegistry) -> None:
    imported(registry, theirs.folder)
    registry.published()
    path = registry.root / "catalog/providers/acme/widget.yaml"
    path.write_text(path.read_text().replace("hosting: link", "hosting: copy"))

    registry.published()

    assert sum(key.endswith(".zip") for key in registry.tree()) == len(theirs.release.zips)
    leaf = registry.json("v1/providers/acme/widget/1.0.0/download/linux/amd64")
    assert leaf["packages"].keys() == theirs.release.zips.keys()


def test_real_modules_are_published_by_their_tags_while_github_is_out_of_reach(
    tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nowhere(*_: object, **__: object) -> None:
        raise socket.gaierror("no names here")

    work = Workspace(tmp_path / "work", database)
    imported(work, LAYOUT, "--allow-unpinned")
    monkeypatch.setattr(socket, "getaddrinfo", nowhere)

    report = work.publish()

    assert len(report.published) == 4
    assert {refusal.error.code.id for refusal in report.refusals} <= {"GIT003", "NET004"}
    root = "v1/modules/00inboxtest/endpoints-dns/google"
    listing = ModuleListing.model_validate(work.document(f"{root}/versions"), strict=False)
    assert [listed.version for listed in listing.modules[0].versions] == [
        "1.0.0",
        "1.0.1",
        "1.1.0",
        "2.0.0",
        "2.0.1",
        "3.0.0",
    ]
    download = ModuleDownload.model_validate(work.document(f"{root}/3.0.0/download"))
    assert download.location == "git::https://github.com/00inboxtest/terraform-google-endpoints-dns?ref=v3.0.0"
    older = ModuleDownload.model_validate(work.document(f"{root}/1.0.1/download"))
    assert older.location.endswith("?ref=1.0.1")
    assert work.document("modules/00inboxtest/endpoints-dns/google/3.0.0/index.json")["unpinned"] is True
    alarms = "v1/modules/cloudposse/cloudtrail-cloudwatch-alarms/aws"
    listed = {item["version"] for item in work.document(f"{alarms}/versions")["modules"][0]["versions"]}
    assert len(listed) == 18
    assert not listed & {"0.1.0", "0.1.1", "0.1.2"}, "two tags name them"
    key = run_here(work, "log", "key").out.strip()
    verified = run_here(work, "verify", str(work.public), "--key", key)
    assert verified.code == 0, verified.out + verified.err


def test_the_commands_of_the_documentation_work_as_written(tmp_path: Path, database: str) -> None:
    work = Workspace(tmp_path / "work", database)
    shutil.copytree(LAYOUT, tmp_path / "opentofu-registry")
    block, forget = read_page(ROOT / "docs/catalog.md")["Taking over OpenTofu's registry"]
    shell = Shell(work, tmp_path)

    said = shell.run(block)

    assert "The catalog is good: 6 packages." in said
    assert orjson.loads((LAYOUT / "providers/a/apparentlymart/assume.json").read_bytes())["versions"]
    draft = {path.relative_to(tmp_path / "draft") for path in (tmp_path / "draft").rglob("*.*")}
    assert draft == {path.relative_to(work.root / "catalog") for path in (work.root / "catalog").rglob("*.*")}
    said = shell.run(forget)
    assert "apparentlymart/assume: 0 tags and 12 digests" in said
    assert "0 tags and 12 digests are new in the ledger." in said

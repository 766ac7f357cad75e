"""From a catalog to a public folder, with real git, a real ledger and real storage."""

from __future__ import annotations

import gzip
import io
import re
import shutil
import tarfile
from typing import TYPE_CHECKING

import pytest

from registry_gen.errors import ConflictError, StorageError
from registry_gen.sources.git import Git
from tests.support.git_repo import GitRepo
from tests.support.openpgp_keys import make_key
from tests.support.releases import make_release
from tests.support.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.postgres import Postgres

MAIN = {"main.tf": 'variable "name" {}\n', "README.md": "# Network\n"}


@pytest.fixture
def work(tmp_path: Path, database: str) -> Workspace:
    return Workspace(tmp_path / "work", database)


@pytest.fixture
def repo(tmp_path: Path) -> GitRepo:
    made = GitRepo(tmp_path / "network.git")
    made.tag("v1.0.0", made.commit(MAIN))
    return made


def codes(report: object) -> list[str]:
    return [refusal.error.code.id for refusal in report.refusals]  # type: ignore[attr-defined]


def versions(work: Workspace, key: str) -> list[str]:
    document = work.document(key)
    listed = document["modules"][0]["versions"] if "modules" in document else document["versions"]
    return [item["version"] for item in listed]


MODULE = "v1/modules/acme/network/aws"


def test_a_module_is_published_and_a_second_run_changes_nothing(work: Workspace, repo: GitRepo) -> None:
    work.module("acme/network/aws", repo.url)
    report = work.publish()
    assert report.refusals == ()
    assert versions(work, f"{MODULE}/versions") == ["1.0.0"]
    archive = (work.public / MODULE / "1.0.0/module.tar.gz").read_bytes()
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(archive))) as tar:
        assert tar.getnames() == ["README.md", "main.tf"]
    tree = work.tree()
    again = work.publish()
    assert (again.puts, again.published, again.plan.unchanged) == (0, (), 1)
    assert work.tree() == tree


def test_a_new_tag_touches_only_its_own_documents(work: Workspace, repo: GitRepo) -> None:
    work.module("acme/network/aws", repo.url)
    work.publish()
    before = work.tree()
    repo.tag("v1.1.0", repo.commit({**MAIN, "outputs.tf": ""}))
    work.publish()
    after = work.tree()
    changed = {key for key in before if before[key] != after[key]}
    assert changed == {f"{MODULE}/versions", "log/checkpoint"}
    assert work.document(f"{MODULE}/versions")["revision"] == 2
    assert work.document(f"{MODULE}/1.0.0/download")["revision"] == 1


def test_a_moved_tag_is_an_alarm_and_what_was_published_stays(work: Workspace, repo: GitRepo) -> None:
    work.module("acme/network/aws", repo.url)
    work.publish()
    tree = work.tree()
    repo.tag("v1.0.0", repo.commit({**MAIN, "main.tf": "# other"}))
    report = work.publish()
    assert codes(report) == ["PLN001"]
    assert work.tree() == tree
    with work.registry() as registry:
        (violation,) = registry.ledger.violations()
    assert violation.kind == "PLN001"
    assert repo.resolve("v1.0.0") in violation.seen


def test_a_provider_signed_by_its_publisher_and_one_signed_by_the_registry(work: Workspace, tmp_path: Path) -> None:
    key = make_key("acme")
    make_release(tmp_path / "widget", "widget", "1.0.0", key=key)
    make_release(tmp_path / "gadget", "gadget", "2.0.0")
    work.provider("acme/widget", tmp_path / "widget", key=key.armor)
    work.provider("acme/gadget", tmp_path / "gadget", "platforms: [linux_amd64]\n")
    report = work.publish()
    assert report.refusals == ()
    leaf = work.document("v1/providers/acme/widget/1.0.0/download/linux/amd64")
    assert leaf["signing_keys"]["gpg_public_keys"][0]["key_id"] == key.fingerprint[-16:]
    assert versions(work, "v1/providers/acme/gadget/versions") == ["2.0.0"]
    assert work.publish().puts == 0


def test_a_platform_added_to_the_catalog_is_added_to_the_published_version(work: Workspace, tmp_path: Path) -> None:
    make_release(tmp_path / "gadget", "gadget", "2.0.0")
    work.provider("acme/gadget", tmp_path / "gadget", "platforms: [linux_amd64]\n")
    work.publish()
    work.provider("acme/gadget", tmp_path / "gadget", "platforms: [linux_amd64, darwin_arm64]\n")
    report = work.publish()
    assert report.refusals == ()
    assert [entry["type"] for entry in work.logged("acme/gadget")] == ["published", "platform-added"]
    platforms = work.document("v1/providers/acme/gadget/versions")["versions"][0]["platforms"]
    assert platforms == [{"os": "darwin", "arch": "arm64"}, {"os": "linux", "arch": "amd64"}]


def test_a_bucket_that_was_emptied_is_noticed_before_anything_else_is_done(work: Workspace, repo: GitRepo) -> None:
    work.module("acme/network/aws", repo.url)
    work.publish()
    shutil.rmtree(work.public)
    for run in (work.plan, work.publish):
        with pytest.raises(StorageError) as caught:
            run()
        assert caught.value.code.id == "PUB010"
    assert work.tree() == {}


def test_a_bucket_of_another_ledger_is_noticed_before_anything_else_is_done(
    work: Workspace, repo: GitRepo, postgres: Postgres
) -> None:
    work.module("acme/network/aws", repo.url)
    work.publish()
    tree = work.tree()
    text = (work.root / "registry.yaml").read_text()
    (work.root / "registry.yaml").write_text(re.sub("ledger: .*", f"ledger: {postgres.create('another')}", text))
    try:
        for run in (work.plan, work.publish):
            with pytest.raises(ConflictError) as caught:
                run()
            assert caught.value.code.id == "PUB003"
    finally:
        postgres.drop("another")
    assert work.tree() == tree


def test_the_state_folder_keeps_itself_out_of_git(work: Workspace, repo: GitRepo) -> None:
    work.module("acme/network/aws", repo.url)
    work.publish()
    assert (work.root / "state/.gitignore").read_text().endswith("\n*\n")


def test_a_document_that_someone_changed_in_the_bucket_is_replaced_and_told(work: Workspace, repo: GitRepo) -> None:
    work.module("acme/network/aws", repo.url)
    work.publish()
    listing = work.public / MODULE / "versions"
    listing.write_bytes(listing.read_bytes().replace(b"1.0.0", b"9.9.9"))
    repo.tag("v1.1.0", repo.commit({**MAIN, "outputs.tf": ""}))
    report = work.publish()
    assert report.altered == (f"{MODULE}/versions",)
    assert versions(work, f"{MODULE}/versions") == ["1.0.0", "1.1.0"]
    assert work.publish().altered == ()


def test_a_mistake_of_ours_at_one_source_stops_no_other(
    work: Workspace, repo: GitRepo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_release(tmp_path / "gadget", "gadget", "2.0.0")
    work.provider("acme/gadget", tmp_path / "gadget")
    work.module("acme/network/aws", repo.url)

    def broken(*_: object) -> None:
        raise ValueError("token=hunter2")

    for place in ("tags", "tree"):
        with monkeypatch.context() as patch:
            patch.setattr(Git, place, broken)
            report = work.publish()
        assert codes(report) == ["PUB008"]
        assert "ValueError in tests.contract.test_publish" in report.refusals[0].error.found
        assert "hunter2" not in str(report.refusals[0].error)
        assert versions(work, "v1/providers/acme/gadget/versions") == ["2.0.0"]
    assert work.publish().refusals == ()


def test_a_changed_key_leaves_published_versions_installable(work: Workspace, tmp_path: Path) -> None:
    old, new = make_key("acme"), make_key("acme two")
    make_release(tmp_path / "widget/1.0.0", "widget", "1.0.0", key=old)
    work.provider("acme/widget", tmp_path / "widget", key=old.armor)
    work.publish()
    make_release(tmp_path / "widget/1.1.0", "widget", "1.1.0", key=new)
    work.provider("acme/widget", tmp_path / "widget", key=new.armor)
    assert codes(work.publish()) == ["PLN010"]
    work.write("catalog/keys/old.asc", old.armor)
    work.write("catalog/keys/new.asc", new.armor)
    source = f"source:\n  releases: {tmp_path / 'widget'}\n"
    work.write("catalog/providers/acme/widget.yaml", f"{source}signing_keys: [old.asc, new.asc]\n")
    report = work.publish()
    assert report.refusals == ()
    assert [entry["type"] for entry in work.logged("acme/widget")[-2:]] == ["published", "key-changed"]
    for version in ("1.0.0", "1.1.0"):
        leaf = work.document(f"v1/providers/acme/widget/{version}/download/linux/amd64")
        assert len(leaf["signing_keys"]["gpg_public_keys"]) == 2


def test_a_registry_cannot_be_renamed_once_its_log_has_begun(work: Workspace, repo: GitRepo) -> None:
    work.module("acme/network/aws", repo.url)
    work.publish()
    text = (work.root / "registry.yaml").read_text()
    (work.root / "registry.yaml").write_text(text.replace("registry.example.com", "other.example.com"))
    for run in (work.plan, work.publish):
        with pytest.raises(ConflictError) as caught:
            run()
        assert caught.value.code.id == "PUB011"
        assert caught.value.found == "registry.example.com/log"

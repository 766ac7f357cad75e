"""Modules, from a git repository to a folder below .terraform."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.git_repo import Executable, File, GitRepo, Link

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.conftest import ServedRegistry
    from tests.support.terraform import Terraform

NETWORK = {
    "main.tf": 'module "subnet" {\n  source = "./modules/subnet"\n}\n',
    "modules/subnet/main.tf": 'output "bits" {\n  value = 4\n}\n',
}


@pytest.fixture
def repo(tmp_path: Path) -> GitRepo:
    made = GitRepo(tmp_path / "network.git")
    for version in ("1.0.0", "1.1.0", "1.2.0-rc1", "2.0.0"):
        made.tag(f"v{version}", made.commit({**NETWORK, "version.txt": version}), annotated=version == "1.1.0")
    return made


def test_a_constraint_selects_the_newest_release_it_allows(
    registry: ServedRegistry, repo: GitRepo, terraform: Terraform
) -> None:
    registry.module("acme/network/aws", repo.url)
    registry.published()
    folder = registry.use("consumer", registry.module_block("acme/network/aws", "~> 1.0"))

    result = registry.install(terraform, folder)

    assert result.code == 0, result
    assert (folder / ".terraform/modules/it/version.txt").read_text() == "1.1.0"
    assert (folder / ".terraform/modules/it/modules/subnet/main.tf").read_text() == NETWORK["modules/subnet/main.tf"]


def test_a_nested_module_is_installed_by_its_path(
    registry: ServedRegistry, repo: GitRepo, terraform: Terraform
) -> None:
    registry.module("acme/network/aws", repo.url)
    registry.published()
    folder = registry.use("consumer", registry.module_block("acme/network/aws//modules/subnet", "1.0.0"))

    result = registry.install(terraform, folder)

    assert result.code == 0, result
    assert "- it in .terraform/modules/it/modules/subnet" in result.out


def test_a_prerelease_is_published_and_installed_only_where_it_is_named(
    registry: ServedRegistry, repo: GitRepo, terraform: Terraform
) -> None:
    registry.module("acme/network/aws", repo.url, 'versions: "= 1.2.0-rc1"\n')
    registry.published()

    any_one = registry.install(terraform, registry.use("any", registry.module_block("acme/network/aws", "~> 1.0")))
    named = registry.install(terraform, registry.use("named", registry.module_block("acme/network/aws", "1.2.0-rc1")))

    assert any_one.code == 1, any_one
    assert named.code == 0, named


def test_a_folder_of_a_monorepo_becomes_the_root_with_its_modes_and_links(
    registry: ServedRegistry, tmp_path: Path, terraform: Terraform
) -> None:
    repo = GitRepo(tmp_path / "monorepo.git")
    files: dict[str, File] = {
        "README.md": "not a part of it",
        "modules/queue/main.tf": "# queue",
        "modules/queue/run.sh": Executable("#!/bin/sh\n"),
        "modules/queue/latest.tf": Link("main.tf"),
    }
    repo.tag("queue/v0.1.0", repo.commit(files))
    repo.tag("topic/v9.0.0", repo.commit(files))
    registry.write(
        "catalog/modules/acme/queue/aws.yaml",
        f'source:\n  git: "{repo.url}"\n  path: modules/queue\n  tags: ["queue/v{{version}}"]\n',
    )
    registry.published()
    folder = registry.use("consumer", registry.module_block("acme/queue/aws", ">= 0.1.0"))

    result = registry.install(terraform, folder)

    assert result.code == 0, result
    installed = folder / ".terraform/modules/it"
    assert {path.name for path in installed.iterdir()} == {"main.tf", "run.sh", "latest.tf"}
    assert (installed / "run.sh").stat().st_mode & 0o111
    assert (installed / "latest.tf").read_text() == "# queue"


def test_a_changed_byte_of_an_archive_is_refused_by_its_checksum(
    registry: ServedRegistry, repo: GitRepo, terraform: Terraform
) -> None:
    registry.module("acme/network/aws", repo.url)
    registry.published()
    archive = registry.public / "v1/modules/acme/network/aws/1.1.0/module.tar.gz"
    data = bytearray(archive.read_bytes())
    data[9] ^= 1  # the operating system in gzip's header: it unpacks all the same, to the same files
    archive.chmod(0o644)
    archive.write_bytes(data)

    result = registry.install(terraform, registry.use("consumer", registry.module_block("acme/network/aws", "1.1.0")))

    assert result.code == 1, result
    assert "Checksums did not match" in result.err


def test_a_moved_tag_is_refused_with_both_commits_and_clients_get_what_was_published(
    registry: ServedRegistry, repo: GitRepo, terraform: Terraform
) -> None:
    registry.module("acme/network/aws", repo.url)
    registry.published()
    published = repo.resolve("refs/tags/v1.1.0")
    moved = repo.commit({**NETWORK, "version.txt": "evil"})
    repo.tag("v1.1.0", moved)

    said = registry.refused("PLN001")
    folder = registry.use("consumer", registry.module_block("acme/network/aws", "1.1.0"))
    result = registry.install(terraform, folder)

    assert published in said
    assert moved in said
    assert result.code == 0, result
    assert (folder / ".terraform/modules/it/version.txt").read_text() == "1.1.0"


def test_a_deleted_tag_takes_nothing_from_clients(
    registry: ServedRegistry, repo: GitRepo, terraform: Terraform
) -> None:
    registry.module("acme/network/aws", repo.url)
    registry.published()
    repo.delete_tag("v1.1.0")

    registry.cli("publish")

    result = registry.install(terraform, registry.use("consumer", registry.module_block("acme/network/aws", "1.1.0")))
    assert result.code == 0, result


def test_a_second_publish_says_that_nothing_changed(registry: ServedRegistry, repo: GitRepo) -> None:
    registry.module("acme/network/aws", repo.url)
    registry.published()
    before = registry.tree()

    assert "No changes" in registry.published()
    assert registry.tree() == before


def test_one_broken_source_stops_no_other_package(
    registry: ServedRegistry, repo: GitRepo, tmp_path: Path, terraform: Terraform
) -> None:
    registry.module("acme/network/aws", repo.url)
    registry.module("acme/gone/aws", str(tmp_path / "gone.git"))

    said = registry.refused("GIT")

    assert "acme/gone/aws" in said
    result = registry.install(terraform, registry.use("consumer", registry.module_block("acme/network/aws")))
    assert result.code == 0, result


def test_a_module_that_was_taken_back_whole_is_said_to_have_no_versions(
    registry: ServedRegistry, repo: GitRepo, terraform: Terraform
) -> None:
    registry.module("acme/network/aws", repo.url)
    registry.published()
    registry.module("acme/network/aws", repo.url, "withdrawn:\n  - reason: Nobody keeps it.\n")
    registry.published()
    folder = registry.use("consumer", registry.module_block("acme/network/aws", "~> 1.0"))

    result = registry.install(terraform, folder)

    assert result.code == 1, result
    assert "Module has no versions" in result.err

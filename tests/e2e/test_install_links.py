"""Documents that point at the upstream (hosting: link), beside copies in the same registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.conftest import required_provider
from tests.support.git_repo import GitRepo
from tests.support.git_server import serve_git
from tests.support.openpgp_keys import make_key
from tests.support.releases import make_release

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.conftest import ServedRegistry
    from tests.support.terraform import Terraform

pytestmark = pytest.mark.long

FILES = {
    "README.md": "# Platform\n",
    "modules/network/main.tf": 'module "subnet" {\n  source = "./subnet"\n}\n',
    "modules/network/subnet/main.tf": 'output "bits" {\n  value = 4\n}\n',
}


@pytest.fixture
def repo(registry: ServedRegistry, tmp_path: Path) -> GitRepo:
    made = GitRepo(tmp_path / "repositories/platform.git")
    made.tag("v1.0.0", made.commit(FILES))
    serve_git(registry.outside, tmp_path / "repositories")
    return made


def _modules(registry: ServedRegistry) -> None:
    source = f"source:\n  git: {registry.outside.url('/git/platform.git')}\n  path: modules/network\n"
    registry.write("catalog/modules/acme/linked/aws.yaml", f"{source}hosting: link\n")
    registry.write("catalog/modules/acme/copied/aws.yaml", source)


def test_a_linked_and_a_copied_module_install_the_same_files(
    registry: ServedRegistry, repo: GitRepo, terraform: Terraform
) -> None:
    _modules(registry)
    registry.published()

    for name in ("linked", "copied"):
        folder = registry.use(name, registry.module_block(f"acme/{name}/aws"))
        result = registry.install(terraform, folder)
        assert result.code == 0, result
        root = next((folder / ".terraform/modules/it").rglob("subnet")).parent
        assert (root / "main.tf").read_text() == FILES["modules/network/main.tf"]
    assert {key for key in registry.tree() if key.endswith("module.tar.gz")} == {
        "v1/modules/acme/copied/aws/1.0.0/module.tar.gz"
    }


def test_a_nested_module_of_a_linked_one_is_installed(
    registry: ServedRegistry, repo: GitRepo, terraform: Terraform
) -> None:
    _modules(registry)
    registry.published()

    result = registry.install(terraform, registry.use("nested", registry.module_block("acme/linked/aws//subnet")))

    assert result.code == 0, result


def test_a_linked_module_stays_at_its_commit_when_the_tag_moves(
    registry: ServedRegistry, repo: GitRepo, terraform: Terraform
) -> None:
    _modules(registry)
    registry.published()
    published = repo.resolve("refs/tags/v1.0.0")
    repo.tag("v1.0.0", repo.commit({"modules/network/main.tf": "# evil"}))
    registry.refused("PLN001")

    folder = registry.use("linked", registry.module_block("acme/linked/aws"))
    result = registry.install(terraform, folder)

    assert result.code == 0, result
    assert "evil" not in "".join(path.read_text() for path in (folder / ".terraform").rglob("main.tf"))
    location = registry.json("v1/modules/acme/linked/aws/1.0.0/download")["location"]
    assert location.endswith(f"?ref={published}")


def test_a_linked_provider_is_installed_from_its_publishers_server(
    registry: ServedRegistry, tmp_path: Path, terraform: Terraform
) -> None:
    key = make_key("acme")
    for type_ in ("linked", "copied"):
        make_release(tmp_path / type_ / "1.0.0", type_, "1.0.0", key=key)
        registry.outside.folder(f"/{type_}/", tmp_path / type_)
        registry.provider(f"acme/{type_}", registry.outside.url(f"/{type_}/{{version}}"), key=key.armor)
        path = registry.root / f"catalog/providers/acme/{type_}.yaml"
        path.write_text(path.read_text().replace("source:\n", "source:\n  versions: ['1.0.0']\n"))
    with (registry.root / "catalog/providers/acme/linked.yaml").open("a") as file:
        file.write("hosting: link\n")
    registry.published()
    published_requests = len(registry.outside.requests)

    for type_ in ("linked", "copied"):
        folder = registry.use(type_, required_provider(f"{registry.host}/acme/{type_}"))
        result = registry.install(terraform, folder)
        assert result.code == 0, result
        assert f"key ID {key.fingerprint[-16:]}" in result.out

    fetched = {request.path for request in registry.outside.requests[published_requests:] if request.method == "GET"}
    stem = "/linked/1.0.0/terraform-provider-linked_1.0.0"
    assert fetched == {f"{stem}_linux_amd64.zip", f"{stem}_SHA256SUMS", f"{stem}_SHA256SUMS.sig"}
    assert not any("providers/acme/linked" in name and name.endswith(".zip") for name in registry.tree())

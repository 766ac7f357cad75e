"""Providers of another registry, through the network mirror protocol."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from deployments.demo.signing import read_signer
from deployments.demo.upstream import VERSIONS, make_upstream
from tests.e2e.conftest import required_provider
from tests.support.openpgp_keys import make_key

if TYPE_CHECKING:
    from tests.e2e.conftest import ServedRegistry
    from tests.support.terraform import Result, Terraform

ADDRESS = "registry.example.net/acme/sprocket"
ROOT = Path(__file__).parents[2]
KEY = (ROOT / "catalog/keys/mirrors/sprocket.asc").read_text()
PLATFORMS = "platforms: [linux_amd64, linux_arm64, darwin_arm64]\n"


@pytest.fixture
def upstream(registry: ServedRegistry, tmp_path: Path) -> Path:
    """The folder of the files that the other registry serves."""
    folder = tmp_path / "upstream"
    make_upstream(folder, read_signer(ROOT / "deployments/demo/upstream-key.asc"), KEY)
    registry.outside.folder("/", folder)
    return folder


def _through_the_mirror(registry: ServedRegistry, terraform: Terraform, version: str = "~> 2.0") -> Result:
    url = json.dumps(f"{registry.server.url}v1/mirror/")
    mirror = f'  network_mirror {{\n    url     = {url}\n    include = ["registry.example.net/*/*"]\n  }}\n'
    terraform.configure(f"provider_installation {{\n{mirror}}}\n")
    return registry.install(terraform, registry.use("consumer", required_provider(ADDRESS, version)))


def _lock(registry: ServedRegistry) -> str:
    return (registry.root.parent / "consumer/.terraform.lock.hcl").read_text()


def test_a_mirrored_provider_is_installed_with_a_verified_checksum(
    registry: ServedRegistry, upstream: Path, terraform: Terraform
) -> None:
    registry.mirror(ADDRESS, KEY, f'versions: ">= 2.0.0"\n{PLATFORMS}')
    registry.published()

    result = _through_the_mirror(registry, terraform)

    assert result.code == 0, result
    assert f"Installed {ADDRESS} v2.1.0 (verified checksum)" in result.out
    archives = registry.json(f"v1/mirror/{ADDRESS}/2.1.0.json")["archives"]
    assert f'"{archives["linux_amd64"]["hashes"][0]}"' in _lock(registry)


def test_only_wanted_versions_and_platforms_are_mirrored(registry: ServedRegistry, upstream: Path) -> None:
    registry.mirror(ADDRESS, KEY, f'versions: ">= 2.0.0"\n{PLATFORMS}')
    registry.published()

    assert set(registry.json(f"v1/mirror/{ADDRESS}/index.json")["versions"]) == set(VERSIONS) - {"1.9.0"}
    archives = registry.json(f"v1/mirror/{ADDRESS}/2.0.0.json")["archives"]
    assert set(archives) == {"linux_amd64", "linux_arm64", "darwin_arm64"}
    for archive in archives.values():
        assert [text.partition(":")[0] for text in archive["hashes"]] == ["h1", "zh"]


def test_a_lock_made_from_the_other_registry_holds_for_the_mirror(
    registry: ServedRegistry, upstream: Path, terraform: Terraform
) -> None:
    registry.mirror(ADDRESS, KEY)
    registry.published()
    folder = registry.use("consumer", required_provider(ADDRESS, "2.1.0"))
    services = json.dumps({"providers.v1": registry.outside.url("/v1/providers/")}).replace(":", " =", 1)
    terraform.configure(f'host "registry.example.net" {{\n  services = {services}\n}}\n')
    assert registry.install(terraform, folder).code == 0
    lock = _lock(registry)
    assert lock.count('"zh:') == 5

    result = _through_the_mirror(registry, terraform, "2.1.0")

    assert result.code == 0, result
    assert _lock(registry) == lock


def test_the_tree_is_a_filesystem_mirror_too(
    registry: ServedRegistry, upstream: Path, terraform: Terraform, tmp_path: Path
) -> None:
    registry.mirror(ADDRESS, KEY)
    registry.published()
    copy = tmp_path / "copy"
    shutil.copytree(registry.public / "v1/mirror", copy)
    terraform.configure(f'provider_installation {{\n  filesystem_mirror {{\n    path = "{copy}"\n  }}\n}}\n')

    result = registry.install(terraform, registry.use("consumer", required_provider(ADDRESS, "~> 2.0")))

    assert result.code == 0, result


def test_a_provider_that_an_untrusted_key_signed_is_not_mirrored(registry: ServedRegistry, upstream: Path) -> None:
    registry.mirror(ADDRESS, make_key("somebody else").armor)

    registry.refused("SIG012")

    assert registry.get(f"v1/mirror/{ADDRESS}/index.json")[0] == 404


def test_a_zip_that_upstream_changed_is_not_mirrored_and_the_other_versions_are(
    registry: ServedRegistry, upstream: Path, terraform: Terraform
) -> None:
    zips = upstream / "v1/providers/acme/sprocket/2.1.0/terraform-provider-sprocket_2.1.0_linux_amd64.zip"
    data = bytearray(zips.read_bytes())
    data[len(data) // 2] ^= 1
    zips.write_bytes(data)
    registry.mirror(ADDRESS, KEY)

    said = registry.refused("2.1.0")

    assert "sprocket" in said
    result = _through_the_mirror(registry, terraform)
    assert result.code == 0, result
    assert f"Installed {ADDRESS} v2.0.0 (verified checksum)" in result.out


def test_a_flipped_byte_in_the_bucket_is_refused_by_the_client(
    registry: ServedRegistry, upstream: Path, terraform: Terraform
) -> None:
    registry.mirror(ADDRESS, KEY)
    registry.published()
    archive = registry.public / f"v1/mirror/{ADDRESS}/terraform-provider-sprocket_2.1.0_linux_amd64.zip"
    data = bytearray(archive.read_bytes())
    data[data.index(b"This is the demo")] ^= 1
    archive.chmod(0o644)
    archive.write_bytes(data)

    result = _through_the_mirror(registry, terraform)

    assert result.code == 1, result
    assert "doesn't match" in result.err.replace("\n", " ") or "checksum" in result.err, result


def test_an_upstream_that_is_gone_stops_no_reader(
    registry: ServedRegistry, upstream: Path, terraform: Terraform
) -> None:
    registry.mirror(ADDRESS, KEY)
    registry.published()
    shutil.rmtree(upstream)

    registry.refused(ADDRESS)

    assert _through_the_mirror(registry, terraform).code == 0

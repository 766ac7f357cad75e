"""Stamped documents, as rendered, are all that a real client needs beside the artifacts."""

from __future__ import annotations

import io
import json
import tarfile
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from registry_gen import paths
from registry_gen.model.config import Site
from registry_gen.model.digest import Sha256, sha256
from registry_gen.model.facts import SigningKey
from registry_gen.render.discovery import render_site
from registry_gen.render.document import stamp
from registry_gen.render.lint import lint
from registry_gen.render.package import render_package
from tests.support.openpgp_keys import make_key
from tests.support.published_facts import (
    MIRROR,
    MODULE,
    PROVIDER,
    mirror_version,
    module_version,
    package_of,
    provider_version,
)
from tests.support.releases import PLATFORMS, make_release
from tests.support.static_site import StaticSite, free_port
from tests.support.tls import Authority

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from registry_gen.model.facts import MirrorVersion, ModuleVersion, ProviderVersion
    from registry_gen.render.document import Document
    from tests.support.releases import Release
    from tests.support.terraform import Terraform

pytestmark = pytest.mark.long


class _Registry:
    """A public folder and the site that serves it."""

    def __init__(self, folder: Path) -> None:
        self.public = folder / "public"
        self.authority = Authority(folder / "authority")
        self.server = StaticSite(self.public, self.authority, port=free_port())
        self.site = Site(self.server.host, self.server.url)
        self.documents(render_site(self.site))

    def documents(self, documents: tuple[Document, ...]) -> None:
        assert lint(documents) == ()
        self.artifacts({found.key: stamp(found.key, found.content, 41) for found in documents})

    def artifacts(self, artifacts: Mapping[str, bytes]) -> None:
        for key, data in artifacts.items():
            path = self.public / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)

    @property
    def trust(self) -> dict[str, str]:
        return {"SSL_CERT_FILE": str(self.authority.ca_file)}


@pytest.fixture
def registry(tmp_path: Path) -> _Registry:
    return _Registry(tmp_path / "registry")


def _archive(path: str, text: str) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        entry = tarfile.TarInfo(path)
        entry.size = len(text)
        archive.addfile(entry, io.BytesIO(text.encode()))
    return out.getvalue()


def _publish_module(registry: _Registry, served: bytes, recorded: bytes) -> None:
    facts: ModuleVersion = replace(module_version("1.2.0"), archive=sha256(recorded))
    registry.documents(render_package(package_of(MODULE, facts), registry.site))
    registry.artifacts({paths.module_archive(MODULE, facts.version): served})


def _use_module(registry: _Registry, folder: Path) -> Path:
    folder.mkdir()
    (folder / "main.tf").write_text(
        f'module "network" {{\n  source  = "{registry.site.host}/{MODULE}//sub"\n  version = "~> 1.0"\n}}\n'
    )
    return folder


def test_a_module_is_installed_through_its_page(registry: _Registry, terraform: Terraform, tmp_path: Path) -> None:
    archive = _archive("sub/main.tf", 'output "found" {\n  value = "me"\n}\n')
    _publish_module(registry, archive, archive)

    with registry.server:
        result = terraform.init(_use_module(registry, tmp_path / "use"), env=registry.trust)

    assert result.code == 0, result
    assert (tmp_path / "use/.terraform/modules/network/sub/main.tf").exists()


def test_a_module_with_other_bytes_is_refused(registry: _Registry, terraform: Terraform, tmp_path: Path) -> None:
    _publish_module(registry, _archive("sub/main.tf", "# changed"), _archive("sub/main.tf", "# as published"))

    with registry.server:
        result = terraform.init(_use_module(registry, tmp_path / "use"), env=registry.trust)

    assert result.code == 1, result
    assert "Checksums did not match" in result.err, result


def test_a_provider_is_verified_and_locked(registry: _Registry, terraform: Terraform, tmp_path: Path) -> None:
    key = make_key("acme")
    release = make_release(tmp_path / "release", "widget", "1.2.0", key=key)
    facts = _provider_facts(provider_version("1.2.0", *PLATFORMS), release)
    package = package_of(PROVIDER, facts, deprecated="Use acme/gadget.", keys=(SigningKey(key.fingerprint, key.armor),))
    registry.documents(render_package(package, registry.site))
    registry.artifacts(
        {
            paths.provider_sums(PROVIDER, facts.version, facts.sums.sums): release.sums,
            paths.provider_signature(PROVIDER, facts.version, facts.sums.signature): release.signature or b"",
            **{
                paths.provider_zip(PROVIDER, facts.version, found.platform): release.zips[str(found.platform)]
                for found in facts.packages
            },
        }
    )

    with registry.server:
        result = terraform.init(_use_provider(tmp_path / "use", f"{registry.site.host}/{PROVIDER}"), env=registry.trust)

    assert result.code == 0, result
    assert f"self-signed, key ID {key.fingerprint[-16:]}" in result.out, result
    assert "Use acme/gadget." in result.out, result
    lock = (tmp_path / "use/.terraform.lock.hcl").read_text()
    assert all(f'"zh:{found.zh}"' in lock for found in facts.packages), lock


def test_a_mirrored_provider_is_checked_against_its_hashes(
    registry: _Registry, terraform: Terraform, tmp_path: Path
) -> None:
    release = make_release(tmp_path / "release", "random", "3.1.0")
    facts = _mirror_facts(mirror_version("3.1.0", *PLATFORMS), release)
    registry.documents(render_package(package_of(MIRROR, facts), registry.site))
    registry.artifacts(
        {
            paths.mirror_zip(MIRROR, facts.version, found.platform): release.zips[str(found.platform)]
            for found in facts.packages
        }
    )
    mirror = json.dumps(registry.site.url + paths.MIRROR)
    terraform.configure(f"provider_installation {{\n  network_mirror {{\n    url = {mirror}\n  }}\n}}\n")

    with registry.server:
        result = terraform.init(_use_provider(tmp_path / "use", str(MIRROR)), env=registry.trust)

    assert result.code == 0, result
    assert "verified checksum" in result.out, result


def _use_provider(folder: Path, source: str) -> Path:
    folder.mkdir()
    (folder / "main.tf").write_text(
        f'terraform {{\n  required_providers {{\n    it = {{\n      source = "{source}"\n    }}\n  }}\n}}\n'
    )
    return folder


def _provider_facts(facts: ProviderVersion, release: Release) -> ProviderVersion:
    signature = sha256(release.signature or b"")
    sums = replace(facts.sums, sums=sha256(release.sums), signature=signature)
    packages = tuple(
        replace(found, zh=_zh(release, str(found.platform)), size=len(release.zips[str(found.platform)]), h1=None)
        for found in facts.packages
    )
    return replace(facts, sums=sums, packages=packages)


def _mirror_facts(facts: MirrorVersion, release: Release) -> MirrorVersion:
    packages = tuple(replace(found, zh=_zh(release, str(found.platform)), h1=None) for found in facts.packages)
    return replace(facts, packages=packages)


def _zh(release: Release, platform: str) -> Sha256:
    return sha256(release.zips[platform])

"""Where the small catalog's packages come from: repositories, archives, releases and another registry.

Everything is only stored, never compressed, and made from fixed times and keys: the same bytes on every machine.
"""

from __future__ import annotations

import io
import json
import zipfile
from typing import TYPE_CHECKING, Final

from registry_gen.model.digest import sha256
from tests.support.git_repo import Executable, GitRepo, Link
from tests.support.openpgp_keys import make_key
from tests.support.releases import make_release, sums_document

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.support.git_repo import File

UPSTREAM: Final = "https://upstream.example.com"
# Test keys are made from names alone; the catalog's keys/*.asc are the public halves of these.
PUBLISHER: Final = make_key("golden publisher")
MIRRORED: Final = make_key("golden upstream")

_PLATFORMS: Final = ("darwin_arm64", "linux_amd64")
_NETWORK: Final[Mapping[str, File]] = {
    "README.md": "# Network\n\nA network and its subnets — größer, als es aussieht.\n",
    "main.tf": 'resource "aws_vpc" "this" {\n  cidr_block = var.cidr\n}\n',
    "variables.tf": 'variable "cidr" {\n  type = string\n}\n',
    "modules/subnet/main.tf": 'variable "zone" {\n  type = string\n}\n',
    "scripts/check.sh": Executable("#!/bin/sh\nexit 0\n"),
    "LATEST.md": Link("README.md"),
    "OLDEST.md": Link("gone.md"),
}


def make_sources(root: Path) -> None:
    """Make the folders ``git``, ``releases``, ``archives`` and ``upstream`` below ``root``."""
    _make_repositories(root / "git")
    _make_releases(root / "releases")
    _make_archives(root / "archives/storage")
    _make_upstream(root / "upstream")


def _make_repositories(folder: Path) -> None:
    network = GitRepo(folder / "network.git")
    network.tag("v1.0.0", network.commit(_NETWORK))
    network.tag("v1.1.0-rc1", network.commit({**_NETWORK, "outputs.tf": "# soon\n"}))
    network.tag("v1.1.0", network.commit({**_NETWORK, "outputs.tf": 'output "id" {\n  value = 1\n}\n'}), annotated=True)
    several = GitRepo(folder / "infrastructure.git")
    several.commit(
        {
            "modules/vpc/main.tf": 'variable "name" {}\n',
            "modules/dns/main.tf": 'variable "zone" {}\n',
            "README.md": "# All of them\n",
        }
    )
    several.tag("vpc/v0.3.0")
    several.tag("dns/v2.0.0")


def _make_archives(folder: Path) -> None:
    folder.mkdir(parents=True)
    archives = {f"storage-{version}.zip": _archive(version) for version in ("1.0.0", "2.1.0")}
    for name, data in {**archives, "SHA256SUMS": sums_document(archives)}.items():
        (folder / name).write_bytes(data)


def _archive(version: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, text in (("main.tf", 'variable "bucket" {}\n'), ("README.md", f"# Storage {version}\n")):
            archive.writestr(zipfile.ZipInfo(name, (2024, 1, 1, 0, 0, 0)), text)
    return out.getvalue()


def _make_releases(folder: Path) -> None:
    for version in ("1.0.0", "1.1.0"):
        make_release(
            folder / "widget" / f"v{version}",
            "widget",
            version,
            key=PUBLISHER,
            platforms=_PLATFORMS,
            protocols=("5.0", "6.0"),
            compression=zipfile.ZIP_STORED,
        )
    make_release(folder / "gadget", "gadget", "0.1.0", key=PUBLISHER, compression=zipfile.ZIP_STORED)


def _make_upstream(folder: Path) -> None:
    """Another registry as a folder of files: the Provider Registry Protocol needs no more."""
    versions = {"3.0.0": ("linux_amd64",), "3.1.0": (*_PLATFORMS, "windows_amd64")}
    for version, platforms in versions.items():
        stem = f"terraform-provider-random_{version}"
        release = make_release(
            folder / "files",
            "random",
            version,
            key=MIRRORED,
            platforms=platforms,
            protocols=None,
            compression=zipfile.ZIP_STORED,
        )
        for platform in platforms:
            os, arch = platform.split("_")
            name = f"{stem}_{platform}.zip"
            document = {
                "protocols": ["5.0"],
                "os": os,
                "arch": arch,
                "filename": name,
                "download_url": f"{UPSTREAM}/files/{name}",
                "shasum": sha256(release.zips[platform]),
                "shasums_url": f"{UPSTREAM}/files/{stem}_SHA256SUMS",
                "shasums_signature_url": f"{UPSTREAM}/files/{stem}_SHA256SUMS.sig",
                "signing_keys": {"gpg_public_keys": [{"key_id": "", "ascii_armor": MIRRORED.armor}]},
            }
            _write_json(folder / f"v1/providers/hashicorp/random/{version}/download/{os}/{arch}", document)
    listed = [
        {
            "version": version,
            "protocols": ["5.0"],
            "platforms": [dict(zip(("os", "arch"), platform.split("_"), strict=True)) for platform in platforms],
        }
        for version, platforms in versions.items()
    ]
    _write_json(folder / "v1/providers/hashicorp/random/versions", {"versions": listed})
    _write_json(folder / ".well-known/terraform.json", {"providers.v1": "/v1/providers/"})


def _write_json(path: Path, document: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))

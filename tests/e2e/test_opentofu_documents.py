"""What OpenTofu reads and Terraform does not, held to OpenTofu's documented shapes.

No OpenTofu is to be had here as a wheel, so its documents are asserted field by field. Sources: Module Registry
Protocol and Provider Registry Protocol of opentofu.org/docs/internals, and OpenTofu's own registry client (1.12).
"""

from __future__ import annotations

import base64
import hashlib
import io
import re
import zipfile
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from tests.support.git_repo import GitRepo
from tests.support.openpgp_keys import make_key
from tests.support.releases import PLATFORMS, make_release

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.conftest import ServedRegistry


def test_a_modules_body_names_the_archive_and_its_checksum(registry: ServedRegistry, tmp_path: Path) -> None:
    repo = GitRepo(tmp_path / "network.git")
    repo.tag("v1.0.0", repo.commit({"main.tf": ""}))
    registry.module("acme/network/aws", repo.url)
    registry.published()

    location = registry.json("v1/modules/acme/network/aws/1.0.0/download")["location"]

    found = re.fullmatch(r"(\./module\.tar\.gz)\?checksum=sha256:([0-9a-f]{64})", location)
    assert found
    status, archive = registry.get("v1/modules/acme/network/aws/1.0.0/module.tar.gz")
    assert status == 200
    assert hashlib.sha256(archive).hexdigest() == found[2]


def test_a_linked_modules_body_is_a_git_address_pinned_to_the_commit(registry: ServedRegistry, tmp_path: Path) -> None:
    repo = GitRepo(tmp_path / "network.git")
    commit = repo.commit({"modules/subnet/main.tf": ""})
    repo.tag("v1.0.0", commit)
    registry.write(
        "catalog/modules/acme/subnet/aws.yaml",
        f'source:\n  git: "{repo.url}"\n  path: modules/subnet\nhosting: link\n',
    )
    registry.published()

    location = registry.json("v1/modules/acme/subnet/aws/1.0.0/download")["location"]

    assert location == f"git::file://{repo.path}//modules/subnet?ref={commit}"


def test_packages_cover_every_platform_with_both_hashes_and_the_size(registry: ServedRegistry, tmp_path: Path) -> None:
    key = make_key("acme")
    make_release(tmp_path / "releases/1.0.0", "widget", "1.0.0", key=key)
    registry.provider("acme/widget", tmp_path / "releases", key=key.armor)
    registry.published()
    leaves = {
        platform: f"v1/providers/acme/widget/1.0.0/download/{platform.replace('_', '/')}" for platform in PLATFORMS
    }
    documents = {platform: registry.json(leaf) for platform, leaf in leaves.items()}

    for platform, document in documents.items():
        assert set(document["packages"]) == set(PLATFORMS)
        archive = _download(registry, leaves[platform], document["download_url"])
        found = document["packages"][platform]
        assert found["package_size"] == len(archive)
        assert set(found["hashes"]) == {f"zh:{hashlib.sha256(archive).hexdigest()}", _h1(archive)}
        assert document["shasum"] == hashlib.sha256(archive).hexdigest()
    assert all(document["packages"] == documents["linux_amd64"]["packages"] for document in documents.values())


def test_a_provider_that_nobody_signs_still_comes_with_a_key(registry: ServedRegistry, tmp_path: Path) -> None:
    make_release(tmp_path / "releases/1.0.0", "gadget", "1.0.0")
    registry.provider("acme/gadget", tmp_path / "releases")
    registry.published()

    document = registry.json("v1/providers/acme/gadget/1.0.0/download/linux/amd64")

    (key,) = document["signing_keys"]["gpg_public_keys"]
    assert key["ascii_armor"].startswith("-----BEGIN PGP PUBLIC KEY BLOCK-----")
    assert "PRIVATE" not in key["ascii_armor"]


def test_a_listing_names_protocols_and_platforms_of_each_version(registry: ServedRegistry, tmp_path: Path) -> None:
    key = make_key("acme")
    make_release(tmp_path / "releases/1.0.0", "widget", "1.0.0", key=key)
    registry.provider("acme/widget", tmp_path / "releases", key=key.armor)
    registry.published()

    listing = registry.json("v1/providers/acme/widget/versions")

    (version,) = listing["versions"]
    assert version["version"] == "1.0.0"
    assert version["protocols"] == ["5.0"]
    assert {f"{found['os']}_{found['arch']}" for found in version["platforms"]} == set(PLATFORMS)


def _download(registry: ServedRegistry, leaf: str, url: str) -> bytes:
    """Follow a URL as it stands in a document, relative to where the document is."""
    absolute = urljoin(registry.server.url + leaf, url)
    status, body = registry.get(absolute.removeprefix(registry.server.url))
    assert status == 200, absolute
    return body


def _h1(archive: bytes) -> str:
    """The dirhash of a zip's files (golang.org/x/mod/sumdb/dirhash, Hash1), computed here a second way."""
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        lines = [f"{hashlib.sha256(opened.read(name)).hexdigest()}  {name}\n" for name in sorted(opened.namelist())]
    return "h1:" + base64.b64encode(hashlib.sha256("".join(lines).encode()).digest()).decode()

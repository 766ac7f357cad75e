"""A provider is taken over from another registry, and a lock file that was written there goes on working here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.conftest import required_provider
from tests.support.command_line import run_here
from tests.support.http_server import Reply
from tests.support.openpgp_keys import make_key
from tests.support.releases import make_release

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.conftest import ServedRegistry
    from tests.support.terraform import Terraform

pytestmark = pytest.mark.long

STEM = "terraform-provider-widget_1.0.0"


def test_a_lock_file_of_the_other_registry_is_good_here_and_is_not_written_anew(
    registry: ServedRegistry, tmp_path: Path, terraform: Terraform
) -> None:
    key = make_key("acme")
    release = make_release(tmp_path / "theirs", "widget", "1.0.0", key=key, platforms=["linux_amd64"])
    name = f"{STEM}_linux_amd64.zip"
    digests = [line.split()[0].decode() for line in release.sums.splitlines()]
    zip_digest = next(line.split()[0].decode() for line in release.sums.splitlines() if line.endswith(name.encode()))
    platform = {"os": "linux", "arch": "amd64"}
    theirs = registry.outside
    theirs.folder("/theirs/", tmp_path / "theirs")
    theirs.route("/.well-known/terraform.json", Reply.json({"providers.v1": "/v1/"}))
    theirs.route(
        "/v1/acme/widget/versions",
        Reply.json({"versions": [{"version": "1.0.0", "protocols": ["5.0"], "platforms": [platform]}]}),
    )
    leaf = {
        **platform,
        "protocols": ["5.0"],
        "filename": name,
        "download_url": f"/theirs/{name}",
        "shasum": zip_digest,
        "shasums_url": f"/theirs/{STEM}_SHA256SUMS",
        "shasums_signature_url": f"/theirs/{STEM}_SHA256SUMS.sig",
        "signing_keys": {"gpg_public_keys": [{"ascii_armor": key.armor}]},
    }
    theirs.route("/v1/acme/widget/1.0.0/download/linux/amd64", Reply.json(leaf))
    ran = run_here(registry, "import", "registry", "registry.example.net", "acme/widget")
    assert ran.code == 0, ran.err
    assert "Digests: 1 are what the publisher signed, 0 are not, 0 could not be compared." in ran.out
    registry.published()
    folder = registry.use("consumer", required_provider(f"{registry.host}/acme/widget"))
    hashes = "".join(f'    "zh:{digest}",\n' for digest in sorted(digests))
    lock = (
        f'provider "{registry.host}/acme/widget" {{\n  version     = "1.0.0"\n  constraints = "~> 1.0"\n'
        f"  hashes = [\n{hashes}  ]\n}}\n"
    )
    (folder / ".terraform.lock.hcl").write_text(lock)

    result = registry.install(terraform, folder, "-lockfile=readonly")

    assert result.code == 0, result
    assert (folder / ".terraform.lock.hcl").read_text() == lock

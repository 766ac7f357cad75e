"""A lock file that a real Terraform wrote, judged by somebody who knows the log's key and nothing else."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from tests.e2e.conftest import required_provider
from tests.support.command_line import environment
from tests.support.openpgp_keys import make_key
from tests.support.releases import make_release

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.conftest import ServedRegistry
    from tests.support.terraform import Terraform

PLATFORMS = ("darwin_arm64", "linux_amd64")


def test_what_terraform_locked_is_what_was_logged_until_a_hash_is_forged(
    registry: ServedRegistry, tmp_path: Path, terraform: Terraform
) -> None:
    key = make_key("acme")
    make_release(tmp_path / "releases" / "1.0.0", "widget", "1.0.0", key=key, platforms=PLATFORMS)
    registry.provider("acme/widget", tmp_path / "releases", key=key.armor)
    registry.published()
    folder = registry.use("consumer", required_provider(f"{registry.host}/acme/widget"))
    assert registry.install(terraform, folder).code == 0
    vkey = registry.cli("log", "key").stdout.split()[0]
    lock = folder / ".terraform.lock.hcl"

    good = _verify(registry, tmp_path, str(lock), "--key", vkey)
    assert good.returncode == 0, good.stdout + good.stderr
    assert "4  locked hashes" in good.stdout, "an h1, two zips and the manifest that the publisher signed for too"

    text = lock.read_text()
    digit = text.index('"zh:') + len('"zh:')
    lock.write_text(f"{text[:digit]}{'0' if text[digit] != '0' else '1'}{text[digit + 1 :]}")
    forged = _verify(registry, tmp_path, str(lock))
    assert forged.returncode == 1
    assert "INS041" in forged.stdout
    assert f"{lock}:{text[:digit].count(chr(10)) + 1}:1" in forged.stdout
    assert _verify(registry, tmp_path).returncode == 0, "the registry itself is good"


def test_the_block_that_lock_prints_is_what_terraform_writes_for_all_platforms(
    registry: ServedRegistry, tmp_path: Path, terraform: Terraform
) -> None:
    key = make_key("acme")
    make_release(tmp_path / "releases" / "1.0.0", "widget", "1.0.0", key=key, platforms=PLATFORMS)
    registry.provider("acme/widget", tmp_path / "releases", key=key.armor)
    registry.published()
    folder = registry.use("consumer", required_provider(f"{registry.host}/acme/widget", "~> 1"))
    locked = terraform.run(
        folder,
        ["providers", "lock", "-no-color", *(f"-platform={each}" for each in PLATFORMS)],
        env={"SSL_CERT_FILE": str(registry.authority.ca_file)},
    )
    assert locked.code == 0, locked.err
    written = (folder / ".terraform.lock.hcl").read_text()

    ran = _run(
        registry, tmp_path, "lock", "acme/widget", "1.0.0", "--constraints", "~> 1", "--url", registry.server.url
    )
    assert written.endswith(f"\n\n{ran.stdout}"), ran.stderr
    audited = _run(registry, tmp_path, "audit", str(folder), "--url", registry.server.url)
    assert (audited.returncode, "Good" in audited.stdout) == (0, True), audited.stdout + audited.stderr


def _verify(registry: ServedRegistry, home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return _run(registry, home, "verify", registry.server.url, *arguments)


def _run(registry: ServedRegistry, home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    more = {"XDG_STATE_HOME": str(home / "outsider"), "SSL_CERT_FILE": str(registry.authority.ca_file), "NO_COLOR": "1"}
    return subprocess.run(
        [sys.executable, "-m", "registry_gen", *arguments],
        cwd=home,
        env=environment(more),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

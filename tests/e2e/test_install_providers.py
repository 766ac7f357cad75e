"""Providers, from a release folder to a lock file, and what stops them on the way."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.conftest import required_provider
from tests.support.openpgp_keys import make_key
from tests.support.releases import make_release

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.e2e.conftest import ServedRegistry
    from tests.support.openpgp_keys import TestKey
    from tests.support.terraform import Result, Terraform

PLATFORMS = ("darwin_amd64", "darwin_arm64", "linux_amd64", "linux_arm64")
SUMS = "terraform-provider-widget_1.0.0_SHA256SUMS"
EXPIRED = datetime(2023, 1, 1, tzinfo=UTC)
BEFORE, AFTER = datetime(2022, 6, 1, tzinfo=UTC), datetime(2024, 6, 1, tzinfo=UTC)
REVOKED = datetime(2024, 1, 1, tzinfo=UTC)


@pytest.fixture
def releases(tmp_path: Path) -> Path:
    return tmp_path / "releases"


def _release(releases: Path, key: TestKey | None, version: str = "1.0.0") -> Path:
    return make_release(releases / version, "widget", version, key=key, platforms=PLATFORMS).folder


def _install(registry: ServedRegistry, terraform: Terraform, *arguments: str) -> Result:
    folder = registry.use("consumer", required_provider(f"{registry.host}/acme/widget"))
    return registry.install(terraform, folder, *arguments)


def _lock(registry: ServedRegistry) -> str:
    return (registry.root.parent / "consumer/.terraform.lock.hcl").read_text()


def test_a_provider_is_installed_with_its_publishers_signature(
    registry: ServedRegistry, releases: Path, terraform: Terraform
) -> None:
    key = make_key("acme")
    release = _release(releases, key)
    registry.provider("acme/widget", releases, key=key.armor)
    registry.published()

    result = _install(registry, terraform)

    assert result.code == 0, result
    assert f"(self-signed, key ID {key.fingerprint[-16:]})" in result.out
    lock = _lock(registry)
    sums = (release / SUMS).read_text().splitlines()
    assert all(f'"zh:{line.split()[0]}"' in lock for line in sums)
    assert lock.count('"h1:') == 1
    assert _install(registry, terraform, "-lockfile=readonly").code == 0


def test_a_provider_that_was_taken_back_whole_is_said_not_to_be_there(
    registry: ServedRegistry, releases: Path, terraform: Terraform
) -> None:
    key = make_key("acme")
    _release(releases, key)
    registry.provider("acme/widget", releases, key=key.armor)
    registry.published()
    registry.provider("acme/widget", releases, "withdrawn:\n  - reason: Nobody keeps it.\n", key=key.armor)
    registry.published()

    result = _install(registry, terraform)

    assert result.code == 1, result
    assert "not\nfound in any of the search locations" in result.err


def test_providers_lock_writes_the_hashes_of_four_platforms(
    registry: ServedRegistry, releases: Path, terraform: Terraform
) -> None:
    key = make_key("acme")
    _release(releases, key)
    registry.provider("acme/widget", releases, key=key.armor)
    registry.published()
    folder = registry.use("consumer", required_provider(f"{registry.host}/acme/widget"))
    trust = {"SSL_CERT_FILE": str(registry.authority.ca_file)}

    platforms = [f"-platform={platform}" for platform in PLATFORMS]
    result = terraform.run(folder, ["providers", "lock", "-no-color", *platforms], trust)

    assert result.code == 0, result
    hashes = _package_hashes(registry)
    assert all(f'"{found["h1"]}"' in _lock(registry) for found in hashes.values())
    assert _lock(registry).count('"h1:') == len(PLATFORMS)
    assert registry.install(terraform, folder, "-lockfile=readonly").code == 0


def _package_hashes(registry: ServedRegistry) -> dict[str, dict[str, str]]:
    document = registry.json("v1/providers/acme/widget/1.0.0/download/linux/amd64")
    return {
        platform: {text.partition(":")[0]: text for text in found["hashes"]}
        for platform, found in document["packages"].items()
    }


def test_a_provider_that_nobody_signs_is_signed_by_the_registry(
    registry: ServedRegistry, releases: Path, terraform: Terraform
) -> None:
    _release(releases, None)
    registry.provider("acme/widget", releases)
    registry.published()

    result = _install(registry, terraform)

    assert result.code == 0, result
    assert "self-signed, key ID" in result.out


def test_a_new_key_signs_new_versions_while_the_old_one_vouches_for_the_old(
    registry: ServedRegistry, releases: Path, terraform: Terraform
) -> None:
    old, new = make_key("old"), make_key("new", algorithm="rsa2048")
    _release(releases, old, "1.0.0")
    registry.provider("acme/widget", releases, key=old.armor)
    registry.published()
    _release(releases, new, "1.1.0")
    registry.write("catalog/keys/new.asc", new.armor)
    registry.write(
        "catalog/providers/acme/widget.yaml",
        f"source: {{releases: {json.dumps(str(releases))}}}\nsigning_keys: [acme-widget.asc, new.asc]\n",
    )
    registry.published()

    for version, key in (("1.0.0", old), ("1.1.0", new)):
        folder = registry.use(f"uses-{version}", required_provider(f"{registry.host}/acme/widget", version))
        result = registry.install(terraform, folder)
        assert result.code == 0, result
        assert f"key ID {key.fingerprint[-16:]}" in result.out


def test_what_a_lost_key_of_the_registry_signed_is_still_installed_and_a_new_one_signs_from_then_on(
    registry: ServedRegistry, releases: Path, terraform: Terraform
) -> None:
    _release(releases, None)
    registry.provider("acme/widget", releases)
    registry.published()
    signers = {"1.0.0": _own_key(registry)}
    (registry.root / "state/keys/openpgp.asc").unlink()
    registry.refused("KEY004")
    assert registry.cli("sums", "rotate").returncode == 0
    _release(releases, None, "1.1.0")
    registry.published()
    signers["1.1.0"] = _own_key(registry)

    for version, fingerprint in signers.items():
        folder = registry.use(f"uses-{version}", required_provider(f"{registry.host}/acme/widget", version))
        result = registry.install(terraform, folder)
        assert result.code == 0, result
        assert f"key ID {fingerprint[-16:]}" in result.out
    assert len(set(signers.values())) == 2


def _own_key(registry: ServedRegistry) -> str:
    """The fingerprint of the key that the registry signs sums with."""
    return registry.cli("sums", "key").stdout.partition("\n")[0]


def test_a_key_that_expired_after_it_signed_is_good(
    registry: ServedRegistry, releases: Path, terraform: Terraform
) -> None:
    key = make_key("acme", expires=EXPIRED)
    release = _release(releases, key)
    (release / f"{SUMS}.sig").write_bytes(key.sign((release / SUMS).read_bytes(), at=BEFORE))
    registry.provider("acme/widget", releases, key=key.armor)
    registry.published()

    result = _install(registry, terraform)

    assert result.code == 0, result


def _wrong_key(release: Path) -> TestKey:
    return make_key("somebody else")


def _expired(release: Path) -> TestKey:
    key = make_key("acme", expires=EXPIRED)
    (release / f"{SUMS}.sig").write_bytes(key.sign((release / SUMS).read_bytes(), at=AFTER))
    return key


def _missing(release: Path) -> TestKey:
    (release / f"{SUMS}.sig").unlink()
    return make_key("acme")


def _armored(release: Path) -> TestKey:
    key = make_key("acme")
    (release / f"{SUMS}.sig").write_bytes(key.sign_armored((release / SUMS).read_bytes()))
    return key


def _weak(release: Path) -> TestKey:
    key = make_key("acme")
    (release / f"{SUMS}.sig").write_bytes(key.sign((release / SUMS).read_bytes(), digest="sha1"))
    return key


def _flipped_byte(release: Path) -> TestKey:
    archive = release / "terraform-provider-widget_1.0.0_linux_arm64.zip"
    data = bytearray(archive.read_bytes())
    data[len(data) // 2] ^= 1
    archive.write_bytes(data)
    return make_key("acme")


def _other_sums(release: Path) -> TestKey:
    sums = release / SUMS
    data = bytearray(sums.read_bytes())
    data[0] = ord("1") if data[0] == ord("0") else ord("0")
    sums.write_bytes(data)
    return make_key("acme")


REFUSED: dict[str, tuple[Callable[[Path], TestKey], str]] = {
    "a wrong key": (_wrong_key, "SIG012"),
    "a key that had expired when it signed": (_expired, "SIG014"),
    "no signature": (_missing, "PLN007"),
    "an armored signature": (_armored, "SIG011"),
    "a signature of SHA-1": (_weak, "SIG016"),
    "a flipped byte in a zip": (_flipped_byte, "acme/widget"),
    "sums that were not signed": (_other_sums, "SIG013"),
}


@pytest.mark.parametrize(("spoil", "code"), REFUSED.values(), ids=REFUSED)
def test_nothing_of_a_release_is_published_with(
    registry: ServedRegistry, releases: Path, spoil: Callable[[Path], TestKey], code: str
) -> None:
    key = spoil(_release(releases, make_key("acme")))
    registry.provider("acme/widget", releases, key=key.armor)

    registry.refused(code)

    assert registry.get("v1/providers/acme/widget/versions")[0] == 404
    assert registry.get("v1/providers/acme/widget/1.0.0/download/linux/amd64")[0] == 404
    assert not any(name.endswith(".zip") for name in registry.tree())


def test_a_revoked_key_is_a_problem_of_the_catalog(registry: ServedRegistry, releases: Path) -> None:
    key = make_key("acme", revoked=REVOKED)
    _release(releases, key)
    registry.provider("acme/widget", releases, key=key.armor)

    validated, published = registry.cli("validate"), registry.cli("publish")

    assert validated.returncode == 1
    assert "catalog/keys/acme-widget.asc:1:1: SIG005" in validated.stdout + validated.stderr
    assert published.returncode != 0
    assert registry.tree() == {}


def _no_keys(document: dict[str, Any]) -> None:
    document["signing_keys"]["gpg_public_keys"] = []


def _others_key(document: dict[str, Any]) -> None:
    document["signing_keys"]["gpg_public_keys"] = [_public(make_key("somebody else"))]


def _revoked_key(document: dict[str, Any]) -> None:
    document["signing_keys"]["gpg_public_keys"] = [_public(make_key("acme", revoked=REVOKED))]


def _public(key: TestKey) -> dict[str, str]:
    return {"key_id": key.fingerprint[-16:], "ascii_armor": key.armor}


@pytest.mark.parametrize(
    ("forge", "words"),
    [(_no_keys, "unknown issuer"), (_others_key, "unknown issuer"), (_revoked_key, "revoked")],
    ids=["missing", "wrong", "revoked"],
)
def test_terraform_itself_refuses_keys_that_we_never_publish(
    registry: ServedRegistry,
    releases: Path,
    terraform: Terraform,
    forge: Callable[[dict[str, Any]], None],
    words: str,
) -> None:
    key = make_key("acme")
    _release(releases, key)
    registry.provider("acme/widget", releases, key=key.armor)
    registry.published()
    leaf = registry.public / "v1/providers/acme/widget/1.0.0/download/linux/amd64"
    document = json.loads(leaf.read_bytes())
    forge(document)
    leaf.write_text(json.dumps(document))

    result = _install(registry, terraform)

    assert result.code == 1, result
    assert words in result.err.replace("\n", " "), result


def test_a_flipped_byte_in_the_bucket_is_refused_by_the_client(
    registry: ServedRegistry, releases: Path, terraform: Terraform
) -> None:
    key = make_key("acme")
    _release(releases, key)
    registry.provider("acme/widget", releases, key=key.armor)
    registry.published()
    archive = registry.public / "v1/providers/acme/widget/1.0.0/terraform-provider-widget_1.0.0_linux_amd64.zip"
    data = bytearray(archive.read_bytes())
    data[len(data) // 2] ^= 1
    archive.chmod(0o644)
    archive.write_bytes(data)

    result = _install(registry, terraform)

    assert result.code == 1, result
    assert "checksum" in result.err


def test_a_release_that_was_made_again_is_refused_and_clients_get_what_was_published(
    registry: ServedRegistry, releases: Path, terraform: Terraform
) -> None:
    key = make_key("acme")
    _release(releases, key)
    registry.provider("acme/widget", releases, key=key.armor)
    registry.published()
    make_release(releases / "1.0.0", "widget", "1.0.0", key=key, platforms=PLATFORMS, size=99)

    registry.refused("PLN005")

    assert _install(registry, terraform).code == 0


def test_a_deprecation_reaches_the_client(registry: ServedRegistry, releases: Path, terraform: Terraform) -> None:
    key = make_key("acme")
    _release(releases, key)
    registry.provider("acme/widget", releases, "deprecated: Use acme/gadget instead.\n", key=key.armor)
    registry.published()

    assert "Use acme/gadget instead." in _install(registry, terraform).out

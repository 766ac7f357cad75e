"""The registry's OpenPGP key through its life: shown, rotated, lost, leaked; and what clients get meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from registry_gen import paths
from registry_gen.model.address import ProviderAddress, parse_address
from registry_gen.model.version import parse_version
from registry_gen.verify.openpgp import parse_key
from tests.support.command_line import run_here
from tests.support.openpgp_keys import make_key
from tests.support.reader import check_reachable, read_log
from tests.support.releases import make_release
from tests.support.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path

GADGET = "acme/gadget"


@pytest.fixture
def work(tmp_path: Path, database: str) -> Workspace:
    """A registry that has published one version of a provider, which it signed itself."""
    made = Workspace(tmp_path / "work", database)
    release(made, "1.0.0")
    made.provider(GADGET, made.root / "gadget")
    assert made.publish().refusals == ()
    return made


def release(work: Workspace, version: str, *platforms: str) -> None:
    make_release(work.root / "gadget" / version, "gadget", version, platforms=platforms or ("linux_amd64",))


def present(work: Workspace) -> str:
    return str(run_here(work, "--json", "sums", "key").json["fingerprint"])


def rotate(work: Workspace, *, lost: bool = False) -> str:
    """The new key's fingerprint."""
    if lost:
        (work.root / "state/keys/openpgp.asc").unlink()
    return str(run_here(work, "--json", "sums", "rotate").json["fingerprint"])


def served(work: Workspace, version: str) -> set[str]:
    """The keys that clients of a version get."""
    leaf = work.document(f"v1/providers/{GADGET}/{version}/download/linux/amd64")
    return {parse_key(key["ascii_armor"], "leaf").fingerprint for key in leaf["signing_keys"]["gpg_public_keys"]}


def signer(work: Workspace, version: str) -> str:
    """The key that signed a version, which its record names."""
    address = parse_address(GADGET)
    assert isinstance(address, ProviderAddress)
    document = work.document(paths.version_document(address, parse_version(version)))
    return str(work.document(paths.record(document["record"]))["signer"])


def test_the_key_is_shown_as_clients_get_it(work: Workspace) -> None:
    shown = run_here(work, "sums", "key")
    fingerprint, _, certificate = shown.out.partition("\n")
    assert (shown.code, parse_key(certificate, "shown").fingerprint) == (0, fingerprint)
    assert "PRIVATE" not in shown.out
    assert served(work, "1.0.0") == {fingerprint}
    told = run_here(work, "--json", "sums", "key").json
    assert (told["fingerprint"], set(told)) == (fingerprint, {"format", "fingerprint", "certificate"})
    assert parse_key(told["certificate"], "told").fingerprint == fingerprint


def test_a_key_is_not_made_by_looking_at_it(tmp_path: Path) -> None:
    work = Workspace(tmp_path / "work")
    shown = run_here(work, "sums", "key")
    assert (shown.code, "error KEY004 " in shown.err) == (1, True)
    assert not (work.root / "state/keys").exists()


@pytest.mark.parametrize("lost", [False, True], ids=["kept", "lost"])
def test_after_a_change_old_versions_stay_and_new_ones_are_signed_by_the_new_key(work: Workspace, lost: bool) -> None:
    old, listing = present(work), work.tree()[f"v1/providers/{GADGET}/versions"]
    if lost:
        (work.root / "state/keys/openpgp.asc").unlink()
        for command in (("publish",), ("sums", "key")):
            refused = run_here(work, *command)
            assert (refused.code, "error KEY004 " in refused.err) == (1, True)
    rotated = run_here(work, "sums", "rotate")
    new = present(work)
    assert (rotated.code, new != old, rotated.out.startswith(f"{new}\n-----BEGIN")) == (0, True, True)
    assert (f"openpgp.former.{old}.asc" in rotated.err) is not lost
    assert "Now publish" in rotated.err
    assert "PRIVATE" not in rotated.out + rotated.err

    published = run_here(work, "publish")
    assert (published.code, served(work, "1.0.0")) == (0, {old, new})
    assert f"clients still get the former key {old}: it signed 1.0.0" in published.err
    assert work.tree()[f"v1/providers/{GADGET}/versions"] == listing
    assert signer(work, "1.0.0") == old, "what was published stays"
    assert run_here(work, "--json", "publish").json["unchanged"] == 1

    release(work, "1.1.0")
    assert run_here(work, "publish").code == 0
    assert (signer(work, "1.1.0"), served(work, "1.1.0")) == (new, {old, new})
    assert run_here(work, "fsck").code == 0
    assert run_here(work, "ledger", "audit", "verify").code == 0
    assert check_reachable(work.public) == 2


def test_a_change_of_keys_is_in_the_log_and_in_the_audit_log(work: Workspace, database: str) -> None:
    old, new = present(work), rotate(work)
    assert run_here(work, "publish").code == 0
    assert [entry["keys"] for entry in read_log(work.public) if entry["type"] == "key-changed"] == [sorted([old, new])]
    with psycopg.connect(database) as connection:
        rows = connection.execute("SELECT before -> 'keys', after -> 'keys' FROM audit_log ORDER BY seq").fetchall()
    assert rows[-1] == ([old], sorted([old, new]))


def test_a_leaked_key_goes_with_what_it_signed_and_does_not_come_back(work: Workspace) -> None:
    old, new = present(work), rotate(work)
    release(work, "1.1.0")
    withdrawn = run_here(work, "withdraw", GADGET, "1.0.0", "--reason", "The key that signed it leaked.")
    assert (withdrawn.code, run_here(work, "publish").code) == (0, 0)
    assert (signer(work, "1.1.0"), served(work, "1.1.0")) == (new, {new})
    assert run_here(work, "fsck").code == 0
    tree = work.tree()

    assert run_here(work, "withdraw", GADGET, "1.0.0", "--undo").code == 0
    refused = run_here(work, "publish")
    assert (refused.code, "PLN010" in refused.out + refused.err, old in refused.out + refused.err) == (1, True, True)
    assert work.tree() == tree


def test_a_former_key_goes_once_the_last_version_that_it_signed_was_signed_anew(tmp_path: Path, database: str) -> None:
    work = Workspace(tmp_path / "work", database)
    release(work, "1.0.0", "linux_amd64", "darwin_arm64")
    work.provider(GADGET, work.root / "gadget", "platforms: [linux_amd64]\n")
    work.publish()
    old, new = present(work), rotate(work)
    work.provider(GADGET, work.root / "gadget")
    for given in ({old, new}, {new}):
        assert run_here(work, "publish").code == 0
        assert (signer(work, "1.0.0"), served(work, "1.0.0")) == (new, given)
    assert run_here(work, "--json", "publish").json["unchanged"] == 1
    assert run_here(work, "fsck").code == 0


def test_a_ledger_that_is_made_again_knows_both_keys(work: Workspace, database: str) -> None:
    rotate(work)
    release(work, "1.1.0")
    assert run_here(work, "publish").code == 0
    tree = work.tree()
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    assert run_here(work, "ledger", "rebuild", "--from-bucket").code == 0
    again = run_here(work, "publish")
    assert (again.code, "No changes." in again.out) == (0, True)
    assert work.tree() == tree


def test_a_key_that_is_kept_elsewhere_is_changed_there_and_then_works_alike(
    work: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, other = present(work), make_key("registry")
    monkeypatch.setenv("SUMS_KEY", other.secret_armor)
    config = (work.root / "registry.yaml").read_text()
    work.write("registry.yaml", f"{config}signing: {{openpgp: env:SUMS_KEY}}\n")
    refused = run_here(work, "sums", "rotate")
    assert (refused.code, "error KEY009 " in refused.err) == (1, True)
    new = present(work)
    assert run_here(work, "publish").code == 0
    assert served(work, "1.0.0") == {old, new}

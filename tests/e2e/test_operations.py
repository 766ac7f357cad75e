"""The runbooks of docs/operations.md, run as they are written, on a registry to which the very thing has happened."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import psycopg
import pytest

from registry_gen import paths
from registry_gen.log.note import stated
from registry_gen.model.address import Platform, module_address, provider_address
from registry_gen.model.digest import Sha256
from registry_gen.model.imported import ImportedModule, ImportedProvider
from registry_gen.model.intent import AuditRow
from registry_gen.model.version import parse_version
from tests.support.git_repo import GitRepo
from tests.support.openpgp_keys import make_key
from tests.support.reader import check_reachable
from tests.support.releases import make_release
from tests.support.runbook import ROOT, Shell, read_page
from tests.support.static_site import StaticSite, free_port
from tests.support.tls import Authority
from tests.support.workspace import NOW, Workspace

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

pytestmark = pytest.mark.long


PAGE: Final = read_page(ROOT / "docs/operations.md")
MODULE: Final = "acme/network/aws"
LISTING: Final = f"v1/modules/{MODULE}/versions"
ARCHIVE: Final = f"v1/modules/{MODULE}/1.0.0/module.tar.gz"


@dataclass(frozen=True, slots=True)
class Place:
    """A registry that has published two versions of a module and a provider, and a shell in its folder."""

    work: Workspace
    repo: GitRepo
    shell: Shell
    before: Mapping[str, bytes]

    @property
    def listed(self) -> list[str]:
        """The module's versions, as clients see them."""
        found = self.work.document(LISTING)["modules"][0]["versions"]
        return [item["version"] for item in found]


@pytest.fixture
def place(tmp_path: Path, database: str) -> Place:
    repo = GitRepo(tmp_path / "network.git")
    repo.tag("v1.0.0", repo.commit({"main.tf": 'variable "a" {}\n'}))
    repo.tag("v1.1.0", repo.commit({"main.tf": 'variable "b" {}\n'}))
    key = make_key("acme")
    make_release(tmp_path / "widget", "widget", "1.0.0", key=key, platforms=("linux_amd64",))
    work = Workspace(tmp_path / "work", database)
    work.module(MODULE, repo.url)
    work.provider("acme/widget", tmp_path / "widget", key=key.armor)
    assert not work.publish().refusals
    shell = Shell(work, tmp_path, URL=str(work.public))
    shell.variables["VKEY"] = shell.run("registry-gen log key").strip()
    return Place(work, repo, shell, work.tree())


def steps(title: str) -> list[str]:
    """The blocks of a section; one that has none would prove nothing."""
    found = list(PAGE[title])
    assert found, title
    return found


def test_the_doctor_as_written_gives_a_green_list(tmp_path: Path, database: str) -> None:
    authority, port = Authority(tmp_path / "ca"), free_port()
    network = f"  ca_file: {authority.ca_file}\n"
    work = Workspace(tmp_path / "work", database, host=f"127.0.0.1:{port}", network=network)
    repo = GitRepo(tmp_path / "network.git")
    repo.tag("v1.0.0", repo.commit({"main.tf": 'variable "a" {}\n'}))
    work.module(MODULE, repo.url)
    assert not work.publish().refusals
    before = work.tree()
    inside, outside = steps("Before the first day, and after each change of the set-up")
    with StaticSite(work.public, authority, port=port) as site:
        shell = Shell(work, tmp_path, SITE=site.url)
        assert "All is well" in shell.run(inside)
        assert f"a module is read as clients read it ({MODULE} 1.0.0" in shell.run(outside)
    assert work.tree() == before
    assert "DIA030" in shell.run(outside, status=1), "nobody listens there now"


def test_every_day_as_written_finds_nothing_and_keeps_copies(place: Place) -> None:
    for step in steps("Every day"):
        place.shell.run(step)
    assert place.work.tree() == place.before
    assert (place.work.root / "../ledger.backup").stat().st_size
    assert len((place.work.root / "../audit.jsonl").read_text().splitlines()) == 2
    place.repo.tag("v1.2.0", place.repo.commit({"main.tf": 'variable "c" {}\n'}))
    for step in steps("Every day"):
        place.shell.run(step)
    assert place.listed == ["1.0.0", "1.1.0", "1.2.0"]


def test_a_version_goes_as_written(place: Place) -> None:
    take_back, collect, at_once = steps("A version must go")
    place.shell.run(take_back)
    assert place.listed == ["1.0.0"]
    assert (place.work.public / ARCHIVE.replace("1.0.0", "1.1.0")).exists(), "caches may still lead to it"
    assert "1.1.0" in place.shell.run(collect), "it waits, and says so"
    printed = place.shell.run(at_once)
    assert ARCHIVE in printed, "what to purge"
    assert not (place.work.public / ARCHIVE).exists()
    assert place.listed == []
    assert check_reachable(place.work.public) == 1, "the provider"


KILLED: Final = """
import os, signal, sys
from registry_gen.ledger.publication import PostgresPublication
finish = PostgresPublication.{step}
def killed(self, *args, **kwargs):
    finish(self, *args, **kwargs)
    os.kill(os.getpid(), signal.SIGKILL)
PostgresPublication.{step} = killed
from registry_gen.cli.main import main
sys.argv = ["registry-gen", "publish"]
main()
"""


@pytest.mark.parametrize("step", ["begin", "log", "checkpoint_signed", "documents_stored"])
def test_a_crash_is_mended_as_written(place: Place, step: str) -> None:
    place.repo.tag("v1.2.0", place.repo.commit({"main.tf": 'variable "c" {}\n'}))
    killed = subprocess.run(
        [sys.executable, "-c", KILLED.format(step=step)], cwd=place.work.root, check=False, capture_output=True
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    check_reachable(place.work.public)
    (mend,) = steps("A crash")
    assert "begun by an earlier run" in place.shell.run(mend)
    assert place.listed == ["1.0.0", "1.1.0", "1.2.0"]


def test_corruption_is_named_and_mended_as_written(place: Place) -> None:
    mend, rebuild = steps("Corruption")
    archive, listing = place.work.public / ARCHIVE, place.work.public / LISTING
    data = bytearray(archive.read_bytes())
    data[20] ^= 1
    archive.unlink()
    archive.write_bytes(data)
    listing.write_text(listing.read_text().replace("1.1.0", "6.6.6"))
    tile = next(path for path in (place.work.public / "log/tile/0").rglob("*") if path.is_file())
    tile.unlink()

    seen = place.shell.run('registry-gen verify --key "$VKEY" --state ../seen.json "$URL"', status=1)
    assert ARCHIVE in seen
    printed = place.shell.run(mend)
    for key in (ARCHIVE, LISTING, tile.relative_to(place.work.public).as_posix()):
        assert key in printed, "each is named"
    assert place.work.tree() == place.before, "byte for byte"
    place.shell.run(rebuild)
    place.shell.run('registry-gen verify --key "$VKEY" --state ../seen.json "$URL"')


def _drop_ledger(place: Place, database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")


def test_a_lost_database_is_restored_as_written(place: Place, database: str) -> None:
    restore, _ = steps("A lost database")
    place.shell.run(steps("Every day")[2])
    _drop_ledger(place, database)
    assert "No changes." in place.shell.run(restore)
    assert "No changes." in place.shell.run("registry-gen publish")


def test_a_backup_that_is_too_old_is_refused_and_the_bucket_tells_the_rest(place: Place, database: str) -> None:
    restore, rebuild = steps("A lost database")
    place.shell.run(steps("Every day")[2])
    place.repo.tag("v1.2.0", place.repo.commit({"main.tf": 'variable "c" {}\n'}))
    place.shell.run("registry-gen publish")
    later = place.work.tree()
    _drop_ledger(place, database)
    assert "PUB003" in place.shell.run(restore, status=1)
    _drop_ledger(place, database)
    assert "No changes." in place.shell.run(rebuild)
    assert place.work.tree() == later
    place.shell.run("registry-gen publish && registry-gen fsck && registry-gen ledger audit verify")
    assert place.work.tree() == later


def _gadget(place: Place, version: str) -> None:
    """A release of a provider that the registry signs."""
    folder = place.work.root / "gadget"
    make_release(folder / version, "gadget", version, platforms=("linux_amd64",))
    place.work.provider("acme/gadget", folder)


def _keys(place: Place, version: str) -> set[str]:
    """The key ids that clients of a version get."""
    leaf = place.work.document(f"v1/providers/acme/gadget/{version}/download/linux/amd64")
    return {key["key_id"] for key in leaf["signing_keys"]["gpg_public_keys"]}


def _signer(place: Place, version: str) -> str:
    """The id of the key that signed a version, as verify has proved of its record."""
    document = place.work.document(f"providers/acme/gadget/{version}/index.json")
    return str(place.work.document(paths.record(document["record"]))["signer"])[-16:]


def _own_key(place: Place) -> str:
    """The id of the registry's present OpenPGP key."""
    return place.shell.run("registry-gen sums key").splitlines()[0][-16:]


def _verified(place: Place) -> str:
    """Somebody who trusts the log's key of now, and nothing else, finds nothing wrong."""
    vkey = place.shell.run("registry-gen log key").splitlines()[0]
    return place.shell.run(f'registry-gen verify --key "{vkey}" --state ../fresh.json "$URL"')


def _delete_keys(place: Place, *names: str) -> None:
    for name in names:
        (place.work.root / "state/keys" / name).unlink()
        assert "KEY004" in place.shell.run("registry-gen publish", status=1)


def test_a_lost_key_of_the_log_is_replaced_as_written(place: Place) -> None:
    mend, _ = steps("A lost key")
    _delete_keys(place, "log.key")
    place.shell.run(mend)
    place.repo.tag("v1.2.0", place.repo.commit({"main.tf": 'variable "c" {}\n'}))
    place.shell.run("registry-gen publish")
    assert place.listed == ["1.0.0", "1.1.0", "1.2.0"]
    _verified(place)
    place.shell.run('registry-gen verify --key "$VKEY" --state ../other.json "$URL"', status=1)


def test_a_lost_openpgp_key_is_replaced_as_written(place: Place) -> None:
    _, mend = steps("A lost key")
    _gadget(place, "1.0.0")
    place.shell.run("registry-gen publish")
    old = _own_key(place)
    _delete_keys(place, "openpgp.asc")
    place.shell.run(mend)
    new = _own_key(place)
    _gadget(place, "1.1.0")
    place.shell.run("registry-gen publish && registry-gen fsck")
    assert (_signer(place, "1.0.0"), _signer(place, "1.1.0")) == (old, new)
    assert (_keys(place, "1.0.0"), _keys(place, "1.1.0")) == ({old, new}, {old, new})
    _verified(place)


def test_with_both_keys_lost_the_sums_key_comes_first_as_written(place: Place) -> None:
    of_the_log, of_sums = steps("A lost key")
    _delete_keys(place, "log.key", "openpgp.asc")
    place.shell.run(of_sums.splitlines()[0])
    place.shell.run(of_the_log)
    _verified(place)


def test_a_leaked_key_of_the_log_is_out_of_use_as_written(place: Place) -> None:
    mend, *_ = steps("A leaked key")
    new = place.shell.run(mend).splitlines()[-1]
    assert new not in ("", place.shell.variables["VKEY"])
    place.repo.tag("v1.2.0", place.repo.commit({"main.tf": 'variable "c" {}\n'}))
    place.shell.run("registry-gen publish && registry-gen fsck")
    _verified(place)
    place.shell.run('registry-gen verify --key "$VKEY" --state ../other.json "$URL"', status=1)


def test_a_leaked_openpgp_key_goes_with_what_it_signed_as_written(place: Place) -> None:
    _, rotate, withdraw, _ = steps("A leaked key")
    _gadget(place, "1.0.0")
    place.shell.run("registry-gen publish")
    old = _own_key(place)
    planned = place.shell.run(rotate)
    new = _own_key(place)
    assert f"{old}: it signed 1.0.0" in planned
    _gadget(place, "1.0.1")
    place.shell.run("registry-gen publish")
    assert _keys(place, "1.0.1") == {old, new}, "until that is withdrawn which the old one signed"
    place.shell.run(withdraw)
    listed = place.work.document("v1/providers/acme/gadget/versions")["versions"]
    assert [found["version"] for found in listed] == ["1.0.1"]
    assert (_signer(place, "1.0.1"), _keys(place, "1.0.1")) == (new, {new})
    _verified(place)

    make_release(place.work.root / "gadget/1.0.0", "gadget", "1.0.0", platforms=("linux_arm64",))
    before = place.work.tree()
    place.shell.run("registry-gen publish")
    assert place.work.tree() == before, "its number can never carry other bytes"


def test_what_a_publishers_leaked_key_signed_is_withdrawn_as_written(place: Place) -> None:
    *_, withdraw = steps("A leaked key")
    place.shell.run(withdraw)
    assert place.work.document("v1/providers/acme/widget/versions")["versions"] == []
    assert place.listed == ["1.0.0", "1.1.0"]


def test_a_hostile_upstream_changes_nothing_and_is_handled_as_written(place: Place) -> None:
    look, rebuild, acknowledge = steps("A hostile upstream")
    published = place.repo.git("rev-parse", "v1.0.0").strip()
    place.repo.tag("v1.0.0", place.repo.commit({"main.tf": 'variable "evil" {}\n'}))
    printed = place.shell.run(look)
    assert "PLN001" in printed
    assert published in printed, "both values are shown"
    assert place.work.tree() == place.before
    place.shell.run(rebuild)
    place.shell.run(acknowledge)
    assert place.work.tree() == place.before
    place.repo.tag("v1.0.0", place.repo.commit({"main.tf": 'variable "worse" {}\n'}))
    assert "PLN001" in place.shell.run("registry-gen publish", status=1), "another value is another alarm"


def test_a_wrong_import_is_taken_back_as_written(place: Place, tmp_path: Path) -> None:
    look, forget, again = steps("A wrong import")
    # A part of a copy of which nothing can be taken: the tests reach no other host.
    keyless = "opentofu-registry/providers/h/hashicorp"
    shutil.copytree(ROOT / "tests/fixtures" / keyless, tmp_path / keyless)
    _gadget(place, "1.0.0")
    wrong = {parse_version("1.0.0"): {Platform("linux", "amd64"): Sha256("f" * 64)}}
    gadget = ImportedProvider(provider_address("acme", "gadget"), "https://releases.example.com/", wrong, ())
    tag = {parse_version("9.0.0"): "v9.0.0"}
    spare = ImportedModule(module_address("acme", "spare", "aws"), "https://git.example.com/", frozenset(tag), tag)
    row = AuditRow("ada", "import", "", {}, {}, None, None, NOW)
    with place.work.registry() as registry, registry.ledger.publication(0) as publication:
        publication.import_packages([gadget, spare], row)
    printed = place.shell.run(look)
    assert "PLN021" in printed
    assert place.work.tree() == place.before
    assert "Forgotten: 1 tag and 0 digests of 1 package." in place.shell.run(forget)
    assert "Published 1 version" in place.shell.run(again)
    assert place.work.document("v1/providers/acme/gadget/versions")["versions"][0]["version"] == "1.0.0"
    assert "No violations." in place.shell.run("registry-gen violations")


def test_the_way_back_to_an_earlier_day_as_written(place: Place) -> None:
    positions, past, back = steps("Back to an earlier day")
    size = stated((place.work.public / paths.CHECKPOINT).read_bytes()).size
    place.repo.tag("v1.2.0", place.repo.commit({"main.tf": 'variable "c" {}\n'}))
    place.shell.run("registry-gen publish")
    assert size == 4, "two versions, a provider and the audit log's head"
    first, *_ = (line.split() for line in place.shell.run(positions).splitlines() if line.endswith(f"{MODULE} 1.2.0"))
    assert first[0] == str(size + 1), "the page's own position is right before it"
    assert "1.2.0" not in place.shell.run(past)
    place.shell.run(back)
    place.shell.run("registry-gen publish")
    assert place.listed == ["1.0.0", "1.1.0"]


def test_what_is_stored_as_written(place: Place) -> None:
    (look,) = steps("How much is stored")
    printed = place.shell.run(look)
    assert f"Stored: {len(place.before)} objects" in printed
    assert MODULE in printed


def test_a_registry_moves_as_written(place: Place) -> None:
    copy, look, again = steps("Another storage")
    place.shell.variables["NEW"] = "./moved"
    config = place.work.root / "registry.yaml"
    former = config.read_text()
    config.write_text(former.replace("./public", "./moved"))
    refused = place.shell.run("registry-gen publish", status=1)
    assert "PUB015" in refused
    assert "registry-gen storage copy ./public ./moved" in refused, "it says what to do"
    config.write_text(former)
    assert f"Copied {len(place.before)} objects" in place.shell.run(copy)
    config.write_text(former.replace("./public", "./moved"))
    assert "all is well" in place.shell.run(look)
    assert check_reachable(place.work.root / "moved") == 3
    assert place.work.tree() == place.before, "the old storage stays"
    (place.work.root / "moved").rename(place.work.root / "renamed")
    config.write_text(former.replace("./public", "./renamed"))
    place.shell.variables["NEW"] = "./renamed"
    place.shell.run(again)
    assert "all is well" in place.shell.run(look)


@pytest.mark.parametrize(
    "title",
    ["A crash", "Corruption", "A lost database", "A lost key", "A leaked key", "A hostile upstream", "A wrong import"],
)
def test_each_bad_day_has_a_runbook_with_commands(title: str) -> None:
    assert title in PAGE
    assert any("registry-gen " in block for block in PAGE[title])


def test_no_section_has_commands_that_nothing_here_runs() -> None:
    run = set(re.findall(r'steps\("([^"]+)"\)', (ROOT / "tests/e2e/test_operations.py").read_text()))
    assert {title for title, found in PAGE.items() if found} == run
    assert shutil.which("bash")

"""``doctor`` as its users see it: a green list, or failures with what to do, and the exit status."""

from __future__ import annotations

import json
import os
import re
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click
import psycopg
import pytest

from registry_gen import paths, wiring
from registry_gen.model.digest import sha256
from registry_gen.storage.file import FileStorage
from tests.support.bent_site import BentSite, with_header
from tests.support.bent_storages import IsInterrupted
from tests.support.command_line import on_terminal, run_here
from tests.support.git_repo import GitRepo
from tests.support.openpgp_keys import make_key
from tests.support.releases import make_release
from tests.support.static_site import StaticSite, free_port
from tests.support.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.command_line import Ran
    from tests.support.postgres import Postgres
    from tests.support.tls import Authority

STYLE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass(frozen=True, slots=True)
class Place:
    """A registry that has published a module and a provider, and the site that will serve it."""

    work: Workspace
    site: StaticSite

    def doctor(self, *arguments: str) -> Ran:
        return run_here(self.work, "doctor", *arguments)

    def failed(self, *arguments: str) -> dict[str, Any]:
        """The checks that failed, by code."""
        found = self.doctor(*arguments, "--json").json
        return {check["code"]: check for check in found["checks"] if check["outcome"] == "failed"}


@pytest.fixture
def place(tmp_path: Path, database: str, authority: Authority) -> Place:
    port = free_port()
    work = Workspace(tmp_path / "work", database, host=f"127.0.0.1:{port}", network=f"  ca_file: {authority.ca_file}\n")
    repo = GitRepo(tmp_path / "network.git")
    repo.tag("v1.0.0", repo.commit({"main.tf": "# network\n"}))
    key = make_key("acme")
    make_release(tmp_path / "widget", "widget", "1.0.0", key=key, platforms=("linux_amd64",))
    work.module("acme/network/aws", repo.url)
    work.provider("acme/widget", tmp_path / "widget", key=key.armor)
    return Place(work, StaticSite(work.public, authority, private=work.root / "private", port=port))


@pytest.fixture
def published(place: Place) -> Place:
    assert not place.work.publish().refusals
    return place


def test_a_registry_that_is_set_up_well_gets_a_green_list_and_stays_as_it_was(published: Place) -> None:
    before = published.work.tree()
    with published.site as site:
        ran = published.doctor("--url", site.url)

    assert ran.code == 0, ran.out
    assert re.search(r"^All is well: 4[0-9] checks\.$", ran.out, re.MULTILINE)
    assert "failed" not in ran.out
    skipped = re.findall(r"^  -       (.*)$", ran.out, re.MULTILINE)
    assert [line.partition(" (")[0] for line in skipped] == [
        "content type and cache rule are kept",
        "content type and cache rule are kept",
        "nobody reads it without credentials",
        "a mirrored provider is read as clients read it",
    ]
    assert "a module is read as clients read it (acme/network/aws 1.0.0, " in ran.out
    assert published.work.tree() == before
    assert not list((published.work.root / "private").glob("scratch*"))


def test_json_has_every_check_and_the_number_of_its_format(published: Place) -> None:
    found = published.doctor("--json").json

    assert found["format"] == 1
    assert found["good"] is True
    assert found["counts"] == {"ok": 31, "failed": 0, "not applicable": 3}
    assert {check["part"] for check in found["checks"]} == {"this machine", "public storage", "private storage"}
    assert all(check["code"] is None and check["fix"] == "" for check in found["checks"])
    assert found["subjects"]["public storage"] == f"file://{published.work.public}"


def test_a_new_registry_is_led_to_green_before_anything_is_published(place: Place, database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    assert set(place.failed()) == {"DIA003"}
    ran = place.doctor()
    assert ran.code == 1
    assert "Run 'registry-gen ledger migrate'" in ran.out

    assert run_here(place.work, "ledger", "migrate").code == 0

    ran = place.doctor()
    assert ran.code == 0, ran.out
    assert "the log's key can be read (the first publish makes it)" in ran.out
    assert "ledger and bucket belong together (nothing is published yet)" in ran.out
    assert not (place.work.root / "state/keys").exists(), "looking makes no key"


def test_a_private_key_that_is_gone_is_told(published: Place) -> None:
    (published.work.root / "state/keys/log.key").unlink()

    failed = published.failed()

    assert set(failed) == {"DIA004"}
    assert "KEY004" in failed["DIA004"]["found"]
    assert "log rotate --lost" in failed["DIA004"]["fix"]


def test_a_state_folder_that_others_may_write_to_is_told(published: Place) -> None:
    (published.work.root / "state").chmod(0o777)

    assert "CFG011" in published.failed()["DIA001"]["found"]


def test_a_ledger_out_of_reach_is_told_and_the_rest_is_tried_all_the_same(published: Place) -> None:
    file = published.work.root / "registry.yaml"
    file.write_text(re.sub("ledger: .*", f"ledger: postgresql://127.0.0.1:{free_port()}/none", file.read_text()))
    with published.site as site:
        failed = published.failed("--url", site.url)
        text = published.doctor("--url", site.url).out

    assert set(failed) == {"DIA002"}, "one cause is told once"
    assert "LED001" in failed["DIA002"]["found"]
    said = " ".join(text.split())
    assert "the ledger's tables are those of this version (not tried: DIA002 above comes first)" in said
    assert "the ledger or the storage does not tell what is published: LED001" in said


def test_another_ledger_than_that_of_the_bucket_is_told(published: Place, postgres: Postgres) -> None:
    file = published.work.root / "registry.yaml"
    file.write_text(re.sub("ledger: .*", f'ledger: "{postgres.create("of_another_bucket")}"', file.read_text()))
    assert run_here(published.work, "ledger", "migrate").code == 0

    assert "PUB003" in published.failed()["DIA005"]["found"]


def test_another_place_than_the_ledger_publishes_to_is_told(published: Place) -> None:
    file = published.work.root / "registry.yaml"
    file.write_text(file.read_text().replace("./public", "./elsewhere"))
    shutil.copytree(published.work.public, published.work.root / "elsewhere")

    assert "PUB015" in published.failed()["DIA005"]["found"]


def test_another_url_than_the_bucket_was_published_for_is_told(published: Place) -> None:
    services = {"modules.v1": "/registry/v1/modules/", "providers.v1": "/registry/v1/providers/"}
    published.work.write(f"public/{paths.DISCOVERY}", json.dumps(services))

    failed = published.failed()

    assert failed["DIA006"]["expected"] == "/v1/modules/ and /v1/providers/"
    assert failed["DIA006"]["found"] == "/registry/v1/modules/ and /registry/v1/providers/"


def test_without_the_public_storage_the_url_is_not_looked_at(published: Place) -> None:
    shutil.rmtree(published.work.public)
    published.work.write("public", "no folder")

    ran = published.doctor("--url", published.site.url)

    assert ran.code == 1
    assert set(re.findall("DIA[0-9]+", ran.out)) == {"DIA010"}, "one cause is told once"
    said = " ".join(ran.out.split())
    assert "- 2 checks (not tried: the public storage below comes first)" in said
    assert "it shows the public storage (not tried: the storage comes first)" in ran.out


def test_a_bucket_that_does_not_answer_takes_two_lines_for_what_was_not_tried(
    published: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEY", "k")
    there = {
        "url": "s3://acme-registry",
        "endpoint": f"http://127.0.0.1:{free_port()}",
        "auth": {"kind": "keys", "access_key": "env:KEY", "secret_key": "env:KEY"},
    }
    file = published.work.root / "registry.yaml"
    file.write_text(file.read_text().replace("public: ./public", f"public: {json.dumps(there)}"))

    ran = published.doctor()

    part = ran.out.partition("Public storage")[2].partition("Private storage")[0]
    assert "failed  DIA010" in part
    assert "fix       Check the endpoint in registry.yaml" in part, "what the error itself says comes first"
    assert part.rstrip().endswith("  -       12 checks (not tried: DIA010 above comes first)")
    assert "DIA022" not in part


def test_a_url_where_nobody_listens_is_told(published: Place) -> None:
    failed = published.failed("--url", f"https://127.0.0.1:{free_port()}")

    assert set(failed) == {"DIA030"}
    assert "NET004" in failed["DIA030"]["found"]


@pytest.mark.parametrize("url", ["ftp://registry.example.com/", "http://192.0.2.1/", "registry.example.com"])
def test_what_is_no_url_is_wrong_usage(published: Place, url: str) -> None:
    ran = published.doctor("--url", url)

    assert ran.code == 64
    assert "INS005" in ran.err


def test_a_failure_says_what_to_do_on_the_server_that_answered(published: Place, authority: Authority) -> None:
    with BentSite(published.work.public, authority) as site:
        site.bend = lambda request, reply: with_header(
            with_header(reply, "X-Terraform-Get", None), "CF-Ray", "8f00-FRA"
        )
        failed = published.failed("--url", site.base)

    assert failed["DIA035"]["fix"].startswith("On Pages use _headers")
    assert failed["DIA035"]["part"] == "public URL"


def test_what_a_server_says_cannot_steer_the_terminal(published: Place, authority: Authority) -> None:
    with BentSite(published.work.public, authority) as site:
        site.bend = lambda request, reply: with_header(reply, "X-Terraform-Get", "\x1b]0;owned\x07")
        ran = published.doctor("--url", site.base)

    assert "DIA035" in ran.out
    assert "\\x1b]0;owned\\x07" in ran.out
    assert "\x1b" not in ran.out


def test_whoever_stops_it_leaves_nothing_behind(published: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wiring, "open_storage", lambda _place: IsInterrupted(published.work.public))

    with pytest.raises(click.Abort):
        published.doctor()

    assert list(FileStorage(published.work.public).list("scratch/")) == []


def test_the_list_fits_a_terminal_of_80_columns_and_is_coloured(published: Place) -> None:
    (published.work.root / "state/keys/log.key").unlink()
    env = {"COLUMNS": "80", "TERM": "xterm-256color"}
    status, shown = on_terminal(published.work, "--quiet", "doctor", env=env)

    assert status == 1
    assert "\x1b[32m" in shown
    assert "\x1b[31m" in shown
    plain = STYLE.sub("", shown).replace(str(published.work.root), "/srv").split("\n")
    assert max(map(len, plain)) <= 80, shown
    assert "  failed  DIA004 a private key cannot be read" in plain
    _, bare = on_terminal(published.work, "--quiet", "doctor", env={**env, "NO_COLOR": "1"})
    assert "\x1b[" not in bare


def test_what_a_killed_doctor_left_is_named_by_fsck_and_deleted_when_it_is_old(published: Place) -> None:
    storage = FileStorage(published.work.public)
    old, young = paths.scratch_swap("a" * 32), paths.scratch_swap("b" * 32)
    storage.put_if(old, b"left", None)
    storage.put_if(young, b"at work", None)
    storage.put_new(paths.scratch_new("c" * 32), b"x", sha256(b"x"))
    before = (datetime.now(UTC) - timedelta(days=2)).timestamp()
    for key in (old, paths.scratch_new("c" * 32)):
        os.utime(published.work.public / key, (before, before))

    found = run_here(published.work, "fsck", "--json").json["findings"]
    assert {(item["code"], item["key"]) for item in found} == {
        ("PUB041", old),
        ("PUB041", young),
        ("PUB041", paths.scratch_new("c" * 32)),
    }

    run_here(published.work, "fsck", "--repair")

    assert [stored.key for stored in storage.list("scratch/")] == [young], "a doctor may be at work with it"
    assert published.doctor().code == 0

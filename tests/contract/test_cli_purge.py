"""The CDN in front of a registry is told what each run changed, whatever happens to the run or to the CDN."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import psycopg
import pytest

from tests.support.cdns import HOST, SECRET, FakeFastly, FakeWebhook
from tests.support.command_line import run_here
from tests.support.git_repo import GitRepo
from tests.support.http_server import HttpServer, Reply
from tests.support.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.support.tls import Authority

MAIN = {"main.tf": 'variable "name" {}\n', "README.md": "# Network\n"}
LISTING = "v1/modules/acme/network/aws/versions"


@pytest.fixture
def server(authority: Authority) -> Iterator[HttpServer]:
    with HttpServer(authority=authority) as made:
        yield made


@pytest.fixture
def cdn(server: HttpServer, monkeypatch: pytest.MonkeyPatch) -> FakeFastly:
    monkeypatch.setenv("CDN_TOKEN", SECRET)
    return FakeFastly(server)


@pytest.fixture
def repo(tmp_path: Path) -> GitRepo:
    made = GitRepo(tmp_path / "network.git")
    made.tag("v1.0.0", made.commit(MAIN))
    return made


@pytest.fixture
def work(tmp_path: Path, database: str, repo: GitRepo, cdn: FakeFastly, authority: Authority) -> Workspace:
    """A registry of two modules behind Fastly."""
    purge = (
        f"  ca_file: {authority.ca_file}\n"
        "purge:\n  kind: fastly\n  service: SU1Z0isxPaozGVKXdv0eY\n  token: env:CDN_TOKEN\n  time: 20\n"
        f"  api: {cdn.api}\n"
    )
    made = Workspace(tmp_path / "work", database, network=purge)
    made.module("acme/network/aws", repo.url)
    made.module("acme/other/aws", repo.url)
    return made


def changed(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> set[str]:
    """The mutable documents that differ between two trees: immutable ones are never under a key that was purged."""
    keys = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    return {key for key in keys if not key.startswith(("records/", "log/tile/")) and ".tar.gz" not in key}


def keys(cdn: FakeFastly) -> list[str]:
    """What was purged since this was last asked."""
    found = sorted(url.removeprefix(f"https://{HOST}/") for url in cdn.purged)
    cdn.purged.clear()
    return found


def waiting(database: str) -> list[str]:
    with psycopg.connect(database) as connection:
        return [key for (key,) in connection.execute("SELECT key FROM pending_purges ORDER BY key")]


def test_a_run_purges_exactly_the_documents_that_it_changed(work: Workspace, repo: GitRepo, cdn: FakeFastly) -> None:
    ran = run_here(work, "--json", "publish")
    purge = ran.json["purge"]
    assert (ran.code, keys(cdn)) == (0, sorted(changed({}, work.tree())))
    assert (purge["cdn"], purge["scope"], purge["pending"], purge["failures"]) == ("Fastly", "keys", 0, [])
    before = work.tree()
    repo.tag("v1.1.0", repo.commit({**MAIN, "more.tf": "# more\n"}))

    ran = run_here(work, "--json", "publish", "--only", "acme/network/aws")

    purged = keys(cdn)
    assert purged == sorted(changed(before, work.tree()))
    assert purged == sorted(ran.json["purge"]["names"])
    assert ran.json["purge"]["purged"] == len(purged)
    assert {LISTING, "log/checkpoint", "v1/modules/acme/network/aws/1.1.0/download"} <= set(purged)
    assert not any("acme/other" in key for key in purged)


def test_a_run_that_changes_nothing_asks_nobody(work: Workspace, cdn: FakeFastly) -> None:
    run_here(work, "publish")
    asked = cdn.asked

    ran = run_here(work, "--json", "publish")

    assert (ran.code, ran.json["purge"], cdn.asked) == (0, None, asked)


def test_a_cdn_that_fails_undoes_nothing_and_is_told_again_by_the_next_run(
    work: Workspace, cdn: FakeFastly, database: str
) -> None:
    cdn.interfere(Reply(401, f'{{"msg": "no {SECRET}"}}'.encode()))
    ran = run_here(work, "publish")

    tree = work.tree()
    assert (ran.code, keys(cdn), waiting(database)) == (0, [], sorted(changed({}, tree)))
    assert "Published 2 versions in 2 packages" in ran.out
    assert "not purged Fastly: EDG002 the CDN does not let us purge" in ran.err
    assert "the next run tells the CDN again" in ran.err
    assert SECRET not in ran.out + ran.err

    ran = run_here(work, "--json", "publish")
    assert (ran.code, keys(cdn), waiting(database)) == (0, sorted(changed({}, tree)), [])
    assert ran.json["published"] == []


def test_of_a_purge_that_stops_half_way_only_the_rest_is_purged_again(
    work: Workspace, cdn: FakeFastly, database: str
) -> None:
    cdn.refuse(LISTING)
    ran = run_here(work, "--json", "publish")
    failed = ran.json["purge"]["failures"]
    assert (ran.code, [each["code"] for each in failed]) == (0, ["EDG003"])
    assert (LISTING in keys(cdn), waiting(database), ran.json["purge"]["pending"]) == (False, [LISTING], 1)

    cdn.refuse("")
    run_here(work, "publish")
    assert (keys(cdn), waiting(database)) == ([LISTING], [])


@pytest.mark.parametrize(
    "moment",
    [
        "registry_gen.publish.purge.purge",
        "registry_gen.publish.commit._remove_artifacts",
        "registry_gen.ledger.publication.PostgresPublication.finish",
        "registry_gen.ledger.publication.PostgresPublication.documents_stored",
        "registry_gen.ledger.publication.PostgresPublication.checkpoint_stored",
    ],
)
def test_what_a_killed_run_changed_is_purged_by_the_next(
    work: Workspace, repo: GitRepo, cdn: FakeFastly, database: str, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    run_here(work, "publish")
    keys(cdn)
    before = work.tree()
    repo.tag("v1.1.0", repo.commit({**MAIN, "more.tf": "# more\n"}))

    def dies(*_arguments: object, **_more: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as killed:
        killed.setattr(moment, dies)
        with pytest.raises(click.Abort):
            run_here(work, "publish")
    assert cdn.purged == []

    run_here(work, "publish")
    assert (keys(cdn), waiting(database)) == (sorted(changed(before, work.tree())), [])


def test_what_is_taken_back_at_once_is_purged_with_its_archive(work: Workspace, repo: GitRepo, cdn: FakeFastly) -> None:
    repo.tag("v1.1.0", repo.commit({**MAIN, "token.tf": "# live\n"}))
    run_here(work, "publish")
    keys(cdn)
    before = work.tree()

    ran = run_here(work, "withdraw", "acme/network/aws", "1.1.0", "--reason", "A live token.", "--now", "--yes")

    after = work.tree()
    purged = set(keys(cdn))
    assert ran.code == 0, ran.err
    assert set(before) - set(after) <= purged, "records and archives too"
    assert "v1/modules/acme/network/aws/1.1.0/module.tar.gz" in purged
    assert changed(before, after) <= purged
    assert "Purge these" not in ran.out
    assert "a secret that was in it must be revoked" in ran.out


def test_the_keys_are_printed_where_the_cdn_could_not_be_told_of_a_leak(work: Workspace, cdn: FakeFastly) -> None:
    run_here(work, "publish")
    cdn.interfere(*[Reply(403)] * 2)

    ran = run_here(work, "withdraw", "acme/network/aws", "1.0.0", "--reason", "A live token.", "--now", "--yes")

    assert ran.code == 0
    assert "Purge these from every CDN in front:" in ran.out
    assert "EDG002" in ran.err


def test_a_person_purges_what_waits_or_a_key_or_everything(work: Workspace, cdn: FakeFastly, database: str) -> None:
    cdn.interfere(Reply(401))
    run_here(work, "publish")
    count = len(waiting(database))
    assert run_here(work, "purge", LISTING).out == "Purged 1 key from Fastly.\n"
    assert (keys(cdn), len(waiting(database))) == ([LISTING], count - 1)

    assert run_here(work, "purge").out == f"Purged {count - 1} keys from Fastly.\n"
    assert (len(keys(cdn)), waiting(database)) == (count - 1, [])
    assert run_here(work, "purge").out == "Nothing is waiting to be purged.\n"

    assert run_here(work, "purge", "--all").out == "Purged everything from Fastly.\n"
    assert keys(cdn) == ["*"]


def test_a_person_is_told_by_the_exit_status_what_could_not_be_purged(work: Workspace, cdn: FakeFastly) -> None:
    run_here(work, "publish")
    cdn.interfere(Reply(401))
    ran = run_here(work, "--json", "purge", "--all")

    assert (ran.code, ran.json["purge"]["failures"][0]["code"]) == (1, "EDG002")


def test_what_could_not_be_purged_as_a_whole_is_not_counted(work: Workspace, cdn: FakeFastly) -> None:
    run_here(work, "publish")
    cdn.interfere(Reply(401))
    assert "Everything may be served as before" in run_here(work, "purge", "--all").err


def test_only_keys_of_the_bucket_are_purged_by_name(work: Workspace, cdn: FakeFastly) -> None:
    ran = run_here(work, "purge", "v1/*")
    assert (ran.code, cdn.asked) == (64, 0)
    assert "CLI022" in ran.err
    assert run_here(work, "purge", LISTING, "--all").code == 64


def test_a_registry_without_a_cdn_notes_nothing_and_says_so(tmp_path: Path, database: str, repo: GitRepo) -> None:
    work = Workspace(tmp_path / "plain", database)
    work.module("acme/network/aws", repo.url)
    assert run_here(work, "--json", "publish").json["purge"] is None
    assert waiting(database) == []

    ran = run_here(work, "purge")
    assert (ran.code, "CLI021" in ran.err) == (1, True)


def test_more_keys_than_most_are_everything_and_it_is_said_why(work: Workspace, cdn: FakeFastly, database: str) -> None:
    file = work.root / "registry.yaml"
    file.write_text(f"{file.read_text()}  most: 3\n")
    ran = run_here(work, "publish")

    assert (ran.code, keys(cdn), waiting(database)) == (0, ["*"], [])
    assert "keys are too many to purge one by one: everything was" in ran.err


def test_a_mended_object_is_purged_too(work: Workspace, cdn: FakeFastly) -> None:
    run_here(work, "publish")
    keys(cdn)
    (work.public / LISTING).write_text("{}")

    assert run_here(work, "fsck", "--repair").code == 0
    assert keys(cdn) == [LISTING]


def test_a_webhook_is_told_over_the_same_way(
    tmp_path: Path, database: str, repo: GitRepo, server: HttpServer, authority: Authority
) -> None:
    hook = FakeWebhook(server)
    secret = tmp_path / "secret"
    secret.write_text(f"{hook.secrets['env:HOOK']}\n")
    secret.chmod(0o600)
    purge = f"purge:\n  kind: webhook\n  url: {server.url('/hook')}\n  secret: file:{secret}\n"
    work = Workspace(tmp_path / "hooked", database, network=f"  ca_file: {authority.ca_file}\n{purge}")
    work.module("acme/network/aws", repo.url)

    assert run_here(work, "publish").code == 0
    assert sorted(hook.purged) == [f"https://{HOST}/{key}" for key in sorted(changed({}, work.tree()))]

    secret.chmod(0o644)
    ran = run_here(work, "purge", LISTING)
    assert (ran.code, "EDG001" in ran.err, "644" in ran.err) == (1, True, True)

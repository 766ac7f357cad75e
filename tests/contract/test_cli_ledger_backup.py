"""Backup and restore with PostgreSQL's own programs: drills, files that are no backup, ledgers that are no place."""

from __future__ import annotations

import os
import shutil
import stat
from typing import TYPE_CHECKING, LiteralString

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from registry_gen.errors import LedgerError
from registry_gen.ledger import backup, binaries, codes, programs
from registry_gen.ledger.connection import connect
from registry_gen.ledger.migrate import migrate, shipped
from registry_gen.ledger.postgres import open_server
from tests.contract.test_ledger import audit_row, publish
from tests.support.command_line import Ran, run_apart, run_here
from tests.support.git_repo import GitRepo
from tests.support.intents import intent_of
from tests.support.openpgp_keys import make_key
from tests.support.published_facts import MODULE, module_version
from tests.support.releases import make_release
from tests.support.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path

    from registry_gen.ledger.programs import Name

pytestmark = pytest.mark.long

MAIN = {"main.tf": 'variable "name" {}\n'}
LISTING = "v1/modules/acme/network/aws/versions"
SECRET = "s3cr3t pa:ss/word'"
CONTENTS = "2 packages, 2 versions and 3 log entries"

# What a schema holds that is not part of something else in it.
OBJECTS: LiteralString = """
SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace
UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace
UNION ALL SELECT typname FROM pg_type WHERE typnamespace = 'public'::regnamespace ORDER BY 1
"""


@pytest.fixture
def repo(tmp_path: Path) -> GitRepo:
    made = GitRepo(tmp_path / "network.git")
    made.tag("v1.0.0", made.commit(MAIN))
    return made


@pytest.fixture
def work(tmp_path: Path, database: str, repo: GitRepo) -> Workspace:
    """A module and a provider, published."""
    made = Workspace(tmp_path / "work", database)
    made.module("acme/network/aws", repo.url)
    key = make_key("acme")
    make_release(tmp_path / "widget", "widget", "1.0.0", key=key)
    made.provider("acme/widget", tmp_path / "widget", key=key.armor)
    assert run_here(made, "publish").code == 0
    return made


@pytest.fixture
def dump(work: Workspace) -> Path:
    assert run_here(work, "ledger", "backup", "ledger.dump").code == 0
    return work.root / "ledger.dump"


def run(dsn: str, *statements: LiteralString) -> list[tuple[object, ...]]:
    """Statements as the tables' owner; returns the rows of the last one."""
    with psycopg.connect(dsn, autocommit=True) as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []


def lose(dsn: str) -> None:
    """The database is gone, and a new, empty one is in its place."""
    run(dsn, "DROP SCHEMA public CASCADE", "CREATE SCHEMA public")


def generation(dsn: str) -> int:
    ((found,),) = run(dsn, "SELECT generation FROM publication")
    assert isinstance(found, int)
    return found


def program_on_path(folder: Path, name: str, script: str) -> str:
    """A folder with a program of ours before all others, as a PATH."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


def test_a_lost_database_is_restored_and_publishing_goes_on(work: Workspace, database: str, repo: GitRepo) -> None:
    with work.registry() as registry:
        heads, log, rows = registry.ledger.heads(), registry.ledger.log_head(), [*registry.ledger.audit_log()]
    before = generation(database)
    assert run_here(work, "ledger", "backup", "ledger.dump") == Ran(0, f"Backed up {CONTENTS} to ledger.dump.\n", "")

    lose(database)

    assert run_here(work, "ledger", "restore", "ledger.dump") == Ran(0, f"Restored {CONTENTS} from ledger.dump.\n", "")
    assert generation(database) > before + 1_000, "a publisher that slept through it finds another generation"
    with work.registry() as registry:
        assert (registry.ledger.heads(), registry.ledger.log_head()) == (heads, log)
        assert [*registry.ledger.audit_log()] == rows
    assert run_here(work, "plan").out == "No changes. 2 packages unchanged.\n"
    tree = work.tree()
    assert run_here(work, "publish").out == "No changes. 2 packages unchanged.\n"
    assert work.tree() == tree
    repo.tag("v1.1.0", repo.commit({**MAIN, "outputs.tf": ""}))
    assert run_here(work, "publish").code == 0
    assert [version["version"] for version in work.document(LISTING)["modules"][0]["versions"]] == ["1.0.0", "1.1.0"]
    assert run_here(work, "ledger", "audit", "verify").code == 0


def test_the_embedded_ledger_is_restored_into_a_new_one(tmp_path: Path, repo: GitRepo) -> None:
    work = Workspace(tmp_path / "work")
    work.module("acme/network/aws", repo.url)
    assert run_apart(work, "publish").code == 0
    assert run_apart(work, "ledger", "backup", "ledger.dump").code == 0

    shutil.rmtree(work.root / "state/postgres")

    ran = run_apart(work, "--json", "ledger", "restore", "ledger.dump")
    assert (ran.code, ran.json) == (
        0,
        {"format": 1, "file": "ledger.dump", "packages": 1, "versions": 1, "log_entries": 2},
    )
    assert run_apart(work, "plan").out == "No changes. 1 package unchanged.\n"


def test_a_site_in_a_schema_of_its_own_is_backed_up_alone(tmp_path: Path, database: str) -> None:
    run(database, 'CREATE SCHEMA "My ""site"""', "CREATE SCHEMA other")
    options = "-csearch_path=" + '"My\\ ""site"""'
    own, other = make_conninfo(database, options=options), make_conninfo(database, options="-csearch_path=other")
    for dsn in (own, other):
        opened = open_server(dsn)
        opened.migrate()
        with opened.publication(0) as held:
            publish(held, intent_of(MODULE, module_version("1.0.0")))
        opened.close()

    assert backup.back_up(own, tmp_path / "own.dump", overwrite=False).packages == 1
    run(database, 'DROP SCHEMA "My ""site""" CASCADE', "DROP SCHEMA other CASCADE")
    run(database, 'CREATE SCHEMA "My ""site"""', "CREATE SCHEMA other")

    with pytest.raises(LedgerError, match=r"LED029 .*expected a ledger in schema other"):
        backup.restore(other, tmp_path / "own.dump")
    assert backup.restore(own, tmp_path / "own.dump").packages == 1
    assert run(database, "SELECT count(*) FROM other.packages") == [(0,)]


def test_a_backup_is_for_its_owner_alone_and_replaces_another_only_when_told_to(work: Workspace, dump: Path) -> None:
    assert stat.S_IMODE(dump.stat().st_mode) == 0o600
    dump.write_text("the one that is needed")

    ran = run_here(work, "ledger", "backup", "ledger.dump")

    assert (ran.code, "LED027" in ran.err, dump.read_text()) == (1, True, "the one that is needed")
    assert run_here(work, "ledger", "backup", "ledger.dump", "--force").code == 0
    assert dump.read_bytes().startswith(b"PGDMP")
    assert [path.name for path in work.root.glob(".registry-gen-*")] == []


@pytest.mark.parametrize("place", ["no/such/folder/x", "catalog"])
def test_a_backup_that_cannot_be_written_says_why(work: Workspace, place: str) -> None:
    ran = run_here(work, "ledger", "backup", place, "--force")

    assert (ran.code, ran.out) == (1, "")
    assert "LED028" in ran.err
    assert [path.name for path in work.root.glob(".registry-gen-*")] == []


def test_a_backup_that_was_cut_short_leaves_an_empty_ledger(work: Workspace, dump: Path, database: str) -> None:
    lose(database)
    whole = dump.read_bytes()

    for size in (0, 1, 20, 2_000, len(whole) // 3, len(whole) // 2, len(whole) - 1_000, len(whole) - 1):
        dump.write_bytes(whole[:size])
        ran = run_here(work, "ledger", "restore", "ledger.dump")
        assert (ran.code, ran.out, "LED029" in ran.err) == (1, "", True), size
        assert run(database, "SELECT count(*) FROM packages") == [(0,)]

    dump.write_bytes(whole)
    assert run_here(work, "ledger", "restore", "ledger.dump").code == 0


@pytest.mark.parametrize("text", ["", "DROP TABLE packages;", "PGDMP", "PGDMP\x01\x10\x00\x04\x08\x01\x01"])
def test_what_is_no_backup_is_refused_and_nothing_is_touched(work: Workspace, database: str, text: str) -> None:
    lose(database)
    work.write("ledger.dump", text)

    ran = run_here(work, "ledger", "restore", "ledger.dump")

    assert (ran.code, "LED029" in ran.err) == (1, True)
    assert "LED029" in run_here(work, "ledger", "restore", "no/such/file").err


def test_a_restore_that_fails_halfway_leaves_an_empty_ledger(work: Workspace, database: str) -> None:
    # An index is made after all data was loaded; what has its name is in the way then.
    run(database, "CREATE INDEX in_the_way ON packages (kind)")
    assert run_here(work, "ledger", "backup", "ledger.dump").code == 0
    lose(database)
    run(database, "CREATE DOMAIN untouched AS text", "CREATE TABLE in_the_way ()")

    ran = run_here(work, "ledger", "restore", "ledger.dump")

    assert (ran.code, ran.out) == (1, "")
    assert "LED026" in ran.err
    assert 'relation "in_the_way" already exists' in ran.err
    assert {name for (name,) in run(database, OBJECTS)} == {"in_the_way", "_in_the_way", "untouched", "_untouched"}
    run(database, "DROP TABLE in_the_way")
    assert run_here(work, "ledger", "restore", "ledger.dump").code == 0


def test_a_ledger_in_use_is_left_alone(work: Workspace, dump: Path, database: str) -> None:
    with work.registry() as registry:
        heads = registry.ledger.heads()

    ran = run_here(work, "ledger", "restore", "ledger.dump")

    assert (ran.code, ran.out) == (1, "")
    assert "LED030" in ran.err
    assert "entries of a log" in ran.err
    with work.registry() as registry:
        assert registry.ledger.heads() == heads


def test_a_ledger_that_only_planned_is_in_use_too(work: Workspace, dump: Path, database: str) -> None:
    lose(database)
    opened = open_server(database)
    opened.migrate()
    with opened.publication(0) as held:
        held.audit([audit_row("one")])
    opened.close()

    assert "rows of the audit log" in run_here(work, "ledger", "restore", "ledger.dump").err


def test_nothing_is_restored_beside_a_publisher(work: Workspace, dump: Path, database: str) -> None:
    lose(database)
    opened = open_server(database)
    opened.migrate()
    with opened.publication(0):
        assert "LED003" in run_here(work, "ledger", "restore", "ledger.dump").err
    opened.close()
    assert run_here(work, "ledger", "restore", "ledger.dump").code == 0


def test_what_the_migrations_made_is_cleared_to_the_last_object(database: str) -> None:
    assert len(run(database, OBJECTS)) > 50

    with connect(database) as connection:
        backup._clear(connection, "public")

    assert run(database, OBJECTS) == []


def test_a_backup_of_a_newer_registry_gen_is_refused_before_anything_is_written(work: Workspace, database: str) -> None:
    run(database, "INSERT INTO schema_migrations (name, sha256) VALUES ('9999_later', 'x')")
    assert run_here(work, "ledger", "backup", "newer.dump").code == 0
    lose(database)

    ran = run_here(work, "ledger", "restore", "newer.dump")

    assert (ran.code, "LED013" in ran.err, "9999_later" in ran.err) == (1, True, True)
    assert run(database, "SELECT count(*) FROM packages") == [(0,)]


def test_a_ledger_is_backed_up_before_it_is_migrated_and_restored_up_to_date(tmp_path: Path, database: str) -> None:
    work = Workspace(tmp_path / "work", database)
    lose(database)
    with connect(database) as connection:
        migrate(connection, [each for each in shipped() if each.name < "0004"], "here")
    run(database, "INSERT INTO packages (kind, address) VALUES ('module', 'a/b/c')")

    ran = run_here(work, "ledger", "backup", "before.dump")

    assert (ran.code, ran.out) == (0, "Backed up 0 packages, 0 versions and 0 log entries to before.dump.\n")
    assert "was not verified" in ran.err
    assert run(database, "SELECT count(*) FROM schema_migrations") == [(3,)]
    lose(database)
    assert run_here(work, "ledger", "restore", "before.dump").code == 0
    assert run(database, "SELECT count(*) FROM schema_migrations") == [(len(shipped()),)]
    assert run(database, "SELECT address FROM packages") == [("a/b/c",)]


@pytest.mark.parametrize(
    ("table", "statement", "code"),
    [
        ("audit_log", "UPDATE audit_log SET actor = 'nobody' WHERE seq = 2", "LED018"),
        ("log_entries", "UPDATE log_entries SET payload = '{}' WHERE index = 1", "LED031"),
    ],
)
def test_a_backup_of_an_altered_ledger_says_so_and_is_not_restored(
    work: Workspace, database: str, table: str, statement: LiteralString, code: str
) -> None:
    run(database, f"ALTER TABLE {table} DISABLE TRIGGER USER", statement)

    ran = run_here(work, "ledger", "backup", "altered.dump")

    assert (ran.code, ran.out) == (1, f"Backed up {CONTENTS} to altered.dump.\n")
    assert code in ran.err
    lose(database)
    ran = run_here(work, "ledger", "restore", "altered.dump")
    assert (ran.code, ran.out, code in ran.err) == (1, "", True)
    assert run(database, OBJECTS) == [], "nobody goes on with what does not verify"


def test_an_old_copy_beside_a_newer_bucket_publishes_nothing_and_says_what_to_do(
    work: Workspace, dump: Path, database: str, repo: GitRepo
) -> None:
    repo.tag("v1.1.0", repo.commit({**MAIN, "outputs.tf": ""}))
    assert run_here(work, "publish").code == 0
    tree = work.tree()
    lose(database)
    assert run_here(work, "ledger", "restore", "ledger.dump").code == 0

    for command in ("plan", "publish"):
        ran = run_here(work, command)
        assert (ran.code, ran.out, "PUB003" in ran.err) == (1, "", True)
        assert "registry-gen ledger rebuild --from-bucket" in ran.err
    assert work.tree() == tree


def test_the_password_is_on_no_command_line_and_in_no_message(
    work: Workspace, tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = binaries.programs()
    assert package is not None
    for name in ("pg_dump", "pg_restore"):
        script = f'printf "%s\\n" "$@" "=$PGPASSWORD" >>"{tmp_path / name}.said"\nexec "{package / name}" "$@"'
        monkeypatch.setenv("PATH", program_on_path(tmp_path / name, name, script))
    dsn = make_conninfo(database, password=SECRET)

    assert backup.back_up(dsn, tmp_path / "ledger.dump", overwrite=False).packages == 2
    lose(database)
    assert backup.restore(dsn, tmp_path / "ledger.dump").packages == 2

    for name in ("pg_dump", "pg_restore"):
        said = (tmp_path / f"{name}.said").read_text().splitlines()
        assert f"={SECRET}" in said, "it was given in the environment"
        assert [word for word in said if "s3cr3t" in word] == [f"={SECRET}"]
        assert any(word.startswith("--dbname=") for word in said)


def test_what_the_program_complains_of_is_told_without_the_password_and_no_file_is_left(
    work: Workspace, tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = 'case "$1" in --version) echo "pg_dump (PostgreSQL) 18.0"; exit 0;; esac\n'
    script += 'echo "half a backup"; echo "no: $PGPASSWORD" >&2; head -c 9000000 /dev/zero >&2; exit 3'
    monkeypatch.setenv("PATH", program_on_path(tmp_path / "bin", "pg_dump", script))

    with pytest.raises(LedgerError, match=r"LED026 .*found no: …") as caught:
        backup.back_up(make_conninfo(database, password=SECRET), tmp_path / "ledger.dump", overwrite=False)

    assert "s3cr3t" not in str(caught.value)
    assert len(str(caught.value)) < 10_000
    assert not (tmp_path / "ledger.dump").exists()
    assert [path.name for path in tmp_path.glob(".registry-gen-*")] == []


def test_no_more_than_the_beginning_of_what_a_program_writes_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = 'case "$1" in --version) echo "pg_dump (PostgreSQL) 18.0"; exit 0;; esac\nhead -c 9000000 /dev/zero'
    monkeypatch.setenv("PATH", program_on_path(tmp_path / "bin", "pg_dump", script))

    written = programs.fitting("pg_dump", 180_000, "here").run([], codes.PROGRAM_FAILED, "here")

    assert len(written) == 1 << 20


def test_secrets_that_no_variable_carries_are_refused(tmp_path: Path, database: str) -> None:
    with pytest.raises(LedgerError, match=r"LED017 sslpassword cannot be given") as caught:
        backup.back_up(make_conninfo(database, sslpassword=SECRET), tmp_path / "ledger.dump", overwrite=False)

    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "on_path", "server", "chosen"),
    [
        ("pg_dump", "15.18 (Debian 15.18-0+deb12u1)", 150_018, "15.18"),
        ("pg_dump", "15.18", 160_002, "18"),
        ("pg_dump", "19beta1", 180_006, "18"),
        ("pg_dump", "19beta1", 190_000, "19beta1"),
        ("pg_restore", "16.2", 150_018, "16.2"),
        ("pg_restore", "16.2", 170_001, "18"),
    ],
)
def test_the_program_nearest_to_the_server_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: Name, on_path: str, server: int, chosen: str
) -> None:
    script = f'echo "{name} (PostgreSQL) {on_path}"'
    monkeypatch.setenv("PATH", program_on_path(tmp_path / "bin", name, script))

    assert programs.fitting(name, server, "here").version.startswith(chosen)


@pytest.mark.parametrize(
    ("name", "server", "expected"),
    [
        ("pg_dump", 190_000, "pg_dump of PostgreSQL 19 or later"),
        ("pg_restore", 190_000, "pg_restore of PostgreSQL 19 or later"),
        ("pg_restore", 160_002, "pg_restore of PostgreSQL 16 or later, but before 17"),
    ],
)
def test_a_program_that_does_not_fit_the_server_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: Name, server: int, expected: str
) -> None:
    script = f'echo "{name} (PostgreSQL) 14.12"'
    monkeypatch.setenv("PATH", program_on_path(tmp_path / "bin", name, script))

    with pytest.raises(LedgerError, match=rf"LED025 .*expected {expected}; found 14.12 in .*bin, 18\."):
        programs.fitting(name, server, "here")


def test_without_any_program_the_backup_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(binaries, "programs", lambda: None)

    with pytest.raises(LedgerError, match="LED024") as caught:
        programs.fitting("pg_dump", 180_006, "here")

    assert caught.value.code is codes.PROGRAM_MISSING


def test_the_embedded_package_carries_programs_of_its_servers_version(database: str) -> None:
    with psycopg.connect(database) as connection:
        server = connection.info.server_version

    for name in ("pg_dump", "pg_restore"):
        assert programs.fitting(name, server, "here").major == server // 10_000
    assert str(conninfo_to_dict(database)["host"]).startswith("/")

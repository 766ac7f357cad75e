"""The ledger on the command line: migrations, servers that cannot be had, and secrets that stay secret."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from registry_gen.ledger.migrate import shipped
from tests.support.command_line import Ran, run_apart, run_here
from tests.support.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "hunter2%20&more"


def test_migrate_applies_every_migration_and_then_none(tmp_path: Path, database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    work = Workspace(tmp_path / "work", database)
    names = [migration.name for migration in shipped()]
    assert run_here(work, "ledger", "migrate") == Ran(0, "".join(f"applied {name}\n" for name in names), "")
    assert run_here(work, "ledger", "migrate") == Ran(0, "The ledger is up to date.\n", "")
    assert run_here(work, "--json", "ledger", "migrate").json == {"format": 1, "applied": []}


def test_the_first_use_migrates_too(tmp_path: Path, database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    work = Workspace(tmp_path / "work", database)
    assert run_here(work, "publish").out == "No changes.\n"
    assert run_here(work, "ledger", "migrate").out == "The ledger is up to date.\n"


def test_the_embedded_ledger_needs_no_server(tmp_path: Path) -> None:
    work = Workspace(tmp_path / "work")
    assert run_apart(work, "publish").out == "No changes.\n"
    assert run_apart(work, "ledger", "migrate") == Ran(0, "The ledger is up to date.\n", "")


@pytest.mark.parametrize(
    "command",
    [
        "plan",
        "publish",
        "ledger migrate",
        "ledger backup ledger.dump",
        "ledger restore registry.yaml",
        "ledger audit list",
        "ledger audit verify",
        "violations",
    ],
)
def test_a_ledger_out_of_reach_is_a_clear_error_without_its_password(tmp_path: Path, command: str) -> None:
    work = Workspace(tmp_path / "work", "env:LEDGER_URL")
    ran = run_apart(work, *command.split(), env={"LEDGER_URL": f"postgresql://alice:{SECRET}@127.0.0.1:1/registry"})
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith(
        "error LED001 the ledger's PostgreSQL cannot be reached\n  where     postgresql://alice@127.0.0.1:1/registry\n"
    )
    assert "Traceback" not in ran.err
    assert "hunter2" not in ran.err


@pytest.mark.parametrize(
    ("dsn", "code"),
    [
        ("", "LED023"),
        (f"postgresql://alice:{SECRET}@127.0.0.1:1/registry?sslmode=nonsense", "LED0"),
        (f"postgresql://alice:{SECRET}@127.0.0.1:one/registry", "LED0"),
        (f"alice:{SECRET}@127.0.0.1/registry", "LED0"),
        (f"host=127.0.0.1 port=1 user=alice password={SECRET}", "LED0"),
    ],
)
def test_a_dsn_that_cannot_be_used_is_a_clear_error_without_its_password(tmp_path: Path, dsn: str, code: str) -> None:
    work = Workspace(tmp_path / "work", "env:LEDGER_URL")
    ran = run_apart(work, "--debug", "ledger", "migrate", env={"LEDGER_URL": dsn})
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith(f"error {code}")
    assert "hunter2" not in ran.err


def test_a_user_whom_the_server_refuses_is_told_from_a_missing_server(tmp_path: Path, database: str) -> None:
    known = conninfo_to_dict(database)
    work = Workspace(tmp_path / "work", "env:LEDGER_URL")
    dsn = f"postgresql://mallory:{SECRET}@/registry?host={quote(str(known['host']))}&port={known['port']}"
    ran = run_apart(work, "plan", env={"LEDGER_URL": dsn})
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("error LED007 PostgreSQL refuses to let us in\n")
    assert "mallory" in ran.err
    assert "hunter2" not in ran.err


def test_a_publisher_that_holds_the_lock_is_named(tmp_path: Path, database: str) -> None:
    work = Workspace(tmp_path / "work", database)
    with work.registry() as registry, registry.ledger.publication(0):
        ran = run_here(work, "publish", "--lock-timeout", "0")
        assert run_here(work, "plan").code == 0, "planning needs no lock"
    assert (ran.code, ran.out) == (1, "")
    assert "error LED003 another publisher still holds the publication lock after 0 s\n" in ran.err
    assert "server process " in ran.err
    assert run_here(work, "publish").code == 0

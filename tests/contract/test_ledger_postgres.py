"""PostgreSQL when it is out of reach, contended, altered or unfit, and what the database itself refuses."""

from __future__ import annotations

import dataclasses
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Final, LiteralString

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from registry_gen.errors import LedgerError
from registry_gen.ledger import connection as connections
from registry_gen.ledger.migrate import Migration, migrate, shipped
from registry_gen.ledger.postgres import open_server
from registry_gen.model.facts import Deprecation
from tests.contract.test_ledger import audit_row, publish
from tests.support.intents import NOW, intent_of, logged
from tests.support.published_facts import MODULE, PROVIDER, digest_of, module_version, provider_version

if TYPE_CHECKING:
    from collections.abc import Iterator

    from registry_gen.ledger import Ledger
    from registry_gen.ledger.postgres import PostgresLedger
    from tests.support.postgres import Postgres

SECRET: Final = "s3cr3t-pa:ss/word"

WAITS: Final = """
SELECT pid FROM pg_stat_activity
WHERE application_name = %s AND datname = current_database() AND wait_event_type = 'Lock' AND wait_event = 'advisory'
"""


@pytest.fixture
def ledger(database: str) -> Iterator[PostgresLedger]:
    opened = open_server(database)
    yield opened
    opened.close()


def run(dsn: str, statement: LiteralString, *values: object) -> list[tuple[object, ...]]:
    """One statement as the tables' owner, behind the ledger's back."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        cursor = connection.execute(statement, values)
        return cursor.fetchall() if cursor.description else []


def test_the_postgres_ledger_keeps_the_protocol(ledger: PostgresLedger) -> None:
    protocol: Ledger = ledger  # mypy looks at this line

    assert protocol.heads() == {}


def test_a_second_publisher_is_told_who_holds_the_lock(ledger: PostgresLedger, database: str) -> None:
    other = open_server(make_conninfo(database, application_name="the nightly run"))

    with (
        other.publication(0),
        pytest.raises(LedgerError, match=r"LED003 .*'the nightly run' \(server process \d+"),
        ledger.publication(0.05),
    ):
        pass


def test_a_second_publisher_waits_for_the_first(ledger: PostgresLedger, database: str) -> None:
    waiting = open_server(make_conninfo(database, application_name="waiting"))
    with ThreadPoolExecutor(1) as pool:
        with ledger.publication(0) as first:
            second = pool.submit(_generation_of, waiting)
            while not second.done() and not run(database, WAITS, "waiting"):
                pass
            assert not second.done()
        assert second.result(timeout=30) > first.generation


def _generation_of(ledger: Ledger) -> int:
    with ledger.publication(60) as held:
        return held.generation


def test_the_lock_is_free_as_soon_as_its_holder_leaves(ledger: PostgresLedger) -> None:
    generations = []
    for _ in range(20):
        with ledger.publication(0) as held:
            generations.append(held.generation)

    assert generations == sorted(set(generations))


def test_an_error_in_the_block_gives_the_lock_back(ledger: PostgresLedger) -> None:
    with pytest.raises(KeyError), ledger.publication(0):
        raise KeyError

    with ledger.publication(0):
        pass


def test_a_publisher_whose_generation_was_stolen_writes_nothing(ledger: PostgresLedger, database: str) -> None:
    with ledger.publication(0) as held:
        run(database, "UPDATE publication SET generation = generation + 1, holder = %s", "the other")

        with pytest.raises(LedgerError, match=r"LED004 .*expected generation 1; found generation 2 of the other"):
            held.begin([intent_of(MODULE, module_version("1.0.0"))])
        with pytest.raises(LedgerError, match="LED004"):
            held.open_intents()

    assert run(database, "SELECT id FROM intents") == []


def test_a_publisher_that_lost_its_connection_says_so_and_its_steps_can_be_repeated(
    ledger: PostgresLedger, database: str
) -> None:
    intent = intent_of(MODULE, module_version("1.0.0"))
    with ledger.publication(0) as held:
        opened = held.begin([intent])
        run(database, "SELECT pg_terminate_backend(backend) FROM publication")
        for _ in range(2):
            with pytest.raises(LedgerError, match="LED002"):
                held.log(opened)

    with ledger.publication(30) as held:
        assert held.open_intents() == held.begin([intent]) == opened
        held.log(opened)
        held.finish(opened, NOW)

    assert ledger.packages([MODULE])[MODULE].head.visible == 1


def test_a_reader_whose_connection_was_cut_reads_on_with_another(ledger: PostgresLedger, database: str) -> None:
    ledger.heads()
    run(
        database,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )

    assert ledger.heads() == {}


def test_threads_share_a_publication(ledger: PostgresLedger) -> None:
    intents = [intent_of(dataclasses.replace(MODULE, name=f"m{number}")) for number in range(8)]
    start = threading.Barrier(8)

    with ledger.publication(0) as held, ThreadPoolExecutor(8) as pool:

        def begin(number: int) -> int:
            start.wait()
            return held.begin([intents[number]])[0].id

        ids = list(pool.map(begin, range(8)))

        assert sorted(ids) == [opened.id for opened in held.open_intents()]


def test_two_migrations_at_once_run_each_file_once(postgres: Postgres) -> None:
    name = "migrated_by_two"
    dsn = postgres.create(name)
    try:
        run(dsn, "DROP SCHEMA public CASCADE")
        run(dsn, "CREATE SCHEMA public")
        with ThreadPoolExecutor(2) as pool:
            ran = list(pool.map(lambda _: open_server(dsn).migrate(), range(2)))
        assert sorted(map(len, ran)) == [0, len(shipped())]
    finally:
        postgres.drop(name)


def test_an_altered_migration_is_named(database: str) -> None:
    altered = [dataclasses.replace(shipped()[0], sql=b"SELECT 1"), *shipped()[1:]]

    with connections.connect(database) as connection, pytest.raises(LedgerError, match=r"0001_packages: LED012"):
        migrate(connection, altered, "here")


def test_a_ledger_of_a_newer_version_is_left_alone(ledger: PostgresLedger, database: str) -> None:
    run(database, "INSERT INTO schema_migrations (name, sha256) VALUES ('9999_later', 'x')")

    with pytest.raises(LedgerError, match=r"LED013 .*migration 9999_later"):
        ledger.migrate()


def test_a_migration_that_fails_leaves_nothing_behind(ledger: PostgresLedger, database: str) -> None:
    broken = Migration("0099_broken", b"CREATE TABLE half (x int); SELECT 1/0;")

    with connections.connect(database) as connection, pytest.raises(psycopg.errors.DivisionByZero):
        migrate(connection, [*shipped(), broken], "here")

    assert run(database, "SELECT to_regclass('half')") == [(None,)]
    assert ledger.migrate() == ()


def test_an_empty_database_asks_for_the_migration(ledger: PostgresLedger, database: str) -> None:
    run(database, "DROP SCHEMA public CASCADE")
    run(database, "CREATE SCHEMA public")

    with pytest.raises(LedgerError, match=r"LED014 .*\n  hint: Run registry-gen ledger migrate"):
        ledger.heads()
    with pytest.raises(LedgerError, match="LED014"), ledger.publication(0):
        pass


def test_each_schema_is_a_ledger_of_its_own(database: str) -> None:
    run(database, "CREATE SCHEMA second")
    first = open_server(database)
    second = open_server(make_conninfo(database, options="-csearch_path=second"))

    assert len(second.migrate()) == len(shipped())
    with first.publication(0) as one, second.publication(0) as two:
        publish(one, intent_of(MODULE, module_version("1.0.0")))
        assert two.packages([MODULE]) == {}
    first.close()
    second.close()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"port": "1"}, "LED001"),
        ({"host": "/nowhere"}, "LED001"),
        ({"user": "nobody such"}, "LED007"),
        ({"dbname": "no such database"}, "LED007"),
    ],
)
def test_a_server_that_cannot_be_used_is_named_without_the_password(
    database: str, change: dict[str, str], code: str
) -> None:
    dsn = make_conninfo(database, **{**change, "password": SECRET})
    opened = open_server(dsn)

    for call in (opened.heads, opened.migrate):
        with pytest.raises(LedgerError) as caught:
            call()
        assert caught.value.code.id == code
        assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "dsn",
    [
        f"postgresql://user:{SECRET}@host/x",
        "postgresql://user:5433/s3cr3t@host/x",
        "postgresql://user:s3cr3t@s3cr3t@host/x",
        f"password={SECRET} nonsense",
    ],
)
def test_a_dsn_that_cannot_be_read_is_not_repeated(dsn: str) -> None:
    with pytest.raises(LedgerError, match="LED017") as caught:
        open_server(dsn).heads()

    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize(
    ("dsn", "shown"),
    [
        (
            f"postgresql://ada:{SECRET.replace('/', '%2F')}@db.example.com:5433/reg",
            "postgresql://ada@db.example.com:5433/reg",
        ),
        (f"host=db dbname='my db' password={SECRET}", "postgresql://db/my%20db"),
        ("host='/run/post gres' dbname=reg user=ada", "postgresql://ada@/reg?host=/run/post%20gres"),
        ("nonsense", "postgresql:"),
    ],
)
def test_a_dsn_is_shown_without_its_password(dsn: str, shown: str) -> None:
    assert connections.describe(dsn) == shown


def test_text_is_sent_in_utf8_whatever_the_dsn_asks_for(database: str) -> None:
    opened = open_server(make_conninfo(database, client_encoding="LATIN1"))

    with opened.publication(0) as held:
        publish(held, intent_of(MODULE, deprecated="\N{SNOWMAN}"))

    assert opened.heads()[MODULE].state.deprecated == (Deprecation("\N{SNOWMAN}"),)
    opened.close()


def test_an_old_server_is_refused(monkeypatch: pytest.MonkeyPatch, database: str) -> None:
    monkeypatch.setattr(psycopg.ConnectionInfo, "server_version", 140_012)

    with pytest.raises(LedgerError, match=r"LED008 .*expected PostgreSQL 15 or later; found 14\.12"):
        open_server(database).heads()


def test_a_database_that_is_not_utf8_is_refused(postgres: Postgres) -> None:
    run(
        postgres.server.dsn("postgres"),
        "CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0",
    )

    with pytest.raises(LedgerError, match=r"LED008 .*expected encoding UTF8; found LATIN1"):
        open_server(postgres.server.dsn("latin")).migrate()

    postgres.drop("latin")


def test_a_read_only_database_says_so(ledger: PostgresLedger, database: str) -> None:
    name = sql.Identifier(str(conninfo_to_dict(database)["dbname"]))
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = on").format(name))

    assert ledger.heads() == {}
    with pytest.raises(LedgerError, match="LED009"), ledger.publication(0):
        pass


def test_a_user_without_rights_is_told_which(database: str) -> None:
    guest = f"guest_{os.getpid()}"
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(guest)))
    opened = open_server(make_conninfo(database, user=guest))

    with pytest.raises(LedgerError, match=r"LED016 .*permission denied for table"):
        opened.heads()

    opened.close()
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(guest)))


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (psycopg.errors.DiskFull("no space"), "LED010"),
        (psycopg.errors.SerializationFailure("again"), "LED011"),
        (psycopg.errors.DeadlockDetected("again"), "LED011"),
        (psycopg.errors.QueryCanceled("statement timeout"), "LED011"),
        (psycopg.errors.AdminShutdown("bye"), "LED002"),
        (psycopg.errors.UniqueViolation("twice"), "LED015"),
        (psycopg.errors.SyntaxError("near"), "LED019"),
        (psycopg.OperationalError("the connection is closed"), "LED002"),
        (psycopg.InterfaceError("misuse"), "LED019"),
    ],
)
def test_every_error_of_the_database_has_a_code(error: psycopg.Error, code: str) -> None:
    assert connections.translate(error, "here").code.id == code


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_log SET actor = 'eve'",
        "DELETE FROM audit_log",
        "TRUNCATE audit_log",
        "UPDATE log_entries SET payload = ''",
        "DELETE FROM log_entries",
        "TRUNCATE packages CASCADE",
        "DELETE FROM module_versions",
        "UPDATE module_versions SET version = '9.9.9'",
        "UPDATE provider_versions SET version = '9.9.9'",
        "DELETE FROM provider_platforms",
        "UPDATE packages SET revision = revision + 2",
        "UPDATE packages SET address = 'a/b/c'",
        "UPDATE intents SET payload = '{}'",
        "UPDATE intents SET status = 'open'",
        "UPDATE log_head SET size = 0, tail = '\\x0000000000000000'",
        "UPDATE publication SET generation = 0",
    ],
)
def test_the_database_itself_refuses(ledger: PostgresLedger, database: str, statement: LiteralString) -> None:
    with ledger.publication(0) as held:
        publish(
            held,
            intent_of(MODULE, module_version("1.0.0")),
            intent_of(PROVIDER, provider_version("1.0.0", "linux_amd64")),
        )
        held.audit([audit_row("published")])

    with pytest.raises(psycopg.Error) as caught:
        run(database, statement)

    assert caught.value.sqlstate == connections.FROZEN_STATE


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO modules (package, namespace, name, system) SELECT id, 'x', 'y', 'z' FROM packages",
        "INSERT INTO providers (package, namespace, type) SELECT id, 'acme', 'network' FROM packages",
        "INSERT INTO packages (kind, address) VALUES ('gadget', 'a/b')",
        "UPDATE packages SET visible = revision + 1",
        "UPDATE module_versions SET record = 'abc'",
        "INSERT INTO log_head (singleton, size, tail, root) VALUES (false, 0, '', sha256(''))",
        "INSERT INTO signing_keys (digest, fingerprint, armor) VALUES (repeat('0', 64), repeat('A', 40), 'armor')",
    ],
)
def test_wrong_states_cannot_be_stored(ledger: PostgresLedger, database: str, statement: LiteralString) -> None:
    with ledger.publication(0) as held:
        publish(held, intent_of(MODULE, module_version("1.0.0")))

    with pytest.raises(psycopg.IntegrityError):
        run(database, statement)


@pytest.mark.parametrize(
    ("statement", "row"),
    [
        ("UPDATE audit_log SET actor = 'eve' WHERE seq = 2", 2),
        ('UPDATE audit_log SET after = \'{"version": "1.0.0"}\' WHERE seq = 1', 1),
        ("UPDATE audit_log SET at = at + interval '1 microsecond' WHERE seq = 3", 3),
        ("DELETE FROM audit_log WHERE seq = 1", 1),
        ("DELETE FROM audit_log WHERE seq = 2", 2),
        ("UPDATE audit_log SET hash = repeat('0', 64) WHERE seq = 2", 2),
    ],
)
def test_an_altered_audit_row_is_named(
    ledger: PostgresLedger, database: str, statement: LiteralString, row: int
) -> None:
    with ledger.publication(0) as held:
        held.audit([audit_row(action) for action in ("one", "two", "three")])
    assert ledger.verify_audit().seq == 3

    run(database, "ALTER TABLE audit_log DISABLE TRIGGER audit_log_stays")
    run(database, statement)

    with pytest.raises(LedgerError, match=rf"audit_log row {row}: LED018"):
        ledger.verify_audit()


def test_an_audit_row_that_was_rewritten_with_its_hash_breaks_the_chain_after_it(
    ledger: PostgresLedger, database: str
) -> None:
    with ledger.publication(0) as held:
        held.audit([audit_row(action) for action in ("one", "two", "three")])
    ((previous,),) = run(database, "SELECT prev_hash FROM audit_log WHERE seq = 2")
    text = f'[2,"2026-01-01T00:00:00+00:00","eve","two","acme/network/aws","{{}}","{{}}",null,"{previous}"]'

    run(database, "ALTER TABLE audit_log DISABLE TRIGGER audit_log_stays")
    run(
        database,
        "UPDATE audit_log SET actor = 'eve', after = '{}', hash = %s WHERE seq = 2",
        digest_of(text),
    )

    with pytest.raises(LedgerError, match=r"audit_log row 3: LED018 .* of the row before"):
        ledger.verify_audit()


def test_the_audit_hash_is_what_its_description_says(ledger: PostgresLedger, database: str) -> None:
    with ledger.publication(0) as held:
        held.audit([dataclasses.replace(audit_row("publish"), after={"b": 1, "a": "ü"}, catalog_commit="c0ffee")])

    text = (
        '[1,"2026-01-01T00:00:00+00:00","ada","publish","acme/network/aws","{}",'
        '"{\\"a\\":\\"ü\\",\\"b\\":1}","c0ffee","' + "0" * 64 + '"]'
    )
    assert run(database, "SELECT hash FROM audit_log") == [(digest_of(text),)]


def test_violations_that_were_told_apart_by_their_acknowledgement_become_one(postgres: Postgres) -> None:
    dsn = postgres.create("alarms_of_before")
    try:
        run(dsn, "DROP SCHEMA public CASCADE")
        run(dsn, "CREATE SCHEMA public")
        with connections.connect(dsn) as connection:
            migrate(connection, [each for each in shipped() if each.name < "0006"], "here")
        run(dsn, "INSERT INTO packages (kind, address) VALUES ('module', 'a/b/c')")
        insert: LiteralString = """
            INSERT INTO tag_violations (package, version, kind, published, seen, token, first_seen, last_seen,
                acknowledged_at) SELECT id, '1.0.0', 'PLN001', 'x', 'y', repeat('0', 64), now(), now(), %s FROM packages
        """
        run(dsn, insert, NOW + timedelta(days=9_999))
        run(dsn, insert, None)
        opened = open_server(dsn)

        assert "0006_alarms" in opened.migrate()

        assert [alarm.id for alarm in opened.violations(acknowledged=True)] == [2]
        opened.close()
    finally:
        postgres.drop("alarms_of_before")


def test_a_run_that_never_said_how_it_ended_was_interrupted(ledger: PostgresLedger, database: str) -> None:
    later = NOW + timedelta(hours=1)
    with ledger.publication(0) as held:
        ended, killed = held.start_run(None, "ada", NOW), held.start_run(None, "ada", later)
        held.finish_run(ended, "succeeded", {}, later)
    assert run(database, "SELECT status FROM sync_runs ORDER BY id") == [("succeeded",), ("running",)], "slow, not dead"

    with ledger.publication(0) as held:  # whose clock is behind, and who repeats what may not have been committed
        assert held.start_run(None, "eve", NOW) == held.start_run(None, "eve", NOW)

    found = run(database, "SELECT id, status, ended_at FROM sync_runs ORDER BY id")
    assert found[:2] == [(ended, "succeeded", later), (killed, "interrupted", later)]
    assert [row[1:] for row in found[2:]] == [("running", None)]


def test_a_new_holder_finishes_what_the_last_one_logged(ledger: PostgresLedger) -> None:
    with ledger.publication(0) as held:
        opened = publish(held, intent_of(MODULE, module_version("1.0.0")))

    with ledger.publication(0) as held:
        assert held.open_intents() == opened == tuple(map(logged, opened))
        held.finish(opened, NOW)
        assert held.open_intents() == ()

    assert ledger.heads()[MODULE].visible == 1

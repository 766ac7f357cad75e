"""A connection to PostgreSQL, and its errors in our words. No text made here holds a password."""

from __future__ import annotations

import os
import re
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from registry_gen.errors import Code, LedgerError
from registry_gen.ledger import codes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from psycopg import Connection
    from psycopg.rows import TupleRow

FROZEN_STATE: Final = "LG006"
"""The SQLSTATE that the triggers of the migrations raise."""

_OLDEST_SERVER: Final = 150_000
_CONNECT_SECONDS: Final = 10
_OTHER_SECRETS: Final = frozenset({"sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key"})
_PORTS: Final = re.compile(r"[0-9,]*")
# libpq keeps the SQLSTATE of a failed connection to itself, so the server's words must do.
_ACCESS: Final = re.compile(
    r"authentication|pg_hba\.conf|password|(role|database|user) .* does not exist|permission denied for"
)
_BY_STATE: Final = {
    FROZEN_STATE: codes.FROZEN,
    "25006": codes.READ_ONLY,
    "42501": codes.NO_PRIVILEGE,
    "42P01": codes.SCHEMA_MISSING,  # undefined table
    "42703": codes.SCHEMA_MISSING,  # undefined column
    "53100": codes.DISK_FULL,
}
_BY_CLASS: Final = {
    "08": codes.CONNECTION_LOST,
    "21": codes.REFUSED_BY_DATABASE,
    "22": codes.REFUSED_BY_DATABASE,
    "23": codes.REFUSED_BY_DATABASE,
    "28": codes.ACCESS_REFUSED,
    "40": codes.INTERRUPTED,
    "55": codes.INTERRUPTED,
    "57": codes.INTERRUPTED,
}


def complete(dsn: str) -> str:
    """A DSN with what we always want: a name for pg_stat_activity, a bounded wait, UTF-8.

    Raises LedgerError LED017 for text that libpq cannot read; the text is not repeated, it may hold a password.
    """
    parts: dict[str, str | int] = {**_parts(dsn)}
    # PostgreSQL keeps 63 bytes of a name and turns others than printable ASCII into question marks.
    parts.setdefault("application_name", f"registry-gen {os.getpid()}@{socket.gethostname()}"[:63])
    parts.setdefault("connect_timeout", _CONNECT_SECONDS)
    parts["client_encoding"] = "UTF8"
    return make_conninfo("", **parts)


def for_programs(dsn: str) -> tuple[str, Mapping[str, str]]:
    """A DSN for a program of PostgreSQL: what may stand on a command line, which every user of the machine can read,
    and variables for the program's environment, which holds the password.

    Raises LedgerError LED017 for a secret that PostgreSQL takes in no variable.
    """
    parts = conninfo_to_dict(complete(dsn))
    if untold := sorted(_OTHER_SECRETS & parts.keys()):
        detail = f"{untold[0]} cannot be given to PostgreSQL's programs without showing it to other users"
        raise LedgerError(codes.BAD_DSN, detail, where=describe(dsn), hint="Name it in a service file (PGSERVICEFILE).")
    password = parts.pop("password", None)
    return make_conninfo("", **parts), {} if password is None else {"PGPASSWORD": str(password)}


def describe(dsn: str) -> str:
    """Where a DSN points, for people: ``postgresql://user@host:port/database`` without password or options."""
    try:
        parts = _parts(dsn)
    except LedgerError:
        return "postgresql:"
    user = f"{quote(parts['user'])}@" if "user" in parts else ""
    host = parts.get("host", "")
    port = f":{parts['port']}" if "port" in parts else ""
    database = quote(parts.get("dbname", ""))
    if host.startswith("/"):
        return f"postgresql://{user}/{database}?host={quote(host)}"
    return f"postgresql://{user}{host}{port}/{database}"


def _parts(dsn: str) -> dict[str, str]:
    """The parameters of a DSN. A password with a bare '/' or '@' ends up in port and database: both are looked at."""
    try:
        parts = {name: str(value) for name, value in conninfo_to_dict(dsn).items()}
    except psycopg.ProgrammingError:
        parts = {"port": "unreadable"}
    if not _PORTS.fullmatch(parts.get("port", "")) or "@" in parts.get("dbname", "") + parts.get("host", ""):
        raise LedgerError(codes.BAD_DSN, hint=codes.BAD_DSN.fix)
    return parts


def connect(dsn: str) -> Connection[TupleRow]:
    """Open a connection in autocommit mode to a server that can hold the ledger.

    Raises LedgerError LED001 (out of reach), LED007 (not let in), LED008 (too old, or not UTF-8), LED017 (bad DSN).
    """
    where = describe(dsn)
    conninfo = complete(dsn)
    try:
        connection = psycopg.connect(conninfo, autocommit=True)
    except psycopg.OperationalError as error:
        raise _not_connected(error, conninfo, where) from None
    try:
        _require_fit(connection, where)
    except LedgerError:
        connection.close()
        raise
    return connection


@contextmanager
def translated(where: str) -> Iterator[None]:
    """Turn every error of psycopg inside the block into a LedgerError."""
    try:
        yield
    except psycopg.Error as error:
        raise translate(error, where) from error


def translate(error: psycopg.Error, where: str) -> LedgerError:
    """The LedgerError for an error of a statement; the server's own words are its ``found``."""
    code = _code(error)
    found = error.diag.message_primary or str(error).strip().partition("\n")[0]
    if code is codes.FROZEN:
        return LedgerError(code, f"{code.title}: {found}", where=where, hint=code.fix)
    if error.diag.constraint_name:
        found += f" ({error.diag.constraint_name})"
    return LedgerError(code, where=where, found=found, hint=code.fix)


def _code(error: psycopg.Error) -> Code:
    # Without a SQLSTATE no server has answered: the connection ended, or was closed before.
    state = error.sqlstate
    if state is None:
        return codes.CONNECTION_LOST if isinstance(error, psycopg.OperationalError) else codes.DATABASE_ERROR
    if state in ("57P01", "57P02", "57P03", "57P05"):  # shut down, crashed, starting up, idle for too long
        return codes.CONNECTION_LOST
    return _BY_STATE.get(state) or _BY_CLASS.get(state[:2], codes.DATABASE_ERROR)


def _not_connected(error: psycopg.OperationalError, conninfo: str, where: str) -> LedgerError:
    text = " ".join(str(error).split())
    password = conninfo_to_dict(conninfo).get("password")
    if password:
        text = text.replace(str(password), "…")
    wants_password = error.pgconn is not None and error.pgconn.needs_password
    code = codes.ACCESS_REFUSED if wants_password or _ACCESS.search(text) else codes.UNREACHABLE
    return LedgerError(code, where=where, found=text, hint=code.fix)


def _require_fit(connection: Connection[TupleRow], where: str) -> None:
    version = connection.info.server_version
    if version < _OLDEST_SERVER:
        raise LedgerError(
            codes.SERVER_UNFIT,
            where=where,
            expected="PostgreSQL 15 or later",
            found=f"{version // 10_000}.{version % 10_000}",
            hint=codes.SERVER_UNFIT.fix,
        )
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise LedgerError(
            codes.SERVER_UNFIT, where=where, expected="encoding UTF8", found=str(encoding), hint=codes.SERVER_UNFIT.fix
        )

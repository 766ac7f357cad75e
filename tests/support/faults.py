"""A storage and a ledger in which one chosen operation goes wrong, in one of many ways.

fault = Fault(7, fails)                  # or loses_answer, killed_before, killed_after, cut(dsn), cut_after_commit(dsn)
publish(faulty_registry(registry, fault))
fault.names[7]                           # what it was, such as "put_new records/..."
Fault("checkpoint_signed", loses_answer) # the first operation of that name
Fault("put_if log/checkpoint", fails)    # the first one with that key

Every method counts, those of the publication too, and in the order in which they are called: with one thread that
uploads, equal runs have equal numbers.

Others fail at every call of one method, or do something beside it:

stuck_storage(registry.public, "put_if", "acme/stuck/")
disturbed_ledger(registry.ledger, "begin", after=lambda: shutil.rmtree(staging))
"""

from __future__ import annotations

import os
import signal
import threading
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, NoReturn, cast

import psycopg

from registry_gen.errors import Code, ConflictError, LedgerError, RegistryError, StorageError
from registry_gen.ledger import codes as ledger_codes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from registry_gen.ledger import Ledger
    from registry_gen.publish.registry import Registry
    from registry_gen.storage import Put, Storage, Stored

    Operation = Callable[[], Any]
    Trouble = Callable[[Operation, RegistryError], Any]

BROKEN: Final = Code("TST002", "a fault that the test made", "", "")
READS: Final = frozenset(
    {
        *("get", "head", "digest", "list"),
        *("heads", "packages", "log_head", "log_entries", "violations", "open_intents", "abandoned"),
        *("documents", "documents_of", "inspection", "unfinished"),
    }
)
"""Operations that change nothing: that one of them was done and its answer lost is the same as that it failed."""


def method_of(name: str) -> str:
    """The method of an operation by its name, which may hold a key."""
    return name.partition(" ")[0]


def fails(_operation: Operation, error: RegistryError) -> NoReturn:
    """It is not done, and says so."""
    raise error


def loses_answer(operation: Operation, error: RegistryError) -> NoReturn:
    """It is done, and said to have failed."""
    operation()
    raise error


def killed_before(_operation: Operation, _error: RegistryError) -> NoReturn:
    """The process ends before it, at once."""
    _kill()


def killed_after(operation: Operation, _error: RegistryError) -> NoReturn:
    """The process ends after it, at once."""
    operation()
    _kill()


def cut(dsn: str) -> Trouble:
    """The publisher's session at the server ends before the operation."""

    def trouble(operation: Operation, _error: RegistryError) -> Any:
        end_session(dsn)
        return operation()

    return trouble


def cut_after_commit(dsn: str) -> Trouble:
    """The publisher's session ends after the server has committed, and before it could say so."""

    def trouble(operation: Operation, _error: RegistryError) -> NoReturn:
        operation()
        end_session(dsn)
        raise LedgerError(ledger_codes.CONNECTION_LOST, where="the test's server")

    return trouble


def end_session(dsn: str) -> None:
    """End the session of whoever held the publication lock last, as a restarted server or a broken line would."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(a.pid, 10000) FROM publication p JOIN pg_stat_activity a ON a.pid = p.backend"
        )


def _kill() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("nobody lives on")


class Fault:
    """Counts operations; the one numbered ``at`` (from 0), or the first one of that name, meets the ``trouble``.

    ``at`` None only counts. ``met`` says whether the operation was reached.
    """

    def __init__(self, at: int | str | None = None, trouble: Trouble = fails) -> None:
        self.at = at
        self.trouble = trouble
        self.met = False
        self.names: list[str] = []
        self._lock = threading.Lock()

    def run(self, name: str, error: RegistryError, operation: Operation) -> Any:
        """Do the operation, or what the trouble makes of it."""
        with self._lock:
            here = not self.met and self.at in (len(self.names), name, method_of(name))
            self.met |= here
            self.names.append(name)
        return self.trouble(operation, error) if here else operation()


class _Faulty:
    """Passes every call of a public method through the fault."""

    def __init__(self, inner: object, fault: Fault, error: type[RegistryError]) -> None:
        self._inner = inner
        self._fault = fault
        self._error = error

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._inner, name)
        if name in ("close", "migrate") or not callable(method):
            return method
        if name == "put_all":
            return lambda puts: put_one_by_one(self, puts)

        def operation(*args: Any, **kwargs: Any) -> Any:
            keyed = args and isinstance(args[0], str) and name != "settle_place"  # a bucket's place is a scene's own
            about = f"{name} {args[0]}" if keyed else name
            return self._fault.run(about, self._error(BROKEN, where=about), lambda: method(*args, **kwargs))

        return operation


def put_one_by_one(storage: Any, puts: Sequence[Put]) -> list[Any]:
    """What ``Storage.put_all`` does, by the calls that do the same for one object each."""
    results: list[Any] = []
    for put in puts:
        try:
            if put.sha256:
                results.append(storage.put_new(put.key, put.body, put.sha256))
            else:
                results.append(storage.put_if(put.key, put.body, put.expected))
        except (ConflictError, StorageError) as error:
            results.append(error)
    return results


class _FaultyLedger(_Faulty):
    """Whoever takes the publication lock gets a publication whose operations count too."""

    def __init__(self, inner: Ledger, fault: Fault) -> None:
        super().__init__(inner, fault, LedgerError)
        self._ledger = inner

    @contextmanager
    def publication(self, wait_seconds: float) -> Iterator[Any]:
        with ExitStack() as stack:
            yield self._entered("publication", lambda: stack.enter_context(self._ledger.publication(wait_seconds)))

    @contextmanager
    def inspection(self) -> Iterator[Any]:
        with ExitStack() as stack:
            yield self._entered("inspection", lambda: stack.enter_context(self._ledger.inspection()))

    def _entered(self, name: str, enter: Operation) -> _Faulty:
        inner = self._fault.run(name, LedgerError(BROKEN, where=name), enter)
        return _Faulty(inner, self._fault, LedgerError)


def faulty_registry(registry: Registry, fault: Fault) -> Registry:
    """The same registry, in which every operation of the public storage and of the ledger counts."""
    return replace(
        registry, public=faulty_storage(registry.public, fault), ledger=faulty_ledger(registry.ledger, fault)
    )


def faulty_storage(storage: Storage, fault: Fault) -> Storage:
    """A storage whose operations count."""
    return cast("Storage", _Faulty(storage, fault, StorageError))


def faulty_ledger(ledger: Ledger, fault: Fault) -> Ledger:
    """A ledger whose operations count, and those of its publications."""
    return cast("Ledger", _FaultyLedger(ledger, fault))


class _Statements:
    """A publication's connection, each of whose statements and commits goes through the fault."""

    def __init__(self, connection: psycopg.Connection[Any], fault: Fault) -> None:
        self._connection = connection
        self._fault = fault

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def execute(self, *args: Any, **kwargs: Any) -> Any:
        return self._through("statement", lambda: self._connection.execute(*args, **kwargs))

    def cursor(self, *args: Any, **kwargs: Any) -> Any:
        return self._through("statement", lambda: self._connection.cursor(*args, **kwargs))

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        with self._connection.transaction() as transaction:
            yield transaction
            self._through("commit", lambda: None)

    def _through(self, name: str, operation: Operation) -> Any:
        return self._fault.run(name, LedgerError(BROKEN, where=name), operation)


class _StatementsLedger:
    def __init__(self, inner: Ledger, fault: Fault) -> None:
        self._inner = inner
        self._fault = fault

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    @contextmanager
    def publication(self, wait_seconds: float) -> Iterator[Any]:
        with self._inner.publication(wait_seconds) as publication:
            made: Any = publication
            made._connection = _Statements(made._connection, self._fault)
            yield publication


def statements_counted(registry: Registry, fault: Fault) -> Registry:
    """The same registry, in which every statement and every commit of a publication counts."""
    ledger: Any = _StatementsLedger(registry.ledger, fault)
    return replace(registry, ledger=ledger)


class HeldLock:
    """A ledger that remembers the session in which the publication lock is held, so that the lock alone can be lost."""

    def __init__(self, inner: Ledger) -> None:
        self._inner = inner
        self._connection: psycopg.Connection[Any] | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    @contextmanager
    def publication(self, wait_seconds: float) -> Iterator[Any]:
        with self._inner.publication(wait_seconds) as publication:
            held: Any = publication
            self._connection = held._connection
            yield publication

    def lose(self) -> None:
        """Somebody else may take the lock from here on; the session goes on. For a holder that does nothing now."""
        if self._connection and not self._connection.closed:
            self._connection.execute("SELECT pg_advisory_unlock_all()")


class CrashError(Exception):
    """What nothing catches: the process was gone from here on."""


def crashes(_operation: Operation, _error: RegistryError) -> NoReturn:
    """The process is gone."""
    raise CrashError


def crashes_after(operation: Operation, _error: RegistryError) -> NoReturn:
    """It is gone after it has done this."""
    operation()
    raise CrashError


def stuck_storage(storage: Storage, method: str, part: str, error: Exception | None = None) -> Storage:
    """A storage whose ``method`` always fails for keys that contain ``part``, before it does anything."""

    def guard(call: Callable[[], Any], about: str | Sequence[str | Stored]) -> Any:
        keys = [about] if isinstance(about, str) else [one if isinstance(one, str) else one.key for one in about]
        if any(part in key for key in keys):
            raise error or StorageError(BROKEN, where=f"{method} {keys}")
        return call()

    return _Disturbed(storage, method, guard)


def disturbed_ledger(
    ledger: Ledger, step: str, *, before: Callable[[], Any] | None = None, after: Callable[[], Any] | None = None
) -> Ledger:
    """A ledger whose publication does more at ``step``: whatever ``before`` and ``after`` do, or raise."""

    def around(call: Callable[[], Any], _argument: object) -> Any:
        if before:
            before()
        done = call()
        if after:
            after()
        return done

    return _DisturbedLedger(ledger, step, around)


class _Disturbed:
    """Passes every call on; ``around`` is asked in place of one method, with the call and its first argument."""

    def __init__(self, inner: object, method: str, around: Callable[[Callable[[], Any], Any], Any]) -> None:
        self._inner = inner
        self._method = method
        self._around = around

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._inner, name)
        if name == "put_all" and self._method in ("put_new", "put_if"):
            return lambda puts: put_one_by_one(self, puts)
        if name != self._method:
            return method
        return lambda *args: self._around(lambda: method(*args), args[0])


class _DisturbedLedger(_Disturbed):
    @contextmanager
    def publication(self, wait_seconds: float) -> Iterator[Any]:
        with self._inner.publication(wait_seconds) as publication:  # type: ignore[attr-defined]
            yield _Disturbed(publication, self._method, self._around)

"""Storage and ledger that fail at one chosen operation, before it is done or after it was done all the same.

fault = Fault(at=7, done=True)
publish(replace(registry, public=faulty_storage(registry.public, fault), ledger=faulty_ledger(registry.ledger, fault)))

Others fail at every call of one method, or do something beside it:

stuck_storage(registry.public, "put_if", "acme/stuck/")
disturbed_ledger(registry.ledger, "begin", after=lambda: shutil.rmtree(staging))
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from registry_gen.errors import Code, LedgerError, RegistryError, StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from registry_gen.ledger import Ledger
    from registry_gen.storage import Storage

BROKEN = Code("TST002", "a fault that the test made", "", "")
WRITES = ("put_new", "put_if", "delete")
STEPS = (
    "begin",
    "abandon",
    "collected",
    "log",
    "adopt_log_key",
    "change_log_key",
    "checkpoint_signed",
    "checkpoint_stored",
    "document_stored",
    "finish",
    "settle_inputs",
    "audit",
    "start_run",
    "finish_run",
)


class Fault:
    """Counts operations; the one numbered ``at`` (from 0) fails, ``done`` or not. ``at`` None only counts."""

    def __init__(self, at: int | None = None, *, done: bool = False) -> None:
        self.at = at
        self.done = done
        self.names: list[str] = []
        self._lock = threading.Lock()

    def run(self, name: str, error: type[RegistryError], operation: Callable[[], Any]) -> Any:
        """Do the operation, or fail in its place, or fail after it."""
        with self._lock:
            number = len(self.names)
            self.names.append(name)
        if number != self.at:
            return operation()
        if self.done:
            operation()
        raise error(BROKEN, where=name)


class _Faulty:
    """Passes every call on; calls of the given names go through the fault."""

    def __init__(self, inner: object, fault: Fault, names: tuple[str, ...], error: type[RegistryError]) -> None:
        self._inner = inner
        self._fault = fault
        self._names = names
        self._error = error

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._inner, name)
        if name not in self._names:
            return method
        return lambda *args, **kwargs: self._fault.run(name, self._error, lambda: method(*args, **kwargs))


def faulty_storage(storage: Storage, fault: Fault) -> Storage:
    """A storage whose writes may fail."""
    return _Faulty(storage, fault, WRITES, StorageError)


def faulty_ledger(ledger: Ledger, fault: Fault) -> Ledger:
    """A ledger whose publication's steps may fail."""
    return _FaultyLedger(ledger, fault)


class _FaultyLedger(_Faulty):
    def __init__(self, ledger: Ledger, fault: Fault) -> None:
        super().__init__(ledger, fault, (), LedgerError)

    @contextmanager
    def publication(self, wait_seconds: float) -> Iterator[Any]:
        with self._inner.publication(wait_seconds) as publication:  # type: ignore[attr-defined]
            yield _Faulty(publication, self._fault, STEPS, LedgerError)


class CrashError(Exception):
    """What nothing catches: the process was gone from here on."""


def stuck_storage(storage: Storage, method: str, part: str, error: Exception | None = None) -> Storage:
    """A storage whose ``method`` always fails for keys that contain ``part``, before it does anything."""

    def guard(call: Callable[[], Any], key: str | list[str]) -> Any:
        if any(part in one for one in ([key] if isinstance(key, str) else key)):
            raise error or StorageError(BROKEN, where=f"{method} {key}")
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
        if name != self._method:
            return method
        return lambda *args: self._around(lambda: method(*args), args[0])


class _DisturbedLedger(_Disturbed):
    @contextmanager
    def publication(self, wait_seconds: float) -> Iterator[Any]:
        with self._inner.publication(wait_seconds) as publication:  # type: ignore[attr-defined]
            yield _Disturbed(publication, self._method, self._around)

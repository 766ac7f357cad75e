"""The lease: who may write to a ledger in a bucket, taken and kept by compare-and-swap on ``state/head``.

Each holder has a generation of its own, and every move of the head names the etag that it replaces: whoever lost the
lease without noticing finds another head, and can neither record anything nor go on. An expired lease stays its
holder's until somebody else takes it.
"""

from __future__ import annotations

import secrets
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, Self

from registry_gen import paths
from registry_gen.errors import ConflictError, LedgerError, StorageError
from registry_gen.ledger import codes
from registry_gen.ledger.bucket_head import Head, Lease, parse
from registry_gen.ledger.bucket_store import answering

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from registry_gen.ledger.bucket_store import ObjectStore

_POLL_SECONDS: Final = 1.0
_FIRST_PAUSE: Final = 1.0
"""Seconds before a busy store is asked again: Google's takes one object once a second."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Timing:
    """Clock and sleep, how long a lease holds, and how far the clocks of two machines may be apart.

    For ``patience`` a store is asked again that is too busy to take the head: part of the lease must be left then.
    ``renews`` says that a thread renews the lease; without it, only writing does.
    """

    clock: Callable[[], datetime] = _utc_now
    sleep: Callable[[float], None] = time.sleep
    holds: timedelta = timedelta(seconds=60)
    margin: timedelta = timedelta(seconds=10)
    patience: timedelta = timedelta(seconds=30)
    renews: bool = True


@dataclass(frozen=True, slots=True)
class FoundHead:
    """A head as it was read: its bytes, its etag, and what it says."""

    body: bytes
    etag: str
    head: Head


def read_head(store: ObjectStore) -> FoundHead | None:
    """What the bucket says now, None where there is nothing; raises LedgerError LED044 or LED045."""
    with answering(store, paths.STATE_HEAD):
        found = store.get(paths.STATE_HEAD)
    if found is None:
        return None
    body, kept = found
    return FoundHead(body, kept.etag, parse(body, Head, f"{store.name} {paths.STATE_HEAD}"))


class HeldLease:
    """The lease while this process has it; made by ``take``. Safe to use from several threads."""

    def __init__(self, store: ObjectStore, timing: Timing, head: Head, etag: str) -> None:
        self._store = store
        self._timing = timing
        self._head = head
        self._etag = etag
        self._tried: tuple[bytes, Head] | None = None
        self._ended: LedgerError | None = None
        self._left = False
        self._lock = threading.RLock()

    @property
    def head(self) -> Head:
        """What the head says since we moved it last."""
        return self._head

    @property
    def generation(self) -> int:
        """Ours, and nobody else's."""
        return self._head.generation

    def require(self) -> None:
        """Raise LedgerError LED004 where somebody else took over, LED046 where the head is not as we left it."""
        with self._lock:
            self._raise_ended()
            found = read_head(self._store)
            if (found is None or found.etag != self._etag) and not self._adopted(found):
                raise self._end(self._lost(found))
            lease = self._head.lease
            if lease and self._timing.clock() >= lease.expires_at:
                self.renew()

    def move(self, **changes: object) -> None:
        """Put the head with these changes, and the lease renewed.

        Raises LedgerError LED004 or LED046 where it is no longer ours, LED044 where nobody knows whether it was put:
        then this lease is good for nothing more.
        """
        with self._lock:
            self._raise_ended()
            try:
                self._put(self._renewed(**changes))
            except LedgerError as error:
                raise self._end(error) from None

    def renew(self) -> None:
        """Hold it for longer; raises as ``move`` does, and may be tried again after LED044."""
        with self._lock:
            self._raise_ended()
            try:
                self._put(self._renewed())
            except LedgerError as error:
                if error.code is not codes.BUCKET_FAILED:
                    self._end(error)
                raise

    def leave(self, lease: Lease | None = None, **changes: object) -> None:
        """Put the head with these changes and another lease, or none, in the place of ours, which ends with that.

        Raises as ``move`` does.
        """
        with self._lock:
            self._raise_ended()
            try:
                self._put(self._head.model_copy(update={**changes, "lease": lease}))
            except LedgerError as error:
                raise self._end(error) from None
            self._left = True
            self._end(_lock_lost(self._store, self.generation, str(lease or "a lease that was given back")))

    def release(self) -> None:
        """Give it back where it was not left. One that cannot be given back expires."""
        with self._lock:
            if self._left:
                return
            with suppress(LedgerError, ConflictError, StorageError):
                found = read_head(self._store)  # a put that was said to have failed may have been stored after all
                if found and found.head.generation == self.generation:
                    head = found.head.model_copy(update={"lease": None})
                    _put_patiently(self._store, head.to_bytes(), found.etag, self._timing)
            self._ended = self._ended or _lock_lost(self._store, self.generation, "a lease that was given back")

    @contextmanager
    def kept(self) -> Iterator[Self]:
        """A thread renews it for as long as the block runs; a third of its time is left for two more tries."""
        if not self._timing.renews:
            yield self
            return
        done = threading.Event()

        def keep() -> None:
            while not done.wait(self._timing.holds.total_seconds() / 3):
                with suppress(LedgerError):  # whoever writes next is told
                    self.renew()

        thread = threading.Thread(target=keep, name="lease", daemon=True)
        thread.start()
        try:
            yield self
        finally:
            done.set()
            thread.join()

    def _renewed(self, **changes: object) -> Head:
        lease = self._head.lease
        if lease:
            changes["lease"] = lease.model_copy(update={"expires_at": self._timing.clock() + self._timing.holds})
        return self._head.model_copy(update=changes)

    def _put(self, head: Head) -> None:
        body = head.to_bytes()
        for again in (True, False):
            try:
                etag = _put_patiently(self._store, body, self._etag, self._timing)
            except ConflictError:
                found = read_head(self._store)
                if found is not None and found.body == body:  # sent twice, by the client or by us
                    etag = found.etag
                elif again and self._adopted(found):
                    continue
                else:
                    raise self._lost(found) from None
            except StorageError as error:
                self._tried = (body, head)
                found = read_head(self._store)
                if found is None or found.body != body:
                    raise _failed(self._store, error) from None
                etag = found.etag
            self._head, self._etag, self._tried = head, etag, None
            return

    def _adopted(self, found: FoundHead | None) -> bool:
        """Whether the head is ours under another etag, or a renewal of which we were told that it was not stored."""
        if found is None:
            return False
        if self._tried is not None and found.body == self._tried[0]:
            self._head, self._tried = self._tried[1], None
        elif found.body != self._head.to_bytes():
            return False
        self._etag = found.etag
        return True

    def _lost(self, found: FoundHead | None) -> LedgerError:
        if found is not None and found.head.generation != self.generation:
            return _lock_lost(self._store, self.generation, _holder(found.head))
        code = codes.HEAD_CHANGED
        said = "nothing" if found is None else f"generation {found.head.generation} after {found.head.number} changes"
        return LedgerError(code, where=f"{self._store.name} {paths.STATE_HEAD}", found=said, hint=code.fix)

    def _end(self, error: LedgerError) -> LedgerError:
        self._ended = error
        return error

    def _raise_ended(self) -> None:
        if self._ended:
            raise self._ended


def take(
    store: ObjectStore,
    lease: Lease,
    wait_seconds: float,
    begin: Callable[[], Head],
    timing: Timing,
    *,
    over: int | None = None,
) -> HeldLease:
    """Take the lease, waiting at most so long. ``begin`` makes the head to begin with where there is none.

    ``over`` is a generation whose lease is taken although it holds. Raises LedgerError LED003, naming the holder, where
    another one holds on (at once, where that is a person whose lock ends later than we would wait), and what ``begin``
    does.
    """
    deadline = timing.clock() + timedelta(seconds=wait_seconds)
    while True:
        found = read_head(store)
        now = timing.clock()
        before = found.head if found else begin()
        held = before.lease is not None and before.lease.holds(now, timing.margin) and before.generation != over
        if not held:
            ours = lease.model_copy(update={"since": now, "expires_at": now + timing.holds})
            head = before.model_copy(update={"generation": before.generation + 1, "lease": ours})
            etag = _taken(store, head, found, timing)
            if etag is not None:
                return HeldLease(store, timing, head, etag)
        if now >= deadline or (held and _kept_away(before.lease, deadline, timing)):
            raise _held(store, before if held else None, wait_seconds)
        timing.sleep(min(_POLL_SECONDS, max((deadline - now).total_seconds(), 0.0)))


def beginning(migration: str) -> Head:
    """The head of a ledger that holds nothing."""
    return Head(
        ledger=secrets.token_hex(16),
        generation=0,
        lease=None,
        migration=migration,
        snapshot=None,
        first=0,
        before="",
        changes=(),
    )


def _put_patiently(store: ObjectStore, body: bytes, expected: str | None, timing: Timing) -> str:
    """Put the head where its etag still is ``expected``, again and again where the store is too busy; its new etag.

    Raises ConflictError also where an earlier attempt was stored after all, and StorageError.
    """
    deadline = timing.clock() + timing.patience
    pause = _FIRST_PAUSE
    while True:
        try:
            return store.put_if(paths.STATE_HEAD, body, expected).etag
        except StorageError as error:
            if not error.code.passing or timing.clock() + timedelta(seconds=pause) > deadline:
                raise
        timing.sleep(pause)
        pause *= 2


def _taken(store: ObjectStore, head: Head, found: FoundHead | None, timing: Timing) -> str | None:
    """The etag of the head where it is ours now, None where somebody was faster."""
    body = head.to_bytes()
    try:
        return _put_patiently(store, body, found.etag if found else None, timing)
    except (ConflictError, StorageError) as error:
        there = read_head(store)
        if there and there.body == body:
            return there.etag
        if isinstance(error, StorageError):
            raise _failed(store, error) from None
        return None


def _kept_away(lease: Lease | None, deadline: datetime, timing: Timing) -> bool:
    return lease is not None and lease.by_hand and lease.holds(deadline, timing.margin)


def _held(store: ObjectStore, head: Head | None, wait_seconds: float) -> LedgerError:
    code = codes.LOCK_HELD
    hint = code.fix
    said = f"another publisher still holds the lease after {wait_seconds:g} s"
    if head and head.lease and head.lease.by_hand:
        said = "somebody keeps publishers away"
        hint = "Wait, or ask them; registry-gen ledger unlock ends it, with --force for whoever did not lock it."
    elif head and head.lease:
        hint = "Wait until it expires; where its holder is gone, registry-gen ledger unlock --force takes it away."
    return LedgerError(
        code,
        said,
        where=f"{store.name} {paths.STATE_HEAD}",
        found=_holder(head) if head else "others who were faster",
        hint=hint,
    )


def _holder(head: Head) -> str:
    return f"generation {head.generation}" + (f" of {head.lease}" if head.lease else ", which gave it back")


def _lock_lost(store: ObjectStore, generation: int, found: str) -> LedgerError:
    code = codes.LOCK_LOST
    expected = f"generation {generation}"
    return LedgerError(code, where=f"{store.name} {paths.STATE_HEAD}", expected=expected, found=found, hint=code.fix)


def _failed(store: ObjectStore, error: StorageError) -> LedgerError:
    code = codes.BUCKET_FAILED
    found = f"{error.code}: {error.message}"
    return LedgerError(code, where=f"{store.name} {paths.STATE_HEAD}", found=found, hint=code.fix)

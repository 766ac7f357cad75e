"""Consideration for hosts: few requests at a time, pauses where a host asks for them, and rest where it fails.

A host that keeps failing is left alone for some minutes. Whoever wants something of it meanwhile hears at once, and for
its own URL, what the host said last; nobody waits for pauses that others have waited for in vain.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeVar

from registry_gen.errors import SourceError
from registry_gen.sources import codes
from registry_gen.sources.guard import shown
from registry_gen.sources.http_failures import RetryableError
from registry_gen.sources.retry import ATTEMPTS, pause_after

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")

FAILURES: Final = 3
"""The URLs of so many owners fail in a row, and the host is left alone: one owner must not stop the neighbours."""
FAILURES_OF_ONE: Final = 9
"""So many in a row are enough, whoever owns them: some hosts have one owner only."""
REST: Final = 300.0
"""Seconds that it is left alone, or longer where it asked for longer. Then one failure more is enough."""
_LONGEST_REST: Final = 3600.0

_OF_THE_HOST: Final = frozenset(
    {codes.UNREACHABLE, codes.TLS_FAILED, codes.BUSY, codes.GIT_UNREACHABLE, codes.GIT_TIMEOUT}
)
"""What says something about a host; other errors are of one repository."""


@dataclass(slots=True)
class _Host:
    """What is known of a host; ``lock`` guards the rest."""

    turns: threading.Semaphore
    lock: threading.Lock = field(default_factory=threading.Lock)
    pause_until: float = 0.0
    failures: int = 0
    failed_owners: set[str] = field(default_factory=set)
    rest_until: float = 0.0
    refusal: SourceError | None = None


class Hosts:
    """Takes turns. Safe to use from several threads.

    ``at_once`` is how many requests one host gets at the same time. ``clock`` (monotonic seconds) and ``sleep`` are the
    outside world; by default ``close`` ends all pauses.
    """

    def __init__(
        self,
        at_once: int,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        self._at_once = at_once
        self._closed = threading.Event()
        self._clock = clock
        self._sleep = sleep or self._closed.wait
        self._lock = threading.Lock()
        self._hosts: dict[str, _Host] = {}

    def ask(self, name: str, url: str, work: Callable[[], T]) -> T:
        """What ``work`` returns, which asks the host ``name`` for ``url``; repeated where it raises RetryableError.

        Raises SourceError: what ``work`` raised last, or where the host is left alone what it failed with before.
        """
        host = self._host(name)
        for attempt in range(1, ATTEMPTS + 1):
            with self._turn(host, url):
                try:
                    result = work()
                except RetryableError as error:
                    failure = error
                except SourceError as error:
                    self._heard(host, url, error)
                    raise
                else:
                    self._answered(host)
                    return result
            wait = None if self._closed.is_set() else pause_after(failure, attempt)
            if wait is None:
                self._failed(host, url, failure.error, failure.wait or 0.0)
                raise failure.error from None
            if failure.error.code is codes.BUSY:
                self._pause(host, wait)
            else:
                self._sleep(wait)
        raise AssertionError("the last attempt returns or raises")

    def close(self) -> None:
        """End pauses; no further attempts are made."""
        self._closed.set()

    def _host(self, name: str) -> _Host:
        with self._lock:
            host = self._hosts.get(name)
            if host is None:
                host = self._hosts[name] = _Host(threading.Semaphore(self._at_once))
            return host

    @contextmanager
    def _turn(self, host: _Host, url: str) -> Iterator[None]:
        with host.turns:
            while True:
                now = self._clock()
                with host.lock:
                    if host.refusal is not None and now < host.rest_until:
                        raise _left_alone(host.refusal, url)
                    wait = host.pause_until - now
                if wait <= 0 or self._closed.is_set():
                    break
                self._sleep(wait)
            yield

    def _pause(self, host: _Host, seconds: float) -> None:
        """Everybody pauses: what the host refuses to one it refuses to all."""
        with host.lock:
            host.pause_until = max(host.pause_until, self._clock() + seconds)

    def _heard(self, host: _Host, url: str, error: SourceError) -> None:
        if error.code in _OF_THE_HOST:
            self._failed(host, url, error)
        else:
            self._answered(host)

    def _failed(self, host: _Host, url: str, error: SourceError, asked: float = 0.0) -> None:
        with host.lock:
            host.failures += 1
            host.failed_owners.add(_owner(url))
            if len(host.failed_owners) >= FAILURES or host.failures >= FAILURES_OF_ONE:
                host.refusal = error
                host.rest_until = self._clock() + min(max(REST, asked), _LONGEST_REST)

    def _answered(self, host: _Host) -> None:
        with host.lock:
            host.failures = 0
            host.failed_owners.clear()
            host.refusal = None


def _owner(url: str) -> str:
    """The first folder of a URL's path: whose repository it is on forges that have many owners."""
    return url.partition("://")[2].partition("/")[2].partition("/")[0]


def _left_alone(last: SourceError, url: str) -> SourceError:
    return SourceError(
        last.code,
        "not asked, since the host failed for others again and again",
        where=shown(url),
        found=last.found,
        hint=last.hint,
    )

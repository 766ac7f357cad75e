"""How much may be read of a registry in all: a hostile one could list a million versions, and answer slowly."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, BinaryIO, Final

from registry_gen.errors import RefusalError
from registry_gen.inspect import codes
from registry_gen.model.config import MEGABYTE
from registry_gen.render.document import revision_of

if TYPE_CHECKING:
    from registry_gen.errors import Code
    from registry_gen.inspect.reader import Reader
    from registry_gen.model.config import Network
    from registry_gen.sources.http import Downloaded

MAX_REQUESTS: Final = 50_000
MAX_BYTES: Final = 2_000 * MEGABYTE
MAX_SECONDS: Final = 1_800.0


class Budget:
    """A ``Reader`` with an end. ``requests`` counts what was asked for; safe to use from several threads.

    ``code`` is what too much is refused with.
    """

    def __init__(
        self,
        reader: Reader,
        *,
        requests: int = MAX_REQUESTS,
        size: int = MAX_BYTES,
        seconds: float = MAX_SECONDS,
        code: Code = codes.TOO_MUCH,
    ) -> None:
        self._reader = reader
        self._lock = threading.Lock()
        self._most = (requests, size)
        self._until = time.monotonic() + seconds
        self._seconds = seconds
        self._code = code
        self._revisions: dict[str, int] = {}
        self._size = 0
        self.requests = 0

    @property
    def base(self) -> str | None:
        """See ``Reader``."""
        return self._reader.base

    @property
    def network(self) -> Network:
        """See ``Reader``."""
        return self._reader.network

    @property
    def name(self) -> str:
        """See ``Reader``."""
        return self._reader.name

    def read(self, key: str, limit: int) -> bytes:
        """See ``Reader``; raises RefusalError, INS050 if not otherwise said, where everything together is too much."""
        self._ask()
        data = self._reader.read(key, limit)
        revision = revision_of(key, data)
        with self._lock:
            self._size += len(data)
            if revision is not None:
                self._revisions[key] = revision
        return data

    def copy(self, key: str, out: BinaryIO, limit: int) -> Downloaded:
        """See ``Reader``; raises RefusalError, INS050 if not otherwise said, where everything together is too much."""
        self._ask()
        done = self._reader.copy(key, out, limit)
        with self._lock:
            self._size += done.size
        return done

    def revision(self, key: str) -> int:
        """The package's revision that was stamped into the document of this key; 0 where none was read."""
        return self._revisions.get(key, 0)

    def _ask(self) -> None:
        with self._lock:
            self.requests += 1
            requests, size = self._most
            if self.requests > requests:
                raise self._too_much(f"at most {requests} documents")
            if self._size > size:
                raise self._too_much(f"at most {size} bytes")
            if time.monotonic() > self._until:
                raise self._too_much(f"at most {self._seconds:.0f} seconds")

    def _too_much(self, expected: str) -> RefusalError:
        return RefusalError(self._code, where=self.name, expected=expected, hint=self._code.fix)

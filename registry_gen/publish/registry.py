"""What a run works with, as wiring made it from registry.yaml."""

from __future__ import annotations

from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry_gen.model.places import known_as

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from registry_gen.edge.purge import Edge
    from registry_gen.ledger import Ledger
    from registry_gen.model.config import Config, Limits
    from registry_gen.publish.look import Sources
    from registry_gen.publish.staging import Staging
    from registry_gen.signing.log import LogSigner
    from registry_gen.signing.openpgp import SumsSigner
    from registry_gen.storage import Storage


@dataclass(frozen=True, slots=True)
class Registry:
    """The adapters of a run.

    ``actor`` is who runs it, ``run_url`` the pipeline's run; ``lock_seconds`` how long it waits for another publisher.
    ``open_edge`` makes the CDN that is told what has changed; None where there is none.
    """

    config: Config
    ledger: Ledger
    public: Storage
    sources: Sources
    staging: Staging
    actor: str
    run_url: str | None = None
    lock_seconds: float = 600.0
    open_edge: Callable[[], Edge] | None = None

    @property
    def limits(self) -> Limits:
        """How much of anything is too much."""
        return self.config.limits

    @property
    def place(self) -> str:
        """How the ledger knows the public storage."""
        return known_as(self.config.public, str(self.config.root))

    @property
    def log_origin(self) -> str:
        """The name of the log."""
        return self.config.site.log_origin


@dataclass(frozen=True, slots=True)
class Keys:
    """The registry's private keys: only what publishes or stages needs them."""

    sums: SumsSigner
    log: LogSigner


@contextmanager
def pool(workers: int, name: str) -> Iterator[Executor]:
    """Threads that give up what has not begun when the run fails.

    Whoever presses Ctrl-C does not wait for a download that hangs: what its thread leaves is what a crash leaves.
    """
    threads = ThreadPoolExecutor(workers, name)
    try:
        yield threads
    except BaseException as reason:
        threads.shutdown(wait=not isinstance(reason, KeyboardInterrupt), cancel_futures=True)
        raise
    threads.shutdown(wait=True)

"""Everything that committing needs beside the ledger."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from registry_gen.publish.clock import clock_from
from registry_gen.publish.registry import pool

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Executor
    from datetime import datetime

    from registry_gen.model.config import Site
    from registry_gen.publish.clock import Clock
    from registry_gen.publish.log_key import CheckpointSigner
    from registry_gen.publish.registry import Registry
    from registry_gen.publish.staging import Staging
    from registry_gen.storage import Storage

_UPLOADS: Final = 16


@dataclass(frozen=True, slots=True)
class Bucket:
    """The public storage, its uploader threads, staging, the log's key and the site.

    ``clock`` tells when what is committed becomes visible.
    """

    storage: Storage
    executor: Executor
    staging: Staging
    signer: CheckpointSigner
    site: Site
    clock: Clock


@contextmanager
def open_bucket(registry: Registry, signer: CheckpointSigner, now: datetime) -> Iterator[Bucket]:
    """The registry's bucket, for as long as the block runs; ``now`` is the time of the run."""
    with pool(_UPLOADS, "upload") as executor:
        yield Bucket(registry.public, executor, registry.staging, signer, registry.config.site, clock_from(now))

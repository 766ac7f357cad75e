from __future__ import annotations

import hashlib
import io
import threading
from concurrent.futures import Executor, Future
from typing import Any

import pytest

from registry_gen.errors import RefusalError
from registry_gen.sources.hashing import HasherBeside, hashing_beside
from registry_gen.verify.zips import check_zip
from tests.support.hostile_archives import HONEST_ZIPS, HOSTILE_ZIPS

PIECES = [bytes([number]) * 5000 for number in range(40)]


class Slow(Executor):
    """Does each piece of work only when somebody waits for it; ``waited`` counts those."""

    def __init__(self) -> None:
        self.waited = 0

    def submit(self, work: Any, /, *args: Any, **named: Any) -> Future[Any]:
        return Later(self, lambda: work(*args))


class Later(Future[Any]):
    def __init__(self, owner: Slow, work: Any) -> None:
        super().__init__()
        self.owner, self.work = owner, work

    def result(self, timeout: float | None = None) -> Any:
        self.owner.waited += 1
        return self.work()


def test_what_is_hashed_beside_has_the_digest_of_all_its_pieces_in_order() -> None:
    with hashing_beside() as hasher:
        one, other = hasher(), hasher()
        for piece in PIECES:
            one.update(piece)
            other.update(piece[::2])
        assert one.hexdigest() == hashlib.sha256(b"".join(PIECES)).hexdigest()
        assert other.hexdigest() == hashlib.sha256(b"".join(piece[::2] for piece in PIECES)).hexdigest()


def test_whoever_is_too_far_ahead_waits_so_that_memory_stays_flat() -> None:
    thread = Slow()
    digest = HasherBeside(thread)
    for piece in PIECES:
        digest.update(piece)
    assert thread.waited == len(PIECES) - 4
    assert digest.hexdigest() == hashlib.sha256(b"".join(PIECES)).hexdigest()


def test_the_thread_ends_with_the_block_also_after_a_refusal() -> None:
    data = HOSTILE_ZIPS["much more than declared"][0]
    with pytest.raises(RefusalError), hashing_beside() as hasher:
        check_zip(io.BytesIO(data), len(data), max_unpacked=10**6, max_entries=9, where="x", hasher=hasher)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("hash")]


@pytest.mark.parametrize("name", HONEST_ZIPS)
def test_the_h1_is_the_same_wherever_it_is_hashed(name: str) -> None:
    data = HONEST_ZIPS[name]
    plain = check_zip(io.BytesIO(data), len(data), max_unpacked=10**8, max_entries=1_000, where="x")
    with hashing_beside() as hasher:
        beside = check_zip(io.BytesIO(data), len(data), max_unpacked=10**8, max_entries=1_000, where="x", hasher=hasher)
    assert beside == plain

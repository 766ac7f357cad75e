"""Laws of reading a log from outside, for logs of any size: a true one is good, and no bit of it can be another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from registry_gen.errors import RefusalError, SourceError
from registry_gen.inspect import codes
from registry_gen.inspect.public_log import Tiles, proved_entry, require_continued
from registry_gen.inspect.whole_log import read_new_entries, read_whole_log
from registry_gen.log.note import Checkpoint
from registry_gen.log.tiles import tiles
from registry_gen.log.tree import Tail, append, root
from registry_gen.model.config import Network
from registry_gen.publish.progress import Silent
from registry_gen.render.records import canonical

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import BinaryIO

    from registry_gen.sources.http import Downloaded

MOST = 800
PAYLOADS = [
    canonical(
        {
            "type": "undeprecated",
            "kind": "provider",
            "address": f"acme/p{index}",
            "revision": 1,
            "time": "2026-01-02T03:04:05Z",
        }
    )
    for index in range(MOST)
]
sizes = st.integers(0, MOST)


@dataclass(frozen=True, slots=True)
class Shelf:
    """Objects in memory."""

    objects: Mapping[str, bytes]
    base: None = None
    network: Network = Network()  # noqa: RUF009 - frozen
    name: str = "memory"

    def read(self, key: str, limit: int) -> bytes:
        if key not in self.objects:
            raise SourceError(codes.MISSING, where=key)
        return self.objects[key][: limit + 1]

    def copy(self, key: str, out: BinaryIO, limit: int) -> Downloaded:
        raise NotImplementedError


def log_of(size: int) -> tuple[dict[str, bytes], Checkpoint]:
    tail = append(Tail(), PAYLOADS[:size])
    return dict(tiles(0, tail, PAYLOADS[:size])), Checkpoint("example.com/log", size, root(tail))


@given(sizes, sizes)
@example(256, 512)
@example(255, 256)
@example(0, 0)
def test_a_true_log_is_read_whole_continued_and_proved(one: int, other: int) -> None:
    old, size = sorted((one, other))
    objects, now = log_of(size)
    kept = log_of(old)[1]
    shelf = Shelf(objects)

    whole = read_whole_log(shelf, now, kept, Silent(), workers=2)
    assert whole.problems == ()
    assert whole.history
    assert (whole.entries, whole.history.size, len(whole.history.packages)) == (size, size, size)
    require_continued(Tiles(shelf, size), kept, now)
    new = read_new_entries(shelf, now, old, Silent(), workers=2)
    assert (new.problems, new.entries) == ((), size - old)
    if size:
        assert proved_entry(Tiles(shelf, size), now, old % size) == PAYLOADS[old % size]


@given(st.integers(1, MOST), st.data())
def test_no_bit_of_a_log_can_be_another_without_being_named(size: int, data: st.DataObject) -> None:
    objects, now = log_of(size)
    key = data.draw(st.sampled_from(sorted(objects)))
    at = data.draw(st.integers(0, 8 * len(objects[key]) - 1))
    altered = bytearray(objects[key])
    altered[at // 8] ^= 1 << at % 8
    problems = read_whole_log(Shelf({**objects, key: bytes(altered)}), now, None, Silent(), workers=2).problems

    assert [problem.code.id for problem in problems] in (["INS011"], ["INS012"])
    assert key in problems[0].where


@given(st.integers(1, MOST), st.integers(0, MOST - 1), sizes)
def test_a_log_with_another_entry_in_its_past_is_rewritten(size: int, index: int, more: int) -> None:
    index %= size
    kept = log_of(size)[1]
    forked = [*PAYLOADS[:index], b'{"forged":1}', *PAYLOADS[index + 1 : max(size, more)]]
    tail = append(Tail(), forked)
    now = Checkpoint("example.com/log", tail.size, root(tail))
    shelf = Shelf(dict(tiles(0, tail, forked)))

    assert "INS010" in [problem.code.id for problem in read_whole_log(shelf, now, kept, Silent(), workers=2).problems]
    with pytest.raises(RefusalError) as alarm:
        require_continued(Tiles(shelf, tail.size), kept, now)
    assert alarm.value.code is codes.REWRITTEN

"""Names of writes, which tell our own from everybody else's."""

from __future__ import annotations

import os
import random

from registry_gen.storage.write_names import new_write


def test_no_name_comes_twice_whoever_makes_chance_repeatable() -> None:
    names = set()
    for _ in range(100):
        random.seed(1)
        names.add(new_write())
    assert len(names) == 100


def test_a_process_that_was_forked_makes_names_of_its_own() -> None:
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.write(writing, new_write().encode())
        os._exit(0)
    ours = new_write()
    os.waitpid(child, 0)
    os.close(writing)
    with os.fdopen(reading) as told:
        assert told.read() not in ("", ours)

"""A name for each write to a bucket, kept with the object: whoever finds its own knows that nobody else was faster.

Names tell writes apart and are no secret. They come from a generator of this process, since asking the system for each
gives up the interpreter, and a thread among many gets it back milliseconds later.
"""

from __future__ import annotations

import os
import random
from typing import Final

_CHANCE: Final = random.Random()  # noqa: S311 - no secret
os.register_at_fork(after_in_child=_CHANCE.seed)


def new_write() -> str:
    """Another one than any before, of any process."""
    return f"{_CHANCE.getrandbits(128):032x}"

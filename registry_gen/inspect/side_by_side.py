"""Many reads at once, with an end to how many wait: a hostile log may ask for millions."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Future

_T = TypeVar("_T")
_R = TypeVar("_R")


def side_by_side(work: Callable[[_T], _R], items: Iterable[_T], *, workers: int) -> Iterator[_R]:
    """``work`` of each item, in the order of the items, by so many threads; at most twice as many are under way.

    What ``work`` raises is raised here; what has not begun by then is given up.
    """
    waiting: deque[Future[_R]] = deque()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="inspect")
    try:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) >= 2 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        # Without waiting: Ctrl-C must not wait for the end of a download.
        pool.shutdown(wait=False, cancel_futures=True)

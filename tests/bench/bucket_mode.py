"""A ledger in a bucket beside the same embedded one: whole runs, from the start of its PostgreSQL to the end of it.

The bucket is a folder here, so that work is what is measured: a call to a real one takes its way there and back, too.
``tests/contract/test_cost_bucket.py`` counts the calls.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final
from unittest.mock import patch

from registry_gen.ledger import bucket
from registry_gen.ledger.bucket import Sizes
from tests.bench.registry import Made
from tests.bench.rows import Row
from tests.bench.shape import Shape, shape

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from registry_gen.model.address import Address
    from registry_gen.publish.run import Report

TIMES: Final = 3


def bucket_rows(packages: int) -> Iterator[Row]:
    """First publish, nothing new, one new version, and opening on a machine that has nothing."""
    with tempfile.TemporaryDirectory(prefix="registry-gen-bench-") as folder:
        embedded, in_bucket = (Made(Path(folder) / kind, kind, shape(packages)) for kind in ("embedded", "bucket"))
        floor, seconds = _published(embedded), _published(in_bucket)
        detail = f"{in_bucket.shape.packages} packages, {in_bucket.shape.versions} versions"
        yield Row(_named("first publish"), seconds, floor, "s", 1.5, detail=detail)
        new = Made(Path(folder) / "new", "embedded", Shape((), ()))
        opening = _best(lambda: _open_anew(new, "postgres"))
        kept = in_bucket.work.root / "private/state/journal"
        changes = len([*kept.iterdir()])
        size = sum(path.stat().st_size for path in kept.iterdir()) // 1_000_000
        yield _opening(in_bucket, opening, "replaying the journal", f"{changes} changes, {size} MB")
        floor, seconds = _best(lambda: _unchanged(embedded)), _best(lambda: _unchanged(in_bucket))
        yield Row(_named("nothing new"), seconds, floor, "s", 2.0, detail="0 puts")
        floor, seconds = _one_more(embedded), _one_more(in_bucket)
        yield Row(_named("one new version of a module"), seconds, floor, "s", 2.5, detail="whole runs")
        with patch.object(bucket, "Sizes", lambda: Sizes(changes=1)):
            _one_more(in_bucket)
        parts = in_bucket.work.root / "private/state/parts"
        size = sum(path.stat().st_size for path in parts.iterdir()) // 1_000_000
        yield _opening(in_bucket, opening, "restoring a snapshot", f"{size} MB")


def _named(what: str) -> str:
    return f"ledger in a bucket: {what}, against the embedded one"


def _opening(made: Made, floor: float, how: str, detail: str) -> Row:
    what = f"ledger in a bucket: opening on a new machine, {how}, against a new embedded one"
    return Row(what, _best(lambda: _open_anew(made, "ledger")), floor, "s", 5.0, detail=detail)


def _open_anew(made: Made, server: str) -> None:
    """Without the PostgreSQL that was there before."""
    shutil.rmtree(made.work.root / "state" / server, ignore_errors=True)
    with made.opened():
        pass


def _published(made: Made) -> float:
    started = time.perf_counter()
    report = made.publish()
    seconds = time.perf_counter() - started
    assert not report.refusals, report.refusals[:3]
    return seconds


def _unchanged(made: Made) -> None:
    report = made.publish()
    assert (report.puts, report.published) == (0, ())


def _one_more(made: Made) -> float:
    return _best(lambda: _changed(made), before=lambda: made.add(_middle(made)))


def _changed(made: Made) -> None:
    report: Report = made.publish()
    assert len(report.published) == 1, report.refusals[:3]


def _middle(made: Made) -> Address:
    return list(made.modules)[len(made.modules) // 2]


def _best(work: Callable[[], object], before: Callable[[], object] = lambda: None) -> float:
    times = []
    for _ in range(TIMES):
        before()
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return min(times)

"""``make bench``: measure, print a table, and write the figures to a file.

python -m tests.bench [--full] [--out FILE]
"""

from __future__ import annotations

import json
import os
import platform
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
from rich.console import Console
from rich.table import Table

from registry_gen.model.config import MEGABYTE
from tests.bench.bucket_mode import bucket_rows
from tests.bench.checking import checking_rows
from tests.bench.polling import polling_row
from tests.bench.rows import memory_rows, registry_rows, rows_of_bytes
from tests.bench.storages import storage_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.bench.rows import Row

PACKAGES: Final = 500
LARGE: Final = 200 * MEGABYTE
ALL_PACKAGES: Final = 27_479
LARGEST: Final = 800 * MEGABYTE


@click.command()
@click.option("--full", is_flag=True, help="At the size of the whole OpenTofu registry.")
@click.option("--out", type=click.Path(path_type=Path), default=Path(".cache/bench.json"), show_default=True)
def main(full: bool, out: Path) -> None:
    """Measure every row beside its calibration."""
    console = Console(width=max(120, Console().width))
    rows: list[Row] = []
    with console.status("Measuring"):
        for row in _rows(full=full):
            rows.append(row)
            console.print(f"{row.what}: {row.ratio:.2f}", highlight=False)
    console.print(_table(rows))
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps({"machine": _machine(), "full": full, "rows": [_json(row) for row in rows]}, indent=2))
    console.print(f"Written to {out}", highlight=False)


def _rows(*, full: bool) -> Iterator[Row]:
    size = LARGEST if full else LARGE
    yield from memory_rows(size)  # first, for a process once large stays so
    yield from rows_of_bytes(size)
    yield polling_row()
    yield from checking_rows()
    yield from storage_rows()
    yield from registry_rows(ALL_PACKAGES if full else PACKAGES)
    yield from bucket_rows(PACKAGES)


def _table(rows: list[Row]) -> Table:
    table = Table(title=_machine())
    table.add_column("What")
    for name in ("figure", "calibration", "ratio", "to reach", "memory"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        colour = "green" if row.reached else "red"
        bound = f"{'at least' if row.more else 'at most'} {row.reach:.2f}"
        what = f"{row.what}\n[dim]{row.detail}" if row.detail else row.what
        figures = (f"{_short(row.figure)} {row.unit}", f"{_short(row.calibration)} {row.unit}")
        table.add_row(what, *figures, f"[{colour}]{row.ratio:.2f}", bound, f"{row.memory} MB")
    return table


def _short(number: float) -> str:
    return f"{number:,.0f}" if number >= 100 else f"{number:.2f}"


def _json(row: Row) -> dict[str, object]:
    return {
        "what": row.what,
        "detail": row.detail,
        "unit": row.unit,
        "figure": row.figure,
        "calibration": row.calibration,
        "ratio": row.ratio,
        "reach": row.reach,
        "reached": row.reached,
        "memory_mb": row.memory,
    }


def _machine() -> str:
    return f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, {platform.system()}"


if __name__ == "__main__":
    main()

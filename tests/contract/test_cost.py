"""Cost follows the change, not the catalog: what a run does is counted at two sizes, and must be the same.

No time is measured, so nothing depends on the machine. ``make bench`` measures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.cost import OBJECTS, RARE, counted
from tests.support.git_repo import GitRepo
from tests.support.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.postgres import Postgres

SIZES = (3, 30)
CHANGED = "network0"
DOCUMENTS = 4
"""What a module's new version changes: its listing, its download and hop page, and the document that proves it."""


def registry(tmp_path: Path, dsn: str, size: int) -> tuple[Workspace, GitRepo]:
    """So many modules of one repository, each with two versions; published."""
    root = tmp_path / f"of {size}"
    work = Workspace(root / "work", dsn)
    repo = GitRepo(root / "modules.git")
    at = repo.commit({"main.tf": 'variable "name" {}\n'})
    for number in range(size):
        for version in ("1.0.0", "1.1.0"):
            repo.tag(f"network{number}/v{version}", at)
        pattern = f"network{number}/v{{version}}"
        work.module(f"acme/network{number}/aws", repo.url, f"  tags: [{pattern!r}]\n")
    assert not work.publish().refusals
    return work, repo


@pytest.fixture
def sizes(tmp_path: Path, postgres: Postgres) -> Iterator[dict[int, tuple[Workspace, GitRepo]]]:
    """The same registry at both sizes."""
    names = {size: f"cost_{size}" for size in SIZES}
    try:
        yield {size: registry(tmp_path, postgres.create(name), size) for size, name in names.items()}
    finally:
        for name in names.values():
            postgres.drop(name)


def test_nothing_new_costs_the_same_at_any_size_and_touches_no_object(
    sizes: dict[int, tuple[Workspace, GitRepo]], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for work, _ in sizes.values():
        report, counts = counted(work, monkeypatch)
        assert (report.published, report.refusals, report.puts) == ((), (), 0)
        found.append(counts)
    small, large = found
    assert small == large
    assert small["rendered"] == {"documents": 1}, "the site's own, which are few"
    assert small["storage"][OBJECTS] == 0
    assert not RARE & small["storage"].keys()
    assert small["git"] == {"tags": 1}


def test_one_new_version_costs_the_same_at_any_size(
    sizes: dict[int, tuple[Workspace, GitRepo]], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for work, repo in sizes.values():
        repo.tag(f"{CHANGED}/v1.2.0", repo.commit({"main.tf": 'variable "size" {}\n'}))
        report, counts = counted(work, monkeypatch)
        assert [str(intent.address) for intent in report.published] == [f"acme/{CHANGED}/aws"]
        found.append(counts)
    small, large = found
    assert small == large
    assert DOCUMENTS < small["storage"][OBJECTS] <= DOCUMENTS + 8
    assert not RARE & small["storage"].keys()

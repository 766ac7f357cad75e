"""Cost follows the change, not the catalog: what a run does is counted at two sizes, and must be the same.

No time is measured, so nothing depends on the machine. ``make bench`` measures.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import psycopg
import pytest

from registry_gen import wiring
from registry_gen.cli.selection import selected
from registry_gen.publish import commit
from registry_gen.publish.progress import Silent
from registry_gen.publish.run import publish
from registry_gen.render.discovery import render_site
from registry_gen.render.package import render_package
from tests.support.git_repo import GitRepo
from tests.support.workspace import NOW, Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from registry_gen.publish.run import Report
    from registry_gen.sources.git import Git
    from tests.support.postgres import Postgres

SIZES = (3, 30)
CHANGED = "network0"
DOCUMENTS = 4
"""What a module's new version changes: its listing, its download and hop page, and the document that proves it."""


@dataclass
class Spy:
    """Passes everything on, and counts the calls by name."""

    inner: Any
    calls: Counter[str]

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.inner, name)
        if not callable(found):
            return found

        def call(*arguments: Any, **more: Any) -> Any:
            self.calls[name] += 1
            return found(*arguments, **more)

        return call


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


def counted(work: Workspace, monkeypatch: pytest.MonkeyPatch) -> tuple[Report, dict[str, Counter[str]]]:
    """Publish, and count calls of storage and git, statements of SQL, and documents rendered."""
    counts = {name: Counter[str]() for name in ("storage", "git", "sql", "rendered")}
    with monkeypatch.context() as patch:
        _count_statements(patch, counts["sql"])
        _count_documents(patch, counts["rendered"])
        workspace = wiring.read_workspace(work.root / "registry.yaml")
        with wiring.open_registry(workspace) as opened:
            sources = replace(opened.sources, git=cast("Git", Spy(opened.sources.git, counts["git"])))
            spied = replace(opened, public=Spy(opened.public, counts["storage"]), sources=sources)
            keys = wiring.open_keys(spied)
            counts["sql"].clear()
            report = publish(spied, keys, selected(workspace, ()), NOW, Silent())
    return report, counts


def _count_statements(patch: pytest.MonkeyPatch, counts: Counter[str]) -> None:
    execute, copy = psycopg.Cursor.execute, psycopg.Cursor.copy

    def counting(cursor: Any, *arguments: Any, **more: Any) -> Any:
        counts["statements"] += 1
        return execute(cursor, *arguments, **more)

    def copying(cursor: Any, *arguments: Any, **more: Any) -> Any:
        counts["copies"] += 1
        return copy(cursor, *arguments, **more)

    patch.setattr(psycopg.Cursor, "execute", counting)
    patch.setattr(psycopg.Cursor, "copy", copying)


def _count_documents(patch: pytest.MonkeyPatch, counts: Counter[str]) -> None:
    def counting(render: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            documents = tuple(render(*arguments))
            counts["documents"] += len(documents)
            return documents

        return call

    patch.setattr(commit, "render_package", counting(render_package))
    patch.setattr(commit, "render_site", counting(render_site))


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
    assert not {"put_new", "put_if", "list", "delete", "delete_if"} & small["storage"].keys()
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
    puts = small["storage"]["put_if"] + small["storage"]["put_new"]
    assert puts <= DOCUMENTS + 8
    assert not {"list", "delete", "delete_if"} & small["storage"].keys()

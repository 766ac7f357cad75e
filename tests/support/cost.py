"""What a run does, counted: calls of storage and sources, statements of SQL, documents rendered.

report, counts = counted(work, monkeypatch)
counts["storage"][OBJECTS], counts["git"]["tags"], counts["sql"]["statements"], counts["rendered"]["documents"]
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import TYPE_CHECKING, Any

import psycopg

from registry_gen import wiring
from registry_gen.cli.selection import selected
from registry_gen.publish import commit
from registry_gen.publish.progress import Silent
from registry_gen.publish.run import publish
from registry_gen.render.discovery import render_site
from registry_gen.render.package import render_package
from tests.support.workspace import NOW

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from registry_gen.ledger import Ledger
    from registry_gen.publish.look import Sources
    from registry_gen.publish.run import Report
    from tests.support.workspace import Workspace

SOURCES = ("archives", "git", "releases", "upstream")
PUTS = frozenset({"put_new", "put_if", "put_all"})
RARE = frozenset({"list", "relabel", "delete", "delete_if", "delete_found"})
"""Calls of a storage that no publish needs."""
OBJECTS = "objects put"
"""Beside the calls of a storage: one call of ``put_all`` puts many objects."""


@dataclass
class Spy:
    """Passes everything on, and counts the calls by name; from several threads, too."""

    inner: Any
    calls: Counter[str]
    lock: Lock = field(default_factory=Lock)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.inner, name)
        if not callable(found):
            return found

        def call(*arguments: Any, **more: Any) -> Any:
            with self.lock:
                self.calls[name] += 1
                if name in PUTS:
                    self.calls[OBJECTS] += len(arguments[0]) if name == "put_all" else 1
            return found(*arguments, **more)

        return call


def counted(
    work: Workspace, monkeypatch: pytest.MonkeyPatch, ledger: Ledger | None = None
) -> tuple[Report, dict[str, Counter[str]]]:
    """Publish, with another ledger than the workspace's where one is given, and count by kind and name."""
    counts = {name: Counter[str]() for name in ("storage", *SOURCES, "sql", "rendered")}
    with monkeypatch.context() as patch:
        _count_statements(patch, counts["sql"])
        _count_documents(patch, counts["rendered"])
        workspace = wiring.read_workspace(work.root / "registry.yaml")
        with wiring.open_registry(workspace) as opened:
            spied = replace(
                opened,
                ledger=ledger or opened.ledger,
                public=Spy(opened.public, counts["storage"]),
                sources=_spied(opened.sources, counts),
            )
            keys = wiring.open_keys(spied)
            counts["sql"].clear()
            report = publish(spied, keys, selected(workspace, ()), NOW, Silent())
    return report, counts


def _spied(sources: Sources, counts: dict[str, Counter[str]]) -> Sources:
    spies: dict[str, Any] = {name: Spy(getattr(sources, name), counts[name]) for name in SOURCES}
    return replace(sources, **spies)


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

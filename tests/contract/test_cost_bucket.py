"""Cost of a ledger in a bucket: what a run asks of the private bucket is counted at two sizes, and must be the same.

``state/head`` is counted most of all: a bucket's server lets nobody write one object often.
"""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pytest

from registry_gen.storage.file import FileStorage
from tests.support.bucket_ledger import bucket_ledger
from tests.support.cost import counted
from tests.support.faults import Fault, faulty_storage
from tests.support.git_repo import GitRepo
from tests.support.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from registry_gen.publish.run import Report
    from tests.support.postgres import Postgres

SIZES: Final = (3, 30)
CHANGED: Final = "network0"
MOVED: Final = "put_if state/head"
JOURNAL: Final = "put_new state/journal"


@dataclass
class Registry:
    """So many modules of one repository, each with two versions, and no database but one that may be thrown away."""

    work: Workspace
    repo: GitRepo
    dsn: str
    private: Path

    @classmethod
    def new(cls, root: Path, dsn: str, size: int) -> Registry:
        made = cls(Workspace(root / "work", dsn), GitRepo(root / "modules.git"), dsn, root / "private")
        at = made.repo.commit({"main.tf": 'variable "name" {}\n'})
        for number in range(size):
            for version in ("1.0.0", "1.1.0"):
                made.repo.tag(f"network{number}/v{version}", at)
            pattern = f"network{number}/v{{version}}"
            made.work.module(f"acme/network{number}/aws", made.repo.url, f"  tags: [{pattern!r}]\n")
        return made

    def publish(self, monkeypatch: pytest.MonkeyPatch) -> tuple[Report, Counter[str]]:
        """Publish, and count what is asked of the private bucket, from its opening on."""
        seen = Fault()
        store: Any = faulty_storage(FileStorage(self.private, durable=False), seen)
        with closing(bucket_ledger(self.dsn, store)) as ledger:
            ledger.bring()
            report, _ = counted(self.work, monkeypatch, ledger)
        assert not report.refusals
        return report, Counter("/".join(name.split("/")[:2]) for name in seen.names)


@pytest.fixture
def registries(tmp_path: Path, postgres: Postgres) -> Iterator[list[Registry]]:
    """The same registry at both sizes; nothing is published."""
    names = {size: f"cost_bucket_{size}" for size in SIZES}
    try:
        yield [Registry.new(tmp_path / name, postgres.create(name), size) for size, name in names.items()]
    finally:
        for name in names.values():
            postgres.drop(name)


def test_what_a_run_asks_of_the_private_bucket_is_the_same_at_any_size(
    registries: list[Registry], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = [registry.publish(monkeypatch)[1] for registry in registries]
    assert first[0] == first[1]
    assert (first[0][MOVED], first[0][JOURNAL]) == (10, 7)

    nothing_new = [registry.publish(monkeypatch) for registry in registries]
    assert [report.published for report, _ in nothing_new] == [(), ()]
    small, large = [counts for _, counts in nothing_new]
    assert small == large
    assert small == {"get state/head": 17, MOVED: 4, JOURNAL: 2}

    for registry in registries:
        registry.repo.tag(f"{CHANGED}/v1.2.0", registry.repo.commit({"main.tf": 'variable "size" {}\n'}))
    one_version = [registry.publish(monkeypatch) for registry in registries]
    assert [len(report.published) for report, _ in one_version] == [1, 1]
    small, large = [counts for _, counts in one_version]
    assert small == large
    assert small == {"get state/head": 34, MOVED: 9, JOURNAL: 6}

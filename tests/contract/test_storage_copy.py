"""A registry moves to another storage: nothing is lost on the way, wherever it is stopped, and no reader sees a hole."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from registry_gen import paths, wiring
from registry_gen.catalog.problems import ProblemsError
from registry_gen.errors import ConflictError, RegistryError, StorageError
from registry_gen.model.digest import sha256
from registry_gen.model.intent import Run
from registry_gen.publish.fsck import fsck
from registry_gen.publish.move import Moved, Way, move
from registry_gen.publish.progress import Silent
from registry_gen.storage.file import FileStorage
from tests.support.faults import CrashError, Fault, _Faulty, _FaultyLedger, crashes, crashes_after, fails
from tests.support.kinds import NETWORK, Kinds
from tests.support.reader import check_log, check_reachable, check_versions
from tests.support.workspace import HOST, NOW, Workspace

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry_gen.publish.registry import Registry
    from registry_gen.storage import Storage

LISTING = f"v1/modules/{NETWORK}/versions"
ARCHIVE = f"v1/modules/{NETWORK}/1.0.0/module.tar.gz"
LATER = NOW + timedelta(days=1)


@pytest.fixture
def work(kinds: Kinds) -> Workspace:
    return kinds.published()


def way(work: Workspace, source: Storage | None = None, target: Storage | None = None) -> Way:
    return Way(
        source or FileStorage(work.public), target or FileStorage(work.root / "new"), "./public", "./new"
    )


def moved(work: Workspace, chosen: Way | None = None, change: Callable[[Registry], Registry] | None = None) -> Moved:
    with work.registry() as registry:
        run = Run("ada", None, None, LATER)
        signer = wiring.open_keys(registry).log
        return move(change(registry) if change else registry, chosen or way(work), signer, run, Silent())


def settle_at(work: Workspace, place: str) -> None:
    file = work.root / "registry.yaml"
    file.write_text(file.read_text().replace("public: ./public", f"public: {place}"))


def tree(folder: Path) -> dict[str, bytes]:
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return {key: body for key, body in files.items() if not key.startswith(".staging/")}


def problems(work: Workspace) -> list[tuple[str, str]]:
    with work.registry() as registry:
        found = fsck(registry.ledger, registry.public, registry.config.site, Silent())
        return [(each.code.id, each.key) for each in found.findings]


def test_the_copy_is_the_registry_byte_for_byte_and_the_old_place_stays_as_it_was(work: Workspace) -> None:
    before = work.tree()
    done = moved(work)
    assert tree(work.root / "new") == before == work.tree()
    assert (done.copied, done.size) == (len(before), sum(map(len, before.values())))
    settle_at(work, "./new")
    assert problems(work) == []
    assert not work.publish(LATER).refusals
    assert tree(work.root / "new") == before


@pytest.mark.parametrize("trouble", [crashes, crashes_after, fails])
def test_a_copy_that_is_stopped_at_any_object_goes_on_where_it_was(work: Workspace, trouble: Any) -> None:
    before = work.tree()
    counted = Fault()
    stop = 0
    stopped_at = []
    while True:
        fault = Fault(stop, trouble)
        target: Any = _Faulty(FileStorage(work.root / "new"), fault, StorageError)
        with suppress(CrashError, RegistryError):
            moved(work, way(work, target=target))
        new = work.root / "new"
        if new.exists():
            check_reachable(new)
            if (new / paths.CHECKPOINT).exists():
                assert check_log(new) == check_log(work.public)
                check_versions(new)
        if not fault.met:
            break
        stopped_at.append(fault.names[stop])
        stop += 7
    assert counted.names == []
    assert len(stopped_at) > 5, stopped_at
    assert moved(work).already
    assert tree(work.root / "new") == before
    settle_at(work, "./new")
    assert problems(work) == []

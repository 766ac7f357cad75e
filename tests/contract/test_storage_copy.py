"""A registry moves to another storage: nothing is lost, wherever it is stopped, and no reader sees a hole."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tracemalloc
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from registry_gen import paths, wiring
from registry_gen.catalog.problems import ProblemsError
from registry_gen.errors import ConflictError, RegistryError
from registry_gen.model.digest import sha256
from registry_gen.model.intent import Run
from registry_gen.plan.collect import Extent
from registry_gen.publish import codes, move_immutable, move_objects
from registry_gen.publish.fsck import fsck
from registry_gen.publish.gc import gc
from registry_gen.publish.move import Moved, Way, move
from registry_gen.publish.move_objects import Copier, Wanted
from registry_gen.publish.move_private import copy_private
from registry_gen.publish.progress import Silent
from registry_gen.publish.registry import pool
from registry_gen.publish.run import publish
from registry_gen.storage.file import FileStorage
from tests.contract.test_storage import storage
from tests.support.command_line import ROOT, run_here
from tests.support.faults import (
    CrashError,
    Fault,
    crashes,
    crashes_after,
    fails,
    faulty_ledger,
    faulty_registry,
    faulty_storage,
    method_of,
)
from tests.support.kinds import NETWORK, WIDGET, Kinds
from tests.support.reader import check_log, check_reachable, check_versions, watched
from tests.support.workspace import NOW, Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from registry_gen.publish.progress import Progress
    from registry_gen.publish.registry import Registry
    from registry_gen.storage import Storage

pytestmark = pytest.mark.long

__all__ = ["storage"]

LISTING = f"v1/modules/{NETWORK}/versions"
LEAF = f"v1/modules/{NETWORK}/1.0.0/get.html"
ARCHIVE = f"v1/modules/{NETWORK}/1.0.0/module.tar.gz"
LATER = NOW + timedelta(days=1)
RUN = Run("ada", None, None, LATER)


@pytest.fixture
def work(kinds: Kinds) -> Workspace:
    return kinds.published()


def way(work: Workspace, target: Storage | None = None) -> Way:
    """From the public folder to a new one beside it."""
    return Way(FileStorage(work.public), target or FileStorage(work.root / "new"), "./public", "./new")


def moved(
    work: Workspace,
    chosen: Way | None = None,
    *,
    change: Callable[[Registry], Registry] = lambda registry: registry,
    progress: Progress | None = None,
) -> Moved:
    with work.registry() as registry:
        signer = wiring.open_keys(registry).log
        return move(change(registry), chosen or way(work), signer, RUN, progress or Silent())


def settle_at(work: Workspace, place: str) -> None:
    file = work.root / "registry.yaml"
    file.write_text(file.read_text().replace("public: ./public", f"public: {place}"))


def tree(folder: Path) -> Mapping[str, bytes]:
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return {key: body for key, body in files.items() if not key.startswith(".staging/")}


def wrong(work: Workspace) -> list[tuple[str, str]]:
    """What fsck finds where registry.yaml says that the registry is now."""
    with work.registry() as registry:
        found = fsck(registry.ledger, registry.public, registry.config.site, Silent())
        return [(each.code.id, each.key) for each in found.findings]


def wrong_at(work: Workspace, storage: Storage) -> list[tuple[str, str]]:
    """What fsck finds there. SeaweedFS guesses a type where application/octet-stream is what was said."""
    with work.registry() as registry:
        found = fsck(registry.ledger, storage, registry.config.site, Silent()).findings
    guessed = [
        each.key for each in found if each.code is codes.WRONG_TYPE and each.expected == "application/octet-stream"
    ]
    return [(each.code.id, each.key) for each in found if each.key not in guessed]


def place_of(work: Workspace) -> str | None:
    with work.registry() as registry:
        return registry.ledger.log_head().place


def told(caught: pytest.ExceptionInfo[ProblemsError]) -> set[tuple[str, str]]:
    return {(problem.code.id, problem.where.rpartition("/public/")[2]) for problem in caught.value.problems}


def look(folder: Path, log: int) -> None:
    """What readers of the new place may find at any moment: no hole, and nothing that is not in its log."""
    if folder.exists():
        check_reachable(folder)
        check_versions(folder)
        assert check_log(folder) in (0, log)


def test_the_copy_is_the_registry_byte_for_byte_and_the_old_place_stays_as_it_was(work: Workspace) -> None:
    before = work.tree()
    done = moved(work)
    assert tree(work.root / "new") == before == work.tree()
    assert (done.copied, done.kept, done.size) == (len(before), 0, sum(map(len, before.values())))
    settle_at(work, "./new")
    assert wrong(work) == []
    assert not work.publish(LATER).refusals
    assert tree(work.root / "new") == before
    with work.registry() as registry:
        row = registry.ledger.audit_rows(None, 1)[0]
        assert (row.action, json.loads(row.before), json.loads(row.after)) == (
            "move-storage",
            {"place": "./public"},
            {"place": "./new"},
        )
        registry.ledger.verify_audit()


def stopping(step: str, trouble: Any) -> Callable[[Registry], Registry]:
    """A registry whose ledger meets the trouble at its first step of that name."""
    return lambda registry: replace(registry, ledger=faulty_ledger(registry.ledger, Fault(step, trouble)))


@pytest.mark.parametrize("trouble", [crashes, crashes_after, fails])
def test_a_copy_that_is_stopped_at_each_object_goes_on_where_it_was(work: Workspace, trouble: Any) -> None:
    before, log = work.tree(), check_log(work.public)
    counting = Fault()
    dry = Way(FileStorage(work.public), faulty_storage(FileStorage(work.root / "dry"), counting), "./public", "./dry")
    with suppress(RegistryError):
        moved(work, dry, change=stopping("move", fails))
    puts = [name for name in counting.names if name.startswith("put_")]
    assert {name.partition(" ")[2] for name in puts} == before.keys()
    for name in dict.fromkeys(puts):
        fault = Fault(name, trouble)
        with suppress(CrashError, RegistryError):
            moved(work, way(work, faulty_storage(FileStorage(work.root / "new"), fault)))
        look(work.root / "new", log)
        if not fault.met:
            assert trouble is not crashes, f"{name} was put before its turn"
    moved(work)
    assert place_of(work) == "./new"
    assert tree(work.root / "new") == before == work.tree()
    settle_at(work, "./new")
    assert wrong(work) == []


@pytest.mark.parametrize("trouble", [crashes, crashes_after])
def test_a_copy_that_is_stopped_at_each_kind_of_step_of_the_ledger_goes_on(work: Workspace, trouble: Any) -> None:
    before, log = work.tree(), check_log(work.public)
    counting = Fault("move", fails)
    dry = Way(FileStorage(work.public), FileStorage(work.root / "dry"), "./public", "./dry")
    with suppress(RegistryError):
        moved(work, dry, change=lambda registry: replace(registry, ledger=faulty_ledger(registry.ledger, counting)))
    steps = dict.fromkeys(map(method_of, counting.names))
    assert {"publication", "begin_copy", "inspection", "documents_copied", "move"} <= steps.keys()
    for step in steps:
        with suppress(CrashError, RegistryError):
            moved(work, change=stopping(step, trouble))
        look(work.root / "new", log)
    moved(work)
    settle_at(work, "./new")
    assert tree(work.root / "new") == before == work.tree()
    assert wrong(work) == []


def test_a_registry_moves_to_a_storage_of_each_kind_and_back(work: Workspace, storage: Storage) -> None:
    before = work.tree()
    done = moved(work, Way(FileStorage(work.public), storage, "./public", "elsewhere"))
    assert (done.copied, done.size) == (len(before), sum(map(len, before.values())))
    assert wrong_at(work, storage) == []
    back = moved(work, Way(storage, FileStorage(work.root / "new"), "elsewhere", "./new"))
    assert back.copied == len(before)
    assert tree(work.root / "new") == before
    settle_at(work, "./new")
    assert wrong(work) == []


def test_a_copy_to_a_storage_of_each_kind_goes_on_where_it_was(work: Workspace, storage: Storage) -> None:
    there = Way(FileStorage(work.public), storage, "./public", "elsewhere")
    for step in (f"put_new {ARCHIVE}", f"put_if {LEAF}", f"put_if {LISTING}"):
        faulty = replace(there, target=faulty_storage(storage, Fault(step, crashes_after)))
        with pytest.raises(CrashError):
            moved(work, faulty)
    done = moved(work, there)
    assert done.copied + done.kept == len(work.tree())
    assert done.kept > done.copied
    assert wrong_at(work, storage) == []


KILLED = """
import os, signal, sys
from registry_gen.ledger.publication import PostgresPublication as Publication
step = Publication.{step}
def killed(self, *args):
    if {after}:
        step(self, *args)
    os.kill(os.getpid(), signal.SIGKILL)
Publication.{step} = killed
from registry_gen.cli.main import run
run(["storage", "copy", "public", "./new"])
"""


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("step", ["documents_copied", "move"])
def test_a_process_that_is_killed_leaves_what_the_next_one_finishes(work: Workspace, step: str, after: bool) -> None:
    before = work.tree()
    killed = subprocess.run(
        [sys.executable, "-c", KILLED.format(step=step, after=after)],
        cwd=work.root,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    look(work.root / "new", check_log(work.public))
    ran = run_here(work, "storage", "copy", "public", "./new")
    assert ran.code == 0, ran.err
    assert tree(work.root / "new") == before == work.tree()
    settle_at(work, "./new")
    assert wrong(work) == []


def test_readers_of_the_new_place_never_meet_a_hole(work: Workspace) -> None:
    with watched(work.root / "new"):
        moved(work)


class Publishes(Silent):
    """Publishes a version while packages are copied."""

    def __init__(self, work: Workspace, kinds: Kinds) -> None:
        self._work = work
        self._kinds = kinds
        self._done = False

    def step(self, phase: str, detail: str) -> None:
        if phase == move_immutable.PHASE and not self._done and detail == WIDGET:
            self._done = True
            self._kinds.configure(self._work, gadget="platforms: [linux_amd64]\ndeprecated: Use another one.\n")
            self._work.module("acme/late/aws", self._kinds.repo.url)
            assert not self._work.publish(LATER).refusals


def test_what_is_published_meanwhile_comes_along(work: Workspace, kinds: Kinds) -> None:
    before = work.tree()
    moved(work, progress=Publishes(work, kinds))
    assert before.keys() < work.tree().keys()
    assert tree(work.root / "new") == work.tree()
    settle_at(work, "./new")
    assert wrong(work) == []


def test_what_was_collected_between_two_attempts_is_not_left_at_the_new_place(work: Workspace, kinds: Kinds) -> None:
    with pytest.raises(CrashError):
        moved(
            work, way(work, faulty_storage(FileStorage(work.root / "new"), Fault(f"put_if {LISTING}", crashes_after)))
        )
    kinds.configure(work, network='withdrawn:\n  - versions: "1.0.0"\n    reason: It leaks.\n')
    assert not work.publish(LATER).refusals
    with work.registry() as registry:
        signer = wiring.open_keys(registry).log
        assert gc(registry, signer, Extent(at_once=True, records=True), RUN, Silent()).gone
    assert (work.root / "new" / ARCHIVE).exists()
    moved(work)
    assert tree(work.root / "new") == work.tree()
    settle_at(work, "./new")
    assert wrong(work) == []


def test_a_copy_that_somebody_made_by_other_means_is_taken_over_and_checked(work: Workspace) -> None:
    shutil.copytree(work.public, work.root / "new")
    shutil.rmtree(work.root / "new/.staging")
    done = moved(work)
    assert (done.copied, done.kept) == (0, len(work.tree()))
    settle_at(work, "./new")
    assert wrong(work) == []


def test_a_registry_that_somebody_moved_by_other_means_is_taken_over_where_it_is(work: Workspace) -> None:
    work.public.rename(work.root / "new")
    settle_at(work, "./new")
    with pytest.raises(ConflictError, match="PUB015"):
        work.plan()
    there = FileStorage(work.root / "new")
    assert moved(work, Way(there, there, "./new", "./new")).copied == 0
    assert wrong(work) == []
    assert not work.publish(LATER).refusals


def test_other_bytes_at_the_new_place_are_refused_and_stay(work: Workspace) -> None:
    shutil.copytree(work.public, work.root / "new")
    (work.root / "new" / ARCHIVE).unlink()
    (work.root / "new" / ARCHIVE).write_bytes(b"other")
    with pytest.raises(ProblemsError) as refused:
        moved(work)
    assert {problem.code.id for problem in refused.value.problems} == {"STO001", "PUB017"}
    assert (work.root / "new" / ARCHIVE).read_bytes() == b"other"
    assert place_of(work) == "./public"


@pytest.mark.parametrize("key", ["notes.txt", "v1/modules/other/one/aws/versions", "log/checkpoint"])
def test_a_place_with_something_else_in_it_is_refused_and_left_alone(work: Workspace, kinds: Kinds, key: str) -> None:
    new = work.root / "new"
    (new / key).parent.mkdir(parents=True)
    (new / key).write_bytes(b"somebody else's")
    with pytest.raises(RegistryError) as refused:
        moved(work)
    assert refused.value.code.id in ("PUB016", "LOG004")
    assert tree(new) == {key: b"somebody else's"}
    assert place_of(work) == "./public"


def test_all_that_is_lost_or_altered_is_named_and_the_registry_stays_until_it_is_mended(work: Workspace) -> None:
    record = next(key for key in work.tree() if key.startswith("records/"))
    body = (work.public / record).read_bytes()
    (work.public / record).unlink()
    zipped = next(key for key in work.tree() if key.endswith(".zip") and WIDGET in key)
    (work.public / ARCHIVE).unlink()
    (work.public / ARCHIVE).write_bytes(b"altered")
    good = (work.public / zipped).read_bytes()
    (work.public / zipped).unlink()
    with pytest.raises(ProblemsError) as refused:
        moved(work)
    assert told(refused) >= {("PUB030", record), ("PUB031", ARCHIVE), ("PUB030", zipped)}
    assert not (work.root / "new/log").exists(), "nothing is listed, and nothing promised"
    assert place_of(work) == "./public"
    (work.public / record).write_bytes(body)
    (work.public / zipped).write_bytes(good)
    assert run_here(work, "fsck", "--repair").code == 0
    moved(work)
    settle_at(work, "./new")
    assert wrong(work) == []


def test_documents_that_somebody_altered_are_right_again_at_the_new_place(work: Workspace) -> None:
    before = work.tree()
    (work.public / LISTING).unlink()
    (work.public / LISTING).write_bytes(b"{}")
    moved(work)
    assert tree(work.root / "new") == before
    settle_at(work, "./new")
    assert wrong(work) == []


def test_documents_name_the_new_url_where_the_site_moves_along(work: Workspace) -> None:
    before = work.tree()
    file = work.root / "registry.yaml"
    file.write_text(file.read_text().replace("url: https://registry.example.com/", "url: https://cdn.example.net/"))
    done = moved(work)
    assert done.rendered == 4
    assert work.tree() == before, "readers of the old place go on"
    assert b"https://cdn.example.net/v1/modules/" in (work.root / "new" / LEAF).read_bytes()
    discovery = json.loads((work.root / "new/.well-known/terraform.json").read_bytes())
    assert discovery["modules.v1"] == "https://cdn.example.net/v1/modules/"
    settle_at(work, "./new")
    assert wrong(work) == []
    after = tree(work.root / "new")
    assert not work.publish(LATER).refusals
    assert tree(work.root / "new") == after, "nothing is left to do"


def test_a_move_that_was_stopped_before_documents_were_rendered_anew_is_finished(work: Workspace) -> None:
    file = work.root / "registry.yaml"
    file.write_text(file.read_text().replace("url: https://registry.example.com/", "url: https://cdn.example.net/"))
    for step in ("move", "begin", "finish"):
        with suppress(CrashError):
            moved(work, change=stopping(step, crashes_after))
    assert place_of(work) == "./new"
    moved(work)
    settle_at(work, "./new")
    assert wrong(work) == []


def test_documents_of_another_renderer_are_copied_as_they_are_and_then_made_anew(work: Workspace) -> None:
    with psycopg.connect(dsn(work), autocommit=True) as connection:
        connection.execute("UPDATE packages SET rendering = '0 https://registry.example.com/'")
    assert moved(work).rendered == 4
    settle_at(work, "./new")
    assert wrong(work) == []


def test_what_the_ledger_says_was_published_is_copied_even_if_it_is_rendered_otherwise_now(work: Workspace) -> None:
    other = b'{"modules":[{"versions":[]}],"revision":1}'
    (work.public / LISTING).unlink()
    (work.public / LISTING).write_bytes(other)
    row = (sha256(b'{"modules":[{"versions":[]}]}'), sha256(other), LISTING)
    with psycopg.connect(dsn(work), autocommit=True) as connection:
        connection.execute("UPDATE documents SET content = %s, etag = %s, revision = 1 WHERE key = %s", row)
    moved(work)
    assert (work.root / "new" / LISTING).read_bytes() == other


def test_a_change_that_is_not_finished_is_finished_first(work: Workspace, kinds: Kinds) -> None:
    work.module("acme/late/aws", kinds.repo.url)
    workspace = wiring.read_workspace(work.root / "registry.yaml")
    with wiring.open_registry(workspace) as registry, suppress(CrashError):
        fault = Fault("put_if v1/modules/acme/late/aws/versions", crashes)
        publish(faulty_registry(registry, fault), wiring.open_keys(registry), workspace.catalog, LATER, Silent())
    moved(work)
    assert "v1/modules/acme/late/aws/versions" in work.tree()
    assert tree(work.root / "new") == work.tree()


def test_the_same_command_again_says_that_the_registry_is_there_already(work: Workspace) -> None:
    moved(work)
    after = tree(work.root / "new")
    assert moved(work).already
    assert tree(work.root / "new") == after


def test_nobody_publishes_to_the_old_place_any_more_and_each_command_says_what_to_do(work: Workspace) -> None:
    moved(work)
    before = work.tree()
    for command in (["plan"], ["publish"], ["gc", "--yes"], ["fsck"], ["fsck", "--repair"]):
        ran = run_here(work, *command)
        assert ran.code == 1, command
        assert "PUB015" in ran.err
        assert "./new" in ran.err
        assert "registry-gen storage copy ./new ./public" in ran.err
    assert work.tree() == before


def test_a_registry_that_has_published_nothing_may_be_anywhere(tmp_path: Path, database: str) -> None:
    work = Workspace(tmp_path / "work", database)
    assert not work.publish().refusals
    settle_at(work, "./new")
    assert not work.publish(LATER).refusals
    assert place_of(work) == "./new"


def test_a_registry_that_has_published_nothing_is_moved_too(tmp_path: Path, database: str) -> None:
    work = Workspace(tmp_path / "work", database)
    assert not work.publish().refusals
    assert moved(work).copied == 1
    settle_at(work, "./new")
    assert wrong(work) == []
    assert tree(work.root / "new").keys() == {paths.DISCOVERY}


def test_an_older_ledger_learns_its_place_from_the_bucket_that_has_its_log(work: Workspace) -> None:
    with psycopg.connect(dsn(work), autocommit=True) as connection:
        connection.execute("UPDATE log_head SET place = NULL")
    shutil.copytree(work.public, work.root / "new")
    assert not work.publish(LATER).refusals
    assert place_of(work) == "./public"
    settle_at(work, "./new")
    with pytest.raises(ConflictError, match="PUB015"):
        work.plan()


def dsn(work: Workspace) -> str:
    line = next(line for line in (work.root / "registry.yaml").read_text().splitlines() if line.startswith("ledger: "))
    found: str = json.loads(line.removeprefix("ledger: "))
    return found


@pytest.mark.parametrize("listed", [True, False], ids=["listed", "put since it was listed"])
def test_large_objects_pass_through_a_file_and_not_through_memory(
    tmp_path: Path, work: Workspace, listed: bool
) -> None:
    source, target = FileStorage(tmp_path / "one", durable=False), FileStorage(tmp_path / "two", durable=False)
    (tmp_path / "body").write_bytes(b"\0" * 80_000_000)
    digest = sha256((tmp_path / "body").read_bytes())
    stored = source.put_new(ARCHIVE, tmp_path / "body", digest)
    with work.registry() as registry, pool(2, "copy") as executor:
        copier = Copier(source, target, registry.staging, executor)
        tracemalloc.start()
        copier.copy([Wanted(ARCHIVE, digest)], {ARCHIVE: stored} if listed else {}, {})
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert copier.problems == []
    assert target.digest(ARCHIVE) == digest
    assert peak < 10_000_000


def test_every_object_may_be_a_large_one(work: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(move_objects, "SMALL", 0)
    before = work.tree()
    (work.public / ARCHIVE).unlink()
    (work.public / ARCHIVE).write_bytes(b"altered")
    with pytest.raises(ProblemsError) as refused:
        moved(work)
    assert ("PUB031", ARCHIVE) in told(refused)
    (work.public / ARCHIVE).unlink()
    (work.public / ARCHIVE).write_bytes(before[ARCHIVE])
    moved(work)
    assert tree(work.root / "new") == before


def test_a_private_storage_is_copied_with_documents_last_and_again_only_what_changed(work: Workspace) -> None:
    private, new = FileStorage(work.root / "private"), FileStorage(work.root / "new-private")
    private.put_new(ARCHIVE, b"archive", sha256(b"archive"))
    leaf = private.put_if(LEAF, b"leaf", None)
    private.put_if(LISTING, b"listing", None)
    private.put_if(paths.CHECKPOINT, b"checkpoint", None)
    scratch = paths.scratch_swap("0" * 32)
    tried = private.put_if(scratch, b"doctor's", None)
    order = Fault()
    with work.registry() as registry:
        done = copy_private(registry, private, faulty_storage(new, order), Silent())
        assert (done.copied, done.kept) == (4, 0)
        puts = [name.partition(" ")[2] for name in order.names if name.startswith("put_")]
        assert puts == [ARCHIVE, LEAF, LISTING, paths.CHECKPOINT]
        private.put_if(LEAF, b"later", leaf.etag)
        private.delete_if(scratch, tried.etag)
        again = copy_private(registry, private, new, Silent())
        assert (again.copied, again.kept) == (1, 3)
    assert tree(work.root / "new-private") == tree(work.root / "private")


@pytest.mark.parametrize("foreign", [paths.DISCOVERY, LISTING])
def test_a_private_storage_is_not_mixed_with_another_one(work: Workspace, foreign: str) -> None:
    private, new = FileStorage(work.root / "private"), FileStorage(work.root / "new-private")
    private.put_if(LEAF, b"leaf", None)
    new.put_if(foreign, b"another's", None)
    with work.registry() as registry, pytest.raises(ConflictError, match="PUB016"):
        copy_private(registry, private, new, Silent())
    assert tree(work.root / "new-private") == {foreign: b"another's"}


def test_the_command_moves_and_says_what_is_left_to_do(work: Workspace) -> None:
    before = work.tree()
    ran = run_here(work, "storage", "copy", "public", "./new")
    assert (ran.code, ran.err) == (0, "")
    assert f"Copied {len(before)} objects with" in ran.out
    assert "Write it into registry.yaml as storage.public" in ran.out
    assert tree(work.root / "new") == before
    settle_at(work, "./new")
    again = run_here(work, "--json", "storage", "copy", "./public", "public").json
    assert again["already"] is True
    assert (again["from"], again["to"]) == (work.public.as_uri(), (work.root / "new").as_uri())
    assert run_here(work, "fsck").code == 0


def test_options_of_a_place_are_those_of_the_file_that_names_it(work: Workspace, tmp_path: Path) -> None:
    former = (work.root / "registry.yaml").read_text()
    work.write("former.yaml", former)
    settle_at(work, "./new")
    ran = run_here(work, "storage", "copy", "--from-config", "former.yaml", "public", "public")
    assert ran.code == 0, ran.err
    assert "Write it into" not in ran.out
    assert wrong(work) == []


@pytest.mark.parametrize(
    ("source", "target", "said"),
    [
        ("./public", "./public/inside", "CFG004"),
        ("./public", "./private", "CFG004"),
        ("./public", "./state/new", ""),
        ("public", "nowhere", "CFG003"),
        ("s3:/bucket", "./new", "CFG003"),
    ],
)
def test_places_that_cannot_be_are_refused(work: Workspace, source: str, target: str, said: str) -> None:
    ran = run_here(work, "storage", "copy", source, target)
    assert ran.code == (64 if said == "CFG003" else 1 if said else 0)
    assert said in ran.err


def test_the_way_back_from_a_folder_that_lies_elsewhere_can_be_run_as_it_is_printed(work: Workspace) -> None:
    elsewhere = work.root.parent / "elsewhere"
    assert run_here(work, "storage", "copy", "public", str(elsewhere)).code == 0
    said = " ".join(run_here(work, "plan").err.split())
    assert f"Write {elsewhere} into registry.yaml again" in said
    way = said.partition("registry-gen storage copy ")[2].split()[:2]
    assert way == [str(elsewhere), "./public"]
    assert run_here(work, "storage", "copy", *way).code == 0


def test_a_copy_from_a_place_that_is_not_the_registrys_is_refused(work: Workspace) -> None:
    shutil.copytree(work.public, work.root / "backup")
    ran = run_here(work, "storage", "copy", "./backup", "./new")
    assert ran.code == 1
    assert "PUB015" in ran.err
    assert not (work.root / "new").exists()

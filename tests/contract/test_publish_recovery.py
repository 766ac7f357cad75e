"""What publishing does about a world that stays broken for a while, or was changed behind its back."""

from __future__ import annotations

import json
import shutil
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import psycopg
import pytest

from deployments.demo.signing import read_signer
from deployments.demo.upstream import make_upstream
from registry_gen import paths, wiring
from registry_gen.cli.selection import selected
from registry_gen.errors import ConflictError, LedgerError, StorageError
from registry_gen.ledger import codes as ledger_codes
from registry_gen.model.entries import Catalog
from registry_gen.publish import commit, run, stage
from registry_gen.publish.fsck import fsck
from registry_gen.publish.progress import Silent
from registry_gen.publish.registry import pool
from registry_gen.publish.run import Report, changed
from registry_gen.publish.run import publish as publish_registry
from registry_gen.storage.file import FileStorage
from tests.support.faults import BROKEN, CrashError, disturbed_ledger, stuck_storage
from tests.support.git_repo import GitRepo
from tests.support.http_server import HttpServer, Reply
from tests.support.openpgp_keys import make_key
from tests.support.reader import check_reachable
from tests.support.releases import make_release
from tests.support.tls import Authority
from tests.support.workspace import NOW, Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from concurrent.futures import Executor

    from registry_gen.ledger import Ledger, LogHead
    from registry_gen.model.digest import Sha256
    from registry_gen.model.intent import OpenIntent
    from registry_gen.publish.registry import Registry
    from registry_gen.storage import Stored
    from tests.support.postgres import Postgres

pytestmark = pytest.mark.long

MAIN = {"main.tf": 'variable "name" {}\n'}
MORE = {**MAIN, "outputs.tf": ""}
LATER = NOW + timedelta(days=1)
STUCK = "v1/modules/acme/stuck/aws"
FINE = "v1/modules/acme/fine/aws"
ROOT = Path(__file__).parents[2]
UPSTREAM = "registry.example.net/acme/sprocket"
UPSTREAM_KEY = (ROOT / "catalog/keys/mirrors/sprocket.asc").read_text()


@pytest.fixture
def work(tmp_path: Path, database: str) -> Workspace:
    return Workspace(tmp_path / "work", database)


@pytest.fixture
def repo(work: Workspace, tmp_path: Path) -> GitRepo:
    """One repository that the modules acme/stuck/aws and acme/fine/aws are both published from."""
    made = GitRepo(tmp_path / "modules.git")
    made.tag("v1.0.0", made.commit(MAIN))
    work.module("acme/stuck/aws", made.url)
    work.module("acme/fine/aws", made.url)
    return made


def publish(
    work: Workspace,
    change: Callable[[Registry], Registry] = lambda registry: registry,
    *,
    now: object = NOW,
    meanwhile: Callable[[], object] | None = None,
    nothing_new: bool = False,
) -> Report:
    """Publish with adapters that ``change`` made; ``meanwhile`` happens between planning and staging."""
    workspace = wiring.read_workspace(work.root / "registry.yaml")
    catalog = Catalog({}, None, whole=False) if nothing_new else selected(workspace, ())
    with wiring.open_registry(workspace) as registry:
        keys = wiring.open_keys(registry)
        return publish_registry(change(registry), keys, catalog, now, _Meanwhile(meanwhile))  # type: ignore[arg-type]


class _Meanwhile(Silent):
    def __init__(self, action: Callable[[], object] | None) -> None:
        self._action = action

    def begin(self, phase: str, total: int) -> None:
        if phase == stage.PHASE and self._action:
            self._action()


def stuck(method: str, part: str, error: Exception | None = None) -> Callable[[Registry], Registry]:
    return lambda registry: replace(registry, public=stuck_storage(registry.public, method, part, error))


def broken_off(step: str, *, after: bool = False) -> Callable[[Registry], Registry]:
    """The process ends before the step of the ledger, or right after it."""

    def crash() -> None:
        raise CrashError

    moment = {"after": crash} if after else {"before": crash}
    return lambda registry: replace(registry, ledger=disturbed_ledger(registry.ledger, step, **moment))


def listed(work: Workspace, package: str) -> list[str]:
    if not (work.public / package / "versions").exists():
        return []
    document = work.document(f"{package}/versions")
    return [item["version"] for item in (document["modules"][0] if "modules" in document else document)["versions"]]


def codes(report: Report) -> list[tuple[str, str]]:
    """Address and code of every refusal, sorted: packages are staged side by side."""
    return sorted((str(refusal.address), refusal.error.code.id) for refusal in report.refusals)


def found(report: Report, address: str) -> str:
    (refusal,) = (refusal for refusal in report.refusals if str(refusal.address) == address)
    return refusal.error.found


# --- one package that stays stuck -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "part"),
    [
        ("put_new", f"{STUCK}/"),
        ("put_if", f"{STUCK}/1.0.0/download"),
        ("put_if", f"{STUCK}/versions"),
    ],
    ids=["its-archive", "a-leaf-document", "its-listing"],
)
def test_a_package_that_stays_stuck_stops_no_other_and_is_finished_once_it_can_be(
    work: Workspace, repo: GitRepo, method: str, part: str
) -> None:
    first = publish(work, stuck(method, part))
    assert codes(first) == [("acme/stuck/aws", "TST002")]
    assert (listed(work, FINE), listed(work, STUCK)) == (["1.0.0"], [])

    repo.tag("v1.1.0", repo.commit(MORE))
    second = publish(work, stuck(method, part), now=LATER)
    assert codes(second) == [("acme/stuck/aws", "TST002")]
    assert (listed(work, FINE), listed(work, STUCK)) == (["1.0.0", "1.1.0"], [])
    with work.registry() as registry, registry.ledger.publication(0) as publication:
        (begun,) = publication.open_intents()
        summaries = publication.packages([begun.intent.address])
    assert bool(summaries) == (method == "put_if"), "what is logged is the package's own, and nothing else is"

    third = publish(work, now=LATER)
    assert third.refusals == ()
    assert third.recovered == (changed(begun.intent),)
    assert begun.intent.created_at == NOW, "finished as it was begun, not begun again"
    assert listed(work, STUCK) == listed(work, FINE)
    for version in ("1.0.0", "1.1.0"):
        ours, others = (work.public / package / version / "module.tar.gz" for package in (STUCK, FINE))
        assert ours.read_bytes() == others.read_bytes()
    assert check_reachable(work.public) == 4
    assert publish(work, now=LATER).puts == 0


def test_a_package_whose_objects_cannot_even_be_looked_at_stops_no_other(work: Workspace, repo: GitRepo) -> None:
    publish(work, stuck("put_new", f"{STUCK}/"))
    shutil.rmtree(work.root / "state/staging")
    repo.tag("v1.1.0", repo.commit(MORE))

    report = publish(work, stuck("digest", ""))

    assert codes(report) == [("acme/stuck/aws", "TST002")]
    assert listed(work, FINE) == ["1.0.0", "1.1.0"]
    assert publish(work).refusals == ()
    assert listed(work, STUCK) == ["1.0.0", "1.1.0"]


@pytest.mark.parametrize("size", [None, 0, 10])
def test_staged_bytes_that_a_disk_lost_are_staged_again_and_hold_nobody_up(
    work: Workspace, repo: GitRepo, size: int | None
) -> None:
    """A file that is there, with its length cut or its blocks empty: what a power loss can leave."""
    publish(work, stuck("put_new", f"{STUCK}/"))
    for staged in (work.root / "state/staging").iterdir():
        staged.write_bytes(bytes(staged.stat().st_size if size is None else size))

    report = publish(work, now=LATER)

    assert report.refusals == ()
    assert listed(work, STUCK) == ["1.0.0"]
    assert check_reachable(work.public) == 2


def test_other_bytes_of_the_same_size_are_not_taken_for_what_was_staged(work: Workspace, repo: GitRepo) -> None:
    publish(work, stuck("put_new", f"{STUCK}/"))
    with work.registry() as registry, registry.ledger.publication(0) as publication:
        (begun,) = publication.open_intents()
    shutil.rmtree(work.root / "state/staging")
    (artifact,) = (item for item in begun.intent.artifacts if item.key.endswith("/module.tar.gz"))
    planted = work.public / artifact.key
    planted.parent.mkdir(parents=True, exist_ok=True)
    planted.write_bytes(b"x" * artifact.size)

    assert publish(work, now=LATER).refusals == ()
    assert listed(work, STUCK) == ["1.0.0"]
    assert sha256(planted.read_bytes()).hexdigest() == artifact.sha256
    assert check_reachable(work.public) == 2


class RefusingLedger:
    """A ledger whose database has something against what one package wants logged."""

    def __init__(self, inner: Ledger, address: str) -> None:
        self._inner = inner
        self._address = address

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    @contextmanager
    def publication(self, wait_seconds: float) -> Iterator[Any]:
        with self._inner.publication(wait_seconds) as publication:
            accept = publication.log

            def log(items: Sequence[OpenIntent]) -> LogHead:
                if any(str(item.intent.address) == self._address for item in items):
                    raise LedgerError(ledger_codes.REFUSED_BY_DATABASE, where="the database")
                return accept(items)

            publication.log = log  # type: ignore[method-assign, assignment]
            yield publication


def test_what_the_database_refuses_to_log_costs_its_own_package_alone(work: Workspace, repo: GitRepo) -> None:
    del repo

    def refusing(registry: Registry) -> Registry:
        return replace(registry, ledger=cast("Ledger", RefusingLedger(registry.ledger, "acme/stuck/aws")))

    report = publish(work, refusing)
    assert codes(report) == [("acme/stuck/aws", ledger_codes.REFUSED_BY_DATABASE.id)]
    assert (listed(work, FINE), listed(work, STUCK)) == (["1.0.0"], [])
    assert publish(work, now=LATER).refusals == ()
    assert listed(work, STUCK) == ["1.0.0"]
    assert check_reachable(work.public) == 2


def test_a_package_is_given_up_only_when_none_of_its_uploads_is_on_its_way(
    work: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commit, "_SMALL", 0)
    moved_on, order = threading.Event(), list[str]()
    shutil.rmtree(work.root / "catalog")
    key = make_key("acme")
    make_release(tmp_path / "widget", "widget", "1.0.0", key=key, platforms=("darwin_arm64", "linux_amd64"))
    work.provider("acme/widget", tmp_path / "widget", key=key.armor)

    class Slow(FileStorage):
        def put_new(self, key: str, body: bytes | Path, sha256: Sha256) -> Stored:
            if key.endswith("_darwin_arm64.zip"):
                raise StorageError(BROKEN, where=key)
            moved_on.wait(0.5)  # as long as it takes where nobody waits for this upload
            order.append("uploaded")
            return super().put_new(key, body, sha256)

    def next_step() -> None:
        order.append("moved on")
        if "begun" in order:
            moved_on.set()

    def change(registry: Registry) -> Registry:
        ledger = disturbed_ledger(registry.ledger, "begin", after=lambda: order.append("begun"))
        ledger = disturbed_ledger(ledger, "documents", before=next_step)
        return replace(registry, public=Slow(work.public), ledger=ledger)

    assert codes(publish(work, change)) == [("acme/widget", "TST002")]
    assert order[order.index("begun") :] == ["begun", "uploaded", "moved on"], "what speaks of the zips is not put"


# --- staged bytes that are lost -------------------------------------------------------------------------------------

WIDGET = "v1/providers/acme/widget"


@pytest.fixture
def half_added(work: Workspace, tmp_path: Path) -> Mapping[str, bytes]:
    """A published provider whose new platform is half in the bucket, with its staged bytes lost; the tree before."""
    key = make_key("acme")
    make_release(tmp_path / "widget", "widget", "1.0.0", key=key, platforms=("darwin_arm64", "linux_amd64"))
    repo = GitRepo(tmp_path / "fine.git")
    repo.tag("v1.0.0", repo.commit(MAIN))
    work.module("acme/fine/aws", repo.url)
    work.provider("acme/widget", tmp_path / "widget", "platforms: [linux_amd64]\n", key=key.armor)
    publish(work)
    before = work.tree()
    work.provider("acme/widget", tmp_path / "widget", "platforms: [linux_amd64, darwin_arm64]\n", key=key.armor)
    publish(work, stuck("put_new", "records/"), now=LATER)
    added = work.tree().keys() - before.keys()
    assert added == {f"{WIDGET}/1.0.0/terraform-provider-widget_1.0.0_darwin_arm64.zip"}
    shutil.rmtree(work.root / "state/staging")
    repo.tag("v1.1.0", repo.commit(MORE))
    return before


def assert_mended(work: Workspace) -> None:
    report = publish(work, now=LATER)
    assert report.refusals == ()
    leaf = work.document(f"{WIDGET}/1.0.0/download/darwin/arm64")
    assert leaf["os"] == "darwin"
    assert check_reachable(work.public) == 4  # two platforms, two modules
    assert publish(work, now=LATER).puts == 0


def test_an_intent_whose_bytes_are_lost_is_collected_and_nothing_that_versions_share_is_deleted(
    work: Workspace, half_added: Mapping[str, bytes]
) -> None:
    report = publish(work, nothing_new=True)

    assert (report.refusals, report.recovered) == ((), ())
    assert work.tree() == half_added, "the zip is gone; sums and signature, which the version shares, are there"
    assert_mended(work)


@pytest.mark.parametrize(
    "crash",
    [
        broken_off("abandon", after=True),
        stuck("delete_found", "darwin", CrashError()),
        broken_off("collected"),
    ],
    ids=["before-deleting", "while-deleting", "after-deleting"],
)
def test_a_run_that_ends_between_abandoning_and_collecting_is_mended_by_the_next(
    work: Workspace, half_added: Mapping[str, bytes], crash: Callable[[Registry], Registry]
) -> None:
    with pytest.raises(CrashError):
        publish(work, crash)

    publish(work, nothing_new=True)

    assert work.tree() == half_added
    assert_mended(work)


def test_what_cannot_be_deleted_makes_its_package_wait_and_no_other(
    work: Workspace, half_added: Mapping[str, bytes]
) -> None:
    for _ in range(2):
        report = publish(work, stuck("delete_found", "darwin"), now=LATER)
        assert codes(report) == [("acme/widget", "TST002")]
        assert listed(work, FINE) == ["1.0.0", "1.1.0"]
        assert not (work.public / WIDGET / "1.0.0/download/darwin").exists()

    assert_mended(work)


def test_bytes_that_are_lost_between_begin_and_the_bucket_are_fetched_anew(work: Workspace, repo: GitRepo) -> None:
    staging = work.root / "state/staging"
    lose = lambda: shutil.rmtree(staging, ignore_errors=True)  # noqa: E731
    report = publish(
        work, lambda registry: replace(registry, ledger=disturbed_ledger(registry.ledger, "begin", after=lose))
    )

    assert codes(report) == [("acme/fine/aws", "PUB009"), ("acme/stuck/aws", "PUB009")]
    assert (listed(work, FINE), listed(work, STUCK)) == ([], [])

    report = publish(work, now=LATER)
    assert (report.refusals, report.recovered) == ((), ())
    assert (listed(work, FINE), listed(work, STUCK)) == (["1.0.0"], ["1.0.0"])


def test_a_staged_file_that_another_run_takes_away_does_not_end_the_sweep(work: Workspace, repo: GitRepo) -> None:
    wiring.prepare_state(work.root / "state")
    gone = work.root / "state/staging/gone.part"
    gone.parent.mkdir()
    gone.symlink_to("nowhere")  # as it is for whoever asks for its age after it was removed

    assert publish(work).refusals == ()


def test_a_staging_area_that_is_no_folder_refuses_what_would_be_staged(work: Workspace, repo: GitRepo) -> None:
    wiring.prepare_state(work.root / "state")
    work.write("state/staging", "in the way")

    report = publish(work)

    assert codes(report) == [("acme/fine/aws", "PUB004"), ("acme/stuck/aws", "PUB004")]
    assert report.published == ()
    (work.root / "state/staging").unlink()
    assert publish(work).refusals == ()


def test_a_staging_area_that_broke_after_begin_is_named(work: Workspace, repo: GitRepo) -> None:
    publish(work, stuck("put_new", f"{STUCK}/"))
    shutil.rmtree(work.root / "state/staging")
    work.write("state/staging", "in the way")
    repo.delete_tag("v1.0.0")

    report = publish(work)

    assert codes(report) == [("acme/stuck/aws", "PUB004")]
    (work.root / "state/staging").unlink()
    assert publish(work).refusals == ()


# --- other bytes, other publishers, other ledgers -------------------------------------------------------------------


def test_other_bytes_at_an_artifacts_key_stay_until_a_person_removes_them(work: Workspace, repo: GitRepo) -> None:
    planted = work.write(f"public/{STUCK}/1.0.0/module.tar.gz", "planted")

    for hours in range(2):
        report = publish(work, now=NOW + timedelta(hours=hours))
        assert codes(report) == [("acme/stuck/aws", "STO001")]
        assert planted.read_text() == "planted"
        assert (listed(work, FINE), listed(work, STUCK)) == (["1.0.0"], [])

    planted.unlink()
    assert publish(work, now=NOW + timedelta(hours=2)).refusals == (), "nothing of the former attempts is in the way"
    assert listed(work, STUCK) == ["1.0.0"]
    check_reachable(work.public)
    with work.registry() as registry:
        assert fsck(registry.ledger, registry.public, registry.config.site, Silent()).findings == ()


def test_a_plan_that_another_publisher_overtook_is_not_carried_out(work: Workspace, repo: GitRepo) -> None:
    trees = []

    def other() -> None:
        assert publish(work).refusals == ()
        trees.append(work.tree())

    report = publish(work, now=LATER, meanwhile=other)

    assert codes(report) == [("acme/fine/aws", "PUB001"), ("acme/stuck/aws", "PUB001")]
    assert "revision 1" in found(report, "acme/fine/aws")
    assert work.tree() == trees[0]
    again = publish(work, now=LATER)
    assert (again.puts, again.refusals) == (0, ())


def test_a_plan_waits_for_what_another_publisher_has_not_finished(work: Workspace, repo: GitRepo) -> None:
    report = publish(work, now=LATER, meanwhile=lambda: publish(work, stuck("put_new", f"{STUCK}/")))

    assert codes(report) == [("acme/fine/aws", "PUB001"), ("acme/stuck/aws", "PUB001")]
    assert "an unfinished change" in found(report, "acme/stuck/aws")
    again = publish(work, now=LATER)
    assert again.refusals == ()
    assert [str(package.address) for package in again.recovered] == ["acme/stuck/aws"]
    assert [entry["time"] for entry in work.logged("acme/stuck/aws")] == ["2026-01-02T03:04:05Z"]


@pytest.fixture
def copied(work: Workspace, postgres: Postgres) -> Iterator[Callable[[], Workspace]]:
    """Makes the same registry with a ledger that is a copy, as of now, of the workspace's own."""
    name = "a_restored_copy"

    def make() -> Workspace:
        text = (work.root / "registry.yaml").read_text()
        dsn = next(json.loads(line.partition(": ")[2]) for line in text.splitlines() if line.startswith("ledger: "))
        root = work.root.parent / "copy"
        shutil.copytree(work.root / "catalog", root / "catalog")
        wiring.prepare_state(root / "state")
        shutil.copytree(work.root / "state/keys", root / "state/keys")
        other = Workspace(root, postgres.copy(dsn, name))
        (root / "public").symlink_to(work.public)
        return other

    yield make
    postgres.drop(name)


def refused_whole(work: Workspace, **how: object) -> ConflictError:
    with pytest.raises(ConflictError) as caught:
        publish(work, **how)  # type: ignore[arg-type]
    return caught.value


def test_a_ledger_that_begins_anew_cannot_publish_over_a_longer_log(
    work: Workspace, repo: GitRepo, copied: Callable[[], Workspace]
) -> None:
    publish(work, nothing_new=True)
    fresh = copied()
    publish(work)
    tree = work.tree()

    assert refused_whole(fresh, now=LATER).code.id == "PUB003"
    assert work.tree() == tree


def fork(work: Workspace, repo: GitRepo, copied: Callable[[], Workspace]) -> Workspace:
    """A copy of the ledger whose log has gone another way and is longer than the one in the bucket."""
    publish(work)
    copy = copied()
    repo.tag("v1.1.0", repo.commit(MORE))
    repo.tag("v1.2.0", repo.commit(MAIN))
    with pytest.raises(CrashError):
        publish(copy, broken_off("checkpoint_signed"))
    repo.delete_tag("v1.2.0")
    assert publish(work).refusals == ()
    return copy


def test_a_longer_log_that_went_another_way_never_replaces_the_one_in_the_bucket(
    work: Workspace, repo: GitRepo, copied: Callable[[], Workspace]
) -> None:
    copy = fork(work, repo, copied)
    tree = work.tree()

    error = refused_whole(copy)

    assert error.code.id == "PUB003"
    assert "not those of the ledger" in error.found
    assert work.tree() == tree
    repo.tag("v1.3.0", repo.commit(MAIN))
    repo.tag("v1.4.0", repo.commit(MAIN))
    assert publish(work).refusals == (), "no tile of the other history lies in the way"


def test_another_ledger_that_publishes_meanwhile_stops_this_one_at_the_log(
    work: Workspace, repo: GitRepo, copied: Callable[[], Workspace]
) -> None:
    publish(work)
    copy = copied()
    repo.tag("v1.1.0", repo.commit(MORE))
    before: dict[str, bytes] = {}

    def other() -> None:
        (work.root / "catalog/modules/acme/stuck/aws.yaml").unlink()
        assert publish(work).refusals == ()
        before.update(work.tree())

    assert refused_whole(copy, now=LATER, meanwhile=other).code.id == "PUB003"

    after = work.tree()
    assert {key: after[key] for key in before} == before
    assert all(paths.rule(key).immutable and not key.startswith("log/") for key in after.keys() - before.keys())


def test_a_run_that_ended_early_is_recorded_as_failed(work: Workspace, repo: GitRepo) -> None:
    def fail() -> None:
        raise LedgerError(ledger_codes.DATABASE_ERROR)

    def change(registry: Registry) -> Registry:
        return replace(registry, ledger=disturbed_ledger(registry.ledger, "begin", before=fail))

    with pytest.raises(LedgerError):
        publish(work, change)
    assert publish(work).refusals == ()
    with psycopg.connect(wiring.read_settings(work.root / "registry.yaml").ledger) as connection:
        rows = connection.execute("SELECT status FROM sync_runs ORDER BY id").fetchall()
    assert rows == [("failed",), ("succeeded",)]


def test_a_newer_document_is_not_replaced_even_where_the_log_was_removed(
    work: Workspace, repo: GitRepo, copied: Callable[[], Workspace]
) -> None:
    publish(work, nothing_new=True)
    fresh = copied()
    publish(work)
    repo.tag("v1.1.0", repo.commit(MORE))
    publish(work)
    shutil.rmtree(work.public / "log")
    repo.delete_tag("v1.0.0")
    before = work.tree()

    report = publish(fresh)

    assert codes(report) == [("acme/fine/aws", "PUB002"), ("acme/stuck/aws", "PUB002")]
    assert found(report, "acme/fine/aws") == "revision 2"
    for key in (f"{FINE}/versions", f"{STUCK}/versions"):
        assert work.tree()[key] == before[key]


# --- what the sources give ------------------------------------------------------------------------------------------


def test_a_zip_that_is_not_what_its_sums_promise_is_not_published(work: Workspace, tmp_path: Path) -> None:
    make_release(tmp_path / "widget", "widget", "1.0.0", platforms=("linux_amd64",))
    archive = tmp_path / "widget/terraform-provider-widget_1.0.0_linux_amd64.zip"
    archive.write_bytes(archive.read_bytes() + b"\0")
    work.provider("acme/widget", tmp_path / "widget")

    report = publish(work)

    assert codes(report) == [("acme/widget", "PUB005")]
    assert sha256(archive.read_bytes()).hexdigest() in found(report, "acme/widget")
    assert listed(work, WIDGET) == []
    assert list((work.root / "state/staging").iterdir()) == []


def test_a_module_without_any_configuration_is_not_published(work: Workspace, tmp_path: Path) -> None:
    repo = GitRepo(tmp_path / "empty.git")
    repo.tag("v1.0.0", repo.commit({"README.md": "# Soon\n"}))
    repo.tag("v1.1.0", repo.commit(MAIN))
    work.module("acme/fine/aws", repo.url)

    report = publish(work)

    assert codes(report) == [("acme/fine/aws", "PUB007")]
    assert listed(work, FINE) == ["1.1.0"]


# --- servers outside --------------------------------------------------------------------------------------------------


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[tuple[HttpServer, Authority]]:
    authority = Authority(tmp_path / "authority")
    with HttpServer(authority=authority) as server:
        yield server, authority


@pytest.fixture
def connected(tmp_path: Path, database: str, outside: tuple[HttpServer, Authority]) -> Workspace:
    """A workspace that trusts the server outside, which is registry.example.net as well."""
    server, authority = outside
    upstreams = json.dumps({"registry.example.net": server.url("").rstrip("/")})
    network = f"  ca_file: {json.dumps(str(authority.ca_file))}\n  upstreams: {upstreams}\n"
    return Workspace(tmp_path / "work", database, network=network)


@pytest.fixture
def upstream(tmp_path: Path, outside: tuple[HttpServer, Authority]) -> Path:
    """The folder of the files that registry.example.net serves."""
    folder = tmp_path / "upstream"
    make_upstream(folder, read_signer(ROOT / "deployments/demo/upstream-key.asc"), UPSTREAM_KEY)
    outside[0].folder("/", folder)
    return folder


def mirror(work: Workspace, more: str) -> None:
    work.write("catalog/keys/sprocket.asc", UPSTREAM_KEY)
    work.write(f"catalog/mirrors/{UPSTREAM}.yaml", f'trust:\n  keys: [sprocket.asc]\nversions: "2.1.0"\n{more}')


def test_a_download_that_hangs_does_not_hold_up_what_is_done(
    connected: Workspace,
    outside: tuple[HttpServer, Authority],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(run, "BATCH_SECONDS", 0.0)
    monkeypatch.setattr(stage, "TICK_SECONDS", 0.01)
    server, _ = outside
    name = "terraform-provider-widget_1.0.0_linux_amd64.zip"
    release = make_release(tmp_path / "release/1.0.0", "widget", "1.0.0", platforms=("linux_amd64",))
    server.folder("/widget/", tmp_path / "release")
    server.route(f"/widget/1.0.0/{name}", Reply(body=release.zips["linux_amd64"], hold_at=10))
    connected.provider("acme/widget", server.url("/widget/{version}"))
    entry = connected.root / "catalog/providers/acme/widget.yaml"
    entry.write_text(entry.read_text().replace("source:\n", "source:\n  versions: ['1.0.0']\n"))
    repo = GitRepo(tmp_path / "fine.git")
    repo.tag("v1.0.0", repo.commit(MAIN))
    connected.module("acme/fine/aws", repo.url)
    reports: list[Report] = []
    publisher = threading.Thread(target=lambda: reports.append(publish(connected)))
    publisher.start()
    try:
        deadline = time.monotonic() + 60
        while listed(connected, FINE) != ["1.0.0"]:
            assert publisher.is_alive(), reports
            assert time.monotonic() < deadline, "the module waited for the provider"
            time.sleep(0.01)
        assert listed(connected, WIDGET) == []
    finally:
        server.release()
        publisher.join()
    assert reports[0].refusals == ()
    assert listed(connected, WIDGET) == ["1.0.0"]


@pytest.mark.parametrize(("bound", "most"), [("BATCH_PACKAGES", 2), ("BATCH_VERSIONS", 4)])
def test_many_packages_are_committed_in_short_batches(
    tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch, bound: str, most: int
) -> None:
    """Five packages of two versions each: whoever waits for the lock gets it after two of them."""
    monkeypatch.setattr(run, bound, most)
    work = Workspace(tmp_path / "work", database)
    repo = GitRepo(tmp_path / "network.git")
    for version in ("v1.0.0", "v1.1.0"):
        repo.tag(version, repo.commit({"main.tf": f"# {version}\n"}))
    for number in range(5):
        work.module(f"acme/network{number}/aws", repo.url)
    begun: list[None] = []

    def change(registry: Registry) -> Registry:
        return replace(registry, ledger=disturbed_ledger(registry.ledger, "begin", before=lambda: begun.append(None)))

    assert publish(work, change).refusals == ()
    assert len(begun) == 3

    entries = [work.root / f"catalog/modules/acme/network{number}/aws.yaml" for number in range(5)]
    for entry in entries:
        entry.write_text(entry.read_text() + "deprecated: Use another.\n")
    begun.clear()
    assert publish(work, change).refusals == ()
    assert len(begun) == 3


def test_no_more_packages_are_staged_than_a_few_that_wait_to_be_committed(
    work: Workspace, repo: GitRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Staging ten of them would go on while the first is committed, and hold them all in memory."""
    monkeypatch.setattr(run, "BATCH_PACKAGES", 1)
    monkeypatch.setattr(stage, "AHEAD", 2)
    for number in range(8):
        work.module(f"acme/more{number}/aws", repo.url)
    submitted, counts = list[object](), list[int]()
    own_pool = pool

    @contextmanager
    def counting(workers: int, name: str) -> Iterator[Executor]:
        with own_pool(workers, name) as executor:
            submit = executor.submit

            def counted(*arguments: Any, **more: Any) -> Any:
                if name == "stage":
                    submitted.append(arguments)
                return submit(*arguments, **more)

            monkeypatch.setattr(executor, "submit", counted)
            yield executor

    monkeypatch.setattr(stage, "pool", counting)

    def change(registry: Registry) -> Registry:
        ledger = disturbed_ledger(registry.ledger, "begin", before=lambda: counts.append(len(submitted)))
        return replace(registry, ledger=ledger)

    report = publish(work, change)
    assert (report.refusals, len(report.published)) == ((), 10)
    assert counts[0] == 2
    assert all(ahead <= done + 2 for done, ahead in enumerate(counts, 1)), counts


def test_a_linked_mirror_names_the_zips_where_they_are(
    connected: Workspace, upstream: Path, outside: tuple[HttpServer, Authority]
) -> None:
    mirror(connected, "hosting: link\nplatforms: [linux_amd64]\n")

    report = publish(connected)

    assert report.refusals == ()
    assert list(connected.document(f"v1/mirror/{UPSTREAM}/index.json")["versions"]) == ["2.1.0"]
    (archive,) = connected.document(f"v1/mirror/{UPSTREAM}/2.1.0.json")["archives"].values()
    name = "v1/providers/acme/sprocket/2.1.0/terraform-provider-sprocket_2.1.0_linux_amd64.zip"
    assert archive["url"] == outside[0].url(f"/{name}")
    digest = sha256((upstream / name).read_bytes()).hexdigest()
    assert f"zh:{digest}" in archive["hashes"]
    assert not [key for key in connected.tree() if key.endswith(".zip")]
    assert publish(connected).puts == 0


def test_sums_that_changed_upstream_when_a_platform_is_added_are_an_alarm(connected: Workspace, upstream: Path) -> None:
    mirror(connected, "platforms: [linux_amd64]\n")
    assert publish(connected).refusals == ()
    tree = connected.tree()
    sums = upstream / "v1/providers/acme/sprocket/2.1.0/terraform-provider-sprocket_2.1.0_SHA256SUMS"
    sums.write_bytes(sums.read_bytes() + f"{'0' * 64}  terraform-provider-sprocket_2.1.0_plan9_amd64.zip\n".encode())
    signer = read_signer(ROOT / "deployments/demo/upstream-key.asc")
    sums.with_name(f"{sums.name}.sig").write_bytes(signer.sign(sums.read_bytes()))
    mirror(connected, "platforms: [linux_amd64, linux_arm64]\n")

    report = publish(connected)

    assert codes(report) == [(UPSTREAM, "PLN008")]
    assert connected.tree() == tree
    with connected.registry() as registry:
        (violation,) = registry.ledger.violations()
    assert (violation.kind, violation.version) == ("PLN008", "2.1.0")
    assert sha256(sums.read_bytes()).hexdigest() in violation.seen


def test_a_zip_that_the_signed_sums_do_not_name_is_not_mirrored(connected: Workspace, upstream: Path) -> None:
    mirror(connected, "platforms: [linux_amd64, linux_arm64]\n")
    download = upstream / "v1/providers/acme/sprocket/2.1.0/download/linux/arm64"
    document = {**json.loads(download.read_bytes()), "shasum": "0" * 64}
    download.write_text(json.dumps(document))

    report = publish(connected)

    assert codes(report) == [(UPSTREAM, "PUB006")]
    assert not (connected.public / f"v1/mirror/{UPSTREAM}").exists()

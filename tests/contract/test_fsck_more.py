"""What a comparison must not take for damage, what it must not destroy, and what it must not overlook."""

from __future__ import annotations

import gc as garbage
import json
from typing import TYPE_CHECKING, Any, LiteralString

import psycopg
import pytest

from registry_gen import wiring
from registry_gen.errors import ConflictError, StorageError
from registry_gen.model.intent import Run
from registry_gen.plan.collect import Extent
from registry_gen.publish.fsck import fsck
from registry_gen.publish.gc import gc
from registry_gen.publish.progress import Silent
from registry_gen.storage import codes as storage_codes
from tests.contract.test_fsck import ARCHIVE, LEAF, check, flip, mend, named, rewrite
from tests.support.command_line import run_here
from tests.support.workspace import NOW

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.kinds import Kinds
    from tests.support.postgres import Postgres
    from tests.support.workspace import Workspace

pytestmark = pytest.mark.long


@pytest.fixture
def work(kinds: Kinds) -> Workspace:
    return kinds.published()


def collect_one(kinds: Kinds, work: Workspace) -> None:
    kinds.configure(work, network='withdrawn:\n  - versions: "1.0.0"\n    reason: It holds a secret.\n')
    assert not work.publish().refusals
    with work.registry() as registry:
        gc(registry, wiring.open_keys(registry).log, Extent(at_once=True), Run("ada", None, None, NOW), Silent())


def test_what_was_collected_and_comes_back_is_named_and_deleted(kinds: Kinds, work: Workspace) -> None:
    secret = (work.public / ARCHIVE).read_bytes()
    collect_one(kinds, work)
    tree = work.tree()
    assert named(check(work)) == set()
    (work.public / ARCHIVE).parent.mkdir(parents=True, exist_ok=True)
    (work.public / ARCHIVE).write_bytes(secret)
    assert named(check(work)) == {("PUB036", ARCHIVE)}
    assert mend(work).after.findings == ()
    assert work.tree() == tree


def test_documents_that_wait_for_a_newer_renderer_are_not_damaged(work: Workspace) -> None:
    before = work.tree()
    file = work.root / "registry.yaml"
    file.write_text(file.read_text().replace("url: https://registry.example.com/", "url: https://other.example.com/"))
    assert named(check(work)) == set()
    assert mend(work).after.findings == ()
    assert work.tree() == before
    flip(work.public / LEAF)
    assert named(check(work)) == {("PUB031", LEAF)}


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM documents WHERE key = %s",
        "UPDATE documents SET content = repeat('0', 64) WHERE key = %s",
        "UPDATE documents SET etag = 'another' WHERE key = %s",
    ],
)
def test_a_row_that_does_not_fit_its_document_is_named_and_mended(work: Workspace, statement: LiteralString) -> None:
    before = work.tree()
    with psycopg.connect(wiring.read_settings(work.root / "registry.yaml").ledger) as connection:
        connection.execute(statement, (LEAF,))
    assert named(check(work)) == {("PUB038", LEAF)}
    done = mend(work)
    assert done.after.findings == ()
    assert work.tree() == before


def test_a_record_that_is_lost_or_altered_is_said_at_once_not_to_be_made_again(work: Workspace) -> None:
    first, second = sorted(key for key in work.tree() if key.startswith("records/"))[:2]
    (work.public / first).unlink()
    flip(work.public / second)
    found = json.loads(work.cli("--json", "fsck").stdout)["findings"]
    assert {item["key"]: item["hint"][:23] for item in found} == dict.fromkeys(
        (first, second), "It cannot be made again"
    )
    shown = work.cli("fsck").stdout
    assert shown.count("It cannot be made again. Restore it from a copy of the bucket") == 2
    assert "fsck --repair" not in shown


def test_a_version_whose_statement_alone_was_altered_can_be_installed(work: Workspace) -> None:
    flip(work.public / f"{ARCHIVE}.intoto.jsonl")
    shown = work.cli("fsck")
    assert f"{ARCHIVE}.intoto.jsonl" in shown.stdout
    assert "cannot be installed" not in shown.stdout, "the listing is good, too"
    assert json.loads(work.cli("--json", "fsck").stdout)["broken"] == []
    flip(work.public / ARCHIVE)
    assert "acme/network/aws 1.0.0 cannot be installed as it was" in work.cli("fsck").stdout


def test_an_empty_ledger_deletes_nothing(work: Workspace, postgres: Postgres) -> None:
    before = work.tree()
    (work.public / "log/checkpoint").unlink()
    dsn = postgres.create("empty_for_fsck")
    file = work.root / "registry.yaml"
    own = wiring.read_settings(file).ledger
    file.write_text(file.read_text().replace(own, dsn))
    try:
        with pytest.raises(ConflictError, match="PUB003"):
            mend(work)
    finally:
        postgres.drop("empty_for_fsck")
    assert {**work.tree(), "log/checkpoint": before["log/checkpoint"]} == before


def test_an_old_ledger_changes_nothing_in_a_newer_bucket_even_where_the_checkpoint_is_broken(
    kinds: Kinds, work: Workspace, postgres: Postgres
) -> None:
    file = work.root / "registry.yaml"
    own = wiring.read_settings(file).ledger
    old = postgres.copy(own, "old_for_fsck")
    kinds.configure(work, network="deprecated: Use another.\n")
    work.module("acme/newer/aws", kinds.repo.url)
    work.publish()
    flip(work.public / "log/checkpoint")
    rewrite(work.public / "log/checkpoint", b"\x00broken")
    before = work.tree()
    file.write_text(file.read_text().replace(own, old))
    try:
        with pytest.raises(ConflictError, match="PUB003"):
            mend(work)
    finally:
        postgres.drop("old_for_fsck")
    assert work.tree() == before


@pytest.mark.parametrize("which", ["empty", "older"])
def test_where_a_repair_would_refuse_nothing_advises_it(
    kinds: Kinds, work: Workspace, postgres: Postgres, which: str
) -> None:
    file = work.root / "registry.yaml"
    own = wiring.read_settings(file).ledger
    name = f"{which}_for_hints"
    other = postgres.create(name) if which == "empty" else postgres.copy(own, name)
    kinds.configure(work, network='withdrawn:\n  - versions: "1.0.0"\n    reason: Old.\n')
    work.module("acme/newer/aws", kinds.repo.url)
    work.publish()
    (work.public / ARCHIVE).unlink()
    file.write_text(file.read_text().replace(own, other))
    try:
        ran = run_here(work, "fsck")
        found = run_here(work, "--json", "fsck").json
        with pytest.raises(ConflictError, match="PUB003"):
            mend(work)
    finally:
        postgres.drop(name)
    assert "PUB036" in {item["code"] for item in found["findings"]}, "what the ledger does not know looks like waste"
    assert "log/checkpoint" in [item["key"] for item in found["findings"]]
    assert {item["code"] for item in found["findings"] if item["key"].startswith("log/")} == {"PUB040"}
    assert "--repair" not in ran.out
    assert "registry-gen ledger rebuild --from-bucket" in ran.out
    assert ("broken" in ran.out, found["broken"]) == (False, []), "a newer ledger may have collected it"


def test_what_only_a_failed_repair_can_tell_is_not_said_before(kinds: Kinds, work: Workspace) -> None:
    flip(work.public / ARCHIVE)
    before = run_here(work, "fsck").out
    assert "broken acme/network/aws 1.0.0 cannot be installed as it was\n    Run 'registry-gen fsck --repair'" in before
    assert "registry-gen withdraw" not in before
    kinds.repo.path.rename(kinds.repo.path.with_name("hidden.git"))
    try:
        for cache in (work.root / "state").glob("git*"):
            cache.rename(work.root / f"elsewhere-{cache.name}")
        after = run_here(work, "fsck", "--repair").out
    finally:
        kinds.repo.path.with_name("hidden.git").rename(kinds.repo.path)
    assert "registry-gen withdraw acme/network/aws 1.0.0 --reason 'Its artifacts were lost.'" in after
    assert "it brings back" not in after


def test_a_publish_in_the_middle_of_a_comparison_is_no_damage(kinds: Kinds, work: Workspace) -> None:
    """The bucket is listed for minutes, and the ledger goes on."""
    work.module("acme/newer/aws", kinds.repo.url)
    kinds.configure(work, network='withdrawn:\n  - versions: "1.0.0"\n    reason: Old.\n')

    with work.registry() as registry:

        class Meanwhile:
            def __getattr__(self, name: str) -> Any:
                return getattr(registry.public, name)

            done = False

            def list(self, prefix: str) -> Iterator[Any]:
                found = list(registry.public.list(prefix))
                if not self.done:
                    type(self).done = True
                    work.publish()
                return iter(found)

        checked = fsck(registry.ledger, Meanwhile(), registry.config.site, Silent())
    assert named(checked) == set()


def test_garbage_is_looked_for_as_before_once_a_comparison_ended_however_it_did(work: Workspace) -> None:
    before, during = garbage.get_threshold(), []

    with work.registry() as registry:

        class Failing:
            def __getattr__(self, name: str) -> Any:
                return getattr(registry.public, name)

            def list(self, prefix: str) -> Iterator[Any]:
                during.append(garbage.get_threshold())
                raise StorageError(storage_codes.FAILED, where=prefix)

        with pytest.raises(StorageError):
            fsck(registry.ledger, Failing(), registry.config.site, Silent())
    assert during[0][0] > before[0]
    assert garbage.get_threshold() == before

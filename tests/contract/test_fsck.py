"""Every way in which a bucket can be wrong is named by its key, and mended where anything good is left to do so."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from registry_gen import paths, wiring
from registry_gen.errors import StorageError
from registry_gen.model.intent import Run
from registry_gen.publish.fsck import fsck
from registry_gen.publish.progress import Silent
from registry_gen.publish.repair import repair
from registry_gen.publish.run import publish
from tests.support.command_line import run_here
from tests.support.faults import BROKEN, disturbed_ledger
from tests.support.kinds import NETWORK, WIDGET, Kinds
from tests.support.labelled import Labels, labelled
from tests.support.workspace import NOW, Workspace

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry_gen.publish.findings import Checked
    from registry_gen.publish.registry import Registry
    from registry_gen.publish.repair import Repaired

LISTING = f"v1/modules/{NETWORK}/versions"
LEAF = f"v1/modules/{NETWORK}/1.0.0/download"
ARCHIVE = f"v1/modules/{NETWORK}/1.0.0/module.tar.gz"
ZIP = f"v1/providers/{WIDGET}/1.0.0/terraform-provider-widget_1.0.0_linux_amd64.zip"
MIRROR = "v1/mirror/registry.example.net/acme/sprocket"


@pytest.fixture
def work(kinds: Kinds) -> Workspace:
    return kinds.published()


def check(work: Workspace, labels: Labels | None = None, *, quick: bool = False) -> Checked:
    with work.registry() as registry:
        storage = labelled(registry.public, labels or {})
        return fsck(registry.ledger, storage, registry.config.site, Silent(), quick=quick)


def mend(work: Workspace, change: Callable[[Registry], Registry] = lambda registry: registry) -> Repaired:
    with work.registry() as registry:
        run = Run("ada", None, None, NOW + timedelta(days=400))
        return repair(change(registry), wiring.open_keys(registry).log, run, Silent())


def named(checked: Checked) -> set[tuple[str, str]]:
    return {(finding.code.id, finding.key) for finding in checked.findings}


def rewrite(path: Path, data: bytes) -> None:
    """Other bytes under the same name, as somebody who may write to the bucket does it."""
    path.unlink()
    path.write_bytes(data)


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    rewrite(path, bytes(data))


def one_of(work: Workspace, pattern: str) -> str:
    found = sorted(path for path in work.public.glob(pattern) if path.is_file())
    assert found, pattern
    return found[0].relative_to(work.public).as_posix()


def test_a_registry_that_nobody_touched_is_well(work: Workspace) -> None:
    checked = check(work)
    assert checked.findings == ()
    assert checked.objects == len(work.tree())
    assert checked.size == sum(map(len, work.tree().values()))


@pytest.mark.parametrize(
    "pattern",
    [
        LISTING,
        LEAF,
        ARCHIVE,
        f"{ARCHIVE}.intoto.jsonl",
        f"modules/{NETWORK}/1.0.0/index.json",
        ZIP,
        f"v1/providers/{WIDGET}/1.0.0/*_SHA256SUMS",
        f"v1/providers/{WIDGET}/1.0.0/*_SHA256SUMS.sig",
        f"v1/providers/{WIDGET}/1.0.0/download/linux/amd64",
        f"{MIRROR}/index.json",
        f"{MIRROR}/2.0.0.json",
        f"{MIRROR}/*.zip",
        ".well-known/terraform.json",
        "log/checkpoint",
        "log/tile/0/000.p/*",
        "log/tile/entries/000.p/*",
    ],
)
def test_what_is_missing_altered_or_cut_short_is_named_and_mended_byte_for_byte(work: Workspace, pattern: str) -> None:
    key, before = one_of(work, pattern), work.tree()
    path = work.public / key
    data = path.read_bytes()

    path.unlink()
    assert ("PUB030", key) in named(check(work))
    assert mend(work).after.findings == ()
    assert work.tree() == before

    flip(path)
    assert ("PUB031", key) in named(check(work))
    assert mend(work).after.findings == ()
    assert work.tree() == before

    rewrite(path, data[:-3])
    found = {code for code, where in named(check(work)) if where == key}
    assert found & {"PUB032", "PUB031"}
    assert mend(work).after.findings == ()
    assert work.tree() == before


def test_a_shorter_object_is_called_cut_short_where_its_size_is_known(work: Workspace) -> None:
    for key in (ARCHIVE, ZIP, LISTING):
        rewrite(work.public / key, (work.public / key).read_bytes()[:-1])
    assert {("PUB032", key) for key in (ARCHIVE, ZIP, LISTING)} <= named(check(work))


def test_wrong_labels_are_named_and_mended(work: Workspace) -> None:
    labels: Labels = {LISTING: ("text/html", None), ARCHIVE: (None, "public, max-age=60")}
    assert named(check(work, labels)) == {("PUB033", LISTING), ("PUB034", ARCHIVE)}

    done = mend(work, lambda registry: replace(registry, public=labelled(registry.public, labels)))

    assert {finding.key for finding in done.mended} == {LISTING, ARCHIVE}
    assert done.after.findings == ()


def test_a_listing_that_names_what_is_not_listed_or_not_there_is_dead(work: Workspace) -> None:
    before = work.tree()
    listing = work.public / LISTING
    listing.write_text(listing.read_text().replace("1.1.0", "6.6.6"))
    (work.public / ZIP).unlink()
    checked = check(work)
    assert ("PUB035", LISTING) in named(checked)
    assert ("PUB035", f"v1/providers/{WIDGET}/versions") in named(checked)
    assert any("6.6.6" in finding.found for finding in checked.findings)
    assert mend(work).after.findings == ()
    assert work.tree() == before


def test_a_listing_of_a_package_that_was_never_published_is_dead_and_deleted(work: Workspace) -> None:
    surplus = work.public / "v1/modules/acme/ghost/aws/versions"
    surplus.parent.mkdir(parents=True)
    surplus.write_text('{"modules":[{"versions":[{"version":"1.0.0"}]}]}')
    assert named(check(work)) == {("PUB035", "v1/modules/acme/ghost/aws/versions")}
    assert mend(work).after.findings == ()
    assert not surplus.exists()


def test_orphans_are_deleted_when_they_are_old_and_foreign_objects_never(work: Workspace) -> None:
    young, old, foreign = (f"records/{'a' * 64}", f"records/{'b' * 64}", "somebody/else.txt")
    for key in (young, old, foreign):
        path = work.public / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    at = (NOW + timedelta(days=400)).timestamp()
    os.utime(work.public / young, (at, at))
    assert named(check(work)) == {("PUB036", young), ("PUB036", old), ("PUB037", foreign)}

    assert named(mend(work).after) == {("PUB036", young), ("PUB037", foreign)}


@pytest.mark.parametrize(
    ("harm", "code"),
    [
        (Path.unlink, "PUB030"),
        (flip, "PUB031"),
        (lambda path: rewrite(path, path.read_bytes()[:-3]), "PUB031"),  # its digest is known, its size is not
        (lambda path: rewrite(path, b""), "PUB031"),
    ],
    ids=["missing", "altered", "cut short", "emptied"],
)
def test_a_record_that_is_not_as_logged_cannot_be_had_again_and_is_said_so(
    work: Workspace, harm: Callable[[Path], object], code: str
) -> None:
    with work.registry() as registry:
        address = next(iter(registry.ledger.heads()))
        facts = registry.ledger.packages([address])[address].versions[0]
    key = paths.record(facts.record)
    harm(work.public / key)
    harmed = work.tree()
    assert named(check(work)) == {(code, key)}
    assert [finding.hint[:24] for finding in check(work).findings] == ["It cannot be made again."]
    done = mend(work)
    assert (named(done.after), done.mended) == ({(code, key)}, ())
    assert [problem.where for problem in done.problems if problem.code.id == "PUB020"] == [key]
    assert work.tree() == harmed, "what is left of it stays, for whoever compares it with a copy"


def test_an_archive_whose_source_is_gone_is_left_as_it_is_and_said_so(kinds: Kinds, work: Workspace) -> None:
    flip(work.public / ARCHIVE)
    altered = (work.public / ARCHIVE).read_bytes()
    hidden = kinds.repo.path.with_name("hidden.git")
    kinds.repo.path.rename(hidden)
    try:
        for cache in (work.root / "state").glob("git*"):
            cache.rename(work.root / f"elsewhere-{cache.name}")
        done = mend(work)
    finally:
        hidden.rename(kinds.repo.path)
    assert ("PUB031", ARCHIVE) in named(done.after)
    assert done.problems
    assert (work.public / ARCHIVE).read_bytes() == altered, "nothing but the published bytes takes its place"


def test_a_change_on_its_way_is_neither_missing_nor_too_much(kinds: Kinds, work: Workspace) -> None:
    kinds.configure(work, network="deprecated: Use another.\n")

    def die() -> None:
        raise StorageError(BROKEN, where="here")

    workspace = wiring.read_workspace(work.root / "registry.yaml")
    with wiring.open_registry(workspace) as registry:
        broken = replace(registry, ledger=disturbed_ledger(registry.ledger, "log", before=die))
        keys = wiring.open_keys(registry)
        with pytest.raises(StorageError):
            publish(broken, keys, workspace.catalog, NOW, Silent())
    assert named(check(work)) == {("PUB039", LISTING)}
    assert mend(work).after.findings == (), "a repair finishes it first"


def test_a_ledger_that_was_changed_by_hand_is_named_and_nothing_is_written_from_it(work: Workspace) -> None:
    before = work.tree()
    with work.registry() as registry:
        dsn = registry.config.ledger
    with psycopg.connect(dsn) as connection:
        connection.execute("ALTER TABLE log_entries DISABLE TRIGGER ALL")
        connection.execute("UPDATE log_entries SET payload = payload || ' '::bytea WHERE index = 0")
        connection.execute("UPDATE documents SET content = repeat('0', 64) WHERE key = %s", (LEAF,))
        connection.execute("DELETE FROM documents WHERE key = %s", (LISTING,))
    codes = {finding.code.id for finding in check(work).findings}
    assert "PUB038" in codes
    assert [key for code, key in named(check(work)) if code == "PUB038" and key == LISTING]
    mend(work)
    assert {key: data for key, data in work.tree().items() if key.startswith("log/")} == {
        key: data for key, data in before.items() if key.startswith("log/")
    }


def test_a_bucket_of_which_nothing_is_left_is_refused(work: Workspace) -> None:
    for key in work.tree():
        (work.public / key).unlink()
    with pytest.raises(StorageError, match="PUB010"):
        mend(work)


def test_a_repair_is_in_the_audit_log(work: Workspace) -> None:
    (work.public / LEAF).unlink()
    mend(work)
    with work.registry() as registry:
        (row, *_) = registry.ledger.audit_rows(None, 1)
    assert (row.actor, row.action) == ("ada", "repair")
    assert json.loads(row.after)["mended"] == {"PUB030": 1, "PUB035": 1}


def test_quick_reads_nothing_but_sizes_and_known_digests(work: Workspace) -> None:
    flip(work.public / LEAF)
    assert ("PUB031", LEAF) in named(check(work, quick=True)), "a folder knows the digests anyway"


def test_the_command_names_what_is_wrong_and_exits_1_until_it_is_mended(work: Workspace) -> None:
    assert work.cli("fsck").returncode == 0
    flip(work.public / ARCHIVE)
    found = work.cli("--json", "fsck")
    assert found.returncode == 1
    assert [item["key"] for item in json.loads(found.stdout)["findings"] if item["code"] == "PUB031"] == [ARCHIVE]
    assert work.cli("fsck", "--only", WIDGET).returncode == 0
    mended = work.cli("fsck", "--repair")
    assert (mended.returncode, "mended" in mended.stdout) == (0, True), mended.stderr
    assert work.cli("fsck", "--repair", "--quick").returncode == 64


def test_a_package_that_nobody_knows_is_wrong_usage_and_not_well(work: Workspace) -> None:
    ran = run_here(work, "fsck", "--only", WIDGET, "--only", "acme/wigdet")
    assert (ran.code, ran.out) == (64, "")
    assert ran.err.startswith("error CLI002 the address is not in the catalog\n  where     acme/wigdet\n")
    assert WIDGET in ran.err, "the nearest one is named"


def test_a_package_that_left_the_catalog_can_still_be_looked_at(work: Workspace) -> None:
    (work.root / f"catalog/providers/{WIDGET}.yaml").unlink()
    ran = run_here(work, "fsck", "--only", WIDGET)
    assert (ran.code, "all is well" in ran.out, "Compared 0 objects" in ran.out) == (0, True, False)

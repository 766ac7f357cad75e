"""What somebody who may write to the bucket plants there keeps nobody from publishing, comparing and mending."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from registry_gen import wiring
from registry_gen.errors import ConflictError
from registry_gen.log.tiles import bundle
from registry_gen.publish import codes
from tests.contract.test_fsck import ARCHIVE, LEAF, LISTING, ZIP, check, mend, named, rewrite
from tests.support.kinds import NETWORK

if TYPE_CHECKING:
    from tests.support.kinds import Kinds
    from tests.support.workspace import Workspace

pytestmark = pytest.mark.long

WITHDRAWN = 'withdrawn:\n  - versions: "1.0.0"\n    reason: Old.\n'


@pytest.fixture
def work(kinds: Kinds) -> Workspace:
    return kinds.published()


def stamp_as(work: Workspace, key: str, revision: str) -> None:
    path = work.public / key
    rewrite(path, path.read_bytes().replace(b'"revision":1}', b'"revision":%s}' % revision.encode()))


def test_a_number_of_thousands_of_digits_stops_neither_publish_nor_repair(kinds: Kinds, work: Workspace) -> None:
    before = work.tree()
    stamp_as(work, LEAF, "9" * 5_000)
    assert ("PUB031", LEAF) in named(check(work))
    assert mend(work).after.findings == ()
    assert work.tree() == before

    stamp_as(work, LISTING, "9" * 5_000)
    kinds.configure(work, network=WITHDRAWN)
    assert not work.publish().refusals
    assert named(check(work)) == set()


def replaced_by(work: Workspace, key: str, kind: str) -> None:
    path = work.public / key
    path.unlink()
    if kind == "link":
        path.symlink_to("/etc/passwd")
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.mkdir()


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_what_is_no_object_is_named_by_its_key_and_hides_nothing_else(work: Workspace, kind: str) -> None:
    before = work.tree()
    record = next(key for key in before if key.startswith("records/"))
    tile = next(key for key in before if key.startswith("log/tile/entries/"))
    for key in (LISTING, LEAF, ARCHIVE, record, "log/checkpoint", tile, ".well-known/terraform.json"):
        replaced_by(work, key, kind)
    (work.public / ZIP).unlink()

    found = check(work).findings
    planted = {finding.key for finding in found if finding.found.startswith("something that is no object")}

    assert planted == {LISTING, LEAF, ARCHIVE, record, "log/checkpoint", tile, ".well-known/terraform.json"}
    assert ("PUB030", ZIP) in {(finding.code.id, finding.key) for finding in found}
    assert work.cli("fsck").returncode == 1

    done = mend(work)

    assert ("PUB030", record) in named(done.after)
    assert work.tree()[ZIP] == before[ZIP]
    if kind == "folder":  # a folder may hold anything: whoever finds it looks at it
        assert {finding.key for finding in done.after.findings} == planted
        said = {problem.where.removeprefix(f"{work.public.as_uri()}/") for problem in done.problems}
        assert planted - {record} <= said
    else:
        assert {finding.key for finding in done.after.findings} == {record}
        (work.public / record).unlink()
        assert work.tree() == {key: data for key, data in before.items() if key != record}


def test_a_forged_revision_is_mended_where_the_log_is_this_ledgers(work: Workspace) -> None:
    before = work.tree()
    for key in (LISTING, LEAF, f"v1/modules/{NETWORK}/1.0.0/download"):
        stamp_as(work, key, "99")
    assert {("PUB031", LISTING), ("PUB031", LEAF)} <= named(check(work))
    done = mend(work)
    assert (done.after.findings, done.problems) == ((), ())
    assert work.tree() == before


def test_a_forged_revision_that_stopped_a_publish_stops_it_no_more(kinds: Kinds, work: Workspace) -> None:
    """The change is logged by then, and its package waits for it: nothing else is done about the package."""
    stamp_as(work, LISTING, "99")
    replaced_by(work, f"modules/{NETWORK}/1.0.0/index.json", "link")
    kinds.configure(work, network=WITHDRAWN)
    (refusal,) = work.publish().refusals
    assert refusal.error.code.id in ("PUB002", "STO007")
    assert "fsck --repair" in codes.NEWER_DOCUMENT.fix

    done = mend(work)

    assert (done.after.findings, done.problems) == ((), ())
    assert [item["version"] for item in work.document(LISTING)["modules"][0]["versions"]] == ["1.1.0"]
    assert not work.publish().refusals


def test_a_newer_document_is_not_replaced_where_the_bucket_holds_no_such_proof(work: Workspace) -> None:
    stamp_as(work, LEAF, "99")
    newer = (work.public / LEAF).read_bytes()
    rewrite(work.public / "log/checkpoint", b"broken")
    assert [problem.code.id for problem in mend(work).problems] == ["PUB002"]
    assert (work.public / LEAF).read_bytes() == newer


@pytest.mark.parametrize("name", ["log/tile/0/x999/x999/999", "log/tile/entries/000.p/250", "log/tile/7/001"])
def test_a_planted_tile_is_waste_where_the_checkpoint_is_ours(work: Workspace, name: str) -> None:
    before = work.tree()
    planted = work.public / name
    planted.parent.mkdir(parents=True, exist_ok=True)
    planted.write_bytes(b"junk")
    (work.public / LEAF).unlink()
    assert ("PUB036", name) in named(check(work))

    assert mend(work).after.findings == ()
    assert work.tree() == before


def test_a_bundle_that_goes_on_where_the_log_ends_may_be_of_a_later_ledger(work: Workspace) -> None:
    (bundle_key,) = (key for key in work.tree() if key.startswith("log/tile/entries/000.p/"))
    width = int(bundle_key.rpartition("/")[2])
    longer = f"log/tile/entries/000.p/{width + 1}"
    (work.public / longer).write_bytes((work.public / bundle_key).read_bytes() + bundle([b"{}"]))
    assert ("PUB040", longer) in named(check(work))

    with pytest.raises(ConflictError, match="PUB003") as refused:
        mend(work)
    assert refused.value.where.endswith(longer)
    assert "delete" in refused.value.hint


def test_a_checkpoint_by_our_key_of_another_log_is_never_overwritten(work: Workspace) -> None:
    with work.registry() as registry:
        log = wiring.open_keys(registry).log
        size = registry.ledger.log_head().tail.size
        other = log.sign_checkpoint(size, b"\x01" * 32)
    rewrite(work.public / "log/checkpoint", other)
    with pytest.raises(ConflictError, match="PUB003"):
        mend(work)
    assert (work.public / "log/checkpoint").read_bytes() == other

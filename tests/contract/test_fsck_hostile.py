"""What somebody who may write to the bucket plants there keeps nobody from publishing, comparing and mending."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.contract.test_fsck import LEAF, LISTING, check, mend, named, rewrite

if TYPE_CHECKING:
    from tests.support.kinds import Kinds
    from tests.support.workspace import Workspace

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

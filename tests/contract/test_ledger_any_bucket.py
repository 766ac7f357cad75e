"""The state of a ledger in each kind of storage: it needs nothing but what each of them can do."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from registry_gen.errors import LedgerError
from registry_gen.ledger import codes
from registry_gen.ledger.bucket import Sizes
from registry_gen.storage.azure import AzureStorage
from registry_gen.storage.s3 import S3Storage
from tests.support.bucket_ledger import bucket_ledger, same
from tests.support.fake_gcs import gcs_storage
from tests.support.intents import NOW, intent_of
from tests.support.published_facts import MODULE, module_version

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry_gen.ledger import Ledger
    from registry_gen.storage import Storage
    from tests.support.postgres import Postgres

pytestmark = pytest.mark.long

OFTEN = Sizes(changes=4, kept=2)


@pytest.fixture(params=["s3", "gcs", "azure"])
def storage(request: pytest.FixtureRequest) -> Storage:
    kinds: dict[str, Callable[[], Storage]] = {
        "s3": lambda: S3Storage(request.getfixturevalue("s3_place")),
        "gcs": lambda: gcs_storage(request.getfixturevalue("fake_gcs"), prefix="state of another/"),
        "azure": lambda: AzureStorage(request.getfixturevalue("azure_place")),
    }
    return kinds[str(request.param)]()


def publish(ledger: Ledger, base: int) -> None:
    with ledger.publication(0) as publication:
        begun = publication.begin([intent_of(MODULE, module_version(f"1.{base}.0"), base=base)])
        publication.log(begun)
        publication.finish(begun, NOW)


def test_three_machines_share_a_ledger_in_it(storage: Storage, postgres: Postgres) -> None:
    names = ["any_one", "any_two", "any_three"]
    dsns = [postgres.create(name) for name in names]
    one, two, three = (bucket_ledger(dsn, storage, name, sizes=OFTEN) for dsn, name in zip(dsns, names, strict=True))
    publish(one, 0)
    with one.publication(0) as held:
        with pytest.raises(LedgerError) as caught, two.publication(0):
            pass
        assert caught.value.code is codes.LOCK_HELD
        assert "'any_one'" in caught.value.found
        held.log_head()
    publish(two, 1)
    with one.publication(0) as robbed:
        two.unlock(replace(intent_of(MODULE).audit, action="unlock"), force=True)
        with pytest.raises(LedgerError) as caught:
            robbed.log_head()
        assert caught.value.code is codes.LOCK_LOST
    publish(one, 2)
    three.bring()
    two.bring()
    for dsn in dsns[1:]:
        same(dsns[0], dsn)
    head = three.head()
    assert head
    assert head.snapshot
    assert head.lease is None
    for ledger, name in zip((one, two, three), names, strict=True):
        ledger.close()
        postgres.drop(name)

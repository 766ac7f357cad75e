"""The storages of all vendors keep their promises to a doctor, on the servers that the other tests use."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from registry_gen.doctor.platforms import Platform
from registry_gen.doctor.private_checks import Private, answers_nobody
from registry_gen.doctor.result import Ok, Outcome, examine
from registry_gen.doctor.scratch import scratch
from registry_gen.doctor.storage_checks import Trial, cleanup_check, storage_checks
from registry_gen.model.config import Network
from registry_gen.storage.azure import AzureStorage
from registry_gen.storage.s3 import S3Storage
from tests.support.fake_gcs import gcs_storage

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry_gen.model.places import AzurePlace, S3Place
    from registry_gen.storage import Storage
    from tests.support.azurite import Azurite


@pytest.fixture(params=["s3", "gcs", "azure"])
def storage(request: pytest.FixtureRequest) -> Storage:
    kinds: dict[str, Callable[[], Storage]] = {
        "s3": lambda: S3Storage(request.getfixturevalue("s3_place")),
        "gcs": lambda: gcs_storage(request.getfixturevalue("fake_gcs")),
        "azure": lambda: AzureStorage(request.getfixturevalue("azure_place")),
    }
    return kinds[str(request.param)]()


def test_a_bucket_that_keeps_its_promises_passes_every_check(storage: Storage) -> None:
    with scratch(storage) as folder:
        trial = Trial(storage, folder, lambda: datetime.now(UTC))
        checks = (*storage_checks(trial), cleanup_check(trial))
        results = list(examine("public storage", lambda: Platform.S3, checks))

    assert [result for result in results if result.outcome is not Outcome.OK] == []
    assert list(storage.list("scratch/")) == []


def test_a_bucket_that_is_opened_by_a_key_answers_no_stranger(s3_place: S3Place) -> None:
    storage = S3Storage(s3_place)
    with scratch(storage) as folder:
        verdict = answers_nobody(Private(storage, s3_place, folder, Network()))

    assert verdict == Ok("403 to strangers")


def test_a_private_container_answers_no_stranger(azurite: Azurite, azure_place: AzurePlace) -> None:
    storage = AzureStorage(azure_place)
    with scratch(storage) as folder:
        verdict = answers_nobody(Private(storage, azure_place, folder, Network(ca_file=azurite.ca_file)))

    assert isinstance(verdict, Ok)
    assert verdict.found in ("403 to strangers", "404 to strangers", "409 to strangers")

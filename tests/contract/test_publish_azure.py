"""A registry whose storages are in a container of Azure: the same as in a bucket that speaks S3."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.contract import test_publish_s3 as in_a_bucket
from tests.support.azurite import KEY
from tests.support.git_repo import GitRepo
from tests.support.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path

    from registry_gen.model.places import AzurePlace


@pytest.fixture
def work(tmp_path: Path, database: str, azure_place: AzurePlace) -> Workspace:
    work = Workspace(tmp_path / "work", database)
    options = {"endpoint": azure_place.endpoint, "auth": {"kind": "shared_key", "key": KEY}, "artifact_class": "Cool"}
    text = (work.root / "registry.yaml").read_text()
    for name in ("public", "private"):
        place = {"url": f"{azure_place.url}/{name}", **options}
        text = text.replace(f"{name}: ./{name}", f"{name}: {json.dumps(place)}")
    work.write("registry.yaml", text)
    repo = GitRepo(tmp_path / "network.git")
    repo.tag("v1.0.0", repo.commit({"main.tf": 'variable "name" {}\n'}))
    repo.tag("v1.1.0", repo.commit({"main.tf": 'variable "other" {}\n'}))
    work.module(in_a_bucket.ADDRESS, repo.url)
    return work


test_a_container_is_published_to = in_a_bucket.test_a_bucket_is_published_to_and_a_second_run_changes_nothing
test_what_is_withdrawn_and_collected_is_gone = in_a_bucket.test_what_is_withdrawn_and_collected_is_gone_from_the_bucket

"""A registry whose storages are in a bucket: published, changed, collected and checked like one in a folder."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from registry_gen import paths, wiring
from registry_gen.publish.fsck import fsck
from registry_gen.publish.progress import Silent
from tests.support.command_line import run_here
from tests.support.git_repo import GitRepo
from tests.support.seaweedfs import keep_in
from tests.support.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path

    from registry_gen.model.places import S3Place
    from registry_gen.storage import Storage, Stored

ADDRESS = "acme/network/aws"
LISTING = f"v1/modules/{ADDRESS}/versions"
ARCHIVE = f"v1/modules/{ADDRESS}/1.0.0/module.tar.gz"


@pytest.fixture
def work(tmp_path: Path, database: str, s3_place: S3Place) -> Workspace:
    work = Workspace(tmp_path / "work", database)
    keep_in(work, s3_place)
    repo = GitRepo(tmp_path / "network.git")
    repo.tag("v1.0.0", repo.commit({"main.tf": 'variable "name" {}\n'}))
    repo.tag("v1.1.0", repo.commit({"main.tf": 'variable "other" {}\n'}))
    work.module(ADDRESS, repo.url)
    return work


def bucket(work: Workspace) -> Storage:
    return wiring.open_storage(wiring.read_settings(work.root / "registry.yaml").public)


def listed(work: Workspace) -> list[str]:
    found = bucket(work).get(LISTING)
    assert found
    return [each["version"] for each in json.loads(found[0])["modules"][0]["versions"]]


def written(work: Workspace) -> list[Stored]:
    """Every object as it is, with the name of the write that made it."""
    storage = bucket(work)
    return [found for each in storage.list("") if (found := storage.head(each.key))]


def findings(work: Workspace) -> object:
    with work.registry() as registry:
        return fsck(registry.ledger, registry.public, registry.config.site, Silent()).findings


def test_a_bucket_is_published_to_and_a_second_run_changes_nothing(work: Workspace) -> None:
    assert work.publish().refusals == ()
    assert listed(work) == ["1.0.0", "1.1.0"]
    before = written(work)
    again = work.publish()
    assert (again.puts, again.published) == (0, ())
    assert [(each, each.written) for each in written(work)] == [(each, each.written) for each in before]
    for found in before:
        rule = paths.rule(found.key)
        assert (found.content_type, found.cache_control) == (rule.content_type, rule.cache_control)
    assert findings(work) == ()
    assert not (work.root / "public").exists()


def test_what_is_withdrawn_and_collected_is_gone_from_the_bucket(work: Workspace) -> None:
    work.publish()
    path = work.root / f"catalog/modules/{ADDRESS}.yaml"
    path.write_text(path.read_text() + 'withdrawn:\n  - versions: "1.0.0"\n    reason: It holds a secret.\n')
    assert run_here(work, "publish").code == 0
    assert listed(work) == ["1.1.0"]
    ran = run_here(work, "gc", "--now", "--yes")
    assert (ran.code, ran.err) == (0, "")
    assert bucket(work).head(ARCHIVE) is None
    assert bucket(work).head(ARCHIVE.replace("1.0.0", "1.1.0"))
    assert findings(work) == ()

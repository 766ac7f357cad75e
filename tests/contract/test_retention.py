"""Retention, through the ledger and time: what is too old or beyond the newest is withdrawn, and does not come back."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from deployments.demo.signing import read_signer
from deployments.demo.upstream import make_upstream
from registry_gen import wiring
from registry_gen.model.intent import Run
from registry_gen.plan.collect import Extent
from registry_gen.publish.gc import gc
from registry_gen.publish.progress import Silent
from tests.support.git_repo import GitRepo
from tests.support.http_server import HttpServer
from tests.support.tls import Authority
from tests.support.workspace import NOW, Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
KEY = (ROOT / "catalog/keys/mirrors/sprocket.asc").read_text()
ADDRESS = "registry.example.net/acme/sprocket"
MODULE = "v1/modules/acme/network/aws"


@pytest.fixture
def mirrored(tmp_path: Path, database: str) -> Iterator[Workspace]:
    """A registry that mirrors two versions."""
    authority = Authority(tmp_path / "authority")
    make_upstream(tmp_path / "upstream", read_signer(ROOT / "deployments/demo/upstream-key.asc"), KEY)
    with HttpServer(authority=authority) as server:
        server.folder("/", tmp_path / "upstream")
        upstreams = json.dumps({"registry.example.net": server.url("").rstrip("/")})
        network = f"  ca_file: {json.dumps(str(authority.ca_file))}\n  upstreams: {upstreams}\n"
        work = Workspace(tmp_path / "work", database, network=network)
        work.write("catalog/keys/sprocket.asc", KEY)
        work.write(
            f"catalog/mirrors/{ADDRESS}.yaml",
            'trust:\n  keys: [sprocket.asc]\nversions: ">= 2.0.0"\nplatforms: [linux_amd64]\n',
        )
        assert not work.publish().refusals
        yield work


def collect(work: Workspace) -> None:
    with work.registry() as registry:
        run = Run("ada", None, None, NOW + timedelta(days=90))
        assert not gc(registry, wiring.open_keys(registry).log, Extent(at_once=True), run, Silent()).refusals


def test_a_mirror_keeps_the_newest_versions_and_fetches_no_other_again(mirrored: Workspace) -> None:
    work, index = mirrored, f"v1/mirror/{ADDRESS}/index.json"
    assert work.document(index)["versions"].keys() == {"2.0.0", "2.1.0"}
    entry = work.root / f"catalog/mirrors/{ADDRESS}.yaml"
    entry.write_text(entry.read_text() + "retention:\n  latest: 1\n")

    assert not work.publish(NOW + timedelta(hours=1)).refusals
    assert work.document(index)["versions"].keys() == {"2.1.0"}
    collect(work)
    assert not [key for key in work.tree() if "_2.0.0_" in key], "its zip is gone"

    for days in (1, 2):
        report = work.publish(NOW + timedelta(days=days))
        assert (report.published, report.refusals, report.puts) == ((), (), 0)


def test_a_prerelease_is_withdrawn_when_its_time_has_come_although_nothing_changed(
    tmp_path: Path, database: str
) -> None:
    work = Workspace(tmp_path / "work", database)
    repo = GitRepo(tmp_path / "network.git")
    repo.tag("v2.0.0-rc.1", repo.commit({"main.tf": 'variable "name" {}\n'}))
    work.module("acme/network/aws", repo.url, 'versions: "= 2.0.0-rc.1"\nretention:\n  prerelease_days: 30\n')
    assert not work.publish().refusals

    assert not work.publish(NOW + timedelta(days=29)).published
    assert work.document(f"{MODULE}/versions")["modules"][0]["versions"] == [{"version": "2.0.0-rc.1"}]
    assert work.publish(NOW + timedelta(days=30)).published
    assert work.document(f"{MODULE}/versions")["modules"][0]["versions"] == []

    collect(work)
    assert f"{MODULE}/2.0.0-rc.1/module.tar.gz" not in work.tree()
    assert not work.publish(NOW + timedelta(days=60)).published, "it does not come back"

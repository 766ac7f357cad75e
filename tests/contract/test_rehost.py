"""A version that is hosted otherwise keeps its contents, whichever way it goes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.support.git_repo import GitRepo
from tests.support.reader import check_reachable
from tests.support.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path

ADDRESS = "acme/network/aws"
LEAF = f"v1/modules/{ADDRESS}/1.0.0/download"


def test_a_copy_becomes_a_link_and_a_copy_again(tmp_path: Path, database: str) -> None:
    repo = GitRepo(tmp_path / "network.git")
    commit = repo.commit({"main.tf": "", "README.md": "# Network"})
    repo.tag("v1.0.0", commit)
    work = Workspace(tmp_path / "work", database)
    work.module(ADDRESS, repo.url)
    assert not work.publish().refusals
    copied = work.document(LEAF)["location"]
    assert copied.startswith("./module.tar.gz?checksum=sha256:")

    work.module(ADDRESS, repo.url, "hosting: link\n")
    assert not work.publish().refusals
    assert work.document(LEAF)["location"].endswith(f"?ref={commit}")

    work.module(ADDRESS, repo.url)
    assert not work.publish().refusals
    assert work.document(LEAF)["location"] == copied
    assert check_reachable(work.public) == 1
    entries = [json.loads(entry) for entry in _log_entries(work)]
    versions = [(entry["type"], entry["hosting"]) for entry in entries if "hosting" in entry]
    assert versions == [("published", "copy"), ("hosting-changed", "link"), ("hosting-changed", "copy")]
    assert work.plan().packages == ()


def _log_entries(work: Workspace) -> tuple[bytes, ...]:
    with work.registry() as registry, registry.ledger.publication(0) as publication:
        return publication.log_entries(0, 100)

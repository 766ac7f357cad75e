"""What is stored and whose it is; and quotas, from the first look to what only staged bytes tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from registry_gen import paths, wiring
from registry_gen.model.facts import Stock
from registry_gen.model.intent import Run
from registry_gen.plan.collect import Extent
from registry_gen.publish.gc import gc
from registry_gen.publish.progress import Silent
from registry_gen.publish.usage import kind_of
from tests.support.command_line import run_here
from tests.support.git_repo import GitRepo
from tests.support.kinds import GADGET, NETWORK, SPROCKET, WIDGET, Kinds
from tests.support.releases import make_release
from tests.support.workspace import NOW, Workspace

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def work(kinds: Kinds) -> Workspace:
    return kinds.published()


def test_every_object_is_counted_once_by_kind_and_by_whose_it_is(work: Workspace) -> None:
    work.write("catalog/organizations/acme-inc.yaml", "namespaces: [acme]\nquota: {size: 1 GB}\n")
    found = run_here(work, "--json", "storage", "usage").json
    tree = work.tree()
    assert (found["objects"], found["bytes"]) == (len(tree), sum(map(len, tree.values())))
    assert sum(kind["objects"] for kind in found["kinds"].values()) == len(tree)
    for kind, each in found["kinds"].items():
        mine = [body for key, body in tree.items() if kind_of(key) == kind]
        assert (each["objects"], each["bytes"]) == (len(mine), sum(map(len, mine)))
    assert [each["address"] for each in found["packages"]] != sorted(each["address"] for each in found["packages"])
    assert {each["address"] for each in found["packages"]} == {NETWORK, WIDGET, GADGET, SPROCKET}
    sizes = [each["bytes"] for each in found["packages"]]
    assert sizes == sorted(sizes, reverse=True)
    in_packages = sum(each["objects"] for each in found["packages"])
    assert in_packages == len(tree) - 1 - found["kinds"]["log"]["objects"], "all but the log and the site's document"
    owners = {each["name"]: each for each in found["owners"]}
    assert owners.keys() == {"acme-inc", "registry.example.net/acme"}
    assert owners["acme-inc"]["organization"]
    assert owners["acme-inc"]["quota"]["bytes"] == 10**9
    archives = sum(
        len(body) for key, body in tree.items() if key.endswith((".tar.gz", ".zip")) and "/mirror/" not in key
    )
    assert owners["acme-inc"]["quota"]["bytes_used"] == archives
    assert owners["registry.example.net/acme"]["quota"] is None
    assert found["unknown"] == {"objects": 0, "bytes": 0}


def test_what_the_ledger_does_not_know_is_told_apart(work: Workspace) -> None:
    foreign = {
        paths.scratch_new("0" * 32): b"tried",
        "notes.txt": b"notes",
        "v1/modules/gone/one/aws/1.0.0/module.tar.gz": b"archive",
        f"records/{'0' * 64}": b"{}",
    }
    for key, body in foreign.items():
        (work.public / key).parent.mkdir(parents=True, exist_ok=True)
        (work.public / key).write_bytes(body)
    found = run_here(work, "--json", "storage", "usage").json
    assert found["unknown"] == {"objects": 4, "bytes": 19}
    assert found["kinds"]["other"] == {"objects": 2, "bytes": 10}
    assert "4 objects with 19 bytes of nothing that the ledger knows" in run_here(work, "storage", "usage").out


def test_a_terminal_gets_the_largest_ones(work: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("registry_gen.cli.storage_usage.SHOWN", 2)
    out = run_here(work, "storage", "usage").out
    part = out.partition("By package\n")[2]
    assert "and 2 more with" in part
    assert len([line for line in part.splitlines() if line.startswith("  ")]) == 3
    whole = run_here(work, "storage", "usage", "--all").out
    assert all(address in whole for address in (NETWORK, WIDGET, GADGET, SPROCKET))
    assert max(map(len, whole.splitlines())) <= 100


def test_collected_versions_and_links_take_up_nothing(work: Workspace, kinds: Kinds) -> None:
    with work.registry() as registry:
        before = registry.ledger.stock(["acme", "nobody"])
    tree = work.tree()
    mine = {key: len(body) for key, body in tree.items() if key.endswith((".tar.gz", ".zip")) and "/mirror/" not in key}
    assert before == {"acme": Stock(sum(mine.values()), 5)}
    gone = 'withdrawn:\n  - versions: "1.0.0"\n    reason: Gone.\n'
    kinds.configure(work, network=gone, widget=gone)
    assert not work.publish().refusals
    with work.registry() as registry:
        signer = wiring.open_keys(registry).log
        assert registry.ledger.stock(["acme"])["acme"].versions == 5, "what is only withdrawn is still there"
        gc(registry, signer, Extent(at_once=True), Run("ada", None, None, NOW), Silent())
        left = {key: size for key, size in mine.items() if "aws/1.0.0" not in key and "widget/1.0.0" not in key}
        assert registry.ledger.stock(["acme"]) == {"acme": Stock(sum(left.values()), 3)}
    kinds.configure(work, network=f"hosting: link\n{gone}", widget=gone)
    assert not work.publish().refusals
    with work.registry() as registry:
        links = sum(size for key, size in left.items() if NETWORK in key)
        assert registry.ledger.stock(["acme"]) == {"acme": Stock(sum(left.values()) - links, 3)}


@pytest.fixture
def small(tmp_path: Path, database: str) -> Workspace:
    """A registry whose organization may have one version of each package, or 3,000 bytes, of random archives."""
    work = Workspace(tmp_path / "work", database)
    repo = GitRepo(tmp_path / "network.git")
    repo.tag("v1.0.0", repo.commit({"main.tf": "# One.\n"}))
    work.module(NETWORK, repo.url)
    work.provider("tools/gadget", tmp_path / "gadget")
    make_release(tmp_path / "gadget", "gadget", "1.0.0", platforms=("linux_amd64",))
    return work


def test_plan_refuses_what_publish_would_and_says_what_is_used_allowed_and_asked(small: Workspace) -> None:
    small.write("catalog/organizations/acme.yaml", "namespaces: [acme, tools]\nquota: {versions: 1}\n")
    ran = run_here(small, "plan")
    assert "PLN025" in ran.out
    assert "expected  at most 1 versions of the organization acme" in ran.out
    assert "found     1 used, 1 more asked" in ran.out
    report = small.publish()
    assert [(str(each.address), each.error.code.id) for each in report.refusals] == [("tools/gadget", "PLN025")]
    assert [str(each.address) for each in report.published] == [NETWORK]
    small.write("catalog/organizations/acme.yaml", "namespaces: [acme, tools]\nquota: {versions: 2}\n")
    assert not small.publish().refusals


def test_a_module_that_turns_out_too_large_is_refused_when_it_is_staged_and_others_go_on(small: Workspace) -> None:
    small.write("catalog/organizations/acme.yaml", "namespaces: [acme]\nquota: {size: 20}\n")
    assert not small.plan().refusals, "nobody knows the archive's size before it is packed"
    report = small.publish()
    assert [(str(each.address), each.error.code.id) for each in report.refusals] == [(NETWORK, "PLN025")]
    assert "0 used" in report.refusals[0].error.found
    assert [str(each.address) for each in report.published] == ["tools/gadget"]
    small.write("catalog/organizations/acme.yaml", "namespaces: [acme]\nquota: {size: 1 MB}\n")
    assert not small.publish().refusals
    assert small.document(f"v1/modules/{NETWORK}/versions")["modules"][0]["versions"][0]["version"] == "1.0.0"

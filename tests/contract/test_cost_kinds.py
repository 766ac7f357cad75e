"""Cost follows the change for providers and mirrors too, and a changed shared file costs what depends on it.

Each test changes packages of its own, so that all share one registry of each size.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from deployments.demo.signing import read_signer
from deployments.demo.upstream import VERSIONS, make_upstream
from tests.support.cost import OBJECTS, RARE, counted
from tests.support.git_repo import GitRepo
from tests.support.http_server import HttpServer
from tests.support.openpgp_keys import make_key
from tests.support.releases import make_release
from tests.support.tls import Authority
from tests.support.workspace import Workspace

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator

    from registry_gen.publish.run import Report
    from tests.support.postgres import Postgres

SIZES: Final = (3, 30)
PLATFORMS: Final = ("darwin_arm64", "linux_amd64", "linux_arm64")
KEY: Final = make_key("acme")
BETA: Final = make_key("beta")
RENEWED: Final = make_key("beta", expires=datetime(2035, 1, 1, tzinfo=UTC))
ROOT: Final = Path(__file__).parents[2]
UPSTREAM_KEY: Final = (ROOT / "catalog/keys/mirrors/sprocket.asc").read_text()
NEWER: Final = "2.2.0"
FOR_THE_LOG: Final = 8
"""Puts beside a change's own documents and artifacts, at most."""


@dataclass
class Registry:
    """So many providers and so many mirrors of namespace acme, and two packages of beta that share its key."""

    work: Workspace
    releases: Path

    def release(self, type_: str, version: str) -> None:
        """One more version of a provider, for every platform."""
        key = BETA if type_ == "gadget" else KEY
        make_release(self.releases / type_ / version, type_, version, key=key, platforms=PLATFORMS)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[HttpServer, Authority]]:
    """Upstreams below /same/ and below /SIZE/; those are to change."""
    root = tmp_path_factory.mktemp("upstreams")
    authority = Authority(root / "authority")
    with HttpServer(authority=authority) as started:
        for name in ("same", *map(str, SIZES)):
            offer(root / name, VERSIONS)
            started.folder(f"/{name}/", root / name)
        yield started, authority


def offer(folder: Path, versions: tuple[str, ...]) -> None:
    """Let an upstream have these versions."""
    make_upstream(folder, read_signer(ROOT / "deployments/demo/upstream-key.asc"), UPSTREAM_KEY, versions)
    (folder / ".well-known/terraform.json").write_text('{"providers.v1": "../v1/providers/"}')


@pytest.fixture(scope="module")
def sizes(
    tmp_path_factory: pytest.TempPathFactory, postgres: Postgres, server: tuple[HttpServer, Authority]
) -> Iterator[dict[int, Registry]]:
    """The same registry at both sizes, published."""
    root = tmp_path_factory.mktemp("sizes")
    names = {size: f"cost_kinds_{size}" for size in SIZES}
    try:
        yield {size: made(root / str(size), postgres.create(name), size, *server) for size, name in names.items()}
    finally:
        for name in names.values():
            postgres.drop(name)


def made(root: Path, dsn: str, size: int, server: HttpServer, authority: Authority) -> Registry:
    hosts = {host(number): server.url(f"/{'same' if number else size}") for number in range(size)}
    network = f"  ca_file: {json.dumps(str(authority.ca_file))}\n  upstreams: {json.dumps(hosts)}\n"
    registry = Registry(Workspace(root / "work", dsn, network=network), root / "releases")
    work = registry.work
    for name, armor in (("acme", KEY.armor), ("beta", BETA.armor), ("sprocket", UPSTREAM_KEY)):
        work.write(f"catalog/keys/{name}.asc", armor)
    for number in range(size):
        registry.release(f"widget{number}", "1.0.0")
        provider(work, f"acme/widget{number}", registry.releases / f"widget{number}", "signing_keys: [acme.asc]\n")
        mirror = 'trust: {keys: [sprocket.asc]}\nversions: ">= 2.1.0"\nplatforms: [linux_amd64]\n'
        work.write(f"catalog/mirrors/{host(number)}/acme/sprocket.yaml", mirror)
    work.write("catalog/namespaces/beta.yaml", "signing_keys: [beta.asc]\n")
    registry.release("gadget", "1.0.0")
    provider(work, "beta/gadget", registry.releases / "gadget", "")
    repo = GitRepo(root / "network.git")
    repo.tag("v1.0.0", repo.commit({"main.tf": ""}))
    work.module("beta/network/aws", repo.url)
    assert not work.publish().refusals
    return registry


def host(number: int) -> str:
    return f"registry{number}.example.net"


def provider(work: Workspace, address: str, releases: Path, more: str) -> None:
    work.write(f"catalog/providers/{address}.yaml", f"source:\n  releases: {json.dumps(str(releases))}\n{more}")


def looked_at(report: Report) -> set[str]:
    """The packages that the plan had to decide about."""
    return {str(package.address) for package in report.plan.packages}


def same_at_any_size(found: dict[int, dict[str, Counter[str]]]) -> dict[str, Counter[str]]:
    """The counts, which are equal at all sizes once each source was looked at as often as it is in the catalog."""
    for size, counts in found.items():
        assert counts["releases"].pop("sight") == size + 1
        assert counts["upstream"].pop("sight") == size
    small, large = (found[size] for size in SIZES)
    assert small == large
    assert not RARE & small["storage"].keys()
    return small


def test_no_provider_and_no_mirror_costs_anything_where_nothing_is_new(
    sizes: dict[int, Registry], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = {}
    for size, registry in sizes.items():
        report, found[size] = counted(registry.work, monkeypatch)
        assert (report.published, report.refusals, report.puts, looked_at(report)) == ((), (), 0, set())
    counts = same_at_any_size(found)
    assert counts["storage"][OBJECTS] == 0
    assert counts["rendered"] == {"documents": 1}, "the site's own, which are few"
    assert not counts["releases"] + counts["upstream"], "sources were asked what they have, and for nothing else"


def test_one_new_version_of_a_provider_costs_the_same_at_any_size(
    sizes: dict[int, Registry], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = {}
    for size, registry in sizes.items():
        registry.release("widget0", "1.1.0")
        report, found[size] = counted(registry.work, monkeypatch)
        assert (report.refusals, looked_at(report)) == ((), {"acme/widget0"})
    counts = same_at_any_size(found)
    documents = len(PLATFORMS) + 2  # one for each platform, the listing, and the one that proves the version
    artifacts = len(PLATFORMS) + 3  # the zips, sums, signature and record
    assert documents + artifacts < counts["storage"][OBJECTS] <= documents + artifacts + FOR_THE_LOG
    assert counts["releases"]["copy"] == len(PLATFORMS)
    assert not counts["upstream"]


def test_one_new_version_of_a_mirror_costs_the_same_at_any_size(
    sizes: dict[int, Registry], server: tuple[HttpServer, Authority], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found = {}
    offer(tmp_path, (*VERSIONS, NEWER))
    for size, registry in sizes.items():
        server[0].folder(f"/{size}/", tmp_path)
        report, found[size] = counted(registry.work, monkeypatch)
        assert (report.refusals, looked_at(report)) == ((), {f"{host(0)}/acme/sprocket"})
    counts = same_at_any_size(found)
    documents, artifacts = 3, 2  # index, version, and the one that proves it; zip and record
    assert documents + artifacts < counts["storage"][OBJECTS] <= documents + artifacts + FOR_THE_LOG
    assert counts["upstream"] == {"package": 1, "small": 2, "copy": 1}
    assert not counts["releases"]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("catalog/keys/beta.asc", RENEWED.armor),
        ("catalog/namespaces/beta.yaml", "signing_keys: [beta.asc, acme.asc]\n"),
        ("catalog/organizations/beta.yaml", "namespaces: [beta]\n"),
    ],
    ids=["key", "namespace", "organization"],
)
def test_a_changed_shared_file_costs_the_packages_that_depend_on_it(
    sizes: dict[int, Registry], monkeypatch: pytest.MonkeyPatch, path: str, text: str
) -> None:
    found = {}
    for size, registry in sizes.items():
        registry.work.write(path, text)
        report, found[size] = counted(registry.work, monkeypatch)
        depending = {"beta/gadget"} if "keys" in path else {"beta/gadget", "beta/network/aws"}
        assert (report.refusals, looked_at(report)) == ((), depending)
        changed = set() if "organizations" in path else {"beta/gadget"}
        assert {str(package.address) for package in report.published} == changed
    counts = same_at_any_size(found)
    assert not counts["releases"] + counts["upstream"], "what was published is not fetched again"

"""A fork's pull request: planned against what is public, with no ledger, no storage, no key and no secret at hand."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from registry_gen.signing.log import LogSigner, make_log_key
from tests.support.command_line import Ran, run_apart
from tests.support.git_repo import GitRepo
from tests.support.http_server import HttpServer, Reply
from tests.support.openpgp_keys import make_key
from tests.support.releases import make_release
from tests.support.tls import Authority
from tests.support.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.postgres import Postgres

NOWHERE = "postgresql://nobody@127.0.0.1:1/none?connect_timeout=1"
WITHDRAWN = "withdrawn:\n  - versions: 1.0.0\n    reason: Broken.\n"
LINUX, DARWIN = "linux_amd64", "darwin_arm64"


class Fork:
    """The catalog of a published registry in another folder, where nothing of the registry itself can be reached."""

    def __init__(self, root: Path, database: str) -> None:
        root.mkdir(exist_ok=True)
        self.releases = root / "widget"
        self.repo = GitRepo(root / "network.git")
        for version in ("1.0.0", "1.1.0"):
            self.repo.tag(f"v{version}", self.repo.commit({"main.tf": f"# {version}\n"}))
        self.key = make_key("acme")
        make_release(self.releases, "widget", "1.0.0", key=self.key, platforms=(LINUX, DARWIN))
        self.work = Workspace(root / "work", database)
        self.work.module("acme/network/aws", self.repo.url)
        self.work.module("acme/other/aws", self.repo.url)
        self.work.provider("acme/widget", self.releases, key=self.key.armor)
        assert not self.work.publish().refusals
        self.fork = Workspace(root / "fork", NOWHERE)
        self.published = root / "catalog"
        shutil.copytree(self.work.root / "catalog", self.published)
        config = (self.fork.root / "registry.yaml").read_text()
        self.fork.write(
            "registry.yaml",
            config.replace("./public", "s3://not-there").replace("./private", "s3://not-there-either"),
        )
        self.vkey = self.work.cli("log", "key").stdout.strip()

    def plan(self, server: HttpServer, ca_file: Path, *arguments: str) -> Ran:
        """``plan --against`` this server in a process of its own."""
        return run_apart(
            self.fork, "plan", "--against", server.url("/"), *arguments, env={"SSL_CERT_FILE": str(ca_file)}
        )


@dataclass(frozen=True)
class Served:
    """The registry behind TLS, and the fork that plans against it."""

    fork: Fork
    server: HttpServer
    ca_file: Path

    def plan(self, *arguments: str) -> Ran:
        """See ``Fork``."""
        return self.fork.plan(self.server, self.ca_file, *arguments)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, postgres: Postgres) -> Iterator[Fork]:
    yield Fork(tmp_path_factory.mktemp("fork"), postgres.create("plan_against"))
    postgres.drop("plan_against")


@pytest.fixture
def served(made: Fork, tmp_path: Path) -> Iterator[Served]:
    """With the catalog as it is published."""
    for workspace in (made.work, made.fork):
        shutil.rmtree(workspace.root / "catalog")
        shutil.copytree(made.published, workspace.root / "catalog")
    authority = Authority(tmp_path / "ca")
    with HttpServer(authority=authority) as server:
        server.folder("/", made.work.public)
        yield Served(made, server, authority.ca_file)


def asked(server: HttpServer) -> list[str]:
    return sorted(request.path.removeprefix("/") for request in server.requests)


def test_a_change_is_planned_with_nothing_but_the_public_address(served: Served) -> None:
    served.fork.fork.module("acme/network/aws", served.fork.repo.url, WITHDRAWN)
    ran = served.plan("--only", "acme/network/aws", "--key", served.fork.vkey, "--json")
    plan = json.loads(ran.out)
    assert (ran.code, ran.err) == (0, "")
    size = plan["published"]["log_size"]
    assert plan["published"] == {"where": served.server.url("/"), "log_size": size, "verified": True}
    (package,) = plan["packages"]
    assert package["actions"] == [{"action": "withdraw", "version": "1.0.0", "reason": "Broken."}]
    assert (package["new"], package["revision"]) == (False, 1)
    ours = [key for key in asked(served.server) if not key.startswith("log/")]
    assert ours == [
        "modules/acme/network/aws/1.0.0/index.json",
        "modules/acme/network/aws/1.1.0/index.json",
        "v1/modules/acme/network/aws/versions",
    ], "nothing of other packages, and no record"
    assert len(asked(served.server)) <= 3 + 3, "checkpoint, a bundle, a tile"


def test_it_says_the_same_as_with_the_ledger(served: Served) -> None:
    fork, more = served.fork, f"{WITHDRAWN}deprecated: Use another.\n"
    for workspace in (fork.work, fork.fork):
        workspace.module("acme/network/aws", fork.repo.url, more)
        workspace.module("acme/newer/aws", fork.repo.url)
        workspace.provider("acme/widget", fork.releases, "deprecated: Gone.\n", key=fork.key.armor)
    public, ledger = json.loads(served.plan("--json").out), run_apart(fork.work, "plan", "--json").json
    assert public.pop("published")["where"] is not None
    assert ledger.pop("published")["where"] is None
    assert public == ledger
    assert [package["address"] for package in public["packages"]] == [
        *("acme/network/aws", "acme/newer/aws", "acme/widget")
    ]


def test_without_a_key_it_says_that_nothing_was_verified(served: Served) -> None:
    ran = served.plan("--only", "acme/other/aws", "--format", "markdown")
    assert ran.code == 0
    assert "**not verified: no key was given**" in ran.out
    assert "log/tile" not in "".join(asked(served.server)), "proofs prove nothing then"
    text = served.plan("--only", "acme/other/aws").out
    assert f"Planned against {served.server.url('/')}, a log of " in text
    assert "not verified: no --key" in text


def test_another_key_stops_it(served: Served) -> None:
    other = LogSigner("registry.example.com/log", make_log_key()).vkey
    ran = served.plan("--only", "acme/other/aws", "--key", other)
    assert ran.code == 1
    assert "LOG005" in ran.err


def test_documents_that_need_no_fetching_are_compared(served: Served) -> None:
    served.fork.fork.module(
        "acme/network/aws", served.fork.repo.url, "withdrawn:\n  - versions: 1.0.0\n    reason: Broken.\n"
    )
    served.fork.fork.module("acme/newer/aws", served.fork.repo.url)
    ran = served.plan("--only", "acme/network/aws", "--only", "acme/newer/aws", "--diff")
    assert "changed v1/modules/acme/network/aws/versions\n" in ran.out
    assert '-          "version": "1.0.0"\n' in ran.out
    assert "acme/newer/aws: its documents are known only once it is fetched, which --against does not do" in ran.out
    assert "1 protocol document would change, those of 1 package not counted." in ran.out


def test_a_redirect_into_a_private_network_is_not_followed(made: Fork, tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca")
    with HttpServer(authority=authority) as server:
        server.route("/log/checkpoint", Reply.redirect("https://169.254.169.254/latest/meta-data/"))
        ran = made.plan(server, authority.ca_file, "--only", "acme/other/aws")
    assert ran.code == 1
    assert "NET00" in ran.err


def test_a_plan_that_a_fork_saved_is_published_by_who_holds_the_keys(database: str, tmp_path: Path) -> None:
    made, authority = Fork(tmp_path / "made", database), Authority(tmp_path / "ca")
    made.repo.tag("v1.2.0", made.repo.commit({"main.tf": "# 1.2.0\n"}))
    for workspace in (made.fork, made.work):
        workspace.module("acme/network/aws", made.repo.url, WITHDRAWN)
    with HttpServer(authority=authority) as server:
        server.folder("/", made.work.public)
        ran = made.plan(server, authority.ca_file, "--only", "acme/network/aws", "--out", str(tmp_path / "plan.json"))
    assert ran.code == 0
    made.repo.tag("v1.3.0", made.repo.commit({"main.tf": "# 1.3.0\n"}))
    published = run_apart(made.work, "publish", str(tmp_path / "plan.json"))
    assert (published.code, published.err) == (0, "")
    assert "Published 1 version and withdrew 1 version in 1 package" in published.out
    (listing,) = made.work.document("v1/modules/acme/network/aws/versions")["modules"]
    assert [each["version"] for each in listing["versions"]] == ["1.1.0", "1.2.0"]

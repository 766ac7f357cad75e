"""A change on its way through GitHub's pipelines with the real command line: planned, approved, published."""

from __future__ import annotations

import io
import subprocess
import zipfile
from typing import TYPE_CHECKING, Final

import pytest

from tests.support.command_line import run_here
from tests.support.fake_forge import FakeForge
from tests.support.git_repo import GitRepo
from tests.support.http_server import HttpServer
from tests.support.pipelines import Commands, run, scripts
from tests.support.tls import Authority
from tests.support.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.command_line import Ran
    from tests.support.postgres import Postgres

REPO: Final = "/repos/acme/catalog"
MARKER: Final = "[//]: # (registry-gen plan)"
PLATFORM: Final = "namespaces: [platform]\nregistry: true\nmembers:\n  admin: [ann, bob]\n  publisher: [pat]\n"
APPROVALS: Final = "approvals:\n  new_package: {role: publisher}\n"


class Catalog:
    """A catalog repository with a published registry, and a GitHub that runs its pipelines."""

    def __init__(self, root: Path, database: str, forge: FakeForge) -> None:
        self.module = GitRepo(root / "network.git")
        self.module.tag("v1.0.0", self.module.commit({"main.tf": 'variable "name" {}\n'}))
        self.work = Workspace(root / "work", database)
        self.forge = forge
        self.commands = Commands(root / "bin").real()
        self.temp = root / "temp"
        self.temp.mkdir()
        self.git("init", "--quiet", "--initial-branch=main")
        self.work.write(".gitignore", "/public/\n/private/\n/state/\nplan.*\n")
        self.work.module("acme/first/aws", self.module.url)
        self.work.write("catalog/organizations/platform.yaml", PLATFORM)
        self.work.write("catalog/policies/approvals.yaml", APPROVALS)
        assert run_here(self.work, "fmt").code == 0
        self.first = self.commit()
        approved = ("--approved-by", "ann", "--approved-by", "bob")
        assert run_here(self.work, "publish", *approved).code == 0

    def git(self, *arguments: str) -> str:
        who = ("-c", "user.name=A", "-c", "user.email=a@example.test")
        done = subprocess.run(["git", *who, *arguments], cwd=self.work.root, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def commit(self) -> str:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "A change")
        return self.git("rev-parse", "HEAD")

    def merge(self, address: str) -> str:
        """Propose a module and merge it; the merge's commit, which is checked out."""
        self.git("switch", "--quiet", "--create", address.replace("/", "-"))
        self.work.module(address, self.module.url)
        self.commit()
        self.git("switch", "--quiet", "main")
        self.git("merge", "--quiet", "--no-ff", "--message", "Merge", address.replace("/", "-"))
        return self.git("rev-parse", "HEAD")

    def run(self, file: str, step: str, **more: str) -> Ran:
        env = {
            "GITHUB_ACTIONS": "true",
            "GITHUB_API_URL": self.forge.url,
            "GITHUB_REPOSITORY": "acme/catalog",
            "GITHUB_REF_NAME": "main",
            "GITHUB_SHA": self.git("rev-parse", "HEAD"),
            "GITHUB_STEP_SUMMARY": str(self.temp / "summary"),
            "RUNNER_TEMP": str(self.temp),
            "BEFORE": self.first,
            "TOKEN": "token",
        }
        return run(scripts("github")[file, step], self.work.root, self.commands, {**env, **more})

    def reviewed(self, commit: str, *approved: str) -> None:
        """Let the forge say who approved the pull request that brought a commit."""
        head = {"sha": "c" * 40}
        pull = {"number": 7, "merged_at": "2026", "base": {"ref": "main"}, "head": head, "user": {"login": "quinn"}}
        self.forge.says(f"{REPO}/commits/{commit}/pulls", [pull])
        reviews = [{"user": {"login": name}, "state": "APPROVED", "commit_id": head["sha"]} for name in approved]
        self.forge.pages(f"{REPO}/pulls/7/reviews", reviews)


@pytest.fixture
def catalog(tmp_path: Path, postgres: Postgres) -> Iterator[Catalog]:
    with FakeForge() as forge:
        yield Catalog(tmp_path, postgres.create("pipelines"), forge)
    postgres.drop("pipelines")


def test_a_change_is_planned_without_secrets_and_published_once_it_is_approved(
    catalog: Catalog, tmp_path: Path
) -> None:
    merged = catalog.merge("acme/network/aws")
    assert catalog.run("validate.yml", "Check the form").code == 0
    assert catalog.run("validate.yml", "Check the catalog").code == 0

    authority = Authority(tmp_path / "ca")
    with HttpServer(authority=authority) as server:
        server.folder("/", catalog.work.public)
        public = {"REGISTRY_URL": server.url("/"), "SSL_CERT_FILE": str(authority.ca_file)}
        key = run_here(catalog.work, "log", "key").out.strip()
        planned = catalog.run("validate.yml", "Plan", **public, REGISTRY_KEY=key)
    assert planned.code == 0, planned.err
    plan = (catalog.work.root / "plan.md").read_text()
    assert plan.startswith(MARKER)
    assert "acme/network/aws" in plan
    assert "its checkpoint is signed by the given key" in plan

    artifact = io.BytesIO()
    with zipfile.ZipFile(artifact, "w") as archive:
        archive.write(catalog.work.root / "plan.md", "plan.md")
    catalog.forge.says(f"{REPO}/pulls", [{"number": 7, "head": {"sha": merged}}])
    catalog.forge.says(f"{REPO}/actions/runs/1/artifacts", {"artifacts": [{"id": 9, "size_in_bytes": 1}]})
    catalog.forge.says(f"{REPO}/actions/artifacts/9/zip", artifact.getvalue())
    catalog.forge.pages(f"{REPO}/issues/7/comments", [])
    about = {"RUN": "1", "HEAD_SHA": merged, "HEAD_BRANCH": "x", "HEAD_OWNER": "acme"}
    assert catalog.run("comment.yml", "Comment", **about, HEAD_REPOSITORY="acme/catalog").code == 0
    assert [body for _, _, body in catalog.forge.told("POST")] == [{"body": plan}]

    catalog.reviewed(merged, "mallory")
    assert catalog.run("publish.yml", "Ask who approved it").code == 0
    refused = catalog.run("publish.yml", "Publish what was merged")
    assert (refused.code, "PLN030" in refused.out + refused.err) == (1, True)
    waiting = catalog.run("publish.yml", "Look whether all is published")
    assert "Something waits" in waiting.out or waiting.code == 1

    catalog.reviewed(merged, "mallory", "pat")
    assert catalog.run("publish.yml", "Ask who approved it").code == 0
    published = catalog.run("publish.yml", "Publish what was merged")
    assert published.code == 0, published.out + published.err
    versions = catalog.work.document("v1/modules/acme/network/aws/versions")
    assert [each["version"] for each in versions["modules"][0]["versions"]] == ["1.0.0"]
    assert catalog.run("publish.yml", "Look whether all is published").out.count("warning") == 0
    assert catalog.run("publish.yml", "Look whether the bucket is as it must be").code == 0


def test_new_pins_are_written_by_the_real_command_and_pushed(catalog: Catalog, tmp_path: Path) -> None:
    pinned = f"source:\n  git: {catalog.module.url}\n  pins:\n    1.0.0: {catalog.module.git('rev-parse', 'v1.0.0')}\n"
    catalog.work.write("catalog/modules/acme/pinned/aws.yaml", f"{pinned}versions: '>= 1.0.0'\n")
    catalog.commit()
    newer = catalog.module.commit({"main.tf": "# 1.1.0\n"})
    catalog.module.tag("v1.1.0", newer)
    remote = tmp_path / "acme/catalog"
    catalog.git("init", "--quiet", "--bare", str(remote))
    catalog.forge.says(f"{REPO}/pulls", [])
    assert catalog.run("update.yml", "Write new pins").code == 0
    more = {"GITHUB_SERVER_URL": f"file://{tmp_path}", "GITHUB_REPOSITORY_OWNER": "acme", "BASE": "main"}
    proposed = catalog.run("update.yml", "Propose them", **more)

    assert proposed.code == 0, proposed.err
    file = catalog.git("-C", str(remote), "show", "registry-gen/update:catalog/modules/acme/pinned/aws.yaml")
    assert newer in file
    assert [path for _, path, _ in catalog.forge.told("POST")] == [f"{REPO}/pulls"]

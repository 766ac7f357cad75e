"""``serve`` as a process: what is public is served and nothing else, and with --watch what the catalog says now."""

from __future__ import annotations

import json
import re
import ssl
import subprocess
from contextlib import closing
from http.client import HTTPSConnection
from typing import TYPE_CHECKING, Self

import pytest

from tests.support.command_line import command, environment, run_here, until
from tests.support.git_repo import GitRepo
from tests.support.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path

LISTING = "v1/modules/acme/network/aws/versions"


class Server:
    """``registry-gen serve`` on a free port."""

    def __init__(self, work: Workspace, *arguments: str) -> None:
        self._log = work.root / "serve.log"
        self._ca = work.root / "state/tls/ca.pem"
        with self._log.open("w") as log:
            self.process = subprocess.Popen(
                command("serve", "--port", "0", *arguments),
                cwd=work.root,
                env=environment(),
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def __enter__(self) -> Self:
        until(lambda: "Stop with Ctrl-C" in self.said or self.process.poll() is not None, "serving")
        found = re.search(r"at https://127\.0\.0\.1:(\d+)/", self.said)
        assert found, self.said
        self._port = int(found[1])
        self._context = ssl.create_default_context(cafile=self._ca)
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()

    @property
    def said(self) -> str:
        """Everything so far."""
        return self._log.read_text()

    def get(self, path: str) -> tuple[int, bytes]:
        """Status and body of a path, which is sent as it is: other clients resolve dots themselves."""
        connection = HTTPSConnection("127.0.0.1", self._port, context=self._context, timeout=60)
        with closing(connection):
            connection.request("GET", f"/{path}")
            answer = connection.getresponse()
            return answer.status, answer.read()

    def versions(self) -> list[str]:
        """The module's versions as listed."""
        status, body = self.get(LISTING)
        assert status == 200
        return [item["version"] for item in json.loads(body)["modules"][0]["versions"]]


@pytest.fixture
def repo(tmp_path: Path) -> GitRepo:
    made = GitRepo(tmp_path / "network.git")
    made.tag("v1.0.0", made.commit({"main.tf": "# network\n"}))
    return made


@pytest.fixture
def work(tmp_path: Path, database: str) -> Workspace:
    return Workspace(tmp_path / "work", database)


def test_the_public_folder_is_served_and_nothing_else_of_the_workspace(work: Workspace, repo: GitRepo) -> None:
    work.module("acme/network/aws", repo.url)
    assert run_here(work, "publish").code == 0
    work.write("private/records/secret", "secret")
    work.write("public/private-notes.txt", "not a key of ours")
    with Server(work) as server:
        assert json.loads(server.get(".well-known/terraform.json")[1])["modules.v1"] == "/v1/modules/"
        assert server.versions() == ["1.0.0"]
        for path in (
            "private/records/secret",
            "../private/records/secret",
            "v1/..%2f..%2fprivate/records/secret",
            "%2e%2e/private/records/secret",
            "../registry.yaml",
            "../state/keys/log.key",
            "private-notes.txt",
            ".staging/lock",
            "",
        ):
            assert server.get(path)[0] == 404, path


def test_with_watch_the_listing_follows_the_catalog_and_problems_are_told(work: Workspace, repo: GitRepo) -> None:
    attempts = iter(range(1000))

    def changed_until(path: str, text: str, seen: str) -> None:
        """Change a file until it is noticed: whether watching has begun does not show from outside."""
        before = len(server.said)
        for attempt in attempts:
            work.write(path, f"{text}# {attempt}\n")
            try:
                until(lambda: seen in server.said[before:], seen, seconds=3)
                return
            except AssertionError:
                assert attempt < 20, server.said

    entry = "catalog/modules/acme/network/aws.yaml"
    good = f"source:\n  git: {json.dumps(repo.url)}\n"
    work.write(entry, good)
    with Server(work, "--watch") as server:
        assert server.versions() == ["1.0.0"], "it publishes before it serves"
        changed_until(entry, f"{good}hostign: link\n", "CAT006 unknown key 'hostign'")
        assert server.versions() == ["1.0.0"], "it goes on serving"
        repo.tag("v1.1.0", repo.commit({"main.tf": "# more\n"}))
        changed_until(entry, good, "Published 1 version")
        assert server.versions() == ["1.0.0", "1.1.0"]
        # registry.yaml is watched too.
        text = (work.root / "registry.yaml").read_text()
        changed_until("registry.yaml", text.replace("storage:", "storrage:"), "CAT006 unknown key 'storrage'")
    assert "Traceback" not in server.said

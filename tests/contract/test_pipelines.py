"""The scripts of the pipelines: what they hand to ``registry-gen``, and what they make of its answer."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.support.fake_forge import FakeForge
from tests.support.pipelines import Commands, run, scripts

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.command_line import Ran

ZEROS: Final = "0" * 40
PUBLISHED: Final = {
    "github": ("publish.yml", "Publish what was merged"),
    "gitlab": (".gitlab-ci.yml", "publish"),
    "azure": ("azure-pipelines.yml", "publish: Publish what was merged"),
    "bitbucket": ("bitbucket-pipelines.yml", "publish"),
}
ASKED: Final = {
    "github": ("publish.yml", "Ask who approved it"),
    "azure": ("azure-pipelines.yml", "publish: Ask who approved it"),
}
PLANS: Final = {
    "github": ("validate.yml", "Plan"),
    "gitlab": (".gitlab-ci.yml", "plan"),
    "azure": ("azure-pipelines.yml", "validate: Plan"),
    "bitbucket": ("bitbucket-pipelines.yml", "plan"),
}
DRIFTS: Final = {
    "github": ("publish.yml", "Look whether all is published"),
    "gitlab": (".gitlab-ci.yml", "drift"),
    "azure": ("azure-pipelines.yml", "drift: Look whether all is as it must be"),
    "bitbucket": ("bitbucket-pipelines.yml", "drift"),
}
UPDATES: Final = {
    "github": ("update.yml", "Propose them"),
    "gitlab": (".gitlab-ci.yml", "update"),
    "azure": ("azure-pipelines.yml", "update: Propose them"),
    "bitbucket": ("bitbucket-pipelines.yml", "update"),
}
AZURE: Final = "/project/_apis/git/repositories/r1"
BITBUCKET: Final = "/repositories/acme/catalog"
TEAM_PROJECT: Final = {"SYSTEM_TEAMPROJECT": "project", "BUILD_REPOSITORY_ID": "r1"}


class Repository:
    """A checkout of a catalog: main with one commit of its own, and what was merged into it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir()
        self.git("init", "--quiet", "--initial-branch=main")
        self.first = self.commit("catalog/modules/acme/network/aws.yaml", "source: {}\n")

    def git(self, *arguments: str) -> str:
        who = ("-c", "user.name=A", "-c", "user.email=a@example.test", "-c", "core.hooksPath=/dev/null")
        return subprocess.run(
            ["git", *who, *arguments], cwd=self.root, check=True, capture_output=True, text=True
        ).stdout.strip()

    def commit(self, path: str, text: str) -> str:
        """Commit a file; its commit."""
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)
        self.git("add", path)
        self.git("commit", "--quiet", "--message", path)
        return self.git("rev-parse", "HEAD")

    def empty_commit(self) -> str:
        """One more commit of the same files, made without looking at any."""
        made = self.git("commit-tree", "-p", "HEAD", "-m", "More", "HEAD^{tree}")
        self.git("update-ref", "HEAD", made)
        return made

    def merge(self, name: str) -> str:
        """Merge a branch with one new file; the merge's commit."""
        self.git("switch", "--quiet", "--create", name)
        self.commit(f"catalog/modules/acme/{name}/aws.yaml", "source: {}\n")
        self.git("switch", "--quiet", "main")
        self.git("merge", "--quiet", "--no-ff", "--message", f"Merge {name}", name)
        return self.git("rev-parse", "HEAD")


@dataclass
class Pipeline:
    """One forge's run: its checkout, its API and the commands that it finds."""

    name: str
    repo: Repository
    forge: FakeForge
    commands: Commands
    temp: Path

    def env(self, **more: str) -> dict[str, str]:
        """What the forge sets, of a push of HEAD over the first commit, and of a pull request."""
        head = self.repo.git("rev-parse", "HEAD")
        first = self.repo.first
        own = {
            "github": {
                "GITHUB_API_URL": self.forge.url,
                "GITHUB_REPOSITORY": "acme/catalog",
                "GITHUB_REPOSITORY_OWNER": "acme",
                "GITHUB_SERVER_URL": f"file://{self.temp}",
                "GITHUB_REF_NAME": "main",
                "GITHUB_SHA": head,
                "GITHUB_STEP_SUMMARY": str(self.temp / "summary"),
                "RUNNER_TEMP": str(self.temp),
                "BEFORE": first,
                "BASE": "main",
                "TOKEN": "token",
            },
            "gitlab": {
                "CI_API_V4_URL": self.forge.url,
                "CI_PROJECT_ID": "5",
                "CI_PROJECT_URL": f"file://{self.temp}/acme/catalog",
                "CI_SERVER_URL": f"file://{self.temp}",
                "CI_DEFAULT_BRANCH": "main",
                "CI_COMMIT_SHA": head,
                "CI_COMMIT_BEFORE_SHA": first,
                "CI_MERGE_REQUEST_DIFF_BASE_SHA": self.repo.git("rev-parse", "HEAD^1"),
                "APPROVALS_TOKEN": "token",
                "UPDATE_TOKEN": "token",
                "CLOUD_TOKEN": "",
            },
            "azure": {
                "SYSTEM_COLLECTIONURI": f"{self.forge.url}/",
                "BUILD_REPOSITORY_URI": f"file://{self.temp}/acme/catalog.git",
                "BUILD_SOURCEVERSION": head,
                "TOKEN": "token",
                **TEAM_PROJECT,
            },
            "bitbucket": {
                "BITBUCKET_API_URL": self.forge.url,
                "BITBUCKET_REPO_FULL_NAME": "acme/catalog",
                "BITBUCKET_COMMIT": head,
                "BITBUCKET_PR_DESTINATION_COMMIT": self.repo.git("rev-parse", "HEAD^1"),
                "APPROVALS_TOKEN": "token",
                "UPDATE_TOKEN": "token",
            },
        }[self.name]
        return {**own, "REGISTRY_URL": "https://registry.example.com/", "REGISTRY_KEY": "", **more}

    def run(self, step: tuple[str, str], **more: str) -> Ran:
        return run(scripts(self.name)[step], self.repo.root, self.commands, self.env(**more))

    def publish(self, **more: str) -> list[str]:
        """Ask who approved it and publish; what ``registry-gen`` was called with at last."""
        if self.name in ASKED:
            ran = self.run(ASKED[self.name], **more)
            assert ran.code == 0, ran.err
        ran = self.run(PUBLISHED[self.name], **more)
        assert ran.code == 0, ran.err
        return self.commands.asked[-1]

    def brought(self, commit: str, number: int, approved: list[str], author: str = "pat", branch: str = "main") -> None:
        """Let the forge say that a merged pull request brought this commit, and who approved it."""
        forge, people = self.forge, [*approved, "mallory"]
        if self.name == "github":
            head = {"sha": "c" * 40}
            pull = {"number": number, "merged_at": "2026", "base": {"ref": branch}, "head": head}
            forge.says(f"/repos/acme/catalog/commits/{commit}/pulls", [{**pull, "user": {"login": author}}])
            reviews = [
                {"user": {"login": name}, "state": "APPROVED", "commit_id": head["sha"]} for name in approved
            ] + [
                {"user": {"login": "mallory"}, "state": "APPROVED", "commit_id": "d" * 40},
                {"user": {"login": "quinn"}, "state": "APPROVED", "commit_id": head["sha"]},
                {"user": {"login": "quinn"}, "state": "CHANGES_REQUESTED", "commit_id": head["sha"]},
                {"user": {"login": approved[0] if approved else "quinn"}, "state": "COMMENTED", "commit_id": "e" * 40},
                {"user": None, "state": "APPROVED", "commit_id": head["sha"]},
            ]
            forge.pages(f"/repos/acme/catalog/pulls/{number}/reviews", reviews)
        elif self.name == "gitlab":
            request = {"iid": number, "state": "merged", "target_branch": branch, "author": {"username": author}}
            forge.says(f"/projects/5/repository/commits/{commit}/merge_requests", [request])
            users = [{"user": {"username": name}} for name in approved]
            forge.says(f"/projects/5/merge_requests/{number}/approvals", {"approved_by": users})
        elif self.name == "azure":
            pull = {"pullRequestId": number, "status": "completed", "targetRefName": f"refs/heads/{branch}"}
            forge.says(f"{AZURE}/pullrequestquery", {"results": [{commit: [pull]}]})
            reviewers: list[dict[str, Any]] = [{"uniqueName": each, "vote": 10} for each in [*approved, author]]
            reviewers += [
                {"uniqueName": "team", "vote": 10, "isContainer": True},
                {"uniqueName": "mallory", "vote": -5},
            ]
            whole = {"createdBy": {"uniqueName": author}, "reviewers": reviewers}
            forge.says(f"{AZURE}/pullRequests/{number}", whole)
        else:
            forge.says(f"{BITBUCKET}/commit/{commit}/pullrequests", {"values": [{"id": number}]})
            pull = {
                "state": "MERGED",
                "destination": {"branch": {"name": branch}},
                "merge_commit": {"hash": commit[:12]},
            }
            members = [{"approved": each != "mallory", "user": {"account_id": each}} for each in [*people, author]]
            forge.says(
                f"{BITBUCKET}/pullrequests/{number}",
                {**pull, "author": {"account_id": author}, "participants": members},
            )


@pytest.fixture(params=["github", "gitlab", "azure", "bitbucket"])
def pipeline(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Pipeline]:
    with FakeForge() as forge:
        (tmp_path / "temp").mkdir()
        commands = Commands(tmp_path / "bin").stub()
        yield Pipeline(request.param, Repository(tmp_path / "repo"), forge, commands, tmp_path / "temp")


def test_who_approved_what_was_merged_is_handed_on_and_nobody_else(pipeline: Pipeline) -> None:
    merged = pipeline.repo.merge("vpc")
    pipeline.brought(merged, 7, ["ann", "$(touch canary) b"])
    asked = pipeline.publish()

    since = pipeline.repo.first
    assert asked[:2] == ["publish", "--changed-since"]
    assert asked[2] == since
    assert set(asked[3:]) == {"--approved-by=ann", "--approved-by=$(touch canary) b", "--author=pat"}
    assert not (pipeline.repo.root / "canary").exists()


def test_what_no_pull_request_brought_has_no_approval(pipeline: Pipeline) -> None:
    pushed = pipeline.repo.merge("vpc")
    pipeline.brought(pushed, 7, ["ann"], branch="elsewhere")

    assert pipeline.publish() == ["publish", "--changed-since", pipeline.repo.first]


@pytest.mark.parametrize("pipeline", ["github", "gitlab"], indirect=True)
def test_of_several_at_once_only_who_approved_each_counts_and_no_author(pipeline: Pipeline) -> None:
    pipeline.brought(pipeline.repo.merge("vpc"), 7, ["ann", "bob", "pia"], author="pat")
    pipeline.brought(pipeline.repo.merge("dns"), 8, ["ann", "bob", "pat"], author="bob")
    asked = pipeline.publish()

    assert asked[3:] == ["--approved-by=ann", "--author=bob"]


@pytest.mark.parametrize("pipeline", ["github", "gitlab"], indirect=True)
def test_one_pushed_commit_among_merged_ones_takes_the_approvals_of_all(pipeline: Pipeline) -> None:
    paths = {"github": "/repos/acme/catalog/commits/{}/pulls"}
    path = paths.get(pipeline.name, "/projects/5/repository/commits/{}/merge_requests")
    pipeline.forge.says(path.format(pipeline.repo.commit("catalog/x.yaml", "")), [])
    pipeline.brought(pipeline.repo.merge("vpc"), 7, ["ann"])

    assert pipeline.publish()[3:] == []


@pytest.mark.parametrize("pipeline", ["bitbucket"], indirect=True)
def test_a_commit_that_a_pull_request_only_contains_has_no_approval(pipeline: Pipeline) -> None:
    merged = pipeline.repo.merge("vpc")
    pipeline.brought(merged, 7, ["ann"])
    other = {"state": "MERGED", "destination": {"branch": {"name": "main"}}, "merge_commit": {"hash": "f" * 12}}
    people = {"author": {"account_id": "pat"}, "participants": [{"approved": True, "user": {"account_id": "ann"}}]}
    pipeline.forge.says(f"{BITBUCKET}/pullrequests/7", {**other, **people})

    assert pipeline.publish()[3:] == []


@pytest.mark.parametrize("pipeline", ["github", "gitlab"], indirect=True)
def test_more_commits_than_are_asked_about_have_no_approval(pipeline: Pipeline) -> None:
    pipeline.brought(pipeline.repo.merge("vpc"), 7, ["ann"])
    for number in range(100):
        pipeline.brought(pipeline.repo.empty_commit(), number, ["ann"])

    assert pipeline.publish()[3:] == []


@pytest.mark.parametrize("pipeline", ["github", "gitlab"], indirect=True)
def test_a_branch_without_a_past_is_published_whole_without_approvals(pipeline: Pipeline) -> None:
    pipeline.repo.commit("catalog/x.yaml", "")
    asked = pipeline.publish(**{"github": {"BEFORE": ZEROS}, "gitlab": {"CI_COMMIT_BEFORE_SHA": ZEROS}}[pipeline.name])

    assert asked == ["publish"]


@pytest.mark.parametrize("pipeline", ["gitlab", "bitbucket"], indirect=True)
def test_without_a_token_to_ask_with_nobody_approved(pipeline: Pipeline) -> None:
    pipeline.brought(pipeline.repo.merge("vpc"), 7, ["ann"])

    assert pipeline.publish(APPROVALS_TOKEN="") == ["publish", "--changed-since", pipeline.repo.first]
    assert pipeline.forge.tokens == set()


def test_a_plan_with_a_refusal_is_kept_and_fails(pipeline: Pipeline) -> None:
    pipeline.repo.merge("vpc")
    pipeline.commands.stub("echo '### A plan'; exit 1")
    ran = pipeline.run(PLANS[pipeline.name], REGISTRY_KEY="registry.example.com/log+key")
    key = () if pipeline.name == "bitbucket" else ("--key", "registry.example.com/log+key")
    against = ("--against", "https://registry.example.com/")
    written = ("--format", "markdown", "--out", "plan.json")

    assert ran.code == 1, ran.err
    assert (pipeline.repo.root / "plan.md").read_text() == "### A plan\n"
    shown = (pipeline.temp / "summary").read_text() if pipeline.name == "github" else ran.out
    assert "### A plan" in shown
    assert pipeline.commands.asked == [["plan", "--changed-since", pipeline.repo.first, *against, *key, *written]]


def test_before_anything_is_public_there_is_no_plan_and_no_failure(pipeline: Pipeline) -> None:
    pipeline.repo.merge("vpc")
    pipeline.commands.fails("curl", "[[ $* != *'https://registry.example.com/log/checkpoint'* ]]")
    ran = pipeline.run(PLANS[pipeline.name])

    assert (ran.code, pipeline.commands.asked) == (0, [])
    assert "Nothing is public" in ran.out


@pytest.mark.parametrize(("planned", "checked", "code"), [(2, 0, 0), (1, 0, 1), (0, 1, 1)])
def test_what_waits_is_told_and_what_is_wrong_fails(pipeline: Pipeline, planned: int, checked: int, code: int) -> None:
    pipeline.repo.merge("vpc")
    pipeline.commands.stub(f'if [ "$1" = plan ]; then exit {planned}; else exit {checked}; fi')
    ran = pipeline.run(DRIFTS[pipeline.name])
    asked = [["plan", "--detailed-exitcode"], ["fsck"]]
    if pipeline.name == "github":  # where fsck is a step of its own
        asked, code = asked[:1], 1 if planned == 1 else 0

    assert (ran.code, pipeline.commands.asked) == (code, asked)
    assert ("Something waits" in ran.out) == (planned == 2)


def test_new_pins_are_pushed_to_one_branch_and_proposed_once(pipeline: Pipeline) -> None:
    pipeline.repo.merge("vpc")
    remote = pipeline.temp / "acme/catalog.git"
    remote.parent.mkdir()
    pipeline.repo.git("init", "--quiet", "--bare", str(remote))
    pipeline.repo.git("-C", str(remote), "config", "receive.advertisePushOptions", "true")
    pipeline.repo.git("remote", "add", "origin", str(remote))
    if pipeline.name == "github":
        remote.rename(remote.with_suffix(""))
        remote = remote.with_suffix("")
    path = "catalog/modules/acme/vpc/aws.yaml"
    changing = f"echo '# pinned' >> {path}; exit 1"
    pipeline.commands.stub(changing)
    if pipeline.name in ("github", "azure"):  # where the command is a step of its own
        (pipeline.repo.root / path).write_text("# pinned\n")
    proposals = {
        "github": "/repos/acme/catalog/pulls",
        "azure": f"{AZURE}/pullrequests",
        "bitbucket": f"{BITBUCKET}/pullrequests",
        "gitlab": "",
    }[pipeline.name]
    pipeline.forge.says(proposals, [] if pipeline.name == "github" else {"value": [], "values": []})
    first = pipeline.run(UPDATES[pipeline.name])
    pushed = pipeline.repo.git("-C", str(remote), "rev-parse", "registry-gen/update")

    assert first.code == (0 if pipeline.name in ("github", "azure") else 1), first.err
    assert pipeline.repo.git("-C", str(remote), "diff", "--name-only", f"{pushed}^", pushed) == path
    sent = [path for _, path, _ in pipeline.forge.told("POST")]
    assert sent == ([proposals] if proposals else [])

    pipeline.forge.says(proposals, [{"number": 3}] if pipeline.name == "github" else {"value": [{}], "values": [{}]})
    pipeline.repo.git("switch", "--quiet", "main")
    pipeline.repo.git("branch", "--quiet", "-D", "registry-gen/update") if pipeline.name == "github" else None
    (pipeline.repo.root / path).write_text("# pinned again\n")
    pipeline.run(UPDATES[pipeline.name])
    assert [path for _, path, _ in pipeline.forge.told("POST")] == sent
    assert pipeline.repo.git("-C", str(remote), "rev-parse", "registry-gen/update") != pushed


def test_where_nothing_is_new_nothing_is_proposed(pipeline: Pipeline) -> None:
    pipeline.repo.merge("vpc")
    ran = pipeline.run(UPDATES[pipeline.name])

    assert (ran.code, pipeline.forge.told("POST")) == (0, [])
    assert "nothing to propose" in ran.out

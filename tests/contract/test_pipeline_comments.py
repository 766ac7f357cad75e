"""The comment with a plan: one on each pull request, edited in place, and no more than text where a fork wrote it."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.support.fake_forge import FakeForge
from tests.support.pipelines import Commands, run, scripts

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.command_line import Ran

MARKER: Final = "[//]: # (registry-gen plan)"
PLAN: Final = f"{MARKER}\n\n### Registry plan: 1 version in 1 package\n"
SHA: Final = "a" * 40
REPO: Final = "/repos/acme/catalog"


@pytest.fixture
def forge() -> Iterator[FakeForge]:
    with FakeForge() as started:
        yield started


@pytest.fixture
def commands(tmp_path: Path) -> Commands:
    return Commands(tmp_path / "bin")


def zipped(**files: bytes) -> bytes:
    """An artifact, as GitHub hands it out; names with ``_md`` stand for ``.md``."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name.replace("_", "."), content)
    return data.getvalue()


def comment(forge: FakeForge, commands: Commands, folder: Path, head: str = "acme/catalog") -> Ran:
    env = {
        "GITHUB_API_URL": forge.url,
        "GITHUB_REPOSITORY": "acme/catalog",
        "TOKEN": "ghs_token",
        "RUN": "42",
        "HEAD_SHA": SHA,
        "HEAD_BRANCH": "add & change",
        "HEAD_OWNER": head.partition("/")[0],
        "HEAD_REPOSITORY": head,
    }
    return run(scripts("github")["comment.yml", "Comment"], folder, commands, env)


def github(forge: FakeForge, artifact: bytes, comments: list[Any] | None = None, size: int | None = None) -> None:
    """A pull request at SHA whose run left this artifact."""
    forge.says(f"{REPO}/pulls", [{"number": 6, "head": {"sha": "b" * 40}}, {"number": 7, "head": {"sha": SHA}}])
    listed = {"artifacts": [{"id": 9, "size_in_bytes": len(artifact) if size is None else size}]}
    forge.says(f"{REPO}/actions/runs/42/artifacts", listed)
    forge.says(f"{REPO}/actions/artifacts/9/zip", artifact)
    forge.pages(f"{REPO}/issues/7/comments", comments or [])


def said(login: str, number: int, body: str) -> dict[str, Any]:
    return {"id": number, "user": {"login": login}, "body": body}


def test_github_gets_one_comment_and_edits_its_own_only(forge: FakeForge, commands: Commands, tmp_path: Path) -> None:
    github(forge, zipped(plan_md=PLAN.encode()), [said("mallory", 1, PLAN), said("github-actions[bot]", 2, "Welcome.")])
    first = comment(forge, commands, tmp_path)
    many = [said("ann", number, "Hm.") for number in range(100)]
    forge.pages(f"{REPO}/issues/7/comments", [*many, said("github-actions[bot]", 300, f"{MARKER}\nthe last one")])
    second = comment(forge, commands, tmp_path)

    assert (first.code, second.code) == (0, 0), first.err + second.err
    assert forge.told("POST", "PATCH") == [
        ("POST", f"{REPO}/issues/7/comments", {"body": PLAN}),
        ("PATCH", f"{REPO}/issues/comments/300", {"body": PLAN}),
    ]


def test_what_a_fork_wrote_is_shown_as_text_whatever_is_in_it(
    forge: FakeForge, commands: Commands, tmp_path: Path
) -> None:
    hostile = "````\n@acme/owners [all is well](https://evil.example) <details><summary>x</summary>\u202e\x1b[31m\n"
    github(forge, zipped(plan_md=(PLAN + hostile).encode()))
    ran = comment(forge, commands, tmp_path, head="mallory/catalog")
    ((_, _, sent),) = forge.told("POST")
    lines = sent["body"].splitlines()

    assert ran.code == 0, ran.err
    assert lines[0] == MARKER
    assert lines[3] == "`````text"
    assert lines[-1] == "`````"
    assert not any(line.startswith("`````") for line in lines[4:-1])
    assert all(text not in sent["body"] for text in ("<details>", "\u202e", "\x1b"))


@pytest.mark.parametrize(
    ("artifact", "size", "code"),
    [
        (zipped(plan_md=b"# Approved by everybody\n"), None, 1),
        (zipped(plan_md=PLAN.encode() + b"x" * 70_000), None, 1),
        (zipped(plan_md=PLAN.encode()), 20_000_001, 1),
        (b"no zip", None, 1),
        (zipped(other_md=PLAN.encode()), None, 0),
    ],
    ids=["another text", "too long", "too large", "no zip", "no plan"],
)
def test_what_is_no_plan_is_not_shown(
    forge: FakeForge, commands: Commands, tmp_path: Path, artifact: bytes, size: int | None, code: int
) -> None:
    github(forge, artifact, size=size)
    ran = comment(forge, commands, tmp_path)

    assert ran.code == code, ran.err
    assert forge.told("POST", "PATCH") == []


def test_a_run_of_an_older_commit_says_nothing(forge: FakeForge, commands: Commands, tmp_path: Path) -> None:
    github(forge, zipped(plan_md=PLAN.encode()))
    forge.says(f"{REPO}/pulls", [{"number": 7, "head": {"sha": "b" * 40}}])
    ran = comment(forge, commands, tmp_path)

    assert (ran.code, forge.told("POST", "PATCH")) == (0, [])


def test_the_token_stays_with_github_where_an_artifact_lies_elsewhere(
    forge: FakeForge, commands: Commands, tmp_path: Path
) -> None:
    with FakeForge() as storage:
        github(forge, zipped(plan_md=PLAN.encode()))
        storage.says("/blob", zipped(plan_md=PLAN.encode()))
        forge.moved(f"{REPO}/actions/artifacts/9/zip", f"{storage.url}/blob")
        ran = comment(forge, commands, tmp_path)

        assert ran.code == 0, ran.err
        assert (storage.tokens, forge.tokens) == ({""}, {"Bearer ghs_token"})


def gitlab_env(forge: FakeForge) -> dict[str, str]:
    return {
        "CI_API_V4_URL": forge.url,
        "CI_PROJECT_ID": "5",
        "CI_MERGE_REQUEST_IID": "7",
        "COMMENT_TOKEN": "glpat-token",
    }


def test_gitlab_gets_one_note_and_edits_its_own_only(forge: FakeForge, commands: Commands, tmp_path: Path) -> None:
    notes = "/projects/5/merge_requests/7/notes"
    script = scripts("gitlab")[".gitlab-ci.yml", "comment"]
    (tmp_path / "plan.md").write_text(PLAN)
    forge.says("/user", {"id": 3})
    forge.pages(notes, [{"id": 1, "author": {"id": 4}, "body": PLAN}])
    first = run(script, tmp_path, commands, gitlab_env(forge))
    forge.pages(notes, [{"id": 1, "author": {"id": 4}, "body": PLAN}, {"id": 2, "author": {"id": 3}, "body": PLAN}])
    second = run(script, tmp_path, commands, gitlab_env(forge))

    assert (first.code, second.code) == (0, 0), first.err + second.err
    assert forge.told("POST", "PUT") == [("POST", notes, {"body": PLAN}), ("PUT", f"{notes}/2", {"body": PLAN})]
    assert forge.tokens == {"glpat-token"}


def test_azure_gets_one_thread_and_edits_its_first_comment(
    forge: FakeForge, commands: Commands, tmp_path: Path
) -> None:
    threads = "/My%20project/_apis/git/repositories/r1/pullRequests/7/threads"
    script = scripts("azure")["azure-pipelines.yml", "validate: Comment"]
    env = {
        "SYSTEM_COLLECTIONURI": f"{forge.url}/",
        "SYSTEM_TEAMPROJECT": "My project",
        "BUILD_REPOSITORY_ID": "r1",
        "SYSTEM_PULLREQUEST_PULLREQUESTID": "7",
        "TOKEN": "token",
    }
    (tmp_path / "plan.md").write_text(PLAN)
    forge.says(threads, {"value": [{"id": 1, "comments": []}, {"id": 2, "comments": [{"id": 1, "content": None}]}]})
    first = run(script, tmp_path, commands, env)
    forge.says(threads, {"value": [{"id": 4, "comments": [{"id": 1, "content": PLAN}, {"id": 2, "content": "Hm."}]}]})
    second = run(script, tmp_path, commands, env)

    assert (first.code, second.code) == (0, 0), first.err + second.err
    (made, edited) = forge.told("POST", "PATCH")
    assert made[1] == threads
    assert made[2]["comments"] == [{"parentCommentId": 0, "commentType": "text", "content": PLAN}]
    assert edited == ("PATCH", f"{threads}/4/comments/1", {"content": PLAN})


def test_bitbucket_gets_one_comment_and_edits_it(forge: FakeForge, commands: Commands, tmp_path: Path) -> None:
    comments = "/repositories/acme/catalog/pullrequests/7/comments"
    script = scripts("bitbucket")["bitbucket-pipelines.yml", "plan, after"]
    env = {
        "BITBUCKET_API_URL": forge.url,
        "BITBUCKET_REPO_FULL_NAME": "acme/catalog",
        "BITBUCKET_PR_ID": "7",
        "COMMENT_TOKEN": "token",
    }
    (tmp_path / "plan.md").write_text(PLAN)
    forge.says(comments, {"values": [{"id": 1, "deleted": True, "content": {"raw": PLAN}}]})
    first = run(script, tmp_path, commands, env)
    forge.says(comments, {"values": [{"id": 2, "content": {"raw": PLAN}}]})
    second = run(script, tmp_path, commands, env)
    without = run(script, tmp_path, commands, {**env, "COMMENT_TOKEN": ""})

    assert (first.code, second.code, without.code) == (0, 0, 0), first.err + second.err
    body = {"content": {"raw": PLAN}}
    assert forge.told("POST", "PUT") == [("POST", comments, body), ("PUT", f"{comments}/2", body)]

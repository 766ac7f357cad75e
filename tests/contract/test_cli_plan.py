"""Plans that are shown in several ways, saved, and published as they were shown."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from registry_gen.plan.markdown import FORGES, MARKER
from registry_gen.plan.shapes import PlanShape
from tests.support.command_line import Ran, run_here
from tests.support.git_repo import GitRepo
from tests.support.openpgp_keys import make_key
from tests.support.releases import make_release
from tests.support.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path

CI = ("GITHUB_ACTIONS", "GITLAB_CI", "TF_BUILD", "BITBUCKET_BUILD_NUMBER")


@pytest.fixture
def repo(tmp_path: Path) -> GitRepo:
    made = GitRepo(tmp_path / "network.git")
    made.tag("v1.0.0", made.commit({"main.tf": 'variable "name" {}\n'}))
    return made


@pytest.fixture
def other(tmp_path: Path) -> GitRepo:
    made = GitRepo(tmp_path / "other.git")
    made.tag("v1.0.0", made.commit({"main.tf": 'variable "other" {}\n'}))
    return made


@pytest.fixture
def work(tmp_path: Path, database: str, repo: GitRepo, other: GitRepo) -> Workspace:
    """Two modules, of which version 1.0.0 is published."""
    made = Workspace(tmp_path / "work", database)
    made.module("acme/network/aws", repo.url)
    made.module("acme/other/aws", other.url)
    assert not made.publish().refusals
    return made


def tagged(repo: GitRepo, version: str) -> None:
    repo.tag(f"v{version}", repo.commit({"main.tf": f"# {version}\n"}))


def save(work: Workspace) -> Any:
    """Save the plan for acme/network/aws, and give it back."""
    ran = run_here(work, "plan", "--only", "acme/network/aws", "--out", "plan.json")
    assert ran.code == 0, ran
    return json.loads((work.root / "plan.json").read_text())


def listed(work: Workspace, address: str) -> list[str]:
    return [each["version"] for each in work.document(f"v1/modules/{address}/versions")["modules"][0]["versions"]]


def refused(ran: Ran) -> str:
    """What is said of a saved plan that is not published."""
    assert (ran.code, "PLN040" in ran.err, ran.out) == (1, True, "")
    return ran.err


def test_a_saved_plan_is_the_json_that_is_printed_and_keeps_to_its_schema(work: Workspace, repo: GitRepo) -> None:
    tagged(repo, "1.1.0")
    saved = save(work)
    assert run_here(work, "plan", "--only", "acme/network/aws", "--json").json == saved
    assert run_here(work, "plan", "--only", "acme/network/aws", "--format", "json").json == saved
    read = PlanShape.model_validate_json(json.dumps(saved))
    assert read.model_dump(mode="json", exclude_unset=True) == saved


def test_a_saved_plan_is_published_although_another_package_was_meanwhile(
    work: Workspace, repo: GitRepo, other: GitRepo
) -> None:
    tagged(repo, "1.1.0")
    save(work)
    tagged(other, "1.1.0")
    work.module("acme/more/aws", other.url)
    assert run_here(work, "publish", "--only", "acme/other/aws", "--only", "acme/more/aws").code == 0
    ran = run_here(work, "publish", "plan.json")
    assert (ran.code, "Published 1 version in 1 package" in ran.out) == (0, True)
    assert listed(work, "acme/network/aws") == ["1.0.0", "1.1.0"]


def test_what_appeared_since_is_not_published_from_a_saved_plan_but_by_the_next_run(
    work: Workspace, repo: GitRepo, other: GitRepo
) -> None:
    tagged(repo, "1.1.0")
    save(work)
    tagged(repo, "1.2.0")
    tagged(other, "9.0.0")
    assert run_here(work, "publish", "plan.json").code == 0
    assert (listed(work, "acme/network/aws"), listed(work, "acme/other/aws")) == (["1.0.0", "1.1.0"], ["1.0.0"])
    assert run_here(work, "publish").code == 0
    assert (listed(work, "acme/network/aws")[-1], listed(work, "acme/other/aws")[-1]) == ("1.2.0", "9.0.0")


def test_a_saved_plan_whose_package_was_published_meanwhile_is_stale(work: Workspace, repo: GitRepo) -> None:
    tagged(repo, "1.1.0")
    save(work)
    assert run_here(work, "publish").code == 0
    tree = work.tree()
    said = refused(run_here(work, "publish", "plan.json"))
    assert "acme/network/aws: nothing is left to do: it is as the catalog says" in said
    tagged(repo, "1.2.0")
    said = refused(run_here(work, "publish", "plan.json"))
    assert "acme/network/aws: it was published meanwhile: revision 1 was shown, and it is at 2" in said
    assert work.tree() == tree


def test_a_saved_plan_whose_tag_moved_is_stale_and_nothing_of_it_is_published(
    work: Workspace, repo: GitRepo, other: GitRepo
) -> None:
    tagged(repo, "1.1.0")
    tagged(other, "1.1.0")
    assert run_here(work, "plan", "--out", "plan.json").code == 0
    tagged(repo, "1.1.0")
    said = refused(run_here(work, "publish", "plan.json"))
    assert "publish 1.1.0 (" in said
    assert listed(work, "acme/other/aws") == ["1.0.0"], "what was agreed to as one is published as one"


def test_a_saved_plan_whose_shared_files_changed_is_stale(work: Workspace, repo: GitRepo) -> None:
    tagged(repo, "1.1.0")
    save(work)
    work.write("catalog/namespaces/acme.yaml", "visibility: public\n")
    assert "a shared file that it depends on, is another" in refused(run_here(work, "publish", "plan.json"))


def test_an_alarm_that_makes_a_saved_plan_stale_is_recorded(work: Workspace, repo: GitRepo) -> None:
    tagged(repo, "1.1.0")
    save(work)
    tagged(repo, "1.0.0")
    repo.delete_tag("v1.1.0")
    refused(run_here(work, "publish", "plan.json"))
    assert "PLN001" in run_here(work, "violations").out


def test_a_saved_plan_without_changes_publishes_nothing(work: Workspace, other: GitRepo) -> None:
    save(work)
    tagged(other, "1.1.0")
    assert run_here(work, "publish", "plan.json").out == "No changes.\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("publish", "registry.yaml"), "PLN041"),
        (("publish", "gone.json"), "does not exist"),
        (("publish", "registry.yaml", "--only", "acme/network/aws"), "neither --only nor --changed-since"),
        (("plan", "--json", "--format", "markdown"), "only one of both"),
        (("plan", "--key", "x"), "--against"),
        (("plan", "--against", "public", "--fetch"), "neither --fetch"),
        (("plan", "--as-of", "1", "--diff"), "only --only goes with it"),
        (("plan", "--against", "http://192.0.2.1/"), "INS005"),
        (("plan", "--against", "public", "--key", "x"), "LOG007"),
    ],
)
def test_options_that_mean_nothing_are_wrong_usage(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    work = Workspace(tmp_path, "env:NOT_ASKED")
    work.public.mkdir()
    work.module("acme/network/aws", "https://git.example.com/network.git")
    ran = run_here(work, *arguments)
    assert (ran.code, said in ran.err, ran.out) == (64, True, "")


def test_a_plan_that_cannot_be_written_is_told(work: Workspace) -> None:
    ran = run_here(work, "plan", "--out", "nowhere/plan.json")
    assert (ran.code, "CLI980" in ran.err) == (1, True)
    assert (
        run_here(work, "plan", "--out", "nowhere/plan.json", "--format", "json").json["problems"][0]["code"] == "CLI980"
    )


def test_a_comment_is_for_the_forge_that_it_is_made_in(
    work: Workspace, repo: GitRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in CI:
        monkeypatch.delenv(name, raising=False)
    tagged(repo, "1.1.0")
    plain = run_here(work, "plan", "--format", "markdown", "--out", "plan.json").out
    assert plain.startswith(f"{MARKER}\n")
    assert "<details>" in plain
    monkeypatch.setenv("BITBUCKET_BUILD_NUMBER", "7")
    assert "<details>" not in run_here(work, "plan", "--format", "markdown").out
    assert run_here(work, "plan", "--format", "markdown", "--forge", "github", "--out", "plan.json").out == plain
    assert len(FORGES) == len(CI)


def test_documents_are_compared_line_by_line_and_whole_in_json(work: Workspace, repo: GitRepo) -> None:
    tagged(repo, "1.1.0")
    before = work.tree()
    ran = run_here(work, "plan", "--diff")
    assert ran.code == 0
    assert "changed v1/modules/acme/network/aws/versions\n" in ran.out
    assert '+          "version": "1.1.0"\n' in ran.out
    assert "added v1/modules/acme/network/aws/1.1.0/download\n" in ran.out
    assert ran.out.endswith("3 protocol documents would change.\n")
    assert work.tree() == before
    documents = run_here(work, "plan", "--diff", "--json").json["documents"]
    assert run_here(work, "publish").code == 0
    for each in documents:
        now = work.document(each["key"]) if not each["key"].endswith(".html") else None
        if now is not None:
            now.pop("revision")
            assert now == json.loads(each["after"]), "what is published is what was shown"
    assert [each["change"] for each in documents] == ["added", "added", "changed"]


def test_a_withdrawn_version_and_a_dropped_key_show_in_documents_of_a_provider(work: Workspace, tmp_path: Path) -> None:
    key, more = make_key("acme"), make_key("more")
    make_release(tmp_path / "widget", "widget", "1.0.0", key=key, platforms=("linux_amd64",))
    work.write("catalog/keys/more.asc", more.armor)
    work.provider("acme/widget", tmp_path / "widget", key=key.armor)
    source = work.root / "catalog/providers/acme/widget.yaml"
    both = source.read_text().replace("[acme-widget.asc]", "[acme-widget.asc, more.asc]")
    source.write_text(both)
    assert run_here(work, "publish").code == 0
    source.write_text(both.replace(", more.asc", ""))
    ran = run_here(work, "plan", "--only", "acme/widget", "--diff")
    assert f"notice clients no longer get the key {more.fingerprint} which signed nothing here" in ran.out
    assert "changed v1/providers/acme/widget/1.0.0/download/linux/amd64\n" in ran.out
    assert f'-        "key_id": "{more.fingerprint[-16:]}"' in ran.out

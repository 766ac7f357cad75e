"""``plan`` and ``publish`` as their users see them: what is said, what is done, and with which exit status."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from tests.support.command_line import Ran, run_apart, run_here
from tests.support.git_repo import GitRepo
from tests.support.openpgp_keys import make_key
from tests.support.releases import make_release
from tests.support.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path

MAIN = {"main.tf": 'variable "name" {}\n', "README.md": "# Network\n"}
LISTING = "v1/modules/acme/network/aws/versions"


@pytest.fixture
def repo(tmp_path: Path) -> GitRepo:
    made = GitRepo(tmp_path / "network.git")
    made.tag("v1.0.0", made.commit(MAIN))
    return made


@pytest.fixture
def work(tmp_path: Path, database: str, repo: GitRepo) -> Workspace:
    """A module and a provider that its publisher signed."""
    made = Workspace(tmp_path / "work", database)
    made.module("acme/network/aws", repo.url)
    key = make_key("acme")
    make_release(tmp_path / "widget", "widget", "1.0.0", key=key, platforms=("darwin_arm64", "linux_amd64"))
    made.provider("acme/widget", tmp_path / "widget", key=key.armor)
    return made


@pytest.fixture
def broken(work: Workspace, tmp_path: Path) -> Path:
    """A third package, whose repository is not there."""
    work.module("acme/lost/aws", str(tmp_path / "lost.git"))
    return tmp_path / "lost.git"


def test_plan_shows_each_version_and_where_it_comes_from(work: Workspace, repo: GitRepo) -> None:
    zips = sorted((work.root.parent / "widget").glob("*.zip"))
    assert run_here(work, "plan") == Ran(
        0,
        f"""\
module acme/network/aws
  + 1.0.0  tag v1.0.0 at {repo.resolve("v1.0.0")[:12]}

provider acme/widget
  + 1.0.0  darwin_arm64, linux_amd64

To fetch: {sum(each.stat().st_size for each in zips)} bytes in 2 files and 1 source of unknown size.
Plan: 2 versions to publish in 2 packages.
""",
        "",
    )
    assert work.tree() == {}


def test_the_first_publish_tells_where_the_private_keys_are_that_it_made(work: Workspace) -> None:
    first = run_here(work, "publish")
    assert first.err.startswith(f"Made the registry's private keys in {work.root / 'state/keys'}. Back them up")
    assert run_here(work, "publish").err == ""


def test_plan_aligns_versions_and_shortens_a_long_history(work: Workspace, repo: GitRepo) -> None:
    for minor in range(1, 15):
        repo.tag(f"v1.{minor}.0", repo.commit({**MAIN, "version.tf": f"# {minor}\n"}))
    ran = run_here(work, "plan", "--only", "acme/network/aws")
    assert "  + 3 earlier versions\n  + 1.3.0   tag v1.3.0 at " in ran.out
    assert "\n  + 1.14.0  tag v1.14.0 at " in ran.out
    assert ran.out.endswith("Plan: 15 versions to publish in 1 package.\n")


def test_plan_as_json(work: Workspace, repo: GitRepo) -> None:
    plan = run_here(work, "--json", "plan").json
    assert (plan["format"], plan["refusals"], plan["notes"], plan["unchanged"]) == (1, [], [], 0)
    module, provider = plan["packages"]
    assert (module["kind"], module["address"], module["revision"]) == ("module", "acme/network/aws", 0)
    (action,) = module["actions"]
    assert (action["action"], action["version"]) == ("publish", "1.0.0")
    assert repo.resolve("v1.0.0") in str(action)
    assert provider["actions"][0]["platforms"] == ["darwin_arm64", "linux_amd64"]


def test_the_detailed_exit_code_tells_changes_from_none_and_from_refusals(work: Workspace, repo: GitRepo) -> None:
    assert run_here(work, "plan", "--detailed-exitcode").code == 2
    assert run_here(work, "publish").code == 0
    assert run_here(work, "plan", "--detailed-exitcode").code == 0
    repo.tag("v1.0.0", repo.commit({"main.tf": "# moved\n"}))
    assert run_here(work, "plan", "--detailed-exitcode").code == 1


def test_plan_of_one_package_leaves_the_others_alone(work: Workspace, broken: Path) -> None:
    ran = run_here(work, "plan", "--only", "acme/widget")
    assert (ran.code, "acme/network/aws" in ran.out, "acme/lost/aws" in ran.out) == (0, False, False)
    both = run_here(work, "plan", "--only", "acme/widget", "--only", "acme/network/aws")
    assert both.out.endswith("Plan: 2 versions to publish in 2 packages.\n")


def test_only_takes_addresses_of_the_catalog(work: Workspace) -> None:
    ran = run_here(work, "publish", "--only", "acme/netwrk/aws")
    assert (ran.code, ran.out) == (64, "")
    assert ran.err == (
        "error CLI002 the address is not in the catalog\n"
        "  where     acme/netwrk/aws\n"
        "  hint      Did you mean acme/network/aws?\n"
    )


def test_plan_with_fetch_stages_and_settles_but_commits_nothing(work: Workspace, repo: GitRepo) -> None:
    repo.tag("v1.1.0", repo.commit({"README.md": "no configuration"}))
    assert run_here(work, "plan").code == 0, "only the bytes tell"
    ran = run_here(work, "plan", "--fetch")
    assert ran.code == 1
    assert "refused acme/network/aws 1.1.0: PUB007" in ran.out
    assert [each["code"] for each in run_here(work, "--json", "plan", "--fetch").json["late_refusals"]] == ["PUB007"]
    assert work.tree() == {}
    with work.registry() as registry:
        assert registry.ledger.heads() == {}
        with registry.ledger.publication(0) as publication:
            assert publication.open_intents() == ()
    assert not any((work.root / "state/staging").iterdir()), "what was fetched is forgotten again"


def test_publish_says_what_it_did_and_the_second_time_that_there_was_nothing_to_do(work: Workspace) -> None:
    first = run_apart(work, "publish")
    puts = len(work.tree())
    assert (first.code, first.out) == (
        0,
        f"""\
  ✓ module    acme/network/aws  1.0.0
  ✓ provider  acme/widget       1.0.0

Published 2 versions in 2 packages with {puts} puts.
""",
    )
    tree = work.tree()
    assert run_apart(work, "publish") == Ran(0, "No changes. 2 packages unchanged.\n", "")
    assert work.tree() == tree
    again = run_here(work, "--json", "publish").json
    assert (again["published"], again["puts"], again["unchanged"]) == ([], 0, 2)


def test_publish_as_json(work: Workspace) -> None:
    report = run_here(work, "--json", "publish").json
    assert report["published"] == [
        {"kind": "module", "address": "acme/network/aws", "revision": 1, "versions": ["1.0.0"], "withdrawn": []},
        {"kind": "provider", "address": "acme/widget", "revision": 1, "versions": ["1.0.0"], "withdrawn": []},
    ]
    assert (report["format"], report["refusals"], report["puts"]) == (1, [], len(work.tree()))


def test_what_a_pipeline_publishes_is_on_record_with_who_started_it_and_its_run(
    work: Workspace, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_here(work, "publish", "--only", "acme/widget")
    monkeypatch.setenv("GITLAB_CI", "true")
    monkeypatch.setenv("GITLAB_USER_LOGIN", "tanuki\x1b[2J")
    monkeypatch.setenv("CI_PROJECT_PATH", "acme/registry")
    monkeypatch.setenv("CI_JOB_URL", "https://gitlab.example.com/acme/registry/-/jobs/77")
    assert run_here(work, "publish").code == 0
    with psycopg.connect(database) as connection:
        rows = connection.execute("SELECT address, actor, run_url FROM audit_log ORDER BY seq").fetchall()
    assert rows == [
        ("acme/widget", "tester", None),
        (
            "acme/network/aws",
            "gitlab:tanuki\\x1b[2J (acme/registry)",
            "https://gitlab.example.com/acme/registry/-/jobs/77",
        ),
    ]


def test_publish_of_one_package_publishes_that_one(work: Workspace, broken: Path) -> None:
    ran = run_here(work, "publish", "--only", "acme/widget")
    assert (ran.code, ran.out.splitlines()[0]) == (0, "  ✓ provider  acme/widget  1.0.0")
    assert not (work.public / LISTING).exists()
    assert run_here(work, "publish", "--only", "acme/network/aws").code == 0
    assert (work.public / LISTING).exists()


def test_a_package_that_fails_stops_no_other_and_is_tried_again(work: Workspace, broken: Path) -> None:
    ran = run_here(work, "publish")
    assert ran.code == 1
    assert "✓ module    acme/network/aws" in ran.out
    assert "✓ provider  acme/widget" in ran.out
    assert "  refused acme/lost/aws: GIT002 " in ran.out
    assert "acknowledge" not in ran.out, "a refusal is no alarm"
    assert f"    where     file://{broken}\n" in ran.out
    assert ran.out.splitlines()[-1].endswith("puts. 1 refused.")
    again = run_here(work, "publish")
    assert (again.code, again.out.splitlines()[-1]) == (1, "Nothing was published. 1 refused. 2 packages unchanged.")
    mended = GitRepo(broken)
    mended.tag("v0.1.0", mended.commit(MAIN))
    ran = run_here(work, "publish")
    assert ran.code == 0
    assert ran.out.startswith("  ✓ module  acme/lost/aws  0.1.0\n")


def test_a_moved_tag_is_an_alarm_with_both_commits(work: Workspace, repo: GitRepo) -> None:
    first = repo.resolve("v1.0.0")
    run_here(work, "publish")
    repo.tag("v1.0.0", second := repo.commit({"main.tf": "# moved\n"}))
    ran = run_here(work, "publish")
    assert ran.code == 1
    assert "  alarm acme/network/aws 1.0.0: PLN001 " in ran.out
    assert f"    expected  tag v1.0.0 at {first}, as published\n    found     tag v1.0.0 at {second}\n" in ran.out
    assert "    hint      Find out who moved the tag." in ran.out
    assert ran.out.count("\nregistry-gen violations acknowledge NUMBER --reason TEXT\n") == 1


def test_notes_go_to_stderr_and_quiet_leaves_them_out(work: Workspace, repo: GitRepo) -> None:
    repo.tag("v2", repo.commit({**MAIN, "new.tf": ""}))
    loud = run_here(work, "publish")
    assert loud.err.endswith("  note  acme/network/aws: tag v2 is not MAJOR.MINOR.PATCH and is left out\n")
    repo.tag("v1.2.0")
    quiet = run_here(work, "--quiet", "publish")
    assert (quiet.code, quiet.err) == (0, "")
    assert "✓ module  acme/network/aws  1.2.0\n" in quiet.out


def test_a_change_of_documents_alone_is_told_as_such(work: Workspace) -> None:
    run_here(work, "publish")
    file = work.root / "catalog/providers/acme/widget.yaml"
    file.write_text(file.read_text() + "deprecated: Use acme/gadget.\n")
    plan = run_here(work, "plan").out
    assert "  ~ documents change: deprecation notice\n    ! deprecated: Use acme/gadget.\n" in plan
    assert plan.endswith("Plan: new documents for 1 package. 1 package unchanged.\n")
    ran = run_here(work, "publish")
    assert ran.out.startswith("  ✓ provider  acme/widget  new documents\n\nPublished new documents in 1 package with ")
    assert work.document("v1/providers/acme/widget/versions")["warnings"] == ["Use acme/gadget."]
    file.write_text(file.read_text().replace("deprecated: Use acme/gadget.\n", ""))
    assert "  ~ documents change: deprecation notice\n    ! deprecated no more\n" in run_here(work, "plan").out

"""``--changed-since``: what a change of the catalog is about, and that nothing else is looked at."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.support.command_line import Ran, run_here
from tests.support.git_repo import GitRepo
from tests.support.openpgp_keys import make_key
from tests.support.releases import make_release
from tests.support.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path

NOTHING = "No changes.\n"


def commit(work: Workspace) -> str:
    git = ["git", "-C", str(work.root), "-c", "user.name=Ada", "-c", "user.email=ada@example.com"]
    subprocess.run([*git, "add", "--all", "catalog", "registry.yaml"], check=True)
    subprocess.run([*git, "commit", "--quiet", "--allow-empty", "--message", "A change"], check=True)
    return subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repo(tmp_path: Path) -> GitRepo:
    made = GitRepo(tmp_path / "network.git")
    made.tag("v1.0.0", made.commit({"main.tf": 'variable "name" {}\n'}))
    return made


@pytest.fixture
def work(tmp_path: Path, database: str, repo: GitRepo) -> Workspace:
    """A module, a provider with keys of its own and one with keys of its namespace; all published."""
    made = Workspace(tmp_path / "work", database)
    subprocess.run(["git", "init", "--quiet", str(made.root)], check=True)
    made.module("acme/network/aws", repo.url)
    key = make_key("acme")
    make_release(tmp_path / "widget", "widget", "1.0.0", key=key, platforms=("linux_amd64",))
    made.provider("acme/widget", tmp_path / "widget", key=key.armor)
    made.write("catalog/namespaces/acme.yaml", "signing_keys: [acme-widget.asc]\n")
    assert not made.publish().refusals
    return made


def planned(work: Workspace, since: str) -> str:
    return run_here(work, "plan", "--changed-since", since).out


def lose_sources(tmp_path: Path) -> None:
    """Whoever looks at one of them fails."""
    for name in ("network.git", "widget"):
        (tmp_path / name).rename(tmp_path / f"{name}.lost")


def test_where_nothing_changed_no_source_is_looked_at(work: Workspace, tmp_path: Path) -> None:
    since = commit(work)
    lose_sources(tmp_path)
    assert run_here(work, "plan", "--changed-since", since) == Ran(0, NOTHING, "")
    assert run_here(work, "publish", "--changed-since", "HEAD").code == 0
    assert run_here(work, "plan").code == 1


def test_a_changed_file_is_about_its_package_alone(work: Workspace, repo: GitRepo, tmp_path: Path) -> None:
    since = commit(work)
    (tmp_path / "widget").rename(tmp_path / "lost")
    repo.tag("v1.1.0", repo.commit({"main.tf": 'variable "size" {}\n'}))
    work.module("acme/network/aws", repo.url, "deprecated: Use another.\n")
    work.module("acme/newer/aws", repo.url)
    said = planned(work, since)
    assert "acme/newer/aws" in said
    assert "+ 1.1.0" in said
    assert "widget" not in said
    commit(work)
    assert planned(work, since) == said
    assert run_here(work, "publish", "--changed-since", since).code == 0
    assert planned(work, since) == "No changes. 2 packages unchanged.\n"


def test_a_changed_namespace_is_about_all_of_its_packages_and_no_other(work: Workspace, tmp_path: Path) -> None:
    work.module("other/network/aws", str(tmp_path / "nowhere.git"))
    since = commit(work)
    work.write("catalog/namespaces/acme.yaml", "# Ours.\nsigning_keys: [acme-widget.asc]\n")
    assert planned(work, since) == "No changes. 2 packages unchanged.\n"


def test_a_changed_key_is_about_whoever_uses_it(work: Workspace, tmp_path: Path) -> None:
    since = commit(work)
    (tmp_path / "network.git").rename(tmp_path / "lost")
    work.write("catalog/keys/acme-widget.asc", make_key("another").armor)
    said = planned(work, since)
    assert "acme/widget" in said
    assert "network" not in said


def test_another_configuration_is_about_all(work: Workspace) -> None:
    since = commit(work)
    file = work.root / "registry.yaml"
    file.write_text(file.read_text() + "# Ours.\n")
    assert planned(work, since) == "No changes. 2 packages unchanged.\n"


def test_a_package_whose_file_is_gone_is_told_of(work: Workspace) -> None:
    since = commit(work)
    (work.root / "catalog/modules/acme/network/aws.yaml").unlink()
    assert "acme/network/aws" in run_here(work, "plan", "--changed-since", since).out
    commit(work)
    assert "acme/network/aws" not in run_here(work, "plan", "--changed-since", "HEAD").out


def test_only_and_changed_since_are_both_kept(work: Workspace, repo: GitRepo) -> None:
    since = commit(work)
    work.module("acme/newer/aws", repo.url)
    said = run_here(work, "plan", "--changed-since", since, "--only", "acme/network/aws")
    assert said == Ran(0, NOTHING, "")


@pytest.mark.parametrize("since", ["nowhere", "--upload-pack=x", "HEAD:catalog", "v1^{tree}", ""])
def test_a_revision_that_is_none_is_refused(work: Workspace, since: str) -> None:
    commit(work)
    ran = run_here(work, "plan", f"--changed-since={since}")
    assert ran.code == 1
    assert "GIT016" in ran.err


def test_a_catalog_in_no_repository_has_no_revisions(tmp_path: Path, database: str, repo: GitRepo) -> None:
    work = Workspace(tmp_path / "work", database)
    work.module("acme/network/aws", repo.url)
    ran = run_here(work, "plan", "--changed-since", "HEAD")
    assert ("GIT016" in ran.err, "The catalog has to be in a git repository." in ran.err) == (True, True)


@pytest.fixture
def checked(tmp_path: Path) -> Workspace:
    """Two modules, one with a mistake, and a provider that a key of its namespace vouches for; committed."""
    made = Workspace(tmp_path / "checked", "postgresql://nobody@127.0.0.1:1/nothing")
    subprocess.run(["git", "init", "--quiet", str(made.root)], check=True)
    made.module("acme/network/aws", "https://git.example.com/network.git")
    made.module("acme/wrong/aws", "https://git.example.com/wrong.git", "hostign: link\n")
    made.write("catalog/keys/acme.asc", make_key("acme").armor)
    made.write("catalog/namespaces/acme.yaml", "signing_keys: [acme.asc]\n")
    made.write("catalog/providers/acme/widget.yaml", "source: {releases: 'https://a.example.com', versions: [1.0.0]}\n")
    commit(made)
    return made


def found(work: Workspace, *arguments: str) -> list[str]:
    """The place and code of each problem."""
    said = run_here(work, "validate", *arguments).err.splitlines()
    return [" ".join(line.split()[:2]) for line in said if not line.startswith(" ")]


WRONG = "catalog/modules/acme/wrong/aws.yaml:3:1: CAT006"


def test_validate_tells_only_the_problems_of_what_was_changed_or_added(checked: Workspace) -> None:
    assert found(checked) == [WRONG]
    assert run_here(checked, "validate", "--changed-since", "HEAD") == Ran(0, "The change is good: 0 packages.\n", "")

    checked.module("acme/network/aws", "https://git.example.com/network.git", "versions: one\n")
    checked.module("acme/new/aws", "https://git.example.com/new.git", "hosting: lnik\n")
    (checked.root / ".gitignore").write_text("new\n")

    new = ["catalog/modules/acme/network/aws.yaml:3:11: VER002", "catalog/modules/acme/new/aws.yaml:3:10: CAT008"]
    assert found(checked, "--changed-since", "HEAD") == new
    commit(checked)
    assert found(checked, "--changed-since", "HEAD~1") == new


def test_validate_looks_at_everything_where_something_that_packages_share_was_changed(checked: Workspace) -> None:
    (checked.root / "catalog/keys/acme.asc").unlink()

    assert found(checked, "--changed-since", "HEAD") == [WRONG, "catalog/namespaces/acme.yaml:1:16: CAT025"]


def test_validate_looks_at_everything_where_registry_yaml_was_changed(checked: Workspace) -> None:
    text = (checked.root / "registry.yaml").read_text()
    (checked.root / "registry.yaml").write_text(f"{text}# another one\n")

    assert found(checked, "--changed-since", "HEAD") == [WRONG]


def test_validate_sees_a_file_that_git_was_told_not_to_look_at(checked: Workspace) -> None:
    path = "catalog/modules/acme/network/aws.yaml"
    subprocess.run(["git", "-C", str(checked.root), "update-index", "--assume-unchanged", path], check=True)
    (checked.root / path).write_text("source: {}\n")

    assert found(checked, "--changed-since", "HEAD") == [f"{path}:1:1: CAT007"]


def test_validate_sees_that_a_new_path_differs_from_an_old_one_in_letter_case_only(checked: Workspace) -> None:
    checked.write("catalog/modules/acme/Network/aws.yaml", "source: {git: 'https://git.example.com/x.git'}\n")

    assert found(checked, "--changed-since", "HEAD") == ["catalog/modules/acme/Network/aws.yaml:1:1: CAT011"]


@pytest.mark.parametrize("revision", ["nothing", "--output=x", "HEAD:catalog", ""])
def test_validate_refuses_what_is_no_commit(checked: Workspace, revision: str) -> None:
    ran = run_here(checked, "validate", f"--changed-since={revision}")

    assert (ran.code, ran.out) == (1, "")
    assert "GIT016" in ran.err
    assert sorted(path.name for path in checked.root.iterdir()) == [".git", "catalog", "registry.yaml"]

"""``rollback``: the catalog brought back to an earlier point, and the registry with it, through plan and publish."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.command_line import run_here
from tests.support.git_repo import GitRepo
from tests.support.openpgp_keys import make_key
from tests.support.reader import check_reachable
from tests.support.releases import make_release
from tests.support.workspace import NOW, Workspace

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.command_line import Ran

MAIN = {"main.tf": 'variable "name" {}\n'}
DAY = timedelta(days=1)
KEY, OTHER_KEY = make_key("acme"), make_key("acme 2")
MODULE, LISTING = "catalog/modules/acme/network/aws.yaml", "v1/modules/acme/network/aws/versions"


@pytest.fixture
def repo(tmp_path: Path) -> GitRepo:
    made = GitRepo(tmp_path / "network.git")
    for version in ("1.0.0", "1.1.0", "1.2.0"):
        made.tag(f"v{version}", made.commit({**MAIN, "outputs.tf": f"# {version}"}))
    return made


@pytest.fixture
def work(tmp_path: Path, database: str, repo: GitRepo) -> Workspace:
    """A module and a provider, published on one day."""
    made = Workspace(tmp_path / "work", database)
    made.module("acme/network/aws", repo.url, "deprecated: Use acme/vpc/aws.\n")
    make_release(tmp_path / "widget", "widget", "1.0.0", key=KEY)
    made.provider("acme/widget", tmp_path / "widget", "platforms: [linux_amd64]\n", key=KEY.armor)
    assert not made.publish(NOW).refusals
    return made


def then(work: Workspace) -> str:
    """The position of the log now."""
    ran = run_here(work, "--json", "plan", "--as-of", "2100-01-01")
    return str(ran.json["size"])


def listed(work: Workspace) -> list[str]:
    return [each["version"] for each in work.document(LISTING)["modules"][0]["versions"]]


def rollback(work: Workspace, to: str, *more: str) -> Ran:
    return run_here(work, "--json", "rollback", "--to", to, *more)


def past(work: Workspace, moment: str) -> Any:
    """What the registry said, without what counts changes."""
    packages = run_here(work, "--json", "plan", "--as-of", moment).json["packages"]
    return [{name: package[name] for name in ("address", "listed", "deprecated")} for package in packages]


def test_a_rollback_is_a_change_of_the_catalog_that_publish_carries_out(work: Workspace, repo: GitRepo) -> None:
    position, before = then(work), past(work, "2100-01-01")
    repo.tag("v2.0.0", repo.commit({"main.tf": "# broken"}))
    rule = "withdrawn:\n  # asked for by legal\n  - versions: 1.0.0\n    reason: By mistake.\n"
    work.module("acme/network/aws", repo.url, f"{rule}deprecated: Use something else.\n")
    assert not work.publish(NOW + DAY).refusals
    assert listed(work) == ["1.1.0", "1.2.0", "2.0.0"]
    file = (work.root / MODULE).read_text()

    ran = rollback(work, position)
    assert ran.code == 0, ran.err
    (package,) = ran.json["packages"]
    assert package["actions"] == [
        {"action": "relist", "version": "1.0.0"},
        {"action": "withdraw", "version": "2.0.0", "reason": f"rollback to log position {position}"},
    ]
    assert (ran.json["position"], ran.json["obstacles"], ran.json["written"]) == (int(position), [], False)
    assert (work.root / MODULE).read_text() == file, "nothing is written unless asked for"

    assert rollback(work, position, "--write").json["written"]
    assert not work.publish(NOW + 2 * DAY).refusals
    assert past(work, "2100-01-01") == before
    assert listed(work) == ["1.0.0", "1.1.0", "1.2.0"]
    check_reachable(work.public)
    again = run_here(work, "rollback", "--to", position)
    assert (again.code, "nothing to change." in again.out) == (0, True)


def test_a_range_that_frees_one_version_keeps_the_others_withdrawn(work: Workspace, repo: GitRepo) -> None:
    work.module("acme/network/aws", repo.url, 'withdrawn:\n  - versions: "1.0.0"\n    reason: Old.\n')
    work.publish(NOW + DAY)
    position = then(work)
    work.module("acme/network/aws", repo.url, 'withdrawn:\n  - versions: "< 1.2.0"\n    reason: Both are old.\n')
    work.publish(NOW + 2 * DAY)
    assert listed(work) == ["1.2.0"]
    assert rollback(work, (NOW + DAY).isoformat(), "--write").json["position"] == int(position)
    assert "!= 1.1.0, < 1.2.0" in (work.root / MODULE).read_text(), "what else the range keeps off stays off"
    work.publish(NOW + 3 * DAY)
    assert listed(work) == ["1.1.0", "1.2.0"]
    withdrawn = work.document("modules/acme/network/aws/1.0.0/index.json")["withdrawn"]
    assert withdrawn["reason"] == "Old."


def test_what_no_rule_brings_back_is_named_and_the_rest_is_written(
    work: Workspace, repo: GitRepo, tmp_path: Path
) -> None:
    position = then(work)
    work.provider("acme/widget", tmp_path / "widget", "platforms: [linux_amd64, darwin_arm64]\n", key=KEY.armor)
    work.write("catalog/keys/other.asc", OTHER_KEY.armor)
    provider = work.root / "catalog/providers/acme/widget.yaml"
    provider.write_text(provider.read_text().replace("[acme-widget.asc]", "[acme-widget.asc, other.asc]"))
    work.module("acme/network/aws", repo.url, "hosting: link\nwithdrawn:\n  - versions: 1.0.0\n    reason: Old.\n")
    extra = GitRepo(tmp_path / "extra.git")
    extra.tag("v1.0.0", extra.commit(MAIN))
    work.module("acme/extra/aws", extra.url)
    assert not work.publish(NOW + DAY).refusals
    (work.root / "catalog/modules/acme/extra/aws.yaml").unlink()

    ran = rollback(work, position, "--write")
    assert (ran.code, ran.json["written"]) == (1, True)
    assert [(each["address"], each["version"], each["text"].partition(":")[0]) for each in ran.json["obstacles"]] == [
        ("acme/extra/aws", None, "its file is gone from the catalog"),
        ("acme/network/aws", "1.1.0", "is in hosting"),
        ("acme/network/aws", "1.2.0", "is in hosting"),
        ("acme/widget", None, "its signing keys changed since then"),
        ("acme/widget", "1.0.0", "keeps the platforms that it gained since then"),
    ]
    assert "1.0.0" not in (work.root / MODULE).read_text()
    shown = run_here(work, "rollback", "--to", position)
    assert (shown.code, "5 things cannot be brought back." in shown.out) == (1, True)


def test_a_collected_version_stays_withdrawn(work: Workspace, repo: GitRepo) -> None:
    position = then(work)
    work.module("acme/network/aws", repo.url, "withdrawn:\n  - versions: 1.0.0\n    reason: It leaks.\n")
    work.publish(NOW + DAY)
    collect(work)
    ran = rollback(work, position)
    assert (ran.code, ran.json["packages"][0]["actions"]) == (1, [])
    (obstacle,) = ran.json["obstacles"]
    assert (obstacle["version"], "artifacts were deleted" in obstacle["text"]) == ("1.0.0", True)
    assert rollback(work, position, "--write").json["changed"][0]["removed"] == []
    assert "It leaks." in (work.root / MODULE).read_text()


def collect(work: Workspace) -> None:
    """Have the artifacts of all withdrawn versions deleted."""
    assert run_here(work, "gc", "--now", "--yes").code == 0


def test_a_rollback_that_takes_back_much_says_how_the_valve_is_opened(work: Workspace, repo: GitRepo) -> None:
    position = then(work)
    for number in range(9):
        repo.tag(f"v2.{number}.0", repo.commit({"main.tf": f"# {number}"}))
    work.publish(NOW + DAY)
    ran = run_here(work, "rollback", "--to", position, "--write")
    assert "9 versions to withdraw" in ran.out
    assert "publish --allow-mass-withdrawal" in ran.out
    assert run_here(work, "publish").code == 1
    assert run_here(work, "publish", "--allow-mass-withdrawal").code == 0
    assert listed(work) == ["1.0.0", "1.1.0", "1.2.0"]


def test_a_file_that_cannot_be_changed_keeps_all_of_them_as_they_are(work: Workspace, repo: GitRepo) -> None:
    position = then(work)
    repo.tag("v2.0.0", repo.commit({"main.tf": "# 2"}))
    provider = work.root / "catalog/providers/acme/widget.yaml"
    rules = "withdrawn:\n  - versions: 1.0.0\n    reason: &why Old.\n  - versions: 0.1.0\n    reason: *why\n"
    provider.write_text(provider.read_text() + rules)
    assert not work.publish(NOW + DAY).refusals
    files = {path: path.read_text() for path in (provider, work.root / MODULE)}
    ran = rollback(work, position, "--write")
    assert (ran.code, ran.json["problems"][0]["code"]) == (1, "CAT034")
    assert {path: path.read_text() for path in files} == files


def test_what_is_no_point_of_the_log_is_wrong_usage(work: Workspace) -> None:
    assert run_here(work, "rollback", "--to", "yesterday").code == 64
    assert run_here(work, "rollback").code == 64
    assert rollback(work, "999").json["problems"][0]["code"] == "LOG011"


def test_a_catalog_with_problems_is_not_edited(work: Workspace, repo: GitRepo) -> None:
    repo.tag("v2.0.0", repo.commit({"main.tf": "# 2"}))
    position = then(work)
    work.publish(NOW + DAY)
    work.write("catalog/modules/acme/broken/aws.yaml", "source: 5\n")
    file = (work.root / MODULE).read_text()
    assert rollback(work, position, "--write").code == 1
    assert (work.root / MODULE).read_text() == file

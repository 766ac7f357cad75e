"""Approvals with a real ledger: publish refuses what lacks one, the audit log tells who gave it, former rules judge."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from registry_gen import wiring
from registry_gen.cli.approval_options import read_approvals
from registry_gen.cli.selection import selected
from registry_gen.errors import LedgerError
from registry_gen.ledger.codes import UNREACHABLE
from registry_gen.ledger.publication import PostgresPublication
from registry_gen.model.digest import sha256
from registry_gen.model.intent import AuditRow
from registry_gen.model.rules import PublishedRules
from registry_gen.publish import run as publishing
from registry_gen.publish.progress import Silent
from registry_gen.publish.run import publish
from tests.support.command_line import Ran, run_here
from tests.support.cost import counted
from tests.support.git_repo import GitRepo
from tests.support.workspace import NOW, Workspace

if TYPE_CHECKING:
    from pathlib import Path

    from registry_gen.publish.run import Report

MAIN = {"main.tf": 'variable "name" {}\n'}
ADDRESS = "acme/network/aws"
PLATFORM = """\
namespaces: [platform]
registry: true
members:
  admin: [ann, bob]
"""
ACME = """\
namespaces: [acme]
members:
  admin: [amy]
  publisher: [pat]
"""
BOTH = ("--approved-by", "ann", "--approved-by", "bob")


@pytest.fixture
def repo(tmp_path: Path) -> GitRepo:
    made = GitRepo(tmp_path / "network.git")
    made.tag("v1.0.0", made.commit(MAIN))
    return made


@pytest.fixture
def work(tmp_path: Path, database: str, repo: GitRepo) -> Workspace:
    """A catalog that asks for approvals, and of which nothing was published."""
    made = Workspace(tmp_path / "work", database)
    made.module(ADDRESS, repo.url)
    made.write("catalog/organizations/platform.yaml", PLATFORM)
    made.write("catalog/organizations/acme.yaml", ACME)
    made.write("catalog/policies/all.yaml", "approvals: {}\n")
    return made


def begin(work: Workspace) -> None:
    """Rules in force and one version published, with every approval."""
    assert run_here(work, "publish", *BOTH, "--approved-by", "pat").code == 0


def audit(work: Workspace, action: str) -> list[Any]:
    """The rows of the audit log about such an action, oldest first."""
    with work.registry() as registry:
        return [json.loads(row.after) for row in registry.ledger.audit_log() if row.action == action]


def codes(ran: Ran, member: str = "refusals") -> list[str]:
    return [each["code"] for each in ran.json[member]]


def listed(work: Workspace) -> list[str]:
    path = work.public / f"v1/modules/{ADDRESS}/versions"
    if not path.exists():
        return []
    return sorted(each["version"] for each in json.loads(path.read_bytes())["modules"][0]["versions"])


def test_without_policies_nothing_needs_an_approval_and_no_rules_are_kept(work: Workspace) -> None:
    (work.root / "catalog/policies/all.yaml").unlink()
    assert run_here(work, "publish").code == 0
    assert listed(work) == ["1.0.0"]
    with work.registry() as registry:
        assert registry.ledger.rules() is None
    assert [row for row in audit(work, "publish") if "approvals" in row] == []


def test_names_with_a_sign_in_front_are_no_other_people(work: Workspace) -> None:
    """An author who does not count must not count for being written in another way."""
    assert run_here(work, "publish", *BOTH, "--author", "@ann").code == 64
    assert run_here(work, "publish", "--approved-by", " @ann", "--approved-by", "bob").code == 64


def test_plan_shows_who_must_approve_what_and_refuses_nothing(work: Workspace) -> None:
    ran = run_here(work, "plan")
    assert ran.code == 0
    place = "catalog/policies/all.yaml:1:12, a default"
    assert f"? a new package (1.0.0) needs publisher: amy, ann, bob, pat  [{place}]" in ran.out
    assert f"? a change of catalog/policies needs 2 x admin: ann, bob  [{place}]" in ran.out
    plan = run_here(work, "--json", "plan").json
    ((need,),) = [package["needs"] for package in plan["packages"]]
    assert (need["risk"], need["role"], need["people"], need["met"]) == ("new_package", "publisher", 1, False)
    assert need["may_approve"] == ["amy", "ann", "bob", "pat"]
    assert [each["risk"] for each in plan["needs"]] == ["policy_change"]


def test_publish_refuses_and_then_accepts_and_the_audit_log_tells_who_approved(work: Workspace) -> None:
    refused = run_here(work, "--json", "publish", *BOTH[:2])
    assert refused.code == 1
    assert codes(refused) == []
    assert codes(refused, "refused_rules") == ["PLN031"]
    assert listed(work) == ["1.0.0"], "ann may approve a new package, but not the rules alone"
    (row,) = [row for row in audit(work, "publish") if "approvals" in row]
    assert [(each["risk"], each["approved_by"]) for each in row["approvals"]] == [("new_package", ["ann"])]
    assert audit(work, "change-rules") == []

    assert run_here(work, "publish", *BOTH).code == 0
    (row,) = audit(work, "change-rules")
    assert row["changed"] == {"organizations": ["acme", "platform"], "policies": True}
    assert row["approvals"][0]["approved_by"] == ["ann", "bob"]
    assert run_here(work, "publish").code == 0, "nothing is asked for twice"


def test_the_refusal_names_rule_role_and_people(work: Workspace) -> None:
    ran = run_here(work, "publish")
    assert ran.code == 1
    assert "PLN030 a new package is not approved: 1.0.0" in ran.out
    assert "catalog/policies/all.yaml:1:12" in ran.out
    assert "1 person with the role publisher (a default): amy, ann, bob, pat" in ran.out
    assert "PLN031 a change of catalog/policies is not approved" in ran.out
    assert listed(work) == []


def test_new_versions_go_on_without_an_approval(work: Workspace, repo: GitRepo) -> None:
    begin(work)
    repo.tag("v1.1.0", repo.commit({"main.tf": "# more\n"}))
    assert run_here(work, "publish").code == 0
    assert listed(work) == ["1.0.0", "1.1.0"]


def test_whoever_makes_himself_an_admin_is_judged_by_those_before_him(work: Workspace, repo: GitRepo) -> None:
    begin(work)
    work.write("catalog/organizations/platform.yaml", PLATFORM.replace("[ann, bob]", "[eve, mallory]"))
    work.write("catalog/policies/all.yaml", "approvals:\n  new_package: {role: none}\n")
    work.module("acme/other/aws", repo.url)

    theirs = run_here(work, "--json", "publish", "--approved-by", "eve", "--approved-by", "mallory")
    assert (theirs.code, codes(theirs), codes(theirs, "refused_rules")) == (1, ["PLN030"], ["PLN031", "PLN031"])
    expected = {each["expected"] for each in theirs.json["refused_rules"]}
    assert expected == {"2 people with the role admin (a default): ann, bob"}
    assert not (work.public / "v1/modules/acme/other").exists()

    assert run_here(work, "publish", *BOTH).code == 0
    with work.registry() as registry:
        kept = registry.ledger.rules()
    assert kept
    assert "eve" in json.dumps(dict(kept.content))
    work.module("acme/third/aws", repo.url)
    assert run_here(work, "publish").code == 0, "the new rules are in force"


def test_rules_that_go_away_need_an_approval_too(work: Workspace, repo: GitRepo) -> None:
    begin(work)
    (work.root / "catalog/policies/all.yaml").unlink()
    work.module("acme/other/aws", repo.url)
    ran = run_here(work, "--json", "publish")
    assert (ran.code, codes(ran), codes(ran, "refused_rules")) == (1, ["PLN030"], ["PLN031"])
    assert run_here(work, "publish", *BOTH).code == 0
    work.module("acme/third/aws", repo.url)
    assert run_here(work, "publish").code == 0


def committed(work: Workspace) -> None:
    git = ["git", "-C", str(work.root), "-c", "user.name=Ada", "-c", "user.email=ada@example.com"]
    for each in (("init", "-q"), ("add", "catalog", "registry.yaml"), ("commit", "-qm", "so far")):
        subprocess.run([*git, *each], check=True)


@pytest.mark.parametrize("part", ["--only", "--changed-since"])
def test_a_part_of_the_catalog_is_judged_by_the_same_rules(work: Workspace, repo: GitRepo, part: str) -> None:
    begin(work)
    committed(work)
    work.module("acme/other/aws", repo.url)
    limit = (part, "acme/other/aws" if part == "--only" else "HEAD")
    ran = run_here(work, "--json", "publish", *limit, "--approved-by", "eve")
    assert (ran.code, codes(ran)) == (1, ["PLN030"])
    assert run_here(work, "publish", *limit, "--approved-by", "pat").code == 0


def test_who_approves_a_shared_file_approves_no_package_that_waits_from_another(work: Workspace, repo: GitRepo) -> None:
    begin(work)
    work.module("acme/other/aws", repo.url)
    committed(work)
    assert run_here(work, "publish").code == 1, "nobody approved it"
    work.write("catalog/namespaces/acme.yaml", "# For everybody.\nvisibility: public\n")
    ran = run_here(work, "--json", "publish", "--changed-since", "HEAD", "--approved-by", "pat")
    assert (ran.code, codes(ran)) == (1, ["PLN030"])
    work.module("acme/other/aws", repo.url, "# Seen.\n")
    assert run_here(work, "publish", "--changed-since", "HEAD", "--approved-by", "pat").code == 0


def test_who_approves_other_settings_approves_no_rules_that_wait_from_another(work: Workspace) -> None:
    begin(work)
    work.write("catalog/organizations/platform.yaml", PLATFORM.replace("bob", "bob, eve"))
    committed(work)
    registry = work.root / "registry.yaml"
    registry.write_text(registry.read_text() + "# A word.\n")
    ran = run_here(work, "--json", "publish", "--changed-since", "HEAD", *BOTH)
    assert (ran.code, codes(ran, "refused_rules")) == (1, ["PLN031"])


def test_who_approves_one_change_approves_no_rules_that_wait_from_another(work: Workspace, repo: GitRepo) -> None:
    begin(work)
    committed(work)
    work.write("catalog/organizations/platform.yaml", PLATFORM.replace("bob", "bob, eve"))
    with_rules = ("publish", "--changed-since", "HEAD")
    assert run_here(work, *with_rules, "--approved-by", "eve").code == 1
    committed(work)
    work.module("acme/other/aws", repo.url)
    for limit in (("--changed-since", "HEAD"), ("--only", "acme/other/aws")):
        ran = run_here(work, "--json", "publish", *limit, *BOTH)
        assert (ran.code, codes(ran), codes(ran, "refused_rules")) == (1, [], ["PLN031"])
    assert (work.public / "v1/modules/acme/other").exists(), "which they did approve"
    assert run_here(work, "publish", "--changed-since", "HEAD~1", *BOTH).code == 0


def test_a_withdrawal_at_once_needs_the_approval_of_a_withdrawal(work: Workspace) -> None:
    begin(work)
    withdraw = ("withdraw", ADDRESS, "1.0.0", "--reason", "a token", "--now", "--yes")
    assert run_here(work, *withdraw).code == 1
    assert listed(work) == ["1.0.0"]
    assert (work.public / f"v1/modules/{ADDRESS}/1.0.0/module.tar.gz").exists()
    assert run_here(work, *withdraw, "--approved-by", "pat").code == 0
    assert listed(work) == []
    assert not (work.public / f"v1/modules/{ADDRESS}/1.0.0/module.tar.gz").exists()
    assert audit(work, "publish")[-1]["approvals"][0]["approved_by"] == ["pat"]


def test_an_alarm_rests_only_with_the_approvals_that_are_asked_for(work: Workspace, repo: GitRepo) -> None:
    begin(work)
    repo.tag("v1.0.0", repo.commit({"main.tf": "# moved\n"}))
    assert run_here(work, "publish").code == 1
    acknowledge = ("violations", "acknowledge", "1", "--reason", "asked")
    ran = run_here(work, *acknowledge, "--approved-by", "pat", "--approved-by", "PAT")
    assert ran.code == 1
    assert "PLN030 an alarm that is acknowledged (1.0.0) is not approved" in ran.err
    assert run_here(work, "violations").code == 1
    assert run_here(work, *acknowledge, "--approved-by", "pat", "--approved-by", "amy", "--author", "amy").code == 1
    assert run_here(work, *acknowledge, "--approved-by", "pat", "--approved-by", "amy").code == 0
    (row,) = audit(work, "acknowledge")
    assert row["approvals"][0]["approved_by"] == ["amy", "pat"]
    assert run_here(work, "violations").code == 0


def published(work: Workspace, *names: str) -> Report:
    workspace = wiring.read_workspace(work.root / "registry.yaml")
    with wiring.open_registry(workspace) as registry:
        keys, approvals = wiring.open_keys(registry), read_approvals(names, None)
        return publish(registry, keys, selected(workspace, ()), NOW, Silent(), approvals=approvals)


def test_what_an_approved_run_began_the_next_one_completes_without_asking_again(
    work: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(publishing, "commit", killed)
        with pytest.raises(KeyboardInterrupt):
            published(work, "ann", "bob")
    assert listed(work) == []
    report = published(work)
    assert [str(each.address) for each in report.recovered] == [ADDRESS]
    assert (report.refusals, report.refused_rules) == ((), ())
    assert [row["approvals"][0]["approved_by"] for row in audit(work, "publish")] == [["ann", "bob"]]


def test_other_members_cost_no_package_anything(work: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    begin(work)
    before = work.tree()
    report, nothing = counted(work, monkeypatch)
    work.write("catalog/organizations/acme.yaml", ACME.replace("[pat]", "[pat, pia]"))
    assert published(work, "ann", "bob").refused_rules == ()
    again, after = counted(work, monkeypatch)
    assert (report.plan.unchanged, again.plan.unchanged) == (1, 1)
    assert after == nothing
    assert work.tree() == before


def test_rules_that_somebody_changed_meanwhile_are_not_replaced(work: Workspace) -> None:
    begin(work)
    row = AuditRow("ci", "change-rules", "", {}, {}, None, None, NOW)
    with work.registry() as registry, registry.ledger.publication(5) as publication:
        kept = registry.ledger.rules()
        assert kept
        other = PublishedRules(sha256(b"other"), {"format": 1}, NOW)
        with pytest.raises(LedgerError, match="LED055"):
            publication.change_rules(None, other, row)
        assert registry.ledger.rules() == kept
        publication.change_rules(None, kept, row)
        assert len(list(registry.ledger.audit_log())) == 2, "the same rules again are no change"


def test_rules_that_a_newer_version_wrote_stop_everything(work: Workspace) -> None:
    begin(work)
    row = AuditRow("ci", "change-rules", "", {}, {}, None, None, NOW)
    with work.registry() as registry, registry.ledger.publication(5) as publication:
        kept = registry.ledger.rules()
        assert kept
        publication.change_rules(kept.digest, PublishedRules(sha256(b"newer"), {"format": 2}, NOW), row)
    for arguments in (("plan",), ("publish",), ("violations", "acknowledge", "1", "--reason", "x")):
        ran = run_here(work, *arguments)
        assert (ran.code, "LED056" in ran.err) == (1, True)


@pytest.mark.parametrize(
    "arguments",
    [("--approved-by", "@acme/platform"), ("--approved-by", ""), ("--approved-by", "a\nb"), ("--author", "x" * 300)],
)
def test_what_names_no_person_is_wrong_usage(work: Workspace, arguments: tuple[str, ...]) -> None:
    assert run_here(work, "publish", *arguments).code == 64


def test_approvals_without_a_publication_are_wrong_usage(work: Workspace) -> None:
    assert run_here(work, "withdraw", ADDRESS, "1.0.0", "--reason", "x", "--approved-by", "ann").code == 64


@pytest.mark.parametrize("done", [False, True])
def test_a_run_that_ends_at_the_change_of_rules_is_mended_by_the_next_one(
    work: Workspace, monkeypatch: pytest.MonkeyPatch, done: bool
) -> None:
    """Whether the ledger has the rules by then or not: they are in force once, and told once."""
    change = PostgresPublication.change_rules

    def lost(publication: PostgresPublication, *arguments: Any) -> None:
        if done:
            change(publication, *arguments)
        raise LedgerError(UNREACHABLE, where="the test")

    with monkeypatch.context() as patch:
        patch.setattr(PostgresPublication, "change_rules", lost)
        with pytest.raises(LedgerError, match="LED001"):
            published(work, "ann", "bob")
    assert listed(work) == []
    assert published(work, *(("pat",) if done else ("ann", "bob"))).refused_rules == ()
    assert listed(work) == ["1.0.0"]
    (row,) = audit(work, "change-rules")
    assert row["approvals"][0]["approved_by"] == ["ann", "bob"]


def test_a_saved_plan_shows_what_it_needs_waits_for_it_and_leaves_the_rules_alone(
    work: Workspace, repo: GitRepo
) -> None:
    begin(work)
    before = audit(work, "change-rules")
    work.module(ADDRESS, repo.url, "withdrawn:\n  - versions: 1.0.0\n    reason: Broken.\n")
    shown = run_here(work, "plan", "--only", ADDRESS, "--out", "plan.json", "--json", "--allow-mass-withdrawal").json
    assert [need["may_approve"] for need in shown["packages"][0]["needs"]] == [["amy", "ann", "bob", "pat"]]
    refused = run_here(work, "publish", "plan.json", "--allow-mass-withdrawal")
    assert (refused.code, "PLN040" in refused.err, "PLN030 a withdrawal" in refused.err) == (1, True, True)
    assert listed(work) == ["1.0.0"]
    work.write("catalog/organizations/platform.yaml", PLATFORM.replace("bob", "bob, eve"))
    ran = run_here(work, "publish", "plan.json", "--allow-mass-withdrawal", *BOTH)
    assert (ran.code, listed(work)) == (0, [])
    assert audit(work, "change-rules") == before, "a change of the rules was not in the plan"

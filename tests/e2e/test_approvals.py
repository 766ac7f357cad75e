"""The example of docs/approvals.md as a registry: publish refuses, and accepts once the right people approved."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.git_repo import GitRepo
from tests.support.workspace import Workspace

if TYPE_CHECKING:
    import subprocess

PAGE = Path(__file__).parents[2] / "docs/approvals.md"
LISTING = "v1/modules/acme/network/aws/versions"


def test_publish_refuses_what_nobody_approved_and_publishes_what_the_right_people_did(
    tmp_path: Path, database: str
) -> None:
    repo = GitRepo(tmp_path / "network.git")
    repo.tag("v1.0.0", repo.commit({"main.tf": 'variable "name" {}\n'}))
    work = Workspace(tmp_path / "work", database)
    work.module("acme/network/aws", repo.url)
    files = re.findall(r"```yaml\n# (catalog/\S+)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(files) == 3
    for path, text in files:
        work.write(path, text)

    def run(*arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        ran = work.cli(*arguments)
        assert ran.returncode == code, ran.stdout + ran.stderr
        return ran

    assert "CAT064" in run("validate", code=1).stderr
    run("codeowners", "--forge", "github")
    run("validate")
    assert "needs publisher: @acme/platform, amy, ann, bob, pat, pia@example.com" in run("plan").stdout
    refused = run("publish", "--approved-by", "eve", code=1).stdout
    assert re.search(
        r"PLN030 a new package is not approved: 1\.0\.0\n +where +catalog/policies/approvals\.yaml:2:3", refused
    )
    assert not (work.public / LISTING).exists()

    approved = (
        "--approved-by",
        "eve:@acme/platform",
        "--approved-by",
        "ann",
        "--approved-by",
        "bob",
        "--author",
        "pat",
    )
    assert "who may approve: the catalog's rules are in force from now on\n" in run("publish", *approved).stdout
    assert [each["version"] for each in work.document(LISTING)["modules"][0]["versions"]] == ["1.0.0"]
    rows = json.loads(run("--json", "ledger", "audit", "list").stdout)["rows"]
    told = {row["action"]: row["after"]["approvals"] for row in rows}
    assert [each["approved_by"] for each in told["publish"]] == [["ann", "bob", "eve"]]
    assert told["change-rules"][0]["approved_by"] == ["ann", "bob"]
    run("ledger", "audit", "verify")
    unchanged = run("publish").stdout
    assert unchanged.startswith("No changes.")

    work.write("catalog/organizations/acme.yaml", "namespaces: [acme]\nmembers:\n  publisher: [pat]\n")
    assert run("publish", *approved).stdout.endswith("No package changed. 1 package unchanged.\n")

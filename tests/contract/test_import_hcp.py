"""``import hcp-listing``: saved pages of HCP Terraform's listing, in the shape that hashicorp/go-tfe reads."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.command_line import run_here
from tests.support.runbook import ROOT, Shell, read_page
from tests.support.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.command_line import Ran

PAGE = "registry-modules-1.json"


@pytest.fixture
def work(tmp_path: Path, database: str) -> Workspace:
    return Workspace(tmp_path / "work", database)


def listed(
    name: str, *versions: str, kind: str = "registry-modules", more: dict[str, Any] | None = None
) -> dict[str, Any]:
    return {
        "id": "mod-1JqHG3j71bwoukuX",
        "type": kind,
        "attributes": {
            "name": name,
            "namespace": "acme",
            "provider": "aws",
            "registry-name": "private",
            "status": "setup_complete",
            "version-statuses": [{"version": version, "status": "ok"} for version in versions],
            "vcs-repo": {"identifier": f"acme/{name}", "repository-http-url": f"https://git.example.com/acme/{name}"},
            "permissions": {"can-delete": True},
            **(more or {}),
        },
    }


def save(folder: Path, number: int, total: int, *data: dict[str, Any]) -> Path:
    path = folder / f"registry-modules-{number}.json"
    pagination = {"current-page": number, "next-page": None, "total-pages": total, "total-count": 1}
    path.write_text(json.dumps({"data": data, "links": {}, "meta": {"pagination": pagination}}))
    return path


def imported(work: Workspace, *pages: Path, code: int = 0) -> Ran:
    ran = run_here(work, "import", "hcp-listing", *map(str, pages), "--json")
    assert ran.code == code, ran.err + ran.out
    return ran


def test_modules_of_all_pages_become_their_repositories(work: Workspace, tmp_path: Path) -> None:
    repository = {
        "repository-http-url": "https://git.example.com/a.git",
        "source-directory": "vpc",
        "tag-prefix": "vpc-v",
    }
    first = save(tmp_path, 1, 2, listed("network", "1.0.0", "1.1.0"))
    second = save(tmp_path, 2, 2, listed("vpc", "1.0.0", more={"vcs-repo": repository}))

    ran = imported(work, first, second)

    assert ran.json["not_taken"] == []
    assert (ran.json["taken"]["modules"], ran.json["taken"]["module_versions"]) == (2, 3)
    catalog = work.root / "catalog/modules/acme"
    assert (catalog / "network/aws.yaml").read_text() == 'source:\n  git: "https://git.example.com/acme/network"\n'
    assert (catalog / "vpc/aws.yaml").read_text() == (
        'source:\n  git: "https://git.example.com/a.git"\n  path: "vpc"\n  tags: ["vpc-v{version}"]\n'
    )
    assert run_here(work, "validate").code == 0


def test_what_a_listing_only_names_or_says_wrongly_is_told(work: Workspace, tmp_path: Path) -> None:
    page = save(
        tmp_path,
        1,
        1,
        listed("good", "1.0.0", "1.0"),
        listed("uploaded", "1.0.0", more={"vcs-repo": None}),
        listed("copied", "1.0.0", more={"registry-name": "public"}),
        listed("widget", kind="registry-providers", more={"provider": ""}),
        listed("Upper", "1.0.0"),
        listed("pending", more={"version-statuses": [{"version": "1.0.0", "status": "pending"}]}),
        listed("local", "1.0.0", more={"vcs-repo": {"repository-http-url": "file:///etc"}}),
        listed(
            "out",
            "1.0.0",
            more={"vcs-repo": {"repository-http-url": "https://h.example/a", "source-directory": "../x"}},
        ),
        listed("good", "1.0.0", more={"vcs-repo": {"repository-http-url": "https://elsewhere.example/a"}}),
    )

    ran = imported(work, page)

    assert sorted((problem["where"], problem["code"]) for problem in ran.json["not_taken"]) == [
        (f"{PAGE} acme/Upper/aws", "ADR001"),
        (f"{PAGE} acme/copied/aws", "IMP028"),
        (f"{PAGE} acme/good/aws", "IMP003"),
        (f"{PAGE} acme/good/aws 1.0", "VER001"),
        (f"{PAGE} acme/local/aws", "CAT020"),
        (f"{PAGE} acme/out/aws", "CAT023"),
        (f"{PAGE} acme/pending/aws", "IMP009"),
        (f"{PAGE} acme/uploaded/aws", "IMP028"),
        (f"{PAGE} acme/widget", "IMP028"),
    ]
    assert ran.json["taken"]["modules"] == 1


def test_a_missing_page_ends_the_import_before_anything_is_written(work: Workspace, tmp_path: Path) -> None:
    ran = run_here(work, "import", "hcp-listing", str(save(tmp_path, 1, 3, listed("network", "1.0.0"))))

    assert ran.code == 1
    assert "IMP029" in ran.err
    assert list((work.root / "catalog").iterdir()) == []


@pytest.mark.parametrize("text", ["", "[]", '{"data": [{"type": "registry-modules"}]}', '{"data": ' + "[" * 5_000])
def test_a_file_that_is_no_page_is_refused(work: Workspace, tmp_path: Path, text: str) -> None:
    (tmp_path / PAGE).write_text(text)

    ran = run_here(work, "import", "hcp-listing", str(tmp_path / PAGE))

    assert ran.code == 1
    assert "IMP002" in ran.err


def test_the_commands_of_the_documentation_work_as_written(work: Workspace, tmp_path: Path) -> None:
    save(tmp_path, 1, 1, listed("network", "1.0.0"))

    said = Shell(work, tmp_path).run(read_page(ROOT / "docs/migration.md")["Modules of HCP Terraform"][0])

    assert "Taken: 1 module with 1 version" in said
    assert "Digests" not in said, "a listing has none"

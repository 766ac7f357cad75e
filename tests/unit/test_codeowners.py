"""CODEOWNERS: who is asked for a review is who may approve, and nobody's name is more than a name."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from registry_gen.errors import InputError
from registry_gen.model.entries import Catalog
from registry_gen.model.rules import ApprovalRule, Risk, Role
from registry_gen.policy.codeowners import FORGES, PATHS, codeowners
from tests.support.approvals import organization, rule, rules

if TYPE_CHECKING:
    from registry_gen.model.rules import Forge

RULES = rules(
    organization(
        "platform", "platform", registry=True, admin=["ann", "bob@example.com"], mirror_manager=["@acme/mirrors"]
    ),
    organization("acme", "acme", "acme-labs", publisher=["pat"], viewer=["vic"]),
)


def catalog(*more: ApprovalRule) -> Catalog:
    policy = replace(RULES.policy, approvals=more)
    return Catalog({}, None, organizations=RULES.organizations, policy=policy)


def owners(made: Catalog, path: str) -> str:
    """Who owns a path: of the lines that match, the last."""
    lines = codeowners(made, "github", "catalog", "registry.yaml").data.decode().splitlines()
    found = [line.split(" ", 1) for line in lines if not line.startswith("#")]
    return [names for pattern, names in found if path == pattern or (pattern[-1] == "/" and path.startswith(pattern))][
        -1
    ]


ADMINS = "@ann bob@example.com"


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("/registry.yaml", ADMINS),
        ("/.github/CODEOWNERS", ADMINS),
        ("/catalog/policies/all.yaml", ADMINS),
        ("/catalog/organizations/acme.yaml", ADMINS),
        ("/catalog/mirrors/registry.terraform.io/hashicorp/random.yaml", f"@acme/mirrors {ADMINS}"),
        ("/catalog/keys/mirrors/x.asc", ADMINS),
        ("/catalog/namespaces/acme.yaml", ADMINS),
        ("/catalog/modules/acme/network/aws.yaml", f"@acme/mirrors {ADMINS} @pat"),
        ("/catalog/providers/acme-labs/widget.yaml", f"@acme/mirrors {ADMINS} @pat"),
        ("/catalog/modules/nobodys/network/aws.yaml", f"@acme/mirrors {ADMINS}"),
        ("/catalog/README.md", ADMINS),
    ],
)
def test_the_last_line_of_a_path_names_who_may_approve_it(path: str, names: str) -> None:
    assert owners(catalog(), path) == names


def test_rules_of_policies_choose_the_owners() -> None:
    mine = rule(Risk.NEW_PACKAGE, Role.VIEWER, 1, "acme")
    assert owners(catalog(mine), "/catalog/modules/acme/x/y.yaml") == f"@acme/mirrors {ADMINS} @pat @vic"
    both = (mine, rule(Risk.NEW_PACKAGE, Role.ADMIN))
    assert owners(catalog(*both), "/catalog/modules/acme/x/y.yaml") == ADMINS, "all rules count"
    nobody = rule(Risk.NEW_PACKAGE, None, 0)
    assert owners(catalog(nobody), "/catalog/modules/acme/x/y.yaml") == f"@acme/mirrors {ADMINS} @pat"


@pytest.mark.parametrize(
    ("forge", "paths"),
    [
        ("github", ["/.github/"]),
        ("gitlab", ["/.gitlab-ci.yml", "/.gitlab/", "/CODEOWNERS", "/docs/CODEOWNERS"]),
        ("bitbucket", ["/bitbucket-pipelines.yml", "/.bitbucket/"]),
    ],
)
def test_who_could_say_in_a_pipeline_who_approved_is_reviewed_by_those_who_may_change_rules(
    forge: Forge, paths: list[str]
) -> None:
    lines = codeowners(catalog(), forge, "here/catalog", "here/registry.yaml").data.decode().splitlines()
    for path in [*paths, "/here/requirements.txt"]:
        assert f"{path} {ADMINS}" in lines


@pytest.mark.parametrize("forge", FORGES)
def test_each_forge_has_its_place_and_a_file_that_ends_in_a_line(forge: str) -> None:
    made = codeowners(catalog(), forge, "registry/catalog", "registry/registry.yaml")  # type: ignore[arg-type]
    assert made.path == PATHS[forge] == f".{forge}/CODEOWNERS"  # type: ignore[index]
    lines = made.data.decode().splitlines()
    assert lines[0] == f"# Made by: registry-gen codeowners --forge {forge}"
    assert all(line.startswith(("#", "/")) for line in lines)
    assert made.data.endswith(b"\n")
    assert made.follows(made.data[:200])
    assert not made.follows(b"* @ann\n")


def test_a_path_that_nobody_may_approve_is_no_line_without_owners() -> None:
    """To GitHub such a line says that everybody may change it."""
    made = Catalog({}, None, organizations=(organization("acme", "acme", viewer=["vic"]),))
    lines = codeowners(made, "github", "catalog", "registry.yaml").data.decode().splitlines()
    assert [line for line in lines if not line.startswith("#")] == []


@pytest.mark.parametrize("folder", ["a b", "a#b", "[a]", "a\nb", "a\\b", "ä", "a*"])
def test_a_folder_that_would_mean_something_else_is_refused(folder: str) -> None:
    with pytest.raises(InputError, match="CAT065"):
        codeowners(catalog(), "gitlab", folder, "registry.yaml")

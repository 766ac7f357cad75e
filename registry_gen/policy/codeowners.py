"""The forge's CODEOWNERS file from organizations and policies: who is asked for a review is who may approve.

All three forges read lines of a path and its owners, of which the last that matches counts: people as @name or by their
e-mail address, teams as @organization/team.
https://docs.github.com/en/repositories/managing-your-repositorys-settings-and-features/customizing-your-repository/about-code-owners
https://docs.gitlab.com/user/project/codeowners/reference/
https://support.atlassian.com/bitbucket-cloud/docs/set-up-and-use-code-owners/
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, get_args

from registry_gen.catalog import codes
from registry_gen.errors import InputError
from registry_gen.model.rules import Forge, Risk, Role
from registry_gen.policy.approvals import DEFAULTS, rules_about
from registry_gen.policy.roles import members_with, rules_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from registry_gen.model.entries import Catalog
    from registry_gen.policy.roles import Rules

FORGES: Final[tuple[Forge, ...]] = get_args(Forge)
PATHS: Final[Mapping[Forge, str]] = {forge: f".{forge}/CODEOWNERS" for forge in FORGES}
"""Where each forge looks, from the root of the repository."""
READ_INSTEAD: Final[Mapping[Forge, tuple[str, ...]]] = {
    "github": (),
    # "The first CODEOWNERS file found is used": the root, docs, .gitlab (ee/lib/gitlab/code_owners.rb, FILE_PATHS).
    "gitlab": ("CODEOWNERS", "docs/CODEOWNERS"),
    "bitbucket": (),
}
"""Files for which a forge passes over the one in ``PATHS``."""
_PIPELINE: Final[Mapping[Forge, tuple[str, ...]]] = {
    "github": (".github/",),
    "gitlab": (".gitlab-ci.yml", ".gitlab/"),
    "bitbucket": ("bitbucket-pipelines.yml", ".bitbucket/"),
}
"""What the forge runs: whoever changes it could say who approved."""
_INSTALLED: Final = "requirements.txt"
"""Beside registry.yaml, where ``init`` puts it: what a pipeline runs, too."""

MOST_COMMENTS: Final = 4096
"""Bytes of a file that names no owner and may be replaced."""
_SAFE: Final = re.compile(r"[A-Za-z0-9._/-]+")


@dataclass(frozen=True, slots=True)
class Codeowners:
    """The file as it has to be: ``path`` is from the root of the repository.

    ``over_comments`` lets it take the place of a file that names no owner, such as the one that ``init`` writes.
    """

    forge: Forge
    path: str
    data: bytes
    over_comments: bool = False

    def follows(self, found: bytes) -> bool:
        """Whether what was found is an earlier one of these, and no one wrote it by hand."""
        return found.startswith(_header(self.forge).encode()) or (self.over_comments and _names_nobody(found))


def codeowners(catalog: Catalog, forge: Forge, folder: str, registry: str) -> Codeowners:
    """The file for a forge; ``folder`` and ``registry`` are the catalog's folder and registry.yaml, from the root.

    A path whose role nobody has is left to the line above it. Raises InputError CAT065 for a folder whose name would
    mean something else there: GitHub knows no way to write it.
    """
    for path in (folder, registry):
        if not _SAFE.fullmatch(path):
            raise InputError(codes.ODD_FOLDER, found=repr(path), hint=codes.ODD_FOLDER.fix)
    owned = _owned(catalog, forge, folder, registry)
    lines = [f"{path} {' '.join(map(_owner, names))}" for path, names in owned if names]
    return Codeowners(forge, PATHS[forge], "\n".join([_header(forge), *lines, ""]).encode())


def _names_nobody(found: bytes) -> bool:
    """Whether there are comments alone; of a longer file the end may not have been read."""
    lines = found.splitlines()
    return len(found) <= MOST_COMMENTS and all(not line.strip() or line.startswith(b"#") for line in lines)


def _header(forge: Forge) -> str:
    made = f"# Made by: registry-gen codeowners --forge {forge}"
    return f"{made}\n# From catalog/organizations and catalog/policies: change these."


def _owned(catalog: Catalog, forge: Forge, folder: str, registry: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Paths and who may approve what changes there, from what is about everything to what is about one thing."""
    rules = rules_of(catalog)
    everything = _may(rules, Risk.POLICY_CHANGE, None)
    beside = registry.rpartition("/")[0]
    for path in (*_PIPELINE[forge], *READ_INSTEAD[forge], f"{beside}/{_INSTALLED}" if beside else _INSTALLED, registry):
        yield f"/{path}", everything
    yield f"/{PATHS[forge]}", everything
    yield f"/{folder}/", everything
    yield f"/{folder}/keys/", _may(rules, Risk.KEY_CHANGE, None)
    yield f"/{folder}/mirrors/", _may(rules, Risk.NEW_UPSTREAM, None)
    yield f"/{folder}/modules/", _may(rules, Risk.NEW_PACKAGE, None)
    yield f"/{folder}/providers/", _may(rules, Risk.NEW_PACKAGE, None)
    yield f"/{folder}/organizations/", _may(rules, Risk.ORGANIZATION_CHANGE, None)
    for organization in sorted(rules.organizations, key=lambda each: each.name):
        own = organization.name
        yield f"/{folder}/organizations/{own}.yaml", _may(rules, Risk.ORGANIZATION_CHANGE, own)
        for namespace in sorted(organization.namespaces):
            yield f"/{folder}/keys/{namespace}/", _may(rules, Risk.KEY_CHANGE, own)
            yield f"/{folder}/namespaces/{namespace}.yaml", _may(rules, Risk.KEY_CHANGE, own)
            yield f"/{folder}/modules/{namespace}/", _may(rules, Risk.NEW_PACKAGE, own)
            yield f"/{folder}/providers/{namespace}/", _may(rules, Risk.NEW_PACKAGE, own)


def _may(rules: Rules, risk: Risk, organization: str | None) -> tuple[str, ...]:
    """Who may approve by every rule; where none asks for anybody, who could by the default."""
    asked = [rule.role for rule in rules_about(rules, risk, organization) if rule.role]
    roles = asked or [DEFAULTS[risk][0] or Role.PUBLISHER]
    sets = [members_with(rules, role, organization) for role in roles]
    return tuple(name for name in sets[0] if all(name in names for names in sets))


def _owner(name: str) -> str:
    return name if "@" in name else f"@{name}"

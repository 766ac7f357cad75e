"""Who may approve what: roles of members, risks of actions, and the rules between them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from registry_gen.errors import Position
    from registry_gen.model.address import Address
    from registry_gen.model.digest import Sha256
    from registry_gen.model.version import Version


class Role(StrEnum):
    """What a member of an organization may approve; see ``policy.roles`` for which role includes which."""

    ADMIN = "admin"
    MIRROR_MANAGER = "mirror_manager"
    PUBLISHER = "publisher"
    VIEWER = "viewer"
    STORAGE_MANAGER = "storage_manager"


class Risk(StrEnum):
    """The class of an action, which decides about the approvals that it needs."""

    NEW_VERSION = "new_version"
    NEW_PACKAGE = "new_package"
    NEW_UPSTREAM = "new_upstream"
    KEY_CHANGE = "key_change"
    WITHDRAWAL = "withdrawal"
    RETENTION = "retention"
    TAG_MOVE = "tag_move"
    POLICY_CHANGE = "policy_change"
    ORGANIZATION_CHANGE = "organization_change"


Forge = Literal["github", "gitlab", "bitbucket"]


@dataclass(frozen=True, slots=True)
class Member:
    """A forge user's name, an e-mail address, or a team such as @acme/platform; letter case means nothing."""

    name: str
    role: Role

    @property
    def is_team(self) -> bool:
        """Whether several people may speak in this name."""
        return self.name.startswith("@")


@dataclass(frozen=True, slots=True)
class ApprovalRule:
    """So many people of a role must approve actions of a class; ``role`` None: nobody must.

    ``organizations`` are those that it is about, () for everything. ``position`` is where it is written; for a
    default it is where approvals are asked for at all, and ``default`` says so.
    """

    risk: Risk
    role: Role | None
    people: int
    position: Position
    organizations: tuple[str, ...] = ()
    default: bool = False


@dataclass(frozen=True, slots=True)
class Policy:
    """catalog/policies/*.yaml together.

    ``asked`` is where a file first asks for approvals; None where none does, and then no action needs any.
    ``codeowners`` are the forges whose CODEOWNERS have to be there.
    """

    approvals: tuple[ApprovalRule, ...] = ()
    asked: Position | None = None
    codeowners: tuple[tuple[Forge, Position], ...] = ()


NO_POLICY = Policy()


@dataclass(frozen=True, slots=True)
class Approver:
    """A person who approved, and the teams in whose name; both as they were given."""

    name: str
    teams: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Approvals:
    """What whoever runs this says: who approved what is done, and whose change it is (None: not said)."""

    people: tuple[Approver, ...] = ()
    author: str | None = None


NOBODY = Approvals()


@dataclass(frozen=True, slots=True)
class Need:
    """What one rule asks for one package, or for a change of the rules themselves: then ``address`` is None.

    ``what`` says it in words, ``versions`` are those that it is about. ``may`` are the members who could approve, in
    the order of their names, ``given`` the people whose approval counts. ``organization`` is whose roles are asked,
    None where only those hold that are good for the whole registry.
    """

    address: Address | None
    risk: Risk
    rule: ApprovalRule
    what: str
    organization: str | None
    may: tuple[str, ...]
    given: tuple[str, ...]
    versions: tuple[Version, ...] = ()

    @property
    def met(self) -> bool:
        """Whether enough people approved."""
        return len(self.given) >= self.rule.people

    def as_json(self) -> Mapping[str, object]:
        """For machines and for the audit log."""
        return {
            "risk": self.risk.value,
            "what": self.what,
            "versions": [str(version) for version in self.versions],
            "role": self.rule.role and self.rule.role.value,
            "people": self.rule.people,
            "organization": self.organization,
            "rule": str(self.rule.position),
            "default": self.rule.default,
            "approved_by": list(self.given),
        }


@dataclass(frozen=True, slots=True)
class PublishedRules:
    """The rules as of the last publish that changed them: ``content`` is what ``policy.content`` reads."""

    digest: Sha256
    content: Mapping[str, object] = field(hash=False)
    published_at: datetime

"""The files of policies as a pydantic model; see ``shapes`` for what a shape is."""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field

from registry_gen.catalog.fields import Distinct, NamespaceName, reads, schema, whole, written
from registry_gen.catalog.shapes import Items, Shape

MOST_PEOPLE: Final = 10


class ApprovalShape(Shape):
    """Who must approve: so many people of a role, or nobody."""

    role: Annotated[
        Literal["admin", "mirror_manager", "publisher", "viewer", "storage_manager", "none"],
        Field(description="The least role of whoever approves; none: no approval is needed.", examples=["publisher"]),
    ]
    people: Annotated[
        int,
        reads(whole(1, MOST_PEOPLE), written),
        schema(type="integer", minimum=1, maximum=MOST_PEOPLE),
        Field(
            description="How many must approve; from 2 on, the author of the change does not count. 1 if left out.",
            examples=[2],
        ),
    ] = 1


Rule = ApprovalShape | None


class ApprovalsShape(Shape):
    """What needs an approval; docs/approvals.md has the defaults of what is left out."""

    new_version: Annotated[Rule, Field(description="A version, or a platform of one, from where the others are.")] = (
        None
    )
    new_package: Annotated[Rule, Field(description="The first versions of a module or provider.")] = None
    new_upstream: Annotated[Rule, Field(description="A new mirror, or versions from another source than so far.")] = (
        None
    )
    key_change: Annotated[Rule, Field(description="Other keys for clients, or another signer of a mirror.")] = None
    withdrawal: Annotated[Rule, Field(description="Versions that are taken back, or listed again.")] = None
    retention: Annotated[Rule, Field(description="Versions that retention takes back by itself.")] = None
    tag_move: Annotated[Rule, Field(description="An alarm about a source that is acknowledged.")] = None
    policy_change: Annotated[Rule, Field(description="Other rules in catalog/policies.")] = None
    organization_change: Annotated[Rule, Field(description="Other members, or another organization.")] = None


_RULES: Final = dict.fromkeys(ApprovalsShape.model_fields, ApprovalShape)


class PolicyFile(Shape):
    """Rules of the registry: catalog/policies/NAME.yaml."""

    inside: ClassVar = {"approvals": ApprovalsShape, **_RULES}

    organizations: Annotated[
        tuple[NamespaceName, ...],
        Items,
        Distinct,
        Field(description="The organizations whose packages and members it is about; everything if left out."),
    ] = ()
    approvals: Annotated[
        ApprovalsShape | None, Field(description="Who must approve what. Where no policy has it, nobody must.")
    ] = None
    codeowners: Annotated[
        Literal["github", "gitlab", "bitbucket"] | None,
        Field(description="validate demands this forge's CODEOWNERS file, as registry-gen codeowners makes it."),
    ] = None

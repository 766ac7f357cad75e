"""The files of the catalog as pydantic models: the keys each kind has, and nothing else.

The JSON Schemas in ``schemas/`` are made from these models, so a field's description is what an editor shows.
``inside`` names the model behind a key (or behind one form of a key that has two), for did-you-mean.
Here is what all kinds share and the files that packages share; ``package_shapes`` has those of packages.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from registry_gen.catalog.fields import (
    Distinct,
    Flag,
    KeyPath,
    MemberName,
    NamespaceName,
    Total,
    reads,
    schema,
    whole,
    written,
)


class Shape(BaseModel):
    """What all kinds share: no unknown keys, nothing converted, nothing changed afterwards."""

    model_config = ConfigDict(
        strict=True, frozen=True, extra="forbid", arbitrary_types_allowed=True, hide_input_in_errors=True
    )
    inside: ClassVar[Mapping[str, type[Shape]]] = {}


Items = Field(min_length=1, json_schema_extra={"uniqueItems": True})
Keys = Annotated[tuple[KeyPath, ...], Items, Distinct]


class NamespaceFile(Shape):
    """A namespace: catalog/namespaces/NAMESPACE.yaml."""

    visibility: Annotated[Literal["public", "private"], Field(description="public; private is not yet supported.")] = (
        "public"
    )
    signing_keys: Annotated[
        Keys, Field(description="Keys of this namespace's providers that name none themselves.")
    ] = ()


class QuotaShape(Shape):
    """What an organization may take up; mirrors do not count."""

    size: Annotated[Total, Field(description="Archives and zips stored in its namespaces, such as 10 GB.")] = None
    versions: Annotated[
        int | None,
        reads(whole(1, 1_000_000), written),
        schema(type="integer"),
        Field(description="Versions in its namespaces; collected ones do not count.", examples=[1000]),
    ] = None


Members = Annotated[tuple[MemberName, ...], Items]


class MembersShape(Shape):
    """Who may approve what: forge user names, e-mail addresses and teams such as "@acme/platform", by role."""

    admin: Annotated[Members, Field(description="May approve everything.")] = ()
    mirror_manager: Annotated[
        Members, Field(description="May approve where things come from, and all that a publisher may.")
    ] = ()
    publisher: Annotated[Members, Field(description="May approve new packages and withdrawals.")] = ()
    viewer: Annotated[Members, Field(description="May approve only what a policy says that a viewer may.")] = ()
    storage_manager: Annotated[
        Members, Field(description="Looks after storage; may approve only what a policy says.")
    ] = ()


NO_MEMBERS = MembersShape()


class OrganizationFile(Shape):
    """An organization: catalog/organizations/NAME.yaml."""

    inside: ClassVar = {"quota": QuotaShape, "members": MembersShape}

    namespaces: Annotated[
        tuple[NamespaceName, ...],
        Items,
        Distinct,
        Field(description="The namespaces that it owns; a namespace has one owner."),
    ]
    quota: Annotated[QuotaShape | None, Field(description="What is refused beyond; unlimited if left out.")] = None
    members: Annotated[MembersShape, Field(description="Its members by their roles.")] = NO_MEMBERS
    registry: Annotated[
        Flag, Field(description="true: its members' roles hold for the whole registry, not only for its namespaces.")
    ] = False

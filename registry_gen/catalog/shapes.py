"""The files of the catalog as pydantic models: the keys each kind has, and nothing else.

The JSON Schemas in ``schemas/`` are made from these models, so a field's description is what an editor shows.
``inside`` names the model behind a key (or behind one form of a key that has two), for did-you-mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from registry_gen.catalog.fields import (
    CommitText,
    ConstraintText,
    Distinct,
    FilePattern,
    GitUrl,
    InnerFolder,
    KeyPath,
    Message,
    NamespaceName,
    PlatformText,
    ProtocolText,
    TagPattern,
    VersionText,
    reads_place,
    schema,
)
from registry_gen.catalog.location import Places, base_location
from registry_gen.model.version import ANY

GIT: Final = "a source that is a git repository"
ARCHIVES: Final = "a source of archives"


class Shape(BaseModel):
    """What all kinds share: no unknown keys, nothing converted, nothing changed afterwards."""

    model_config = ConfigDict(
        strict=True, frozen=True, extra="forbid", arbitrary_types_allowed=True, hide_input_in_errors=True
    )
    inside: ClassVar[Mapping[str, type[Shape]]] = {}


def _archives(text: str, places: Places) -> str:
    return base_location(text, places, template=False)


def _releases(text: str, places: Places) -> str:
    return base_location(text, places, template=True)


HostingText = Annotated[
    Literal["copy", "link"],
    Field(description="copy stores the artifact here; link publishes documents that point at the upstream."),
]
VersionsText = Annotated[
    ConstraintText,
    Field(description="Which versions to publish, as in Terraform. A prerelease only where = names it."),
]
DeprecatedText = Annotated[Message, Field(description="Shown to everybody who selects the package.")]
Items = Field(min_length=1, json_schema_extra={"uniqueItems": True})
Keys = Annotated[tuple[KeyPath, ...], Items, Distinct]
Platforms = Annotated[
    tuple[PlatformText, ...], Items, Distinct, Field(description="Only these; all that there are if left out.")
]


class GitShape(Shape):
    """A git repository."""

    git: Annotated[GitUrl, Field(description="URL of the repository, or a folder that starts with ./ or /.")]
    path: Annotated[InnerFolder, Field(description="The module's folder in the repository.")] = ""
    tags: Annotated[
        tuple[TagPattern, ...],
        Items,
        Distinct,
        Field(description='Which tags are versions: names with one {version}, such as "v{version}".'),
    ] = ("v{version}", "{version}")
    pins: Annotated[
        dict[VersionText, CommitText], Field(description="The commit that a version must be, by version.")
    ] = {}


class ArchivesShape(Shape):
    """Built archives beside a SHA256SUMS."""

    archives: Annotated[
        str,
        reads_place(_archives),
        schema(),
        Field(description="Folder or base URL that holds the archives and their SHA256SUMS."),
    ]
    pattern: Annotated[FilePattern, Field(description='An archive\'s name, such as "network-{version}.tar.gz".')]


def _form(value: Any) -> str | None:
    keys = value if isinstance(value, dict) else {}
    return GIT if "git" in keys else ARCHIVES if "archives" in keys else None


class ModuleFile(Shape):
    """A module: catalog/modules/NAMESPACE/NAME/SYSTEM.yaml."""

    inside = {GIT: GitShape, ARCHIVES: ArchivesShape}

    source: Annotated[
        Annotated[GitShape, Tag(GIT)] | Annotated[ArchivesShape, Tag(ARCHIVES)],
        Discriminator(_form, custom_error_type="no_source", custom_error_message="one of git and archives"),
        Field(description="Where the versions come from: git, or archives."),
    ]
    versions: VersionsText = ANY
    hosting: HostingText = "copy"
    deprecated: DeprecatedText = ""


class ReleasesShape(Shape):
    """Releases in goreleaser's layout: zips, SHA256SUMS, its signature and a manifest."""

    releases: Annotated[
        str,
        reads_place(_releases),
        schema(),
        Field(description="Folder or base URL of the releases; may hold {version}."),
    ]
    versions: Annotated[
        tuple[VersionText, ...],
        Items,
        Distinct,
        Field(description="The versions to look at where releases is a URL, which cannot be listed."),
    ] = ()


class ProviderFile(Shape):
    """A provider: catalog/providers/NAMESPACE/TYPE.yaml."""

    inside = {"source": ReleasesShape}

    source: Annotated[ReleasesShape, Field(description="Where the versions come from.")]
    versions: VersionsText = ANY
    hosting: HostingText = "copy"
    deprecated: DeprecatedText = ""
    signature: Annotated[
        Literal["publisher", "registry"],
        Field(description="Who signs the sums: the publisher, or this registry because the publisher does not."),
    ] = "publisher"
    signing_keys: Annotated[
        Keys, Field(description="The publisher's keys beneath catalog/keys; the namespace's if left out.")
    ] = ()
    platforms: Platforms = ()
    protocols: Annotated[
        tuple[ProtocolText, ...],
        Items,
        Distinct,
        Field(description="Plugin protocols; those of the release's manifest if left out."),
    ] = ()


class TrustShape(Shape):
    """What vouches for a mirrored provider."""

    keys: Annotated[Keys, Field(description="Keys beneath catalog/keys; one of them must have signed the sums.")]


class MirrorFile(Shape):
    """A mirrored provider: catalog/mirrors/HOST/NAMESPACE/TYPE.yaml."""

    inside = {"trust": TrustShape}

    trust: Annotated[TrustShape, Field(description="What vouches for the provider.")]
    versions: VersionsText = ANY
    hosting: HostingText = "copy"
    platforms: Platforms = ()


class NamespaceFile(Shape):
    """A namespace: catalog/namespaces/NAMESPACE.yaml."""

    visibility: Annotated[Literal["public", "private"], Field(description="public; private is not yet supported.")] = (
        "public"
    )
    signing_keys: Annotated[
        Keys, Field(description="Keys of this namespace's providers that name none themselves.")
    ] = ()


class OrganizationFile(Shape):
    """An organization: catalog/organizations/NAME.yaml."""

    namespaces: Annotated[
        tuple[NamespaceName, ...],
        Items,
        Distinct,
        Field(description="The namespaces that it owns; a namespace has one owner."),
    ]

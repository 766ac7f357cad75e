"""The files of packages as pydantic models: modules, providers and mirrors; see ``shapes`` for what a shape is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Literal

from pydantic import Discriminator, Field, Tag

from registry_gen.catalog.fields import (
    CommitText,
    ConstraintText,
    Distinct,
    FilePattern,
    Flag,
    GitUrl,
    InnerFolder,
    PlatformText,
    ProtocolText,
    TagPattern,
    VersionText,
    reads_place,
    schema,
)
from registry_gen.catalog.location import Places, base_location
from registry_gen.catalog.rule_shapes import (
    EVERYTHING,
    RULES,
    Deprecations,
    DeprecationShape,
    RetentionShape,
    RetentionText,
    Withdrawals,
    WithdrawalShape,
)
from registry_gen.catalog.shapes import Items, Keys, Shape
from registry_gen.model.version import ANY

if TYPE_CHECKING:
    from collections.abc import Mapping

GIT: Final = "a source that is a git repository"
ARCHIVES: Final = "a source of archives"
LATER: Final[Mapping[str, type[Shape]]] = {"withdrawn": WithdrawalShape, "retention": RetentionShape}


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
    Field(
        description="Which versions to publish, as in Terraform. A prerelease only where = names it or prereleases "
        "is true."
    ),
]
Prereleases = Annotated[
    Flag,
    Field(description="true: versions compares by order alone, so that a range is about its prereleases, too."),
]
Platforms = Annotated[
    tuple[PlatformText, ...], Items, Distinct, Field(description="Only these; all that there are if left out.")
]


class GitShape(Shape):
    """A git repository."""

    git: Annotated[GitUrl, Field(description="URL of the repository, or a folder that starts with ./ or /.")]
    path: Annotated[InnerFolder, Field(description="The module's folder in the repository; the root if left out.")] = ""
    tags: Annotated[
        tuple[TagPattern, ...],
        Items,
        Distinct,
        Field(description='Which tags are versions: names with one {version}, such as "v{version}".'),
    ] = ("v{version}", "{version}")
    pins: Annotated[
        dict[VersionText, CommitText],
        Field(default_factory=dict, description="The commit that a version must be, by version."),
    ]


class ArchivesShape(Shape):
    """Built archives beside a SHA256SUMS."""

    archives: Annotated[
        str,
        reads_place(_archives),
        schema(),
        Field(
            description="Folder or base URL that holds the archives and their SHA256SUMS.",
            examples=["https://releases.example.com/network"],
        ),
    ]
    pattern: Annotated[
        FilePattern, Field(description='An archive\'s name, such as "network-{version}.tar.gz"; .tgz and .zip, too.')
    ]


def _form(value: Any) -> str | None:
    keys = value if isinstance(value, dict) else {}
    return GIT if "git" in keys else ARCHIVES if "archives" in keys else None


class ModuleFile(Shape):
    """A module: catalog/modules/NAMESPACE/NAME/SYSTEM.yaml."""

    inside: ClassVar = {GIT: GitShape, ARCHIVES: ArchivesShape, RULES: DeprecationShape, **LATER}

    source: Annotated[
        Annotated[GitShape, Tag(GIT)] | Annotated[ArchivesShape, Tag(ARCHIVES)],
        Discriminator(_form, custom_error_type="no_source", custom_error_message="one of git and archives"),
        Field(description="Where the versions come from: git, or archives."),
    ]
    versions: VersionsText = ANY
    prereleases: Prereleases = False
    hosting: HostingText = "copy"
    deprecated: Deprecations = ()
    withdrawn: Withdrawals = ()
    retention: RetentionText = EVERYTHING
    allow_unpinned: Annotated[
        Flag,
        Field(description="true: versions that were imported are linked to by their tag until its commit is seen."),
    ] = False


class ReleasesShape(Shape):
    """Releases in goreleaser's layout: zips, SHA256SUMS, its signature and a manifest."""

    releases: Annotated[
        str,
        reads_place(_releases),
        schema(),
        Field(
            description="Folder or base URL of the releases; may hold {version}.",
            examples=["https://releases.example.com/widget/{version}"],
        ),
    ]
    versions: Annotated[
        tuple[VersionText, ...],
        Items,
        Distinct,
        Field(description="The versions to look at where releases is a URL, which cannot be listed."),
    ] = ()


class ProviderFile(Shape):
    """A provider: catalog/providers/NAMESPACE/TYPE.yaml."""

    inside: ClassVar = {"source": ReleasesShape, RULES: DeprecationShape, **LATER}

    source: Annotated[ReleasesShape, Field(description="Where the versions come from.")]
    versions: VersionsText = ANY
    prereleases: Prereleases = False
    hosting: HostingText = "copy"
    deprecated: Deprecations = ()
    withdrawn: Withdrawals = ()
    retention: RetentionText = EVERYTHING
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

    inside: ClassVar = {"trust": TrustShape, **LATER}

    trust: Annotated[TrustShape, Field(description="What vouches for the provider.")]
    versions: VersionsText = ANY
    prereleases: Prereleases = False
    hosting: HostingText = "copy"
    platforms: Platforms = ()
    withdrawn: Withdrawals = ()
    retention: RetentionText = EVERYTHING

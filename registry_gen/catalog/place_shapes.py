"""``storage.public`` and ``storage.private`` as pydantic models: a text, or a mapping with the options of its kind."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import Discriminator, Field, Tag

from registry_gen.catalog.fields import Flag, MachinePath  # noqa: TC001 - pydantic reads them
from registry_gen.catalog.place_fields import (
    AzureText,
    ClassName,
    DirectoryName,
    Endpoint,
    ExternalId,
    FolderText,
    GcsText,
    OptionalDirectoryName,
    OptionalSecret,
    PlaceText,
    Region,
    Role,
    S3Text,
    Secret,
    SessionName,
)
from registry_gen.catalog.shapes import Shape
from registry_gen.model.places import (
    AzureConnectionString,
    AzureManagedIdentity,
    AzurePlace,
    AzureSharedKey,
    AzureWorkloadIdentity,
    FolderPlace,
    GcsFederation,
    GcsKeyFile,
    GcsPlace,
    Place,
    S3AssumeRole,
    S3Keys,
    S3Place,
    S3WebIdentity,
)

TEXT: Final = "a place in one text"
FOLDER: Final = "a folder"
S3: Final = "a bucket that speaks S3"
GCS: Final = "a bucket of Google Cloud"
AZURE: Final = "a container of Azure"

_KEYS: Final = "static keys"
_WEB_IDENTITY: Final = "a role by a signed token"
_ASSUME_ROLE: Final = "a role by who we are"
_SERVICE_ACCOUNT: Final = "a service account"
_FEDERATION: Final = "workload identity federation"
_CONNECTION_STRING: Final = "a connection string"
_SHARED_KEY: Final = "a key of the account"
_MANAGED: Final = "a managed identity"
_WORKLOAD: Final = "a workload identity"
_BY_KIND: Final = {
    "keys": _KEYS,
    "web_identity": _WEB_IDENTITY,
    "assume_role": _ASSUME_ROLE,
    "service_account": _SERVICE_ACCOUNT,
    "federation": _FEDERATION,
    "connection_string": _CONNECTION_STRING,
    "shared_key": _SHARED_KEY,
    "managed_identity": _MANAGED,
    "workload_identity": _WORKLOAD,
}


def _kind(*kinds: str) -> Discriminator:
    """Which form of ``auth`` a mapping is, by its ``kind``."""

    def form(value: Any) -> str | None:
        kind = value.get("kind") if isinstance(value, dict) else None
        return _BY_KIND[kind] if isinstance(kind, str) and kind in kinds else None

    return Discriminator(form, custom_error_type="no_kind", custom_error_message=", ".join(kinds))


_KIND: Final = Field(description="The way to show who we are.")


class S3KeysShape(Shape):
    """Static keys."""

    kind: Annotated[Literal["keys"], _KIND]
    access_key: Annotated[Secret, Field(description="The access key's id, by reference.")]
    secret_key: Annotated[Secret, Field(description="The secret key, by reference.")]
    session_token: Annotated[OptionalSecret, Field(description="The token of temporary keys, by reference.")] = None

    def made(self) -> S3Keys:
        """The same as plain data."""
        return S3Keys(self.access_key, self.secret_key, self.session_token)


class S3WebIdentityShape(Shape):
    """A role, taken with a token that a CI system or Kubernetes signed."""

    kind: Annotated[Literal["web_identity"], _KIND]
    role: Annotated[Role, Field(description="The role's ARN.")]
    token: Annotated[Secret, Field(description="The token, by reference; read anew each time it is used.")]
    session_name: Annotated[SessionName, Field(description="How AWS logs the session.", examples=["registry-gen"])] = (
        "registry-gen"
    )

    def made(self) -> S3WebIdentity:
        """The same as plain data."""
        return S3WebIdentity(self.role, self.token, self.session_name)


class S3AssumeRoleShape(Shape):
    """A role, taken by whom keys or else the default chain says we are."""

    inside: ClassVar = {"keys": S3KeysShape}

    kind: Annotated[Literal["assume_role"], _KIND]
    role: Annotated[Role, Field(description="The role's ARN.")]
    external_id: Annotated[
        ExternalId, Field(description="What the role's owner agreed on with us.", examples=["acme-registry"])
    ] = None
    session_name: Annotated[SessionName, Field(description="How AWS logs the session.", examples=["registry-gen"])] = (
        "registry-gen"
    )
    keys: Annotated[S3KeysShape | None, Field(description="Who takes the role; the default chain if left out.")] = None

    def made(self) -> S3AssumeRole:
        """The same as plain data."""
        return S3AssumeRole(self.role, self.external_id, self.session_name, self.keys.made() if self.keys else None)


class GcsServiceAccountShape(Shape):
    """A service account's key."""

    kind: Annotated[Literal["service_account"], _KIND]
    key: Annotated[Secret, Field(description="The key file's JSON, by reference.")]

    def made(self) -> GcsKeyFile:
        """The same as plain data."""
        return GcsKeyFile(self.key)


class GcsFederationShape(Shape):
    """Workload identity federation."""

    kind: Annotated[Literal["federation"], _KIND]
    configuration: Annotated[Secret, Field(description="The credential configuration's JSON, by reference.")]

    def made(self) -> GcsFederation:
        """The same as plain data."""
        return GcsFederation(self.configuration)


class AzureConnectionStringShape(Shape):
    """A connection string."""

    kind: Annotated[Literal["connection_string"], _KIND]
    connection_string: Annotated[Secret, Field(description="The connection string, by reference.")]

    def made(self) -> AzureConnectionString:
        """The same as plain data."""
        return AzureConnectionString(self.connection_string)


class AzureSharedKeyShape(Shape):
    """A key of the storage account."""

    kind: Annotated[Literal["shared_key"], _KIND]
    key: Annotated[Secret, Field(description="The account's key, by reference.")]

    def made(self) -> AzureSharedKey:
        """The same as plain data."""
        return AzureSharedKey(self.key)


class AzureManagedIdentityShape(Shape):
    """The identity of the machine."""

    kind: Annotated[Literal["managed_identity"], _KIND]
    client_id: Annotated[
        OptionalDirectoryName,
        Field(
            description="Which one, where the machine has several.", examples=["00000000-0000-0000-0000-000000000000"]
        ),
    ] = None

    def made(self) -> AzureManagedIdentity:
        """The same as plain data."""
        return AzureManagedIdentity(self.client_id)


class AzureWorkloadIdentityShape(Shape):
    """An application, shown by a token that a CI system or Kubernetes signed."""

    kind: Annotated[Literal["workload_identity"], _KIND]
    tenant_id: Annotated[
        DirectoryName, Field(description="The directory.", examples=["00000000-0000-0000-0000-000000000000"])
    ]
    client_id: Annotated[
        DirectoryName, Field(description="The application.", examples=["00000000-0000-0000-0000-000000000000"])
    ]
    token_file: Annotated[
        MachinePath,
        Field(
            description="The file of the token; read anew each time it is used.",
            examples=["/var/run/secrets/azure/token"],
        ),
    ]

    def made(self) -> AzureWorkloadIdentity:
        """The same as plain data."""
        return AzureWorkloadIdentity(self.tenant_id, self.client_id, self.token_file)


_ARTIFACTS: Final = Field(description="The storage class of what never changes; the bucket's own if left out.")
_DOCUMENTS: Final = Field(description="The storage class of documents; the bucket's own if left out.")
_ENDPOINT: Final = Field(description="The service's URL; the vendor's own if left out.")


class FolderShape(Shape):
    """A folder."""

    url: Annotated[FolderText, Field(description="A folder that starts with ./ or /.")]

    def place(self) -> FolderPlace:
        """The same as plain data."""
        return self.url


class S3Shape(Shape):
    """A bucket of S3, or of what speaks like it."""

    inside: ClassVar = {_KEYS: S3KeysShape, _WEB_IDENTITY: S3WebIdentityShape, _ASSUME_ROLE: S3AssumeRoleShape}

    url: Annotated[S3Text, Field(description="s3://BUCKET or s3://BUCKET/PREFIX.")]
    region: Annotated[Region, Field(description="The bucket's region.")] = None
    endpoint: Annotated[Endpoint, _ENDPOINT] = None
    sts_endpoint: Annotated[Endpoint, Field(description="Where roles are taken; AWS's own if left out.")] = None
    path_style: Annotated[Flag, Field(description="true: the bucket is in the path, not in the host's name.")] = False
    auth: Annotated[
        Annotated[
            Annotated[S3KeysShape, Tag(_KEYS)]
            | Annotated[S3WebIdentityShape, Tag(_WEB_IDENTITY)]
            | Annotated[S3AssumeRoleShape, Tag(_ASSUME_ROLE)],
            _kind("keys", "web_identity", "assume_role"),
        ]
        | None,
        Field(description="Who we are; AWS's default chain if left out."),
    ] = None
    artifact_class: Annotated[ClassName, _ARTIFACTS] = None
    document_class: Annotated[ClassName, _DOCUMENTS] = None

    def place(self) -> S3Place:
        """The same as plain data."""
        return replace(
            self.url,
            region=self.region,
            endpoint=self.endpoint,
            sts_endpoint=self.sts_endpoint,
            path_style=self.path_style,
            auth=self.auth.made() if self.auth else None,
            artifact_class=self.artifact_class,
            document_class=self.document_class,
        )


class GcsShape(Shape):
    """A bucket of Google Cloud Storage."""

    inside: ClassVar = {_SERVICE_ACCOUNT: GcsServiceAccountShape, _FEDERATION: GcsFederationShape}

    url: Annotated[GcsText, Field(description="gs://BUCKET or gs://BUCKET/PREFIX.")]
    endpoint: Annotated[Endpoint, _ENDPOINT] = None
    anonymous: Annotated[Flag, Field(description="true: no credentials are sent, for emulators.")] = False
    auth: Annotated[
        Annotated[
            Annotated[GcsServiceAccountShape, Tag(_SERVICE_ACCOUNT)] | Annotated[GcsFederationShape, Tag(_FEDERATION)],
            _kind("service_account", "federation"),
        ]
        | None,
        Field(description="Who we are; Application Default Credentials if left out."),
    ] = None
    artifact_class: Annotated[ClassName, _ARTIFACTS] = None
    document_class: Annotated[ClassName, _DOCUMENTS] = None

    def place(self) -> GcsPlace:
        """The same as plain data."""
        return replace(
            self.url,
            endpoint=self.endpoint,
            anonymous=self.anonymous,
            auth=self.auth.made() if self.auth else None,
            artifact_class=self.artifact_class,
            document_class=self.document_class,
        )


class AzureShape(Shape):
    """A container of Azure Blob Storage."""

    inside: ClassVar = {
        _CONNECTION_STRING: AzureConnectionStringShape,
        _SHARED_KEY: AzureSharedKeyShape,
        _MANAGED: AzureManagedIdentityShape,
        _WORKLOAD: AzureWorkloadIdentityShape,
    }

    url: Annotated[AzureText, Field(description="az://ACCOUNT/CONTAINER or az://ACCOUNT/CONTAINER/PREFIX.")]
    endpoint: Annotated[Endpoint, _ENDPOINT] = None
    auth: Annotated[
        Annotated[
            Annotated[AzureConnectionStringShape, Tag(_CONNECTION_STRING)]
            | Annotated[AzureSharedKeyShape, Tag(_SHARED_KEY)]
            | Annotated[AzureManagedIdentityShape, Tag(_MANAGED)]
            | Annotated[AzureWorkloadIdentityShape, Tag(_WORKLOAD)],
            _kind("connection_string", "shared_key", "managed_identity", "workload_identity"),
        ]
        | None,
        Field(description="Who we are; the default chain of credentials if left out."),
    ] = None
    artifact_class: Annotated[ClassName, _ARTIFACTS] = None
    document_class: Annotated[ClassName, _DOCUMENTS] = None

    def place(self) -> AzurePlace:
        """The same as plain data."""
        return replace(
            self.url,
            endpoint=self.endpoint,
            auth=self.auth.made() if self.auth else None,
            artifact_class=self.artifact_class,
            document_class=self.document_class,
        )


def _form(value: Any) -> str | None:
    """Which form a place has; what is neither text nor mapping is for the reader of text to refuse."""
    if not isinstance(value, dict):
        return TEXT
    if "url" not in value:
        return None
    url = value["url"]
    scheme = url.partition("://")[0] if isinstance(url, str) else ""
    return {"s3": S3, "gs": GCS, "az": AZURE}.get(scheme, FOLDER)


SHAPES: Final[dict[str, type[Shape]]] = {FOLDER: FolderShape, S3: S3Shape, GCS: GcsShape, AZURE: AzureShape}
PlaceShape = Annotated[
    Annotated[PlaceText, Tag(TEXT)]
    | Annotated[FolderShape, Tag(FOLDER)]
    | Annotated[S3Shape, Tag(S3)]
    | Annotated[GcsShape, Tag(GCS)]
    | Annotated[AzureShape, Tag(AZURE)],
    Discriminator(_form, custom_error_type="no_url", custom_error_message="no url"),
]


def place_of(value: Place | FolderShape | S3Shape | GcsShape | AzureShape) -> Place:
    """The place that either form says."""
    return value.place() if isinstance(value, Shape) else value

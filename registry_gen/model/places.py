"""Where objects are kept: a folder, or a bucket of a cloud and how to show who we are there.

Secrets are references (``env:NAME`` or ``file:PATH``), never values; None leaves a thing to the vendor's own library.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FolderPlace:
    """A folder of this machine, absolute."""

    folder: str

    @property
    def url(self) -> str:
        """``file:///srv/registry``."""
        return f"file://{self.folder}"


@dataclass(frozen=True, slots=True)
class S3Keys:
    """Static keys, by reference."""

    access_key: str
    secret_key: str
    session_token: str | None = None


@dataclass(frozen=True, slots=True)
class S3WebIdentity:
    """A role taken with a token that somebody else signed (``sts:AssumeRoleWithWebIdentity``), as CI systems give."""

    role: str
    token: str
    session_name: str = "registry-gen"


@dataclass(frozen=True, slots=True)
class S3AssumeRole:
    """A role taken by whom ``keys``, or else the default chain, says we are (``sts:AssumeRole``)."""

    role: str
    external_id: str | None = None
    session_name: str = "registry-gen"
    keys: S3Keys | None = None


@dataclass(frozen=True, slots=True)
class S3Place:
    """A bucket that speaks S3, and the part of its keys that is ours (``prefix``: "" or "some/folder/").

    ``endpoint`` and ``sts_endpoint`` are those of AWS where None; ``auth`` None is the default chain.
    The classes are S3's storage classes of immutable objects and of documents.
    """

    bucket: str
    prefix: str = ""
    region: str | None = None
    endpoint: str | None = None
    sts_endpoint: str | None = None
    path_style: bool = False
    auth: S3Keys | S3WebIdentity | S3AssumeRole | None = None
    artifact_class: str | None = None
    document_class: str | None = None

    @property
    def url(self) -> str:
        """``s3://bucket/some/folder``."""
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/")


@dataclass(frozen=True, slots=True)
class GcsKeyFile:
    """A service account's key file (JSON), by reference to its content."""

    key: str


@dataclass(frozen=True, slots=True)
class GcsFederation:
    """Workload identity federation: a credential configuration (JSON of ``external_account``), by reference."""

    configuration: str


@dataclass(frozen=True, slots=True)
class GcsPlace:
    """A bucket of Google Cloud Storage; ``auth`` None is Application Default Credentials.

    ``endpoint`` is Google's own where None; ``anonymous`` sends no credentials, for emulators.
    """

    bucket: str
    prefix: str = ""
    endpoint: str | None = None
    anonymous: bool = False
    auth: GcsKeyFile | GcsFederation | None = None
    artifact_class: str | None = None
    document_class: str | None = None

    @property
    def url(self) -> str:
        """``gs://bucket/some/folder``."""
        return f"gs://{self.bucket}/{self.prefix}".rstrip("/")


@dataclass(frozen=True, slots=True)
class AzureConnectionString:
    """A connection string, by reference."""

    connection_string: str


@dataclass(frozen=True, slots=True)
class AzureSharedKey:
    """A key of the storage account, by reference."""

    key: str


@dataclass(frozen=True, slots=True)
class AzureManagedIdentity:
    """The identity of the machine; ``client_id`` names one of several."""

    client_id: str | None = None


@dataclass(frozen=True, slots=True)
class AzureWorkloadIdentity:
    """An application of Entra ID, shown by a federated token in a file, as Kubernetes and CI systems give."""

    tenant_id: str
    client_id: str
    token_file: str


@dataclass(frozen=True, slots=True)
class AzurePlace:
    """A container of Azure Blob Storage; ``auth`` None is the default chain of credentials.

    ``endpoint`` is ``https://ACCOUNT.blob.core.windows.net`` where None. The tiers are Hot, Cool and Cold.
    """

    account: str
    container: str
    prefix: str = ""
    endpoint: str | None = None
    auth: AzureConnectionString | AzureSharedKey | AzureManagedIdentity | AzureWorkloadIdentity | None = None
    artifact_class: str | None = None
    document_class: str | None = None

    @property
    def url(self) -> str:
        """``az://account/container/some/folder``."""
        return f"az://{self.account}/{self.container}/{self.prefix}".rstrip("/")


Place = FolderPlace | S3Place | GcsPlace | AzurePlace


def known_as(place: Place, root: str) -> str:
    """How the ledger knows a place that ``root``'s registry.yaml names.

    A folder below ``root`` (absolute) by its path from there, so that the whole may lie elsewhere tomorrow, or on
    another machine; a bucket with its endpoint, for buckets of other servers may have the same name.
    """
    if isinstance(place, FolderPlace):
        inside = place.folder != root and posixpath.commonpath((root, place.folder)) == root
        return f"./{posixpath.relpath(place.folder, root)}" if inside else place.url
    return f"{place.url} at {place.endpoint}" if place.endpoint else place.url

"""What storages of the vendors are called, and the options that say how to reach them: text -> checked values.

Sources: AWS "General purpose bucket naming rules", PutObject and IAM identifiers; Google Cloud "About Cloud Storage
buckets" and "Storage classes"; Microsoft "Naming and referencing containers", "Resource name rules", "Access tiers".
"""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Annotated, Final
from urllib.parse import SplitResult, urlsplit

from registry_gen.catalog import codes, location
from registry_gen.catalog.fields import Reference, reads, reads_place, schema
from registry_gen.catalog.problems import nearest, shorten
from registry_gen.errors import InputError
from registry_gen.model.places import AzurePlace, FolderPlace, GcsPlace, Place, S3Place

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from registry_gen.catalog.location import Places

_TEXT = re.compile(r"[^\x00-\x1f\x7f]{1,1000}")
_DOTTED: Final = r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])"
_S3_BUCKET = re.compile(rf"(?=.{{3,63}}$){_DOTTED}")
_S3_RESERVED = re.compile(r"(?:xn--|sthree-|amzn-s3-demo-).*|.*(?:\.mrap|--ol-s3|--x-s3|--table-s3)")
_GCS_BUCKET = re.compile(r"(?=.{3,222}$)(?!goog)(?!.*g[o0]{2}gle)[a-z0-9](?:[a-z0-9._-]*[a-z0-9])")
_ACCOUNT = re.compile(r"[a-z0-9]{3,24}")
_CONTAINER = re.compile(r"(?=.{3,63}$)[a-z0-9]+(?:-[a-z0-9]+)*|\$web")
_SEGMENT = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")
_ADDRESS = re.compile(r"[0-9]+(?:\.[0-9]+){3}")
_HOST = re.compile(r"[0-9a-z](?:[0-9a-z.-]{0,251}[0-9a-z])?|\[[0-9a-f:.]+\]")
_PATH = re.compile(r"(?:/[A-Za-z0-9_-]+)?/?")
_ROLE = re.compile(r"arn:[a-z-]{1,32}:iam::(?:[0-9]{12})?:role/[\w+=,.@/-]{1,512}", re.ASCII)
_LONGEST_PREFIX: Final = 200

S3_CLASSES: Final = (
    *("STANDARD", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR", "REDUCED_REDUNDANCY"),
)
GCS_CLASSES: Final = ("STANDARD", "NEARLINE", "COLDLINE", "ARCHIVE")
AZURE_TIERS: Final = ("Hot", "Cool", "Cold")
"""Of each vendor the classes whose objects are read at once: what has to be thawed first, clients cannot install."""


def place(text: str, places: Places) -> Place:
    """The place that a text names, as its kind leaves it; raises InputError CFG003 for one that is none."""
    scheme, mark, _ = text.partition("://")
    if not mark:
        return folder_place(text, places)
    match scheme:
        case "s3":
            return s3_place(text)
        case "gs":
            return gcs_place(text)
        case "az":
            return azure_place(text)
    hint = nearest(scheme, ("s3", "gs", "az"))
    raise _bad(text, "a folder, or a bucket as s3://BUCKET, gs://BUCKET or az://ACCOUNT/CONTAINER", hint)


def folder_place(text: str, places: Places) -> FolderPlace:
    """A folder, taken literally: nothing in it is percent-encoded."""
    if not text.startswith(("./", "../", "/")) or not _TEXT.fullmatch(text):
        raise _bad(text, "a folder that starts with ./ or /, or a bucket such as s3://BUCKET")
    if any(mark in text for mark in "%?#"):
        raise _bad(text, "a folder without %, ? and # in its path")
    return FolderPlace(location.folder(text, places.root))


def s3_place(text: str) -> S3Place:
    """``s3://BUCKET`` or ``s3://BUCKET/PREFIX``."""
    [bucket], prefix = _parts(text, "s3", 1, "s3://BUCKET or s3://BUCKET/PREFIX")
    if not _S3_BUCKET.fullmatch(bucket) or ".." in bucket or _ADDRESS.fullmatch(bucket):
        expected = "a bucket's name of 3 to 63 lower-case letters, digits, dots and hyphens, as S3 has them"
        raise _bad(bucket, expected)
    if _S3_RESERVED.fullmatch(bucket):
        raise _bad(bucket, "the name of a general purpose bucket", "S3 keeps such names for other things.")
    return S3Place(bucket, prefix)


def gcs_place(text: str) -> GcsPlace:
    """``gs://BUCKET`` or ``gs://BUCKET/PREFIX``."""
    [bucket], prefix = _parts(text, "gs", 1, "gs://BUCKET or gs://BUCKET/PREFIX")
    too_long = any(len(part) > 63 for part in bucket.split("."))
    if not _GCS_BUCKET.fullmatch(bucket) or too_long or ".." in bucket or _ADDRESS.fullmatch(bucket):
        expected = "a bucket's name of 3 to 63 lower-case letters, digits, '-', '_' and dots, without google in it"
        raise _bad(bucket, expected)
    return GcsPlace(bucket, prefix)


def azure_place(text: str) -> AzurePlace:
    """``az://ACCOUNT/CONTAINER`` or ``az://ACCOUNT/CONTAINER/PREFIX``."""
    [account, container], prefix = _parts(text, "az", 2, "az://ACCOUNT/CONTAINER or az://ACCOUNT/CONTAINER/PREFIX")
    if not _ACCOUNT.fullmatch(account):
        raise _bad(account, "a storage account's name of 3 to 24 lower-case letters and digits")
    if not _CONTAINER.fullmatch(container):
        raise _bad(container, "a container's name of 3 to 63 lower-case letters, digits and single hyphens, or $web")
    return AzurePlace(account, container, prefix)


def endpoint(text: str) -> str:
    """A service's URL on https or http, without "/" at its end; ``require_safe_endpoint`` says where http may lead.

    Raises InputError CFG013, and CFG005 for one with a user or password in it.
    """
    parts = _url(text)
    if parts is None or parts.scheme not in ("https", "http"):
        raise InputError(codes.BAD_ENDPOINT, expected="https://HOST or https://HOST:PORT", found=location.shown(text))
    return text.rstrip("/")


def require_safe_endpoint(url: str, allowed: Collection[str]) -> None:
    """Raise InputError CFG013 for http to another machine outside the ``allowed`` networks (CIDR)."""
    parts = urlsplit(url)
    if parts.scheme == "https" or parts.hostname == "localhost":
        return
    try:
        address = ipaddress.ip_address(parts.hostname or "")
    except ValueError:
        address = None
    networks = [ipaddress.ip_network(network) for network in allowed]
    if address is None or not (address.is_loopback or any(address in network for network in networks)):
        raise InputError(
            codes.BAD_ENDPOINT,
            expected="https, or http to 127.0.0.1 or to an address in network.allow_private",
            found=location.shown(url),
            hint=codes.BAD_ENDPOINT.fix,
        )


def require_google(url: str) -> None:
    """Raise InputError CFG020 for an endpoint that is neither Google's nor on this machine."""
    host = urlsplit(url).hostname or ""
    if not host.endswith(".googleapis.com") and host not in ("127.0.0.1", "::1", "localhost"):
        code = codes.NOT_GOOGLE
        raise InputError(code, expected="https://….googleapis.com", found=location.shown(url), hint=code.fix)


def require_class(name: str, known: Collection[str]) -> None:
    """Raise InputError CFG014 for a storage class that the vendor does not have, or whose objects must be thawed."""
    if name not in known:
        found = shorten(name)
        raise InputError(codes.BAD_CLASS, expected=" or ".join(known), found=found, hint=codes.BAD_CLASS.fix)


def matching(grammar: str, expected: str) -> Callable[[str], str]:
    """A reader of text that follows a grammar."""
    compiled = re.compile(grammar, re.ASCII)

    def read(text: str) -> str:
        if not compiled.fullmatch(text):
            raise InputError(codes.BAD_OPTION, expected=expected, found=shorten(text))
        return text

    return read


def _parts(text: str, scheme: str, count: int, form: str) -> tuple[list[str], str]:
    """The names at the start of ``scheme://…`` and the prefix behind them: "" or "some/folder/"."""
    head, mark, rest = text.partition("://")
    if head != scheme or not mark or any(sign in rest for sign in "@?#%:"):
        raise _bad(text, form)
    names = rest.removesuffix("/").split("/")
    prefix = "".join(f"{each}/" for each in names[count:])
    wrong = not all(_SEGMENT.fullmatch(each) for each in names[count:])
    if len(names) < count or wrong or len(prefix) > _LONGEST_PREFIX:
        hint = "A prefix is made of letters, digits, '.', '_' and '-', with single slashes between." if wrong else ""
        raise _bad(text, form, hint)
    return names[:count], prefix


def _url(text: str) -> SplitResult | None:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return None
    if "@" in parts.netloc:
        raise InputError(codes.SECRET, "a user or password in an endpoint", hint=codes.SECRET.fix)
    host = parts.netloc.rpartition(":")[0] if port is not None else parts.netloc
    plain = not parts.query and not parts.fragment and "?" not in text and "#" not in text and len(text) < 500
    good = plain and port != 0 and _HOST.fullmatch(host.lower()) and _PATH.fullmatch(parts.path)
    return parts if good else None


def _bad(text: str, expected: str, hint: str = "") -> InputError:
    return InputError(
        codes.BAD_STORAGE, expected=expected, found=location.shown(text), hint=hint or codes.BAD_STORAGE.fix
    )


PlaceText = Annotated[
    Place,
    reads_place(place),
    schema(examples=["./public", "s3://acme-registry/public", "gs://acme-registry", "az://acmeaccount/registry"]),
]
FolderText = Annotated[FolderPlace, reads_place(folder_place), schema(examples=["./public"])]
S3Text = Annotated[S3Place, reads(s3_place), schema(pattern="^s3://", examples=["s3://acme-registry/public"])]
GcsText = Annotated[GcsPlace, reads(gcs_place), schema(pattern="^gs://", examples=["gs://acme-registry/public"])]
AzureText = Annotated[AzurePlace, reads(azure_place), schema(pattern="^az://", examples=["az://acmeaccount/registry"])]
Endpoint = Annotated[str | None, reads(endpoint), schema(format="uri", examples=["https://s3.example.com:9000"])]
Secret = Annotated[str, Reference, schema(pattern="^(env|file):", examples=["env:STORAGE_SECRET"])]
OptionalSecret = Annotated[str | None, Reference, schema(pattern="^(env|file):", examples=["env:STORAGE_TOKEN"])]
ClassName = Annotated[
    str | None,
    reads(matching(r"[A-Za-z0-9_-]{1,64}", "a storage class such as STANDARD")),
    schema(examples=["STANDARD"]),
]
Region = Annotated[
    str | None, reads(matching(r"[a-z0-9-]{2,40}", "a region such as eu-central-1")), schema(examples=["eu-central-1"])
]
Role = Annotated[
    str,
    reads(matching(_ROLE.pattern, "a role such as arn:aws:iam::123456789012:role/registry")),
    schema(pattern="^arn:", examples=["arn:aws:iam::123456789012:role/registry"]),
]
ExternalId = Annotated[str | None, reads(matching(r"[\w+=,.@:/-]{2,1224}", "2 to 1224 plain characters")), schema()]
SessionName = Annotated[str, reads(matching(r"[\w+=,.@-]{2,64}", "2 to 64 plain characters")), schema()]
DirectoryName = Annotated[str, reads(matching(r"[A-Za-z0-9.-]{3,100}", "an id or domain of Entra ID")), schema()]
OptionalDirectoryName = Annotated[str | None, reads(matching(r"[A-Za-z0-9.-]{3,100}", "an id of Entra ID")), schema()]

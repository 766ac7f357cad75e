"""registry.yaml as pydantic models; see ``shapes`` for what a shape is."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, ClassVar, Final, Literal
from urllib.parse import parse_qsl, urlsplit

from pydantic import AfterValidator, Field

from registry_gen.catalog import codes, location
from registry_gen.catalog.fields import (
    Distinct,
    MachinePath,
    Reference,
    Seconds,
    Size,
    machine_path,
    problem,
    reads,
    reads_place,
    reference,
    schema,
    whole,
    written,
)
from registry_gen.catalog.place_shapes import SHAPES, PlaceShape
from registry_gen.catalog.problems import nearest, shorten
from registry_gen.catalog.purge_shapes import PURGE_SHAPES, PurgeShape
from registry_gen.catalog.shapes import Items, Shape
from registry_gen.errors import InputError
from registry_gen.model.config import Limits

_LIMITS: Final = Limits()
_OWN_LEDGERS: Final = ("embedded", "bucket")
_LABEL: Final = r"[0-9a-z](?:[0-9a-z-]{0,61}[0-9a-z])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})+")
_HOST_AND_PORT = re.compile(rf"({_HOST.pattern})(?::([1-9][0-9]{{0,4}}))?")


def site_host(text: str) -> str:
    """A host with an optional port, in lower case and with a dot, as people write it in sources."""
    found = _HOST_AND_PORT.fullmatch(text)
    if not found or len(found[1]) > 253 or int(found[2] or 0) > 65535:
        raise InputError(codes.BAD_SITE, expected="a host name with a dot, in lower case", found=shorten(text))
    return text


def site_url(text: str) -> str:
    """The https URL of the site, with "/" at its end and nothing else behind the host."""
    url = location.web_url(text)
    if url.count("/") != 3:
        raise InputError(codes.BAD_SITE, expected="an https URL without a path", found=location.shown(text))
    return url


def hostname(text: str) -> str:
    """A mirrored host, without a port."""
    if not _HOST.fullmatch(text) or len(text) > 253:
        raise InputError(codes.BAD_NETWORK, expected="a host name with a dot, in lower case", found=shorten(text))
    return text


def host_pattern(text: str) -> str:
    """A host, without a port, or ``*.`` and the end of its name."""
    return text[:2] + hostname(text[2:]) if text.startswith("*.") else hostname(text)


def upstream(text: str) -> str:
    """``env:NAME``, or text that ``config`` checks as a URL when it knows the schemes and the environment."""
    return reference(text) if text.startswith("env:") else text


def ledger(text: str) -> str:
    """``embedded``, ``bucket``, ``env:NAME``, or a DSN without a password; never repeats a DSN."""
    if text in _OWN_LEDGERS or (text.startswith("env:") and reference(text)):
        return text
    if not text.startswith(("postgresql://", "postgres://")):
        hint = nearest(text, _OWN_LEDGERS) if text.isalpha() else ""
        raise InputError(codes.BAD_LEDGER, hint=hint or codes.BAD_LEDGER.fix)
    try:
        parts = urlsplit(text)
        secret = parts.password or any("password" in name.lower() for name, _ in parse_qsl(parts.query))
    except ValueError:
        raise InputError(codes.BAD_LEDGER, hint=codes.BAD_LEDGER.fix) from None
    if secret:
        raise InputError(codes.SECRET, "a password in the ledger's URL", hint=codes.SECRET.fix)
    return text


def network(text: str) -> str:
    """A network in CIDR notation, or one address."""
    try:
        return str(ipaddress.ip_network(text))
    except ValueError:
        hint = "The bits behind the prefix must be zero."
        raise InputError(
            codes.BAD_NETWORK, expected="a network such as 10.0.0.0/8", found=shorten(text), hint=hint
        ) from None


CaFile = Annotated[str | None, reads_place(machine_path), schema()]
LedgerText = Annotated[str, reads(ledger), schema(examples=["embedded", "bucket", "env:LEDGER_URL"])]
Count = Annotated[int, reads(whole(1, 1_000_000), written), schema(type="integer")]
Workers = Annotated[int, reads(whole(1, 256), written), schema(type="integer")]
KeyReference = Annotated[str | None, Reference, schema(pattern="^(env|file):", examples=["env:OPENPGP_KEY"])]
MOST_FORMER_KEYS: Final = 8
"""Half of the signatures that every verifier of a note accepts (C2SP signed-note)."""


def few(keys: tuple[str, ...]) -> tuple[str, ...]:
    """No more former keys than a checkpoint has room for beside other signatures."""
    if len(keys) > MOST_FORMER_KEYS:
        raise problem(
            InputError(codes.WRONG_VALUE, expected=f"at most {MOST_FORMER_KEYS} keys", found=f"{len(keys)} keys")
        )
    return keys


FormerKey = Annotated[str, Reference, schema(pattern="^(env|file):", examples=["env:FORMER_LOG_KEY"])]


class SiteShape(Shape):
    """The public site."""

    host: Annotated[
        str,
        reads(site_host),
        schema(examples=["registry.example.com"]),
        Field(description="What people write in sources: with a dot, and a port where there is one."),
    ]
    url: Annotated[
        str,
        reads(site_url),
        schema(format="uri"),
        Field(
            description="Where the public storage is served; https://HOST/ if left out.",
            examples=["https://registry.example.com/"],
        ),
    ] = ""


class StorageShape(Shape):
    """Where is published to. Relative folders start at registry.yaml."""

    inside: ClassVar = SHAPES

    public: Annotated[PlaceShape, Field(description="What everybody may read.")]
    private: Annotated[PlaceShape, Field(description="What only the registry reads.", examples=["./private"])]


class SigningShape(Shape):
    """The registry's private keys, by reference; keys of its own making where left out."""

    openpgp: Annotated[KeyReference, Field(description="Signs the sums of publishers who do not.")] = None
    log: Annotated[KeyReference, Field(description="Signs the log's checkpoint.", examples=["env:LOG_KEY"])] = None
    former_log_keys: Annotated[
        tuple[FormerKey, ...],
        Items,
        Distinct,
        AfterValidator(few),
        Field(description="Earlier keys of the log, which sign beside the present one while it is new."),
    ] = ()


class NetworkShape(Shape):
    """What may be connected to."""

    schemes: Annotated[
        tuple[Literal["https", "ssh", "http", "file"], ...],
        Items,
        Distinct,
        Field(
            description="Schemes of sources; file means folders of this machine.", examples=[["https", "ssh", "file"]]
        ),
    ] = ("https", "ssh")
    hosts: Annotated[
        tuple[Annotated[str, reads(host_pattern), schema()], ...],
        Items,
        Distinct,
        Field(
            description='The only hosts that sources and mirrors may be on, "*.example.com" for all below one; any if '
            "left out.",
            examples=[["github.com", "*.example.com", "registry.opentofu.org"]],
        ),
    ] = ()
    allow_private: Annotated[
        tuple[Annotated[str, reads(network), schema(examples=["10.0.0.0/8"])], ...],
        Items,
        Distinct,
        Field(description="Private networks that may be connected to."),
    ] = ()
    ca_file: Annotated[
        CaFile, Field(description="More certificate authorities to trust, as PEM.", examples=["./ca.pem"])
    ] = None
    upstreams: Annotated[
        dict[
            Annotated[str, reads(hostname), schema(examples=["registry.terraform.io"])],
            Annotated[str, reads(upstream), schema(examples=["env:UPSTREAM_URL"])],
        ],
        Field(description="Where to ask for a mirrored host instead of https://HOST: a URL, or env:NAME."),
    ] = Field(default_factory=dict)


class LimitsShape(Shape):
    """Bounds on what is read from outside."""

    module_size: Annotated[Size, Field(description="Unpacked bytes of a module (100 MB).")] = _LIMITS.module_bytes
    module_files: Annotated[Count, Field(description="Files of a module (20000).", examples=[20000])] = (
        _LIMITS.module_files
    )
    provider_size: Annotated[Size, Field(description="Bytes of a provider's zip (500 MB).", examples=["500 MB"])] = (
        _LIMITS.provider_bytes
    )
    provider_unpacked_size: Annotated[Size, Field(description="Its bytes once unpacked (2 GB).", examples=["2 GB"])] = (
        _LIMITS.provider_unpacked_bytes
    )
    git_time: Annotated[Seconds, Field(description="One call of git (300 s).")] = _LIMITS.git_seconds
    http_time: Annotated[Seconds, Field(description="One download (600 s).", examples=["10 min"])] = (
        _LIMITS.http_seconds
    )
    workers: Annotated[Workers, Field(description="Things done at the same time (8).", examples=[8])] = _LIMITS.workers
    per_host: Annotated[
        Workers,
        Field(
            description="Of these, requests to one host (8); the others wait for their turn, out of their time.",
            examples=[8],
        ),
    ] = _LIMITS.per_host


class RegistryFile(Shape):
    """The registry: registry.yaml at the root of its repository."""

    inside: ClassVar = {
        "site": SiteShape,
        "storage": StorageShape,
        "signing": SigningShape,
        "network": NetworkShape,
        "limits": LimitsShape,
        **PURGE_SHAPES,
    }

    site: Annotated[SiteShape, Field(description="The public site.")]
    storage: Annotated[StorageShape, Field(description="Where is published to.")]
    ledger: Annotated[
        LedgerText,
        Field(description="embedded, bucket, env:NAME, or a postgresql:// URL without a password."),
    ] = "embedded"
    catalog: Annotated[
        MachinePath,
        Field(
            description="The folder of the catalog, below the one of registry.yaml; catalog if left out.",
            examples=["./catalog"],
        ),
    ] = ""
    state: Annotated[
        MachinePath,
        Field(
            description="The folder of what this machine keeps, never part of a repository; .registry if left out.",
            examples=["./.registry"],
        ),
    ] = ""
    signing: Annotated[
        SigningShape, Field(description="The registry's own keys.", examples=[{"openpgp": "env:OPENPGP_KEY"}])
    ] = SigningShape()
    network: Annotated[NetworkShape, Field(description="What may be connected to.")] = NetworkShape()
    limits: Annotated[
        LimitsShape, Field(description="Bounds on what is read from outside.", examples=[{"workers": 16}])
    ] = LimitsShape()
    purge: Annotated[
        PurgeShape | None, Field(description="The CDN that is told after a publication what has changed.")
    ] = None

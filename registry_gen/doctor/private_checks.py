"""Whether the private storage is private: an object of it is asked for where a mistake would show it."""

from __future__ import annotations

import secrets
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urljoin

from registry_gen.doctor import codes
from registry_gen.doctor.exchange import PLAIN, Asker
from registry_gen.doctor.result import Check, Failed, NotApplicable, Ok
from registry_gen.errors import InputError, SourceError
from registry_gen.inspect.reader import network_of
from registry_gen.model.digest import sha256
from registry_gen.model.places import AzurePlace, FolderPlace, GcsPlace, S3Place
from registry_gen.sources.guard import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from registry_gen.doctor.result import Verdict
    from registry_gen.doctor.scratch import Scratch
    from registry_gen.model.config import Network
    from registry_gen.model.places import Place
    from registry_gen.storage import Storage


_LOOKED_AT: Final = 4096
"""Bytes of an answer in which a short object would show up."""


@dataclass(frozen=True, slots=True)
class Private:
    """The private storage, where it is, and a scratch folder in it; ``network`` is that of registry.yaml."""

    storage: Storage
    place: Place
    scratch: Scratch
    network: Network


def private_check(private: Private) -> Check:
    """Whether the vendor's own address of the private storage answers anybody."""
    return Check("nobody reads it without credentials", codes.PRIVATE_ANSWERS, partial(answers_nobody, private))


def exposure_check(private: Private, asker: Asker, url: str) -> Check:
    """Whether the public URL leads to the private storage."""
    run = partial(not_exposed, private, asker, url)
    return Check("the private storage is not behind it", codes.PRIVATE_EXPOSED, run)


def answers_nobody(private: Private) -> Verdict:
    """Ask for an object at the address that the vendor gives to each bucket, as a stranger does."""
    base = direct_url(private.place)
    if base is None:
        return NotApplicable("a folder has no address of its own")
    key, body = _put(private)
    try:
        with closing(open_asker(base, private.network)) as asker:
            answer = asker.ask(base + key, limit=_LOOKED_AT, encoding=PLAIN)
    except (SourceError, InputError) as error:
        return NotApplicable(f"{shown(base)} cannot be asked: {error.code} {error.message}")
    if body in answer.unpacked:
        return Failed(f"no answer to strangers for {shown(base + key)}", "the object")
    return Ok(f"{answer.status} to strangers")


def not_exposed(private: Private, asker: Asker, url: str) -> Verdict:
    """Ask for an object of the private storage below the public URL, wherever it might show up there."""
    key, body = _put(private)
    for candidate in _places_to_look(private.place, url):
        with suppress(SourceError):  # what cannot be read shows nothing; that the URL answers is another check's
            if body in asker.ask(candidate + key, limit=_LOOKED_AT, encoding=PLAIN).unpacked:
                return Failed("no object of the private storage", f"one at {shown(candidate + key)}")
    return Ok()


def direct_url(place: Place) -> str | None:
    """The vendor's address of a bucket and the prefix in it, ending in "/"; None for a folder."""
    match place:
        case FolderPlace():
            return None
        case S3Place(endpoint=None):
            region = f".{place.region}" if place.region else ""
            # Names with a dot are outside of the vendor's certificate for https://BUCKET.s3….
            return _under(f"https://s3{region}.amazonaws.com", place.bucket, place.prefix)
        case S3Place():
            return _under(place.endpoint or "", place.bucket, place.prefix)
        case GcsPlace():
            return _under(place.endpoint or "https://storage.googleapis.com", place.bucket, place.prefix)
        case AzurePlace():
            base = place.endpoint or f"https://{place.account}.blob.core.windows.net"
            return _under(base, place.container, place.prefix)


def open_asker(url: str, network: Network) -> Asker:
    """Who asks a URL that a person named: its host may be private, those it redirects to only as registry.yaml allows.

    Raises InputError INS005, SourceError NET004.
    """
    own = network_of(url, network.ca_file)
    return Asker(replace(own, allow_private=(*own.allow_private, *network.allow_private)))


def _put(private: Private) -> tuple[str, bytes]:
    key, body = private.scratch.new(), f"registry-gen doctor, private {secrets.token_hex(24)}\n".encode()
    private.storage.put_new(key, body, sha256(body))
    return key, body


def _places_to_look(place: Place, url: str) -> Iterator[str]:
    """Below the URL itself; below its host's root; where the storage's own name or prefix is part of the path."""
    name = PurePosixPath(place.folder).name + "/" if isinstance(place, FolderPlace) else place.prefix
    bucket = "" if isinstance(place, FolderPlace) else f"{_bucket(place)}/{place.prefix}"
    starts = [urljoin(url, relative) for relative in (".", "..", "/")]
    yield from dict.fromkeys([*starts, *(start + quote(part) for start in starts for part in (name, bucket))])


def _bucket(place: S3Place | GcsPlace | AzurePlace) -> str:
    return place.container if isinstance(place, AzurePlace) else place.bucket


def _under(base: str, bucket: str, prefix: str) -> str:
    return f"{base.rstrip('/')}/{quote(bucket)}/{quote(prefix)}"

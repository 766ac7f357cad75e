"""Where sources may come from: URLs and folders as a person writes them, checked before anything is opened.

A local folder counts as scheme ``file``. What a URL's host resolves to is judged later, where it is connected to.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import SplitResult, quote, urlsplit

from registry_gen.catalog import codes
from registry_gen.catalog.problems import nearest, shorten
from registry_gen.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Collection

SCHEMES: Final = ("https", "ssh", "http", "file")
"""All that network.schemes may name. git:// authenticates nobody; git's ext:: and fd:: run commands."""

_MAX_LENGTH: Final = 2048
_PLAIN = re.compile(r"[!-\[\]-~]+")  # printable ASCII but space and backslash, which parsers disagree about
_FOLDER = re.compile(r"(?:\.{1,2}/|/)[^\x00-\x1f\x7f]*")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://.*", re.DOTALL)
_SHORT_SSH = re.compile(r"([\w.-]+@[\w.-]+):(?!//)([\w./~-]+)", re.ASCII)
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
_HOST = re.compile(r"[0-9a-z_](?:[0-9a-z_.-]{0,251}[0-9a-z])?|\[[0-9a-f:.]+\]")
_SEGMENT = re.compile(r"[A-Za-z0-9._][A-Za-z0-9._+@ -]*")
# git-check-ref-format(1): no control characters, space or ~^:?*[\ in a reference.
_TAG_TEXT = re.compile(r"[^\x00-\x20\x7f~^:?*\[\\{}]*")
_FILE_TEXT = re.compile(r"[A-Za-z0-9._-]*")
_VERSION: Final = "{version}"


@dataclass(frozen=True, slots=True)
class Places:
    """What locations are read against: the folder of registry.yaml (absolute), network.schemes and network.hosts.

    ``hosts`` are the only ones that sources may be on, "*.example.com" for all below one; none means any.
    """

    root: str
    schemes: Collection[str]
    hosts: Collection[str] = ()


def git_url(text: str, places: Places) -> str:
    """A git repository: a URL on an allowed scheme, or a folder, which becomes an absolute ``file:`` URL.

    Raises InputError CAT020 or CAT021.
    """
    if _FOLDER.fullmatch(text):
        return "file://" + quote(_folder(text, places))
    short = _SHORT_SSH.fullmatch(text)
    if short:
        raise _bad(text, "a URL", hint=f"Write ssh://{short[1]}/{short[2]}")
    if _url(text, places, SCHEMES).path in ("", "/"):
        raise _bad(text, "the URL of a repository")
    return text


def base_location(text: str, places: Places, *, template: bool) -> str:
    """A base URL on http or https, or a folder, which becomes an absolute path; neither ends in "/".

    ``template`` says that the text may hold ``{version}``. Raises InputError CAT020 or CAT021.
    """
    bare = text.replace(_VERSION, "0") if template else text
    if "{" in bare or "}" in bare:
        raise _bad(text, "no braces except {version}" if template else "no braces")
    if _FOLDER.fullmatch(bare):
        return _folder(text, places)
    _url(bare, places, ("https", "http"))
    if _VERSION in text.split("/", 3)[2]:
        raise _bad(text, "{version} in the path only")
    return text.rstrip("/")


def web_url(text: str, schemes: Collection[str] = ("https",)) -> str:
    """The URL of a service, without a query and with "/" at its end. Raises InputError CAT020 or CAT021."""
    _url(text, Places("/", schemes), ("https", "http"))
    return text.rstrip("/") + "/"


def require_host(host: str, allowed: Collection[str]) -> None:
    """Raise InputError CAT070 for a host (lower case, without a port) that is not among those allowed, if any are."""
    if not allowed or host in allowed:
        return
    if not any(f"*{host[at:]}" in allowed for at, sign in enumerate(host) if sign == "."):
        raise InputError(codes.HOST_NOT_ALLOWED, found=shorten(host), hint=codes.HOST_NOT_ALLOWED.fix)


def tag_pattern(text: str) -> str:
    """A pattern of git tags with exactly one ``{version}``; raises InputError CAT022."""
    before, around = _split_pattern(text)
    bare = before + "0" + around
    broken = (
        ".." in bare,
        "@{" in bare,
        "//" in bare,
        bare.startswith(("-", "/", ".")),
        bare.endswith((".", "/", ".lock")),
    )
    if len(text) > 200 or any(broken) or not _TAG_TEXT.fullmatch(bare) or not bare.isprintable():
        raise InputError(codes.BAD_PATTERN, expected="a name that git allows for a tag", found=shorten(text))
    return text


def file_pattern(text: str) -> str:
    """A pattern of archive names with exactly one ``{version}``; raises InputError CAT022."""
    before, around = _split_pattern(text)
    if len(text) > 200 or not _FILE_TEXT.fullmatch(before + around) or before.startswith(("-", ".")):
        raise InputError(codes.BAD_PATTERN, expected="a file name, without a folder", found=shorten(text))
    if not around.endswith((".tar.gz", ".tgz", ".zip")):
        raise InputError(codes.BAD_PATTERN, expected="a name that ends in .tar.gz, .tgz or .zip", found=shorten(text))
    return text


def inner_folder(text: str) -> str:
    """A folder inside a repository, "" for its root; raises InputError CAT023."""
    segments = text.removesuffix("/").split("/") if text else []
    for segment in segments:
        if not _SEGMENT.fullmatch(segment) or segment in (".", "..") or segment.lower() == ".git":
            raise InputError(codes.BAD_FOLDER, found=shorten(text))
    return "/".join(segments)


def folder(text: str, root: str) -> str:
    """A folder or file of this machine as an absolute path; relative ones start at ``root``. Nothing is opened."""
    return "/" + posixpath.normpath(posixpath.join(root, text)).lstrip("/")


def is_folder(location: str) -> bool:
    """Whether a checked location is a folder of this machine."""
    return location.startswith("/")


def shown(text: str) -> str:
    """Quote a location for a message, without what could be a user, a password or a token."""
    return shorten(without_secrets(text))


def without_secrets(text: str) -> str:
    """A location less its user, password, query and fragment; less all where a password may hold a "?"."""
    scheme, mark, rest = text.partition("://")
    before, _, after = (rest if mark else scheme).rpartition("@")
    plain = re.split(r"[?#]", after, maxsplit=1)[0] if not re.search(r"[?#]", before) else "…"
    return f"{scheme}://{plain}" if mark else plain


def _folder(text: str, places: Places) -> str:
    if "file" not in places.schemes:
        hint = "Add file to network.schemes in registry.yaml: folders need it."
        raise _bad(text, f"a URL on {_listed(places.schemes)}", hint=hint)
    return folder(text, places.root)


def _url(text: str, places: Places, known: Collection[str]) -> SplitResult:
    """Take a URL apart that is on one of the ``known`` schemes and allowed. Never repeats what may be a secret."""
    found = _SCHEME.fullmatch(text)
    if not found or len(text) > _MAX_LENGTH:
        raise _bad(text, "a URL, or a folder that starts with ./ or /")
    allowed = [scheme for scheme in known if scheme in places.schemes and scheme != "file"]
    if found[1] not in allowed:
        hint = nearest(found[1], allowed) or _scheme_hint(found[1], known)
        raise InputError(
            codes.BAD_LOCATION, expected=f"a URL on {_listed(allowed)}", found=f"scheme {found[1][:20]}", hint=hint
        )
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise _bad(text, "scheme://host/path") from None
    user, at, host = parts.netloc.rpartition("@")
    if at and (parts.scheme != "ssh" or not _USER.fullmatch(user)):
        raise InputError(codes.CREDENTIALS, hint=codes.CREDENTIALS.fix)
    if port is not None:
        host = host.rpartition(":")[0]
    if (
        any(mark in text for mark in "?#")
        or port == 0
        or not _HOST.fullmatch(host.lower())
        or not _PLAIN.fullmatch(text)
    ):
        raise _bad(text, f"{parts.scheme}://host/path in plain characters, without query and fragment")
    require_host(host.lower(), places.hosts)
    return parts


def _scheme_hint(scheme: str, known: Collection[str]) -> str:
    if scheme == "file":
        return "Write a folder as ./folder or /folder, with file in network.schemes."
    return f"Add {scheme} to network.schemes in registry.yaml." if scheme in known else codes.BAD_LOCATION.fix


def _split_pattern(text: str) -> tuple[str, str]:
    if text.count(_VERSION) != 1:
        found = shorten(text)
        raise InputError(codes.BAD_PATTERN, expected="exactly one {version}", found=found, hint=codes.BAD_PATTERN.fix)
    before, _, after = text.partition(_VERSION)
    return before, after


def _listed(schemes: Collection[str]) -> str:
    return " or ".join(schemes) or "no scheme at all"


def _bad(text: str, expected: str, hint: str = "") -> InputError:
    return InputError(codes.BAD_LOCATION, expected=expected, found=shown(text), hint=hint or codes.BAD_LOCATION.fix)

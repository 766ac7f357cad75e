"""Which git URLs may be used, and how git is held to the address that was judged."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from registry_gen.errors import SourceError
from registry_gen.sources import codes
from registry_gen.sources.guard import Guard, Target, shown

if TYPE_CHECKING:
    from collections.abc import Mapping

_USER: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}")
_PATH: Final = re.compile(r"(?:/[A-Za-z0-9._~+@%:=,-]+)+/?")
_LOCAL_PATH: Final = re.compile(r"(?:/[^/\x00-\x1f\x7f]+)+/?")


@dataclass(frozen=True, slots=True)
class Remote:
    """A repository that git may be pointed at: ``url`` as git gets it, ``options`` before git's command."""

    url: str
    options: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


def remote(url: str, guard: Guard) -> Remote:
    """Check a URL against grammar, schemes and addresses, and pin the address.

    Raises SourceError GIT001 for a URL that is not plain, NET002 for its scheme, NET003 for its address, NET004.
    """
    if url.startswith(("/", "file:")):
        return _local(url, guard)
    target = _checked(url, guard)
    addresses = guard.addresses(target)
    if target.scheme == "ssh":
        return Remote(url, environment={"GIT_SSH_COMMAND": _ssh(target, addresses[0])})
    return Remote(url, _pinned(target, addresses))


def web_target(url: str, guard: Guard) -> Target | None:
    """Check an http or https URL as ``remote`` does, but resolve nothing; None for other schemes.

    Raises SourceError GIT001, NET001 to NET003.
    """
    return _checked(url, guard) if url.startswith(("https://", "http://")) else None


def host_of(url: str) -> str | None:
    """Whose patience a URL takes: its host and port in lower case, unchecked; None for a folder."""
    if url.startswith(("/", "file:")):
        return None
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.partition('/')[0].rpartition('@')[2].lower()}"[:300]


def _checked(url: str, guard: Guard) -> Target:
    if not url.isascii() or "://" not in url or "#" in url or "?" in url:
        raise _bad(url, "https://host/path or ssh://user@host/path")
    scheme, _, rest = url.partition("://")
    if scheme not in ("https", "http", "ssh") or not guard.allows_scheme(scheme):
        raise SourceError(codes.BAD_SCHEME, where=shown(url), found=repr(scheme[:20]), hint=codes.BAD_SCHEME.fix)
    if scheme == "ssh" and "@" in rest.partition("/")[0]:
        user, _, rest = rest.partition("@")
        if not _USER.fullmatch(user):
            raise _bad(url, "a plain user name without a password")
    target = guard.target(f"{scheme}://{rest}")
    _check_path(url, target.path)
    return target


def _pinned(target: Target, addresses: tuple[str, ...]) -> tuple[str, ...]:
    """curl connects to these addresses whatever the name says by then."""
    if target.host in addresses:
        return ()
    listed = ",".join(f"[{address}]" if ":" in address else address for address in addresses)
    return ("-c", f"http.curloptResolve={target.host}:{target.port}:{listed}")


def _ssh(target: Target, address: str) -> str:
    """ssh connects to the address, while the host's key is looked up under the name as known_hosts has it."""
    alias = target.host if target.port == 22 else f"[{target.host}]:{target.port}"
    options = {
        "BatchMode": "yes",
        "StrictHostKeyChecking": "yes",
        "ConnectTimeout": "10",
        "HostName": address,
        "HostKeyAlias": alias,
        "PermitLocalCommand": "no",
        "ClearAllForwardings": "yes",
    }
    return shlex.join(["ssh", *(f"-o{name}={value}" for name, value in options.items())])


def _local(url: str, guard: Guard) -> Remote:
    if not guard.allows_scheme("file"):
        raise SourceError(codes.BAD_SCHEME, where=shown(url), found="'file'", hint=codes.BAD_SCHEME.fix)
    path = url
    if url.startswith("file:"):
        parts = urlsplit(url)
        if not url.startswith("file:///") or parts.query or parts.fragment:
            raise _bad(url, "file:///absolute/path")
        path = unquote(parts.path)
    if not _LOCAL_PATH.fullmatch(path) or ".." in PurePosixPath(path).parts:
        raise _bad(url, "an absolute path")
    return Remote(path)


def _check_path(url: str, path: str) -> None:
    if not _PATH.fullmatch(path) or {".", ".."} & set(unquote(path).split("/")):
        raise _bad(url, "a path of plain names without query")


def _bad(url: str, expected: str) -> SourceError:
    return SourceError(codes.BAD_GIT_URL, where=shown(url), expected=expected, hint=codes.BAD_GIT_URL.fix)

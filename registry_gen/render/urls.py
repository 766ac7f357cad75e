"""Which URLs a document may hold: https without credentials, or the name of something beside the document."""

from __future__ import annotations

import re
from typing import Final

_HOST: Final = r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?"
# Printable ASCII without what must be percent-encoded, so that no client and no page reads a URL in its own way.
_REST: Final = r"""[!#$%&'()*+,./0-9:;=?@A-Za-z_~\[\]-]*"""
_NAME: Final = r"[A-Za-z0-9_][A-Za-z0-9_.+-]*"

_HTTPS = re.compile(rf"https://{_HOST}(?:[/?]{_REST})?")
_ROOTED = re.compile(rf"/(?!/){_REST}")
_GIT = re.compile(rf"git::(?:https://{_HOST}|ssh://(?:[A-Za-z0-9._-]+@)?{_HOST}|file://)/{_REST}")
_COMMIT = re.compile(r"[?&]ref=(?:[0-9a-f]{40}|[0-9a-f]{64})(?:&|\Z)")
_CHECKSUM = re.compile(r"[?&]checksum=sha256:[0-9a-f]{64}(?:&|\Z)")
_OWN_ARCHIVE = re.compile(r"\./module\.tar\.gz\?checksum=sha256:[0-9a-f]{64}")
_SECRET = re.compile(r"(?<=//)[^/@]*@|\?.*", re.DOTALL)


def is_https(url: str) -> bool:
    """Whether ``url`` is absolute, https and without user name."""
    return bool(_HTTPS.fullmatch(url))


def is_rooted(url: str) -> bool:
    """Whether ``url`` is a path from the root of the same host; ``//`` would begin with another host."""
    return bool(_ROOTED.fullmatch(url))


def is_beside(url: str, *, levels: int) -> bool:
    """Whether ``url`` names something in the folder so many ``levels`` above the document's own."""
    return bool(re.fullmatch(r"\.\./" * levels + _NAME, url))


def is_location(location: str, *, relative: bool) -> bool:
    """Whether go-getter may be given ``location``: an https archive, or a git repository over https, ssh or file.

    ``relative`` allows the module's own archive, which clients find only by a location that begins with ``./``.
    Globs in sub-folders are refused, since Terraform follows them from a page but not from a registry.
    """
    if relative and _OWN_ARCHIVE.fullmatch(location):
        return True
    return "*" not in location and bool(_HTTPS.fullmatch(location) or _GIT.fullmatch(location))


def is_pinned(location: str) -> bool:
    """Whether a commit or a checksum in ``location`` fixes what is installed; a tag does not, for it can be moved."""
    return bool((_COMMIT if location.startswith("git::") else _CHECKSUM).search(location))


def shown(url: str) -> str:
    """``url`` for a message: without user name, password and query, which may be secrets."""
    return repr(_SECRET.sub("", url)[:200])

"""A protocol document, and the package revision that is stamped into it.

A storage's etag may be the digest of the content, so a document that changes and changes back would bring an old etag
back and a sleeping publisher's compare-and-swap would succeed. The stamp makes every generation of a document differ.
Clients read JSON with Go's encoding/json, which ignores members it does not know (hashicorp/terraform and
opentofu/opentofu: internal/registry, internal/getproviders; svchost: disco), and of a page only its terraform-get
element (hashicorp/go-getter: get_http.go).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from registry_gen.model.digest import sha256

if TYPE_CHECKING:
    from registry_gen.model.digest import Sha256

RENDERER: Final[int] = 1
"""Grows with every change of what is rendered from the same facts, so that all packages are planned again."""

_HEAD_END: Final = b"</head>"
# No ledger counts further than 19 digits, and Python reads no number of thousands: more is somebody else's document.
_NUMBER: Final = rb"(0|[1-9][0-9]{0,18})"
# The last member of the outermost object, as ``stamp`` writes it: nothing nested is followed by the end of the text.
_JSON_STAMP = re.compile(rb'[{,]"revision":' + _NUMBER + rb"\}\Z")
_HTML_STAMP = re.compile(rb'<meta name="registry-gen-revision" content="' + _NUMBER + rb'"></head>')


@dataclass(frozen=True, slots=True)
class Document:
    """A mutable document: its ``key`` from ``paths`` and its bytes without a revision."""

    key: str
    content: bytes

    @property
    def digest(self) -> Sha256:
        """The SHA-256 by which an unchanged document is known, whatever revision it was stamped with."""
        return sha256(self.content)


def stamp(key: str, content: bytes, revision: int) -> bytes:
    """The bytes to put: ``content`` with ``revision`` as last member of the object, or as meta element in the head.

    Raises ValueError for content that is neither a JSON object nor a page with a head.
    """
    if key.endswith(".html"):
        head, end, rest = content.partition(_HEAD_END)
        if not end:
            raise ValueError(f"no head to put a revision into: {key}")
        return b'%b<meta name="registry-gen-revision" content="%d">%b%b' % (head, revision, end, rest)
    if not (content.startswith(b"{") and content.endswith(b"}")):
        raise ValueError(f"no JSON object to put a revision into: {key}")
    comma = b"" if len(content) == 2 else b","
    return b'%b%b"revision":%d}' % (content[:-1], comma, revision)


def restamped(key: str, stamped: bytes, revision: int) -> bytes:
    """The same document with another revision; as it is where it carries none."""
    found = _stamp_in(key, stamped)
    return b"%b%d%b" % (stamped[: found.start(1)], revision, stamped[found.end(1) :]) if found else stamped


def revision_of(key: str, stamped: bytes) -> int | None:
    """The revision that ``stamp`` put into these bytes; None where there is none, as in a document of another maker."""
    found = _stamp_in(key, stamped)
    return int(found[1]) if found else None


def _stamp_in(key: str, stamped: bytes) -> re.Match[bytes] | None:
    return (_HTML_STAMP if key.endswith(".html") else _JSON_STAMP).search(stamped)

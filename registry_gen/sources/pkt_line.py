"""What git's servers answer (gitprotocol-v2, gitprotocol-pack): packets, each with its length in front.

Nothing here reads from anywhere: bytes in, refs out, or the reason why they cannot be used.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

FLUSH: Final = None
"""The packet that ends a list."""
_LENGTH: Final = re.compile(rb"[0-9a-fA-F]{4}")
_LONGEST: Final = 65_520
_ID_LENGTHS: Final = {b"sha1": 40, b"sha256": 64}
_LINE: Final = re.compile(rb"([0-9a-f]+) ([^ \0\n]+)((?: [^ \0\n]+)*)\n?")
_OLD_LINE: Final = re.compile(rb"([0-9a-f]+) ([^\0\n]+)()\n?")
_ID: Final = re.compile(rb"[0-9a-f]+")
_PEELED: Final = b"peeled:"
_NOTHING: Final = b"capabilities^{}"
"""The name that stands in an advertisement of no refs, to carry the capabilities."""


class MalformedError(Exception):
    """An answer breaks the protocol; says how, in words of ours."""


class EndedEarlyError(MalformedError):
    """An answer has no end."""


class RemoteError(Exception):
    """The server says itself that something is wrong, in its own words."""


@dataclass(frozen=True, slots=True)
class Advertisement:
    """What ``info/refs`` says. Of version 2, ``listed`` is None, and is asked for next.

    ``listed`` is in the lines of ``git ls-remote``; ``id_length`` that of object ids as text.
    """

    id_length: int
    listed: bytes | None


def packet(text: bytes) -> bytes:
    """One packet."""
    return b"%04x" % (len(text) + 4) + text


def ls_refs(id_length: int, prefixes: tuple[bytes, ...]) -> bytes:
    """The request of version 2 for the refs that begin with one of the prefixes, or for all, with what tags peel to.

    Without an object-format it is about SHA-1, which servers that know no other understand too.
    """
    command = [b"command=ls-refs\n", *([b"object-format=sha256\n"] if id_length == _ID_LENGTHS[b"sha256"] else [])]
    arguments = [b"peel\n", *(b"ref-prefix " + prefix + b"\n" for prefix in prefixes)]
    return b"".join([*map(packet, command), b"0001", *map(packet, arguments), b"0000"])


def read_advertisement(answer: bytes) -> Advertisement:
    """Read the answer of ``info/refs?service=git-upload-pack``, of any protocol version.

    Raises MalformedError, RemoteError.
    """
    lines = _packets(answer)
    first = _next(lines)
    if first is not FLUSH and first.startswith(b"# service="):
        if _next(lines) is not FLUSH:
            raise MalformedError("the line that names the service is not followed by a flush packet")
        first = _next(lines)
    if first == b"version 2\n":
        return Advertisement(_version_2(lines), listed=None)
    if first == b"version 1\n":
        first = _next(lines)
    if first is FLUSH:
        _end(lines)
        return Advertisement(_ID_LENGTHS[b"sha1"], b"")
    reference, _, capabilities = first.partition(b"\0")
    length = _id_length(capabilities.split())
    if reference.endswith(b" " + _NOTHING):
        _until_flush(lines)
        return Advertisement(length, b"")
    return Advertisement(length, _listed([reference, *_until_flush(lines)], length, _OLD_LINE))


def read_refs(answer: bytes, id_length: int) -> bytes:
    """Read the answer to ``ls_refs`` into lines of ``git ls-remote``; raises MalformedError, RemoteError."""
    return _listed(_until_flush(_packets(answer)), id_length, _LINE)


def _version_2(lines: Iterator[bytes | None]) -> int:
    capabilities = [line.rstrip(b"\n") for line in _until_flush(lines)]
    if not any(line.partition(b"=")[0] == b"ls-refs" for line in capabilities):
        raise MalformedError("protocol version 2 without ls-refs")
    return _id_length(capabilities)


def _id_length(capabilities: list[bytes]) -> int:
    formats = [
        value for name, mark, value in (word.partition(b"=") for word in capabilities) if name == b"object-format"
    ]
    length = _ID_LENGTHS.get(formats[0] if formats else b"sha1")
    if length is None:
        raise MalformedError("an object format that is neither sha1 nor sha256")
    return length


def _listed(lines: list[bytes], id_length: int, pattern: re.Pattern[bytes]) -> bytes:
    """A tag object and what it peels to stand in one line of version 2, in two lines of earlier ones and of ours."""
    listed = []
    for line in lines:
        if line.startswith(b"shallow "):
            continue
        found = pattern.fullmatch(line)
        if found is None or len(found[1]) != id_length:
            raise MalformedError("a line that is no object id and name")
        listed.append(b"%b\t%b\n" % (found[1], found[2]))
        peeled = [more.removeprefix(_PEELED) for more in found[3].split() if more.startswith(_PEELED)]
        if len(peeled) > 1:  # each would repeat the name: an answer could grow a thousandfold here
            raise MalformedError("a tag that peels to more than one object id")
        for id_ in peeled:
            if len(id_) != id_length or not _ID.fullmatch(id_):
                raise MalformedError("a tag that peels to no object id")
            listed.append(b"%b\t%b^{}\n" % (id_, found[2]))
    return b"".join(listed)


def _until_flush(lines: Iterator[bytes | None]) -> list[bytes]:
    """The packets of the last list of an answer."""
    found: list[bytes] = []
    while (line := _next(lines)) is not FLUSH:
        found.append(line)
    _end(lines)
    return found


def _next(lines: Iterator[bytes | None]) -> bytes | None:
    for line in lines:
        return line
    raise EndedEarlyError("the answer ends without a flush packet")


def _end(lines: Iterator[bytes | None]) -> None:
    for _ in lines:
        raise MalformedError("something follows the end")


def _packets(answer: bytes) -> Iterator[bytes | None]:
    start = 0
    while start < len(answer):
        if start + 4 > len(answer):
            raise EndedEarlyError("the answer ends within a length")
        if not _LENGTH.fullmatch(answer, start, start + 4):
            raise MalformedError("four hexadecimal digits were expected as the length of a packet")
        length = int(answer[start : start + 4], 16)
        if length == 0:
            yield FLUSH
            start += 4
            continue
        if not 4 <= length <= _LONGEST:
            raise MalformedError("a packet of a length that no list of refs has")
        if start + length > len(answer):
            raise EndedEarlyError("the answer ends within a packet")
        line = answer[start + 4 : start + length]
        if line.startswith(b"ERR "):
            raise RemoteError(line[4:].decode(errors="replace"))
        yield line
        start += length

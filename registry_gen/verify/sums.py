"""SHA256SUMS: reading a publisher's, judging one that is served as it is, writing our own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from registry_gen.errors import RefusalError
from registry_gen.model.digest import Sha256
from registry_gen.verify import codes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from registry_gen.errors import Code

MAX_BYTES: Final = 1_000_000

_LINE = re.compile(rb"([0-9A-Fa-f]{64})[ \t]+(\S.*)")
_NAME = re.compile(r"(?![.]{1,2}\Z)[^\x00-\x20\x7f-\U0010ffff/\\:*?\"<>|]{1,255}")


def parse_sums(data: bytes, where: str) -> dict[str, Sha256]:
    """File names and their digests, in the document's order; a line may end in CRLF and mark a name with ``*``.

    Blank lines are passed over here because reading them is safe; ``lint_sums`` judges whether clients survive them.
    Raises RefusalError SUM001 to SUM004.
    """
    files: dict[str, Sha256] = {}
    for number, line in _lines(data, where):
        if not line.strip(b" \t"):
            continue
        digest, name = _split(line, number, where)
        name = name.removeprefix("*")
        _check_name(name, number, where)
        if files.setdefault(name, digest) != digest:
            raise _refusal(codes.SUMS_DISAGREE, number, where, expected=files[name], found=f"{digest} for {name}")
    return files


def lint_sums(data: bytes, where: str) -> None:
    """Refuse a document that clients could not read when it is served byte for byte.

    Terraform and OpenTofu split each line at white space and take the first two columns: a line without any makes
    them panic, ``*name`` is another name, and a digest of another length is no digest. CRLF and upper-case hex are
    fine. Raises RefusalError SUM001 to SUM005.
    """
    for number, line in _lines(data, where):
        if not line.strip(b" \t"):
            raise _refusal(codes.SUMS_CRASH_CLIENTS, number, where, found="a blank line, which makes Terraform crash")
        _, name = _split(line, number, where)
        if name.startswith("*"):
            raise _refusal(codes.SUMS_CRASH_CLIENTS, number, where, expected=f"{name[1:]}", found=name)
    parse_sums(data, where)


def render_sums(files: Mapping[str, Sha256]) -> bytes:
    """The document for these files: one line each, sorted by name, LF, no blank line."""
    return "".join(f"{files[name]}  {name}\n" for name in sorted(files)).encode("ascii")


def _lines(data: bytes, where: str) -> Iterator[tuple[int, bytes]]:
    """Numbered lines without their ends. The end of the last line begins no further line."""
    if len(data) > MAX_BYTES:
        raise RefusalError(
            codes.SUMS_TOO_LARGE, where=where, expected=f"at most {MAX_BYTES} bytes", found=f"{len(data)} bytes"
        )
    lines = data.split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    for number, line in enumerate(lines, start=1):
        yield number, line.removesuffix(b"\r")


def _split(line: bytes, number: int, where: str) -> tuple[Sha256, str]:
    match = _LINE.fullmatch(line.rstrip(b" \t"))
    if match is None:
        raise _refusal(codes.BAD_SUMS_LINE, number, where, found=ascii(line[:80].decode("latin-1")))
    return Sha256(match[1].decode().lower()), match[2].decode("latin-1")


def _check_name(name: str, number: int, where: str) -> None:
    if not _NAME.fullmatch(name):
        raise _refusal(codes.BAD_SUMS_NAME, number, where, found=ascii(name[:80]))


def _refusal(code: Code, number: int, where: str, *, expected: str = "", found: str = "") -> RefusalError:
    return RefusalError(code, where=f"{where}:{number}", expected=expected, found=found)

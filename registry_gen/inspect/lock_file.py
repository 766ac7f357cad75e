"""Reading ``.terraform.lock.hcl`` as Terraform and OpenTofu write it, and nothing beyond that.

It is HCL, of which lock files use little: provider blocks with texts and one list. Whatever else HCL could mean
(expressions, templates, escapes) is refused, so that nothing can be read in two ways. Source: Dependency Lock File,
and hashicorp/terraform, internal/depsfile/locks_file.go, which refuses unknown blocks and arguments too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from registry_gen.errors import InputError, Position
from registry_gen.inspect import codes

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_BYTES: Final = 1_000_000

_TOKEN = re.compile(
    r"""(?P<space>[ \t\r]+|\#[^\n]*|//[^\n]*)|(?P<line>\n)|(?P<word>[A-Za-z_][A-Za-z0-9_-]*)"""
    r"""|"(?P<text>[^"\\$%\n\x00-\x1f]*)"|(?P<sign>[={}\[\],])"""
)
_ARGUMENTS: Final = frozenset({"version", "constraints", "hashes"})


@dataclass(frozen=True, slots=True)
class LockedHash:
    """``zh:…``, ``h1:…`` or one of another scheme, and its line."""

    text: str
    line: int


@dataclass(frozen=True, slots=True)
class LockedProvider:
    """One provider: its source address HOST/NAMESPACE/TYPE, version and hashes; ``line`` is where its block begins."""

    source: str
    version: str
    hashes: tuple[LockedHash, ...]
    line: int


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    line: int


def read_lock_file(data: bytes, path: str) -> tuple[LockedProvider, ...]:
    """The providers that a lock file names, in its order; raises InputError INS040 with the line."""
    if len(data) > MAX_BYTES:
        raise _bad(path, 1, f"at most {MAX_BYTES} bytes", f"{len(data)}")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise _bad(path, data.count(b"\n", 0, error.start) + 1, "UTF-8", "other bytes") from None
    providers = tuple(_Parser(list(_tokens(text, path)), path).providers())
    seen: dict[str, int] = {}
    for provider in providers:
        if provider.source in seen:
            found = f"{provider.source} again, as in line {seen[provider.source]}"
            raise _bad(path, provider.line, "each provider once", found)
        seen[provider.source] = provider.line
    return providers


def _tokens(text: str, path: str) -> Iterator[_Token]:
    line = 1
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            rest = text[at:].partition("\n")[0]
            raise _bad(path, line, "what terraform or tofu writes", repr(rest[:60]))
        kind = found.lastgroup or ""
        if kind != "space":
            yield _Token(kind, found[kind], line)
        line += kind == "line"
        at = found.end()
    yield _Token("line", "\n", line)
    yield _Token("end", "", line)


class _Parser:
    """Goes through the tokens once."""

    def __init__(self, tokens: list[_Token], path: str) -> None:
        self._tokens = tokens
        self._at = 0
        self._path = path

    def providers(self) -> Iterator[LockedProvider]:
        while True:
            self._lines()
            token = self._next()
            if token.kind == "end":
                return
            if (token.kind, token.text) != ("word", "provider"):
                raise self._unexpected(token, "a provider block")
            yield self._provider(token.line)

    def _provider(self, line: int) -> LockedProvider:
        source = self._expect("text")
        self._expect("sign", "{")
        self._expect("line")
        version: str | None = None
        hashes: tuple[LockedHash, ...] = ()
        given: set[str] = set()
        while not self._take("sign", "}"):
            if self._take("line"):
                continue
            name = self._expect("word")
            if name.text not in _ARGUMENTS or name.text in given:
                raise self._unexpected(name, "version, constraints or hashes, each once")
            given.add(name.text)
            self._expect("sign", "=")
            if name.text == "hashes":
                hashes = tuple(self._hashes())
            else:
                value = self._expect("text").text
                version = value if name.text == "version" else version
            self._expect("line")
        self._expect("line")
        if version is None:
            raise _bad(self._path, line, "a version", f"none for {source.text}")
        return LockedProvider(source.text, version, hashes, line)

    def _hashes(self) -> Iterator[LockedHash]:
        self._expect("sign", "[")
        self._lines()
        while not self._take("sign", "]"):
            token = self._expect("text")
            yield LockedHash(token.text, token.line)
            self._lines()
            if not self._take("sign", ","):
                self._expect("sign", "]")
                return
            self._lines()

    def _lines(self) -> None:
        while self._take("line"):
            pass

    def _take(self, kind: str, text: str | None = None) -> bool:
        token = self._tokens[self._at]
        if token.kind != kind or (text is not None and token.text != text):
            return False
        self._at += 1
        return True

    def _expect(self, kind: str, text: str | None = None) -> _Token:
        token = self._tokens[self._at]
        if not self._take(kind, text):
            words = {"line": "the end of the line", "text": "a text in quotes", "word": "a name"}
            raise self._unexpected(token, repr(text) if text else words[kind])
        return token

    def _next(self) -> _Token:
        token = self._tokens[self._at]
        self._at += token.kind != "end"
        return token

    def _unexpected(self, token: _Token, expected: str) -> InputError:
        shown = {"line": "the end of the line", "end": "the end of the file"}
        return _bad(self._path, token.line, expected, shown.get(token.kind, repr(token.text[:60])))


def _bad(path: str, line: int, expected: str, found: str) -> InputError:
    position = Position(path, line)
    return InputError(codes.BAD_LOCK, expected=expected, found=found, position=position, hint=codes.BAD_LOCK.fix)

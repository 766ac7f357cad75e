"""The pages of all codes as Markdown: docs/troubleshooting.md is what this makes."""

from __future__ import annotations

import re
from itertools import groupby
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from registry_gen.cli.known_codes import Page

SUBJECTS: Final[Mapping[str, str]] = {
    "CAT": "The catalog",
    "CFG": "registry.yaml and the state folder",
    "ADR": "Addresses and platforms",
    "VER": "Versions and constraints",
    "PLN": "What a plan refuses",
    "GIT": "Git repositories",
    "NET": "Connections",
    "SRC": "Releases and upstream registries",
    "SUM": "SHA256SUMS",
    "SIG": "OpenPGP signatures and keys",
    "ATT": "Signed statements",
    "ARC": "Archives",
    "DOC": "Documents",
    "PUB": "Publishing, and what fsck finds",
    "LED": "The ledger",
    "STO": "Storages",
    "KEY": "The registry's own keys",
    "LOG": "The transparency log",
    "EDG": "CDNs",
    "INS": "What verify finds",
    "DIA": "What doctor finds",
    "IMP": "Imports",
    "SRV": "Serving",
    "CLI": "The command line",
}
"""What codes of a prefix are about, in the order of the page; a prefix is that of one room."""

_HEAD: Final = """\
# Troubleshooting

<!-- Made by: registry-gen explain --markdown > docs/troubleshooting.md -->

Every problem has a code. `registry-gen explain CODE` shows what is said here: why it is refused, how it looks, and
what to do. Codes are stable: one that was ever released keeps its meaning.
"""
_MARKS: Final = re.compile(r"[\\`*<>\[\]]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")


def all_as_markdown(pages: Sequence[Page]) -> str:
    """All pages, grouped by subject, with an anchor for each code (``#cat006``), and a table of contents.

    Raises ValueError where a code's prefix has no subject.
    """
    order = list(SUBJECTS)
    in_order = sorted(pages, key=lambda page: (order.index(page.code.id[:3]), page.code.id))
    return "\n".join([_HEAD, *_contents(in_order), *_sections(in_order)])


def as_markdown(page: Page) -> str:
    """One page: a heading that is the code alone, since links lead to it; title, why, example, fix."""
    code = page.code
    example = f"\n```text\n{page.example}\n```\n" if page.example else ""
    title = code.title[:1].upper() + code.title[1:]
    return f"### {code.id}\n\n**{plain(title)}.** {plain(code.why)}\n{example}\nWhat to do: {plain(code.fix)}"


def _contents(pages: Sequence[Page]) -> Iterator[str]:
    for prefix, of_prefix in groupby(pages, key=lambda page: page.code.id[:3]):
        links = " ".join(f"[{page.code.id}](#{page.code.id.lower()})" for page in of_prefix)
        yield f"- **{SUBJECTS[prefix]}:** {links}"
    yield ""


def _sections(pages: Sequence[Page]) -> Iterator[str]:
    for prefix, of_prefix in groupby(pages, key=lambda page: page.code.id[:3]):
        yield f"## {SUBJECTS[prefix]}\n"
        for page in of_prefix:
            yield f"{as_markdown(page)}\n"


def plain(text: str) -> str:
    """Text that Markdown shows as it is."""
    return _MARKS.sub(lambda mark: f"\\{mark[0]}", text)

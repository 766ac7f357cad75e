"""``explain``: what a code means, on a page of its own."""

from __future__ import annotations

import shutil
import textwrap
from typing import TYPE_CHECKING, Final

import click

from registry_gen.cli import codes
from registry_gen.cli.known_codes import all_pages
from registry_gen.cli.troubleshooting import all_as_markdown, as_markdown
from registry_gen.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from registry_gen.cli.known_codes import Page
    from registry_gen.cli.output import Output

_WIDEST: Final = 100
_NARROWEST: Final = 40


@click.command("explain", epilog="Example: registry-gen explain CAT006")
@click.argument("code", required=False)
@click.option("--markdown", is_flag=True, help="Write Markdown: without CODE the whole of docs/troubleshooting.md.")
@click.pass_obj
def command(output: Output, code: str | None, markdown: bool) -> None:
    """Say what CODE, such as PLN001, means: why it is refused, how it looks, what to do; without CODE, list all."""
    pages = all_pages()
    if code is None:
        in_order = [pages[name] for name in sorted(pages)]
        output.json({"codes": [_as_json(page) for page in in_order]})
        output.result(all_as_markdown(in_order) if markdown else "\n".join(map(_line, in_order)))
        return
    page = pages.get(code.upper())
    if page is None:
        raise InputError(codes.UNKNOWN_CODE, where=code, hint=codes.UNKNOWN_CODE.fix)
    output.json(_as_json(page))
    output.result(as_markdown(page) if markdown else page_text(page, shutil.get_terminal_size().columns))


def page_text(page: Page, columns: int) -> str:
    """The page of a code for a terminal of so many columns; an example is never wrapped, so that it can be compared."""
    return "\n".join(_page_lines(page, max(_NARROWEST, min(_WIDEST, columns))))


def _page_lines(page: Page, width: int) -> Iterator[str]:
    code = page.code
    yield f"{click.style(code.id, fg='red', bold=True)}  {click.style(code.title, bold=True)}"
    for heading, text in (("Why", code.why), ("What to do", code.fix)):
        yield ""
        yield click.style(heading, bold=True)
        yield textwrap.fill(
            text, width, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False, break_long_words=False
        )
        if heading == "Why" and page.example:
            yield ""
            yield click.style("How it looks", bold=True)
            yield from (_shown(line, code.id) for line in page.example.splitlines())


def _shown(line: str, id_: str) -> str:
    return f"  {click.style('│', dim=True)} {line.replace(id_, click.style(id_, fg='red'))}"


def _line(page: Page) -> str:
    return f"{click.style(page.code.id, fg='red')}  {page.code.title}"


def _as_json(page: Page) -> Mapping[str, str]:
    code = page.code
    return {"code": code.id, "title": code.title, "why": code.why, "example": page.example, "fix": code.fix}

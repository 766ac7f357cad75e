"""Whatever a file holds, it is read or refused: no other error, and nothing that has no place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from registry_gen.extract.configuration import NotCodeError
from registry_gen.extract.hcl import read_hcl
from registry_gen.extract.hcl_json import read_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry_gen.extract.configuration import CodeFile

PIECES = (
    *(
        "{",
        "}",
        "[",
        "]",
        '"',
        "${",
        "%{",
        "\n",
        "=",
        " ",
        "\\",
        ":",
        ",",
        "?",
        "\x00",
        "é",
        "<<E\n",
        "E\n",
        "//",
        "/*",
    ),
    *('module "x" {\n', "terraform {\n", "required_providers {\n", "locals {\n", "source = ", "local.a", "${local.a}"),
    *('"module"', '"terraform"', '"required_providers"', '"source"', "null", "1"),
)


@given(st.lists(st.sampled_from(PIECES), max_size=60))
@settings(max_examples=200, deadline=None)
def test_every_file_is_read_or_refused(pieces: list[str]) -> None:
    data = "".join(pieces).encode()
    lines = data.count(b"\n") + 1
    for read in (read_hcl, read_json):
        assert all(1 <= line <= lines for line in places(read, data))


def places(read: Callable[[bytes], CodeFile], data: bytes) -> list[int]:
    """The lines of what was found, or of the reason why nothing is read."""
    try:
        file = read(data)
    except NotCodeError as error:
        return [error.line]
    return [asked.line for asked in (*file.modules, *file.providers)]

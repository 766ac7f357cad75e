"""SHA256SUMS: tolerant where a publisher's is read, strict where clients will read it."""

from __future__ import annotations

import pytest

from registry_gen.errors import RefusalError
from registry_gen.model.digest import Sha256
from registry_gen.verify.sums import MAX_BYTES, lint_sums, parse_sums, render_sums

A = Sha256("a" * 64)
B = Sha256("b" * 64)
ZIP = "terraform-provider-widget_1.0.0_linux_amd64.zip"


def parse(text: str) -> dict[str, Sha256]:
    return parse_sums(text.encode(), "SHA256SUMS")


def refusal(text: str | bytes) -> RefusalError:
    with pytest.raises(RefusalError) as caught:
        parse_sums(text if isinstance(text, bytes) else text.encode(), "SHA256SUMS")
    return caught.value


@pytest.mark.parametrize(
    "text",
    [
        f"{A}  {ZIP}\n{B}  x.json\n",
        f"{A}  {ZIP}\n{B}  x.json",
        f"{A} *{ZIP}\r\n{B} *x.json\r\n",
        f"{A.upper()}\t{ZIP} \n\n{B}  x.json\n  \n",
        f"{A}  {ZIP}\n{A}  {ZIP}\n{B}  x.json\n",
    ],
)
def test_what_publishers_write_is_understood(text: str) -> None:
    assert parse(text) == {ZIP: A, "x.json": B}


def test_an_empty_document_names_no_files() -> None:
    assert parse("") == {}


def test_one_name_with_two_digests_is_refused_with_both() -> None:
    refused = refusal(f"{A}  x\n{B}  x\n")
    assert refused.code.id == "SUM004"
    assert A in str(refused)
    assert B in str(refused)
    assert str(refused).startswith("SHA256SUMS:2: ")


@pytest.mark.parametrize(
    "name",
    [
        "../x",
        "a/b",
        "/x",
        "a\\b",
        "..",
        ".",
        "C:x",
        "a b",
        "a\x01b",
        "naïve",
        "x" * 256,
        "**x",
        "*",
        'a"b',
        "<b>",
        "a|b",
    ],
)
def test_names_that_are_no_plain_file_names_are_refused(name: str) -> None:
    assert refusal(f"{A}  {name}\n").code.id == "SUM003"


@pytest.mark.parametrize(
    "line",
    [
        b"<html>",
        b"a" * 63 + b"  x",
        b"a" * 65 + b"  x",
        b"g" * 64 + b"  x",
        b"a" * 64,
        b"\xef\xbb\xbf" + b"a" * 64 + b"  x",
    ],
)
def test_lines_that_are_no_digest_and_name_are_refused(line: bytes) -> None:
    refused = refusal(line)
    assert refused.code.id == "SUM002"
    assert str(refused).isascii()


def test_a_document_has_a_bound() -> None:
    assert refusal(b"\n" * (MAX_BYTES + 1)).code.id == "SUM001"


def test_a_line_of_a_million_spaces_costs_nothing_much() -> None:
    assert refusal(f"{A}  x" + " " * 500_000 + "y").code.id == "SUM003"


@pytest.mark.parametrize("text", [f"{A}  x\n", f"{A}  x", f"{A.upper()} x\r\n{B}\ty\r\n"])
def test_what_clients_read_may_be_served(text: str) -> None:
    lint_sums(text.encode(), "SHA256SUMS")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (f"{A}  x\n\n", "SUM005"),
        (f"\n{A}  x\n", "SUM005"),
        (f"{A}  x\n \t\n{B}  y\n", "SUM005"),
        (f"{A}  x\r\n\r\n", "SUM005"),
        (f"{A} *x\n", "SUM005"),
        (f"{A}  x\n{B}  x\n", "SUM004"),
        (f"{A}  ../x\n", "SUM003"),
        ("oops\n", "SUM002"),
    ],
)
def test_what_breaks_clients_is_not_served(text: str, code: str) -> None:
    with pytest.raises(RefusalError) as caught:
        lint_sums(text.encode(), "SHA256SUMS")
    assert caught.value.code.id == code


def test_a_blank_line_is_named_by_its_number() -> None:
    with pytest.raises(RefusalError, match=r"SHA256SUMS:2: SUM005 .*crash"):
        lint_sums(f"{A}  x\n\n".encode(), "SHA256SUMS")


def test_our_own_document_is_sorted_without_a_blank_line_and_survives_the_clients() -> None:
    data = render_sums({"b": B, "a": A})
    assert data == f"{A}  a\n{B}  b\n".encode()
    lint_sums(data, "ours")
    assert parse_sums(data, "ours") == {"a": A, "b": B}

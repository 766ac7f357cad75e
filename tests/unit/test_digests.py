"""Digests as text: what is accepted, what is refused, and the dirhash of the module proxies and lock files."""

from __future__ import annotations

import pytest

from registry_gen.errors import InputError
from registry_gen.model.digest import dirhash, parse_commit, parse_h1, parse_sha256, sha256

ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_sha256_of_abc_is_that_of_the_standard() -> None:
    assert sha256(b"abc") == ABC


def test_sha256_may_be_written_in_upper_case() -> None:
    assert parse_sha256(ABC.upper()) == ABC


def test_commits_of_both_object_formats_are_read() -> None:
    assert parse_commit("a" * 40) == "a" * 40
    assert parse_commit("0" * 64) == "0" * 64


def test_an_h1_is_read_as_it_is_written() -> None:
    text = dirhash([("main.tf", sha256(b"abc"))])

    assert parse_h1(text) == text


def test_a_dirhash_does_not_depend_on_the_order_of_files() -> None:
    files = [("b", sha256(b"2")), ("a/z", sha256(b"1")), ("a", sha256(b"3"))]

    assert dirhash(files) == dirhash(reversed(files))


def test_a_dirhash_is_hash1_of_gos_dirhash() -> None:
    # printf '%s  %s\n' $(printf abc | sha256sum | cut -d' ' -f1) main.tf | sha256sum | xxd -r -p | base64
    assert dirhash([("main.tf", sha256(b"abc"))]) == "h1:B4Q0hHFvOJM9kl/0O2A14SYZkEqD6RbJcVI5ixfhpjs="


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        *((parse_sha256, text) for text in ("", "abc", ABC[:-1], ABC + "0", ABC[:-1] + "g", ABC + "\n", "zh:" + ABC)),
        *(
            (parse_commit, text)
            for text in ("", "main", "a" * 39, "A" * 40, "a" * 41, "a" * 40 + "\n", "--upload-pack=x")
        ),
        *((parse_h1, text) for text in ("", "h1:", "zh:" + ABC, "h1:" + "A" * 44, "H1:" + "A" * 43 + "=")),
    ],
)
def test_what_is_no_digest_is_refused(parse: object, text: str) -> None:
    assert callable(parse)
    with pytest.raises(InputError) as refused:
        parse(text)

    assert refused.value.code.id == "ADR003"

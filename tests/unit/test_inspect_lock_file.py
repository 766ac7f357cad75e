"""Lock files, read in the one form in which Terraform and OpenTofu write them; all else is refused with its line."""

from __future__ import annotations

import pytest

from registry_gen.errors import InputError
from registry_gen.inspect.lock_file import MAX_BYTES, LockedHash, LockedProvider, read_lock_file

# Written by Terraform 1.11.
REAL = b"""\
# This file is maintained automatically by "terraform init".
# Manual edits may be lost in future updates.

provider "registry.example.com/acme/widget" {
  version = "1.0.0"
  hashes = [
    "h1:2tVlUQ7xDUkUTTR3F0ut5jUcbsHNnBYAi3kvvEoHzPk=",
  ]
}

provider "registry.terraform.io/hashicorp/random" {
  version     = "3.1.0"
  constraints = "~> 3.0, != 3.0.1"
  hashes = [
    "h1:BZMEPucF+pbu9gsPk0G0BHx7YP04+tKdq2MrRDF1EDM=",
    "zh:2bbb3339f0643b5daa07480ef4397bd23a79963cc364cdfbb4e86354cb7725bc",
  ]
}
"""


def refused(text: str) -> InputError:
    with pytest.raises(InputError) as refusal:
        read_lock_file(text.encode(), ".terraform.lock.hcl")
    assert refusal.value.code.id == "INS040"
    return refusal.value


def test_a_file_as_terraform_writes_it_is_read_with_its_lines() -> None:
    widget, random = read_lock_file(REAL, "x")

    assert (widget.source, widget.version, widget.line) == ("registry.example.com/acme/widget", "1.0.0", 4)
    assert widget.hashes == (LockedHash("h1:2tVlUQ7xDUkUTTR3F0ut5jUcbsHNnBYAi3kvvEoHzPk=", 7),)
    assert (random.source, random.version, random.line) == ("registry.terraform.io/hashicorp/random", "3.1.0", 11)
    assert [each.line for each in random.hashes] == [15, 16]


@pytest.mark.parametrize(
    "text",
    [
        'provider "a/b/c" {\n  version = "1.0.0"\n}\n',
        'provider "a/b/c" {\r\n  version = "1.0.0"\r\n}\r\n',
        'provider "a/b/c" {\n  hashes = []\n  version = "1.0.0"\n}',
        '// a comment\nprovider "a/b/c" {\n\n  version = "1.0.0" # pinned\n  hashes = [\n\n  ]\n\n}\n\n',
    ],
)
def test_small_differences_of_form_mean_nothing(text: str) -> None:
    line = 2 if text.startswith("//") else 1
    assert read_lock_file(text.encode(), "x") == (LockedProvider("a/b/c", "1.0.0", (), line),)


def test_hashes_may_stand_in_one_line() -> None:
    text = b'provider "a/b/c" {\n  version = "1.0.0"\n  hashes = ["h1:x", "zh:y"]\n}\n'

    assert read_lock_file(text, "x")[0].hashes == (LockedHash("h1:x", 3), LockedHash("zh:y", 3))


def test_an_empty_file_locks_nothing() -> None:
    assert read_lock_file(b"", "x") == ()
    assert read_lock_file(b"# nothing\n\n", "x") == ()


BLOCK = 'provider "a/b/c" {\n%s\n}\n'


@pytest.mark.parametrize(
    ("text", "line", "found"),
    [
        ('module "x" {\n}\n', 1, "'module'"),
        ("\n\nprovider {\n}\n", 3, "'{'"),
        ('provider "a" "b" {\n}\n', 1, "'b'"),
        ('provider "a/b/c"\n{\n}\n', 1, "the end of the line"),
        ('provider "a/b/c" {\n', 2, "the end of the file"),
        ('provider "a/b/c" {\n}\n', 1, "none for a/b/c"),
        ('provider "a/b/c" { version = "1.0.0" }\n', 1, "'version'"),
        (BLOCK % '  version = "1.0.0" constraints = "x"', 2, "'constraints'"),
        (BLOCK % '  version = "1.0.0"\n  version = "1.0.0"', 3, "'version'"),
        (BLOCK % '  version = "1.0.0"\n  trusted = "yes"', 3, "'trusted'"),
        (BLOCK % "  version = 1.0", 2, "'1.0'"),
        (BLOCK % '  version = "1.0.0"\n  hashes = ["a" "b"]', 3, "'b'"),
        (BLOCK % '  version = "1.0.0"\n  hashes = ["a",,]', 3, "','"),
        (BLOCK % '  version = "1.0.0"\n  hashes = concat(["a"])', 3, ""),
        (BLOCK % '  version = "1.0.0"\n  hashes = [version]', 3, "'version'"),
        (BLOCK % '  version = "${evil}"', 2, ""),
        (BLOCK % '  version = "%{ if true }1%{ endif }"', 2, ""),
        (BLOCK % '  version = "1.0.0\\"', 2, ""),
        (BLOCK % '  version = "1.0.0', 2, ""),
        (BLOCK % "  version = <<EOT\n1.0.0\nEOT", 2, ""),
        ("/* hidden */\n", 1, ""),
        ('provider "a/b/c" {\n  version = "1.0.0"\n}\n' * 2, 4, "as in line 1"),
    ],
)
def test_what_is_written_in_another_way_is_refused_with_its_line(text: str, line: int, found: str) -> None:
    error = refused(text)

    assert error.position
    assert (error.position.path, error.position.line) == (".terraform.lock.hcl", line)
    assert found in error.found


def test_what_is_no_text_or_too_much_is_refused() -> None:
    with pytest.raises(InputError) as refusal:
        read_lock_file(b"# fine\n\xff\n", "x")
    assert refusal.value.position
    assert refusal.value.position.line == 2
    assert "at most" in refused("#" * (MAX_BYTES + 1)).expected

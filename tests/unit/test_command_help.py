"""Every command shows an example that is right, and says what --json prints."""

from __future__ import annotations

import ast
import inspect
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
import pytest

import registry_gen.cli
from registry_gen.cli.main import EVERYWHERE, group

if TYPE_CHECKING:
    from collections.abc import Iterator

CLI: Final = Path(next(iter(registry_gen.cli.__path__)))
WITHOUT_JSON: Final = {
    "serve": "it ends when somebody stops it, and has no result but what it serves",
    "move": "it has no result: it always fails, and the failure is told as JSON",
    "rename": "as move",
}
"""Commands that print no result with --json, each with the reason."""


_ASKED: Final = re.compile(r"\boutput\.(?:json\(|as_json\b)")
"""Where a command prints JSON, or asks whether it shall."""


def commands(found: click.Group, names: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command that does something, with the words that name it."""
    for name in found.list_commands(click.Context(found)):
        command = found.get_command(click.Context(found), name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, (*names, name))
        else:
            yield (*names, name), command


ALL: Final = [pytest.param(names, command, id=" ".join(names)) for names, command in commands(group)]


@pytest.mark.parametrize(("names", "command"), ALL)
def test_the_help_of_a_command_has_an_example_that_the_command_takes(
    names: tuple[str, ...], command: click.Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("opentofu-registry", "bucket", "mirror", "work"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "work")
    for name in ("ledger.backup", "audit.jsonl", "a.asc"):
        Path(name).touch()
    assert command.epilog is not None, f"{names} has no epilog"
    assert command.epilog.startswith("Example: registry-gen ")

    words = shlex.split(command.epilog.removeprefix("Example: registry-gen "))
    assert tuple(words[: len(names)]) == names
    own = [word for word in words[len(names) :] if word not in EVERYWHERE]

    assert command.make_context(names[-1], own).command is command, "or UsageError where it does not take them"


@pytest.mark.parametrize(("names", "command"), ALL)
def test_a_command_prints_its_result_as_json_or_has_a_reason_not_to(
    names: tuple[str, ...], command: click.Command
) -> None:
    assert command.callback is not None
    start = Path(inspect.getfile(inspect.unwrap(command.callback))).stem

    speaks = any(_ASKED.search(text) for text in _texts(start, set()))

    assert speaks is (" ".join(names) not in WITHOUT_JSON)


def _texts(name: str, seen: set[str]) -> Iterator[str]:
    """A module of the command line and those of it that it imports, but what all share."""
    file = CLI / f"{name}.py"
    if name in seen or name in {"main", "output"} or not file.exists():
        return
    seen.add(name)
    text = file.read_text(encoding="utf-8")
    yield text
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("registry_gen.cli."):
            yield from _texts((node.module or "").rpartition(".")[2], seen)

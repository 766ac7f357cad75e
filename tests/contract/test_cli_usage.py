"""What the command line says to whoever types, before any registry is touched."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING

import click
import pytest

from registry_gen import __version__
from registry_gen.cli.explain import page_text
from registry_gen.cli.known_codes import all_codes, all_pages
from registry_gen.cli.main import COMMANDS
from tests.support.command_line import ROOT, Ran, run_apart, run_here
from tests.support.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def work(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "work")


def test_help_names_every_command_in_one_line_each(work: Workspace) -> None:
    ran = run_here(work, "--help")
    assert ran.code == 0
    listed = re.findall(r"^  (\w+) +(\S.*)$", ran.out.partition("Commands:\n")[2], re.MULTILINE)
    assert dict(listed) == COMMANDS
    assert "Exits 0 where all is" in ran.out


@pytest.mark.parametrize("name", [*COMMANDS, "ledger migrate"])
def test_each_commands_help_is_sentences_and_fits_a_terminal(work: Workspace, name: str) -> None:
    ran = run_here(work, *name.split(), "--help")
    usage, _, rest = ran.out.partition("\n\n")
    text = rest.partition("\n\nOptions:")[0]
    assert (ran.code, ran.err) == (0, "")
    assert usage.startswith(f"Usage: registry-gen {name} ")
    assert re.match(r"  [A-Z]", text)
    assert text.rstrip().endswith(".")
    assert max(map(len, ran.out.splitlines())) <= 80


def test_the_version_is_that_of_the_package(work: Workspace) -> None:
    assert run_here(work, "--version") == Ran(0, f"registry-gen {__version__}\n", "")


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["publsh"], "No such command 'publsh'. Did you mean 'publish'?"),
        (["frobnicate"], "No such command 'frobnicate'."),
        (["plan", "--onyl", "acme/widget"], "No such option '--onyl'"),
        (["plan", "--only"], "--only"),
        (["plan", "--only", "Acme"], "Invalid value for --only: Acme: ADR001"),
        (["validate", "everything"], "unexpected extra argument"),
        (["explain", "XYZ123"], "error CLI001 no such code"),
        (["ledger"], "Commands:"),
        ([], "Commands:"),
    ],
)
def test_wrong_usage_exits_64_and_says_what_is_wrong(work: Workspace, typed: list[str], said: str) -> None:
    ran = run_here(work, *typed)
    assert (ran.code, ran.out) == (64, "")
    assert said in ran.err


def test_explain_says_what_a_code_means_why_and_what_to_do(work: Workspace) -> None:
    page = all_pages()["CAT006"]
    code = page.code
    for typed in ("CAT006", "cat006"):
        ran = run_here(work, "explain", typed)
        assert (ran.code, ran.err) == (0, "")
        assert ran.out.startswith(f"CAT006  {code.title}\n\nWhy\n  A misspelt key would be ignored, and")
        assert (
            "\nHow it looks\n  │ catalog/modules/acme/network/aws.yaml:4:1: CAT006 unknown key 'hostign'\n" in ran.out
        )
        assert " ".join(ran.out.partition("\nWhat to do\n")[2].split()) == code.fix
    expected = {"code": "CAT006", "title": code.title, "why": code.why, "example": page.example, "fix": code.fix}
    assert run_here(work, "--json", "explain", "CAT006").json == {"format": 1, **expected}


def test_a_page_is_as_wide_as_the_terminal_and_its_example_is_never_broken() -> None:
    page = all_pages()["PLN010"]
    for columns, widest in ((50, 50), (20, 40), (500, 100)):
        text = click.unstyle(page_text(page, columns))
        prose = [line for line in text.splitlines()[2:] if "│" not in line]
        assert max(map(len, prose)) <= widest
        assert page.example.splitlines() == [line[4:] for line in text.splitlines() if line.startswith("  │ ")]


def test_explain_writes_the_page_of_one_code_as_markdown(work: Workspace) -> None:
    ran = run_here(work, "explain", "CAT006", "--markdown")
    assert ran.out.startswith("### CAT006\n\n**Unknown key.** A misspelt key")
    assert "\n```text\ncatalog/modules/acme/network/aws.yaml:4:1: CAT006 " in ran.out
    assert run_here(work, "explain", "--markdown").out.count("\n### ") == len(all_codes())


def test_explain_alone_lists_every_code_of_every_room_in_order(work: Workspace) -> None:
    ran = run_here(work, "explain")
    listed = [line.split("  ")[0] for line in ran.out.splitlines()]
    assert listed == sorted(all_codes())
    assert {"ADR", "CAT", "CFG", "CLI", "GIT", "LED", "NET", "PLN", "PUB", "SIG", "STO"} <= {id_[:3] for id_ in listed}
    assert [code["code"] for code in run_here(work, "--json", "explain").json["codes"]] == listed


@pytest.mark.parametrize("command", ["validate", "plan", "publish", "serve", "ledger migrate"])
def test_without_registry_yaml_every_command_says_so(tmp_path: Path, command: str) -> None:
    work = Workspace(tmp_path)
    (tmp_path / "registry.yaml").unlink()
    ran = run_here(work, *command.split())
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("error CFG001 there is no registry.yaml\n  where     registry.yaml\n  hint      ")


@pytest.mark.parametrize("command", ["plan", "publish", "serve", "ledger migrate"])
def test_a_broken_registry_yaml_is_told_in_full_and_nothing_is_done(work: Workspace, command: str) -> None:
    text = (work.root / "registry.yaml").read_text()
    work.write("registry.yaml", text.replace("storage:", "storrage:").replace("state:", "stat:"))
    ran = run_here(work, *command.split())
    assert (ran.code, ran.out) == (1, "")
    assert "registry.yaml:4:1: CAT006 unknown key 'storrage'\n  hint: Did you mean storage?\n" in ran.err
    assert "CAT006 unknown key 'stat'" in ran.err
    assert ran.err.endswith("3 problems, so nothing was done.\n")
    found = run_here(work, "--json", *command.split()).json
    codes = [problem["code"] for problem in found["problems"]]
    assert found["format"] == 1
    assert sorted(codes) == ["CAT006", "CAT006", "CAT007"]
    assert not (work.root / "state").exists()


def test_config_names_a_registry_in_another_folder(work: Workspace, tmp_path: Path) -> None:
    elsewhere = Workspace(tmp_path / "elsewhere")
    (elsewhere.root / "registry.yaml").unlink()
    ran = run_here(elsewhere, "--config", "../work/registry.yaml", "validate")
    assert ran == Ran(0, "The catalog is good: 0 packages.\n", "")


def test_schema_writes_one_schema_for_each_kind_of_file(work: Workspace) -> None:
    ran = run_here(work, "schema", "made")
    assert ran.code == 0
    written = sorted(path.name for path in (work.root / "made").iterdir())
    assert ran.out.splitlines() == [f"wrote made/{name}" for name in written]
    assert "module.schema.json" in written
    assert run_here(work, "--json", "schema").json == {
        "format": 1,
        "written": [f"schemas/{name}" for name in written],
    }


def test_schema_says_why_it_cannot_write(work: Workspace) -> None:
    work.write("made/module.schema.json/in-the-way", "")
    ran = run_here(work, "schema", "made")
    assert ran.code == 1
    assert ran.err.startswith("error CLI003 the schemas cannot be written\n  where     made/module.schema.json\n")
    assert "Is a directory" in ran.err


def test_a_mistake_of_ours_is_said_to_be_one_without_a_trace_and_without_its_text(
    work: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise KeyError("hunter2")

    monkeypatch.setattr("registry_gen.wiring.read_workspace", broken)
    ran = run_here(work, "validate")
    assert ran.code == 1
    assert ran.err.startswith("error CLI900 registry-gen itself failed\n  found     KeyError in ")
    assert "--debug" in ran.err
    assert "Traceback" not in ran.err
    assert "hunter2" not in ran.err
    assert run_here(work, "--json", "validate").json["problems"][0]["code"] == "CLI900"
    with pytest.raises(KeyError):
        run_here(work, "--debug", "validate")


def test_debug_shows_the_trace(work: Workspace) -> None:
    work.write("sitecustomize.py", "import registry_gen.wiring\nregistry_gen.wiring.read_workspace = lambda _: 1 / 0\n")
    path = {"PYTHONPATH": f"{work.root}:{ROOT}"}
    assert "Traceback" not in run_apart(work, "validate", env=path).err
    traced = run_apart(work, "--debug", "validate", env=path)
    assert traced.code == 1
    assert "ZeroDivisionError" in traced.err
    assert "Traceback" in traced.err


def test_a_reader_that_leaves_early_causes_no_trace(work: Workspace) -> None:
    ran = run_apart(work, "explain", before=_close_stdout)
    assert "Traceback" not in ran.err
    assert "Exception ignored" not in ran.err


def _close_stdout() -> None:
    """Give the process a pipe that nobody reads."""
    reader, writer = os.pipe()
    os.dup2(writer, 1)
    os.close(reader)
    os.close(writer)


def test_results_are_json_alone_on_stdout_where_asked_for(work: Workspace) -> None:
    ran = run_here(work, "--json", "validate")
    assert (ran.code, ran.err) == (0, "")
    assert json.loads(ran.out) == {"format": 1, "problems": []}

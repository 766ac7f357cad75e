"""``deprecate`` and ``withdraw``: they change the catalog's file and publish nothing."""

from __future__ import annotations

import shlex
import stat
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.support.command_line import run_here
from tests.support.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.command_line import Ran

GIT = "https://git.example.com/network.git"
FILE = "catalog/modules/acme/network/aws.yaml"
NEXT = "Nothing is published yet. Commit the change, see what 'registry-gen plan' says, then publish.\n"
LEAK = ("--reason", "Its examples held a live token.")


@pytest.fixture
def work(tmp_path: Path) -> Workspace:
    """A registry whose ledger and sources are out of reach: neither is needed."""
    work = Workspace(tmp_path / "work", "postgresql://nobody@127.0.0.1:1/nothing")
    work.module("acme/network/aws", GIT, "# the end\n")
    work.provider("acme/widget", "./releases")
    return work


def text(work: Workspace, file: str = FILE) -> str:
    return (work.root / file).read_text()


def withdraw(work: Workspace, *arguments: str) -> Ran:
    return run_here(work, "withdraw", "acme/network/aws", *arguments)


def test_withdraw_writes_the_rule_and_tells_the_lines_and_what_comes_next(work: Workspace) -> None:
    before = text(work)
    done = work.cli("withdraw", "acme/network/aws", "1.2.0", *LEAK)

    rule = 'withdrawn:\n  - versions: "1.2.0"\n    reason: Its examples held a live token.\n'
    assert text(work) == before + rule
    assert done.stdout == f"{FILE}, lines 4 to 6:\n" + "".join(f"+ {line}\n" for line in rule.splitlines())
    assert (done.returncode, done.stderr) == (0, NEXT)
    assert sorted(path.name for path in work.root.iterdir()) == ["catalog", "registry.yaml"], "no state, no storage"
    assert run_here(work, "validate").code == 0


def test_a_rule_about_nothing_that_is_published_is_said_to_be_one(work: Workspace) -> None:
    said = "No listed version of acme/network/aws matches: the rule keeps future ones off.\n"
    work.write("public/.well-known/terraform.json", "{}")
    assert said in withdraw(work, "1.2.0", *LEAK).err, "nothing of the package is there"
    listing = '{"modules":[{"versions":[{"version":"1.3.0"},{"version":"x"}]}]}'
    work.write("public/v1/modules/acme/network/aws/versions", listing)
    assert said in withdraw(work, "9.9.9", *LEAK).err
    assert said not in withdraw(work, "1.3.0", *LEAK).err
    assert said not in withdraw(work, "--all", *LEAK).err
    assert said not in withdraw(work, "1.2.0", "--undo").err
    (work.public / "v1/modules/acme/network/aws/versions").unlink()
    (work.public / "v1/modules/acme/network/aws/versions").symlink_to("/etc/passwd")
    assert withdraw(work, "9.9.8", *LEAK).code == 0, "who cannot know says nothing"


def test_withdraw_undone_is_as_it_was(work: Workspace) -> None:
    before = text(work)
    withdraw(work, "1.2.0", *LEAK)
    done = withdraw(work, "1.2.0", "--undo")

    assert (done.code, text(work)) == (0, before)
    assert done.out.startswith(f"{FILE}, lines 4 to 6:\n- withdrawn:\n")


@pytest.mark.parametrize(
    ("chosen", "written"),
    [(("--versions", "< 2"), '  - versions: "< 2.0.0"\n    reason: '), (("--all",), "  - reason: ")],
)
def test_withdraw_takes_a_range_or_everything(work: Workspace, chosen: tuple[str, ...], written: str) -> None:
    before = text(work)
    assert withdraw(work, *chosen, *LEAK).code == 0
    assert written in text(work)
    assert withdraw(work, *chosen, "--undo").code == 0
    assert text(work) == before


def test_deprecate_makes_a_list_of_a_message_that_is_there(work: Workspace) -> None:
    file = "catalog/providers/acme/widget.yaml"
    work.provider("acme/widget", "./releases", "deprecated: It rests. # since May\n")
    done = run_here(
        work, "deprecate", "acme/widget", "--message", "Use acme/gadget.", "--replacement", "acme/gadget",
        "--versions", "< 2.0.0",
    )  # fmt: skip

    assert done.code == 0
    assert text(work, file).partition("deprecated:")[2] == (
        "\n  - message: It rests. # since May\n  - message: Use acme/gadget.\n"
        '    replacement: acme/gadget\n    versions: "< 2.0.0"\n'
    )
    assert "- deprecated: It rests. # since May\n+ deprecated:\n" in done.out
    assert run_here(work, "deprecate", "acme/widget", "--undo", "--versions", "<2").code == 0
    assert run_here(work, "deprecate", "acme/widget", "--undo").code == 0
    assert "deprecated" not in text(work, file)


def test_a_file_that_had_its_form_keeps_it_and_no_line_of_it_changes(work: Workspace) -> None:
    text = 'source:\n  releases: ./r\nversions: ">= 1"\nsignature: registry # nobody else does\n'
    file = work.write("catalog/providers/acme/formed.yaml", text)
    assert run_here(work, "deprecate", "acme/formed", "--message", "Old.").code == 0
    assert file.read_text() == text.replace("signature", "deprecated:\n  - message: Old.\nsignature")
    assert run_here(work, "withdraw", "acme/formed", "1.0.0", "--reason", "Bad.").code == 0
    assert run_here(work, "fmt", "--check", "catalog/providers/acme/formed.yaml").code == 0


def test_a_replacement_that_the_catalog_does_not_have_is_noted(work: Workspace) -> None:
    words = ("--message", "Use another.", "--replacement")
    unknown = run_here(work, "deprecate", "acme/network/aws", *words, "acme/netwrok/aws", "--versions", "< 1.0.0")
    assert unknown.code == 0, "it may come with the next change"
    assert unknown.err.endswith(
        "acme/netwrok/aws is not in this catalog: users are told to use what may not be there.\n"
    )
    work.module("acme/vpc/aws", "./vpc")
    known = run_here(work, "deprecate", "acme/network/aws", *words, "acme/vpc/aws", "--versions", "< 0.5.0")
    assert (known.code, "not in this catalog" in known.err) == (0, False)


def test_json_names_the_file_and_the_lines(work: Workspace) -> None:
    done = run_here(work, "--json", "deprecate", "acme/network/aws", "--message", "Old.")

    assert done.json == {
        "format": 1,
        "changed": [
            {
                "kind": "module",
                "address": "acme/network/aws",
                "file": FILE,
                "line": 4,
                "removed": [],
                "added": ["deprecated:", "  - message: Old."],
            }
        ],
    }


def test_a_mirror_is_withdrawn_but_not_deprecated(work: Workspace) -> None:
    file = "catalog/mirrors/registry.terraform.io/hashicorp/random.yaml"
    work.write(file, "trust: {keys: [missing.asc]}\n")
    refused = run_here(work, "deprecate", "registry.terraform.io/hashicorp/random", "--message", "Old.")

    assert refused.code == 64
    assert "its versions can be withdrawn" in refused.err
    (work.root / file).write_text('{"trust": {"keys": ["acme-widget.asc"]}}')
    work.write("catalog/keys/acme-widget.asc", "no key\n")
    done = run_here(work, "withdraw", "registry.terraform.io/hashicorp/random", "--all", *LEAK)
    assert (done.code, done.out) == (1, ""), "its key has a problem, so the file has one"
    assert text(work, file) == '{"trust": {"keys": ["acme-widget.asc"]}}'


@pytest.mark.parametrize(
    ("typed", "code", "said"),
    [
        (["1.2.0"], 64, "Say either --reason or --undo."),
        (["1.2.0", "--undo", *LEAK], 64, "Say either --reason or --undo."),
        ([*LEAK], 64, "Say one of VERSION, --versions and --all."),
        (["1.2.0", "--all", *LEAK], 64, "Say one of VERSION, --versions and --all."),
        (["v1.2.0", *LEAK], 64, "Invalid value for VERSION: VER001"),
        (["--versions", "=> 1", *LEAK], 64, "Invalid value for --versions: VER002"),
        (["1.2.0", "--reason", ""], 64, "Invalid value for --reason: CAT008"),
        (["1.2.0", "--reason", "a\x1b[31mb"], 64, "found the character U+001B"),
        (["1.2.0", "--undo"], 1, "CAT033 withdrawn has no rule about the versions = 1.2.0"),
    ],
)
def test_what_cannot_be_written_changes_nothing(work: Workspace, typed: list[str], code: int, said: str) -> None:
    before = text(work)
    done = withdraw(work, *typed)

    assert (done.code, done.out, text(work)) == (code, "", before)
    assert said in done.err


@pytest.mark.parametrize(
    ("typed", "code", "said"),
    [
        ([], 64, "Say either --message, or --undo alone."),
        (["--message", "Old.", "--undo"], 64, "Say either --message, or --undo alone."),
        (["--replacement", "acme/vpc/aws", "--undo"], 64, "Say either --message, or --undo alone."),
        (["--message", "Old.", "--replacement", "Acme"], 64, "Invalid value for --replacement: Acme: ADR001"),
        (["--message", "Old.", "--replacement", "acme/vpc"], 1, f"{FILE}:6:18: CAT032"),
        (["--message", "Old.", "--replacement", "acme/network/aws"], 1, "found the package itself"),
    ],
)
def test_what_is_no_deprecation_changes_nothing(work: Workspace, typed: list[str], code: int, said: str) -> None:
    before = text(work)
    done = run_here(work, "deprecate", "acme/network/aws", *typed)

    assert (done.code, done.out, text(work)) == (code, "", before)
    assert said in done.err


def test_a_second_rule_about_the_same_versions_is_refused(work: Workspace) -> None:
    withdraw(work, "1.2.0", *LEAK)
    before = text(work)
    done = withdraw(work, "1.2.0", "--reason", "Another.")

    assert (done.code, text(work)) == (1, before)
    assert "CAT031 withdrawn has a rule about the versions = 1.2.0 already" in done.err


def test_a_package_that_is_not_there_is_named_with_its_nearest(work: Workspace) -> None:
    done = run_here(work, "withdraw", "acme/netwrok/aws", "--all", *LEAK)

    assert done.code == 64
    assert "CLI002" in done.err
    assert "Did you mean acme/network/aws?" in done.err


def test_a_mistake_elsewhere_does_not_keep_a_version_from_being_taken_back(work: Workspace) -> None:
    work.module("acme/vpc/aws", GIT, "hostign: copy\n")

    assert withdraw(work, "1.2.0", *LEAK).code == 0
    assert run_here(work, "withdraw", "acme/vpc/aws", "1.2.0", *LEAK).code == 1


def test_a_file_with_a_problem_of_its_own_is_told_and_stays(work: Workspace) -> None:
    work.module("acme/network/aws", GIT, "hostign: copy\n")
    before = text(work)
    done = withdraw(work, "1.2.0", *LEAK)

    assert (done.code, text(work)) == (1, before)
    assert f"{FILE}:3:1: CAT006 unknown key 'hostign'" in done.err
    assert "1 problem, so nothing was done." in done.err


def test_the_files_mode_stays_and_nothing_is_left_beside_it(work: Workspace) -> None:
    path = work.root / FILE
    path.chmod(0o640)
    withdraw(work, "1.2.0", *LEAK)

    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert [each.name for each in path.parent.iterdir()] == ["aws.yaml"]


@pytest.mark.parametrize("linked", [FILE, "catalog/modules/acme", "catalog"])
def test_a_link_is_never_followed(work: Workspace, tmp_path: Path, linked: str) -> None:
    place = work.root / linked
    place.rename(tmp_path / "outside")
    place.symlink_to(tmp_path / "outside")
    before = text(work)
    done = withdraw(work, "1.2.0", *LEAK)

    assert (done.code, done.out, text(work)) == (1, "", before)
    assert place.is_symlink()
    assert ("CFG012" if linked == "catalog" else "CAT012") in done.err


def test_a_reason_can_hold_anything_that_is_printed(work: Workspace) -> None:
    reason = "- it's: \"old\" # {really} \\ 'so' 👍"
    withdraw(work, "1.2.0", "--reason", reason)

    assert yaml.safe_load(text(work))["withdrawn"] == [{"versions": "1.2.0", "reason": reason}]


@pytest.mark.parametrize("command", ["rename", "move"])
def test_a_package_is_not_renamed_and_the_way_that_there_is_works_as_it_is_told(work: Workspace, command: str) -> None:
    before = text(work)
    refused = run_here(work, command, "acme/network/aws", "acme/vpc/aws")

    assert (refused.code, "CLI947" in refused.err, text(work)) == (64, True, before)
    told = refused.err.partition("registry-gen deprecate ")[2].strip()
    assert run_here(work, "deprecate", *shlex.split(told)).code == 0
    assert "replacement: acme/vpc/aws" in text(work)


def test_a_package_becomes_no_package_of_another_kind(work: Workspace) -> None:
    assert run_here(work, "rename", "acme/network/aws", "acme/network").code == 64

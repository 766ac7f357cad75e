"""``lock``: the block of a lock file that it prints is whole, and as the clients write one."""

from __future__ import annotations

import contextlib
import io
import json
from typing import TYPE_CHECKING

import pytest

from registry_gen.cli.main import run
from registry_gen.inspect.lock_file import read_lock_file
from tests.support.command_line import Ran
from tests.support.outsider import NETWORK, RANDOM, WIDGET, small_registry

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.made_registry import MadeRegistry


@pytest.fixture
def made(tmp_path: Path) -> MadeRegistry:
    return small_registry(tmp_path / "public")


def lock(made: MadeRegistry, *arguments: str) -> Ran:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run(["lock", *arguments, "--url", str(made.folder)])
    return Ran(code, out.getvalue(), err.getvalue())


def test_a_block_has_an_h1_and_a_zh_of_each_platform_in_the_clients_own_form(made: MadeRegistry) -> None:
    digests = json.loads(made.get(f"providers/{WIDGET}/1.0.0/index.json"))["digests"]
    listed = sorted(text for each in digests.values() for text in (each["h1"], f"zh:{each['zh']}"))
    lines = "".join(f'    "{text}",\n' for text in listed)

    assert len(listed) == 4
    assert lock(made, WIDGET, "1.0.0") == Ran(
        0,
        f'provider "registry.example.com/{WIDGET}" {{\n  version = "1.0.0"\n  hashes = [\n{lines}  ]\n}}\n',
        "",
    )


@pytest.mark.parametrize(
    ("constraints", "written"),
    [
        ("~> 1", "~> 1.0"),
        ("<2,>=0.5", ">= 0.5.0, < 2.0.0"),
        ("= 1.0", "1.0.0"),
        ("~>1.0.0", "~> 1.0.0"),
    ],
)
def test_constraints_are_written_as_the_clients_write_them(made: MadeRegistry, constraints: str, written: str) -> None:
    ran = lock(made, WIDGET, "1.0.0", "--constraints", constraints)

    assert f'  version     = "1.0.0"\n  constraints = "{written}"\n  hashes = [\n' in ran.out


def test_a_mirrored_provider_has_the_zips_that_the_publisher_signed_for_too(made: MadeRegistry) -> None:
    ran = lock(made, RANDOM, "3.1.0")
    (block,) = read_lock_file(ran.out.encode(), "printed")

    assert block.source == RANDOM
    assert [each.text[:3] for each in block.hashes] == ["h1:", "zh:", "zh:"], "windows is signed for and not held here"


def test_the_whole_source_may_be_given_as_a_lock_file_has_it(made: MadeRegistry) -> None:
    whole = lock(made, f"{made.site.host}/{WIDGET}", "1.0.0")
    assert (whole.code, whole.out) == (0, lock(made, WIDGET, "1.0.0").out)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ((WIDGET, "9.9.9"), 1, "INS063"),
        ((WIDGET, "1.0.0", "--constraints", "~> 2.0"), 1, "INS063"),
        (("acme/nothing", "1.0.0"), 1, "INS062"),
        ((RANDOM, "3.2.0"), 1, "INS064"),
        ((NETWORK, "1.0.0"), 64, "modules have none"),
    ],
)
def test_what_is_not_offered_has_no_block(made: MadeRegistry, arguments: tuple[str, ...], code: int, said: str) -> None:
    made.mirror(RANDOM, "3.2.0", "linux_amd64")
    made.withdraw(RANDOM, "3.2.0", "It leaks.")
    made.write()
    ran = lock(made, *arguments)

    assert (ran.code, ran.out) == (code, "")
    assert said in ran.err


def test_a_record_that_is_not_the_one_that_was_logged_is_refused(made: MadeRegistry) -> None:
    record = json.loads(made.get(f"providers/{WIDGET}/1.0.0/index.json"))["record"]
    made.flip(f"records/{record}")

    assert "INS030" in lock(made, WIDGET, "1.0.0").err


def test_a_program_gets_the_parts(made: MadeRegistry) -> None:
    said = json.loads(lock(made, WIDGET, "1.0.0", "--json").out)

    assert (said["format"], said["version"], said["constraints"], len(said["hashes"])) == (1, "1.0.0", None, 4)
    assert said["lacking_h1"] == []

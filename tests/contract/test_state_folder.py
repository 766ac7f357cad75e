"""Whose state folder it is: one that came with a repository could bring an attacker's keys and programs."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from registry_gen.catalog.codes import FOREIGN_STATE
from registry_gen.errors import InputError
from registry_gen.wiring import MADE_HERE, prepare_state

if TYPE_CHECKING:
    from pathlib import Path


def refused(state: Path) -> str:
    with pytest.raises(InputError) as caught:
        prepare_state(state)
    assert caught.value.code is FOREIGN_STATE
    return str(caught.value)


def test_a_state_folder_is_made_for_this_user_alone_and_found_again(tmp_path: Path) -> None:
    state = tmp_path / "deep" / "state"
    prepare_state(state)
    (state / "keys").mkdir()
    prepare_state(state)
    assert (state.stat().st_mode & 0o777, (state / ".gitignore").exists()) == (0o700, True)


def test_an_empty_folder_as_a_mounted_volume_gives_it_is_taken(tmp_path: Path) -> None:
    state = tmp_path / "state"
    (state / "lost+found").mkdir(parents=True)
    state.chmod(0o777)
    prepare_state(state)
    assert state.stat().st_mode & 0o777 == 0o700


def test_a_state_folder_that_came_with_a_repository_is_refused(tmp_path: Path) -> None:
    """Even a copy of one that was made here, with everything that git can carry."""
    pushed, pulled = tmp_path / "pushed", tmp_path / "pulled"
    prepare_state(pushed / ".registry")
    (pushed / ".registry" / "keys").mkdir()
    (pushed / ".registry" / "keys" / "log.key").write_text("an attacker's")
    who = ("-c", "user.name=a", "-c", "user.email=a@example.test")
    for arguments in (("init", "-q"), ("add", "-A", "-f"), (*who, "commit", "-q", "-m", "x")):
        subprocess.run(["git", *arguments], cwd=pushed, check=True)
    subprocess.run(["git", "clone", "-q", str(pushed), str(pulled)], check=True)
    assert (pulled / ".registry" / "keys" / "log.key").exists()
    assert "mode" in refused(pulled / ".registry") or MADE_HERE in refused(pulled / ".registry")
    (pulled / ".registry").chmod(0o700)
    assert MADE_HERE in refused(pulled / ".registry")


def test_an_empty_folder_that_a_submodule_leaves_does_not_count(tmp_path: Path) -> None:
    pushed, pulled = tmp_path / "pushed", tmp_path / "pulled"
    (pushed / ".registry" / "git").mkdir(parents=True)
    (pushed / ".registry" / "git" / "config").write_text("an attacker's")
    who = ("-c", "user.name=a", "-c", "user.email=a@example.test")
    link = ("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},.registry/.made-here")
    for arguments in (("init", "-q"), ("add", "-A", "-f"), link, (*who, "commit", "-q", "-m", "x")):
        subprocess.run(["git", *arguments], cwd=pushed, check=True)
    subprocess.run(["git", "clone", "-q", str(pushed), str(pulled)], check=True)
    (pulled / ".registry").chmod(0o700)
    assert list((pulled / ".registry" / ".made-here").iterdir()) == []
    assert MADE_HERE in refused(pulled / ".registry")


@pytest.mark.parametrize("planted", ["file", "full folder", "link", "link above"])
def test_a_mark_that_git_could_have_brought_does_not_count(tmp_path: Path, planted: str) -> None:
    state, mark = tmp_path / "state", tmp_path / "state" / MADE_HERE
    state.mkdir(mode=0o700)
    (tmp_path / "empty" / ".git").mkdir(parents=True)
    if planted == "link above":
        mark.parent.symlink_to(tmp_path / "empty")
    else:
        mark.parent.mkdir()
    if planted == "link above":
        assert mark.is_dir()
    elif planted == "file":
        mark.touch()
    elif planted == "full folder":
        mark.mkdir()
        (mark / ".gitkeep").touch()
    else:
        mark.symlink_to(tmp_path / "empty" / ".git")
    refused(state)


def test_a_state_folder_that_others_may_write_to_is_refused(tmp_path: Path) -> None:
    prepare_state(tmp_path / "state")
    (tmp_path / "state").chmod(0o770)
    assert "mode 770" in refused(tmp_path / "state")


def test_a_state_folder_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare_state(tmp_path / "state")
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert "belongs to user" in refused(tmp_path / "state")


def test_a_link_to_a_state_folder_is_refused(tmp_path: Path) -> None:
    prepare_state(tmp_path / "other")
    (tmp_path / "state").symlink_to("other")
    assert "not a folder" in refused(tmp_path / "state")

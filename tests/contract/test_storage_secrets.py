"""Secrets of storages are read from files that end, as a whole, or not at all."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from registry_gen.errors import InputError
from registry_gen.storage.secrets import read_secret

if TYPE_CHECKING:
    from pathlib import Path


def refused(reference: str) -> str:
    with pytest.raises(InputError) as caught:
        read_secret(reference)
    assert caught.value.code.id == "STO018"
    return caught.value.found


def test_a_secret_is_the_text_of_a_file_without_white_space_around_it(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("\ta.signed.token\n")
    (tmp_path / "link").symlink_to("token")  # as Kubernetes mounts them
    assert read_secret(f"file:{tmp_path}/link") == "a.signed.token"


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert refused(f"file:{tmp_path}/pipe") == "not a file"
    assert refused("file:/dev/zero") == "not a file"
    assert refused(f"file:{tmp_path}") in ("not a file", "Is a directory")


def test_a_secret_is_never_cut(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("x" * 65_536)
    assert len(read_secret(f"file:{tmp_path}/token")) == 65_536
    (tmp_path / "token").write_text("x" * 65_537)
    assert refused(f"file:{tmp_path}/token") == "more than 65536 bytes"

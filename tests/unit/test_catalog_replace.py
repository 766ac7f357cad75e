"""A file of the catalog is replaced at once or not at all, and only where it lies in the catalog."""

from __future__ import annotations

import errno
import os
import stat
import threading
from typing import TYPE_CHECKING, Any

import pytest

from registry_gen.catalog.config import load_config
from registry_gen.errors import InputError
from registry_gen.sources.replace_file import replace_file
from tests.support.catalogs import REGISTRY

if TYPE_CHECKING:
    from pathlib import Path

    from registry_gen.model.config import Config

NAME = "modules/acme/network/aws.yaml"


@pytest.fixture
def config(tmp_path: Path) -> Config:
    path = tmp_path / "catalog" / NAME
    path.parent.mkdir(parents=True)
    path.write_bytes(b"old")
    path.chmod(0o604)
    return load_config(REGISTRY.encode(), "registry.yaml", tmp_path, {})


def refused(config: Config, before: bytes = b"old") -> str:
    with pytest.raises(InputError) as caught:
        replace_file(config, NAME, before, b"new")
    return f"{caught.value.position} {caught.value.code}"


def test_the_bytes_are_new_and_mode_and_neighbours_as_they_were(config: Config) -> None:
    path = config.catalog / NAME
    replace_file(config, NAME, b"old", b"new")

    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o604
    assert os.listdir(path.parent) == ["aws.yaml"]  # noqa: PTH208 - hidden ones too


def test_everything_is_on_disk_before_the_name_is_given(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []
    really_sync, really_replace = os.fsync, os.replace

    def sync(descriptor: int) -> None:
        kind = "folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else f"{os.fstat(descriptor).st_size} bytes"
        steps.append(kind)
        really_sync(descriptor)

    def put(old: str, new: str, **folders: Any) -> None:
        steps.append("replace")
        really_replace(old, new, **folders)

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(os, "replace", put)
    replace_file(config, NAME, b"old", b"newer")

    assert steps == ["5 bytes", "replace", "folder"]


@pytest.mark.parametrize("before", [b"ol", b"older", b""])
def test_a_file_that_changed_meanwhile_stays(config: Config, before: bytes) -> None:
    assert refused(config, before) == f"catalog/{NAME}:1:1 CAT036"
    assert (config.catalog / NAME).read_bytes() == b"old"


@pytest.mark.parametrize("step", ["fchmod", "fsync", "replace"])
def test_a_failed_write_leaves_the_old_file_and_nothing_beside_it(
    config: Config, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, step, fail)

    assert refused(config) == f"catalog/{NAME}:1:1 CAT035"
    assert [path.read_bytes() for path in (config.catalog / NAME).parent.iterdir()] == [b"old"]


def test_an_interrupted_write_leaves_nothing_beside_the_file(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        replace_file(config, NAME, b"old", b"new")

    assert [path.read_bytes() for path in (config.catalog / NAME).parent.iterdir()] == [b"old"]


@pytest.mark.parametrize("linked", [NAME, "modules/acme/network", "modules"])
def test_no_link_is_followed(config: Config, tmp_path: Path, linked: str) -> None:
    place = config.catalog / linked
    place.rename(tmp_path / "outside")
    place.symlink_to(tmp_path / "outside")

    assert refused(config) == f"catalog/{NAME}:1:1 CAT012"
    assert (config.catalog / NAME).read_bytes() == b"old"


def test_a_catalog_behind_a_link_and_a_pipe_are_refused(config: Config, tmp_path: Path) -> None:
    path = config.catalog / NAME
    path.unlink()
    os.mkfifo(path)
    pipe = refused(config)
    config.catalog.rename(tmp_path / "elsewhere")
    config.catalog.symlink_to(tmp_path / "elsewhere")

    assert pipe == f"catalog/{NAME}:1:1 CAT012"
    assert refused(config).endswith("CFG012")


def test_of_two_at_once_none_overwrites_what_the_other_wrote(config: Config) -> None:
    path = config.catalog / NAME
    path.write_bytes(b"")

    def count() -> None:
        for _ in range(25):
            while True:
                before = path.read_bytes()
                try:
                    replace_file(config, NAME, before, before + b"x")
                    break
                except InputError as error:
                    if error.code.id != "CAT036":
                        raise

    threads = [threading.Thread(target=count) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(path.read_bytes()) == 75

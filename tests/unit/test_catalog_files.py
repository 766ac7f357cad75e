from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from registry_gen.catalog.config import load_config
from registry_gen.errors import InputError
from registry_gen.model.digest import parse_commit
from registry_gen.sources import files
from registry_gen.sources.files import read_catalog, read_registry_file
from registry_gen.sources.former_catalog import CheckedOut, checked_out
from registry_gen.sources.git_command import GitCommand
from tests.support.catalogs import REGISTRY

if TYPE_CHECKING:
    from pathlib import Path

    from registry_gen.model.config import Config


@pytest.fixture
def config(tmp_path: Path) -> Config:
    (tmp_path / "catalog").mkdir()
    return load_config(REGISTRY.encode(), "registry.yaml", tmp_path, {})


def told(config: Config) -> dict[str, str]:
    """The code of each file's problem, by path."""
    return {path: found.code.id for path, found in read_catalog(config) if not isinstance(found, bytes)}


def test_files_are_read_with_their_paths_below_the_catalog(config: Config) -> None:
    folder = config.catalog / "modules" / "acme"
    folder.mkdir(parents=True)
    (folder / "a.yaml").write_bytes(b"one")
    (config.catalog / "stray").write_bytes(b"two")

    assert dict(read_catalog(config)) == {"modules/acme/a.yaml": b"one", "stray": b"two"}


def test_files_for_people_and_tools_are_not_opened(config: Config) -> None:
    (config.catalog / "README.md").symlink_to("/etc/passwd")
    (config.catalog / ".git").mkdir()
    (config.catalog / ".git" / "config").write_bytes(b"x")

    assert read_catalog(config) == ()


def test_links_pipes_and_links_to_folders_are_problems_and_never_followed(config: Config, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "a.yaml").write_bytes(b"secret")
    (config.catalog / "link.yaml").symlink_to(tmp_path / "outside" / "a.yaml")
    (config.catalog / "folder").symlink_to(tmp_path / "outside")
    (config.catalog / "loop").symlink_to(config.catalog)
    (config.catalog / "dangling.yaml").symlink_to("nowhere")
    os.mkfifo(config.catalog / "pipe.yaml")

    assert told(config) == dict.fromkeys(["dangling.yaml", "folder", "link.yaml", "loop", "pipe.yaml"], "CAT012")


def test_a_file_that_becomes_a_link_after_the_look_is_not_followed(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    file = config.catalog / "a.yaml"
    file.write_bytes(b"one")
    really_open = os.open

    def swap_and_open(path: str, flags: int) -> int:
        file.unlink()
        file.symlink_to(tmp_path / "secret")
        return really_open(path, flags)

    monkeypatch.setattr(os, "open", swap_and_open)

    assert told(config) == {"a.yaml": "CAT014"}


def test_a_file_that_becomes_a_pipe_after_the_look_does_not_hang(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = config.catalog / "a.yaml"
    file.write_bytes(b"one")
    really_open = os.open

    def swap_and_open(path: str, flags: int) -> int:
        file.unlink()
        os.mkfifo(file)
        return really_open(path, flags)

    monkeypatch.setattr(os, "open", swap_and_open)

    assert told(config) == {"a.yaml": "CAT012"}


@pytest.mark.parametrize("linked", ["catalog", "."])
def test_a_catalog_that_is_reached_through_a_link_is_refused(config: Config, tmp_path: Path, linked: str) -> None:
    (tmp_path / "elsewhere" / "catalog").mkdir(parents=True)
    (tmp_path / "elsewhere" / "secret.xlsx").touch()
    (tmp_path / "way").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError) as caught:
        read_catalog(replace(config, catalog=tmp_path / "way" / linked))

    assert caught.value.code.id == "CFG012"


def test_a_catalog_elsewhere_is_refused_and_none_of_its_names_told(config: Config, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    with pytest.raises(InputError) as caught:
        read_catalog(replace(config, root=tmp_path / "home"))

    assert caught.value.code.id == "CFG012"


def test_registry_yaml_is_no_link_and_no_pipe(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("ghp_secret")
    path = tmp_path / "registry.yaml"
    path.symlink_to("token")
    with pytest.raises(InputError) as link:
        read_registry_file(path)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(InputError) as pipe:
        read_registry_file(path)

    assert [caught.value.code.id for caught in (link, pipe)] == ["CAT012", "CAT012"]


def test_a_large_file_is_a_problem_of_its_own(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_FILE_BYTES", 10)
    (config.catalog / "a.yaml").write_bytes(b"x" * 11)
    (config.catalog / "b.yaml").write_bytes(b"x" * 10)

    assert told(config) == {"a.yaml": "CAT003"}


@pytest.mark.parametrize(("limit", "value"), [("MAX_FILES", 2), ("MAX_TOTAL_BYTES", 5)])
def test_a_folder_that_is_larger_than_a_catalog_is_not_read_to_its_end(
    config: Config, monkeypatch: pytest.MonkeyPatch, limit: str, value: int
) -> None:
    for number in range(10):
        (config.catalog / f"{number}.yaml").write_bytes(b"xx")
    monkeypatch.setattr(files, limit, value)

    with pytest.raises(InputError) as caught:
        read_catalog(config)

    assert caught.value.code.id == "CAT013"


def test_folders_have_a_depth(config: Config) -> None:
    deep = config.catalog.joinpath(*["d"] * 40)
    deep.mkdir(parents=True)

    assert list(told(config).values()) == ["CAT013"]


def test_names_that_cannot_be_printed_are_escaped(config: Config) -> None:
    for name in (b"\xff.yaml", b"a\nb.yaml", b"\x1b[31m.yaml"):
        (config.catalog / os.fsdecode(name)).write_bytes(b"")

    assert [path for path, _ in read_catalog(config)] == ["\\x1b[31m.yaml", "a\\nb.yaml", "\\udcff.yaml"]


def test_a_catalog_that_is_not_there_says_so(config: Config) -> None:
    config.catalog.rmdir()

    with pytest.raises(InputError, match="No such file") as caught:
        read_catalog(config)

    assert caught.value.code.id == "CAT014"


def test_a_folder_that_cannot_be_read_is_a_problem(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    (config.catalog / "modules").mkdir()
    really_scan = os.scandir

    def scan(path: str) -> object:
        if path.endswith("modules"):
            raise PermissionError(13, "Permission denied")
        return really_scan(path)

    monkeypatch.setattr(os, "scandir", scan)

    assert told(config) == {"modules": "CAT014"}


def test_registry_yaml_is_read_and_its_absence_has_a_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "registry.yaml"
    with pytest.raises(InputError) as missing:
        read_registry_file(path)
    path.mkdir()
    with pytest.raises(InputError) as folder:
        read_registry_file(path)
    path.rmdir()
    path.write_bytes(b"site: {}")
    read = read_registry_file(path)
    monkeypatch.setattr(files, "MAX_FILE_BYTES", 3)
    with pytest.raises(InputError) as large:
        read_registry_file(path)

    assert read == b"site: {}"
    assert [caught.value.code.id for caught in (missing, folder, large)] == ["CFG001", "CAT014", "CAT003"]


def git(folder: Path, *arguments: str) -> str:
    identity = {
        f"GIT_{who}_{what}": f"{who}@example.test" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    }
    return subprocess.run(
        ["git", "-C", str(folder), *arguments],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, **identity, "GIT_CONFIG_GLOBAL": os.devnull},
    ).stdout.strip()


def found(config: Config) -> CheckedOut:
    return checked_out(config, GitCommand(("https",), 30), read_catalog(config))


def test_the_commit_of_the_catalog_is_that_of_its_repository(config: Config, tmp_path: Path) -> None:
    outside = found(config)
    git(tmp_path, "init", "-q")
    unborn = found(config)
    git(tmp_path, "commit", "-q", "--allow-empty", "-m", "one")

    assert outside == unborn == CheckedOut(None)
    assert found(config) == CheckedOut(parse_commit(git(tmp_path, "rev-parse", "HEAD")))


@pytest.mark.parametrize("format_", ["sha1", "sha256"])
def test_a_catalog_that_is_not_as_committed_is_of_no_commit(config: Config, tmp_path: Path, format_: str) -> None:
    folder = config.catalog / "modules" / "acme"
    folder.mkdir(parents=True)
    file = folder / "a.yaml"
    file.write_bytes(b"one")
    git(tmp_path, "init", "-q", f"--object-format={format_}")
    git(tmp_path, "commit", "-q", "--allow-empty", "-m", "nothing of it")
    untracked = found(config)
    git(tmp_path, "add", ".")
    added = found(config)
    git(tmp_path, "commit", "-q", "-m", "all of it")
    good = CheckedOut(parse_commit(git(tmp_path, "rev-parse", "HEAD")))

    assert untracked == added == CheckedOut(None, "modules/acme/a.yaml")
    assert found(config) == good
    (config.catalog / "README.md").write_bytes(b"for people")
    (tmp_path / "elsewhere.txt").write_bytes(b"no part of the catalog")
    assert found(config) == good
    (folder / "b.yaml").write_bytes(b"new")
    (tmp_path / ".gitignore").write_bytes(b"b.yaml\n")
    assert found(config) == CheckedOut(None, "modules/acme/b.yaml"), "ignored by git, but read"
    (folder / "b.yaml").unlink()
    file.write_bytes(b"two")
    assert found(config) == CheckedOut(None, "modules/acme/a.yaml")
    file.unlink()
    assert found(config) == CheckedOut(None, "modules/acme/a.yaml")
    file.write_bytes(b"one")
    assert found(config) == good
    git(tmp_path, "add", "catalog/README.md")
    git(tmp_path, "commit", "-q", "-m", "for people")
    (config.catalog / "README.md").write_bytes(b"changed, and never read")
    assert found(config) == CheckedOut(parse_commit(git(tmp_path, "rev-parse", "HEAD")))


def test_a_bare_repository_among_the_files_is_not_taken_for_that_of_the_catalog(config: Config, tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "--bare", "planted")
    git(tmp_path, "init", "-q", "other")
    git(tmp_path / "other", "commit", "-q", "--allow-empty", "-m", "forged")
    git(tmp_path / "other", "push", "-q", str(tmp_path / "planted"), "HEAD:master", "HEAD:main")
    for part in ("HEAD", "config", "objects", "refs"):
        (tmp_path / "planted" / part).rename(tmp_path / part)

    assert found(config) == CheckedOut(None)


def test_without_git_or_folder_there_is_no_commit(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")

    assert found(config) == CheckedOut(None)

"""What people install is whole: the wheel holds everything that the package reads at run time, and starts."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel, built from this folder without asking any index."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)],
        check=True,
        capture_output=True,
    )
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_holds_the_code_its_migrations_its_schemas_and_its_licence_and_no_tests(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    package = {path.relative_to(ROOT).as_posix() for path in (ROOT / "registry_gen").rglob("*.py")}
    migrations = {path.relative_to(ROOT).as_posix() for path in (ROOT / "registry_gen").rglob("*.sql")}

    schemas = {f"registry_gen/_data/schemas/{path.name}" for path in (ROOT / "schemas").glob("*.json")}
    samples = {
        f"registry_gen/_data/{path.relative_to(ROOT).as_posix()}"
        for folder in ("catalog", "deployments/demo/repositories")
        for path in (ROOT / folder).rglob("*.*")
        if path.is_file()
    }
    workflows = {
        f"registry_gen/_data/{path.relative_to(ROOT).as_posix()}"
        for path in (ROOT / "workflows").rglob("*")
        if path.is_file()
    }

    examples = {f"registry_gen/{path.parent.name}/examples.txt" for path in (ROOT / "registry_gen").glob("*/codes.py")}
    assert package | migrations | schemas | samples | examples | workflows | {"registry_gen/py.typed"} <= names
    assert migrations
    assert schemas
    assert workflows
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"registry_gen"}


def test_an_installed_wheel_makes_a_repository_with_its_pipelines(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
    program = "from registry_gen.cli import main; main()"
    for arguments in (["made", "--ci", "gitlab"], ["demo", "--demo"]):
        subprocess.run(
            [sys.executable, "-c", program, "init", *arguments],
            cwd=tmp_path,
            env={"PYTHONPATH": str(site), "PATH": os.environ["PATH"]},
            check=True,
            capture_output=True,
        )

    assert (tmp_path / "demo/.demo/sources/network.git/refs").is_dir()
    assert (tmp_path / "made/.gitlab-ci.yml").read_bytes() == (ROOT / "workflows/gitlab/.gitlab-ci.yml").read_bytes()


def test_an_installed_wheel_answers_help(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)

    done = subprocess.run(
        [sys.executable, "-c", "from registry_gen.cli import main; main()", "--help"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(site), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "publish" in done.stdout

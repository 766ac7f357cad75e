"""Commands in a registry whose storages are buckets: what is imported, and what cannot be done there."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.command_line import run_here
from tests.support.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = """
import json, sys
from registry_gen.cli.main import run
code = run(sys.argv[1:])
print(json.dumps([code, sorted({"azure", "botocore", "google"} & {name.split(".")[0] for name in sys.modules})]))
"""


@pytest.fixture
def work(tmp_path: Path) -> Workspace:
    work = Workspace(tmp_path)
    text = (tmp_path / "registry.yaml").read_text()
    text = text.replace("./public", "s3://acme-registry").replace("./private", "az://acmeaccount/private")
    work.write("registry.yaml", text)
    return work


@pytest.mark.parametrize("arguments", [["--help"], ["validate"], ["explain", "STO011"], ["schema"]])
def test_no_vendors_library_is_imported_before_a_storage_is_opened(work: Workspace, arguments: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments], cwd=work.root, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout.splitlines()[-1]) == [0, []]


def test_a_bucket_is_not_served_from_here(work: Workspace) -> None:
    ran = run_here(work, "serve", "--port", "0")
    assert ran.code == 1
    assert "CFG016" in ran.err
    assert "s3://acme-registry" in ran.err

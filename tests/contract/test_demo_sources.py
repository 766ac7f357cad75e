"""The demo's sources: the same bytes on every run, and signed by the keys that the sample catalog trusts."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from deployments.demo.signing import read_signer
from deployments.demo.sources import make_sources
from registry_gen.verify.openpgp import parse_key

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[2]
KEYS = {
    "deployments/demo/release-key.asc": "catalog/keys/acme/release.asc",
    "deployments/demo/upstream-key.asc": "catalog/keys/mirrors/sprocket.asc",
}


def _files(folder: Path) -> Mapping[str, bytes]:
    """Every file but git's own, whose objects are packed as git likes."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {name: path.read_bytes() for path in files if ".git/" not in (name := str(path.relative_to(folder)))}


def _tags(repository: Path) -> str:
    done = subprocess.run(
        ["git", "for-each-ref", "--format=%(refname) %(objectname) %(*objectname)"],
        cwd=repository,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_two_runs_make_the_same_bytes_and_the_same_commits(tmp_path: Path) -> None:
    for name in ("first", "second"):
        make_sources(tmp_path / name)

    assert _files(tmp_path / "first") == _files(tmp_path / "second")
    for repository in ("network.git", "monorepo.git"):
        first, second = (_tags(tmp_path / name / "sources" / repository) for name in ("first", "second"))
        assert first == second
        assert "refs/tags/" in first


def test_a_run_starts_over_where_somebody_changed_something(tmp_path: Path) -> None:
    make_sources(tmp_path)
    before = _files(tmp_path)
    (tmp_path / "sources/releases/widget/1.0.0/terraform-provider-widget_1.0.0_SHA256SUMS").write_bytes(b"")
    (tmp_path / "sources/releases/widget/9.9.9").mkdir()
    (tmp_path / "sources/releases/widget/9.9.9/stray").write_bytes(b"")

    make_sources(tmp_path)

    assert _files(tmp_path) == before


@pytest.mark.parametrize(("private", "public"), KEYS.items())
def test_the_demos_private_keys_belong_to_the_public_ones_of_the_catalog(private: str, public: str) -> None:
    key = parse_key((ROOT / public).read_text(), public)

    assert read_signer(ROOT / private).fingerprint.hex().upper() == key.fingerprint


def test_a_key_of_another_kind_is_refused(tmp_path: Path) -> None:
    text = (ROOT / "deployments/demo/release-key.asc").read_text()
    other = tmp_path / "key.asc"
    other.write_text(text.replace("\nxf8AAABYBF4L4QAW", "\nxf8AAABYBF4L4QAB"))

    with pytest.raises(ValueError, match="not an Ed25519 key"):
        read_signer(other)


def test_every_source_of_the_sample_catalog_is_made(tmp_path: Path) -> None:
    make_sources(tmp_path)

    wanted = [
        found
        for file in sorted((ROOT / "catalog").rglob("*.yaml"))
        for found in re.findall(r"(?:git|releases): \./\.demo/(\S+)", file.read_text())
    ]
    assert len(wanted) >= 5
    for path in wanted:
        assert (tmp_path / path).is_dir(), path

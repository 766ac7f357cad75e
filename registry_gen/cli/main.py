"""The entry point: options for every command, commands loaded only when they run, errors as sentences."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from typing import Final

import click

from registry_gen import __version__
from registry_gen.cli import codes
from registry_gen.cli.output import Output
from registry_gen.errors import InputError, RegistryError

FAILED: Final = 1
USAGE: Final = 64

COMMANDS: Final = {
    "explain": "registry_gen.cli.explain",
    "ledger": "registry_gen.cli.ledger",
    "plan": "registry_gen.cli.plan",
    "publish": "registry_gen.cli.publish",
    "schema": "registry_gen.cli.schema",
    "serve": "registry_gen.cli.serve",
    "validate": "registry_gen.cli.validate",
}
"""Each command and the module whose ``command`` it is; importing all of them would make each one start slowly."""


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        command = importlib.import_module(COMMANDS[name]).command
        assert isinstance(command, click.Command)  # noqa: S101 - narrows for the type checker
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            import difflib

            close = difflib.get_close_matches(args[0], COMMANDS, n=1)
            if not close:
                raise
            raise click.UsageError(f"{error.message} Did you mean '{close[0]}'?", ctx) from None


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="registry-gen", message="%(prog)s %(version)s")
@click.option(
    "-c",
    "--config",
    type=click.Path(path_type=Path),
    default=Path("registry.yaml"),
    show_default=True,
    help="The registry's configuration.",
)
@click.option("-q", "--quiet", is_flag=True, help="No progress and no notes.")
@click.option("--json", "as_json", is_flag=True, help="Results as JSON on stdout.")
@click.option("--debug", is_flag=True, help="Show the trace of an internal error.")
@click.pass_context
def group(ctx: click.Context, config: Path, quiet: bool, as_json: bool, debug: bool) -> None:
    """A static registry for Terraform and OpenTofu, made from a catalog in git."""
    ctx.obj = Output(config=config, quiet=quiet, as_json=as_json, debug=debug)


def main() -> None:
    """Run the command line and leave with its exit status."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command and return its exit status; every error becomes a message on stderr."""
    try:
        result = group.main(arguments, prog_name="registry-gen", standalone_mode=False)
    except click.UsageError as error:
        error.show()
        return USAGE
    except click.ClickException as error:
        error.show()
        return FAILED
    except (KeyboardInterrupt, click.Abort):
        click.echo("Stopped. The next publish finishes what was begun.", err=True)
        return 130
    except RegistryError as error:
        click.echo(f"{click.style('error:', fg='red', bold=True)} {error}", err=True)
        return USAGE if isinstance(error, InputError) and error.code.id.startswith("CLI") else FAILED
    except BrokenPipeError:
        # Whoever read our output has seen enough; flushing it again at exit must not fail.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as error:
        if "--debug" in arguments:
            raise
        _internal(error)
        return FAILED
    return result if isinstance(result, int) else 0


def _internal(error: Exception) -> None:
    click.echo(f"error: {codes.INTERNAL.id} {codes.INTERNAL.title}: {type(error).__name__}: {error}", err=True)
    click.echo(f"  hint: {codes.INTERNAL.fix}", err=True)

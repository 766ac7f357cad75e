"""The entry point: options for every command, commands loaded only when they run, errors as sentences."""

from __future__ import annotations

import importlib
import io
import keyword
import logging
import os
import signal
import sys
import traceback
from itertools import pairwise
from pathlib import Path
from typing import Final

import click

from registry_gen import __version__
from registry_gen.cli import codes, output
from registry_gen.errors import RegistryError

FAILED: Final = 1
USAGE: Final = 64
INTERRUPTED: Final = 130
EVERYWHERE: Final = ("--json", "--quiet", "-q", "--debug")

COMMANDS: Final = {
    "add": "Add a package to the catalog, from its source.",
    "audit": "Look at what code and lock files take from a registry.",
    "codeowners": "Write the forge's CODEOWNERS from organizations and policies.",
    "completion": "Print what a shell needs to complete commands.",
    "deprecate": "Warn the users of a package.",
    "doctor": "Try whether everything is set up as it must be.",
    "explain": "Say what a code means and what to do.",
    "fmt": "Give the catalog's files their one form.",
    "fsck": "Compare the bucket with the ledger, and mend it.",
    "gc": "Delete what is left of withdrawn versions.",
    "import": "Take packages over from another registry.",
    "init": "Make a folder a catalog repository.",
    "ledger": "Look after the database.",
    "lock": "Print a lock file's block with the hashes of all platforms.",
    "log": "List the log, and look after its key.",
    "move": "Say why a package cannot move, and what to do.",
    "plan": "Show what publish would do.",
    "publish": "Publish what the catalog says.",
    "purge": "Tell the CDN again what has changed.",
    "rename": "Say why a package cannot be renamed, and what to do.",
    "rollback": "Bring the catalog back to what the registry said once.",
    "rebuild": "Make a version again from its source, and compare.",
    "schema": "Write the JSON Schemas of the catalog's files and of plans.",
    "serve": "Serve the public folder over TLS on this machine.",
    "storage": "Move the registry to another bucket, and tell what is stored.",
    "sums": "Look after the OpenPGP key that signs sums.",
    "update": "Write pins of new versions into the catalog.",
    "validate": "List every problem of the catalog.",
    "violations": "List and acknowledge alarms about sources.",
    "verify": "Check a registry from outside.",
    "withdraw": "Take versions of a package back.",
}
"""Each command, the ``command`` of the module of its name in this room; importing all would make each start slowly.

A module whose name would be a word of Python's ends in "_".
"""


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module = f"{name}_" if keyword.iskeyword(name) else name
        command = importlib.import_module(f"registry_gen.cli.{module}").command
        assert isinstance(command, click.Command)  # noqa: S101 - narrows for the type checker
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(sorted(COMMANDS.items()))

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
    """A static registry for Terraform and OpenTofu, made from a catalog in git.

    Results go to stdout, progress and problems to stderr. Exits 0 where all is well, 1 where something failed,
    64 for wrong usage.
    """
    ctx.color = output.color()
    ctx.obj = output.Output(config=config, quiet=quiet, as_json=as_json, debug=debug)


def main() -> None:
    """Run the command line and leave with its exit status; Ctrl-C and SIGTERM end it at once."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # What libraries log may hold what servers and programs said, as it came. Our errors say what can be shown of it.
    logging.getLogger().addHandler(logging.NullHandler())
    if isinstance(sys.stdout, io.TextIOWrapper):
        # As stderr does it: what the caller's encoding cannot write is escaped, not an error.
        sys.stdout.reconfigure(errors="backslashreplace")
    if "--debug" not in sys.argv:
        hush_libraries()
    try:
        status = run(sys.argv[1:])
    except (KeyboardInterrupt, click.Abort):
        click.echo("Stopped. The next publish finishes what was begun.", err=True)
        # The interpreter's own end would wait for threads, and so for downloads that hang.
        os._exit(INTERRUPTED)
    sys.exit(status)


def hush_libraries() -> None:
    """Let what libraries log reach nobody: it is in our own errors, and vendors' pages of hints would bury those.

    Python prints warnings of loggers without any handler (docs.python.org, "What happens if no configuration is
    provided"); logs of servers have handlers of their own.
    """
    logging.getLogger().addHandler(logging.NullHandler())


def run(arguments: list[str]) -> int:
    """Run one command and return its exit status; every error becomes a message on stderr.

    Raises click.Abort where a person interrupts it.
    """
    try:
        result = group.main(_ordered(arguments), prog_name="registry-gen", standalone_mode=False)
    except click.Abort:
        raise
    except click.UsageError as error:
        error.show()
        return USAGE
    except click.ClickException as error:
        error.show()
        return FAILED
    except RegistryError as error:
        output.show_failure(error, as_json=_wants_json(arguments))
        return USAGE if error.code in codes.WRONG_USAGE else FAILED
    except BrokenPipeError:
        # Whoever read our output has seen enough; flushing it again at exit must not fail.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as error:
        if "--debug" in arguments:
            raise
        output.show_failure(_internal(error), as_json=_wants_json(arguments))
        return FAILED
    return result if isinstance(result, int) else 0


def _wants_json(arguments: list[str]) -> bool:
    return bool({"--json", "--format=json"} & {*arguments}) or ("--format", "json") in pairwise(arguments)


def _ordered(arguments: list[str]) -> list[str]:
    """Flags for every command may stand behind it too."""
    flags = [argument for argument in arguments if argument in EVERYWHERE]
    return [*flags, *(argument for argument in arguments if argument not in EVERYWHERE)]


def _internal(error: Exception) -> RegistryError:
    """What a person is told of a mistake of ours: what and where. Its own text may hold anything, a secret too."""
    *_, (frame, line) = traceback.walk_tb(error.__traceback__)
    said = f": {error.strerror}" if isinstance(error, OSError) and error.strerror else ""
    found = f"{type(error).__name__}{said} in {frame.f_globals.get('__name__')}, line {line}"
    return RegistryError(codes.INTERNAL, found=found, hint=codes.INTERNAL.fix)

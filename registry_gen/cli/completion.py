"""``completion``: what a shell needs to complete commands, options, and addresses of the catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click
from click.shell_completion import get_completion_class

if TYPE_CHECKING:
    from registry_gen.cli.output import Output

PROGRAM: Final = "registry-gen"
VARIABLE: Final = "_REGISTRY_GEN_COMPLETE"


@click.command("completion", epilog="Example: registry-gen completion fish")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_obj
def command(output: Output, shell: str) -> None:
    """Print the script with which SHELL completes registry-gen: commands, options, and addresses of the catalog.

    bash: source it in ~/.bashrc, or write it to where bash-completion looks. zsh: write it to _registry-gen in a folder
    of $fpath. fish: write it to ~/.config/fish/completions/registry-gen.fish.
    """
    from registry_gen.cli.main import group

    found = get_completion_class(shell)
    assert found is not None  # noqa: S101 - click knows all three
    script = found(group, {}, PROGRAM, VARIABLE).source()
    output.json({"shell": shell, "script": script})
    output.result(script)

"""The command line. Results go to stdout, progress and problems to stderr; exit 0 good, 1 failed, 64 wrong usage."""

from registry_gen.cli.main import main

__all__ = ["main"]

"""``explain``: what a code means."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from typing import TYPE_CHECKING

import click

import registry_gen
from registry_gen.cli import codes
from registry_gen.errors import Code, InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry_gen.cli.output import Output


@click.command("explain")
@click.argument("code", required=False)
@click.pass_obj
def command(output: Output, code: str | None) -> None:
    """Say what CODE, such as PLN001, means, why it is refused and what to do; without CODE, list all."""
    known = all_codes()
    if code is None:
        output.json({"codes": [_as_json(known[name]) for name in sorted(known)]})
        output.result("\n".join(f"{name}  {known[name].title}" for name in sorted(known)))
        return
    found = known.get(code.upper())
    if found is None:
        raise InputError(codes.UNKNOWN_CODE, where=code, hint=codes.UNKNOWN_CODE.fix)
    output.json(_as_json(found))
    output.result(f"{click.style(found.id, bold=True)}  {found.title}\n\nWhy: {found.why}\n\nWhat to do: {found.fix}")


def all_codes() -> Mapping[str, Code]:
    """Every code of every room by id. Raises ValueError where two rooms gave out the same id."""
    known: dict[str, Code] = {}
    for room in pkgutil.iter_modules(registry_gen.__path__, "registry_gen."):
        if not room.ispkg or importlib.util.find_spec(f"{room.name}.codes") is None:
            continue
        for value in vars(importlib.import_module(f"{room.name}.codes")).values():
            if isinstance(value, Code) and known.setdefault(value.id, value) is not value:
                raise ValueError(f"two codes are called {value.id}")
    return known


def _as_json(code: Code) -> Mapping[str, str]:
    return {"code": code.id, "title": code.title, "why": code.why, "fix": code.fix}

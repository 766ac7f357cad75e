"""What reading the layout's JSON files has in common: bounded shapes, and problems with the place they are at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final, Generic, TypeVar

from pydantic import BaseModel, Field, ValidationError

from registry_gen.catalog import codes
from registry_gen.errors import InputError, RegistryError

MAX_VERSIONS: Final = 10_000
"""Of one package; the largest module of OpenTofu's registry has some 2,500."""

if TYPE_CHECKING:
    from registry_gen.model.imported import ImportedPackage

Text = Annotated[str, Field(max_length=2_048)]

_Shape = TypeVar("_Shape", bound=BaseModel)
_Package_co = TypeVar("_Package_co", bound="ImportedPackage", covariant=True)


@dataclass(frozen=True, slots=True)
class Found(Generic[_Package_co]):
    """A package, None where nothing of it can be taken, and what cannot."""

    package: _Package_co | None
    problems: tuple[RegistryError, ...]


def read_shape(shape: type[_Shape], data: bytes, path: str) -> _Shape:
    """The file as the shape has it; raises InputError IMP002 for anything else. Members that it lacks are ignored.

    Lists of a shape are read up to what is wrong first (fail_fast): a problem takes a kilobyte, a wrong item two bytes.
    """
    try:
        return shape.model_validate_json(data)
    except ValidationError as problem:
        first = problem.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"])) or "no JSON"
        code = codes.BAD_METADATA
        raise InputError(code, where=path, expected=first["msg"], found=place[:200], hint=code.fix) from None


def refused(error: RegistryError, path: str, name: str = "") -> RegistryError:
    """The same error, of the same class, at a file of the layout and at what it is about there."""
    return type(error)(
        error.code,
        error.detail,
        where=f"{path} {name[:100]}".rstrip(),
        expected=error.expected,
        found=error.found,
        hint=error.hint or error.code.fix,
    )


def without_v(text: str) -> str:
    """A version as tags write it, without the v that many begin with."""
    return text.removeprefix("v")

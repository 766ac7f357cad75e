"""Types of the catalog's fields: each reads what was written into a checked value, and says how a schema shows it.

A field raises PydanticCustomError with the type ``registry`` and our error in its context, so that pydantic gathers
every problem of a file; ``check`` takes the errors out again.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar
from unicodedata import category

from pydantic import AfterValidator, PlainValidator, ValidationInfo, WithJsonSchema
from pydantic_core import PydanticCustomError

from registry_gen.catalog import codes, location
from registry_gen.catalog.problems import shorten
from registry_gen.catalog.yaml_reader import Unquoted
from registry_gen.errors import InputError, RegistryError
from registry_gen.model.address import Address, Platform, parse_address, parse_platform
from registry_gen.model.digest import Commit, parse_commit
from registry_gen.model.version import Constraints, Version, parse_constraints, parse_version

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry_gen.catalog.location import Places

_Value = TypeVar("_Value")

_NAME = re.compile(r"[0-9a-z](?:[0-9a-z_-]{0,62}[0-9a-z])?")
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})  # controls, formats such as U+202E, halves of characters, breaks
_USER = r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}"
_MAIL = r"[A-Za-z0-9][A-Za-z0-9._%+-]{0,63}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?"
_TEAM = rf"@{_USER}(?:/{_USER}){{1,20}}"
_MEMBER = re.compile(f"(?:{_USER}|{_MAIL}|{_TEAM})")
_PROTOCOL = re.compile(r"[1-9][0-9]?\.[0-9]{1,2}")
_KEY_PATH = re.compile(r"(?:[a-z0-9][a-z0-9._-]*/)*[a-z0-9][a-z0-9._-]*\.asc")
_ENV = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]{0,127}")
_PATH = re.compile(r"[^\x00-\x1f\x7f]{1,1000}")
_WHOLE = re.compile(r"[0-9]{1,12}")
_AMOUNT = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,3})?) *([A-Za-z]*)")
_BYTES: Final = {
    "": 1,
    "b": 1,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
    "tb": 10**12,
    "kib": 2**10,
    "mib": 2**20,
    "gib": 2**30,
    "tib": 2**40,
}
_SECONDS: Final = {"": 1, "s": 1, "sec": 1, "min": 60, "h": 3600}


def problem(error: RegistryError) -> PydanticCustomError:
    """Our error in pydantic's clothes."""
    return PydanticCustomError("registry", "{error}", {"error": error})


def text_of(value: object) -> str:
    """The text of a value that must be text; raises PydanticCustomError for all else."""
    if isinstance(value, str):
        return str(value)
    raise PydanticCustomError("not_text", "text")


def written(value: object) -> str:
    """The text of a value that looks like a number too, as it was written: 1.10 is "1.10"."""
    if isinstance(value, Unquoted) and value.kind == "number":
        return value.text
    return text_of(value)


def reads(parse: Callable[[str], _Value], take: Callable[[object], str] = text_of) -> PlainValidator:
    """A field that ``parse`` reads from text; a RegistryError becomes a problem of the field."""

    def read(value: object) -> _Value:
        text = take(value)
        try:
            return parse(text)
        except RegistryError as error:
            raise problem(error) from None

    return PlainValidator(read)


def reads_place(parse: Callable[[str, Places], _Value]) -> PlainValidator:
    """A field that is read against the ``Places`` of the validation's context."""

    def read(value: object, info: ValidationInfo[Places]) -> _Value:
        text = text_of(value)
        try:
            return parse(text, info.context)
        except RegistryError as error:
            raise problem(error) from None

    return PlainValidator(read)


def schema(**parts: Any) -> WithJsonSchema:
    """How a schema shows the field."""
    return WithJsonSchema({"type": "string", **parts})


def flag(value: object) -> bool:
    """A boolean: true or false without quotes; raises PydanticCustomError for all else, as for yes and no."""
    if isinstance(value, Unquoted) and value.kind == "boolean":
        return value.text.lower() == "true"
    raise PydanticCustomError("not_boolean", "true or false, without quotes")


def message(text: str) -> str:
    """A sentence for people: one line of up to 1,000 characters.

    It reaches the terminals of Terraform's users: nothing that steers them, hides, or turns the direction of text.
    """
    text = text.strip()
    if not 1 <= len(text) <= 1000:
        raise InputError(codes.WRONG_VALUE, expected="1 to 1000 characters of text", found=f"{len(text)} characters")
    hidden = next((each for each in text if category(each) in _HIDDEN), None)
    if hidden is not None:
        raise InputError(
            codes.WRONG_VALUE,
            expected="one line of text without control and format characters",
            found="a line break" if hidden == "\n" else f"the character U+{ord(hidden):04X}",
            hint="Write long text behind >- on lines of its own, which become one." if hidden == "\n" else "",
        )
    return text


def protocol(text: str) -> str:
    """A plugin protocol's MAJOR.MINOR."""
    return _matching(_PROTOCOL, text, "a plugin protocol such as 5.0 or 6.0")


def name(text: str) -> str:
    """A namespace's or organization's name."""
    return _matching(_NAME, text, "a name of lower-case letters, digits, '-' and '_'")


def member(text: str) -> str:
    """A forge user's name, an e-mail address, or a team: what can stand in CODEOWNERS as it is."""
    if _MEMBER.fullmatch(text):
        return text
    hint = ""
    if text.startswith("@") and "/" not in text:
        hint = f"A person's name has no @: {text[1:60]}. A team has one name or more behind its organization's."
    raise InputError(codes.BAD_MEMBER, found=shorten(text), hint=hint or codes.BAD_MEMBER.fix)


def key_path(text: str) -> str:
    """The path of a key file beneath catalog/keys."""
    return _matching(_KEY_PATH, text, "a path beneath catalog/keys such as acme/release.asc, in lower case")


def machine_path(text: str, places: Places) -> str:
    """A file or folder of this machine as an absolute path."""
    if not _PATH.fullmatch(text) or "://" in text:
        raise InputError(codes.WRONG_VALUE, expected="a path of this machine", found=location.shown(text))
    return location.folder(text, places.root)


def reference(text: str) -> str:
    """``env:NAME``; never repeats the text, which may be the secret itself."""
    if not _ENV.fullmatch(text):
        raise InputError(codes.BAD_REFERENCE, expected="env:NAME", hint=codes.BAD_REFERENCE.fix)
    return text


def secret(text: str, places: Places) -> str:
    """``env:NAME``, or ``file:PATH`` with its path made absolute; never repeats the text."""
    kind, colon, rest = text.partition(":")
    if kind == "file" and colon and _PATH.fullmatch(rest):
        return "file:" + location.folder(rest, places.root)
    return reference(text)


def _read_secret(value: object, info: ValidationInfo[Places]) -> str:
    """A reference; a number in its place is refused like a text that is none, without being repeated."""
    try:
        return secret(value if isinstance(value, str) else "", info.context)
    except RegistryError as error:
        raise problem(error) from None


def whole(low: int, high: int) -> Callable[[str], int]:
    """A whole number between bounds."""

    def read(text: str) -> int:
        if not _WHOLE.fullmatch(text) or not low <= int(text) <= high:
            raise InputError(codes.BAD_AMOUNT, expected=f"a whole number from {low} to {high}", found=shorten(text))
        return int(text)

    return read


def size(text: str) -> int:
    """A size in bytes from ``100 MB`` or ``64 MiB``; a bare number is bytes."""
    return int(_amount(text, _BYTES, "a size such as 100 MB, up to 1000 GB", 10**12))


def total(text: str) -> int:
    """A size in bytes of many things together, from ``10 GB`` or ``2 TiB``; a bare number is bytes."""
    return int(_amount(text, _BYTES, "a size such as 10 GB, up to 1000 TB", 10**15))


def seconds(text: str) -> float:
    """A time in seconds from ``30 s``, ``5 min`` or ``1 h``; a bare number is seconds."""
    return _amount(text, _SECONDS, "a time such as 300 s or 5 min, up to 24 h", 24 * 3600)


def _amount(text: str, units: dict[str, int], expected: str, most: float) -> float:
    found = _AMOUNT.fullmatch(text)
    unit = units.get(found[2].lower()) if found else None
    amount = float(found[1]) * unit if found and unit else 0
    if not 1 <= amount <= most:
        raise InputError(codes.BAD_AMOUNT, expected=expected, found=shorten(text))
    return amount


def _matching(grammar: re.Pattern[str], text: str, expected: str) -> str:
    if not grammar.fullmatch(text):
        raise InputError(codes.WRONG_VALUE, expected=expected, found=shorten(text))
    return text


def _distinct(values: tuple[_Value, ...]) -> tuple[_Value, ...]:
    seen: set[_Value] = set()
    for value in values:
        if value in seen:
            raise problem(InputError(codes.WRONG_VALUE, "a list that names something twice", found=shorten(str(value))))
        seen.add(value)
    return values


_LOOSE: Final = {"type": ["string", "number"]}

Distinct = AfterValidator(_distinct)
Flag = Annotated[bool, PlainValidator(flag), WithJsonSchema({"type": "boolean"})]
Message = Annotated[str, reads(message), schema(minLength=1, maxLength=1000, examples=["Use acme/vpc/aws."])]
VersionText = Annotated[Version, reads(parse_version, written), schema(examples=["1.2.0"])]
ConstraintText = Annotated[
    Constraints, reads(parse_constraints, written), schema(**_LOOSE, examples=[">= 1.0.0, < 2.0.0", "~> 1.2"])
]
RangeText = Annotated[
    Constraints | None, reads(parse_constraints, written), schema(**_LOOSE, examples=["< 2.0.0", "1.2.0"])
]
AddressText = Annotated[Address | None, reads(parse_address), schema(examples=["acme/vpc/aws"])]
CommitText = Annotated[
    Commit, reads(parse_commit, written), schema(**_LOOSE, examples=["0123456789abcdef0123456789abcdef01234567"])
]
PlatformText = Annotated[
    Platform, reads(parse_platform), schema(pattern="^[0-9a-z]{1,16}_[0-9a-z]{1,16}$", examples=["linux_amd64"])
]
ProtocolText = Annotated[str, reads(protocol, written), schema(**_LOOSE, examples=["5.0", "6.0"])]
NamespaceName = Annotated[str, reads(name), schema(pattern=f"^{_NAME.pattern}$", examples=["acme"])]
MemberName = Annotated[str, reads(member, written), schema(pattern=f"^{_MEMBER.pattern}$", examples=["@acme/platform"])]
KeyPath = Annotated[str, reads(key_path), schema(pattern=f"^{_KEY_PATH.pattern}$", examples=["acme/release.asc"])]
TagPattern = Annotated[str, reads(location.tag_pattern), schema(pattern=r"\{version\}", examples=["v{version}"])]
FilePattern = Annotated[
    str, reads(location.file_pattern), schema(pattern=r"\{version\}", examples=["network-{version}.tar.gz"])
]
Reference = PlainValidator(_read_secret)
MachinePath = Annotated[str, reads_place(machine_path), schema(examples=["./folder"])]
InnerFolder = Annotated[str, reads(location.inner_folder), schema(examples=["modules/network"])]
GitUrl = Annotated[str, reads_place(location.git_url), schema(examples=["https://github.com/acme/network.git"])]
Size = Annotated[int, reads(size, written), schema(**_LOOSE, examples=["100 MB"])]
Total = Annotated[int | None, reads(total, written), schema(**_LOOSE, examples=["10 GB"])]
Seconds = Annotated[float, reads(seconds, written), schema(**_LOOSE, examples=["5 min"])]

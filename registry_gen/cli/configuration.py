"""Every key of registry.yaml and of the catalog's files as Markdown: docs/configuration.md is what this makes.

Keys, types, examples and meanings are those of the JSON Schemas; defaults are those of the models behind them.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import yaml

from registry_gen.catalog.schema import SHAPES, json_schemas
from registry_gen.catalog.shapes import Shape
from registry_gen.cli.troubleshooting import plain

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from pydantic.fields import FieldInfo

_ORDER: Final = ("registry", "module", "provider", "mirror", "namespace", "organization", "policy")
_HEAD: Final = """\
# Configuration

<!-- Made by: registry-gen schema --markdown > docs/configuration.md -->

Every key of `registry.yaml` and of the catalog's files. [The catalog](catalog.md) explains what they are for,
[storages](storage.md) and [CDNs](cdn.md) how to reach each vendor's, [approvals](approvals.md) who may approve what.

A key that is marked **required** must be there. Where the default is empty, nothing is set; the meaning says what
happens then. An unknown key is a problem. Secrets are never written here, but named: `env:NAME` or `file:PATH`.
"""
_UNITS: Final = ((10**9, "GB"), (10**6, "MB"), (10**3, "kB"))
_NO_SLUG: Final = re.compile(r"[^a-z0-9 -]")


@dataclass(slots=True)
class Section:
    """A file, or a mapping that some keys hold: ``places`` are those keys with the kind of their file."""

    shape: type[Shape]
    title: str
    schema: Mapping[str, Any]
    places: list[str] = field(default_factory=list)
    paths: set[str] = field(default_factory=set)

    def example(self, key: str) -> str:
        """A line of YAML with the key and a good value."""
        return _as_yaml({key: example_of(self.schema["properties"][key], self.schema["$defs"])})


def configuration_as_markdown() -> str:
    """The whole page: a part for each kind of file, with a table of its keys and one of each mapping within.

    A mapping that several kinds have is described where it comes first. Raises ValueError where two would have the same
    heading, which links could not tell apart.
    """
    found = sections()
    links = _links(found)
    contents = "\n".join(f"- {links[name]}" for name, section in found.items() if not section.places)
    return "\n".join([_HEAD, contents, "", *(line for each in found.values() for line in _part(each, links))])


def sections() -> dict[str, Section]:
    """Every kind of file and every mapping in one, by the name of its model, in the order of the page."""
    found: dict[str, Section] = {}
    for kind in sorted(SHAPES, key=_ORDER.index):
        _gather(kind, SHAPES[kind], json.loads(json_schemas()[f"{kind}.schema.json"]), found)
    _name_by_paths(found.values())
    return found


def example_of(schema: Mapping[str, Any], defs: Mapping[str, Any]) -> Any:
    """A value that the schema shows as an example; of a mapping, the keys that it must have."""
    if "examples" in schema:
        return schema["examples"][0]
    if "$ref" in schema:
        found = defs[_name(schema["$ref"])]
        wanted = found.get("required") or list(found["properties"])[:1]
        return {key: example_of(found["properties"][key], defs) for key in wanted}
    if "const" in schema or "enum" in schema:
        return schema.get("const", schema.get("enum", [None])[-1])
    if forms := _forms(schema):
        return example_of(forms[0], defs)
    if schema["type"] == "array":
        return [example_of(schema["items"], defs)]
    if schema["type"] == "object":
        key = example_of(schema["propertyNames"], defs)
        return {key: example_of(schema["additionalProperties"], defs)}
    if schema["type"] == "boolean":
        return True
    raise ValueError(f"no example in {schema}")


def _gather(kind: str, shape: type[Shape], schema: Mapping[str, Any], into: dict[str, Section]) -> None:
    defs = schema.get("$defs", {})
    known = {each.__name__: each for each in _with_inner(shape)}
    waiting = [(shape.__name__, "", schema)]
    while waiting:
        name, path, found = waiting.pop(0)
        section = into.setdefault(name, Section(known[name], _title(known[name]), {**found, "$defs": defs}))
        if path:
            section.paths.add(path)
            section.places.append(f"`{path}`" if kind == "registry" else f"`{path}` of {_title(shape).lower()}")
        for key in known[name].model_fields:
            inner = f"{path}.{key}" if path else key
            waiting += [(each, inner, defs[each]) for each in _refs(found["properties"][key])]


def _name_by_paths(sections: Collection[Section]) -> None:
    """A mapping is called as the key that holds it, where no other form of that key would be called the same."""
    holders = Counter(path for section in sections for path in section.paths)
    for section in sections:
        if len(section.paths) == 1 and holders[next(iter(section.paths))] == 1:
            [section.title] = section.paths


def _with_inner(shape: type[Shape]) -> Iterator[type[Shape]]:
    yield shape
    for each in shape.inside.values():
        yield from _with_inner(each)


def _part(section: Section, links: Mapping[str, str]) -> Iterator[str]:
    yield f"{'###' if section.places else '##'} {section.title}\n"
    if section.places:
        said = _doc(section.shape)
        what = "" if said == f"{section.title}." else f"{plain(said)} "
        yield f"{what}In {', '.join(dict.fromkeys(section.places))}.\n"
    else:
        path, space, rest = _doc(section.shape).partition(": ")[2].removesuffix(".").partition(" ")
        yield f"`{path}`{space}{rest}.\n"
    yield "| Key | Type | Default | Meaning | Example |"
    yield "|---|---|---|---|---|"
    for key, info in sorted(section.shape.model_fields.items(), key=lambda each: each[0] != "kind"):
        cells = _cells(key, info, section, links)
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
    yield ""


def _cells(key: str, info: FieldInfo, section: Section, links: Mapping[str, str]) -> Iterator[str]:
    found = section.schema["properties"][key]
    yield f"`{key}`"
    yield _type(found, links)
    yield "**required**" if info.is_required() else _default(info.get_default(call_default_factory=True), found)
    yield plain(info.description or "")
    yield f"`{section.example(key)}`"


def _type(schema: Mapping[str, Any], links: Mapping[str, str]) -> str:
    if "$ref" in schema:
        return links[_name(schema["$ref"])]
    if "const" in schema or "enum" in schema:
        return " or ".join(f"`{each}`" for each in schema.get("enum", [schema.get("const")]))
    if forms := _forms(schema):
        return " or ".join(_type(each, links) for each in forms)
    if schema["type"] == "array":
        return f"list of {_type(schema['items'], links)}"
    if schema["type"] == "object":
        return f"mapping to {_type(schema['additionalProperties'], links)}"
    names = {"string": "text", "boolean": "`true` or `false`", "integer": "whole number"}
    return "text" if isinstance(schema["type"], list) else names[schema["type"]]


def _default(value: Any, schema: Mapping[str, Any]) -> str:
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if not value or isinstance(value, Shape):
        return ""
    if isinstance(value, float):
        return f"`{value:g} s`"
    if isinstance(value, int) and schema["type"] != "integer":
        return f"`{next(f'{value // unit} {name}' for unit, name in _UNITS if value % unit == 0)}`"
    return f"`{_as_yaml(list(value) if isinstance(value, tuple) else value if isinstance(value, int) else str(value))}`"


def _forms(schema: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What the value may be, where it may be several things; whether it may be missing is no form."""
    return [each for each in schema.get("oneOf", schema.get("anyOf", [])) if each.get("type") != "null"]


def _refs(schema: Mapping[str, Any]) -> Iterator[str]:
    """The mappings that the value may be or hold."""
    if "$ref" in schema:
        yield _name(schema["$ref"])
    for each in (*_forms(schema), *(schema[key] for key in ("items", "additionalProperties") if key in schema)):
        yield from _refs(each)


def _links(sections: Mapping[str, Section]) -> dict[str, str]:
    slugs = {name: _slug(section.title) for name, section in sections.items()}
    if len(set(slugs.values())) < len(slugs):
        raise ValueError(f"two headings are alike: {sorted(slugs.values())}")
    return {name: f"[{sections[name].title}](#{slug})" for name, slug in slugs.items()}


def _slug(title: str) -> str:
    """The anchor that forges give a heading."""
    return _NO_SLUG.sub("", title.lower()).replace(" ", "-")


def _title(shape: type[Shape]) -> str:
    return _doc(shape).partition(":")[0].removesuffix(".")


def _doc(shape: type[Shape]) -> str:
    return (shape.__doc__ or "").partition("\n")[0]


def _name(reference: str) -> str:
    return reference.rpartition("/")[2]


def _as_yaml(value: Any) -> str:
    """One line of YAML, a mapping without its braces."""
    deep = not isinstance(value, dict) or any(isinstance(each, dict | list) for each in value.values())
    text = yaml.safe_dump(value, default_flow_style=deep, sort_keys=False, width=10_000, allow_unicode=True)
    line = text.removesuffix("\n...\n").strip()
    return line[1:-1] if deep and isinstance(value, dict) else line

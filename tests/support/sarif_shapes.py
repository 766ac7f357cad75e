"""The part of SARIF 2.1.0's schema (OASIS, sarif-schema-2.1.0.json) that we write: no other member, and none missing.

Stricter than the schema where GitHub is ("SARIF support for code scanning"): a result has a place and a fingerprint, a
rule has descriptions and help.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

Text = Annotated[str, Field(min_length=1)]
Counted = Annotated[int, Field(ge=1)]


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, alias_generator=to_camel)


class Message(_Shape):
    text: Text


class Level(_Shape):
    level: Literal["none", "note", "warning", "error"]


class Rule(_Shape):
    id: Text
    short_description: Message
    full_description: Message
    help: Message
    default_configuration: Level


class Driver(_Shape):
    name: Text
    semantic_version: Annotated[str, Field(pattern=r"^\d+\.\d+\.\d+")]
    rules: list[Rule]


class Tool(_Shape):
    driver: Driver


class ArtifactLocation(_Shape):
    uri: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.~%/:-]+$")]
    uri_base_id: str | None = None


class Region(_Shape):
    start_line: Counted
    start_column: Counted


class PhysicalLocation(_Shape):
    artifact_location: ArtifactLocation
    region: Region


class Location(_Shape):
    physical_location: PhysicalLocation


class Result(_Shape):
    rule_id: Text
    rule_index: Annotated[int, Field(ge=0)]
    level: Literal["none", "note", "warning", "error"]
    message: Message
    locations: Annotated[list[Location], Field(min_length=1, max_length=1)]
    partial_fingerprints: Annotated[dict[str, Text], Field(min_length=1)]


class Run(_Shape):
    tool: Tool
    column_kind: Literal["utf16CodeUnits", "unicodeCodePoints"]
    results: list[Result]


class Log(_Shape):
    schema_: Annotated[Text, Field(alias="$schema")]
    version: Literal["2.1.0"]
    runs: Annotated[list[Run], Field(min_length=1)]

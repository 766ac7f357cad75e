"""Canonical JSON: one text for one value, so that digests of records and log entries can be compared.

Members sorted by name, no spaces, UTF-8 without a byte order mark, no newline at the end: the digest covers the JSON
text and nothing else, and the text may be embedded in another. Numbers are integers within 53 bits, which every
reader of JSON keeps exactly (RFC 8259, section 6).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import orjson

_OPTIONS = (
    orjson.OPT_SORT_KEYS
    | orjson.OPT_STRICT_INTEGER
    | orjson.OPT_PASSTHROUGH_DATACLASS
    | orjson.OPT_PASSTHROUGH_DATETIME
)


def canonical(value: Mapping[str, object]) -> bytes:
    """The canonical JSON of an object of strings, integers, booleans, None, lists and further objects.

    Raises TypeError for anything else: floats, whose text differs between writers, times, and keys that are no text.
    """
    _require_plain(value)
    return orjson.dumps(value, option=_OPTIONS)


def _require_plain(value: object) -> None:
    match value:
        case str() | bytes() | int() | None:  # most of all values; to ask Mapping and Sequence takes long
            pass
        case float():
            raise TypeError(f"a float has no canonical text: {value}")
        case Mapping():
            for member in value.values():
                _require_plain(member)
        case Sequence():
            for member in value:
                _require_plain(member)

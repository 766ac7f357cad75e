"""Which protocol documents change, and how: what clients read now against what they would read afterwards."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import orjson

from registry_gen.model.facts import Package, PackageHead, PackageState
from registry_gen.render.package import render_protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from registry_gen.model.address import Address
    from registry_gen.model.config import Site
    from registry_gen.model.intent import Intent


@dataclass(frozen=True, slots=True)
class Difference:
    """One document's bytes ``before`` and ``after``, without the revision that is stamped in; None for no document."""

    address: Address
    key: str
    before: bytes | None
    after: bytes | None

    @property
    def change(self) -> Literal["added", "changed", "removed"]:
        """What happens to the document."""
        return "added" if self.before is None else "removed" if self.after is None else "changed"


def differences(intent: Intent, package: Package | None, site: Site) -> tuple[Difference, ...]:
    """The protocol documents that an intent changes, sorted by key. ``package`` is what is published."""
    before = _documents(package, site) if package else {}
    after = _documents(_afterwards(intent, package), site)
    return tuple(
        Difference(intent.address, key, before.get(key), after.get(key))
        for key in sorted({**before, **after})
        if before.get(key) != after.get(key)
    )


def difference_lines(difference: Difference) -> Iterator[str]:
    """Lines that begin with "+", "-", " " or "@": JSON with a line for each member, pages as they are."""
    before, after = _lines(difference.before), _lines(difference.after)
    for number, line in enumerate(difflib.unified_diff(before, after, lineterm="", n=2)):
        if number >= 2:  # the first two lines name files
            yield line


def difference_json(difference: Difference) -> Mapping[str, object]:
    """The whole of it."""
    return {
        "address": str(difference.address),
        "key": difference.key,
        "change": difference.change,
        "before": None if difference.before is None else difference.before.decode("utf-8", "replace"),
        "after": None if difference.after is None else difference.after.decode("utf-8", "replace"),
    }


def _afterwards(intent: Intent, package: Package | None) -> Package:
    head = package.head if package else PackageHead(intent.address, 0, 0, None, None, PackageState())
    versions = {facts.version: facts for facts in (*(package.versions if package else ()), *intent.versions)}
    return Package(replace(head, state=intent.state), tuple(versions[version] for version in sorted(versions)))


def _documents(package: Package, site: Site) -> dict[str, bytes]:
    return {document.key: document.content for document in render_protocol(package, site)}


def _lines(content: bytes | None) -> list[str]:
    if content is None:
        return []
    try:
        value: Any = orjson.loads(content)
    except orjson.JSONDecodeError:
        return content.decode("utf-8", "replace").splitlines()
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode().splitlines()

"""A purge: which keys go one by one, which with all that lies beside them, in requests of the size that a CDN takes."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import quote

from registry_gen.edge import codes
from registry_gen.errors import EdgeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

Scope = Literal["keys", "prefixes", "everything"]

_PACKAGE: Final = re.compile(r"((?:v1/)?(?:(?:modules|mirror)/[^/]+/[^/]+/[^/]+/|providers/[^/]+/[^/]+/)).+")
_RAW: Final = "/:@!$&'()+,;="
"""What clients leave as it is in a path (RFC 3986, 3.3), but "*", which CDNs take for a wildcard."""


@dataclass(frozen=True, slots=True)
class Part:
    """What one request is about. ``names`` are keys, or prefixes that end in "/"; none of them for everything.

    ``covers`` are the keys that are purged by it.
    """

    scope: Scope
    names: tuple[str, ...]
    covers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reach:
    """What a CDN takes: ``most`` keys one by one in a purge, ``batch`` in a request; the same of prefixes (0: none)."""

    most: int
    batch: int
    prefixes: int = 0
    prefix_batch: int = 1


@dataclass(frozen=True, slots=True)
class Edge:
    """A CDN: what it is called, what it takes, and how it is asked.

    ``send`` returns when the vendor has taken the request, with what a person should know of it or ""; it raises
    EdgeError.
    """

    name: str
    reach: Reach
    send: Callable[[Part], str]


@dataclass(frozen=True, slots=True)
class Purged:
    """How a purge ended: ``names`` are the keys or prefixes that it was about, ``done`` and ``left`` the keys.

    ``done`` and ``left`` are empty where ``scope`` is everything: either all is done, or there are ``failures``.
    """

    scope: Scope
    names: tuple[str, ...]
    done: tuple[str, ...]
    left: tuple[str, ...]
    failures: tuple[EdgeError, ...]
    notes: tuple[str, ...]


def path(key: str) -> str:
    """The path of a key's URL, percent-encoded as clients ask for it: ``/v1/modules/…``."""
    return "/" + quote(key, safe=_RAW)


def purge(edge: Edge, keys: Sequence[str], *, everything: bool = False, most: int | None = None) -> Purged:
    """Purge keys, or ``everything`` that the site has; more than ``most`` of them (the CDN's own where None) by prefix.

    What fails is told and left, and does not stop the rest, unless the rest would fail alike.
    """
    scope, parts = _plan(edge.reach, sorted(set(keys)), everything=everything, most=most)
    notes = [_widened(scope, keys, parts)] if scope != "keys" and not everything else []
    done: list[str] = []
    left: list[str] = []
    failures: list[EdgeError] = []
    for part in parts:
        if failures and failures[-1].code in codes.LAST:
            left += part.covers
            continue
        try:
            said = edge.send(part)
        except EdgeError as error:
            failures.append(error)
            left += part.covers
        else:
            done += part.covers
            notes += [said] if said and said not in notes else []
    names = tuple(name for part in parts for name in part.names)
    return Purged(scope, names, tuple(done), tuple(left), tuple(failures), tuple(notes))


def _plan(reach: Reach, keys: Sequence[str], *, everything: bool, most: int | None) -> tuple[Scope, Sequence[Part]]:
    if everything:
        return "everything", [Part("everything", (), ())]
    if len(keys) <= (reach.most if most is None else most):
        return "keys", [Part("keys", batch, batch) for batch in _batches(keys, reach.batch)]
    groups = _groups(keys)
    prefixes = {prefix: covered for prefix, covered in groups.items() if len(covered) > 1}
    alone = [key for covered in groups.values() if len(covered) == 1 for key in covered]
    if len(prefixes) > reach.prefixes or len(alone) > reach.most:
        return "everything", [Part("everything", (), tuple(keys))]
    parts = [
        Part("prefixes", batch, tuple(key for prefix in batch for key in prefixes[prefix]))
        for batch in _batches(list(prefixes), reach.prefix_batch)
    ]
    return "prefixes", [*parts, *(Part("keys", batch, batch) for batch in _batches(alone, reach.batch))]


def _groups(keys: Iterable[str]) -> Mapping[str, list[str]]:
    """The keys by the folder of their package; each of those that belong to none for itself."""
    groups: dict[str, list[str]] = defaultdict(list)
    for key in keys:
        found = _PACKAGE.fullmatch(key)
        groups[found[1] if found else key].append(key)
    return groups


def _batches(names: Sequence[str], size: int) -> Iterator[tuple[str, ...]]:
    return (tuple(names[start : start + size]) for start in range(0, len(names), size))


def _widened(scope: Scope, keys: Sequence[str], parts: Sequence[Part]) -> str:
    """Why more was purged than has changed."""
    if scope == "everything":
        return f"{len(keys)} keys are too many to purge one by one: everything was"
    prefixes = sum(len(part.names) for part in parts if part.scope == "prefixes")
    folders = "folder of a package" if prefixes == 1 else "folders of packages"
    return f"{len(keys)} keys are too many to purge one by one: {prefixes} {folders} went as a whole"

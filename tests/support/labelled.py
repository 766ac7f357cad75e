"""A storage that keeps labels with its objects, as object storages do and a folder does not.

labels = {"v1/modules/acme/network/aws/versions": ("text/html", None)}     # what is wrong; the rest is right
replace(registry, public=labelled(registry.public, labels))
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from registry_gen import paths

if TYPE_CHECKING:
    from collections.abc import Iterator

    from registry_gen.storage import Storage, Stored

Labels = dict[str, tuple[str | None, str | None]]


def labelled(storage: Storage, labels: Labels) -> Storage:
    """The storage, whose objects carry the labels that ``paths.rule`` says, or those in ``labels``."""
    return _Labelled(storage, labels)


class _Labelled:
    def __init__(self, inner: Storage, labels: Labels) -> None:
        self._inner = inner
        self._labels = labels

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def head(self, key: str) -> Stored | None:
        found = self._inner.head(key)
        return self._with_labels(found) if found else None

    def list(self, prefix: str) -> Iterator[Stored]:
        return (self._with_labels(found) for found in self._inner.list(prefix))

    def relabel(self, key: str) -> Stored | None:
        self._labels.pop(key, None)
        return self.head(key)

    def _with_labels(self, stored: Stored) -> Stored:
        try:
            rule = paths.rule(stored.key)
        except ValueError:
            return stored
        content_type, cache_control = self._labels.get(stored.key, (None, None))
        return replace(
            stored,
            content_type=content_type or rule.content_type,
            cache_control=cache_control or rule.cache_control,
        )

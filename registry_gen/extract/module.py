"""What a module's record keeps of its tree: the README, every file's digest, and the HCL that documents it.

Nothing is parsed here: the record holds the text, so that pages can be rendered anew from it for good.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from registry_gen.model.digest import Sha256, sha256

if TYPE_CHECKING:
    from registry_gen.model.tree import FileKind, TreeFile

MAX_TEXT: Final = 1_000_000
"""Bytes kept of a README or of one HCL file."""

MAX_HCL: Final = 10_000_000
"""Bytes kept of all HCL files together."""

_READMES = ("readme.md", "readme.markdown", "readme.txt", "readme")
_HCL = (".tf", ".tofu", ".tf.json", ".tofu.json")
_NESTED = ("modules", "examples")


@dataclass(frozen=True, slots=True)
class Text:
    """A file's text. ``truncated``: there was more. ``lossy``: bytes that are not UTF-8 became U+FFFD."""

    path: str
    text: str
    truncated: bool
    lossy: bool

    def as_json(self) -> dict[str, object]:
        """For the record."""
        return {"path": self.path, "text": self.text, "truncated": self.truncated, "lossy": self.lossy}


@dataclass(frozen=True, slots=True)
class FileFact:
    """One file of the archive; ``size`` in bytes."""

    path: str
    kind: FileKind
    size: int
    sha256: Sha256

    def as_json(self) -> dict[str, object]:
        """For the record."""
        return {"path": self.path, "kind": self.kind, "size": self.size, "sha256": self.sha256}


@dataclass(frozen=True, slots=True)
class ModuleContents:
    """All that is kept of a module, in the order in which the files came.

    ``hcl`` holds the root module's files, and those under ``modules/`` and ``examples/`` at any depth. A file for
    which no room was left is there with an empty text, marked as truncated.
    """

    readme: Text | None
    files: tuple[FileFact, ...]
    hcl: tuple[Text, ...]

    def as_json(self) -> dict[str, object]:
        """For the record: objects, lists, strings, numbers and booleans."""
        return {
            "readme": self.readme.as_json() if self.readme else None,
            "files": [file.as_json() for file in self.files],
            "hcl": [text.as_json() for text in self.hcl],
        }


class Collector:
    """Looks at files as they stream by: ``add`` each one, then take ``contents``."""

    def __init__(self) -> None:
        self._readme: tuple[int, Text] | None = None
        self._files: list[FileFact] = []
        self._hcl: list[Text] = []
        self._room = MAX_HCL

    def add(self, file: TreeFile) -> None:
        """Take note of one file; each path once."""
        self._files.append(FileFact(file.path, file.kind, len(file.data), sha256(file.data)))
        if file.path.lower() in _READMES:
            rank = _READMES.index(file.path.lower())
            if self._readme is None or rank < self._readme[0]:
                self._readme = (rank, read_text(file.path, file.data, MAX_TEXT))
        elif _documents_module(file.path):
            limit = min(MAX_TEXT, self._room)
            self._hcl.append(read_text(file.path, file.data, limit))
            self._room -= min(limit, len(file.data))

    def contents(self) -> ModuleContents:
        """What was found."""
        readme = self._readme[1] if self._readme else None
        return ModuleContents(readme, tuple(self._files), tuple(self._hcl))


def read_text(path: str, data: bytes, limit: int) -> Text:
    """The first ``limit`` bytes as text; a character that the limit cuts is left out, never half."""
    truncated = len(data) > limit
    kept = data[:limit]
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(kept, final=not truncated)
    except UnicodeDecodeError:
        text = codecs.getincrementaldecoder("utf-8")("replace").decode(kept, final=not truncated)
        return Text(path, text, truncated, lossy=True)
    return Text(path, text, truncated, lossy=False)


def _documents_module(path: str) -> bool:
    parts = path.split("/")
    return parts[-1].endswith(_HCL) and (len(parts) == 1 or parts[0] in _NESTED)

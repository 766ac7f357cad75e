"""Built archives of modules, as a pipeline leaves them in a folder."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING

from tests.support.releases import sums_document

if TYPE_CHECKING:
    from pathlib import Path


def make_archive(folder: Path, name: str) -> bytes:
    folder.mkdir()
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("main.tf", 'variable "name" {}\n')
    (folder / name).write_bytes(out.getvalue())
    (folder / "SHA256SUMS").write_bytes(sums_document({name: out.getvalue()}))
    return out.getvalue()

"""The folder of another registry's layout: its files, bounded in number and size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from registry_gen.catalog import codes as catalog_codes
from registry_gen.catalog.layout import FOLDERS
from registry_gen.errors import InputError
from registry_gen.sources.files import walk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from registry_gen.sources.files import CatalogFile

MAX_FILES: Final = 500_000
MAX_FILE_BYTES: Final = 16_000_000
"""The largest file of OpenTofu's registry has some 2 MB."""
MAX_TOTAL_BYTES: Final = 4_000_000_000


def read_layout_folder(root: Path) -> Iterator[CatalogFile]:
    """Every file of the layout but those that are ignored, keys first; one at a time, for all may be a gigabyte.

    No link is followed below ``root``. Raises InputError IMP001 for a folder that holds no layout, CAT013 where it is
    larger than its limits, CAT014 where one of its folders cannot be read.
    """
    found = [name for name in FOLDERS if (root / name).is_dir() and not (root / name).is_symlink()]
    if not {"modules", "providers"}.intersection(found):
        code = catalog_codes.NOT_IN_LAYOUT
        raise InputError(code, "a folder without a layout", where=str(root), hint=code.fix)
    count = total = 0
    for name in found:
        for path, data in walk(str(root / name), f"{name}/", str(root), MAX_FILE_BYTES):
            count += 1
            total += len(data) if isinstance(data, bytes) else 0
            if count > MAX_FILES or total > MAX_TOTAL_BYTES:
                expected = f"at most {MAX_FILES} files and {MAX_TOTAL_BYTES} bytes"
                code = catalog_codes.TOO_MUCH
                raise InputError(code, where=str(root), expected=expected, hint=code.fix)
            yield path, data

"""What our documents point at exists: a guide that leads nowhere is worse than none."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
DOCUMENTS: Final = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
PATH: Final = re.compile(r"`((?:\.ci|catalog|deployments|docs|registry_gen|schemas|tests)/[\w./-]*)`")
STANDS_FOR_MANY: Final = re.compile(r"/(HOST|NAMESPACE|NAME|SYSTEM|TYPE|KEY)[/.]")
LINK: Final = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)")


def missing(text: str, folder: Path) -> list[str]:
    """Paths in backticks that are not in the repository, and links that lead nowhere from ``folder``.

    A path with a placeholder stands for many: catalog/namespaces/NAMESPACE.yaml.
    """
    named = [path for path in PATH.findall(text) if not STANDS_FOR_MANY.search(path) and not (ROOT / path).exists()]
    return named + [link for link in LINK.findall(text) if not (folder / link).exists()]


def test_a_path_or_a_link_that_leads_nowhere_is_found() -> None:
    text = (
        "`docs/adr/` `catalog/keys/NAMESPACE/KEY.asc` [here](0001-record-decisions.md) "
        "`docs/nowhere.md` [there](nowhere.md#part) [out](https://x.test/)"
    )

    assert missing(text, ROOT / "docs" / "adr") == ["docs/nowhere.md", "nowhere.md"]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_path_and_link_in_our_documents_exists(document: Path) -> None:
    assert missing(document.read_text(encoding="utf-8"), document.parent) == []


def test_records_of_decisions_are_numbered_without_a_gap() -> None:
    numbers = [int(path.name[:4]) for path in sorted((ROOT / "docs" / "adr").glob("*.md"))]

    assert numbers == list(range(1, len(numbers) + 1))

"""A plan as each forge gets it and as a terminal without colours shows it, byte for byte.

``REFRESH_GOLDEN=1`` writes the files anew; review them like code.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import click
import pytest

from registry_gen.cli.show_plan import plan_text
from registry_gen.plan.markdown import FORGES, plan_markdown
from tests.support.entries import NETWORK
from tests.support.judged import HOSTILE, judged, need

FOLDER: Final = Path(__file__).parent / "plan"
NEEDS: Final = {NETWORK: (need("ada", "@acme/platform"),)}


def _shown() -> dict[str, str]:
    review, hostile = judged(needs=NEEDS), judged(HOSTILE, needs={NETWORK: (need(HOSTILE, rule=HOSTILE),)})
    return {
        "plan.txt": click.unstyle(plan_text(review)) + "\n",
        "github.md": plan_markdown(review, FORGES["github"], "plan.json"),
        "bitbucket.md": plan_markdown(review, FORGES["bitbucket"], "plan.json"),
        "hostile.md": plan_markdown(hostile, FORGES["github"], "plan.json"),
    }


@pytest.mark.parametrize("name", _shown())
def test_a_plan_is_shown_as_it_was_reviewed(name: str) -> None:
    file = FOLDER / name
    if os.environ.get("REFRESH_GOLDEN") == "1":
        file.write_text(_shown()[name], encoding="utf-8")
    assert file.read_text(encoding="utf-8") == _shown()[name]

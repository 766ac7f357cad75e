"""The keys that deployments are compared by: none may be forgotten when paths.py learns a new kind."""

from __future__ import annotations

import re

from registry_gen import paths
from tests.support.sample_keys import KEYS


def test_every_rule_of_paths_has_a_sample() -> None:
    without = [grammar for grammar, _ in paths._GRAMMAR if not any(re.fullmatch(grammar, key) for key in KEYS)]

    assert without == []


def test_every_sample_is_a_key_as_it_would_be_made() -> None:
    assert all(re.fullmatch(r"[0-9A-Za-z._/-]+", key) and paths.rule(key) for key in KEYS)

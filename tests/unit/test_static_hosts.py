"""deployments/static-hosts/_headers as Cloudflare Pages and Netlify read it, compared with paths.py key by key.

How each host matches paths: Cloudflare's rules engine (workers-sdk, packages/pages-shared and workers-shared: "*" is
any text, ":name" everything up to a slash, 100 rules, 2,000 characters a line, one "*" a rule; values of a header that
several rules set are joined), Netlify's headers parser (netlify/build, packages/headers-parser: a part of the path that
begins with ":" is one segment, "*" any text, case is ignored).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from registry_gen import paths
from registry_gen.shim.static import TERRAFORM_GET
from tests.support.sample_keys import DOWNLOAD, KEYS

if TYPE_CHECKING:
    from collections.abc import Callable

FOLDER: Final = Path(__file__).parents[2] / "deployments" / "static-hosts"
BY_EXTENSION: Final = {".json": "application/json", ".html": "text/html; charset=utf-8"}
"""What both hosts say of a file without a rule."""


def _rules(text: str) -> list[tuple[str, dict[str, str]]]:
    rules: list[tuple[str, dict[str, str]]] = []
    for line in text.splitlines():
        if line.startswith("/"):
            rules.append((line.strip(), {}))
        elif line.strip() and not line.startswith("#"):
            name, _, value = line.strip().partition(": ")
            assert value, line
            assert name not in rules[-1][1], line
            rules[-1][1][name] = value
    return rules


RULES: Final = _rules((FOLDER / "_headers").read_text(encoding="utf-8"))


def _on_cloudflare(pattern: str) -> re.Pattern[str]:
    escaped = re.escape(pattern).replace(r"\*", ".*").replace(r"\:", ":")
    return re.compile(re.sub(r":[A-Za-z]\w*", "[^/]+", escaped))


def _on_netlify(pattern: str) -> re.Pattern[str]:
    def part(text: str) -> str:
        if text.startswith(":"):
            return "([^/]+)"
        if text == "*":
            return "?(.*)"
        return text.replace("*", "(.*)") if "*" in text else re.escape(text)

    return re.compile("/" + "/".join(part(text) for text in pattern.split("/") if text) + "/?", re.IGNORECASE)


HOSTS: Final = {"cloudflare": _on_cloudflare, "netlify": _on_netlify}


@pytest.fixture(params=HOSTS)
def headers(request: pytest.FixtureRequest) -> Callable[[str], dict[str, str]]:
    """The headers that a host's file sets for a path, values of equal names joined as the hosts join them."""
    compiled = [(HOSTS[request.param](pattern), values) for pattern, values in RULES]

    def of(path: str) -> dict[str, str]:
        found: dict[str, str] = {}
        for pattern, values in compiled:
            if pattern.fullmatch(path):
                found = {**found, **{k: f"{found[k]}, {v}" if k in found else v for k, v in values.items()}}
        return found

    return of


@pytest.mark.parametrize("key", KEYS)
def test_a_key_gets_the_cache_rule_of_paths(headers: Callable[[str], dict[str, str]], key: str) -> None:
    said = headers(f"/{key}").get("Cache-Control")

    indistinct = re.fullmatch(r"v1/mirror/[^/]+/[^/]+/[^/]+/(?!index)[^/]+\.json", key)
    assert said == (None if indistinct else paths.rule(key).cache_control)


@pytest.mark.parametrize("key", KEYS)
def test_a_key_gets_its_content_type(headers: Callable[[str], dict[str, str]], key: str) -> None:
    said = headers(f"/{key}").get("Content-Type", BY_EXTENSION.get(Path(key).suffix))

    assert said == paths.rule(key).content_type


@pytest.mark.parametrize("key", KEYS)
def test_downloads_of_modules_carry_the_constant_header_and_nothing_else_does(
    headers: Callable[[str], dict[str, str]], key: str
) -> None:
    said = headers(f"/{key}")

    assert said.get("X-Terraform-Get") == (TERRAFORM_GET if key == DOWNLOAD else None)
    assert said["X-Content-Type-Options"] == "nosniff"


def test_the_page_that_cloudflare_serves_under_a_shorter_name_has_the_rule_of_the_page(
    headers: Callable[[str], dict[str, str]],
) -> None:
    said = headers(f"/{DOWNLOAD.removesuffix('download')}get")

    assert said["Cache-Control"] == paths.rule(DOWNLOAD).cache_control
    assert "X-Terraform-Get" not in said


def test_the_file_keeps_within_what_cloudflare_takes() -> None:
    text = (FOLDER / "_headers").read_text(encoding="utf-8")

    assert len(RULES) <= 100
    assert max(map(len, text.splitlines())) <= 2000
    for pattern, _ in RULES:
        named = re.findall(r":[A-Za-z]\w*", pattern)
        assert pattern.count("*") <= 1, pattern
        assert len(named) == len(set(named)), pattern


def test_no_placeholder_shares_its_segment_because_netlify_would_not_see_the_rest() -> None:
    segments = {part for pattern, _ in RULES for part in pattern.split("/") if ":" in part}

    assert all(re.fullmatch(r":[a-z]+", part) for part in segments)


def test_there_is_a_page_for_what_is_missing_or_cloudflare_would_answer_200() -> None:
    assert (FOLDER / "404.html").exists()

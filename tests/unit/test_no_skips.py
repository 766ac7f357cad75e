"""Our own suite: what is skipped on a developer's machine fails in CI."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

pytest_plugins = ("pytester",)

CONFTEST: Final = Path(__file__).parents[1] / "conftest.py"


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A suite under our conftest, in a folder of its own."""
    monkeypatch.setenv("PYTHONPATH", str(CONFTEST.parents[1]))
    pytester.makeconftest(CONFTEST.read_text(encoding="utf-8"))
    return pytester


SKIPS: Final = {
    "a test": "import pytest\n\ndef test_one():\n    pytest.skip('no server here')\n",
    "a mark": "import pytest\n\n@pytest.mark.skip(reason='no server here')\ndef test_one():\n    pass\n",
    "a file": "import pytest\n\npytest.skip('no server here', allow_module_level=True)\n",
    "an import": "import pytest\n\npytest.importorskip('a_package_that_nobody_has')\n",
}


@pytest.mark.parametrize("source", SKIPS.values(), ids=SKIPS)
def test_ci_fails_where_something_is_skipped(
    suite: pytest.Pytester, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")
    suite.makepyfile(source)

    result = suite.runpytest_subprocess()

    assert result.ret != 0
    result.stdout.fnmatch_lines(["*skipped, which CI does not allow*"])


def test_a_developer_may_skip(suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    suite.makepyfile(SKIPS["a test"], test_two="def test_two():\n    pass\n")

    suite.runpytest_subprocess().assert_outcomes(skipped=1, passed=1)


def test_an_expected_failure_is_no_skip(suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    suite.makepyfile("import pytest\n\n@pytest.mark.xfail\ndef test_one():\n    assert False\n")

    suite.runpytest_subprocess().assert_outcomes(xfailed=1)

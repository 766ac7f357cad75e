"""Our own suite: what is skipped on a developer's machine fails in CI."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

pytest_plugins = ("pytester",)

CONFTEST: Final = Path(__file__).parents[1] / "conftest.py"


SUITE: Final = {
    "test_call": "import pytest\n\ndef test_one():\n    pytest.skip('no server here')\n",
    "test_mark": "import pytest\n\n@pytest.mark.skip(reason='no server here')\ndef test_one():\n    pass\n",
    "test_file": "import pytest\n\npytest.skip('no server here', allow_module_level=True)\n",
    "test_import": "import pytest\n\npytest.importorskip('a_package_that_nobody_has')\n",
    "test_xfail": "import pytest\n\n@pytest.mark.xfail\ndef test_one():\n    assert False\n",
    "test_good": "def test_one():\n    pass\n",
}


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A suite under our conftest, in a folder of its own: four skips, an expected failure and a good test."""
    monkeypatch.setenv("PYTHONPATH", str(CONFTEST.parents[1]))
    pytester.makeconftest(CONFTEST.read_text(encoding="utf-8"))
    pytester.makepyfile(**SUITE)
    return pytester


def test_ci_fails_where_a_test_or_a_file_is_skipped(suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")

    result = suite.runpytest_subprocess("--continue-on-collection-errors")

    result.assert_outcomes(failed=1, errors=3, xfailed=1, passed=1)
    result.stdout.fnmatch_lines(["*skipped, which CI does not allow*"] * 4)


def test_a_developer_may_skip(suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)

    suite.runpytest_subprocess().assert_outcomes(skipped=4, xfailed=1, passed=1)

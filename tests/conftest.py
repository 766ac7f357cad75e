"""What every test shares: reproducible property tests, no silent skips in CI, a Terraform of each kind."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest

from tests.support.terraform import VERSIONS, Terraform

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

# A shell ignores Ctrl-C for what it starts in the background, CI perhaps, and processes that tests start inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The workers are measured; what they start is run here by other tests too, and measuring each of those costs minutes.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.pop("COVERAGE_PROCESS_CONFIG", None)

# Who publishes is in the audit log, and so in the log: it is the same on every machine and in every pipeline.
for forge in ("GITHUB_ACTIONS", "GITLAB_CI", "TF_BUILD", "BITBUCKET_BUILD_NUMBER"):
    os.environ.pop(forge, None)
os.environ["LOGNAME"] = "tester"

hypothesis.settings.register_profile("local", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "local")


OLDEST, NEWEST = VERSIONS


@pytest.fixture(
    params=[
        pytest.param(OLDEST, id=f"terraform-{OLDEST}", marks=pytest.mark.long),
        pytest.param(NEWEST, id=f"terraform-{NEWEST}"),
    ]
)
def terraform(request: pytest.FixtureRequest, tmp_path: Path) -> Terraform:
    """Each Terraform in turn, with a home folder of its own."""
    return Terraform(request.param, tmp_path / "terraform-home")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    """In CI a part that is missing fails; it is never skipped."""
    report = yield
    if os.environ.get("CI") and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, which CI does not allow: {item.nodeid}: {report.longrepr}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Generator[None, Any, Any]:
    """The same for whole files."""
    report = yield
    if os.environ.get("CI") and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"skipped, which CI does not allow: {collector.nodeid}: {report.longrepr}"
    return report

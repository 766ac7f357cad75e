"""Somebody who verifies a registry from outside, again and again, and keeps what was seen of its log.

outsider = Outsider(made, tmp_path / "state.json")
report = outsider("acme/network/aws")               # no address: the whole registry
found(report) == [("INS030", "v1/modules/…")]
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from registry_gen.inspect.reader import open_reader
from registry_gen.inspect.verify import Request, verify
from registry_gen.model.address import parse_address
from registry_gen.model.version import parse_version
from registry_gen.publish.progress import Silent
from tests.support.made_registry import MadeRegistry

if TYPE_CHECKING:
    from pathlib import Path

    from registry_gen.inspect.findings import Report
    from registry_gen.inspect.reader import Reader

NOW = datetime(2026, 2, 1, tzinfo=UTC)
NETWORK, WIDGET, RANDOM = "acme/network/aws", "acme/widget", "registry.example.net/hashicorp/random"
MODULE = "v1/modules/acme/network/aws"
PROVIDER = "v1/providers/acme/widget"
MIRROR = f"v1/mirror/{RANDOM}"


class Outsider:
    """Knows the log's key that the registry had at the beginning."""

    def __init__(self, made: MadeRegistry, state: Path) -> None:
        self.made = made
        self.state = state
        self.key = made.vkey

    def __call__(
        self, address: str | None = None, version: str | None = None, *, reader: Reader | None = None, **more: Any
    ) -> Report:
        more.setdefault("keys", (self.key,))
        request = Request(
            state=self.state,
            address=parse_address(address) if address else None,
            version=parse_version(version) if version else None,
            **more,
        )
        return verify(reader or open_reader(str(self.made.folder)), request, NOW, Silent())


def found(report: Report) -> list[tuple[str, str]]:
    """Code and place of every problem."""
    assert report.good == (not report.problems and report.complete)
    return [(problem.code.id, str(problem.position or problem.where)) for problem in report.problems]


def small_registry(folder: Path) -> MadeRegistry:
    """Two versions of a module, a provider for two platforms, and a mirror that lacks one of two platforms."""
    made = MadeRegistry(folder)
    made.module(NETWORK, "1.0.0")
    made.module(NETWORK, "1.1.0", {"main.tf": b"# more\n"})
    made.provider(WIDGET, "1.0.0", "linux_amd64", "darwin_arm64")
    made.mirror(RANDOM, "3.1.0", "linux_amd64", lacking=("windows_amd64",))
    made.write()
    return made

"""``doctor``: from configuration to a green list."""

from __future__ import annotations

from contextlib import ExitStack, closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import click

from registry_gen import wiring
from registry_gen.cli.show_doctor import results_json, results_text
from registry_gen.doctor.examination import Patient, examine_registry
from registry_gen.doctor.opened import Opened
from registry_gen.doctor.result import Outcome
from registry_gen.doctor.setup_checks import Setup

if TYPE_CHECKING:
    from registry_gen.cli.output import Output
    from registry_gen.doctor.result import Result
    from registry_gen.model.config import Config

_PHASE: Final = "Checks"
_OF_A_STORAGE: Final = 13
_OF_ALL: Final = 2 * _OF_A_STORAGE + 8
_OF_A_URL: Final = 16


@click.command(
    "doctor",
    short_help="Try whether everything is set up as it must be.",
    epilog="Example: registry-gen doctor --url https://registry.example.com/",
)
@click.option("--url", metavar="URL", help="The public URL: look at it as clients and caches see it.")
@click.pass_obj
def command(output: Output, url: str | None) -> int:
    """Try whether credentials, storages, ledger and keys are as they must be, and with --url what serves the bucket.

    Storages are tried with objects below scratch/, which are deleted in the end. Each failure says how to fix it on
    that platform. Exits 1 where anything failed.
    """
    config = wiring.read_settings(output.config)
    results: list[Result] = []
    with output.progress() as progress, ExitStack() as stack:
        progress.begin(_PHASE, _OF_ALL if url is None else _OF_ALL + _OF_A_URL)
        patient = Patient(
            setup=_setup(config, stack),
            private=Opened(lambda: wiring.open_storage(config.private)),
            url=None if url is None else f"{url.rstrip('/')}/",
            now=lambda: datetime.now(UTC),
        )
        # Closed in the end whatever happens: what the storages were tried with is deleted then.
        for result in stack.enter_context(closing(examine_registry(patient))):
            progress.step(_PHASE, f"{result.part}: {result.check}")
            results.append(result)
    good = not any(result.outcome is Outcome.FAILED for result in results)
    output.json(results_json(config, url, results))
    output.result(results_text(config, url, results))
    return 0 if good else 1


def _setup(config: Config, stack: ExitStack) -> Setup:
    return Setup(
        config=config,
        prepare_state=lambda: wiring.prepare_state(config.state),
        ledger=Opened(lambda: stack.enter_context(wiring.open_ledger(config))),
        public=Opened(lambda: wiring.open_storage(config.public)),
        keys={
            "the log's key": lambda: wiring.open_log_keys(config),
            "the key that signs sums": lambda: wiring.open_sums_key(config),
        },
    )

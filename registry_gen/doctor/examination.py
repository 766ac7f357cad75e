"""The whole examination, from configuration to a list of results."""

from __future__ import annotations

from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from registry_gen.doctor import codes
from registry_gen.doctor.client_checks import client_checks
from registry_gen.doctor.outside import Outside
from registry_gen.doctor.platforms import Platform, platform_of_place, platform_of_server
from registry_gen.doctor.private_checks import Private, exposure_check, open_asker, private_check
from registry_gen.doctor.result import Check, Outcome, Result, examine, not_tried
from registry_gen.doctor.samples import Samples, find_samples
from registry_gen.doctor.scratch import scratch
from registry_gen.doctor.setup_checks import addresses, setup_checks
from registry_gen.doctor.storage_checks import REACHED, Trial, cleanup_check, storage_checks
from registry_gen.doctor.url_checks import ANSWERS, url_checks
from registry_gen.errors import RegistryError, SourceError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from datetime import datetime

    from registry_gen.doctor.exchange import Asker
    from registry_gen.doctor.result import Verdict
    from registry_gen.doctor.scratch import Scratch
    from registry_gen.doctor.setup_checks import Setup
    from registry_gen.model.places import Place
    from registry_gen.storage import Storage

MACHINE: Final = "this machine"
PUBLIC: Final = "public storage"
PRIVATE: Final = "private storage"
SITE: Final = "public URL"

_NEEDED: Final = frozenset({codes.NO_ACCESS, codes.NOT_KEPT})
"""Where one of these fails, nothing else of the storage can be tried."""


@dataclass(frozen=True, slots=True)
class Patient:
    """What is examined: ``setup``, both storages, and the public ``url`` (ends in "/"), None to leave it out.

    ``private`` raises RegistryError where it cannot be opened, as everything in ``setup`` does.
    """

    setup: Setup
    private: Callable[[], Storage]
    url: str | None
    now: Callable[[], datetime]


def examine_registry(patient: Patient) -> Generator[Result, None, None]:
    """Every check that makes sense, one after another.

    What is tried with is deleted before this ends, also where the caller leaves it early and closes it. Raises
    InputError INS005 for a URL that is none.
    """
    config = patient.setup.config
    yield from examine(MACHINE, _this_machine, setup_checks(patient.setup))
    public = yield from _examine_storage(PUBLIC, patient, patient.setup.public, config.public)
    private = yield from _examine_storage(PRIVATE, patient, patient.private, config.private)
    if patient.url is not None and public:
        yield from _examine_url(patient, patient.url, with_private=private)
    elif patient.url is not None:
        yield Result(SITE, "it shows the public storage", Outcome.NOT_APPLICABLE, "not tried: the storage comes first")


def _examine_storage(
    part: str, patient: Patient, opened: Callable[[], Storage], place: Place
) -> Generator[Result, None, bool]:
    """Results of one storage; returns whether it can be written and read."""

    def platform() -> Platform:
        return platform_of_place(place)

    try:
        storage = opened()
    except RegistryError as error:
        yield from examine(part, platform, [Check(REACHED, codes.NO_ACCESS, partial(_raise, error))])
        return False
    works = reached = True
    with scratch(storage) as folder:
        trial = Trial(storage, folder, patient.now)
        checks = storage_checks(trial)
        if part == PRIVATE:
            private = Private(storage, place, folder, patient.setup.config.network)
            checks = (*checks, private_check(private))
        for result in examine(part, platform, checks):
            works = works and not (result.outcome is Outcome.FAILED and result.code in _NEEDED)
            reached = reached and not (result.outcome is Outcome.FAILED and result.code is codes.NO_ACCESS)
            yield result
        cleanup = cleanup_check(trial)
        yield from examine(part, platform, [cleanup]) if reached else [not_tried(part, cleanup, codes.NO_ACCESS)]
    return works


def _examine_url(patient: Patient, url: str, *, with_private: bool) -> Iterator[Result]:
    config = patient.setup.config
    try:
        asker = open_asker(url, config.network)
    except SourceError as error:
        yield from examine(SITE, _unknown, [Check(ANSWERS, codes.UNREACHABLE, partial(_raise, error))])
        return

    def platform() -> Platform:
        return platform_of_server(asker.last)

    with ExitStack() as stack:
        stack.enter_context(closing(asker))
        folder = stack.enter_context(scratch(patient.setup.public()))
        outside = _outside(patient, url, asker, folder)
        checks = [*url_checks(outside), *client_checks(outside)]
        if with_private:
            hidden = stack.enter_context(scratch(patient.private()))
            checks.append(exposure_check(Private(hidden.storage, config.private, hidden, config.network), asker, url))
        yield from examine(SITE, platform, checks)
        yield from examine(SITE, platform, [cleanup_check(Trial(folder.storage, folder, patient.now))])


def _outside(patient: Patient, url: str, asker: Asker, folder: Scratch) -> Outside:
    setup = patient.setup
    samples, without = Samples(), ""
    try:
        samples = find_samples(folder.storage, addresses(setup))
    except RegistryError as error:
        without = f"the ledger or the storage does not tell what is published: {error.code}"
    return Outside(
        url=url,
        site=setup.config.site,
        asker=asker,
        public=folder.storage,
        scratch=folder,
        now=patient.now,
        module_bytes=setup.config.limits.module_bytes,
        samples=samples,
        without=without,
    )


def _raise(error: RegistryError) -> Verdict:
    raise error


def _this_machine() -> Platform:
    return Platform.THIS_MACHINE


def _unknown() -> Platform:
    return Platform.UNKNOWN

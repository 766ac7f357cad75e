"""Whether this machine has what publishing needs, state folder, ledger and keys; and whether they fit the bucket."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Final

from pydantic import ValidationError

from registry_gen import paths
from registry_gen.doctor import codes
from registry_gen.doctor.result import NOT_TRIED, Check, Failed, NotApplicable, Ok
from registry_gen.errors import InputError, RegistryError, StorageError
from registry_gen.model.places import known_as
from registry_gen.publish.own_bucket import require_own_log, require_own_place
from registry_gen.render import shapes
from registry_gen.render.discovery import render_site
from registry_gen.signing.codes import LOST

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from registry_gen.doctor.result import Verdict
    from registry_gen.ledger import Ledger
    from registry_gen.model.address import Address
    from registry_gen.model.config import Config
    from registry_gen.storage import Storage

_ROOM: Final = 1_048_576
_SILENT: Final = f"{NOT_TRIED}the public storage below comes first"


@dataclass(frozen=True, slots=True)
class Setup:
    """What registry.yaml names; each callable raises RegistryError where the thing cannot be had.

    ``keys`` open a private key each without making one, by the name that people know it by.
    """

    config: Config
    prepare_state: Callable[[], None]
    ledger: Callable[[], Ledger]
    public: Callable[[], Storage]
    keys: Mapping[str, Callable[[], object]]


def setup_checks(setup: Setup) -> tuple[Check, ...]:
    """All checks of what is around the buckets."""
    return (
        Check("the state folder is ours, with room in it", codes.STATE, partial(state_folder, setup)),
        Check("the ledger answers", codes.LEDGER, partial(ledger_answers, setup)),
        Check(
            "the ledger's tables are those of this version",
            codes.MIGRATIONS,
            partial(migrated, setup),
            after=codes.LEDGER,
        ),
        *(
            Check(f"{name} can be read", codes.KEYS, partial(key_readable, setup, opened))
            for name, opened in setup.keys.items()
        ),
        Check("ledger and bucket belong together", codes.OTHER_BUCKET, partial(own_bucket, setup), after=codes.LEDGER),
        Check("the bucket was published for site.url", codes.OTHER_SITE, partial(own_site, setup)),
    )


def addresses(setup: Setup) -> frozenset[Address]:
    """Every package that was published; none where the ledger cannot tell."""
    ledger = setup.ledger()
    return frozenset() if ledger.pending() else frozenset(ledger.heads())


def state_folder(setup: Setup) -> Verdict:
    """Make it where it is missing, as every command does, and write a megabyte."""
    setup.prepare_state()
    try:
        with TemporaryFile(dir=setup.config.state) as file:
            file.write(bytes(_ROOM))
    except OSError as error:
        return Failed(f"a megabyte of room in {setup.config.state}", error.strerror or type(error).__name__)
    return Ok()


def ledger_answers(setup: Setup) -> Verdict:
    """Connect; old servers and other encodings are refused on the way."""
    setup.ledger().pending()
    return Ok()


def migrated(setup: Setup) -> Verdict:
    """Compare the tables with those that this version brings."""
    pending = setup.ledger().pending()
    return Failed("no migration to be run", ", ".join(pending)) if pending else Ok()


def key_readable(setup: Setup, opened: Callable[[], object]) -> Verdict:
    """Open a key; one of the registry's own making is made by the first publish."""
    try:
        opened()
    except InputError as error:
        if error.code is not LOST:
            raise
        try:
            published = addresses(setup)
        except RegistryError:
            return NotApplicable("there is none here; the ledger does not tell whether there was one")
        if published:
            raise
        return NotApplicable("the first publish makes it")
    return Ok()


def own_bucket(setup: Setup) -> Verdict:
    """Compare the place with the one that the ledger publishes to, and the log there with the ledger's."""
    ledger = setup.ledger()
    if ledger.pending():
        return NotApplicable("the ledger has no tables of this version yet")
    head = ledger.log_head()
    if not _tells(setup):
        return NotApplicable(_SILENT)
    require_own_place(head, known_as(setup.config.public, str(setup.config.root)))
    require_own_log(head, setup.public(), setup.config.site.log_origin)
    return Ok(f"a log of {head.stored_size}") if head.stored_size else NotApplicable("nothing is published yet")


def own_site(setup: Setup) -> Verdict:
    """Compare the discovery document in the bucket with what site.host and site.url make."""
    if not _tells(setup):
        return NotApplicable(_SILENT)
    found = setup.public().get(paths.DISCOVERY)
    if found is None:
        return NotApplicable("nothing is published yet")
    (expected,) = (_services(each.content) for each in render_site(setup.config.site) if each.key == paths.DISCOVERY)
    services = _services(found[0])
    return Ok(setup.config.site.url) if services == expected else Failed(expected, services)


def _tells(setup: Setup) -> bool:
    """Whether the public storage can be read at all; where not, its own checks say why."""
    try:
        setup.public().get(paths.DISCOVERY)
    except StorageError:
        return False
    return True


def _services(document: bytes) -> str:
    try:
        told = shapes.Discovery.model_validate_json(document)
    except ValidationError:
        return "no discovery document"
    return f"{told.modules} and {told.providers}"

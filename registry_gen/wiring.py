"""From configuration to adapters: the only place that names back ends.

Adapters are imported where they are opened: ``validate`` needs none of them, and is done before they would be loaded.
"""

from __future__ import annotations

import getpass
import os
import socket
import stat
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from registry_gen.catalog.codes import FOREIGN_STATE, NO_FOLDER
from registry_gen.catalog.config import load_config
from registry_gen.catalog.load import load_catalog, places_of, shown_folder, shown_path
from registry_gen.catalog.place_fields import place
from registry_gen.catalog.places import overlaps
from registry_gen.catalog.problems import in_order
from registry_gen.errors import InputError, LedgerError
from registry_gen.model.places import AzurePlace, FolderPlace, GcsPlace, S3Place
from registry_gen.model.purge import AzureFrontDoor, Cloudflare, CloudFront, Fastly, GoogleCdn, Webhook
from registry_gen.policy.satisfiable import unmeetable
from registry_gen.sources.files import read_catalog, read_registry_file
from registry_gen.sources.former_catalog import checked_out, read_former_catalog
from registry_gen.sources.git_command import GitCommand
from registry_gen.sources.identity import identity
from registry_gen.sources.reading_cache import keep_rows, known_rows
from registry_gen.verify.openpgp import parse_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from registry_gen.catalog.load import Loaded
    from registry_gen.edge.client import Client
    from registry_gen.edge.purge import Edge
    from registry_gen.errors import RegistryError
    from registry_gen.ledger import Ledger
    from registry_gen.ledger.postgres import PostgresLedger
    from registry_gen.model.address import Address
    from registry_gen.model.config import Config
    from registry_gen.model.entries import Catalog
    from registry_gen.model.facts import SigningKey
    from registry_gen.model.places import Place
    from registry_gen.model.purge import Purging
    from registry_gen.publish.look import Sources
    from registry_gen.publish.registry import Keys, Registry
    from registry_gen.signing.log import LogSigner
    from registry_gen.signing.openpgp import SumsSigner
    from registry_gen.sources.files import CatalogFile
    from registry_gen.storage import Storage


MADE_HERE: Final = ".made-here/.git"
"""An empty folder in a state folder that ``prepare_state`` made. A submodule is one after a checkout, but not in it."""


@dataclass(frozen=True, slots=True)
class Workspace:
    """A folder with registry.yaml and a catalog, as read; ``problems`` are those of the catalog.

    ``changed`` are the packages that differ from an earlier revision; None where all may. ``rules_changed`` says so of
    organizations and policies. ``reviewed`` are those of ``changed`` whose own file differs. ``uncommitted`` is the
    first file that is not as in the commit that is checked out, "" where all are, or where there is no git repository.
    """

    config: Config
    catalog: Catalog
    problems: tuple[RegistryError, ...]
    changed: frozenset[Address] | None = None
    uncommitted: str = ""
    rules_changed: bool = True
    reviewed: frozenset[Address] | None = None


def read_settings(path: Path) -> Config:
    """Read registry.yaml; raises InputError with every problem of it."""
    return load_config(read_registry_file(path), str(path), path.absolute().parent, os.environ)


def read_workspace(path: Path, since: str | None = None, *, keep: bool = False) -> Workspace:
    """Read registry.yaml and the catalog it names; raises InputError for problems of registry.yaml only.

    ``since`` is a revision of the catalog's repository to compare with; raises InputError GIT016 where there is none.
    What was read is kept in the state folder, so that the next reading parses only what is new; ``keep`` says that the
    folder may be made for that.
    """
    config = read_settings(path)
    git = GitCommand((), config.limits.git_seconds)
    files = read_catalog(config)
    found = checked_out(config, git, files)
    loaded = _load(config, files, found.commit, keep=keep)
    changes = (None, True, None) if since is None else _changed(path, since, config, files, loaded)
    uncommitted = shown_path(shown_folder(config), found.differs) if found.differs else ""
    problems = loaded.problems or in_order(unmeetable(loaded.catalog))
    return Workspace(config, loaded.catalog, problems, changes[0], uncommitted, *changes[1:])


def _load(config: Config, files: Sequence[CatalogFile], commit: str | None, *, keep: bool) -> Loaded:
    if keep:
        with suppress(InputError):  # whoever needs the folder for more says what is wrong with it
            prepare_state(config.state)
    ours = _is_own(config.state)
    known = known_rows(config) if ours else {}
    loaded = load_catalog(files, config, parse_key, commit, known)
    if ours and loaded.rows != known:
        keep_rows(config, loaded.rows)
    return loaded


def _changed(
    path: Path, since: str, config: Config, files: Sequence[CatalogFile], loaded: Loaded
) -> tuple[frozenset[Address] | None, bool, frozenset[Address] | None]:
    from registry_gen.catalog.changes import changed_packages, reviewed_packages, rules_changed

    git = GitCommand((), config.limits.git_seconds)
    former = read_former_catalog(config, git, since, (path.name, read_registry_file(path)), files)
    rules = rules_changed(former.files, files)
    if not former.same_registry:
        return None, rules, None
    changed = changed_packages(
        former.files,
        files,
        loaded.catalog,
        lambda before: load_catalog(before, config, parse_key, None, loaded.rows),
    )
    return changed, rules, reviewed_packages(former.files, files)


@contextmanager
def open_ledger(config: Config) -> Iterator[Ledger]:
    """The ledger that registry.yaml names, for as long as the block runs; its schema is brought up to date.

    Raises InputError CFG011 for a state folder that is not this registry's own.
    """
    from registry_gen.ledger.postgres import open_embedded, open_server

    prepare_state(config.state)
    notes = config.purge is not None
    ledger: PostgresLedger
    if config.ledger == "embedded":
        ledger = open_embedded(config.state / "postgres", notes_purges=notes)
    elif config.ledger == "bucket":
        from registry_gen.ledger.bucket import open_bucket

        who = identity(os.environ, user)
        owner = f"{who.actor} ({who.run_url or socket.gethostname()})"
        ledger = open_bucket(config.state / "ledger", open_storage(config.private), owner, notes_purges=notes)
    elif config.ledger.startswith("env:"):
        ledger = open_server(_dsn(config.ledger), notes_purges=notes)
    else:
        ledger = open_server(config.ledger, notes_purges=notes)
    with closing(ledger):
        yield ledger


def prepare_state(state: Path) -> None:
    """Make the state folder where it is missing; raise InputError CFG011 for one that somebody else may have filled.

    It holds private keys, databases and caches, and often lies in the catalog's repository, where a change under
    review may have brought it along. Git carries nothing called .git: such an empty folder tells what was made here.
    """
    mark = state / MADE_HERE
    with suppress(OSError):  # whoever needs the folder next says why it cannot be written
        state.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            state.mkdir(mode=0o700)
        if not state.is_symlink() and {entry.name for entry in state.iterdir()} <= {"lost+found"}:
            if state.stat().st_uid == os.geteuid():
                state.chmod(0o700)
            mark.mkdir(parents=True, exist_ok=True)
        _require_own(state, mark)
        ignore = state / ".gitignore"
        if not ignore.exists():
            ignore.write_text("# Private keys, the ledger, caches: made by registry-gen, never committed.\n*\n")


def _require_own(state: Path, mark: Path) -> None:
    found = os.lstat(state)
    reason = ""
    if not stat.S_ISDIR(found.st_mode):
        reason = "not a folder"
    elif found.st_uid != os.geteuid():
        reason = f"it belongs to user {found.st_uid}"
    elif found.st_mode & 0o022:
        reason = f"mode {stat.S_IMODE(found.st_mode):o}"
    elif not _is_empty_folder(mark):
        reason = f"without an empty folder {MADE_HERE}"
    if reason:
        raise InputError(FOREIGN_STATE, where=str(state), found=reason, hint=FOREIGN_STATE.fix)


def _is_own(state: Path) -> bool:
    """Whether there is a state folder that ``prepare_state`` made, so that what is in it can be believed."""
    try:
        _require_own(state, state / MADE_HERE)
    except (InputError, OSError):
        return False
    return True


def _is_empty_folder(path: Path) -> bool:
    return path.is_dir() and not (path.is_symlink() or path.parent.is_symlink()) and not any(path.iterdir())


def _dsn(reference: str) -> str:
    from registry_gen.ledger.codes import NO_DSN

    dsn = os.environ.get(reference.removeprefix("env:"), "")
    if not dsn:
        raise LedgerError(NO_DSN, where=reference, hint=NO_DSN.fix)
    return dsn


@contextmanager
def open_sources(config: Config) -> Iterator[Sources]:
    """The outside that the catalog names, for as long as the block runs; needs no secret of this registry."""
    from registry_gen.publish.look import Sources
    from registry_gen.sources.archives import Archives
    from registry_gen.sources.git import Git
    from registry_gen.sources.http import Fetcher
    from registry_gen.sources.releases import Releases
    from registry_gen.sources.upstream import Upstream

    fetcher, limits = Fetcher(config.network, config.limits), config.limits
    with closing(Git(config.state, config.network, limits)) as git:
        yield Sources(git, Archives(fetcher, limits), Releases(fetcher, limits), Upstream(fetcher))


@contextmanager
def open_registry(workspace: Workspace) -> Iterator[Registry]:
    """Everything a run works with, for as long as the block runs."""
    from registry_gen.publish.registry import Registry
    from registry_gen.publish.staging import Staging

    config = workspace.config
    who = identity(os.environ, user)
    with open_ledger(config) as ledger, open_sources(config) as sources:
        ledger.migrate()
        yield Registry(
            config=config,
            ledger=ledger,
            public=open_storage(config.public),
            sources=sources,
            staging=Staging(config.state / "staging"),
            actor=who.actor,
            run_url=who.run_url,
            open_edge=edge_opener(config),
        )


def edge_opener(config: Config) -> Callable[[], Edge] | None:
    """What makes the CDN that registry.yaml names, its time running from then on; None where it names none.

    Whoever we are to it is found out when it is first asked.
    """
    purging = config.purge
    return None if purging is None else partial(_open_edge, config, purging)


def _open_edge(config: Config, purging: Purging) -> Edge:
    from registry_gen.edge.client import Client
    from registry_gen.signing.keys import read_reference

    client = Client(config.network, purging.seconds, read_reference)
    return edge_of(purging, client, urlsplit(config.site.url).netloc)


def edge_of(purging: Purging, client: Client, host: str) -> Edge:
    """The CDN in front of ``host``, asked by ``client``."""
    match purging.cdn:
        case CloudFront() as options:
            from registry_gen.edge.cloudfront import cloudfront

            return cloudfront(options, client, purging.api)
        case Fastly() as options:
            from registry_gen.edge.fastly import fastly

            return fastly(options, client, purging.api, host)
        case Cloudflare() as options:
            from registry_gen.edge.cloudflare import cloudflare

            return cloudflare(options, client, purging.api, host)
        case GoogleCdn() as options:
            from registry_gen.edge.google import google

            return google(options, client, purging.api, host)
        case AzureFrontDoor() as options:
            from registry_gen.edge.azure import azure

            return azure(options, client, purging.api, host)
        case Webhook() as options:
            from registry_gen.edge.webhook import webhook

            return webhook(options, client, host)


@contextmanager
def without_cache(registry: Registry) -> Iterator[Registry]:
    """The registry with an empty cache of git repositories: what it reads, the source has today."""
    from tempfile import TemporaryDirectory

    from registry_gen.sources.git import Git

    config = registry.config
    with (
        TemporaryDirectory(prefix="sources-", dir=config.state) as folder,
        closing(Git(Path(folder), config.network, config.limits)) as git,
    ):
        yield replace(registry, sources=replace(registry.sources, git=git))


def open_keys(registry: Registry) -> Keys:
    """The registry's private keys; keys of its own are made where it never published.

    Raises InputError KEY001 to KEY006.
    """
    from registry_gen.publish.registry import Keys

    config = registry.config
    create = not any(head.revision for head in registry.ledger.heads().values())
    return Keys(
        sums=open_sums_key(config, create=create),
        log=open_log_keys(config, create=create),
    )


def open_log_keys(config: Config, *, create: bool = False) -> LogSigner:
    """The keys of the log; an own one is made only where ``create`` says that it may.

    Raises InputError KEY001 to KEY006, and CFG011 for a state folder that is not this registry's own.
    """
    from registry_gen.signing.log import open_log_signer

    prepare_state(config.state)
    refs = config.signing
    return open_log_signer(refs.log, config.state, config.site.log_origin, create=create, former=refs.former_log_keys)


def open_sums_key(config: Config, *, create: bool = False) -> SumsSigner:
    """The OpenPGP key that signs sums; an own one is made only where ``create`` says that it may.

    Raises InputError KEY001 to KEY006, and CFG011 for a state folder that is not this registry's own.
    """
    from registry_gen.signing.openpgp import open_sums_signer

    prepare_state(config.state)
    return open_sums_signer(config.signing.openpgp, config.state, config.site.host, create=create)


def registry_key(registry: Registry) -> SigningKey | None:
    """The certificate that this registry signs sums with, where its key is at hand; makes none."""
    try:
        return open_sums_key(registry.config).key
    except InputError:
        return None


def open_storage(place: Place) -> Storage:
    """The storage at a place of registry.yaml; the vendor's own library is imported here and nowhere before.

    Raises InputError or StorageError where its credentials cannot be read.
    """
    match place:
        case FolderPlace():
            from registry_gen.storage.file import FileStorage

            return FileStorage(Path(place.folder))
        case S3Place():
            from registry_gen.storage.s3 import S3Storage

            return S3Storage(place)
        case GcsPlace():
            from registry_gen.storage.gcs import GcsStorage

            return GcsStorage(place)
        case AzurePlace():
            from registry_gen.storage.azure import AzureStorage

            return AzureStorage(place)


def place_named(text: str, config: Config) -> Place:
    """The place of a text such as ``./folder`` or ``s3://bucket``, with the options that registry.yaml has for it.

    "public" and "private" are those of the file. Raises InputError CFG003 for what is no place.
    """
    own = {"public": config.public, "private": config.private}
    if text in own:
        return own[text]
    written = place(text, places_of(config))
    return next((known for known in own.values() if known.url == written.url), written)


def require_apart(config: Config, before: Place, after: Place, *, private: bool) -> None:
    """Raise InputError CFG004 where what is copied to ``after`` would lie in what it is copied from, or the like."""
    other = ("storage.public", config.public) if private else ("storage.private", config.private)
    named = {"TO": after, other[0]: other[1], **({"FROM": before} if before != after else {})}
    for error in overlaps(named, {"catalog": str(config.catalog), "state": str(config.state)}):
        raise error


def folder_of(place: Place) -> Path:
    """The folder of a place that is one; raises InputError CFG016 for a bucket."""
    if not isinstance(place, FolderPlace):
        raise InputError(NO_FOLDER, where=place.url, hint=NO_FOLDER.fix)
    return Path(place.folder)


def user() -> str:
    """The user of this machine who runs this."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"

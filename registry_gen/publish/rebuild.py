"""Making a published version again from its source, to compare: does the bucket hold what the source gives?

Nothing is written but the state folder's own temporary files, and no lock is taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from registry_gen.errors import RefusalError, RegistryError, StorageError
from registry_gen.extract.module import FileFact
from registry_gen.model.address import ModuleAddress
from registry_gen.model.facts import ModuleVersion, WithdrawalStage
from registry_gen.publish import codes
from registry_gen.publish.artifacts import read_record
from registry_gen.publish.module_source import pack_pinned, pin_again
from registry_gen.publish.registry import pool
from registry_gen.publish.remake import fetch_zip
from registry_gen.render.artifacts import version_artifacts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from registry_gen.model.address import Address
    from registry_gen.model.facts import MirrorVersion, ProviderPackage, ProviderVersion, VersionFacts
    from registry_gen.publish.module_source import PackedModule
    from registry_gen.publish.registry import Registry

Verdict = Literal["equal", "recompressed", "different", "unavailable"]

SHOWN_FILES: Final = 5


@dataclass(frozen=True, slots=True)
class Compared:
    """One thing that was made again: its digest as published, and as it came out now.

    ``rebuilt`` is None where nothing came out. Recompressed: the same files in other gzip bytes.
    """

    name: str
    verdict: Verdict
    published: str
    rebuilt: str | None


@dataclass(frozen=True, slots=True)
class FileDifference:
    """A file that is not as the record says; None on the side that does not have it."""

    path: str
    published: FileFact | None
    rebuilt: FileFact | None


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """How it ended. ``problems`` is empty where the source gives, and the bucket holds, what was published."""

    compared: tuple[Compared, ...]
    files: tuple[FileDifference, ...]
    problems: tuple[RegistryError, ...]


def rebuild(registry: Registry, address: Address, facts: VersionFacts) -> Rebuilt:
    """Make a version's archive again, or fetch its zips again, and compare with the ledger and with the bucket.

    Raises SourceError where a module's source is out of reach or no longer has what was published, RefusalError where
    it cannot be published any more. What is wrong with one platform's zip is a problem of that one.
    """
    found = _module(registry, address, facts) if isinstance(facts, ModuleVersion) else _zips(registry, address, facts)
    problems = (*found.problems, *_not_served(registry, address, facts))
    return Rebuilt(found.compared, found.files, problems)


def _module(registry: Registry, address: Address, facts: ModuleVersion) -> Rebuilt:
    where = f"{address} {facts.version}"
    if facts.tree is None:
        raise RefusalError(codes.NEVER_FETCHED, where=where, hint=codes.NEVER_FETCHED.fix)
    with registry.staging.file() as out:
        made = pack_pinned(registry, pin_again(registry.sources, facts), out, where)
    tree, archive = made.packed.tree, made.packed.sha256
    equal = tree == facts.tree and facts.archive in (None, archive)
    verdict, files, problems = ("equal", (), ()) if equal else _unlike(registry, facts, made, where)
    compared = [Compared("h1", "equal" if tree == facts.tree else "different", facts.tree, tree)]
    if facts.archive:
        compared.append(Compared("archive", verdict, facts.archive, archive))
    return Rebuilt(tuple(compared), files, problems)


def _unlike(
    registry: Registry, facts: ModuleVersion, made: PackedModule, where: str
) -> tuple[Verdict, tuple[FileDifference, ...], tuple[RegistryError, ...]]:
    """What other bytes mean: other files, or the same ones in other gzip bytes, as only the record can tell."""
    try:
        files = tuple(_differences(read_record(registry.public, facts), made))
    except StorageError as error:
        return "different", (), (_differs(facts, made, where, error.message), error)
    if not files and made.packed.tree == facts.tree:
        return "recompressed", (), ()
    return "different", files, (_differs(facts, made, where, _named(files)),)


def _differences(record: Mapping[str, Any], made: PackedModule) -> Iterator[FileDifference]:
    published = {each["path"]: FileFact(**each) for each in record["files"]}
    rebuilt = {file.path: file for file in made.contents.files}
    for path in sorted(published.keys() | rebuilt.keys()):
        if published.get(path) != rebuilt.get(path):
            yield FileDifference(path, published.get(path), rebuilt.get(path))


def _differs(facts: ModuleVersion, made: PackedModule, where: str, why: str) -> RefusalError:
    code = codes.REBUILT_DIFFERS
    return RefusalError(code, where=where, expected=f"{facts.tree}", found=f"{made.packed.tree}: {why}", hint=code.fix)


def _named(files: tuple[FileDifference, ...]) -> str:
    if not files:
        return "the files are those of the record, whose h1 the ledger does not have"
    names = ", ".join(f"{file.path} {_how(file)}" for file in files[:SHOWN_FILES])
    more = len(files) - SHOWN_FILES
    return f"{names} and {more} more" if more > 0 else names


def _how(file: FileDifference) -> str:
    if file.published is None:
        return "is new"
    return "differs" if file.rebuilt else "is missing"


def _zips(registry: Registry, address: Address, facts: ProviderVersion | MirrorVersion) -> Rebuilt:
    assert not isinstance(address, ModuleAddress)  # noqa: S101 - as its facts are

    def fetched(package: ProviderPackage) -> RegistryError | None:
        try:
            fetch_zip(registry, address, facts, package, None)
        except RegistryError as error:
            return error
        return None

    with pool(registry.limits.workers, "rebuild") as executor:
        outcomes = list(zip(facts.packages, executor.map(fetched, facts.packages), strict=True))
    compared = tuple(_zip(package, error) for package, error in outcomes)
    return Rebuilt(compared, (), tuple(error for _, error in outcomes if error))


def _zip(package: ProviderPackage, error: RegistryError | None) -> Compared:
    name = str(package.platform)
    if error is None:
        return Compared(name, "equal", package.zh, package.zh)
    if error.code is codes.WRONG_BYTES:
        return Compared(name, "different", package.zh, error.found)
    return Compared(name, "unavailable", package.zh, None)


def _not_served(registry: Registry, address: Address, facts: VersionFacts) -> Iterator[StorageError]:
    """What the bucket does not hold of a version, unless it was collected."""
    if facts.withdrawn and facts.withdrawn.stage is WithdrawalStage.COLLECTED:
        return
    for key, digest in version_artifacts(address, facts).items():
        found = registry.public.digest(key)
        if found != digest:
            hint = codes.NOT_SERVED.fix
            yield StorageError(codes.NOT_SERVED, where=key, expected=digest, found=found or "nothing", hint=hint)

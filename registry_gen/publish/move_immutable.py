"""Which immutable objects a copy of the registry must have: all that the ledger and the log refer to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from registry_gen import paths
from registry_gen.errors import RefusalError
from registry_gen.log.promised import NOTHING, promised
from registry_gen.log.tree import Tail, root
from registry_gen.model.address import parse_address
from registry_gen.model.digest import Sha256
from registry_gen.plan.collect import is_collected
from registry_gen.publish import codes
from registry_gen.publish.fsck import named_records
from registry_gen.publish.inventory import folders, log_objects, widths_of
from registry_gen.publish.listed import Listed, after
from registry_gen.publish.move_objects import Wanted
from registry_gen.render.artifacts import version_artifacts
from registry_gen.storage import Put

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from registry_gen.ledger import Inspection, KnownRecord, Ledger, LogHead, Publication
    from registry_gen.model.address import Address
    from registry_gen.publish.move_objects import Copier
    from registry_gen.publish.progress import Progress
    from registry_gen.storage import Stored

    Objects = Mapping[str, Stored]

PHASE: Final = "Copying packages"
_PACKAGES_AT_ONCE: Final = 200
_RECORDS_AT_ONCE: Final = 5_000
_TILES_AT_ONCE: Final = 500


def copy_packages(copier: Copier, ledger: Ledger, addresses: Sequence[Address], progress: Progress) -> list[Stored]:
    """Copy what versions of all packages consist of, beside one listing of each storage; records come after them.

    Gives what the target holds beyond that.
    """
    progress.begin(PHASE, len(addresses))
    by_prefix = {folders(address)[0]: address for address in addresses}
    prefixes = sorted(by_prefix)
    here, there = Listed(copier.source.list("v1/")), Listed(copier.target.list("v1/"))
    surplus: list[Stored] = []
    for start in range(0, len(prefixes), _PACKAGES_AT_ONCE):
        some = prefixes[start : start + _PACKAGES_AT_ONCE]
        bound = prefixes[start + len(some)] if start + len(some) < len(prefixes) else None
        known = [by_prefix[prefix] for prefix in some]
        surplus += _copy_some(copier, ledger, known, here.before(bound), there.before(bound))
        for address in known:
            progress.step(PHASE, str(address))
    return surplus + _copy_records(copier, ledger)


def copy_again(copier: Copier, ledger: Ledger, addresses: Sequence[Address]) -> list[Stored]:
    """The same for a few packages, which were changed since; their records too."""
    surplus: list[Stored] = []
    for address in addresses:
        prefix = folders(address)[0]
        here = {stored.key: stored for stored in copier.source.list(prefix)}
        there = {stored.key: stored for stored in copier.target.list(prefix)}
        surplus += _copy_some(copier, ledger, [address], here, there)
        with ledger.inspection() as known:
            package = known.packages([address]).get(address)
        versions = package.versions if package else ()
        records = [_record(facts.record, needed=not is_collected(facts)) for facts in versions]
        heads = {one.key: (copier.source.head(one.key), copier.target.head(one.key)) for one in records}
        copier.copy(
            records,
            {key: stored for key, (stored, _) in heads.items() if stored},
            {key: stored for key, (_, stored) in heads.items() if stored},
        )
    return surplus


def still_surplus(copier: Copier, ledger: Ledger, surplus: Sequence[Stored]) -> list[Stored]:
    """Those of the objects beyond what was to be copied that are needed now neither; of records those that the source
    does not have: what was collected there must not stay here.
    """
    by_key = {stored.key: stored for stored in surplus}
    owners = {owner for key in by_key if (owner := paths.owner(key))}
    with ledger.inspection() as known:
        needed = set(_wanted(known, [parse_address(owner) for owner in sorted(owners)], by_key))
    needed |= {key for key in by_key if key.startswith("records/") and copier.source.head(key)}
    return [stored for key, stored in by_key.items() if key not in needed]


def copy_log(copier: Copier, publication: Publication, head: LogHead) -> None:
    """Put tiles and bundles as the ledger's entries make them; those of earlier sizes where the source has them."""
    here = {stored.key for stored in copier.source.list("log/tile/")}
    there = {stored.key: stored for stored in copier.target.list("log/tile/")}
    puts: list[Put] = []
    for item in log_objects(head.tail.size, publication.log_entries, widths_of(here)):
        if isinstance(item, Tail):
            if root(item) != root(head.tail):
                code = codes.LEDGER_DIFFERS
                copier.problems.append(RefusalError(code, where="log/tile/", hint=code.fix))
        elif item.body is not None and item.sha256 and (item.key in here or not item.optional):
            stored = there.get(item.key)
            if stored and stored.sha256 == item.sha256:
                copier.kept += 1
            else:
                puts.append(Put(item.key, item.body, item.sha256))
        if len(puts) >= _TILES_AT_ONCE:
            copier.put(puts)
            puts = []
    copier.put(puts)


def _copy_some(
    copier: Copier, ledger: Ledger, addresses: Sequence[Address], here: Objects, there: Objects
) -> list[Stored]:
    with ledger.inspection() as known:
        wanted = _wanted(known, addresses, here)
    copier.copy(wanted.values(), here, there)
    return [stored for key, stored in there.items() if key not in wanted and _is_immutable(key)]


def _wanted(known: Inspection, addresses: Sequence[Address], here: Objects) -> Mapping[str, Wanted]:
    """Archives, zips, sums, signatures and statements of packages; and what is ``here`` that the log has named of their
    versions, such as the sums of before.
    """
    packages = known.packages(addresses)
    live = [(package, facts) for package in packages.values() for facts in package.versions if not is_collected(facts)]
    wanted = {
        key: Wanted(key, digest)
        for package, facts in live
        for key, digest in version_artifacts(package.head.address, facts).items()
    }
    others = {paths.owner(key) for key in here if key not in wanted and _is_immutable(key)}
    more = [address for address in packages if str(address) in others]
    named = promised(known.log_entries_of(more)) if more else {}
    former = {
        key
        for package, facts in live
        for key in named.get((package.head.address, facts.version), NOTHING).artifacts
        if key in here and key not in wanted
    }
    return {**wanted, **{key: Wanted(key, _named_digest(key), optional=True) for key in sorted(former)}}


def _copy_records(copier: Copier, ledger: Ledger) -> list[Stored]:
    """Records in order of their digests, beside both listings; at last those that the log alone still names."""
    here, there = Listed(copier.source.list("records/")), Listed(copier.target.list("records/"))
    others: dict[str, Stored] = {}
    surplus: dict[str, Stored] = {}
    with ledger.inspection() as known:
        for some, bound in _chunks(known.records()):
            ours, theirs = here.before(bound), there.before(bound)
            wanted = {one.key: one for one in some if one.key in ours or not one.optional}
            copier.copy(wanted.values(), ours, theirs)
            others |= {key: stored for key, stored in ours.items() if key not in wanted}
            surplus |= {key: stored for key, stored in theirs.items() if key not in wanted}
        named = named_records(known, others.keys()) if others else set()
    copier.copy(
        [_record(Sha256(key.rpartition("/")[2]), needed=False) for key in sorted(named)],
        {key: others[key] for key in named},
        {key: surplus[key] for key in named if key in surplus},
    )
    return [stored for key, stored in surplus.items() if key not in named and _is_immutable(key)]


def _chunks(records: Iterator[KnownRecord]) -> Iterator[tuple[list[Wanted], str | None]]:
    """Some records at a time, each once, and the key before which they all are; None behind the last ones."""
    some: dict[str, Wanted] = {}
    bound = after("records/")
    for record in records:
        one = _record(record.digest, needed=record.needed)
        if one.key not in some and len(some) >= _RECORDS_AT_ONCE:
            yield list(some.values()), one.key
            some = {}
        if one.key not in some or record.needed:
            some[one.key] = one
    yield list(some.values()), bound


def _record(digest: Sha256, *, needed: bool) -> Wanted:
    return Wanted(paths.record(digest), digest, optional=not needed)


def _named_digest(key: str) -> Sha256 | None:
    """The digest that sums and signatures have in their names."""
    name = key.rpartition("/")[2]
    return Sha256(name[:64]) if "_SHA256SUMS" in name else None


def _is_immutable(key: str) -> bool:
    try:
        return paths.rule(key).immutable
    except ValueError:
        return False

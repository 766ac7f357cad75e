"""A saved plan, and holding a new plan to it: nothing is published from it but what it showed.

The plan is made anew from catalog, sources and ledger; the saved one can only take away from it. So a saved plan that
somebody forged publishes nothing that the catalog does not say.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from pydantic import ValidationError

from registry_gen.errors import InputError, RefusalError
from registry_gen.model.address import parse_address
from registry_gen.model.plan import MirrorProvider, PackagePlan, Plan, PublishModule, PublishProvider
from registry_gen.plan import codes
from registry_gen.plan.as_json import action_json
from registry_gen.plan.review import state_digest
from registry_gen.plan.shapes import ActionShape, PackageShape, PlanShape

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from registry_gen.model.address import Address
    from registry_gen.model.entries import Catalog
    from registry_gen.model.plan import Action, Refusal

MAX_SAVED: Final = 64_000_000
"""Bytes of a saved plan; one of 100,000 versions has some 30 MB."""

_SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class Saved:
    """What was shown: for which registry, and by address what would be done there."""

    site: str
    packages: Mapping[Address, PackageShape]


def read_saved(data: bytes, where: str) -> Saved:
    """Read a plan that was saved as JSON; raises InputError PLN041 for anything else."""
    try:
        shape = PlanShape.model_validate_json(data)
    except ValidationError as problem:
        first = problem.errors(include_url=False, include_input=False)[0]
        found = ": ".join([*([".".join(map(str, first["loc"]))] if first["loc"] else []), first["msg"]])
        raise InputError(codes.NO_PLAN, where=where, found=found[:200], hint=codes.NO_PLAN.fix) from None
    packages: dict[Address, PackageShape] = {}
    for package in shape.packages:
        try:
            address = parse_address(package.address)
        except InputError as error:
            raise InputError(codes.NO_PLAN, where=where, found=error.message[:200], hint=codes.NO_PLAN.fix) from None
        if address.kind != package.kind or address in packages:
            found = f"{package.kind} {package.address}, twice or of another kind"
            raise InputError(codes.NO_PLAN, where=where, found=found[:200], hint=codes.NO_PLAN.fix)
        packages[address] = package
    return Saved(shape.site, packages)


def part_of(catalog: Catalog, saved: Saved, site: str) -> Catalog:
    """The entries that a saved plan is about; those that are gone are missed by ``hold``.

    Raises InputError PLN042 for the plan of another registry.
    """
    if saved.site != site:
        expected, found = f"a plan of {site}", saved.site
        raise InputError(codes.OTHER_REGISTRY, expected=expected, found=found, hint=codes.OTHER_REGISTRY.fix)
    entries = {address: entry for address, entry in catalog.entries.items() if address in saved.packages}
    return replace(catalog, entries=entries, whole=False, gone=frozenset())


def hold(saved: Saved, made: Plan, catalog: Catalog) -> Plan:
    """``made``, which was planned anew for the saved packages, less what is new since.

    A version or a platform that appeared since waits for the next run. Raises RefusalError PLN040, with every
    difference, where anything that was shown would not be done exactly so, or something else would be done too.
    """
    packages = {package.address: package for package in made.packages}
    refused: dict[Address, list[Refusal]] = {}
    for refusal in made.refusals:
        refused.setdefault(refusal.address, []).append(refusal)
    moved = [
        f"{address}: {what}"
        for address, shown in saved.packages.items()
        for what in _moved(shown, packages.get(address), catalog, address, refused.get(address, ()))
    ]
    if moved:
        raise _stale(moved)
    return replace(made, packages=tuple(_held(saved.packages[each.address], each) for each in packages.values()))


def _moved(
    shown: PackageShape, made: PackagePlan | None, catalog: Catalog, address: Address, refusals: Iterable[Refusal]
) -> Iterator[str]:
    """In which a package is not as it was when it was shown; the first cause alone, since others follow from it."""
    entry = catalog.entries.get(address)
    if entry is None:
        yield "it is not in the catalog, or waits for a run that was cut off"
    elif entry.digest != shown.entry:
        yield "its catalog file, or a shared file that it depends on, is another"
    elif made is None:
        yield from [f"{each.error.code.id} {each.error.message}" for each in refusals] or [
            "nothing is left to do: it is as the catalog says"
        ]
    elif made.base != shown.revision:
        yield f"it was published meanwhile: revision {shown.revision} was shown, and it is at {made.base}"
    elif state_digest(entry, made.state) != shown.state:
        yield "what clients would be told of it is not what was shown"
    else:
        yield from _other_actions(shown, made, list(refusals))


def _other_actions(shown: PackageShape, made: PackagePlan, refusals: list[Refusal]) -> Iterator[str]:
    now = [_shape(action) for action in made.actions]
    there, known = set(map(_said_whole, now)), set(map(_said_whole, shown.actions))
    for before in shown.actions:
        if _said_whole(before) in there:
            continue
        why = [each for each in refusals if str(each.version) == before.version or each.version is None]
        found = next((each for each in now if each.version == before.version and each.action == before.action), None)
        if why:
            yield f"{_said(before)}: {why[0].error.code.id} {why[0].error.message}"
        else:
            yield f"{_said(before)} was shown, and now it would be {_said(found) if found else 'left alone'}"
    for action, shape in zip(made.actions, now, strict=True):
        if _said_whole(shape) not in known and not _can_wait(action):
            yield f"{_said(shape)} would be done too, and was not shown"


def _can_wait(action: Action) -> bool:
    """Whether nothing else in the plan depends on it: a new version or platform."""
    return isinstance(action, PublishModule | PublishProvider | MirrorProvider) and not action.rehost


def _held(shown: PackageShape, made: PackagePlan) -> PackagePlan:
    known = set(map(_said_whole, shown.actions))
    kept = tuple(action for action in made.actions if _said_whole(_shape(action)) in known)
    # With something left for later, the next run must look again.
    return replace(made, actions=kept, inputs=made.inputs if len(kept) == len(made.actions) else None)


def _shape(action: Action) -> ActionShape:
    return ActionShape.model_validate(action_json(action))


def _said_whole(action: ActionShape) -> str:
    """All that it says, to be looked for: thousands of actions that are compared one by one take minutes."""
    return action.model_dump_json()


def _said(action: ActionShape) -> str:
    digest = (action.commit or action.sha256 or action.sums or "")[:12]
    seen = ", ".join([*([digest] if digest else []), *(action.platforms or ())[:_SHOWN]])
    parts = [action.action, action.version or "", f"({seen})" if seen else ""]
    return " ".join(part for part in parts if part)


def _stale(moved: list[str]) -> RefusalError:
    more = [f"and {len(moved) - _SHOWN} more"] if len(moved) > _SHOWN else []
    return RefusalError(codes.STALE, found="\n".join([*moved[:_SHOWN], *more]), hint=codes.STALE.fix)

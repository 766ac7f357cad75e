"""Deprecations, withdrawals and retention as the model has them, and the problems between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry_gen.catalog import codes
from registry_gen.catalog.package_shapes import MirrorFile
from registry_gen.errors import InputError
from registry_gen.model.address import parse_address
from registry_gen.model.entries import Retention, WithdrawalRule
from registry_gen.model.facts import Deprecation

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from registry_gen.catalog.check import Checked
    from registry_gen.catalog.package_shapes import ModuleFile, ProviderFile
    from registry_gen.catalog.rule_shapes import DeprecationShape, RetentionShape, WithdrawalShape
    from registry_gen.errors import RegistryError
    from registry_gen.model.address import Address
    from registry_gen.model.version import Constraints

    PackageFile = ModuleFile | ProviderFile | MirrorFile
    CheckedPackage = Checked[ModuleFile] | Checked[ProviderFile] | Checked[MirrorFile]


@dataclass(frozen=True, slots=True)
class Rules:
    """What a package's file says of published versions, and what is wrong with it."""

    deprecated: tuple[Deprecation, ...]
    withdrawn: tuple[WithdrawalRule, ...]
    retention: Retention | None
    problems: tuple[RegistryError, ...]


def read_rules(address: Address, checked: CheckedPackage, values: PackageFile) -> Rules:
    """The rules of the package at ``address``; ``values`` are those of ``checked``."""
    deprecated = () if isinstance(values, MirrorFile) else deprecations(values.deprecated)
    withdrawn = withdrawals(values.withdrawn)
    kept = _retention(values.retention)
    problems = (
        *_deprecation_problems(address, checked, deprecated),
        *_repeated(checked, "withdrawn", withdrawn),
        *_retention_problems(checked, values, kept),
    )
    return Rules(deprecated, withdrawn, kept, problems)


def deprecations(written: str | tuple[DeprecationShape, ...]) -> tuple[Deprecation, ...]:
    """The warnings in the file's order; text alone is one about every version."""
    if isinstance(written, str):
        return (Deprecation(written),)
    return tuple(
        Deprecation(rule.message, str(rule.replacement) if rule.replacement else "", rule.versions) for rule in written
    )


def withdrawals(written: tuple[WithdrawalShape, ...]) -> tuple[WithdrawalRule, ...]:
    """The withdrawals in the file's order."""
    return tuple(WithdrawalRule(rule.versions, rule.reason) for rule in written)


def say_versions(versions: Constraints | None) -> str:
    """The versions of a rule in a sentence."""
    return "every version" if versions is None else f"the versions {versions}"


def _retention(written: RetentionShape) -> Retention | None:
    if written.latest is None and written.prerelease_days is None:
        return None
    return Retention(written.latest, written.prerelease_days)


def _deprecation_problems(
    address: Address, checked: CheckedPackage, rules: tuple[Deprecation, ...]
) -> Iterator[RegistryError]:
    yield from _repeated(checked, "deprecated", rules)
    if checked.lost("deprecated"):
        return
    for index, rule in enumerate(rules):
        other = parse_address(rule.replacement) if rule.replacement else None
        if other is None or (other.kind == address.kind and other != address):
            continue
        yield InputError(
            codes.BAD_REPLACEMENT,
            expected=f"the address of another {address.kind}",
            found="the package itself" if other == address else f"that of a {other.kind}",
            hint=codes.BAD_REPLACEMENT.fix,
            position=checked.position("deprecated", index, "replacement"),
        )


def _retention_problems(
    checked: CheckedPackage, values: PackageFile, rule: Retention | None
) -> Iterator[RegistryError]:
    if "retention" in values.model_fields_set and rule is None and not checked.lost("retention"):
        detail = "retention needs the key latest or prerelease_days"
        hint = codes.MISSING_KEY.fix
        yield InputError(codes.MISSING_KEY, detail, hint=hint, position=checked.position("retention"))


def _repeated(
    checked: CheckedPackage, key: str, rules: Iterable[Deprecation | WithdrawalRule]
) -> Iterator[RegistryError]:
    if checked.lost(key):
        return  # the rules that are left do not stand where the file has them
    first: dict[Constraints | None, int] = {}
    for index, rule in enumerate(rules):
        earlier = first.setdefault(rule.versions, index)
        if earlier != index:
            yield InputError(
                codes.TWO_RULES,
                f"two rules of {key} are about {say_versions(rule.versions)}",
                hint=f"The first is on line {checked.position(key, earlier).line}. {codes.TWO_RULES.fix}",
                position=checked.position(key, index, "versions"),
            )

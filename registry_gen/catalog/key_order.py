"""The order in which the keys of a file are written: that of the shapes, which is the one of docs/configuration.md."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from registry_gen.catalog.package_shapes import ARCHIVES, GIT, MirrorFile, ModuleFile, ProviderFile
from registry_gen.catalog.policy_shapes import PolicyFile
from registry_gen.catalog.shapes import NamespaceFile, OrganizationFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from registry_gen.catalog.shapes import Shape


@dataclass(frozen=True, slots=True)
class Order:
    """Keys in their order, and the order inside of those that hold mappings."""

    keys: tuple[str, ...] = ()
    inside: Mapping[str, Order] = field(default_factory=dict)

    def sorted(self, keys: Iterable[str]) -> tuple[str, ...]:
        """The keys in their order; those that it does not know stay behind them as they were."""
        rank = {key: index for index, key in enumerate(self.keys)}
        return tuple(sorted(keys, key=lambda key: rank.get(key, len(rank))))


def _order(shape: type[Shape]) -> Order:
    inside = {key: _order(inner) for key, inner in shape.inside.items() if key in shape.model_fields}
    return Order(tuple(shape.model_fields), inside)


def _module() -> Order:
    """Of a source's two forms only one is there, so that one order serves both."""
    order = _order(ModuleFile)
    forms = [_order(ModuleFile.inside[form]) for form in (GIT, ARCHIVES)]
    source = Order(tuple(key for form in forms for key in form.keys))
    return Order(order.keys, {**order.inside, "source": source})


ORDERS: Final[Mapping[str, Order]] = {
    "module": _module(),
    "provider": _order(ProviderFile),
    "mirror": _order(MirrorFile),
    "namespace": _order(NamespaceFile),
    "organization": _order(OrganizationFile),
    "policy": _order(PolicyFile),
}
"""By what a file is about."""

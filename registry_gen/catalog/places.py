"""What the two storages of registry.yaml must be together, and with its other keys: places -> problems."""

from __future__ import annotations

import posixpath
from itertools import combinations
from typing import TYPE_CHECKING, Final

from registry_gen.catalog import codes
from registry_gen.catalog.place_fields import (
    AZURE_TIERS,
    GCS_CLASSES,
    S3_CLASSES,
    require_class,
    require_google,
    require_safe_endpoint,
)
from registry_gen.catalog.problems import at
from registry_gen.errors import InputError
from registry_gen.model.places import AzurePlace, FolderPlace, GcsPlace, S3Place

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from registry_gen.errors import Position, RegistryError
    from registry_gen.model.places import Place

_CLASSES: Final = {S3Place: S3_CLASSES, GcsPlace: GCS_CLASSES, AzurePlace: AZURE_TIERS}


def option_problems(
    place: Place, allowed: Collection[str], position: Callable[[str], Position]
) -> Iterator[RegistryError]:
    """Options that do not fit each other or the ``allowed`` networks; ``position`` says where an option stands."""
    if isinstance(place, FolderPlace):
        return
    endpoints = {"endpoint": place.endpoint}
    if isinstance(place, S3Place):
        endpoints["sts_endpoint"] = place.sts_endpoint
    for name, url in endpoints.items():
        try:
            require_safe_endpoint(url or "https://", allowed)
            if isinstance(place, GcsPlace) and url and not place.anonymous:
                require_google(url)
        except InputError as error:
            yield at(error, position(name))
    if place.endpoint:
        return  # who speaks a vendor's language need not have the vendor's classes
    for name, given in {"artifact_class": place.artifact_class, "document_class": place.document_class}.items():
        try:
            require_class(given or _CLASSES[type(place)][0], _CLASSES[type(place)])
        except InputError as error:
            yield at(error, position(name))


def overlaps(places: Mapping[str, Place], folders: Mapping[str, str]) -> Iterator[InputError]:
    """Storages and folders of which one lies in the other, where that would publish or overwrite something.

    ``places`` are the storages by their key, ``folders`` the catalog's and the state's. ``where`` of each error is the
    key that is at fault.
    """
    named = {**{key: _address(place) for key, place in places.items()}, **{k: ("", v) for k, v in folders.items()}}
    for (outer, (outer_host, outer_path)), (inner, (inner_host, inner_path)) in combinations(named.items(), 2):
        if outer_host != inner_host or outer not in places:
            continue
        # Storages may well lie in the state folder; the state folder may not lie in what is published.
        if _holds(outer_path, inner_path) or (inner != "state" and _holds(inner_path, outer_path)):
            yield InputError(codes.OVERLAP, f"{outer} and {inner} overlap", where=outer, hint=codes.OVERLAP.fix)


def _address(place: Place) -> tuple[str, str]:
    """What a place shares with others, and its path there.

    A bucket's name counts, not its endpoint: one server has many names, and Google's storage speaks S3 as well.
    """
    match place:
        case FolderPlace():
            return "", place.folder
        case AzurePlace():
            return f"az://{place.account}/{place.container}", f"/{place.prefix}".rstrip("/") or "/"
        case _:
            return f"bucket://{place.bucket}", f"/{place.prefix}".rstrip("/") or "/"


def _holds(outer: str, inner: str) -> bool:
    return posixpath.commonpath((outer, inner)) == outer

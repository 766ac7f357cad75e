"""A proposed package, checked against the catalog, shown to a person, and written where no file is."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from registry_gen.catalog.identity import package_path
from registry_gen.catalog.layout_files import NewFile
from registry_gen.catalog.load import load_catalog, shown_folder, shown_path
from registry_gen.catalog.new_package import NewModule, package_text
from registry_gen.catalog.problems import ProblemsError
from registry_gen.catalog.yaml_reader import read_yaml
from registry_gen.cli import codes
from registry_gen.cli.add_look import Found
from registry_gen.cli.confirm import confirmed
from registry_gen.cli.edit_catalog import require_good
from registry_gen.errors import InputError, RegistryError, printable
from registry_gen.sources.files import read_catalog
from registry_gen.sources.new_files import write_new_files
from registry_gen.verify.openpgp import parse_key

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry_gen.cli.add_key import NewKey
    from registry_gen.cli.output import Output
    from registry_gen.model.address import Address
    from registry_gen.model.config import Config
    from registry_gen.sources.files import CatalogFile

_GROUP = 4


def require_new(config: Config, address: Address) -> Mapping[str, bytes | RegistryError]:
    """The catalog's files by path; raises InputError CLI941 where one of them is the package's already."""
    known = dict(read_catalog(config))
    path = package_path(address)
    if path in known:
        where = shown_path(shown_folder(config), path)
        raise InputError(codes.THERE_ALREADY, where=where, hint=codes.THERE_ALREADY.fix)
    return known


def namespace_has_keys(known: Mapping[str, bytes | RegistryError], namespace: str) -> bool:
    """Whether the namespace's file names keys for providers that name none."""
    data = known.get(f"namespaces/{namespace}.yaml")
    root = read_yaml(data, "").root if isinstance(data, bytes) else None
    return root is not None and "signing_keys" in root.entries


def with_known_key(found: Found, known: Mapping[str, bytes | RegistryError]) -> Found:
    """What was found, with the key's file that the catalog has already, where it has one of that key."""
    if found.key is None or isinstance(found.package, NewModule):
        return found
    for path, data in known.items():
        if path.endswith(".asc") and _fingerprint(data) == found.key.key.fingerprint:
            there = path.removeprefix("keys/")
            return Found(replace(found.package, keys=(there,)), replace(found.key, path=there))
    return found


def _fingerprint(data: bytes | RegistryError | None) -> str:
    """Of the key in a file; "" where there is none."""
    try:
        return parse_key(data.decode(errors="replace"), "").fingerprint if isinstance(data, bytes) else ""
    except RegistryError:
        return ""


def write_package(
    output: Output,
    config: Config,
    known: Mapping[str, bytes | RegistryError],
    found: Found,
    *,
    yes: bool,
    dry_run: bool,
) -> int:
    """Show what would be written, ask, and write it; the exit status.

    Raises ProblemsError where the catalog would have a problem in these files, or one of them is there by now.
    """
    files = _files(config, found, known)
    changed: list[CatalogFile] = [*known.items(), *((file.path, file.data) for file in files)]
    shown = {file.path: shown_path(shown_folder(config), file.path) for file in files}
    require_good(load_catalog(changed, config, parse_key, None).problems, set(shown.values()))
    _show(output, found, {shown[file.path]: file.data for file in files})
    agreed = not dry_run and confirmed(output, "Write this?", yes=yes)
    if agreed:
        _write(config, files)
        output.say("Written. Look at it, see what 'registry-gen plan' says, and open a pull request.")
    output.json(
        {
            "address": str(found.package.address),
            "written": sorted(shown.values()) if agreed else [],
            "files": {shown[file.path]: file.data.decode() for file in files},
            "key": _key_json(found.key) if found.key else None,
        }
    )
    return 0 if agreed or dry_run else 1


def _files(config: Config, found: Found, known: Mapping[str, bytes | RegistryError]) -> Sequence[NewFile]:
    """The key's file first, so that nobody sees a package without its key; a key that is there already is left out."""
    files = [NewFile(package_path(found.package.address), package_text(found.package, shown_folder(config)))]
    if found.key:
        key = NewFile(f"keys/{found.key.path}", found.key.key.armor.encode())
        if _fingerprint(known.get(key.path)) != found.key.key.fingerprint:
            files.insert(0, key)
    return files


def _write(config: Config, files: Sequence[NewFile]) -> None:
    looked = write_new_files(config.catalog, files, dry_run=True)
    if looked.problems:
        raise ProblemsError(looked.problems)
    problems = write_new_files(config.catalog, files).problems
    if problems:
        raise ProblemsError(problems)


def _show(output: Output, found: Found, files: Mapping[str, bytes]) -> None:
    for path, data in files.items():
        if path.endswith(".yaml"):
            output.result(click.style(f"{printable(path)}:", bold=True))
            output.result("\n".join(f"  {printable(line)}" for line in data.decode().splitlines()))
    if found.key:
        output.result("\n".join(_key_lines(found.key, files)))


def _key_lines(key: NewKey, files: Mapping[str, bytes]) -> Sequence[str]:
    """The fingerprint in groups, as publishers print it on their pages."""
    fingerprint = key.key.fingerprint
    groups = " ".join(fingerprint[start : start + _GROUP] for start in range(0, len(fingerprint), _GROUP))
    there = "" if any(path.endswith(key.path) for path in files) else ", which the catalog has already"
    return (
        click.style(f"The publisher's key, keys/{key.path}{there}:", bold=True),
        f"  fingerprint  {groups}",
        f"  from         {printable(key.origin)}",
        "  It signed the newest release. Whether it is the publisher's, only the publisher can say: compare it with",
        "  what they print elsewhere.",
    )


def _key_json(key: NewKey) -> Mapping[str, str]:
    return {"path": key.path, "fingerprint": key.key.fingerprint, "origin": key.origin}

"""The publisher's key of a provider that is to be added: found, tried on the newest release, shown, never trusted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from registry_gen.catalog.new_package import key_file
from registry_gen.cli import codes
from registry_gen.errors import InputError, RefusalError
from registry_gen.verify.openpgp import parse_key, verify_detached

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from registry_gen.model.address import Address
    from registry_gen.model.facts import SigningKey

_MAX_KEY_BYTES: Final = 256 * 1024


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key file to write at ``path`` beneath keys/; ``origin`` says who gave it."""

    path: str
    key: SigningKey
    origin: str


@dataclass(frozen=True, slots=True)
class Signed:
    """A release's sums and their signature."""

    sums: bytes
    signature: bytes
    where: str


def given_keys(files: Sequence[Path]) -> list[tuple[SigningKey, str]]:
    """The keys of files, each with where it is from; raises InputError CLI949, RefusalError SIG001 to SIG006."""
    keys = []
    for file in files:
        try:
            with file.open("rb") as opened:
                text = opened.read(_MAX_KEY_BYTES).decode(errors="replace")
        except OSError as error:
            found = error.strerror or type(error).__name__
            raise InputError(codes.NO_KEY_FILE, where=str(file), found=found, hint=codes.NO_KEY_FILE.fix) from None
        keys.append((parse_key(text, str(file)), str(file)))
    return keys


def offered_keys(armors: Sequence[str], host: str) -> list[tuple[SigningKey, str]]:
    """The keys that a registry gives, without those that the key policy refuses.

    Raises RefusalError SIG001 to SIG006 where it refuses all of them.
    """
    keys = []
    refused: list[RefusalError] = []
    for armor in armors:
        try:
            keys.append((parse_key(armor, host), f"the registry {host}"))
        except RefusalError as error:
            refused.append(error)
    if refused and not keys:
        raise refused[0]
    return keys


def key_that_signed(address: Address, keys: Sequence[tuple[SigningKey, str]], release: Signed, now: datetime) -> NewKey:
    """The one of the keys that signed a release.

    Raises InputError CLI945 where there is no key, RefusalError CLI946 where none of them did.
    """
    if not keys:
        raise InputError(codes.KEY_NEEDED, where=str(address), hint=codes.KEY_NEEDED.fix)
    try:
        signer = verify_detached(release.sums, release.signature, [key for key, _ in keys], release.where, now)
    except RefusalError as error:
        raise RefusalError(
            codes.KEY_DOES_NOT_SIGN, where=release.where, found=error.message, hint=codes.KEY_DOES_NOT_SIGN.fix
        ) from None
    key, origin = next(each for each in keys if each[0].fingerprint == signer)
    return NewKey(key_file(address, key.fingerprint), key, origin)

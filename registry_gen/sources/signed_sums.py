"""The signed sums of a provider's version, and which of the keys that are offered signed them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry_gen.errors import RefusalError, RegistryError
from registry_gen.verify.openpgp import parse_key, verify_detached
from registry_gen.verify.sums import parse_sums

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from registry_gen.model.digest import Sha256
    from registry_gen.model.facts import SigningKey


@dataclass(frozen=True, slots=True)
class SignedSums:
    """What the sums say by file name, and the key that signed them."""

    files: Mapping[str, Sha256]
    signer: SigningKey


def read_signed(sums: bytes, signature: bytes, keys: Sequence[SigningKey], where: str, now: datetime) -> SignedSums:
    """Check the signature, then read the sums; raises RefusalError SIG0xx or SUM0xx."""
    signer = verify_detached(sums, signature, keys, where, now)
    key = next(key for key in keys if key.fingerprint == signer)
    return SignedSums(parse_sums(sums, where), key)


def usable_keys(armors: Iterable[str], where: str) -> tuple[SigningKey, ...]:
    """The keys that the key policy takes; raises RefusalError SIG001 to SIG006 where it takes none of them."""
    keys: dict[str, SigningKey] = {}
    refusals: list[RegistryError] = []
    for armor in armors:
        try:
            key = parse_key(armor, where)
            keys.setdefault(key.fingerprint, key)
        except RefusalError as error:
            refusals.append(error)
    if refusals and not keys:
        raise refusals[0]
    return tuple(keys.values())

"""Which keys of the log are believed: those a person gave, and those that the log itself named under a believed one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry_gen.errors import InputError, RefusalError
from registry_gen.inspect import codes
from registry_gen.log.note import parse_verifier_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from registry_gen.inspect.remembered import Kept


@dataclass(frozen=True, slots=True)
class Trust:
    """Verifier keys of one log: ``keys`` are believed, ``retired`` ones were replaced and may be in other hands."""

    keys: tuple[str, ...]
    retired: tuple[str, ...] = ()

    @property
    def all_keys(self) -> tuple[str, ...]:
        """Every key that is or was the log's: what was signed long ago may carry a retired one."""
        return (*self.keys, *self.retired)

    def learn(self, logged: tuple[str, ...] | None, kept: Kept | None) -> Trust:
        """What to believe from now on, where the log named ``logged`` as its keys: the present one, then former ones.

        A former key goes on to sign for a while, but the present one signs too: so former ones are not needed any
        more. Keys that a person gave and that the log does not name stay, as they may be newer. Raises RefusalError
        LOG007 for an entry that names something else than keys of this log.
        """
        if not logged:
            return self
        origin = parse_verifier_key(self.all_keys[0])[0]
        for key in logged:
            name = parse_verifier_key(key)[0]
            if name != origin:
                raise RefusalError(codes.OTHER_LOG, where="key-changed entry of the log", expected=origin, found=name)
        present, *former = logged
        if kept and present not in kept.keys:
            former += kept.keys
        retired = [key for key in dict.fromkeys((*self.retired, *former)) if key != present]
        keys = [key for key in dict.fromkeys((present, *self.keys)) if key not in retired]
        return Trust(tuple(keys), tuple(retired))


def trust_of(given: Sequence[str], kept: Kept | None) -> Trust:
    """What to believe at first: what a person gave and what was kept, but nothing that was retired.

    Raises InputError INS001 where nothing is left, INS002 for keys of several logs, LOG007 for what is no key.
    """
    retired = kept.retired if kept else ()
    keys = [key for key in dict.fromkeys((*(kept.keys if kept else ()), *given)) if key not in retired]
    names = {_name(key) for key in (*keys, *given)}
    if kept:
        names.add(kept.signed.checkpoint.origin)
    if len(names) > 1:
        raise InputError(codes.OTHER_LOG, found=" and ".join(sorted(names)), hint=codes.OTHER_LOG.fix)
    if not keys:
        found = "only keys that the log itself replaced" if given else ""
        raise InputError(codes.NO_KEY, found=found, hint=codes.NO_KEY.fix)
    return Trust(tuple(keys), retired)


def _name(key: str) -> str:
    try:
        return parse_verifier_key(key)[0]
    except RefusalError as error:
        raise InputError(error.code, where="--key", expected=error.expected, found=error.found) from None

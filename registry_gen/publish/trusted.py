"""What may be mended: nothing by what the ledger says where its own log says something else.

Whoever can write to the database can make good documents look wrong. The log was promised to everybody, and is compared
with the bucket's: where both disagree with the rows, a person has to look.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from registry_gen import paths
from registry_gen.errors import LedgerError
from registry_gen.publish import codes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from registry_gen.publish.findings import Finding

ALL: Final = ""
"""In place of an address: the log itself is in doubt, and with it every package."""

_BEHIND: Final = "No repair is made while the ledger is behind the bucket: see PUB040 first."
_DENIED: Final = "Nothing of this is repaired while the ledger contradicts its own log: see PUB038 first."


def untrue(findings: Iterable[Finding]) -> Mapping[str, LedgerError]:
    """The packages, as text, of which the ledger says what its log denies, and what to tell people about each."""
    found: dict[str, LedgerError] = {}
    for finding in findings:
        owner = _doubted(finding)
        if owner is not None:
            found.setdefault(owner, _why(owner, finding))
    return found


def trusted(findings: Sequence[Finding]) -> Sequence[Finding]:
    """The findings that may be mended by what the ledger says."""
    denied = untrue(findings)
    if ALL in denied:
        return []
    return [finding for finding in findings if _owner(finding) not in denied]


def certain(findings: Sequence[Finding]) -> Sequence[Finding]:
    """The findings that are true of the bucket: where the ledger is in doubt, or older, good objects look wrong."""
    return [] if _is_behind(findings) else trusted(findings)


def hints(findings: Sequence[Finding]) -> Sequence[str]:
    """What to do about each of the findings: a repair is no help where it would refuse, or leave all as it is."""
    behind, denied = _is_behind(findings), untrue(findings)

    def hint(finding: Finding) -> str:
        if finding.code in (codes.LOG_AHEAD, codes.FOREIGN) or _doubted(finding) is not None:
            return finding.hint
        if behind:
            return _BEHIND
        return _DENIED if ALL in denied or _owner(finding) in denied else finding.hint

    return [hint(finding) for finding in findings]


def _is_behind(findings: Iterable[Finding]) -> bool:
    return any(finding.code is codes.LOG_AHEAD for finding in findings)


def _doubted(finding: Finding) -> str | None:
    if finding.code is not codes.LEDGER_DIFFERS:
        return None
    if finding.key == paths.CHECKPOINT:
        return ALL
    return str(finding.address) if finding.untrue else None


def _owner(finding: Finding) -> str:
    return str(finding.address) if finding.address else paths.owner(finding.key) or "-"


def _why(owner: str, finding: Finding) -> LedgerError:
    what = f"of {owner}" if owner else "at all"
    return LedgerError(
        codes.LEDGER_DIFFERS,
        f"nothing {what} was mended: what the ledger says of it is not what its log promised",
        where=owner or finding.key,
        expected=finding.expected,
        found=finding.found,
        hint=codes.LEDGER_DIFFERS.fix,
    )

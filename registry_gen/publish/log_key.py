"""Which key the log stands under: asked before anything is planned, and again before anything is signed.

Only whoever holds the key that the log is known by may bring another one in, or a person who says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from registry_gen.errors import InputError, RefusalError
from registry_gen.log.entries import log_key_changed
from registry_gen.log.note import parse_checkpoint, parse_verifier_key
from registry_gen.model.intent import AuditRow
from registry_gen.publish import codes

if TYPE_CHECKING:
    from registry_gen.ledger import LogHead, Publication
    from registry_gen.model.intent import Run


class CheckpointSigner(Protocol):
    """Holds the log's private keys: the present one, and former ones that sign beside it."""

    @property
    def name(self) -> str:
        """The log's origin."""

    @property
    def vkeys(self) -> tuple[str, ...]:
        """The verifier keys of all that it signs with, the present one first."""

    def sign_checkpoint(self, size: int, root: bytes) -> bytes:
        """The signed note for a log of ``size`` entries with this 32-byte root."""


def settle_log_key(publication: Publication, signer: CheckpointSigner, run: Run, accepted: str | None) -> bool:
    """Have the log stand under the signer's present key; whether that is a change, which is logged and audited then.

    Changed is the key only where the one that the log is known by signs too, or where ``accepted`` names the present
    one. Raises InputError PUB012 where neither is so, PUB013 where ``accepted`` names another key.
    """
    present = signer.vkeys[0]
    if accepted not in (None, present):
        found = f"{accepted}, where the log would be signed with {present}"
        raise InputError(codes.NOT_ACCEPTED, where="--accept-log-key", found=found, hint=codes.NOT_ACCEPTED.fix)
    head = publication.log_head()
    known = _known(head, signer)
    if known in (None, present):
        return False
    if known not in signer.vkeys and not accepted:
        raise _other(known, signer)
    entry = log_key_changed(signer.name, signer.vkeys, run.catalog_commit, run.at)
    row = AuditRow(
        actor=run.actor,
        action="rotate-log-key" if known in signer.vkeys else "accept-log-key",
        address=signer.name,
        before={"key": known},
        after={"keys": list(signer.vkeys)},
        catalog_commit=run.catalog_commit,
        run_url=run.run_url,
        at=run.at,
    )
    publication.change_log_key(head.key, present, entry, row)
    return True


def require_log_key(publication: Publication, head: LogHead, signer: CheckpointSigner) -> None:
    """The log must stand under the signer's present key before that signs; a log without a key gets it.

    Raises InputError PUB012 where it stands under another one.
    """
    present = signer.vkeys[0]
    known = _known(head, signer)
    if known not in (None, present):
        raise _other(known, signer)
    if head.key is None:
        publication.adopt_log_key(present)


def require_settled(head: LogHead, signer: CheckpointSigner, where: str) -> None:
    """The bucket's newest checkpoint must be one by the signer's present key; an empty log needs none.

    Raises InputError PUB014 where the log stands under another key, or its newest checkpoint is not in the bucket.
    """
    present, known = signer.vkeys[0], _known(head, signer)
    if head.tail.size and (known != present or head.stored_size != head.tail.size):
        expected, found = f"a checkpoint of {head.tail.size} entries by {present}", f"one of {head.stored_size}"
        raise InputError(
            codes.NOT_SETTLED,
            where=where,
            expected=expected,
            found=f"{found} by {known or 'a key that is not known'}",
            hint=codes.NOT_SETTLED.fix,
        )


def _known(head: LogHead, signer: CheckpointSigner) -> str | None:
    """The verifier key that the log is known by: as the ledger says, or as the last checkpoint tells.

    None where nothing was signed yet; "" where none of the signer's keys has signed the last checkpoint.
    """
    if head.key is not None or head.checkpoint is None:
        return head.key
    return next((vkey for vkey in signer.vkeys if _signed(head.checkpoint, vkey)), "")


def _signed(checkpoint: bytes, vkey: str) -> bool:
    try:
        parse_checkpoint(checkpoint, *parse_verifier_key(vkey))
    except RefusalError:
        return False
    return True


def _other(known: str | None, signer: CheckpointSigner) -> InputError:
    hint = codes.OTHER_LOG_KEY.fix
    if known in signer.vkeys:
        hint = "Run registry-gen publish first: it logs that the key changes."
    return InputError(
        codes.OTHER_LOG_KEY,
        where=signer.name,
        expected=known or "a key that signed the last checkpoint",
        found=signer.vkeys[0],
        hint=hint,
    )

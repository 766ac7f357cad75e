"""``ledger audit``: who did what, and whether that was altered."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
import orjson

from registry_gen import wiring
from registry_gen.cli.complete import complete_address
from registry_gen.cli.output import counted
from registry_gen.errors import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from registry_gen.cli.output import Output
    from registry_gen.ledger import Ledger
    from registry_gen.ledger.audit import StoredAuditRow, VerifiedAudit

_SHOWN_ROWS: Final = 50
_SHOWN_CHANGES: Final = 12
_SHOWN_VALUE: Final = 60


@click.group("audit")
def audit() -> None:
    """Read, export and verify the audit log: who did what, when, in which pipeline."""


@audit.command(
    "list",
    short_help="Show the newest rows.",
    epilog="Example: registry-gen ledger audit list --address acme/network/aws",
)
@click.option(
    "--address", metavar="ADDRESS", shell_complete=complete_address, help="Only what was done to this package."
)
@click.option(
    "--limit", metavar="N", type=click.IntRange(min=1), default=_SHOWN_ROWS, show_default=True, help="At most N rows."
)
@click.pass_obj
def list_rows(output: Output, address: str | None, limit: int) -> None:
    """Show the newest rows of the audit log, newest first."""
    from registry_gen.ledger.audit_export import as_json

    with _ledger(output) as ledger:
        rows = ledger.audit_rows(address, limit)
    output.json({"rows": [as_json(row) for row in rows]})
    output.result("\n".join(_lines(rows)) or "Nothing was done yet.")


@audit.command(
    "export", short_help="Write all rows as JSON lines.", epilog="Example: registry-gen ledger audit export audit.jsonl"
)
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option("--force", is_flag=True, help="Replace FILE where it is there already.")
@click.pass_obj
def export(output: Output, file: Path | None, force: bool) -> None:
    """Write every row of the audit log to FILE or stdout: a line of JSON for each, with all columns and hashes."""
    from registry_gen.ledger.audit_export import line
    from registry_gen.ledger.whole_file import new_file

    with _ledger(output) as ledger:
        if file is None:
            for row in ledger.audit_log():
                click.echo(line(row), nl=False)
            return
        with new_file(file, overwrite=force) as out:
            rows = 0
            for row in ledger.audit_log():
                out.write(line(row).encode())
                rows += 1
    output.json({"file": str(file), "rows": rows})
    output.result(f"Exported {counted(rows, 'row')} to {file}.")


@audit.command(
    "verify",
    short_help="Recompute the chain of hashes.",
    epilog="Example: registry-gen ledger audit verify audit.jsonl",
)
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.pass_obj
def verify(output: Output, file: Path | None) -> None:
    """Recompute the chain of hashes, and compare it with what the transparency log says of it; name the first row that
    was altered.

    With FILE, verify an export instead: by itself, and against the log where there is a registry.yaml.
    """
    if file is None:
        with _ledger(output) as ledger:
            verified = ledger.verify_audit()
    else:
        verified = _verified_file(output, file)
    output.json(
        {
            "first": verified.first,
            "last": verified.seq,
            "hash": verified.hash,
            "anchors": verified.anchors,
            "unchecked": verified.unchecked,
            "lost": [list(rows) for rows in verified.lost],
        }
    )
    output.result(_verified_text(verified))


def _verified_file(output: Output, file: Path) -> VerifiedAudit:
    from registry_gen.ledger.audit_export import verify_file

    if not output.config.exists():
        output.say(f"There is no {output.config}: the file is verified by itself, not against the transparency log.")
        return verify_file(file, None)
    with _ledger(output) as ledger:
        anchors = ledger.audit_anchors()
    return verify_file(file, anchors)


@contextmanager
def _ledger(output: Output) -> Iterator[Ledger]:
    with wiring.open_ledger(wiring.read_settings(output.config)) as ledger:
        ledger.migrate()
        yield ledger


def _lines(rows: Iterable[StoredAuditRow]) -> Iterator[str]:
    for row in rows:
        number = click.style(f"{row.seq:>6}", dim=True)
        yield f"{number}  {row.at:%Y-%m-%d %H:%M:%S}  {printable(row.action)} {click.style(row.address, bold=True)}"
        by = f"by {row.actor}" + (f", {row.run_url}" if row.run_url else "")
        yield f"        {printable(by)}"
        change = _change(row)
        if change:
            yield f"        {printable(change)}"


def _change(row: StoredAuditRow) -> str:
    """What is other than before, as ``name value``: each is cut by itself, so that no long one hides the others."""
    before, after = orjson.loads(row.before), orjson.loads(row.after)
    changed = [(name, value) for name, value in after.items() if name not in before or before[name] != value]
    text = ", ".join(f"{_cut(name)} {_cut(_plain(value))}" for name, value in changed[:_SHOWN_CHANGES])
    return f"{text}, …" if len(changed) > _SHOWN_CHANGES else text


def _plain(value: object) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN_VALUE else f"{text[:_SHOWN_VALUE]}…"


def _verified_text(verified: VerifiedAudit) -> str:
    rows = counted(verified.seq - sum(last - first + 1 for first, last in verified.lost), "row")
    text = f"The audit log is whole: {rows}, {verified.anchors} of them named by the log."
    for first, last in verified.lost:
        text += f" Rows {first} to {last} were lost before the ledger was rebuilt."
    if verified.unchecked:
        text += f" The log names {counted(verified.unchecked, 'later row')}."
    return text

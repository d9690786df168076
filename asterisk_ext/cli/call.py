"""``asterisk-ext call``: calls in progress, and recordings of them."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from ari_apps.recording import read
from asterisk_ext.domain.call_legs import Row
from asterisk_ext.domain.errors import Refusal
from asterisk_ext.domain.live_calls import LiveCalls


@click.group()
def call() -> None:
    """Calls in progress."""


@call.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--at",
    type=click.FloatRange(min=0),
    default=None,
    help="Stop that many seconds after the first event; default: the end.",
)
@click.option("--server", default=None, help="The server's name, as the rows are to bear it.")
@click.option("--json", "as_json", is_flag=True, help="One JSON array instead of a table.")
def replay(file: Path, at: float | None, server: str | None, as_json: bool) -> None:
    """Print the calls as they were at a moment of a recorded ARI event stream."""
    rows = rows_at(file, at, server)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(rows), indent=2))
    else:
        click.echo(table(rows))


def rows_at(file: Path, at: float | None, server: str | None) -> list[Row]:
    """The rows after all events up to ``at`` seconds after the first; at the end of the recording where it is None."""
    calls = LiveCalls(server)
    first: float | None = None
    now = 0.0
    for received, event in read(file):
        first = received if first is None else first
        if at is not None and received > first + at:
            break
        now = max(now, received)
        if event is not None:
            calls.apply(event, now)
    calls.expire(now if first is None or at is None else first + at)
    return calls.rows()


def table(rows: list[Row]) -> str:
    """The rows as text, a line a leg."""
    lines = [_line("LINKED ID", "CHANNEL", "STATE", "NUMBER", "DIALLED / ANSWERER", "CODECS")]
    for row in rows:
        origin = row["origin"]
        codecs = " ".join(origin["codecs"])
        lines.append(
            _line(row["linkedid"], origin["channel"], origin["state"], origin["caller"], origin["dialled"], codecs)
        )
        for leg in row["destinations"]:
            codecs = " ".join(leg["codecs"])
            lines.append(_line("", "  " + leg["channel"], leg["state"], leg["name"], leg["answerer"] or "", codecs))
    return "\n".join(lines)


def _line(*cells: str) -> str:
    widths = (20, 32, 8, 16, 20, 0)
    printable = ("".join(c if c.isprintable() else "�" for c in cell) for cell in cells)
    return " ".join(cell.ljust(width) for cell, width in zip(printable, widths, strict=True)).rstrip()


def main() -> None:
    """This group alone, refusals on standard error."""
    try:
        call()
    except Refusal as refusal:
        problem = {"error_id": refusal.error_id, "what": refusal.what, "remedy": refusal.remedy}
        click.echo(msgspec.json.encode(problem), err=True)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()

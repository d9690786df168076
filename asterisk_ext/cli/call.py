"""``asterisk-ext call``: calls in progress, and recordings of them."""

from __future__ import annotations

from pathlib import Path

import click

from ari_apps.recording import read
from asterisk_ext.cli.options import as_json, show_json, show_table
from asterisk_ext.domain.call_legs import Row
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
@as_json
def replay(file: Path, at: float | None, server: str | None, as_json: bool) -> None:
    """Print the calls as they were at a moment of a recorded ARI event stream."""
    rows = rows_at(file, at, server)
    if as_json:
        show_json(rows)
    else:
        show_rows(rows)


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


def show_rows(rows: list[Row]) -> None:
    """A table with a line a leg."""
    lines: list[list[object]] = []
    for row in rows:
        origin = row["origin"]
        codecs = " ".join(origin["codecs"])
        lines.append([row["linkedid"], origin["channel"], origin["state"], origin["caller"], origin["dialled"], codecs])
        for leg in row["destinations"]:
            codecs = " ".join(leg["codecs"])
            lines.append(["", f"  {leg['channel']}", leg["state"], leg["name"], leg["answerer"] or "", codecs])
    heads = ["LINKED ID", "CHANNEL", "STATE", "CALLER", "DIALLED, ANSWERER", "CODECS"]
    show_table(heads, [[_printable(cell) for cell in line] for line in lines])


def _printable(cell: object) -> str:
    return "".join(character if character.isprintable() else "�" for character in str(cell))

"""``asterisk-ext call``: calls in progress, and recordings of them."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import click
import msgspec

from ari_apps.recording import read
from asterisk_ext import config
from asterisk_ext.cli.options import as_json, ask, settings, show_json, show_table
from asterisk_ext.domain.call_rows import Row
from asterisk_ext.domain.live_calls import LiveCalls
from asterisk_ext.services.times import iso
from asterisk_ext.tasks import Tasks

if TYPE_CHECKING:
    from asterisk_ext.cli.call_stream import Table


@click.group()
def call() -> None:
    """Calls in progress."""


@call.command("list")
@settings
@click.option("--watch", is_flag=True, help="Show every change as it happens, until interrupted.")
@as_json
def list_(settings: Path, watch: bool, as_json: bool) -> None:
    """The calls in progress on every server that answers, a line a leg, the newest first."""
    if watch:
        socket = str(Path(config.load(settings).node.run) / "admin.sock")
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(_watch(socket, as_json))
    elif as_json:
        show_json(ask(settings, "GET", "calls"))
    else:
        show_rows(ask(settings, "GET", "calls"))


async def _watch(socket: str, as_json: bool) -> None:
    # Only who watches waits until a client for the web is loaded.
    from asterisk_ext.cli.call_stream import Table, follow

    table, changed = Table(), asyncio.Event()
    async with Tasks() as tasks:
        tasks.start("screen", _draw(table, changed, as_json))
        await follow(socket, table, changed)


async def _draw(table: Table, changed: asyncio.Event, as_json: bool) -> None:
    """The table whenever it has changed, five times a second at most; as JSON one table a line."""
    while True:
        await changed.wait()
        changed.clear()
        if as_json:
            click.echo(msgspec.json.encode(table.rows()))
        else:
            click.clear()
            show_rows(table.rows())
            if not table.sure:
                click.echo("Not sure: out of touch with Asterisk, these are the calls last known.")
            if table.late:
                click.echo(
                    f"Some seconds late, more happens than Asterisk can tell of at once: {', '.join(table.late)}."
                )
        await asyncio.sleep(0.2)


@call.command()
@settings
@click.argument("linkedid")
@as_json
def show(settings: Path, linkedid: str, as_json: bool) -> None:
    """The call LINKEDID with how each leg's audio fares; – where Asterisk has no figure."""
    detail = ask(settings, "GET", f"calls/{quote(linkedid, safe='')}")
    if as_json:
        show_json(detail)
        return
    show_rows([detail["call"]])
    click.echo()
    heads = ["CHANNEL", "RECEIVED", "SENT", "LOST", "LOSS %", "JITTER MS", "ROUND TRIP MS", "MES"]
    show_table(heads, [["–" if cell is None else _printable(cell) for cell in leg.values()] for leg in detail["media"]])


@call.command()
@settings
@click.argument("linkedid")
@click.option("--yes", is_flag=True, help="Do not ask; a script is never asked.")
def hangup(settings: Path, linkedid: str, yes: bool) -> None:
    """End every leg of the call LINKEDID; a call to an emergency number is refused."""
    if not yes and sys.stdin.isatty():
        click.confirm(f"Hang up the call {linkedid}?", abort=True)
    ask(settings, "POST", f"calls/{quote(linkedid, safe='')}/hangup", {})
    click.echo(f"{linkedid} was hung up")


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


@call.command("erase-blocked")
@settings
@click.argument("pbx", type=int)
def erase_blocked(settings: Path, pbx: int) -> None:
    """Erase this server's list of one virtual PBX's blocked calls; the counts stay."""
    click.echo(f"{ask(settings, 'DELETE', f'blocked-calls/{pbx}')['calls']} erased")


@call.command()
@settings
@click.option("--pbx", type=int, help="Of one virtual PBX.")
@click.option(
    "--count", type=click.IntRange(1, 1000), default=50, show_default=True, help="How many, the newest first."
)
@as_json
def blocked(settings: Path, pbx: int | None, count: int, as_json: bool) -> None:
    """Calls that met a block: when, who, which audio, how much of it was heard."""
    calls = ask(settings, "GET", f"blocked-calls?count={count}" + ("" if pbx is None else f"&pbx={pbx}"))
    if as_json:
        show_json(calls)
        return
    heads = ["AT", "SERVER", "PBX", "CALLER", "CALLED", "DIRECTION", "AUDIO", "RECORDING", "HEARD"]
    facts = ("server", "pbx", "caller", "number", "direction", "audio", "recording")
    rows = [[iso(c["at"]), *(c[fact] for fact in facts), f"{c['heard']:.1f} s"] for c in calls]
    show_table(heads, rows)
    for server in ask(settings, "GET", "blocked-calls/silent"):
        click.echo(f"{server} does not answer: its blocked calls are not listed", err=True)

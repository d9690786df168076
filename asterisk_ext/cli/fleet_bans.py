"""``asterisk-ext bans``: the whole fleet's never-ban list, lifts and who has heard of them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import click

from asterisk_ext.cli.options import as_json, ask, settings, show_json, show_table


@click.group()
def bans() -> None:
    """The whole fleet's bans, asked of the node service; `ban` asks this server's guard alone."""


@bans.command("lift")
@settings
@click.argument("address")
def lift(settings: Path, address: str) -> None:
    """Lift a ban on every server; those out of reach lift it when they hear of it."""
    told = ask(settings, "POST", f"bans/{quote(address, safe='')}/lift", {})
    click.echo(f"{address} is no longer banned on {', '.join(told['confirmed'])}")
    if told["silent"]:
        click.echo(f"not yet heard of by {', '.join(told['silent'])}", err=True)


@bans.command("lifts")
@settings
@as_json
def lifts(settings: Path, as_json: bool) -> None:
    """What was lifted everywhere, the newest first, and which servers have carried it out."""
    rows = ask(settings, "GET", "bans/lifts")
    if as_json:
        show_json(rows)
        return
    lines: list[list[object]] = [
        [_time(row["at"]), row["address"], row["by"], " ".join(row["confirmed"]), " ".join(row["waiting"])]
        for row in rows
    ]
    show_table(["AT", "ADDRESS", "BY", "CONFIRMED", "WAITING"], lines)


@bans.command("never")
@settings
@as_json
def never(settings: Path, as_json: bool) -> None:
    """The addresses and networks that no server bans."""
    rows = ask(settings, "GET", "bans/never")
    if as_json:
        show_json(rows)
        return
    show_table(["NETWORK", "BY", "AT", "NOTE"], [[row["network"], row["by"], row["at"], row["note"]] for row in rows])


@bans.command("allow")
@settings
@click.argument("network")
@click.option("--note", default="", help="Why; shown beside the entry.")
@click.option("--remove", is_flag=True, help="Take it off the list again.")
def allow(settings: Path, network: str, note: str, remove: bool) -> None:
    """Have no server ban an address or network (/24 or smaller; IPv6 /48)."""
    path = "bans/never/remove" if remove else "bans/never"
    ask(settings, "POST", path, {"network": network, "note": note})
    click.echo(f"{network} is {'off' if remove else 'on'} the fleet's never-ban list")


@bans.command("withdraw")
@settings
@click.argument("server")
def withdraw(settings: Path, server: str) -> None:
    """Have what SERVER has told of bans until now count no more on the others."""
    ask(settings, "POST", f"servers/{quote(server, safe='')}/withdraw-bans", {})
    click.echo(f"what {server} told of bans until now counts no more")


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")

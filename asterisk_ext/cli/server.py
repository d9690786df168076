"""``asterisk-ext server``: the fleet's servers and their maintenance."""

from __future__ import annotations

from pathlib import Path

import click

from asterisk_ext import config
from asterisk_ext.cli.maintenance import maintenance
from asterisk_ext.cli.options import as_json, ask, settings, show_json, show_table
from asterisk_ext.domain.server import Technology

PORT = click.IntRange(1, 65535)


@click.group()
def server() -> None:
    """SIP servers of the fleet."""


@server.command("list")
@settings
@as_json
def list_(settings: Path, as_json: bool) -> None:
    """Every server: state, virtual PBXs, registered phones and calls by its last report."""
    rows = ask(settings, "GET", "servers")
    if as_json:
        show_json(rows)
        return
    heads = ["ID", "TECHNOLOGY", "NAME", "IP", "REGISTRATION", "STATE", "PBX", "SERVED BY"]
    show_table(
        heads,
        [
            [
                row["server"]["id"],
                row["server"]["technology"],
                row["server"]["name"],
                row["server"]["ip"],
                row["server"]["registration"],
                row["state"],
                f"{row['served']} ({row['home']} home)",
                row["destination"],
            ]
            for row in rows
        ],
    )


@server.command()
@settings
@click.argument("name")
@click.option("--id", "number", type=click.IntRange(min=1), required=True)
@click.option("--ip", required=True)
@click.option("--technology", type=click.Choice([kind.value for kind in Technology]), default="NODE", show_default=True)
@click.option("--registration", default="", help="Address or name that phones register to.")
@click.option("--port", type=PORT, default=8480, show_default=True, help="Port of its console.")
@click.option("--fleet-port", type=PORT, default=8481, show_default=True, help="Port for the other servers.")
def add(
    settings: Path, name: str, number: int, ip: str, technology: str, registration: str, port: int, fleet_port: int
) -> None:
    """Record a server; prints what joins the machine to the fleet, unless it is the one that keeps the registry."""
    body: dict[str, object] = {"id": number, "name": name, "technology": technology, "ip": ip}
    body |= {"registration": registration, "port": port, "fleet_port": fleet_port}
    ask(settings, "POST", "servers", body)
    click.echo(f"{name} added")
    if config.load(settings).node.name != name:
        _show_token(ask(settings, "POST", f"servers/{name}/join-token"))


@server.command()
@settings
@click.argument("name")
def token(settings: Path, name: str) -> None:
    """Issue another join token for NAME; those before are void."""
    _show_token(ask(settings, "POST", f"servers/{name}/join-token"))


def _show_token(answer: dict[str, str]) -> None:
    click.echo(f"on the new machine run `{answer['command']}` and give it this line, once, within the hour:", err=True)
    click.echo(answer["token"])


@server.command()
@settings
@click.argument("name")
def remove(settings: Path, name: str) -> None:
    """Remove a server and shut it out: its certificates are void at once, on every server, and its connections cut.

    Refused while it hosts virtual PBXs or serves another server's. What is left on its machine goes on by its own copy.
    """
    ask(settings, "DELETE", f"servers/{name}")
    click.echo(f"{name} removed")


server.add_command(maintenance)

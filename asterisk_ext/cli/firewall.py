"""``asterisk-ext firewall``: this server's rules, from the draft to the confirmation."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import click

from asterisk_ext import config
from asterisk_ext.cli.firewall_countries import countries
from asterisk_ext.cli.firewall_lists import lists
from asterisk_ext.cli.options import as_json, ask, settings, show_json, show_table
from asterisk_ext.domain.firewall_rule import Direction, Verdict
from asterisk_ext.domain.firewall_types import TYPES

server = click.option("--server", default="", help="A server's name; default: this one.")


@click.group()
def firewall() -> None:
    """Rules of who gets in: edit the draft, plan, apply, confirm."""


firewall.add_command(countries)
firewall.add_command(lists)


@firewall.command()
@settings
@server
@as_json
def rules(settings: Path, server: str, as_json: bool) -> None:
    """The rules in force, those derived, and the draft."""
    table = ask(settings, "GET", _path(settings, server))
    if as_json:
        show_json(table)
        return
    if table["silent"]:
        click.echo(f"{table['server']} does not answer: this is what was last confirmed there")
    click.echo(f"{table['server']}: {'draft of ' + table['draft_by'] if table['is_draft'] else 'no draft'}")
    changed = {one["number"]: one["change"] for one in table["changes"] if one["change"] != "removed"}
    lines = [["-", *_cells(rule), "derived"] for rule in table["derived"]]
    lines += [[number, *_cells(rule), changed.get(number, "")] for number, rule in enumerate(table["draft"], 1)]
    lines.append(["-", "in", "deny", "*", "any", "", "everything else"])
    show_table(["NO", "DIR", "VERDICT", "TYPE", "FROM", "PORTS", "NOTE"], lines)
    for one in table["changes"]:
        if one["change"] == "removed":
            click.echo(f"removed: {' '.join(str(cell) for cell in _cells(one['rule']))}")
    state = table["state"] or {}
    if state.get("pending"):
        click.echo(f"on trial: {state['pending']['digest']} of {state['pending']['by']}")
    for other in state.get("others", ()):
        click.echo(f"this machine's firewall is managed by {other} too")


def _rule(verdict: Verdict) -> click.Command:
    @click.argument("type", metavar="TYPE")
    @settings
    @server
    @click.option("--from", "origins", multiple=True, help="Address, CIDR, range, country:BR or list:name; repeatable.")
    @click.option("--to", "destinations", multiple=True, help="The same for outbound traffic; makes the rule outbound.")
    @click.option("--ports", default="", help="A port or a range; default: the type's.")
    @click.option("--description", default="")
    @click.option("--at", "number", default=0, help="Its number; default: last.")
    def add(
        type: str,
        settings: Path,
        server: str,
        origins: tuple[str, ...],
        destinations: tuple[str, ...],
        ports: str,
        description: str,
        number: int,
    ) -> None:
        direction = Direction.OUT if destinations else Direction.IN
        body = {
            "direction": direction,
            "verdict": verdict,
            "type": type,
            "origins": [*origins, *destinations],
            "ports": ports,
            "description": description,
            "number": number,
        }
        rule = ask(settings, "POST", f"{_path(settings, server)}/rules", body)
        click.echo(f"in the draft: {' '.join(str(cell) for cell in _cells(rule))} ({rule['id']})")

    told = f"{verdict.value.capitalize()} a TYPE of traffic, in the draft: {', '.join(TYPES)}."
    return firewall.command(verdict.value, help=told)(add)


allow, deny = _rule(Verdict.ALLOW), _rule(Verdict.DENY)


@firewall.command()
@settings
@server
@click.argument("rule")
@click.argument("number", type=int)
def move(settings: Path, server: str, rule: str, number: int) -> None:
    """Move RULE (its number or id) to another number of the draft."""
    ask(settings, "POST", f"{_path(settings, server)}/rules/{rule}/move", {"number": number})
    click.echo(f"rule {rule} is number {number} of the draft")


@firewall.command()
@settings
@server
@click.argument("rule")
def remove(settings: Path, server: str, rule: str) -> None:
    """Remove RULE (its number or id) from the draft."""
    ask(settings, "DELETE", f"{_path(settings, server)}/rules/{rule}")
    click.echo(f"rule {rule} is no longer in the draft")


@firewall.command()
@settings
@server
@as_json
def plan(settings: Path, server: str, as_json: bool) -> None:
    """What the draft would change, and who would be cut, by proof."""
    view = ask(settings, "POST", f"{_path(settings, server)}/plan", {"session": _ssh()})
    if as_json:
        show_json(view)
        return
    for one in view["changes"]:
        click.echo(f"{one['change']:8} {one['number']:3} {' '.join(str(cell) for cell in _cells(one['rule']))}")
    for line in view["cut"]:
        names = ", ".join(line["names"]) or "your own session"
        click.echo(f"CUT      {line['who']} {names} {line['address']} {line['protocol']}/{line['port']}")
    stay = ", ".join(f"{kept['count']} {kept['who']}" for kept in view["kept"] if kept["count"])
    click.echo(f"{view['cut_count']} would be cut; staying: {stay or 'nobody asked about'}")
    proof = f"NOT proved: {view['unproved']}" if view["unproved"] else f"proved with {view['asked']} packets"
    click.echo(f"{proof} in {view['seconds']:.1f} s")
    for other in view["others"]:
        click.echo(f"this machine's firewall is managed by {other} too: what it drops stays dropped")
    if view["unresolved"]:
        click.echo(f"NOT asked about, since the names lead nowhere now: {', '.join(view['unresolved'])}")
    for what in view["weakened"]:
        click.echo(f"weakens what the guard keeps: {what}; root: asterisk-ext firewall endorse {view['digest']}")
    there = f" --server {server}" if server else ""
    click.echo(f"apply with: asterisk-ext firewall apply {view['digest']} --acknowledge {view['cut_count']}{there}")


@firewall.command()
@settings
@server
@click.argument("digest")
@click.option("--acknowledge", default=0, help="How many would be cut, as the plan says.")
@click.option("--force", is_flag=True, help="Although it cuts off your own session.")
def apply(settings: Path, server: str, digest: str, acknowledge: int, force: bool) -> None:
    """Put the draft on trial for 60 seconds."""
    body = {"digest": digest, "acknowledged": acknowledge, "session": _ssh(), "force": force}
    pending = ask(settings, "POST", f"{_path(settings, server)}/apply", body)
    seconds = pending["deadline"] - pending["at"]
    keep = f"asterisk-ext firewall confirm {digest}" + (f" --server {server}" if server else "")
    click.echo(f"on trial; in {seconds:.0f} s the rules before return. Keep them: {keep}")


@firewall.command()
@settings
@server
@click.argument("digest")
def confirm(settings: Path, server: str, digest: str) -> None:
    """Keep the rules on trial."""
    ask(settings, "POST", f"{_path(settings, server)}/confirm", {"digest": digest})
    click.echo("the rules stay")


@firewall.command()
@settings
@server
def rollback(settings: Path, server: str) -> None:
    """Return to the rules before, now."""
    ask(settings, "POST", f"{_path(settings, server)}/rollback", {})
    click.echo("the rules before are in force")


@firewall.command()
@settings
@server
@click.argument("address")
@click.argument("question", metavar="PROTOCOL/PORT")
@as_json
def explain(settings: Path, server: str, address: str, question: str, as_json: bool) -> None:
    """Whether ADDRESS gets in, such as 203.0.113.5 udp/5060, and what decides."""
    protocol, _, port = question.partition("/")
    query = urlencode({"address": address, "protocol": protocol.lower(), "port": port or "0"})
    told = ask(settings, "GET", f"{_path(settings, server)}/explain?{query}")
    if as_json:
        show_json(told)
        return
    click.echo(f"now: {_decision(told['now'])}")
    if told["draft"] != told["now"]:
        click.echo(f"by the draft: {_decision(told['draft'])}")


@firewall.command()
@settings
@click.argument("digest")
def endorse(settings: Path, digest: str) -> None:
    """As root: let a candidate weaken what the guard keeps (derived rules, default deny)."""
    from firewall.node.firewall import NodeFirewall
    from firewall.socket.client import GuardClient

    asyncio.run(NodeFirewall(GuardClient(Path(config.load(settings).guard.socket))).endorse(digest))
    click.echo(f"the guard will let {digest} pass")


def _path(settings: Path, server: str = "") -> str:
    return f"servers/{server or config.load(settings).node.name}/firewall"


def _cells(rule: dict[str, Any]) -> list[object]:
    origins = ", ".join(rule["origins"]) or "any"
    note = "" if rule["enabled"] else " (off)"
    return [rule["direction"], rule["verdict"], rule["type"], origins, rule["ports"] + note]


def _decision(told: dict[str, Any]) -> str:
    verdict = "gets in" if told["allowed"] else "does not get in"
    rule = told["rule"]
    match told["by"]:
        case "rule":
            why = f"rule {told['number']} ({' '.join(str(cell) for cell in _cells(rule))})"
        case "derived":
            why = f"{rule['id']}, which the fleet needs"
        case "ban":
            why = "it is banned"
        case _:
            why = "no rule lets it in"
    through = f", by {told['origin']}" if told["origin"] else ""
    return f"{verdict}: {why}{through}"


def _ssh() -> list[dict[str, object]]:
    """The session that this command is typed in, where it came by SSH (sshd sets ``SSH_CONNECTION``)."""
    parts = os.environ.get("SSH_CONNECTION", "").split()
    if len(parts) != 4 or not parts[3].isdecimal():
        return []
    return [{"address": parts[0], "protocol": "tcp", "port": int(parts[3])}]

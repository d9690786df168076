"""``asterisk-ext server maintenance``: a server's virtual PBXs to another one, and back."""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from asterisk_ext.cli.options import as_json, ask, settings, show_json

STEPS = {
    "prepare": "taken in beforehand",
    "flip": "pointer changed in the registry",
    "serve": "served by {host}",
    "dns": "names lead to {host}",
    "drain": "{left} drained of its calls",
    "done": "over",
}


FOLLOWS = {
    True: "follow by {source}'s registration name; which were set up by a bare IP is not known",
    False: "none follows: they register to {source} by IP, not by a name",
    None: "not known: {source}'s registration name is not kept at a DNS server by this fleet",
}


AT = "Begin then, by this machine's clock (2026-11-29T02:00); `leave` calls it off."


@click.group()
def maintenance() -> None:
    """Have all virtual PBXs of a server served by another one, and back."""


@maintenance.command()
@settings
@as_json
@click.argument("source")
@click.argument("destination")
def preview(settings: Path, as_json: bool, source: str, destination: str) -> None:
    """Say what entering maintenance would do."""
    said = ask(settings, "GET", f"{_of(source)}/preview?destination={quote(destination, safe='')}")
    if as_json:
        show_json(said)
        return
    for line in foretold(said["preview"], said["uncovered"]):
        click.echo(line)


@maintenance.command()
@settings
@as_json
@click.argument("source")
@click.argument("destination")
@click.option("--reason", default="")
@click.option("--hang-up", is_flag=True, help="End the calls in progress there; emergency calls never.")
@click.option("--at", "starts", type=click.DateTime(["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]), help=AT)
def enter(
    settings: Path,
    as_json: bool,
    source: str,
    destination: str,
    reason: str,
    hang_up: bool,
    starts: datetime | None,
) -> None:
    """Move every virtual PBX of SOURCE to DESTINATION, now or at a time to come."""
    body: dict[str, Any] = {"destination": destination, "reason": reason, "hang_up": hang_up}
    if starts is not None:
        body["starts"] = starts.astimezone().isoformat()
    ask(settings, "POST", f"{_of(source)}/enter", body)
    _tell(settings, source, as_json)


@maintenance.command()
@settings
@as_json
@click.argument("source")
def leave(settings: Path, as_json: bool, source: str) -> None:
    """Bring exactly the virtual PBXs that left back home."""
    ask(settings, "POST", f"{_of(source)}/leave", {})
    _tell(settings, source, as_json)


@maintenance.command()
@settings
@as_json
@click.argument("source")
def status(settings: Path, as_json: bool, source: str) -> None:
    """The steps of SOURCE's last maintenance, what is left to wait for, and whether it is safe to switch off."""
    _tell(settings, source, as_json)


def _of(source: str) -> str:
    return f"servers/{quote(source, safe='')}/maintenance"


def _tell(settings: Path, source: str, as_json: bool) -> None:
    told = ask(settings, "GET", _of(source))
    if as_json:
        show_json(told)
        return
    for line in lines(told):
        click.echo(line)


def foretold(what: dict[str, Any], uncovered: list[str] | None) -> list[str]:
    """A preview as it is printed; what is not known is a question mark, or said to be."""
    source, host = what["source"], what["destination"]
    said = [
        f"{_known(what['tenants']):>6}  virtual PBXs pass to {host}, which serves {what['served_after']} then",
        f"{_known(what['registered']):>6}  phones register again, by name within {what['seconds']} s",
        f"{_known(what['calls']):>6}  calls in progress go on at {source} until they end",
        f"{_known(what['registering']):>6}  trunks move with their registration",
        "",
        "What does not follow by itself:",
        f"  phones: {FOLLOWS[what['follows']].format(source=source)}",
    ]
    if uncovered is None or uncovered:
        names = "not known" if uncovered is None else ", ".join(uncovered)
        said.append(f"  names that {host} has no certificate for: {names}")
    if what["by_address"]:
        trunks = ", ".join(f"{trunk['pbx']}_{trunk['trunk']} ({trunk['host']})" for trunk in what["by_address"])
        said.append(f"  trunks whose carriers know an address only; ask whether they admit {host}: {trunks}")
    if what["audios_missing"]:
        said.append(f"  audios that could not be brought to {host}: {', '.join(what['audios_missing'])}")
    if what["stays_gate_only"]:
        numbers = ", ".join(map(str, what["stays_gate_only"]))
        said.append(f"  dialplans of your own, of the virtual PBXs {numbers}: must be on {host} already")
    if what["same_version"] is not True:
        said.append(f"  version: {host} runs {what['version'] or 'one that is not known'}")
    said.append(f"  recordings, voicemail and Asterisk's own database stay on {source}; {host}'s capacity is not known")
    return said


def _known(value: int | None) -> str:
    return "?" if value is None else str(value)


def lines(told: dict[str, Any]) -> list[str]:
    """A status as it is printed: where it stands, its steps, and the word that decides."""
    plan, seen = told["plan"], told["seen"]
    away = plan["heading"] == "away"
    host, left = (plan["destination"], plan["source"]) if away else (plan["source"], plan["destination"])
    said = [_standing(plan, seen)]
    for stage in plan["journal"]:
        took = f"{stage['ended'] - stage['began']:8.2f} s" if stage["ended"] else "  under way"
        when = time.strftime("%H:%M:%S", time.localtime(stage["began"]))
        said.append(f"  {when}  {took}  {STEPS[stage['step']].format(host=host, left=left)}")
    if plan["failed"]:
        said.append(f"given up: {plan['why']} ({plan['failed']})")
    if told["names"] is not None and told["names"]["error"]:
        said.append(f"DNS: {told['names']['error']}")
    if away and seen["pointer"] is not None:
        said.append(_safety(plan["source"], told["safe"], seen["calls"]))
    return said


def _standing(plan: dict[str, Any], seen: dict[str, Any]) -> str:
    if seen["pointer"] is None and not plan["journal"] and not plan["closed"] and plan["starts"]:
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(plan["starts"]))
        return f"{plan['source']} is active; its maintenance begins at {when}, with {plan['destination']}"
    if seen["pointer"] is None:
        home = f"{plan['source']} is active; its virtual PBXs are at home"
        return (
            home if plan["closed"] or plan["heading"] == "home" else f"{home}; {plan['destination']} is taking them in"
        )
    word = "serves" if seen["served"] else "is taking over"
    return f"{plan['source']} is in maintenance; {seen['pointer']} {word} its virtual PBXs"


def _safety(source: str, safe: bool | None, calls: int | None) -> str:
    if safe:
        return f"safe to switch off {source}: no call in progress there"
    if safe is None or calls is None:
        return f"do not switch {source} off yet: whether calls are in progress there is not known"
    if calls == 0:
        return f"do not switch {source} off yet: its calls have ended, a step above has not"
    return f"do not switch {source} off yet: {calls} calls in progress there"

"""``asterisk-ext server maintenance``: a server's virtual PBXs to another one, and back."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from asterisk_ext.cli.options import as_json, ask, settings, show_json, show_table

STEPS = {
    "prepare": "taken in beforehand",
    "flip": "pointer changed in the registry",
    "serve": "served by {host}",
    "dns": "names lead to {host}",
    "drain": "{left} drained of their calls",
    "done": "over",
}


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
    show_table(["WHAT", "HOW MANY"], [[name, value] for name, value in said.items() if not isinstance(value, list)])


@maintenance.command()
@settings
@as_json
@click.argument("source")
@click.argument("destination")
@click.option("--reason", default="")
@click.option("--hang-up", is_flag=True, help="End the calls in progress there; emergency calls never.")
def enter(settings: Path, as_json: bool, source: str, destination: str, reason: str, hang_up: bool) -> None:
    """Move every virtual PBX of SOURCE to DESTINATION, now."""
    body = {"destination": destination, "reason": reason, "hang_up": hang_up}
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
    return f"do not switch {source} off yet: {calls} calls in progress there"

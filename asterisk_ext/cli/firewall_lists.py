"""``asterisk-ext firewall lists``: the hoster's own address lists, which rules name as list:NAME."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TextIO
from urllib.parse import quote

import click

from asterisk_ext.cli.options import as_json, ask, settings, show_json, show_table

PATH = "firewall/lists"
entries = click.argument("entries", nargs=-1, required=True)
name = click.argument("name")


@click.group()
def lists() -> None:
    """The hoster's own address lists; a changed one takes effect with a server's next apply."""


@lists.command()
@settings
@click.argument("name", required=False)
@as_json
def show(settings: Path, name: str | None, as_json: bool) -> None:
    """All lists, or what is in NAME."""
    told = ask(settings, "GET", PATH)
    if name is not None:
        told = {name: _one(told, name)}
    if as_json:
        show_json(told)
    elif name is not None:
        click.echo("\n".join(told[name]["entries"]))
    else:
        rows = [
            [called, len(one["entries"]), ", ".join(one["servers"]), one["by"], one["at"]]
            for called, one in told.items()
        ]
        show_table(["LIST", "ENTRIES", "IN RULES OF", "BY", "AT"], rows)


@lists.command()
@settings
@name
@entries
def add(settings: Path, name: str, entries: tuple[str, ...]) -> None:
    """Put addresses, networks or ranges on NAME, which is made where there is none."""
    one = ask(settings, "GET", PATH).get(name, {"entries": [], "revision": 0})
    _save(settings, name, [*one["entries"], *entries], one["revision"])


@lists.command()
@settings
@name
@entries
def drop(settings: Path, name: str, entries: tuple[str, ...]) -> None:
    """Take entries off NAME, as `lists show NAME` writes them."""
    one = _one(ask(settings, "GET", PATH), name)
    if missing := set(entries) - set(one["entries"]):
        raise click.UsageError(f"{', '.join(sorted(missing))}: not on the list {name}")
    _save(settings, name, [entry for entry in one["entries"] if entry not in entries], one["revision"])


@lists.command("set")
@settings
@name
@click.option("--file", "source", type=click.File(), default="-", help="One entry a line; default: standard input.")
@click.option("--revision", type=int, help="As it was seen: who changed it meanwhile is not overwritten.")
def set_(settings: Path, name: str, source: TextIO, revision: int | None) -> None:
    """Make NAME what a file says; # begins a comment."""
    lines = (line.partition("#")[0].strip() for line in source)
    _save(settings, name, [line for line in lines if line], revision)


@lists.command()
@settings
@name
def remove(settings: Path, name: str) -> None:
    """Remove a list that no rule names."""
    one = _one(ask(settings, "GET", PATH), name)
    ask(settings, "DELETE", f"{PATH}/{quote(name, safe='')}?revision={one['revision']}")
    click.echo(f"the list {name} is gone")


def _save(settings: Path, name: str, entries: list[str], revision: int | None) -> None:
    kept = ask(settings, "PUT", f"{PATH}/{quote(name, safe='')}", {"entries": entries, "revision": revision})
    click.echo(f"{name}: {len(kept['entries'])} entries, revision {kept['revision']}")


def _one(told: dict[str, Any], name: str) -> Any:
    if name not in told:
        raise click.UsageError(f"there is no list {name}")
    return told[name]

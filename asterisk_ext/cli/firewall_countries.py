"""``asterisk-ext firewall countries``: the country lists of this server's guard."""

from __future__ import annotations

import asyncio
import gzip
import sys
import time
from pathlib import Path
from typing import Any

import click

from asterisk_ext import config
from asterisk_ext.cli.options import as_json, ask, settings, show_json, show_table
from asterisk_ext.domain.errors import Problem
from firewall.socket.client import GuardClient

PATH = "firewall/countries"
POLL_SECONDS = 0.5
GZIP = b"\x1f\x8b"


@click.group()
def countries() -> None:
    """Country lists: which there are, what is on them, and newer ones."""


@countries.command("list")
@settings
@as_json
def list_(settings: Path, as_json: bool) -> None:
    """Every country that has addresses, with how many prefixes; * is in use by a rule."""
    told = ask(settings, "GET", PATH)
    if as_json:
        show_json(told)
        return
    heads = ["CODE", "COUNTRY", "IPV4 PREFIXES", "IPV6 PREFIXES", "IPV4 ADDRESSES", "IN USE"]
    show_table(
        heads,
        [
            [
                row["code"],
                row["names"]["en"],
                row["prefixes4"],
                row["prefixes6"],
                row["addresses4"],
                "*" if row["in_use"] else "",
            ]
            for row in told["countries"]
        ],
    )
    click.echo(f"data of {told['since']}; source: {told['source']}; licence: {told['licence']}", err=True)


@countries.command()
@settings
@click.argument("code")
@as_json
def show(settings: Path, code: str, as_json: bool) -> None:
    """The prefixes of one country, IPv4 first."""
    told = ask(settings, "GET", f"{PATH}/{code.upper()}")
    if as_json:
        show_json(told)
        return
    click.echo("\n".join([*told["ipv4"], *told["ipv6"]]))


@countries.command()
@settings
@as_json
def status(settings: Path, as_json: bool) -> None:
    """How the update goes, or how the last one ended."""
    told = ask(settings, "GET", f"{PATH}/update")
    if as_json:
        show_json(told)
        return
    click.echo(_said(told))


@countries.command()
@settings
@click.option(
    "--file",
    "files",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A registry's file, plain or gzip, instead of the settings' sources; all five, or the common one.",
)
@click.option("--no-wait", is_flag=True, help="Begin, and let it go on by itself.")
def update(settings: Path, files: tuple[Path, ...], no_wait: bool) -> None:
    """Fetch newer lists; the guard takes them when all is well with them, else all stays as it is."""
    for file in files:
        plain = file.read_bytes()
        plain = gzip.decompress(plain) if plain.startswith(GZIP) else plain
        ask(settings, "PUT", f"{PATH}/files/{_registry(plain)}", data=gzip.compress(plain))
    told = ask(settings, "POST", f"{PATH}/update", {"from_files": bool(files)})
    while not no_wait and not told["ended"]:
        if sys.stderr.isatty():
            click.echo(f"\r\033[K{_said(told)}", nl=False, err=True)
        time.sleep(POLL_SECONDS)
        told = ask(settings, "GET", f"{PATH}/update")
    if sys.stderr.isatty():
        click.echo("\r\033[K", nl=False, err=True)
    if told["error_id"]:
        problem = Problem(told["error_id"], 409, "{what}", "{remedy}")
        raise problem.refuse(what=told["what"], remedy=told["remedy"])
    click.echo(_said(told))


@countries.command()
@settings
@click.argument("codes", nargs=-1, required=True)
def accept(settings: Path, codes: tuple[str, ...]) -> None:
    """Take the lists of the last update though those of CODES differ more than is believed ("all countries" for all).

    Asks the guard itself, and is root's alone.
    """
    client = GuardClient(Path(config.load(settings).guard.socket))
    wanted = [code if code == "all countries" else code.upper() for code in codes]
    told = asyncio.run(client.take_countries(wanted))
    click.echo(f"country lists of {told.since} are in use")


def _registry(content: bytes) -> str:
    """The registry that a file's version line names; what it is not is for the service to refuse."""
    lines = (line for line in content[:10_000].splitlines() if line and not line.startswith(b"#"))
    fields = next(lines, b"").split(b"|")
    return fields[1].decode("latin-1") if len(fields) > 1 and fields[1].isalnum() else "unknown"


def _said(told: dict[str, Any]) -> str:
    if told["phase"] == "fetching":
        size = f" of {told['total'] // 1000} kB" if told["total"] else ""
        return f"fetching {told['number']}/{told['files']} {told['file']} {told['done'] // 1000}{size or ' kB'}"
    if told["phase"] == "checking":
        return "the guard is checking the new lists"
    if told["error_id"]:
        return f"the last update took nothing: {told['error_id']}: {told['what']} {told['remedy']}"
    return f"country lists of {told['since']} are in use" if told["since"] else "no update so far"

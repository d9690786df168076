"""``asterisk-ext pbx``: virtual PBXs."""

from __future__ import annotations

from pathlib import Path
from typing import IO

import click

from asterisk_ext.cli.options import as_json, ask, settings, show_json, show_table
from asterisk_ext.domain.pbx import Status

_LEVELS = {"partial": Status.PARTIAL_BLOCK, "total": Status.TOTAL_BLOCK}


@click.group()
def pbx() -> None:
    """Virtual PBXs."""


@pbx.command("list")
@settings
@as_json
def list_(settings: Path, as_json: bool) -> None:
    """Every virtual PBX: status, home and who serves it now."""
    rows = ask(settings, "GET", "pbx")
    if as_json:
        show_json(rows)
        return
    heads = ["ID", "NAME", "DOMAIN", "STATUS", "HOME", "SERVED BY", "EXTENSIONS"]
    show_table(
        heads,
        [
            [
                row["pbx"]["id"],
                row["pbx"]["name"],
                row["pbx"]["domain"],
                row["pbx"]["status"],
                row["pbx"]["home"],
                row["server"],
                len(row["pbx"]["extensions"]),
            ]
            for row in rows
        ],
    )


@pbx.command("import")
@settings
@click.argument("file", type=click.File("rb"))
@click.option("--dry-run", is_flag=True, help="Say what would change and write nothing.")
def import_(settings: Path, file: IO[bytes], dry_run: bool) -> None:
    """Create or change the virtual PBXs of FILE (YAML or JSON; - for standard input).

    Passwords that were made up are printed this once.
    """
    answer = ask(settings, "POST", f"pbx/import?dry_run={'true' if dry_run else 'false'}", data=file.read())
    show_json(answer)


@pbx.command()
@settings
@click.argument("number", type=int)
@click.option("--level", type=click.Choice(list(_LEVELS)), default="partial", show_default=True)
@click.option("--reason", default="", help="Only staff sees it.")
def block(settings: Path, number: int, level: str, reason: str) -> None:
    """Block a virtual PBX; in force at its next call."""
    ask(settings, "POST", f"pbx/{number}/status", {"status": _LEVELS[level], "reason": reason})
    click.echo(f"virtual PBX {number}: {_LEVELS[level]}")


@pbx.command()
@settings
@click.argument("number", type=int)
def unblock(settings: Path, number: int) -> None:
    """Lift the block of a virtual PBX."""
    ask(settings, "POST", f"pbx/{number}/status", {"status": Status.ACTIVE, "reason": ""})
    click.echo(f"virtual PBX {number}: {Status.ACTIVE}")

"""``asterisk-ext pbx block`` and ``unblock``: one virtual PBX, or a file of them as a billing system writes it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import IO, Any

import click

from asterisk_ext.cli.options import ask, settings, show_json
from asterisk_ext.domain.pbx import Status
from asterisk_ext.services.pbx_blocks import LEVELS, Wanted, read

_file = click.option("--file", type=click.File("r"), help="Many: a line each, with - for standard input.")
_dry_run = click.option("--dry-run", is_flag=True, help="Say what would change and change nothing.")


@click.command()
@settings
@click.argument("number", type=int, required=False)
@_file
@click.option("--level", type=click.Choice(["partial", "total"]), default="partial", show_default=True)
@click.option("--reason", default="", help="Only staff sees it.")
@_dry_run
def block(settings: Path, number: int | None, file: IO[str] | None, level: str, reason: str, dry_run: bool) -> None:
    """Block a virtual PBX, or those of a file: id[,partial|total|active[,reason]] a line. In force at its next call."""
    _set(settings, _wanted(number, file, LEVELS[level], reason), dry_run)


@click.command()
@settings
@click.argument("number", type=int, required=False)
@_file
@_dry_run
def unblock(settings: Path, number: int | None, file: IO[str] | None, dry_run: bool) -> None:
    """Lift the block of a virtual PBX, or of those of a file: an id a line."""
    _set(settings, _wanted(number, file, Status.ACTIVE, ""), dry_run)


def _wanted(number: int | None, file: IO[str] | None, status: Status, reason: str) -> list[Wanted]:
    if (number is None) == (file is None):
        raise click.UsageError("give either a virtual PBX or --file")
    if file is not None:
        return read(file.read(), status, reason)
    return [Wanted(pbx=number or 0, status=status, reason=reason)]


def _set(settings: Path, wanted: list[Wanted], dry_run: bool) -> None:
    blocks = [{"pbx": item.pbx, "status": item.status, "reason": item.reason} for item in wanted]
    body: dict[str, Any] = {"blocks": blocks, "dry_run": dry_run}
    answer = ask(settings, "POST", "pbx/blocks", body)
    show_json(answer)
    if answer["failed"]:
        sys.exit(1)

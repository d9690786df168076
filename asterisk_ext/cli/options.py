"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import msgspec

from asterisk_ext import config
from asterisk_ext.cli import client

Command = Callable[..., Any]

settings = click.option(
    "--config",
    "settings",
    type=click.Path(path_type=Path),
    default=config.DEFAULT_PATH,
    envvar="ASTERISK_EXT_CONFIG",
    show_default=True,
    help="The node's settings.",
)
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")


def ask(settings_path: Path, method: str, path: str, body: object = None, data: bytes | None = None) -> Any:
    """Ask the node service of this machine."""
    socket = str(Path(config.load(settings_path).node.run) / "admin.sock")
    return client.ask(socket, method, path, body, data)


def show_json(answer: object) -> None:
    click.echo(msgspec.json.format(msgspec.json.encode(answer), indent=2).decode())


def show_table(heads: list[str], rows: list[list[object]]) -> None:
    """A table with columns as wide as their widest cell."""
    cells = [heads, *([("" if cell is None else str(cell)) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(heads))]
    for row in cells:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())

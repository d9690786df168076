"""``asterisk-ext audit``: the journal of acts."""

from __future__ import annotations

from pathlib import Path

import click

from asterisk_ext.cli.options import as_json, ask, settings, show_json, show_table


@click.group()
def audit() -> None:
    """The journal: who did what, when."""


@audit.command("list")
@settings
@as_json
def list_(settings: Path, as_json: bool) -> None:
    """The newest acts first."""
    entries = ask(settings, "GET", "audit")
    if as_json:
        show_json(entries)
        return
    rows = [
        [e["at"], e["who"], e["act"], e["thing"], ", ".join(f"{k}={v}" for k, v in e["facts"].items())] for e in entries
    ]
    show_table(["AT", "WHO", "ACT", "THING", "FACTS"], rows)

"""``asterisk-ext pbx``: virtual PBXs, whole. Their parts and their blocks have files of their own."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import IO, Any

import click
import msgspec

from asterisk_ext.cli.options import as_json, ask, settings, show_json, show_table
from asterisk_ext.cli.pbx_blocks import block, unblock
from asterisk_ext.cli.pbx_parts import drop, put
from asterisk_ext.domain.errors import Refusal
from asterisk_ext.services import pjsip_import, tenant_file

PORTION = 50
"""So many virtual PBXs go into one request of an import."""


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


@pbx.command()
@settings
@click.argument("number", type=int)
def show(settings: Path, number: int) -> None:
    """One virtual PBX, without its secrets."""
    show_json(ask(settings, "GET", f"pbx/{number}"))


@pbx.command("import")
@settings
@click.argument("file", type=click.File("rb"))
@click.option("--dry-run", is_flag=True, help="Say what would change and write nothing.")
def import_(settings: Path, file: IO[bytes], dry_run: bool) -> None:
    """Create or change the virtual PBXs of FILE (YAML or JSON; - for standard input).

    All are checked before the first is written, and each is written whole or not at all. Passwords that were made up
    are printed this once.
    """
    data = file.read()
    answer = ask(settings, "POST", "pbx/import?dry_run=true", data=data)
    if not dry_run and answer["changed"]:
        answer = _import(settings, tenant_file.plain(data), set(answer["changed"]), answer["unchanged"])
    show_json(answer)
    if answer["failed"]:
        sys.exit(1)


def _import(settings: Path, entries: list[dict[str, Any]], differing: set[int], unchanged: int) -> dict[str, Any]:
    """In portions, so that one sees it go on; what was made up so far is not lost where a later one is refused."""
    whole: dict[str, Any] = {"changed": [], "unchanged": unchanged, "failed": {}, "passwords": {}}
    waiting = [entry for entry in entries if entry["id"] in differing]
    with click.progressbar(length=len(waiting), label="importing", file=sys.stderr) as bar:
        for first in range(0, len(waiting), PORTION):
            portion = waiting[first : first + PORTION]
            try:
                answer = ask(settings, "POST", "pbx/import", data=msgspec.json.encode({"tenants": portion}))
            except Refusal as refusal:
                answer = {"changed": [], "failed": {str(entry["id"]): refusal.error_id for entry in portion}}
            whole["changed"] += answer["changed"]
            whole["failed"] |= answer["failed"]
            whole["passwords"] |= answer.get("passwords", {})
            bar.update(len(portion))
    return whole


@pbx.command()
@settings
@click.option("--output", type=click.Path(path_type=Path), help="A file that only you may read; else standard output.")
@click.option("--json", "form", flag_value="json", help="JSON instead of YAML.")
@click.option("--secrets", is_flag=True, help="With phones' digests and trunks' passwords; it is noted in the audit.")
def export(settings: Path, output: Path | None, form: str | None, secrets: bool) -> None:
    """Write all virtual PBXs as a file that `pbx import` takes."""
    answer = ask(settings, "GET", f"pbx/export?secrets={'true' if secrets else 'false'}")
    _write(output, tenant_file.encoded(answer, form or "yaml"))


@pbx.command()
@settings
@click.argument("number", type=int)
@click.argument("server")
def move(settings: Path, number: int, server: str) -> None:
    """Give one virtual PBX another home, for good; calls in progress go on where they are."""
    answer = ask(settings, "POST", f"pbx/{number}/move", {"server": server})
    word = "serves it" if answer["served"] else "is taking it in"
    click.echo(f"virtual PBX {number} moved from {answer['former']}; {server} {word}")


@pbx.command()
@settings
@click.argument("number", type=int)
def settle(settings: Path, number: int) -> None:
    """Have the former home of a virtual PBX forget it: phones that have not followed are strangers there then."""
    ask(settings, "POST", f"pbx/{number}/settle")
    click.echo(f"virtual PBX {number} is known at its home alone")


@pbx.command()
@settings
@click.argument("number", type=int)
@click.option("--revision", type=int, help="Only where the record is still at this revision.")
def remove(settings: Path, number: int, revision: int | None) -> None:
    """Remove a virtual PBX; refused while it has calls in progress."""
    ask(settings, "DELETE", f"pbx/{number}{'' if revision is None else f'?revision={revision}'}")
    click.echo(f"virtual PBX {number} removed")


@pbx.command("propose")
@click.argument("file", type=click.File("r"))
@click.option("--home", required=True, help="The server that they shall live on.")
@click.option("--domain", required=True, help="Their domains are made below this one: pbx1.example.net.")
@click.option("--output", type=click.Path(path_type=Path), help="A file that only you may read; else standard output.")
def propose(file: IO[str], home: str, domain: str, output: Path | None) -> None:
    """Read an existing pjsip.conf and write the virtual PBXs found in it as a file for `pbx import`.

    Nothing is changed anywhere. What was not understood, and what is missing, is said on standard error.
    """
    found = pjsip_import.propose(pjsip_import.sections(file.read()), home=home, domain=domain)
    for remark in found.remarks:
        click.echo(str(remark), err=True)
    _write(output, tenant_file.encoded({"tenants": found.tenants}, "yaml"))


def _write(output: Path | None, data: bytes) -> None:
    if output is None:
        click.echo(data.decode(), nl=False)
        return
    handle = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        os.fchmod(handle, 0o600)
        file.write(data)


for command in (block, unblock, put, drop):
    pbx.add_command(command)

"""`asterisk-ext lab`: a whole fleet on this machine, in namespaces of its own."""

from __future__ import annotations

import json
import sys

import click

from asterisk_ext.domain.errors import Refusal
from asterisk_ext.lab import enter
from asterisk_ext.lab import plan as plans
from asterisk_ext.lab import status as statuses
from asterisk_ext.lab import up as life

named = click.option("--name", default="lab", show_default=True, help="The lab's name on this machine.")


@click.group()
def lab() -> None:
    """A whole fleet on this machine: nodes, phones, a carrier and attackers."""


@lab.command()
@named
@click.option("--nodes", default=2, show_default=True, type=click.IntRange(1, 9))
@click.option("--calls", default=0, show_default=True, type=click.IntRange(0, 200), help="Sample calls to keep up.")
@click.option("--port", default=8480, show_default=True, type=click.IntRange(1, 65526), help="Of the first console.")
@click.option("--detach", is_flag=True, help="Return when it is ready and leave it running.")
def up(name: str, nodes: int, calls: int, port: int, detach: bool) -> None:
    """Bring the lab up; without --detach it stays until Ctrl-C and then leaves nothing behind."""
    plan = plans.make(name=name, nodes=nodes, calls=calls, port=port, detach=detach)
    pid = life.up(plan, lambda step: click.echo(f"lab: {step}", err=True))
    click.echo(statuses.as_text(statuses.status(name)))
    if detach:
        return
    click.echo("Ctrl-C ends the lab.", err=True)
    try:
        life.wait(pid)
    finally:
        life.down(name)


@lab.command()
@named
@click.option("--json", "as_json", is_flag=True)
def status(name: str, as_json: bool) -> None:
    """What runs, where it is reached, and the sample's credentials."""
    life.check_root()
    told = statuses.status(name)
    click.echo(json.dumps(told, ensure_ascii=False, indent=2) if as_json else statuses.as_text(told))


@lab.command("exec", context_settings={"ignore_unknown_options": True})
@named
@click.argument("machine")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def execute(name: str, machine: str, command: tuple[str, ...]) -> None:
    """Run COMMAND on MACHINE (node1, phones1, carrier, attacker1, operator); its exit status is passed on."""
    life.check_root()
    enter.execute(name, machine, command)


@lab.command()
@named
def down(name: str) -> None:
    """End the lab; nothing of it remains. A lab that is not up is no error."""
    was_up = life.down(name)
    click.echo(f"lab {name} is down." if was_up else f"lab {name} was not up.")


def main() -> None:
    try:
        lab()
    except Refusal as refusal:
        click.echo(f"{refusal.error_id}: {refusal.what} {refusal.remedy}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()

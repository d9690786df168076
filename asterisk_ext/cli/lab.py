"""`asterisk-ext lab`: a whole fleet on this machine, in namespaces of its own."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path
from typing import Literal

import click

from asterisk_ext.domain.server import Technology
from asterisk_ext.lab import enter, g711, probes
from asterisk_ext.lab import plan as plans
from asterisk_ext.lab import status as statuses
from asterisk_ext.lab import up as life
from asterisk_ext.lab.topology import DNS_TTL

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
@click.option(
    "--driver",
    "drivers",
    multiple=True,
    type=click.Choice(["nftables", "iptables"]),
    help="Of the guard; given several times, the nodes take them by turns.",
)
@click.option(
    "--technology",
    "technologies",
    multiple=True,
    type=click.Choice([kind.value for kind in Technology]),
    help="Of the nodes, in order; the rest are CORE SERVERs. A DATABASE or a CDN server has no Asterisk.",
)
@click.option(
    "--registry",
    default="embedded",
    show_default=True,
    type=click.Choice(["embedded", "etcd"]),
    help="Where the fleet's registry is kept; etcd runs on every node.",
)
@click.option("--dns", is_flag=True, help="Phones register by names, at a DNS server that follows maintenances.")
@click.option(
    "--dns-ttl",
    default=DNS_TTL,
    show_default=True,
    type=click.IntRange(1, 3600),
    help="Seconds for which resolvers remember those names.",
)
def up(
    name: str,
    nodes: int,
    calls: int,
    port: int,
    detach: bool,
    drivers: tuple[str, ...],
    registry: Literal["embedded", "etcd"],
    technologies: tuple[str, ...],
    dns: bool,
    dns_ttl: int,
) -> None:
    """Bring the lab up; without --detach it stays until Ctrl-C and then leaves nothing behind."""
    plan = plans.make(
        technologies=tuple(map(Technology, technologies)),
        dns=dns,
        dns_ttl=dns_ttl,
        registry=registry,
        drivers=drivers,
        nodes=nodes,
        calls=calls,
        name=name,
        port=port,
        detach=detach,
    )
    for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, signal.default_int_handler)
    try:
        pid = life.up(plan, lambda step: click.echo(f"lab: {step}", err=True))
    except KeyboardInterrupt:
        raise life.INTERRUPTED.refuse(name=name) from None
    click.echo(statuses.as_text(statuses.status(name)))
    if not detach:
        _stay(name, pid)


def _stay(name: str, pid: int) -> None:
    try:
        click.echo("Ctrl-C ends the lab.", err=True)
        life.wait(pid)
        raise life.ENDED.refuse(name=name)
    except KeyboardInterrupt:
        click.echo(f"lab {name} is down.", err=True)
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
@click.argument("caller")
@click.argument("number")
@click.option("--node", default="", help="Another node than the account's own.")
@click.option("--seconds", default=5.0, show_default=True, help="How long an answered call lasts.")
@click.option("--record", type=click.Path(dir_okay=False, path_type=Path), help="Write what is heard as a WAV file.")
def call(name: str, caller: str, number: str, node: str, seconds: float, record: Path | None) -> None:
    """Call NUMBER from the account CALLER (1_200), or from outside (carrier); early media is heard too."""
    life.check_root()
    happened = probes.call(name, caller, number, node=node, seconds=seconds)
    samples = happened.samples()
    if record is not None:
        probes.save(samples, record)
    click.echo(f"statuses {' '.join(map(str, happened.statuses))}; {len(samples) / 2 / g711.RATE:.1f} s of audio")
    if happened.reason:
        click.echo(f"reason {happened.reason}")


@lab.command()
@named
@click.argument("account")
@click.option("--node", default="", help="Another node than the account's own.")
def register(name: str, account: str, node: str) -> None:
    """Register a sample phone once with its true password; fails when the node refuses."""
    life.check_root()
    tried = probes.register(name, account, node=node)
    click.echo(f"statuses {' '.join(map(str, tried.statuses))}")
    sys.exit(0 if tried.as_expected else 1)


@lab.command()
@named
@click.option("--node", default="node1", show_default=True)
@click.option("--failures", default=4, show_default=True, help="Wrong passwords to try.")
@click.option("--from", "attacker", default="attacker1", show_default=True, help="The attacking machine.")
@click.option("--tcp", is_flag=True, help="Over TCP, where an address cannot be forged.")
def attack(name: str, node: str, failures: int, attacker: str, tcp: bool) -> None:
    """Register with wrong passwords; silence instead of refusals means that the attacker is banned."""
    life.check_root()
    tried = probes.attack(name, node=node, failures=failures, attacker=attacker, tcp=tcp)
    click.echo(f"statuses {' '.join(map(str, tried.statuses))}; {'refused' if tried.as_expected else 'no answer'}")


@lab.command()
@named
def down(name: str) -> None:
    """End the lab; nothing of it remains. A lab that is not up is no error."""
    was_up = life.down(name)
    click.echo(f"lab {name} is down." if was_up else f"lab {name} was not up.")

"""``asterisk-ext guard`` and ``asterisk-ext ban``. Imports stand in the commands: ``scan`` must start fast."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

if TYPE_CHECKING:
    from asterisk_ext.config import Config
    from firewall.socket.client import GuardClient

Result = TypeVar("Result")

CONFIG = click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path, readable=False),
    default=None,
    help="Settings file; default /etc/asterisk-ext/config.toml.",
)
YOUNG = 10_000
"""Objects, a megabyte, that may wait to be looked at for circular garbage."""
JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")


@click.group()
def guard() -> None:
    """The guard: bans attackers and applies the firewall."""


@guard.command()
@CONFIG
def run(config_path: Path | None) -> None:
    """Guard this node until stopped."""
    import asyncio
    import logging
    import signal

    from asterisk_ext.garbage import search_seldom
    from firewall.guard import run as run_guard

    search_seldom(YOUNG)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")

    async def main() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await run_guard(_settings(config_path), stop)

    asyncio.run(main())


@guard.command()
@CONFIG
def restore(config_path: Path | None) -> None:
    """At boot, before there is a network: the rules last confirmed and the bans, in the kernel. Starts nothing."""
    from firewall.early import restore as put_back

    done = put_back(_settings(config_path))
    click.echo(f"{done.rules} rules and {done.bans} bans are in force")
    if done.rolled_back:
        click.echo("rules on trial that nobody had confirmed are gone")


@guard.command()
@click.argument("file", type=click.Path(path_type=Path, readable=False))
@click.option("--bans", is_flag=True, help="Print the bans the configured policy leads to, instead of the failures.")
@click.option("--notices", is_flag=True, help="Read the NOTICE lines of `messages` instead; they can be forged.")
@JSON
@CONFIG
def scan(file: Path, bans: bool, notices: bool, as_json: bool, config_path: Path | None) -> None:
    """Read a security log offline and print its failed attempts, or the bans they lead to."""
    import gc

    from firewall.log.scan import events_in, notices_in, scan_bans, scan_failures

    # Nothing here refers back to itself, and the collector's rounds would cost a tenth of the time.
    gc.disable()
    read = notices_in if notices else events_in
    try:
        if bans:
            from firewall.guard import policy_of

            config = _settings(config_path)
            spared = (*config.guard.never_ban, *config.guard.fleet)
            scan_bans(file, sys.stdout, policy_of(config), spared, as_json, read)
        else:
            scan_failures(file, sys.stdout, as_json, read)
    except BrokenPipeError:
        # Whoever read has seen enough; click ends the command.
        raise
    except OSError as error:
        from firewall.log.tail import UNREADABLE

        raise UNREADABLE.refuse(path=file, reason=error.strerror) from error


@click.group()
def ban() -> None:
    """Blocked addresses."""


@ban.command("list")
@JSON
@CONFIG
def list_bans(as_json: bool, config_path: Path | None) -> None:
    """All bans in force."""
    import msgspec

    for row in _ask(config_path, lambda client: client.bans()):
        if as_json:
            click.echo(msgspec.json.encode(row))
        else:
            click.echo(f"{row.source}\tuntil {_time(row.until)}\t{row.origin}\t{row.failures} failures\t{row.reason}")


@ban.command()
@JSON
@CONFIG
def spared(as_json: bool, config_path: Path | None) -> None:
    """Addresses that are slowed down (lift ends it), or whose ban was held back, and why."""
    import msgspec

    for row in _ask(config_path, lambda client: client.spared()):
        if as_json:
            click.echo(msgspec.json.encode(row))
        else:
            accounts = _printable(" ".join(row.accounts))
            click.echo(f"{row.source}\tuntil {_time(row.until)}\t{row.reason}\t{row.failures} failures\t{accounts}")


@ban.command()
@JSON
@CONFIG
def events(as_json: bool, config_path: Path | None) -> None:
    """What happens from now on: banned, slowed, held, lifted, suspended, resumed, repaired."""
    import msgspec

    async def follow(client: GuardClient) -> None:
        async for event in client.events():
            if as_json:
                click.echo(msgspec.json.encode(event))
            else:
                facts = " ".join(f"{name}={value}" for name, value in event.items() if name != "event")
                click.echo(_printable(f"{event['event']} {facts}"))

    _ask(config_path, follow)


@ban.command()
@click.argument("address")
@click.option("--hours", type=float, default=24.0, show_default=True)
@click.option("--reason", default="")
@JSON
@CONFIG
def add(address: str, hours: float, reason: str, as_json: bool, config_path: Path | None) -> None:
    """Ban an address."""
    import msgspec

    row = _ask(config_path, lambda client: client.ban(address, hours * 3600, reason))
    click.echo(msgspec.json.encode(row) if as_json else f"{row.source} is banned until {_time(row.until)}")


@ban.command()
@click.argument("address")
@JSON
@CONFIG
def lift(address: str, as_json: bool, config_path: Path | None) -> None:
    """Lift a ban before its time."""
    _ask(config_path, lambda client: client.lift(address))
    click.echo('{"lifted":true}' if as_json else f"{address} is no longer banned")


@ban.command()
@click.argument("network")
@click.option("--note", default="", help="Why; shown beside the entry.")
@click.option("--remove", is_flag=True, help="Take the network off the list again.")
@JSON
@CONFIG
def allow(network: str, note: str, remove: bool, as_json: bool, config_path: Path | None) -> None:
    """Never ban an address or network."""
    _ask(config_path, lambda client: client.allow(network, note, remove=remove))
    listed = "off" if remove else "on"
    click.echo('{"ok":true}' if as_json else f"{network} is {listed} the never-ban list")


@ban.command()
@click.argument("address")
@JSON
@CONFIG
def explain(address: str, as_json: bool, config_path: Path | None) -> None:
    """Why an address is banned or not, and which log lines say so."""
    import msgspec

    told = _ask(config_path, lambda client: client.explain(address))
    if as_json:
        click.echo(msgspec.json.encode(told))
        return
    until = f" until {_time(told['until'])}" if told["banned"] else ""
    click.echo(f"{told['source']}: {'banned' if told['banned'] else 'not banned'}{until}")
    click.echo(f"failures that count now: {told['failures_counted']}")
    if told["slowed_until"] is not None:
        click.echo(f"slowed down until {_time(told['slowed_until'])}")
    click.echo(f"protected: {'yes, ' + ', '.join(told['accounts']) if told['protected'] else 'no'}")
    click.echo(f"a ban would be held back: {told['held_back'] or 'no'}")
    for line in told["lines"]:
        click.echo("  " + _printable(line))


def _printable(text: str) -> str:
    """An attacker's text: no control character of it may reach the terminal."""
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)


def _settings(path: Path | None) -> Config:
    from asterisk_ext.config import DEFAULT_PATH, Config, load

    if path is None and not DEFAULT_PATH.exists():
        return Config()
    return load(path or DEFAULT_PATH)


def _ask(config_path: Path | None, question: Callable[[GuardClient], Awaitable[Result]]) -> Result:
    import asyncio

    from firewall.socket.client import GuardClient

    async def ask() -> Result:
        return await question(GuardClient(Path(_settings(config_path).guard.socket)))

    return asyncio.run(ask())


def _time(seconds: float) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")

"""``asterisk-ext``: the command line. Each group lives in a file of its name and is loaded when it is called."""

from __future__ import annotations

import importlib
import sys

import click

from asterisk_ext.domain.errors import Refusal

GROUPS = {
    "audio": "block audios and music: list, add, set, fetch, remove; run the converter",
    "audit": "the journal of acts",
    "ban": "blocked addresses: list, spared, add, lift, allow, explain, events",
    "bans": "the whole fleet's bans: lift, lifts, never, allow, withdraw",
    "call": "live calls: list, hangup, replay; blocked calls",
    "firewall": "who gets in: rules, plan, apply, confirm, explain, countries",
    "guard": "the guard: run it, or scan a log offline",
    "lab": "a whole fleet on this machine: up, status, exec, down",
    "node": "the node service: run it; write Asterisk's include files; put a lost realtime database back",
    "pbx": "virtual PBXs: list, import, export, put, drop, remove, block, unblock, propose",
    "registry": "the fleet's registry: promote, migrate, certificates for etcd, accept a restored one",
    "server": "SIP servers: list, add, maintenance",
    "token": "tokens for the API",
    "user": "who may enter the console",
}
_HOMES = {"ban": "guard", "bans": "fleet_bans", "token": "user"}


class Groups(click.Group):
    """Loads a group's file only when it is asked for: a scan of a log needs no web server."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(GROUPS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in GROUPS:
            return None
        module = importlib.import_module(f"asterisk_ext.cli.{_HOMES.get(cmd_name, cmd_name)}")
        command: click.Command = getattr(module, cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(sorted(GROUPS.items()))


@click.group(cls=Groups, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="asterisk-ext")
def cli() -> None:
    """Virtual PBXs on Asterisk: servers, maintenance, firewall, bans, block audios and live calls of a fleet."""


def main() -> None:
    """Run the command line; a refusal goes to standard error with its id and field, and the exit status is 1."""
    try:
        cli()
    except Refusal as refusal:
        click.echo(in_words(refusal), err=True)
        sys.exit(1)


def in_words(refusal: Refusal) -> str:
    """A refusal as the command line tells it: its id, the field at fault, what and what to do."""
    field = f" ({refusal.field})" if refusal.field else ""
    return f"{refusal.error_id}{field}: {refusal.what} {refusal.remedy}"


if __name__ == "__main__":
    main()

"""``asterisk-ext user`` and ``asterisk-ext token``: who may enter, by console and by API."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from asterisk_ext.cli.options import ask, settings
from asterisk_ext.domain.access import Role

_ROLES = click.Choice([role.word for role in Role])


@click.group()
def user() -> None:
    """Users of the console."""


@user.command()
@settings
@click.argument("name")
@click.option("--role", type=_ROLES, required=True)
def add(settings: Path, name: str, role: str) -> None:
    """Create a user, or set a new password. The password is read from standard input, never from an argument."""
    if sys.stdin.isatty():
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    else:
        password = sys.stdin.readline().rstrip("\n")
    ask(settings, "POST", "users", {"name": name, "password": password, "role": role})
    click.echo(f"{name}: {role}")


@click.group()
def token() -> None:
    """Tokens for the API."""


@token.command("add")
@settings
@click.argument("name")
@click.option("--role", type=_ROLES, required=True)
@click.option("--pbx", type=int, help="Limit the token to one virtual PBX.")
def add_token(settings: Path, name: str, role: str, pbx: int | None) -> None:
    """Issue a token and print it; it is shown this once."""
    answer = ask(settings, "POST", "tokens", {"name": name, "role": role, "pbx": pbx})
    click.echo(answer["token"])

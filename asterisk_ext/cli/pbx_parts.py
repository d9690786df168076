"""``asterisk-ext pbx put`` and ``drop``: one extension, trunk, ring group, DID or route, or fields of the record."""

from __future__ import annotations

import sys
import typing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from asterisk_ext.cli.options import ask, settings, show_json
from asterisk_ext.domain.pbx import Pbx
from asterisk_ext.domain.pbx_parts import SHAPES, Kind

_PARTS = frozenset(kind.value for kind in Kind)
_SHOWN_ONLY = frozenset({"has_secret", "since"})


@click.command()
@settings
@click.argument("number", type=int)
@click.argument("words", nargs=-1, required=True)
@click.option("--secret-from", type=click.File("r"), help="Its password, from this file or - for standard input.")
def put(settings: Path, number: int, words: tuple[str, ...], secret_from: Any) -> None:
    """Change fields of virtual PBX NUMBER, or add or change one of its parts; lists have commas between.

    \b
    pbx put 1 max_calls=8 outside_prefixes=0,9
    pbx put 1 extensions 205 name=Copa codecs=alaw,opus
    pbx put 1 trunks trunk14 host=sip.example.net username=4831210114 register=yes --secret-from -
    pbx put 1 routes 00. trunks=trunk15,trunk14
    """
    place = words[:2] if words[0] in _PARTS else ()
    record = ask(settings, "GET", f"pbx/{number}")
    revision = record["revision"]
    whole: dict[str, Any] = {name: value for name, value in record["pbx"].items() if name not in _SHOWN_ONLY}
    if place:
        if len(place) < 2:
            raise click.UsageError(f"which of the {place[0]}?")
        shape = SHAPES[Kind(place[0])]
        there = next((part for part in whole[place[0]] if part[shape.key] == place[1]), {shape.key: place[1]})
        body = {name: value for name, value in there.items() if name not in _SHOWN_ONLY}
        body |= _changes(shape.type, words[2:])
        path = f"pbx/{number}/{place[0]}/{quote(place[1], safe='')}"
    else:
        body, path = whole | _changes(Pbx, words), f"pbx/{number}"
        for trunk in body["trunks"]:
            trunk.pop("has_secret", None)
    if secret_from is not None:
        body["secret"] = secret_from.read().strip()
    show_json(ask(settings, "PUT", f"{path}?revision={revision}", body))


@click.command()
@settings
@click.argument("number", type=int)
@click.argument("kind", type=click.Choice(sorted(_PARTS)))
@click.argument("key")
def drop(settings: Path, number: int, kind: str, key: str) -> None:
    """Remove one extension, trunk, ring group, DID or route; refused while something else leads to it."""
    ask(settings, "DELETE", f"pbx/{number}/{kind}/{quote(key, safe='')}")
    click.echo(f"{kind} {key} removed from virtual PBX {number}", file=sys.stdout)


def _changes(kind: type, words: tuple[str, ...]) -> dict[str, Any]:
    """``name=value`` words as the fields of a dataclass take them."""
    closed = {"secret", "digest", *(_PARTS if kind is Pbx else ())}
    kinds = {name: hint for name, hint in typing.get_type_hints(kind).items() if name not in closed}
    changes: dict[str, Any] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals or name not in kinds:
            raise click.UsageError(f"{word} is not field=value; there are {', '.join(sorted(kinds))}")
        changes[name] = _value(kinds[name], name, text)
    return changes


def _value(kind: Any, name: str, text: str) -> Any:
    if kind is bool:
        if text not in ("yes", "no"):
            raise click.UsageError(f"{name} is yes or no")
        return text == "yes"
    if kind is int:
        if not text.isdecimal():
            raise click.UsageError(f"{name} is a number")
        return int(text)
    return [part for part in text.split(",") if part] if typing.get_origin(kind) is tuple else text

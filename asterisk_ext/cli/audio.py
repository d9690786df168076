"""``asterisk-ext audio``: block audios and music on hold; and the process that decodes what is uploaded."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from pathlib import Path
from typing import IO
from urllib.parse import quote, urlencode

import click

from asterisk_ext import config
from asterisk_ext.cli.options import as_json, ask, settings, show_json, show_table
from asterisk_ext.domain.audio import Kind
from asterisk_ext.domain.errors import Problem
from dialplan.audio.conversion import FfmpegConverter
from dialplan.audio.converter import ConverterService

AS_ROOT = Problem(
    "audio.converter_as_root",
    500,
    "The converter was not started: it decodes strangers' files and must not be root.",
    "Run it as the user asterisk-ext-audio, which has nothing else.",
)
kind_option = click.option("--kind", type=click.Choice([kind.value for kind in Kind]), required=True, help="What for.")
pbx_option = click.option("--pbx", type=int, help="For one virtual PBX; without it for the whole platform.")
language_option = click.option("--language", default="", help="pt_BR or en, for the platform's announcements.")


@click.group()
def audio() -> None:
    """Block audios and music on hold."""


@audio.command("list")
@settings
@as_json
def list_(settings: Path, as_json: bool) -> None:
    """The library: every audio, how long it is and where it is heard."""
    audios = ask(settings, "GET", "audios")
    if as_json:
        show_json(audios)
        return
    show_table(
        ["NAME", "SECONDS", "FROM", "LUFS", "AT", "BY", "HEARD AT"],
        [
            [a["name"], f"{a['seconds']:.1f}", a["source"], a["loudness"], a["at"], a["by"], _places(a["uses"])]
            for a in audios
        ],
    )


def _places(uses: list[dict[str, str]]) -> str:
    return ", ".join(
        " ".join(
            filter(None, (f"pbx {use['pbx']}" if use["pbx"] is not None else "platform", use["kind"], use["language"]))
        )
        for use in uses
    )


@audio.command()
@settings
@click.argument("file", type=click.File("rb"))
@click.option("--name", default="", help="Its name in the library; the file's where none is given.")
def add(settings: Path, file: IO[bytes], name: str) -> None:
    """Upload FILE (WAV, MP3, Ogg, FLAC or M4A; - for standard input, which needs a --name)."""
    given = "" if file.name in ("-", "<stdin>") else Path(file.name).name
    query = urlencode({"file": given, "name": name})
    made = ask(settings, "POST", f"audios?{query}", data=file.read())
    click.echo(f"{made['name']}: {made['seconds']:.1f} s, was {made['loudness']:.1f} LUFS")


@audio.command("set")
@settings
@click.argument("name")
@kind_option
@pbx_option
@language_option
def set_(settings: Path, name: str, kind: str, pbx: int | None, language: str) -> None:
    """Let callers hear the audio NAME from the next call on."""
    ask(settings, "POST", "audios/uses", {"kind": kind, "name": name, "pbx": pbx, "language": language})
    click.echo(f"{kind}: {name}")


@audio.command()
@settings
@kind_option
@pbx_option
@language_option
def unset(settings: Path, kind: str, pbx: int | None, language: str) -> None:
    """Go back to what is next best: the platform's audio, or the one that ships with the product."""
    ask(settings, "POST", "audios/uses", {"kind": kind, "name": "", "pbx": pbx, "language": language})
    click.echo(f"{kind}: the default")


@audio.command()
@settings
@click.argument("name")
def remove(settings: Path, name: str) -> None:
    """Remove an audio that is heard nowhere."""
    ask(settings, "DELETE", f"audios/{quote(name, safe='')}")
    click.echo(f"{name} is removed")


@audio.command()
@settings
@click.argument("name")
@click.argument("output", type=click.File("wb"))
@click.option("--quality", type=click.Choice(["telephone", "original"]), default="telephone", show_default=True)
def fetch(settings: Path, name: str, output: IO[bytes], quality: str) -> None:
    """Write the audio NAME to OUTPUT (- for standard output): WAV as by telephone, FLAC as it was sent."""
    output.write(ask(settings, "GET", f"audios/{quote(name, safe='')}/{quality}"))


@audio.command()
@settings
@as_json
def uses(settings: Path, as_json: bool) -> None:
    """Which audio is heard where, and on which servers that is in force."""
    answer = ask(settings, "GET", "audios/uses")
    if as_json:
        show_json(answer)
        return
    show_table(
        ["KIND", "FOR", "LANGUAGE", "AUDIO"],
        [[u["kind"], "platform" if u["pbx"] is None else u["pbx"], u["language"], u["name"]] for u in answer["uses"]],
    )
    for server, names in answer["arrival"]["missing"].items():
        click.echo(f"{server} lacks {', '.join(names)}: the next best is heard", err=True)
    waiting = answer["arrival"]["waiting"]
    click.echo(f"in force on {', '.join(answer['arrival']['there']) or 'no server'}" + _not_on(waiting))


def _not_on(waiting: list[str]) -> str:
    return f"; not yet on {', '.join(waiting)}" if waiting else ""


@audio.command()
@settings
def converter(settings: Path) -> None:
    """Decode what people upload, until SIGTERM; as a user of its own and without a network."""
    if os.geteuid() == 0:
        raise AS_ROOT.refuse()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    asyncio.run(_converter(Path(config.load(settings).audio.converter)))


async def _converter(socket: Path) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with ConverterService(FfmpegConverter(), socket):
        await stop.wait()

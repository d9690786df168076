"""Trunks that register with their carrier: one include file of ``pjsip.conf``, looked at before and after it goes live.

Asterisk reads registrations from a file only when it is told to; endpoints, addresses and passwords are in the
realtime database, so that this reload touches nothing else.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from asterisk_ext.domain.errors import Problem
from asterisk_ext.domain.pbx import Mode, Pbx, Trunk
from dialplan.carriers import carrier_uri

INCLUDE = "asterisk-ext.registrations.conf"
RELOAD = "module reload res_pjsip_outbound_registration.so"
RENEW = "pjsip send register *all"
SHOW = "pjsip show registrations"
PATIENCE = 10.0

ROLLED_BACK = Problem(
    "registrations.rolled_back",
    500,
    "The trunks' registrations were left as they were: Asterisk would have had {found} of {wanted} ({first}).",
    "Look into Asterisk's log for what it says of that trunk, and correct the record.",
)
UNSAFE = Problem(
    "registrations.unsafe",
    500,
    "The trunks' registrations were left as they were: {value!r} of {name} cannot stand in Asterisk's file.",
    "Correct that trunk.",
)

_SAFE = {
    "name": re.compile(r"[0-9]{1,8}_trunk[0-9]{1,6}"),
    "server_uri": re.compile(r"sip:(\[[0-9A-Fa-f:]+\]|[A-Za-z0-9.-]+):[0-9]{1,5}(\\;transport=(tcp|tls))?"),
    "client_uri": re.compile(r"sip:[A-Za-z0-9._+~-]{1,64}@(\[[0-9A-Fa-f:]+\]|[A-Za-z0-9.-]+)"),
    "contact_user": re.compile(r"[A-Za-z0-9._+~-]{1,64}"),
}
_SHOWN = re.compile(r"^\s*([0-9]+_trunk[0-9]+)/", re.MULTILINE)
_WRITTEN = re.compile(r"^\[([0-9]+_trunk[0-9]+)\]$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    name: str
    server_uri: str
    client_uri: str
    contact_user: str


def registrations(tenants: Iterable[Pbx]) -> Iterator[Registration]:
    """What the virtual PBXs' trunks ask for, by id. Pure."""
    for pbx in sorted(tenants, key=lambda pbx: pbx.id):
        for trunk in pbx.trunks if pbx.mode is Mode.MANAGED else ():
            if trunk.register:
                yield _registration(pbx, trunk)


def _registration(pbx: Pbx, trunk: Trunk) -> Registration:
    host = f"[{trunk.host}]" if ":" in trunk.host else trunk.host
    numbers = {did.number for did in pbx.dids}
    return Registration(
        name=f"{pbx.id}_{trunk.name}",
        server_uri=carrier_uri(trunk).replace(";", "\\;"),
        client_uri=f"sip:{trunk.username}@{host}",
        # Many carriers call what was registered: a number of the virtual PBX finds its way from there.
        contact_user=trunk.caller_id if trunk.caller_id in numbers else trunk.username,
    )


def render(wanted: Iterable[Registration]) -> str:
    """The include file; refuses ``registrations.unsafe`` for a value that could end its line."""
    listed = list(wanted)
    for item in listed:
        for field, pattern in _SAFE.items():
            value = getattr(item, field)
            if not pattern.fullmatch(value):
                raise UNSAFE.refuse(field=field, name=item.name, value=value)
    return _template().render(registrations=listed)


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("dialplan"),
        undefined=StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - this is Asterisk's file, not HTML; ``render`` checks every value
    )
    return environment.get_template("registrations.conf.j2")


class Registrations:
    """``ports.asterisk.Registrar`` for the include file at ``path``; ``command`` asks Asterisk and returns its words.

    Blocks: call it in a thread.
    """

    def __init__(self, path: Path, command: Callable[[str], str]) -> None:
        self._path = path
        self._command = command

    def present(self) -> set[str]:
        """The trunks that the file has: ``1_trunk14``."""
        return set(_WRITTEN.findall(self._text()))

    def apply(self, tenants: Iterable[Pbx]) -> bool:
        """Have Asterisk register exactly the trunks of ``tenants``; False where it does already.

        Refuses ``registrations.rolled_back`` where Asterisk does not take all of them, with the former file in place
        again. Raises OSError where Asterisk cannot be asked; what was written is then taken up when it starts.
        """
        wanted = list(registrations(tenants))
        text, before = render(wanted), self._text()
        if text == before or (not wanted and not before):
            return False
        replace_private(self._path, text)
        names = {item.name for item in wanted}
        found = self._reloaded()
        if found != names:
            replace_private(self._path, before)
            self._reloaded()
            first = min(names ^ found)
            raise ROLLED_BACK.refuse(found=len(found & names), wanted=len(names), first=first)
        return True

    def renew(self) -> None:
        """Have Asterisk register all of them once more, now. Raises OSError where it does not answer."""
        if self._text():
            self._command(RENEW)

    def _reloaded(self) -> set[str]:
        self._command(RELOAD)
        return set(_SHOWN.findall(self._command(SHOW)))

    def _text(self) -> str:
        return self._path.read_text() if self._path.exists() else ""


def replace_private(path: Path, text: str) -> None:
    """Write a file whole, readable by its owner alone."""
    draft = path.with_name(f"{path.name}.new")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(handle)
    draft.replace(path)


def asterisk_command(program: str, patience: float = PATIENCE) -> Callable[[str], str]:
    """Runs one command of Asterisk's console; raises OSError where it does not answer within ``patience`` seconds."""

    def run(words: str) -> str:
        try:
            done = subprocess.run([program, "-rx", words], capture_output=True, text=True, timeout=patience, check=True)
        except subprocess.SubprocessError as error:
            raise OSError(f"Asterisk did not answer {words!r}: {error}") from error
        return done.stdout

    return run

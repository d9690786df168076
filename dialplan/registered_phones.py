"""Registered phones, as Asterisk's own commands tell them: ARI shows phones known from realtime as offline."""

from __future__ import annotations

import asyncio
import re
from asyncio.subprocess import DEVNULL, PIPE
from collections import Counter
from collections.abc import Iterable, Mapping
from ipaddress import ip_address

import msgspec

from asterisk_ext.ports.asterisk import Contact

CONTACT = re.compile(rb"^\s+Contact:\s+(\d+_\d+)/", re.MULTILINE)
CONTACT_RECORD = re.compile(rb"^/registrar/contact/\S+?: (\{.*\})\s*$", re.MULTILINE)
ACCOUNT = re.compile(r"\d+_\d+")
PERIOD = 10.0
"""Seconds for which an answer is good: the command lists every contact there is."""
PATIENCE = 5.0


def accounts(listing: bytes) -> set[bytes]:
    """The accounts with a contact in the output of ``pjsip show contacts``; trunks have no digits for an extension."""
    return set(CONTACT.findall(listing))


def counted(found: Iterable[bytes]) -> dict[int, int]:
    """How many accounts of each virtual PBX: ``1_200`` is one of the first."""
    return dict(Counter(int(account.partition(b"_")[0]) for account in found))


class ContactRecord(msgspec.Struct, frozen=True):
    """A contact as Asterisk's own database keeps it; ``via_addr`` is where the phone's packets come from."""

    endpoint: str = ""
    via_addr: str = ""
    uri: str = ""


def places(listing: bytes) -> list[Contact]:
    """The phones in the output of ``database show registrar``, each with its address.

    ``pjsip show contacts`` cuts long URIs off, which would make another address of one.
    """
    found = []
    for match in CONTACT_RECORD.finditer(listing):
        try:
            record = msgspec.json.decode(match[1], type=ContactRecord)
            address = str(ip_address(record.via_addr.strip("[]")))
        except (msgspec.DecodeError, ValueError):
            continue
        if ACCOUNT.fullmatch(record.endpoint):
            _, _, transport = record.uri.lower().partition(";transport=")
            found.append(Contact(record.endpoint, address, transport.partition(";")[0] or "udp"))
    return found


class RegisteredPhones:
    """``ports.asterisk.PhoneBook``; keeps the last known numbers while Asterisk does not answer."""

    def __init__(self, program: str) -> None:
        self._program = program
        self._last: Mapping[int, int] = {}
        self._good_until = 0.0
        self._wanted = 0
        """How often a new count was asked for: one that began before is good for nobody later."""

    async def registered(self) -> Mapping[int, int]:
        now = asyncio.get_running_loop().time()
        if now >= self._good_until:
            wanted = self._wanted
            listing = await self._printed("pjsip show contacts")
            self._last = self._last if listing is None else counted(accounts(listing))
            if wanted == self._wanted:
                self._good_until = now + PERIOD
        return self._last

    def recount(self) -> None:
        self._wanted += 1
        self._good_until = 0.0

    async def contacts(self) -> list[Contact]:
        return places(await self._printed("database show registrar") or b"")

    async def _printed(self, question: str) -> bytes | None:
        command = (self._program, "-rx", question)
        try:
            process = await asyncio.create_subprocess_exec(*command, stdin=DEVNULL, stdout=PIPE, stderr=DEVNULL)
        except OSError:
            return None
        try:
            async with asyncio.timeout(PATIENCE):
                printed, _ = await process.communicate()
        except TimeoutError:
            process.kill()
            await process.wait()
            return None
        return printed if process.returncode == 0 else None

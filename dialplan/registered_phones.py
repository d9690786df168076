"""Registered phones, as Asterisk's own command tells them: ARI shows phones known from realtime as offline."""

from __future__ import annotations

import asyncio
import re
from asyncio.subprocess import DEVNULL, PIPE
from ipaddress import ip_address

from asterisk_ext.ports import Contact

CONTACT = re.compile(rb"^\s+Contact:\s+(\d+_\d+)/", re.MULTILINE)
PLACE = re.compile(
    rb"^\s+Contact:\s+(?P<account>\d+_\d+)/sips?:[^\s@]*@(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<four>[0-9.]+))"
    rb"(?::\d+)?(?:\S*?;transport=(?P<transport>[A-Za-z]+))?",
    re.MULTILINE,
)
PERIOD = 10.0
"""Seconds for which an answer is good: the command lists every contact there is."""
PATIENCE = 5.0


def accounts(listing: bytes) -> set[bytes]:
    """The accounts with a contact in the output of ``pjsip show contacts``; trunks have no digits for an extension."""
    return set(CONTACT.findall(listing))


def places(listing: bytes) -> list[Contact]:
    """The contacts with an IP address; a URI's name or text that is no address is left out."""
    found = []
    for match in PLACE.finditer(listing):
        address = (match["six"] or match["four"]).decode()
        if _is_address(address):
            transport = (match["transport"] or b"udp").decode().lower()
            found.append(Contact(match["account"].decode(), address, transport))
    return found


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


class RegisteredPhones:
    """``ports.PhoneBook``; keeps the last known number while Asterisk does not answer."""

    def __init__(self, program: str) -> None:
        self._program = program
        self._last = 0
        self._good_until = 0.0

    async def registered(self) -> int:
        now = asyncio.get_running_loop().time()
        if now >= self._good_until:
            self._good_until = now + PERIOD
            listing = await self._listing()
            self._last = self._last if listing is None else len(accounts(listing))
        return self._last

    async def contacts(self) -> list[Contact]:
        return places(await self._listing() or b"")

    async def _listing(self) -> bytes | None:
        command = (self._program, "-rx", "pjsip show contacts")
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

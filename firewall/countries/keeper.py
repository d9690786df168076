"""The guard's country lists: the newest it has accepted, else the embedded ones; and taking newer ones on offer.

The node service fetches and offers them in one file; here they are read as an attacker's, checked again against those
in use, loaded into the kernel, and only then kept.
"""

from __future__ import annotations

import asyncio
import logging
import os
import stat
from collections.abc import Collection, Iterable
from dataclasses import asdict
from pathlib import Path

from asterisk_ext.domain.errors import Problem, Refusal
from firewall.countries.check import compare, verify
from firewall.countries.lists import EMBEDDED, CountryLists
from firewall.countries.pack import LONGEST_FILE
from firewall.lists.address_lists import AddressLists, country_list
from firewall.lists.ranges import BITS, Range
from firewall.socket.api import AcceptCountries, Countries, Country, TakeCountries

log = logging.getLogger(__name__)

NOTHING_OFFERED = Problem(
    "country.nothing_offered",
    404,
    "There are no new country lists to take: {reason}.",
    "Start an update first: asterisk-ext firewall countries update.",
)
BUSY = Problem(
    "country.busy", 409, "Country lists are being taken at this moment; nothing was changed.", "Try again in a minute."
)
KEPT = "countries.bin"
OFFERED = "countries-offered.bin"
"""In the node service's own directory."""


class CountryKeeper:
    """``offered`` is the one file that may be taken, ``state`` the guard's own directory."""

    def __init__(self, state: Path, offered: Path, kernel: AddressLists) -> None:
        self._kept = state / KEPT
        self._offered = offered
        self._kernel = kernel
        self._taking = asyncio.Lock()
        self.lists: CountryLists = newest(self._kept)
        self.in_use: Collection[str] = ()
        """The countries that the rules in force name: whoever applies rules says so here."""

    @property
    def path(self) -> Path:
        """The file that the lists in use are in."""
        return EMBEDDED if self.lists.data == EMBEDDED.read_bytes() else self._kept

    @property
    def busy(self) -> bool:
        """Lists are going into the kernel, from another thread."""
        return self._taking.locked()

    def answer(self, request: Countries | Country | TakeCountries | AcceptCountries) -> object:
        """What these verbs of the guard's socket do."""
        match request:
            case Country(code):
                packed = {version: self.lists.packed(code, version) for version in BITS}
                return {"country": asdict(self.lists.country(code)), "packed4": packed[4], "packed6": packed[6]}
            case TakeCountries():
                return self._taken(())
            case AcceptCountries(codes):
                return self._taken(codes)
        return self.told()

    def told(self) -> dict[str, object]:
        """What is in use, for those who ask."""
        lists = self.lists
        return {
            "since": lists.since,
            "source": lists.source,
            "licence": lists.licence,
            "countries": [asdict(country) for country in lists.countries],
            "in_use": sorted(self.in_use),
        }

    async def _taken(self, accepted: Collection[str]) -> dict[str, object]:
        await self.take(accepted)
        return self.told()

    async def take(self, accepted: Collection[str] = ()) -> CountryLists:
        """Make the offered lists those in use; returns them.

        Refuses ``country.damaged``, ``country.older``, ``country.shrunken``, ``country.grown``, ``country.busy``,
        ``country.nothing_offered`` and ``kernel.refused``; then nothing has changed.
        """
        if self._taking.locked():
            raise BUSY.refuse()
        async with self._taking:
            self.lists = await asyncio.to_thread(self._take, accepted)
        log.info("country lists of %s are in use", self.lists.since)
        return self.lists

    def _take(self, accepted: Collection[str]) -> CountryLists:
        fresh = CountryLists(self._read())
        verify(fresh)
        compare(self.lists, fresh, self.in_use, accepted)
        beside = self._kept.with_suffix(".new")
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(fresh.data)
            file.flush()
            os.fsync(descriptor)
        self._kernel.load(
            {
                country_list(code): {version: _ranges(fresh, code, version) for version in BITS}
                for code in self.in_use
                if self._differs(fresh, code)
            }
        )
        beside.replace(self._kept)
        return fresh

    def _differs(self, fresh: CountryLists, code: str) -> bool:
        if code not in self.lists or code not in fresh:
            return True
        return any(self.lists.packed(code, version) != fresh.packed(code, version) for version in BITS)

    def _read(self) -> bytes:
        """The offered file; whoever may write there may not have us read another one."""
        try:
            descriptor = os.open(self._offered, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            with os.fdopen(descriptor, "rb") as file:
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    raise NOTHING_OFFERED.refuse(reason="what is offered is no file")
                return file.read(LONGEST_FILE + 1)
        except OSError as error:
            raise NOTHING_OFFERED.refuse(reason=error.strerror) from error


def _ranges(lists: CountryLists, code: str, version: int) -> Iterable[Range]:
    return lists.unpacked(code, version) if code in lists else ()


def newest(kept: Path) -> CountryLists:
    """The lists kept in the guard's state; the embedded ones where there are none, or older or damaged ones."""
    embedded = CountryLists.open()
    try:
        found = CountryLists.open(kept)
    except FileNotFoundError:
        return embedded
    except (OSError, Refusal) as error:
        log.warning("the country lists in %s cannot be used, the embedded ones are: %s", kept, error)
        return embedded
    return found if found.since >= embedded.since else embedded

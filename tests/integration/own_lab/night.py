"""A whole night of maintenance, whatever engine keeps the registry: phones that follow by DNS, and come home by it."""

from __future__ import annotations

import asyncio
import itertools
import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http.client import HTTPException
from typing import Any

from tests.integration.fleet import Lab
from tests.integration.guard_ground import Ground
from tests.integration.sip_phone import Phone

PATIENCE = 180.0
"""Seconds: a registration expires after 30, and a loaded machine takes its time."""
SOURCE, DESTINATION = "node1", "node2"
WAYS = ((("enter", SOURCE, DESTINATION), DESTINATION, SOURCE), (("leave", SOURCE), SOURCE, DESTINATION))
"""What is asked, who serves then, and who has until then."""
BEGUN = 50
"""Packets: Asterisk numbers a call anew when it joins its two ends directly, which it may do after the first."""
TALKING, LATE, CALLED = "1_209", "2_209", "4831210117"
"""Who talks through the night, whose phone has not followed, and the number that a carrier calls at node1 alone."""


async def night(lab: Lab, ground: Ground) -> None:
    """Raises AssertionError where somebody would notice it."""
    phones = followers(ground)
    await until(lambda: phones <= registered(lab, SOURCE))
    async with unbroken_call(ground):
        for words, host, left in WAYS:
            await asyncio.to_thread(lab.ext, SOURCE, "server", "maintenance", *words)
            await until(lambda: served(lab))
            await nobody_notices(lab, left)
            await followed(lab, phones, host)


def followers(ground: Ground) -> set[str]:
    """The accounts of the phones at the source that follow its name."""
    return {account.name for account in ground.plan.phones if account.node == SOURCE and account.pbx != 9}


async def nobody_notices(lab: Lab, left: str) -> None:
    """Whose phone is still where it was calls 190, and a carrier that knows node1 alone is answered, all the while."""
    await rings(lab, LATE, "190", left)
    await rings(lab, "carrier", CALLED, SOURCE)


async def followed(lab: Lab, phones: set[str], host: str) -> None:
    """Wait until names and phones have followed; the carrier's call reaches a phone there."""
    await until(lambda: phones <= registered(lab, host))
    await rings(lab, "carrier", CALLED, SOURCE)
    await until(lambda: bool(status(lab).get("names", {}).get("true")))


@asynccontextmanager
async def unbroken_call(ground: Ground) -> AsyncIterator[None]:
    """A call that goes on at the source all the while; raises AssertionError where a packet of it is missing."""
    talking = await caller(ground)
    try:
        answer = await talking.reach("200")
        try:
            await until(lambda: len(talking.rtp_numbers) > BEGUN)
            yield
            found = gaps(talking)
            assert not found, f"packets of the call are missing or late (second, number before, its own): {found}"
        finally:
            talking.end(answer)
            await asyncio.sleep(0)
    finally:
        talking.close()


def gaps(talking: Phone) -> list[tuple[float, int, int]]:
    """Where its audio does not go on with the next number (RFC 3550, section 5.1): seconds since it had begun."""
    times, numbers = talking.rtp_times[BEGUN:], talking.rtp_numbers[BEGUN:]
    steps = enumerate(itertools.pairwise(numbers), 1)
    return [(round(times[i] - times[0], 3), old, new) for i, (old, new) in steps if (new - old) % 65536 != 1]


async def caller(ground: Ground, elsewhere: int = 0) -> Phone:
    """A phone whose call goes on; its audio is heard by whoever has the port ``elsewhere``, if that is given."""
    password = ground.plan.account(TALKING).password
    own = elsewhere - 10000 if elsewhere else 7000
    made = Phone((ground.ip(SOURCE), 5060), ground.ip("phones1"), own, TALKING, password)
    return await made.open(lambda ip, port: ground.bound(ip, 0 if port == elsewhere else port, "phones1"))


async def rings(lab: Lab, who: str, number: str, node: str) -> None:
    """Raises AssertionError where the call is not answered."""
    began = time.monotonic()
    happened = await asyncio.to_thread(lab.call, who, number, node=node, seconds=1)
    assert happened.final == 200, (happened, f"{time.monotonic() - began:.1f} s", circumstances(lab))


def circumstances(lab: Lab) -> str:
    """Where phones are, what rings, and whom the guards hold back, for who has to find out why nobody answered."""
    asked = ("pjsip show contacts", "core show channels concise")
    told = [(node, lab.asterisk(node, what)) for node in (SOURCE, DESTINATION) for what in asked]
    told += [(node, lab.ext(node, "ban", "list")) for node in (SOURCE, DESTINATION)]
    return "".join(f"\n{node}: {text}" for node, text in told)


def registered(lab: Lab, node: str) -> set[str]:
    return set(re.findall(r"^\s+Contact:\s+(\d+_\d+)/", lab.asterisk(node, "pjsip show contacts"), re.MULTILINE))


def status(lab: Lab) -> dict[str, Any]:
    """Of node1's maintenance, as a console tells it; empty while that console is dead."""
    try:
        told: dict[str, Any] = lab.asked(f"servers/{SOURCE}/maintenance")
    except (OSError, HTTPException):
        return {}
    return told


def served(lab: Lab) -> bool:
    return bool(status(lab).get("seen", {}).get("served"))


async def until(happens: Callable[[], bool]) -> None:
    ends = time.monotonic() + PATIENCE
    while not await asyncio.to_thread(happens):
        assert time.monotonic() < ends
        await asyncio.sleep(0.5)

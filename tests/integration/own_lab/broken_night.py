"""A night of maintenance in which the registry moves to another engine and every service is killed at some step."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from asterisk_ext.lab.enter import command_line
from asterisk_ext.lab.topology import DNS_PORT
from tests.integration.fleet import Lab
from tests.integration.guard_ground import REALTIME, Ground
from tests.integration.own_lab.night import (
    DESTINATION,
    SOURCE,
    WAYS,
    followed,
    followers,
    nobody_notices,
    registered,
    served,
    status,
    unbroken_call,
    until,
)
from tests.integration.own_lab.node_service import NodeServices

AWAY, HOME = WAYS
LOCK = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
sys.stdin.read()
"""


async def broken_night(lab: Lab, ground: Ground, services: NodeServices) -> None:
    """Begins with node1 in maintenance and ends so; raises AssertionError where somebody would notice it."""
    phones = followers(ground)
    await until(lambda: phones <= registered(lab, DESTINATION))
    async with unbroken_call(ground):
        await to_embedded(lab, ground, services)
        words, host, left = HOME
        await until(lambda: lab.run(SOURCE, "asterisk-ext", "server", "maintenance", *words).returncode == 0)
        await until(lambda: served(lab))
        await nobody_notices(lab, left)
        await followed(lab, phones, host)
        with nameless(ground):
            await interrupted_while_it_prepares(lab, ground, services)
            await until(lambda: bool(status(lab).get("names", {}).get("error")))
            await until(lambda: steps(lab) == ["dns", "drain"])
            assert status(lab)["safe"] is False
            services.kill(SOURCE, DESTINATION)
            await nobody_notices(lab, SOURCE)
            services.start(SOURCE, DESTINATION)
        await followed(lab, phones, DESTINATION)
        await until(lambda: steps(lab) == ["drain"])
        # Until the source has heard of its Asterisk's calls again that is not known; it is never said to be empty.
        assert status(lab)["safe"] is not True
        await until(lambda: status(lab)["safe"] is False)
    await until(lambda: bool(status(lab).get("safe")))


async def to_embedded(lab: Lab, ground: Ground, services: NodeServices) -> None:
    """By the documented way, while node1 is in maintenance."""
    await asyncio.to_thread(lab.ext, SOURCE, "registry", "migrate", "--to", "embedded")
    for node in ground.plan.hosts:
        settings = ground.file(node, "etc/asterisk-ext/config.toml")
        settings.write_text(settings.read_text().replace('engine = "etcd"', 'engine = "embedded"'))
        await asyncio.to_thread(services.kill, node)
        services.start(node)
    await nobody_notices(lab, SOURCE)


async def interrupted_while_it_prepares(lab: Lab, ground: Ground, services: NodeServices) -> None:
    """The source's service is console, registry and runner; it dies when it has written the plan, and the destination
    has not taken them in yet."""
    words, _, _ = AWAY
    with unprepared(ground):
        asking = asyncio.to_thread(lab.run, SOURCE, "asterisk-ext", "server", "maintenance", *words)
        asked = asyncio.ensure_future(asking)
        await until(lambda: steps(lab) == ["prepare"])
        services.kill(SOURCE)
        await asked
        services.start(SOURCE)
    await until(lambda: served(lab))


@contextmanager
def unprepared(ground: Ground) -> Iterator[None]:
    """The destination's realtime database is locked: its service lives, and cannot give its Asterisk anything."""
    program = (sys.executable, "-I", "-S", "-c", LOCK, f"/{REALTIME}")
    line = command_line(ground.plan.name, DESTINATION, program)
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as locking:
        assert locking.stdin is not None and locking.stdout is not None
        assert locking.stdout.readline() == b"locked\n"
        yield
        locking.stdin.close()


@contextmanager
def nameless(ground: Ground) -> Iterator[None]:
    """The DNS server cannot be reached by who keeps the names there; phones are answered as ever."""
    table = ("inet", "nameless")
    ground.net(SOURCE, "nft", "add", "table", *table)
    ground.net(SOURCE, "nft", "add", "chain", *table, "out", "{ type filter hook output priority 0; }")
    ground.net(SOURCE, "nft", "add", "rule", *table, "out", "th", "dport", str(DNS_PORT), "drop")
    try:
        yield
    finally:
        ground.net(SOURCE, "nft", "delete", "table", *table)


def steps(lab: Lab) -> list[str]:
    """Of the plan that is under way: those that have begun and not ended."""
    plan: dict[str, Any] = status(lab).get("plan", {"closed": True})
    return [] if plan["closed"] else [stage["step"] for stage in plan["journal"] if not stage["ended"]]

"""How long after somebody has flushed the firewall everything is in force again: rules, bans and lists.

python -m tests.bench.firewall_repair [--rounds 11]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import tempfile
import time
from collections.abc import AsyncGenerator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from asterisk_ext.config import Config
from asterisk_ext.config import Guard as Settings
from asterisk_ext.config import Node as NodeSettings
from asterisk_ext.domain.firewall import Firewall
from asterisk_ext.domain.firewall_trial import Confirmed
from firewall import guard
from firewall.guard_state import Ban, GuardState
from firewall.kernel.drivers import kernel_of
from firewall.kernel.source_sets import SourceSet
from firewall.rules.kept_rules import CONFIRMED
from firewall.socket.client import GuardClient
from tests.bench.firewall_countries import answering
from tests.bench.firewall_rules import DRIVERS, THREE, fifty
from tests.bench.guard_kernel import sources
from tests.bench.table import show
from tests.own_network import in_own_network

BANS = 20_000
FLUSH = {"nftables": ["nft", "flush", "ruleset"], "iptables": ["iptables-legacy", "-F"]}


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--rounds", type=int, default=11)
    options.add_argument("--countries", nargs=3, default=THREE)
    told = options.parse_args()
    rows: list[tuple[str, ...]] = [("by whom", "told as repaired, median", "worst")]
    with tempfile.TemporaryDirectory() as made:
        for driver in DRIVERS:
            place = Path(made) / driver
            place.mkdir()
            measured = partial(_measure, driver, place, told.rounds, told.countries)
            in_own_network(lambda measured=measured: asyncio.run(measured()))  # type: ignore[misc]
            took = json.loads((place / "took").read_text())
            rows.append((f"`{' '.join(FLUSH[driver])}`", _ms(statistics.median(took)), _ms(max(took))))
    show(f"Flushed by somebody else: {BANS:,} bans, 50 rules, three countries", rows)


async def _measure(driver: str, place: Path, rounds: int, three: Sequence[str]) -> None:
    (place / "security").touch()
    _fill(place, three)
    settings = Settings(driver=driver, socket=f"{place}/guard.sock", state=str(place), log=f"{place}/security")
    stop, looking = asyncio.Event(), kernel_of(driver)
    running = asyncio.create_task(guard.run(Config(guard=settings, node=NodeSettings(state=str(place))), stop))
    client = GuardClient(Path(settings.socket))
    await answering(client)
    events = client.events()
    took = []
    for _ in range(rounds):
        told = asyncio.ensure_future(_repaired(events))
        await client.status()
        # Whatever it may still have to look at has been looked at by then.
        await asyncio.sleep(1.0)
        began = time.perf_counter()
        await asyncio.to_thread(subprocess.run, FLUSH[driver], check=True)
        await told
        took.append(time.perf_counter() - began)
        assert len(looking.listed(SourceSet.BAN)) == BANS
    await events.aclose()
    stop.set()
    await running
    looking.close()
    (place / "took").write_text(json.dumps(took))


def _fill(place: Path, three: Sequence[str]) -> None:
    """What the guard remembers when it starts."""
    state, now = GuardState(place / "guard.sqlite"), time.time()
    with state.change():
        state.put_firewall(CONFIRMED, msgspec.json.encode(Confirmed(Firewall(rules=fifty(three)), "ana", now)))
        for source in sources(BANS):
            state.put_ban(Ban(source, now, now + 86_400, 4, "log"))
    state.close()


async def _repaired(events: AsyncGenerator[dict[str, Any], None]) -> None:
    async for event in events:
        if event["event"] == "repaired":
            return


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"


if __name__ == "__main__":
    main()

"""From a change in the console to a real Asterisk that obeys it, with 10,000 phones known to it.

    python -m tests.bench.projection_on_asterisk [--tenants 1000] [--rounds 10] [--afterwards 2]

The whole node service runs beside the Asterisk. A virtual PBX is new: until its phone's REGISTER is answered 200. A
status is another: until a call obeys. A server enters maintenance: until a phone of the virtual PBXs that come all at
once can register. Meanwhile others' REGISTERs and requests to the API are answered: how long the slowest took.

Of a status it is told from when on calls obey: one is dialled every 25 ms, by one phone after the other, until some
after the API's answer; what counts is the first of which no later one disobeys. A call dialled after the API has
answered must obey: how many did not is told too.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from asterisk_ext.cli.client import ask
from tests.bench.meanwhile import Meanwhile, meanwhile
from tests.bench.table import show
from tests.integration.one_asterisk.asterisk import CARRIER, NODE, PHONES
from tests.integration.one_asterisk.node_on_asterisk import NodeOnAsterisk, node_on_asterisk
from tests.integration.sip_phone import Phone

OURS, NEW = 1, 50_000
"""The virtual PBX whose phones ask meanwhile; the first of those that are made while it is measured."""
OBEYED = (403, 487)
QUIET = 4.0
"""Seconds in which nothing is changed, the first; the servers' signs of life arrive meanwhile."""
APART = 0.025
"""Seconds between two calls by which it is seen whether a status is obeyed."""
AND_AFTER = 5
"""Calls after the API's answer."""


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended early"))  # so that nothing is left behind
    options = argparse.ArgumentParser()
    options.add_argument("--tenants", type=int, default=1000)
    options.add_argument("--rounds", type=int, default=10)
    options.add_argument(
        "--afterwards", type=float, default=2, help="seconds after a change in which what it left to do still counts"
    )
    wanted = options.parse_args()
    with tempfile.TemporaryDirectory() as place, node_on_asterisk(Path(place)) as node:
        node.add_servers("node1", "node2")
        begun = time.monotonic()
        many = [tenant(number, "node2", 10) for number in range(2, wanted.tenants + 2)]
        node.ask("POST", "pbx/import", data={"tenants": [tenant(OURS, "node1", 20), *many]})
        imported = time.monotonic() - begun
        accounts = [f"{OURS}_{number}" for number in range(210, 220)]
        with meanwhile(node, accounts) as others:
            asyncio.run(Measured(node, others, wanted, many, imported).tell())


def tenant(number: int, home: str, phones: int) -> dict[str, Any]:
    """As a file for import or the API takes it."""
    return {
        "id": number,
        "name": f"PBX {number}",
        "domain": f"pbx{number}.example",
        "home": home,
        "extensions": [{"number": str(200 + place), "secret": "secret"} for place in range(phones)],
        "trunks": [{"name": "trunk1", "host": CARRIER}],
        "emergency_trunks": ["trunk1"],
        "dids": [{"number": f"4832{number:06}", "target": "200"}],
    }


class Measured:
    def __init__(
        self,
        node: NodeOnAsterisk,
        others: Meanwhile,
        wanted: argparse.Namespace,
        many: list[dict[str, Any]],
        imported: float,
    ) -> None:
        self._node = node
        self._others = others
        self._rounds: int = wanted.rounds
        self._afterwards: float = wanted.afterwards
        self._many = many
        self._imported = imported
        self._port = 9000
        self._disobeyed = 0
        """Calls dialled after the API had answered."""

    async def tell(self) -> None:
        rows: list[tuple[str, ...]] = [
            ("what", "times", "median", "slowest", "slowest REGISTER meanwhile", "slowest answer of the API meanwhile")
        ]
        quiet = time.monotonic()
        await asyncio.sleep(QUIET)
        rows.append(("nothing", "", "", "", *self._slowest(quiet)))
        flip = f"maintenance entered → a phone of {len(self._many):,} virtual PBXs × 10 phones, none there, registered"
        rows.append(await self._row(flip, self._flip, 1))
        rows.append(await self._row("virtual PBX new → its phone registered", self._new, self._rounds))
        carrier = await self._carrier()
        callers = [await self._phone(f"{OURS}_{number}") for number in range(200, 210)]
        for before, status in itertools.pairwise(("active", "partial_block", "active")):

            async def change(at: int, before: str = before, status: str = status) -> float:
                await self._obeyed(callers, before)
                return await self._obeyed(callers, status)

            rows.append(await self._row(f"status now {status} → calls obey", change, self._rounds))
        carrier.close()
        show(
            f"{len(self._many) * 10:,} phones known to Asterisk; imported in {self._imported:.1f} s; "
            f"{self._disobeyed} calls disobeyed what the API had answered",
            rows,
        )

    async def _row(self, what: str, act: Callable[[int], Awaitable[float]], times: int) -> tuple[str, ...]:
        begun, took = time.monotonic(), []
        for at in range(times):
            took.append(await act(at) * 1000)
        await asyncio.sleep(self._afterwards)
        figures = (f"{statistics.median(took):.0f} ms", f"{max(took):.0f} ms")
        return (what, str(times), *figures, *self._slowest(begun))

    def _slowest(self, since: float) -> tuple[str, ...]:
        found = self._others.since(since)
        return tuple(f"{max(found[kind]):.0f} ms of {len(found[kind]):,}" for kind in ("REGISTER", "API"))

    async def _flip(self, at: int) -> float:
        phone = await self._phone(f"{self._many[-1]['id']}_209")
        acting = asyncio.create_task(self._api("POST", "servers/node2/maintenance/enter", {"destination": "node1"}))
        took = await self._registered(phone)
        await acting
        phone.close()
        return took

    async def _new(self, at: int) -> float:
        record = tenant(NEW + at, "node1", 10)
        phone = await self._phone(f"{NEW + at}_200")
        acting = asyncio.create_task(self._api("PUT", f"pbx/{NEW + at}", record))
        took = await self._registered(phone)
        await acting
        phone.close()
        return took

    async def _obeyed(self, callers: list[Phone], status: str) -> float:
        """Seconds until the first call was dialled from which on all got what the status says."""
        free: asyncio.Queue[Phone] = asyncio.Queue()
        for caller in callers:
            free.put_nowait(caller)
        begun = time.monotonic()

        async def answered() -> float:
            await self._api("POST", f"pbx/{OURS}/status", {"status": status, "reason": "test"})
            return time.monotonic()

        async def call(caller: Phone) -> tuple[float, bool]:
            dialled = time.monotonic()
            heard = await caller.call("4899990000", cancel_at=1)
            free.put_nowait(caller)
            return dialled, (heard.final in OBEYED) is (status != "active")

        acting, calls, after = asyncio.create_task(answered()), list[asyncio.Task[tuple[float, bool]]](), 0
        while after < AND_AFTER:
            after += acting.done()
            calls.append(asyncio.create_task(call(await free.get())))
            await asyncio.sleep(APART)
        found, answer = await asyncio.gather(*calls), await acting
        late = max((dialled for dialled, obeyed in found if not obeyed), default=0.0)
        self._disobeyed += sum(dialled > answer for dialled, obeyed in found if not obeyed)
        return min(dialled for dialled, _ in found if dialled > late) - begun

    async def _registered(self, phone: Phone) -> float:
        """Seconds until it is."""
        begun = time.monotonic()
        async with asyncio.timeout(60):
            while (await phone.register()).final != 200:  # noqa: ASYNC110 - Asterisk is asked
                await asyncio.sleep(0.002)
        return time.monotonic() - begun

    async def _phone(self, account: str) -> Phone:
        self._port += 2
        return await Phone((NODE, 5060), PHONES, self._port, account, "secret").open(self._node.one.socket)

    async def _carrier(self) -> Phone:
        return await Phone((NODE, 5060), CARRIER, 5060, "4899990000").open(self._node.one.socket)

    async def _api(self, method: str, path: str, body: object = None) -> Any:
        return await asyncio.to_thread(ask, self._node.socket, method, path, body)


if __name__ == "__main__":
    main()

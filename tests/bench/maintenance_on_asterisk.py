"""A flip of many virtual PBXs on real Asterisk: until a visitor's phone registers and calls at the destination.

asterisk-ext lab up --detach --name bench --nodes 2
python -m tests.bench.maintenance_on_asterisk bench [--tenants 1000] [--extensions 10]

From the request on, a phone that the destination does not know yet tries every 20 ms, each time from another address;
one of the destination's own registers meanwhile, and how long it waits is the stall.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import statistics
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from tests.bench.rtp_gaps import Told, hearing
from tests.bench.rtp_passing import Passed, passing
from tests.bench.table import show
from tests.integration.fleet import Lab
from tests.integration.guard_ground import SLOWED_TO, Ground
from tests.integration.own_lab.night import caller
from tests.integration.sip_phone import Phone

FIRST, SECRET, PERIOD, PATIENCE = 5000, "a-phone-s-own-secret", 0.02, 60.0
SOURCE, DESTINATION = "node1", "node2"
MEDIA = 17000


@dataclass
class Flip:
    """Seconds from the request."""

    registered: float = 0.0
    called: float = 0.0
    answered: float = 0.0
    """The console says that the destination serves."""
    prepared: float = 0.0
    """Of which the destination took them in beforehand."""
    stalls: list[float] = field(default_factory=list)


class Bench:
    def __init__(self, lab: Lab, tenants: int, extensions: int) -> None:
        self.lab, self.ground = lab, Ground(lab.name)
        self.tenants, self.extensions = tenants, extensions
        self._late: set[asyncio.Task[Phone | None]] = set()

    def fill(self) -> None:
        """Virtual PBXs at the source, and one at the destination."""
        made = [self._tenant(FIRST + number, SOURCE) for number in range(self.tenants)]
        self.lab.ext("node1", "pbx", "import", "-", given=json.dumps({"tenants": made}))
        there = self._tenant(FIRST - 1, DESTINATION)
        self.lab.ext("node1", "pbx", "import", "-", given=json.dumps({"tenants": [there]}))

    def empty(self) -> None:
        """Take them away again, once they are at home."""
        for number in range(FIRST - 1, FIRST + self.tenants):
            request = self.lab.api(f"pbx/{number}")
            request.method = "DELETE"
            urllib.request.urlopen(request).close()  # noqa: S310 - our own console's URL

    async def known(self) -> None:
        """The last of them can register at the source; and the console's API was asked before."""
        self.lab.api("")
        await self._until_registered(SOURCE, f"{FIRST + self.tenants - 1}_2000")
        await self._until_registered(DESTINATION, f"{FIRST - 1}_2000")
        await self._forget_late()

    async def flip(self, prepared: bool) -> Flip:
        """Into maintenance; back, where the destination is to know them still when it is asked next."""
        flip, own = Flip(), await self._phone(DESTINATION, f"{FIRST - 1}_2000")
        over = asyncio.Event()
        watched = asyncio.create_task(self._watch(own, over, flip))
        await asyncio.sleep(0.5)
        began = time.perf_counter()
        asked = asyncio.create_task(asyncio.to_thread(self._ask, "enter", {"destination": DESTINATION}))
        asked.add_done_callback(lambda _: setattr(flip, "answered", time.perf_counter() - began))
        phone = await self._until_registered(DESTINATION, f"{FIRST + self.tenants - 1}_2000")
        flip.registered = time.perf_counter() - began
        dialled = asyncio.get_running_loop().time()
        phone.repeats_after = SLOWED_TO  # a stranger, as this phone is there
        heard = await phone.call("190")
        flip.called = flip.registered + heard.rang - dialled if heard.final == 200 else float("nan")
        await asked
        over.set()
        await watched
        own.close()
        first = next(stage for stage in self._told()["plan"]["journal"] if stage["step"] == "prepare")
        flip.prepared = first["ended"] - first["began"]
        if not prepared:
            await phone.register(expires=0)
        phone.close()
        await self._forget_late()
        self._ask("leave", {})
        await self._until(lambda told: bool(told["seen"]["served"] if prepared else told["plan"]["closed"]))
        return flip

    async def _until(self, holds: Callable[[Any], bool]) -> None:
        while not holds(await asyncio.to_thread(self._told)):  # noqa: ASYNC110 - another machine is asked
            await asyncio.sleep(0.2)

    async def _watch(self, phone: Phone, over: asyncio.Event, flip: Flip) -> None:
        while not over.is_set():
            began = time.perf_counter()
            await phone.register()
            flip.stalls.append(time.perf_counter() - began)
            await asyncio.sleep(PERIOD)

    async def _until_registered(self, node: str, account: str) -> Phone:
        """Every 20 ms a new phone tries; the first that registers."""
        ends = time.monotonic() + PATIENCE
        tries: set[asyncio.Task[Phone | None]] = set()
        while time.monotonic() < ends:
            tries.add(asyncio.create_task(self._try(node, account)))
            done, tries = await asyncio.wait(tries, timeout=PERIOD, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                if found := task.result():
                    self._late |= tries | done - {task}
                    return found
            await asyncio.sleep(PERIOD)
        raise TimeoutError(f"{account} does not register at {node}")

    async def _forget_late(self) -> None:
        """Whoever registered after the first leaves again: a flip home ends when nobody is registered any more."""
        late, self._late = self._late, set()
        for phone in filter(None, await asyncio.gather(*late)):
            phone.repeats_after = SLOWED_TO
            await phone.register(expires=0)
            phone.close()

    async def _try(self, node: str, account: str) -> Phone | None:
        phone = await self._phone(node, account)
        try:
            if (await phone.register()).final == 200:
                return phone
        except TimeoutError:
            pass
        phone.close()
        return None

    async def _phone(self, node: str, account: str) -> Phone:
        own = next(self._fresh)
        phone = Phone((self.ground.ip(node), 5060), own, 5060, account, SECRET)
        return await phone.open(lambda ip, port: self.ground.bound(ip, port, "phones1"))

    @property
    def _fresh(self) -> Iterator[str]:
        if not hasattr(self, "_addresses"):
            self._addresses = iter(self.ground.addresses(1500, "phones1"))
        return self._addresses

    def _tenant(self, number: int, home: str) -> dict[str, object]:
        return {
            "id": number,
            "name": f"PBX {number}",
            "domain": f"p{number}.bench.example",
            "home": home,
            "extensions": [{"number": str(2000 + at), "secret": SECRET} for at in range(self.extensions)],
            "trunks": [{"name": f"trunk{number}", "host": self.ground.ip("carrier")}],
            "emergency_trunks": [f"trunk{number}"],
        }

    def _ask(self, act: str, body: dict[str, str]) -> None:
        request = self.lab.api(f"servers/{SOURCE}/maintenance/{act}")
        request.method, request.data = "POST", json.dumps(body).encode()
        urllib.request.urlopen(request).close()  # noqa: S310 - our own console's URL

    def _told(self) -> Any:
        with urllib.request.urlopen(self.lab.api(f"servers/{SOURCE}/maintenance")) as answer:  # noqa: S310
            return json.load(answer)


@dataclass
class InLab:
    """What ``hearing`` needs of a network."""

    ground: Ground

    def socket(self, ip: str, port: int) -> socket.socket:
        return self.ground.bound(ip, port, "phones1")


async def measure(bench: Bench, rounds: int) -> tuple[dict[str, list[Flip]], Told, Passed]:
    """The flips, what a call heard that went on at the source all the while, and how that server passed it on."""
    await bench.known()
    ip = bench.ground.ip("phones1")
    inside = partial(bench.ground.inside, SOURCE)
    with hearing(InLab(bench.ground), ip, MEDIA) as heard, passing(inside, ip, MEDIA) as passed:
        talking = await caller(bench.ground, elsewhere=MEDIA)
        answer = await talking.reach("200")
        unknown = [await bench.flip(prepared=False) for _ in range(rounds)]
        await bench.flip(prepared=True)
        known = [await bench.flip(prepared=True) for _ in range(rounds)]
        talking.end(answer)
        await asyncio.sleep(0)
        talking.close()
    return {"not known there before": unknown, "known there": known}, heard.told(), passed.told()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("lab")
    parser.add_argument("--tenants", type=int, default=1000)
    parser.add_argument("--extensions", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=5)
    wanted = parser.parse_args()
    bench = Bench(Lab(wanted.lab), wanted.tenants, wanted.extensions)
    bench.fill()
    try:
        rounds, told, passed = asyncio.run(measure(bench, wanted.rounds))
    finally:
        bench.empty()
    for kind, flips in rounds.items():
        figures = {
            "the destination takes them in, from the plan's record": [flip.prepared for flip in flips],
            "a phone of theirs is registered at the destination": [flip.registered for flip in flips],
            "its call to 190 rings at the carrier": [flip.called for flip in flips],
            "the console answers: the destination serves": [flip.answered for flip in flips],
            "longest REGISTER of a phone of the destination's own": [max(flip.stalls) for flip in flips],
        }
        show(
            f"{wanted.tenants:,} virtual PBXs × {wanted.extensions} extensions, {kind}, {wanted.rounds} flips",
            [
                ("from the request on", "median", "worst"),
                *(
                    (name, f"{statistics.median(took) * 1000:.0f} ms", f"{max(took) * 1000:.0f} ms")
                    for name, took in figures.items()
                ),
            ],
        )
    show(
        "a call that went on at the source all the while",
        [
            (
                "packets heard",
                "over 40 ms after the one before",
                "longest: at the source",
                "leaving it",
                "heard",
                "held by it",
            ),
            (
                f"{told.packets:,}",
                str(told.gaps),
                f"{passed.longest_before * 1000:.0f} ms",
                f"{passed.longest_after * 1000:.0f} ms",
                f"{told.longest_gap * 1000:.0f} ms",
                f"{passed.longest_held * 1000:.1f} ms",
            ),
        ],
    )


if __name__ == "__main__":
    main()

"""A console over many calls, in a process of its own; every change of a call carries the time at which it was made."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import shutil
import signal
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import uvloop
from aiohttp.test_utils import TestServer

from admin_http.app import build
from asterisk_ext.cli.node import YOUNG
from asterisk_ext.domain.call_events import Changed, Created
from asterisk_ext.garbage import search_seldom
from asterisk_ext.services.fleet_calls import FleetCalls
from asterisk_ext.services.live_calls import LiveCalls
from asterisk_ext.tasks import Tasks
from tests.unit.admin_http.world import World
from tests.unit.domain.channels import channel
from tests.unit.services.fake_peers import FakePeers
from tests.unit.services.live_calls_world import FakeAudit, FakeChannels, FakeTenants

NODE = "FLN-CORE-01"
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Console:
    base: str
    headers: dict[str, str]
    pid: int
    place: Path

    @classmethod
    def start(cls, calls: int, rate: float) -> Console:
        """``rate`` changes a second, of one call after the other."""
        place = Path(tempfile.mkdtemp())
        told, tell = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                # As the node service runs.
                search_seldom(YOUNG)
                uvloop.run(_serve(place, calls, rate, tell))
            finally:
                os._exit(1)
        os.close(tell)
        with os.fdopen(told) as answers:
            base, token = json.loads(answers.readline())
        return cls(base, {"Authorization": f"Bearer {token}"}, pid, place)

    def processor_time(self) -> float:
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def stop(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        shutil.rmtree(self.place)


async def _serve(place: Path, calls: int, rate: float, tell: int) -> None:
    world = World(place / "copy.sqlite")
    own = LiveCalls(NODE, FakeChannels(), FakeTenants(), FakeAudit())
    own.merge((), (), 0.0, 0.0)
    for number in range(calls):
        own.apply(Created(channel(str(number), state="Up", formats="(alaw)"), ""), 0.0)
        own.apply(Created(channel(f"{number}.2", state="Up", of=str(number), formats="(alaw)"), ""), 0.0)
    async with Tasks() as tasks:
        tasks.start("copy", world.fleet.follow(world.registry))
        await world.fill()
        fleet = FleetCalls(NODE, own, FakePeers(), world.fleet, time.time)
        tasks.start("calls of the fleet", fleet.run())
        services = replace(world.services, live_calls=fleet, clock=time.time)
        async with TestServer(build(services)) as server:
            answer = [str(server.make_url("")).rstrip("/"), await world.token("operator")]
            os.write(tell, json.dumps(answer).encode() + b"\n")
            for number in itertools.cycle(range(calls)):
                await asyncio.sleep(1 / rate)
                made = channel(str(number), state="Up", formats="(alaw)")._replace(caller_name=str(time.time()))
                own.apply(Changed(made, ""), time.time())

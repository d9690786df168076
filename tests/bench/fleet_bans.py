"""From a proven ban on one node to the same ban in the kernels of the others, on a running lab.

asterisk-ext lab up --detach --name bench --nodes 3
python -m tests.bench.fleet_bans bench [--attacks 20]

Four wrong passwords over TCP make each ban. A guard tells of a ban once its kernel drops the address; what all guards
tell is read here, by one clock.
"""

from __future__ import annotations

import argparse
import json
import queue
import socket
import statistics
import threading
import time
import urllib.request
from collections.abc import Iterable
from contextlib import ExitStack, suppress

from tests.bench.table import show
from tests.integration.fleet import Lab
from tests.integration.guard_ground import Ground
from tests.integration.sip_stream import StreamGuesser, Way

PATIENCE = 30.0
"""Seconds within which a node tells; strangers' streams get little at a time through."""

Told = tuple[float, str, str]
"""When, on which node, and what happened."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lab")
    parser.add_argument("--attacks", type=int, default=20)
    arguments = parser.parse_args()
    lab, ground = Lab(arguments.lab), Ground(arguments.lab)
    nodes = [host.name for host in ground.plan.topology.nodes]
    told: queue.Queue[Told] = queue.Queue()
    spread: list[float] = []
    lifts: list[float] = []
    with ExitStack() as stack:
        for node in nodes:
            _listen(stack.enter_context(ground.caller(node)), node, told)
        for attacker in ground.addresses(arguments.attacks):
            # Strangers' streams are slowed down; what is timed is the ban.
            ground.meet(nodes[0], attacker)
            _attack(ground, nodes[0], attacker)
            first, *others = sorted(_awaited(told, "banned", nodes))
            spread += [one - first for one in others]
            started = time.monotonic()
            lift = lab.api(f"bans/{attacker}/lift", nodes[0])
            lift.method = "POST"
            urllib.request.urlopen(lift).close()  # noqa: S310 - our own console's URL
            lifts.append(max(_awaited(told, "lifted", nodes)) - started)
    show(
        f"{len(nodes)} nodes, {arguments.attacks} attacks",
        [
            ("figure", "median", "worst"),
            ("dropped on the attacked node → on each other", *_both(spread)),
            ("lift asked of the API → lifted on all", *_both(lifts)),
        ],
    )


def _listen(guard: socket.socket, node: str, told: queue.Queue[Told]) -> None:
    """Hear what a guard tells from now on."""
    guard.settimeout(None)
    guard.sendall(b'{"verb":"events"}\n')
    lines = guard.makefile("rb")
    assert json.loads(lines.readline())["ok"]

    def read() -> None:
        with suppress(OSError, ValueError):
            for line in lines:
                told.put((time.monotonic(), node, json.loads(line)["event"]))

    threading.Thread(target=read, daemon=True).start()


def _attack(ground: Ground, node: str, own: str) -> None:
    """Four wrong passwords over TCP; nobody waits for the answer that the last does not get."""
    guesser = StreamGuesser(ground, Way("TCP", ipv6=False), "attacker1", own, ground.ip(node), "1_200")

    def guess() -> None:
        for _ in range(4):
            guesser.guess()

    threading.Thread(target=guess, daemon=True).start()


def _awaited(told: queue.Queue[Told], kind: str, nodes: Iterable[str]) -> list[float]:
    """When each node told of it; raises queue.Empty where one does not."""
    found: dict[str, float] = {}
    while set(found) != set(nodes):
        at, node, event = told.get(timeout=PATIENCE)
        if event == kind:
            found.setdefault(node, at)
    return list(found.values())


def _both(seconds: list[float]) -> tuple[str, str]:
    return f"{statistics.median(seconds) * 1000:.0f} ms", f"{max(seconds) * 1000:.0f} ms"


if __name__ == "__main__":
    main()

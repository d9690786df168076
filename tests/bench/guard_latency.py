"""From the fourth failure's line in the log to the first dropped packet, with the guard as it runs on a node.

python -m tests.bench.guard_latency [--attackers 100]
"""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
import statistics
import tempfile
import time
from pathlib import Path

from tests.bench.table import show
from tests.own_network import add_address
from tests.scenarios.security.test_guard_process import NODE, Node, in_node, line

GIVE_UP_SECONDS = 5.0


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--attackers", type=int, default=100)
    attackers = options.parse_args().attackers
    with tempfile.TemporaryDirectory() as directory:
        results = Path(directory) / "results"

        def body(node: Node) -> None:
            took = [_latency(node, f"198.18.7.{number}") for number in range(1, attackers + 1)]
            results.write_text("\n".join(str(value) for value in took))

        where = Path(directory) / "node"
        where.mkdir()
        in_node(where, body)
        took = sorted(float(value) for value in results.read_text().split())
    show(
        "Fourth failure's line written → last packet heard",
        [
            ("attackers", "median", "p99", "worst"),
            (
                str(len(took)),
                f"{statistics.median(took) * 1e3:.2f} ms",
                f"{took[int(len(took) * 0.99) - 1] * 1e3:.2f} ms",
                f"{took[-1] * 1e3:.2f} ms",
            ),
        ],
    )


def _latency(node: Node, attacker: str) -> float:
    add_address(attacker)
    node.write(*(line(attacker, number) for number in range(3)))
    time.sleep(0.02)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.bind((attacker, 0))
        fourth = line(attacker, 3).encode()
        log = os.open(node.log, os.O_WRONLY | os.O_APPEND)
        node.phone.setblocking(False)
        began = time.perf_counter()
        os.write(log, fourth)
        os.close(log)
        heard = began
        while time.perf_counter() - heard < 0.2 and heard - began < GIVE_UP_SECONDS:
            sender.sendto(b"x", (NODE, 5060))
            with contextlib.suppress(BlockingIOError):
                node.phone.recv(10)
                heard = time.perf_counter()
            time.sleep(0.0001)
    return heard - began


if __name__ == "__main__":
    main()

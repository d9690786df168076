"""Networks that stand side by side, each with rules of its own, and the packets per second that come through.

All are measured in turn, a short burst each, so that what else the machine does meets them alike, and medians of ratios
are compared. Nobody reads what arrives: the socket is full, and all are judged before.
"""

from __future__ import annotations

import json
import os
import socket
import statistics
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tests.own_network import Outside, in_own_network

PLAIN_RULE = """
table inet plain {
  chain input {
    type filter hook input priority 0; policy accept;
    ip saddr 192.0.2.1 drop
  }
}
"""
PHONE = "198.19.0.20"
PACKETS = 5_000

Answer = Callable[[str], Any]
"""What a network answers to what it is asked."""


class Network:
    """A child in a network of its own; ``prepare`` runs there."""

    def __init__(self, prepare: Callable[[Outside], Answer]) -> None:
        asked, self._ask = os.pipe()
        self._answer, answer = os.pipe()
        self._child = os.fork()
        if self._child == 0:
            os.close(self._ask)
            os.close(self._answer)
            in_own_network(lambda: _serve(prepare, asked, answer))
            os._exit(0)
        os.close(asked)
        os.close(answer)
        self._answers = os.fdopen(self._answer)
        assert self._answers.readline()

    def ask(self, what: str) -> Any:
        os.write(self._ask, what.encode() + b"\n")
        return json.loads(self._answers.readline())

    def close(self) -> None:
        os.write(self._ask, b"\n")
        os.close(self._ask)
        os.waitpid(self._child, 0)


def _serve(prepare: Callable[[Outside], Answer], asked: int, answer: int) -> None:
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    outside = Outside()
    answers_to = prepare(outside)
    with os.fdopen(asked) as requests, os.fdopen(answer, "w", buffering=1) as answers:
        answers.write("ready\n")
        while line := requests.readline().strip():
            answers.write(json.dumps(answers_to(line)) + "\n")
    outside.close()


def with_rules(text: str) -> Callable[[Outside], Answer]:
    """A network with the rules that ``nft`` loads from this text; asked for a port, it tells the rate there."""

    def prepare(outside: Outside) -> Answer:
        if text:
            subprocess.run(["nft", "-f", "-"], input=text, text=True, check=True)
        return lambda port: rate(outside, int(port))

    return prepare


def rate(outside: Outside, port: int, packets: int = PACKETS) -> float:
    """Datagrams a second of this process's own time: what a packet costs on its way in is the sender's, on a cable."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone, outside.socket(PHONE) as sender:
        phone.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        phone.bind((Outside.NODE4, port))
        sender.connect((Outside.NODE4, port))
        send, packet = sender.send, b"x" * 200
        began = time.process_time()
        for _ in range(packets):
            send(packet)
        return packets / (time.process_time() - began)


def rates_in_turn(
    networks: Mapping[str, Network], ports: Iterable[str], rounds: int
) -> dict[tuple[str, str], list[float]]:
    """By name and port, a rate a round."""
    wanted, rates = list(ports), dict[tuple[str, str], list[float]]()
    for _ in range(rounds):
        for name, network in networks.items():
            for port in wanted:
                rates.setdefault((name, port), []).append(network.ask(port))
    return rates


def share(mine: list[float], peer: list[float]) -> float:
    """The median of the rounds' ratios."""
    return statistics.median(one / other for one, other in zip(mine, peer, strict=True))

"""The guard's ground on the real lab: sockets inside its machines, what Asterisk logged, what the kernel dropped."""

from __future__ import annotations

import json
import re
import select
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from asterisk_ext.lab import plan as plans
from asterisk_ext.lab import state
from asterisk_ext.lab.namespaces import CLONE_NEWNET, setns
from asterisk_ext.lab.status import place_of
from asterisk_ext.lab.topology import PREFIX4

SOCKET = "run/asterisk-ext/guard.sock"
LOG = "var/log/asterisk/security"
REALTIME = "var/lib/asterisk-ext/realtime.sqlite3"
PATIENCE = 10.0
"""Seconds after which something awaited is held to be missing."""
FIRST_NET = 67


class Ground:
    """Works from outside through /proc: nothing is started on the machines but what a method says."""

    def __init__(self, lab: str) -> None:
        place, first = place_of(lab)
        self.plan = plans.read(place / "plan.json")
        pids = state.machine_pids(first)
        self.holders = {name: pids[pid] for name, pid in state.read(place).holders.items()}
        self._given = self.net("attacker1", "ip", "-o", "-4", "addr").count(" secondary ")

    def ip(self, node: str) -> str:
        return self.plan.topology.host(node).ipv4

    def file(self, machine: str, path: str) -> Path:
        """A file as the machine sees it."""
        return Path(f"/proc/{self.holders[machine]}/root") / path

    def net(self, machine: str, *command: str, given: str = "") -> str:
        """What a command of this machine prints inside a lab machine's network."""
        line = ["nsenter", f"--target={self.holders[machine]}", "--net", "--", *command]
        done = subprocess.run(line, input=given, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def addresses(self, count: int, machine: str = "attacker1") -> list[str]:
        """Addresses that nobody has used yet, from now on also a machine's own."""
        numbers = range(self._given, self._given + count)
        self._given += count
        fresh = [f"198.18.{FIRST_NET + number // 250}.{number % 250 + 1}" for number in numbers]
        self.net(machine, "ip", "-batch", "-", given="".join(f"addr add {a}/{PREFIX4} dev eth0\n" for a in fresh))
        return fresh

    def address(self, machine: str = "attacker1") -> str:
        return self.addresses(1, machine)[0]

    def inside(self, machine: str, act: Callable[[], socket.socket]) -> socket.socket:
        """A socket made in a machine's network; it stays there wherever it is used."""
        made: list[socket.socket] = []

        def enter() -> None:
            with Path(f"/proc/{self.holders[machine]}/ns/net").open() as space:
                setns(space.fileno(), CLONE_NEWNET)
            made.append(act())

        thread = threading.Thread(target=enter)
        thread.start()
        thread.join()
        return made[0]

    @contextmanager
    def udp(self, address: str, machine: str = "attacker1") -> Iterator[socket.socket]:
        def make() -> socket.socket:
            made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            made.bind((address, 0))
            return made

        with self.inside(machine, make) as opened:
            yield opened

    @contextmanager
    def forger(self, machine: str = "attacker1") -> Iterator[socket.socket]:
        """Sends whole IP packets, whoever their sender is said to be."""
        with self.inside(machine, lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)) as opened:
            yield opened

    def logged(self, node: str, address: str, event: str = r"ChallengeResponseFailed|InvalidAccountID") -> int:
        """Lines of the true security log that end as this peer's failure."""
        peer = re.compile(rf'SecurityEvent="(?:{event})".*,RemoteAddress="IPV4/[A-Z]+/{re.escape(address)}/\d+"')
        return len(peer.findall(self.file(node, LOG).read_text(errors="replace")))

    def dropped(self, node: str) -> int:
        """Packets that the kernel dropped because their sender is banned."""
        if self.plan.driver(node) == "nftables":
            told = self.net(node, "nft", "list", "counter", "inet", "asterisk_ext", "banned")
            return int(re.findall(r"packets (\d+)", told)[0])
        told = self.net(node, "iptables-legacy", "-t", "raw", "-nvxL", "ASTERISK_EXT_EARLY")
        return int(next(line for line in told.splitlines() if "asterisk_ext_ban4" in line).split()[0])

    def kernel_bans(self, node: str) -> list[str]:
        """Who is out, read from the kernel by its own tools; one entry for each element."""
        if self.plan.driver(node) == "nftables":
            told = self.net(node, "nft", "list", "set", "inet", "asterisk_ext", "ban4")
            _, _, elements = told.partition("elements")
            return sorted(re.findall(r"(\d+\.\d+\.\d+\.\d+)", elements))
        _, _, members = self.net(node, "ipset", "list", "asterisk_ext_ban4").partition("Members:")
        return sorted(re.findall(r"(\d+\.\d+\.\d+\.\d+)", members))

    def ask(self, node: str, **request: object) -> Any:
        """One request to the guard's socket, as root."""
        with self.caller(node) as caller:
            caller.sendall(json.dumps(request).encode() + b"\n")
            answer = json.loads(caller.makefile("rb").readline())
        assert answer["ok"], answer
        return answer["result"]

    @contextmanager
    def caller(self, node: str) -> Iterator[socket.socket]:
        with socket.socket(socket.AF_UNIX) as caller:
            caller.settimeout(PATIENCE)
            caller.connect(str(self.file(node, SOCKET)))
            yield caller

    @contextmanager
    def events(self, node: str) -> Iterator[Iterator[Mapping[str, Any]]]:
        """What the guard tells from now on; a silence of ``PATIENCE`` is an error."""
        with self.caller(node) as caller:
            caller.sendall(b'{"verb":"events"}\n')
            lines = caller.makefile("rb")
            assert json.loads(lines.readline())["ok"]
            yield (json.loads(line) for line in lines)

    def bans(self, node: str) -> list[str]:
        return sorted(ban["source"] for ban in self.ask(node, verb="list"))

    def forgive_all(self, node: str) -> None:
        for source in self.bans(node):
            self.ask(node, verb="lift", address=source)

    def settled(self, node: str, seconds: float = 0.2) -> None:
        """Wait until the guard has read all that is logged and Asterisk has logged nothing for a while."""
        path, still = self.file(node, LOG), time.monotonic()
        deadline, size = still + PATIENCE, -1
        while time.monotonic() - still < seconds:
            assert time.monotonic() < deadline, "the log does not come to rest"
            select.select([], [], [], 0.02)
            now = path.stat().st_size
            if now != size or self.ask(node, verb="status")["log_offset"] != now:
                size, still = now, time.monotonic()


def until(happened: Callable[[], bool], what: str, seconds: float = PATIENCE) -> float:
    """Wait for something that tells nobody when it happens; returns how long it took."""
    began = time.monotonic()
    while not happened():
        assert time.monotonic() - began < seconds, f"not within {seconds} s: {what}"
        select.select([], [], [], 0.01)
    return time.monotonic() - began

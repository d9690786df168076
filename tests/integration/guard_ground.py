"""The guard's ground on the real lab: sockets inside its machines, what Asterisk logged, what the kernel dropped."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from ipaddress import IPv6Network
from pathlib import Path
from typing import Any

import pytest

from asterisk_ext.lab import asterisk_install, services, state
from asterisk_ext.lab import plan as plans
from asterisk_ext.lab.enter import command_line
from asterisk_ext.lab.namespaces import CLONE_NEWNET, setns
from asterisk_ext.lab.status import place_of
from asterisk_ext.lab.topology import PREFIX4

SOCKET = "run/asterisk-ext/guard.sock"
LOG = "var/log/asterisk/security"
REALTIME = "var/lib/asterisk-ext/realtime/realtime.sqlite3"
PATIENCE = 30.0
"""Seconds after which something awaited is held to be missing."""
INSIST_SECONDS = 20.0
SLOWED_TO = 1.0
"""Seconds between two packets of a slowed address that come through."""
LOCAL = re.compile(r"\|-- (\S+)\s+/32 host LOCAL")
"""An address of a machine's own, in the kernel's table of routes (proc_pid_net(5), fib_trie)."""
FIRST_NET = 67
NODES = (
    pytest.param("node1", "1_200", id="nftables"),
    pytest.param("node2", "3_200", id="iptables"),
)
"""A node with each kernel driver, and an account that lives there."""


class Ground:
    """Works from outside through /proc: nothing is started on the machines but what a method says."""

    def __init__(self, lab: str) -> None:
        place, first = place_of(lab)
        self.plan = plans.read(place / "plan.json")
        pids = state.machine_pids(first)
        self.holders = {name: pids[pid] for name, pid in state.read(place).holders.items()}
        self._place, self._first = place, first
        self._started: dict[str, subprocess.Popen[bytes]] = {}
        self._past: set[str] = set()
        """Attackers of earlier tests: what they sent may be logged, and they banned, a good while later."""

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
        given = self._used()
        fresh = [_attacker(number) for number in range(given, given + count)]
        self.net(machine, "ip", "-batch", "-", given="".join(f"addr add {a}/{PREFIX4} dev eth0\n" for a in fresh))
        return fresh

    def _used(self) -> int:
        """How many have been given out.

        Others work on this lab as well (a bench is a process of its own): the machines themselves know who has been.
        """
        return sum(len(self._addresses_of(name)) - 1 for name in ("attacker1", "attacker2", "phones1"))

    def _addresses_of(self, machine: str) -> set[str]:
        """All but the loopback's, without a program that asks the kernel."""
        table = Path(f"/proc/{self.holders[machine]}/net/fib_trie").read_text()
        return {address for address in LOCAL.findall(table) if not address.startswith("127.")}

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

    def bound(self, address: str, port: int = 0, machine: str = "attacker1") -> socket.socket:
        """A UDP socket of a machine at one of its addresses."""

        def make() -> socket.socket:
            made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            made.bind((address, port))
            return made

        return self.inside(machine, make)

    @contextmanager
    def udp(self, address: str, machine: str = "attacker1") -> Iterator[socket.socket]:
        with self.bound(address, machine=machine) as opened:
            yield opened

    @contextmanager
    def forger(self, machine: str = "attacker1") -> Iterator[socket.socket]:
        """Sends whole IP packets, whoever their sender is said to be."""
        with self.inside(machine, lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)) as opened:
            yield opened

    def logged(self, node: str, address: str, event: str = "ChallengeResponseFailed") -> int:
        """Lines of the true security log that name this peer for such an event."""
        peer = re.compile(rf'SecurityEvent="(?:{event})".*,RemoteAddress="IPV4/[A-Z]+/{re.escape(address)}/\d+"')
        return len(peer.findall(self.file(node, LOG).read_text(errors="replace")))

    def dropped(self, node: str) -> int:
        """Packets that the kernel dropped because their sender is banned."""
        if self.plan.driver(node) == "nftables":
            told = self.net(node, "nft", "list", "counter", "inet", "asterisk_ext", "banned")
            return int(re.findall(r"packets (\d+)", told)[0])
        told = self.net(node, "iptables-legacy", "-t", "raw", "-nvxL")
        return sum(int(line.split()[0]) for line in told.splitlines() if "asterisk_ext_ban4" in line)

    def kernel_bans(self, node: str) -> list[str]:
        """Who is out, read from the kernel by its own tools; one entry for each element."""
        if self.plan.driver(node) == "nftables":
            told = self.net(node, "nft", "list", "set", "inet", "asterisk_ext", "ban4")
            _, _, elements = told.partition("elements")
            return self._of_now(re.findall(r"(\d+\.\d+\.\d+\.\d+)", elements))
        _, _, members = self.net(node, "ipset", "list", "asterisk_ext_ban4").partition("Members:")
        return self._of_now(re.findall(r"(\d+\.\d+\.\d+\.\d+)", members))

    def ask(self, node: str, **request: object) -> Any:
        """One request to the guard's socket, as root."""
        answer = self._answer(node, **request)
        assert answer["ok"], answer
        return answer["result"]

    def _answer(self, node: str, **request: object) -> Any:
        with self.caller(node) as caller:
            caller.sendall(json.dumps(request).encode() + b"\n")
            return json.loads(caller.makefile("rb").readline())

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

    def guard(self, node: str) -> int:
        """The guard's process."""
        if node in self._started:
            entering = self._started[node].pid
            return int(Path(f"/proc/{entering}/task/{entering}/children").read_text())
        told = state.read(self._place)
        inner = next(item.pid for item in told.processes if (item.host, item.name) == (node, "guard"))
        return state.machine_pids(self._first)[inner]

    def kill_guard(self, node: str) -> None:
        kill(self.guard(node))
        if node in self._started:
            self._started.pop(node).wait()

    def start_guard(self, node: str) -> None:
        """Again, by the lab's own command; it ends with the lab or with this process."""
        self.file(node, SOCKET).unlink(missing_ok=True)
        service = services.of_node(asterisk_install.find(), self.plan.driver(node))[0]
        log = self.file(node, "var/log/asterisk-ext/guard.log")
        with log.open("ab") as output:
            line = command_line(self.plan.name, node, service.command)
            process = subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
        self._started[node] = process
        until(lambda: self._listens(node), "the guard's socket")

    def _listens(self, node: str) -> bool:
        """A socket has its name a moment before somebody listens there."""
        try:
            with self.caller(node):
                return True
        except (FileNotFoundError, ConnectionRefusedError):
            return False

    def close(self) -> None:
        for node in list(self._started):
            self.kill_guard(node)

    def asterisk_uid(self, node: str) -> int:
        """The user that Asterisk and the node's service run as."""
        return self.file(node, REALTIME).stat().st_uid

    def asterisk_gid(self, node: str) -> int:
        return self.file(node, REALTIME).stat().st_gid

    def bans(self, node: str) -> list[str]:
        return self._of_now(ban["source"] for ban in self.ask(node, verb="list"))

    def _of_now(self, sources: Iterable[str]) -> list[str]:
        return sorted(source for source in sources if source not in self._past)

    def unlimit(self, node: str) -> None:
        """Strangers are not limited until the guard says again, within ten minutes, that it watches them."""
        if self.plan.driver(node) == "nftables":
            self.net(node, "nft", "flush", "set", "inet", "asterisk_ext", "watched")
        else:
            self.net(node, "ipset", "flush", "asterisk_ext_watched4")

    def meet(self, node: str, *addresses: str) -> None:
        """As if Asterisk had sent a request of its own to each: it is limited no longer, and banned all the same."""
        for address in addresses:
            family = 6 if ":" in address else 4
            if self.plan.driver(node) == "nftables":
                name = str(IPv6Network((address, 64), strict=False)[0]) if family == 6 else address
                element = f"{{ {name} timeout 1h }}"
                self.net(node, "nft", "add", "element", "inet", "asterisk_ext", f"met{family}", element)
            else:
                self.net(node, "ipset", "add", f"asterisk_ext_met{family}", address, "timeout", "3600")

    def insist(self, node: str, sends: Mapping[str, Callable[[], object]]) -> None:
        """Let each of these addresses send again and again until it is banned, or it is clear that it will not be: who
        is suspect gets one packet a second through."""
        deadline = time.monotonic() + INSIST_SECONDS
        while (left := sends.keys() - set(self.bans(node))) and time.monotonic() < deadline:
            for address in left:
                sends[address]()
            pause(0.1)
        self.settled(node)

    def forgive_all(self, node: str) -> None:
        self.settled(node)
        for ban in self.ask(node, verb="list"):
            answer = self._answer(node, verb="lift", address=ban["source"])
            # The fleet may lift it at the same moment, since it is lifted elsewhere.
            assert answer["ok"] or answer["error_id"] == "ban.not_banned", answer
        self._past.update(_attacker(number) for number in range(self._used()))

    def read_up(self, node: str) -> None:
        """Wait until the guard has read all that is in the log at present."""
        size = self.file(node, LOG).stat().st_size
        until(lambda: self.ask(node, verb="status")["log_offset"] >= size, "the guard reads the log")

    def settled(self, node: str, seconds: float = 0.2) -> None:
        """Wait until the guard has read all that is logged and Asterisk has logged nothing for a while."""
        path, still = self.file(node, LOG), time.monotonic()
        deadline, size = still + PATIENCE, -1
        while time.monotonic() - still < seconds:
            assert time.monotonic() < deadline, "the log does not come to rest"
            pause(0.02)
            now = path.stat().st_size
            if now != size or self.ask(node, verb="status")["log_offset"] != now:
                size, still = now, time.monotonic()


def _attacker(number: int) -> str:
    return f"198.18.{FIRST_NET + number // 250}.{number % 250 + 1}"


def kill(pid: int) -> None:
    """At once, as a crash would; returns when it is gone."""
    handle = os.pidfd_open(pid)
    signal.pidfd_send_signal(handle, signal.SIGKILL)
    select.select([handle], [], [])
    os.close(handle)


def pause(seconds: float) -> None:
    """What an attacker or a network takes; nothing is awaited so."""
    select.select([], [], [], seconds)


def until(happened: Callable[[], bool], what: str, seconds: float = PATIENCE, every: float = 0.01) -> float:
    """Wait for something that tells nobody when it happens; returns how long it took. It is looked at ``every`` so
    many seconds: seldom where a look is a process."""
    began = time.monotonic()
    while not happened():
        assert time.monotonic() - began < seconds, f"not within {seconds} s: {what}"
        pause(every)
    return time.monotonic() - began

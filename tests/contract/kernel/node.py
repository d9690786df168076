"""A driver that has applied the rules in a network of its own, and counted packets from outside."""

from __future__ import annotations

import contextlib
import socket
import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from firewall.kernel.iptables.driver import IptablesKernel
from firewall.kernel.nft.driver import NftablesKernel
from firewall.kernel.port import Kernel
from firewall.kernel.ruleset import Ruleset, usual
from firewall.kernel.strangers import Strangers
from tests.own_network import Outside

DRIVERS: dict[str, Callable[[], Kernel]] = {"nftables": NftablesKernel, "iptables": IptablesKernel}
FLUSH = {
    "nftables": ["nft", "flush", "ruleset"],
    "iptables": ["iptables-legacy", "-t", "raw", "-F"],
}
FRIEND, ENEMY, NODE2 = "198.19.0.20", "198.19.0.66", "198.19.0.2"
FRIEND6, ENEMY6, ENEMY6_NEIGHBOUR = "2001:db8:1::20", "2001:db8:2::66", "2001:db8:2::abcd"
ENEMY6_SOURCE = "2001:db8:2::/64"
RULES = Ruleset(confirmed=usual((NODE2,)))
FAILURES = 4


class Node:
    """A driver that has applied the rules, and counted packets from outside."""

    def __init__(self, driver: str) -> None:
        self.outside = Outside()
        self.kernel = DRIVERS[driver]()
        self.driver = driver
        self.kernel.apply(RULES)

    def heard(
        self, source: str, port: int = 5060, packets: int = 3, size: int = 100, own: socket.socket | None = None
    ) -> int:
        """How many of so many datagrams from a source, from ``own`` if given, reach a UDP port of the node."""
        node = Outside.NODE6 if ":" in source else Outside.NODE4
        family = socket.AF_INET6 if ":" in source else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as phone, self.outside.socket(source) as new:
            sender = own or new
            phone.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
            phone.bind((node, port))
            for _ in range(packets):
                sender.sendto(b"x" * size, (node, port))
            phone.settimeout(0.1)
            count = 0
            with contextlib.suppress(TimeoutError):
                while phone.recv(65_536):
                    count += 1
            return count

    def limit_strangers(self, *, total: int = 1000, seconds: float = 60.0) -> None:
        self.kernel.apply(replace(RULES, strangers=Strangers(FAILURES, total)))
        self.kernel.watch(seconds)

    def sends(self, to: str, text: bytes, port: int = 5060) -> None:
        """A datagram from SIP's port of the node."""
        family = socket.AF_INET6 if ":" in to else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as asterisk:
            asterisk.bind((Outside.NODE6 if ":" in to else Outside.NODE4, 5060))
            asterisk.sendto(text, (to, port))

    def heard_from_many(self, sources: int) -> int:
        """How many of one datagram each from so many sources reach SIP's port, sent as fast as can be."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone, self.outside.forger() as forger:
            phone.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
            phone.bind((Outside.NODE4, 5060))
            phone.settimeout(0.1)
            for number in range(sources):
                udp = struct.pack(">HHHH", 5060, 5060, 108, 0) + b"x" * 100
                source = socket.inet_aton(f"198.19.{number >> 8}.{number & 255}")
                head = struct.pack(">BBHHHBBH", 0x45, 0, 128, 0, 0, 64, socket.IPPROTO_UDP, 0)
                forger.sendto(head + source + socket.inet_aton(Outside.NODE4) + udp, (Outside.NODE4, 0))
            count = 0
            with contextlib.suppress(TimeoutError):
                while phone.recv(65_536):
                    count += 1
            return count

    @contextlib.contextmanager
    def stream(self, source: str) -> Iterator[tuple[socket.socket, socket.socket]]:
        """A connection to SIP's port, seen from outside and from the node."""
        family, node = (socket.AF_INET6, Outside.NODE6) if ":" in source else (socket.AF_INET, Outside.NODE4)
        with (
            socket.create_server((node, 5060), family=family) as server,
            self.outside.socket(source, socket.SOCK_STREAM) as caller,
        ):
            caller.settimeout(10)
            caller.connect((node, 5060))
            caller.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            accepted, _ = server.accept()
            with accepted:
                yield caller, accepted

    def read(self, source: str, size: int, pause: float = 0.1) -> int:
        """How much of what a source sends over one connection arrives before the first such pause."""
        with self.stream(source) as (caller, accepted):
            caller.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                caller.send(b"x" * size)
            return received(accepted, size, pause)

    def portions(self, source: str, size: int) -> list[int]:
        """How much arrives at a time of what a source sends over one connection."""
        portions: list[int] = []
        with self.stream(source) as (caller, accepted):
            caller.send(b"x" * size)
            accepted.settimeout(20)
            while sum(portions) < size:
                portions.append(len(accepted.recv(65_536)))
        return portions

    def pieces(self, source: str, count: int) -> int:
        """How many of so many segments of a byte arrive at once."""
        with self.stream(source) as (caller, accepted):
            for _ in range(count):
                caller.send(b"x")
            return received(accepted)

    def connections(self, source: str, tries: int) -> int:
        """How many of so many connections tried at once come about at once."""
        with socket.create_server((Outside.NODE4, 5060), backlog=tries) as server, contextlib.ExitStack() as callers:
            for _ in range(tries):
                caller = callers.enter_context(self.outside.socket(source, socket.SOCK_STREAM))
                caller.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    caller.connect((Outside.NODE4, 5060))
            server.settimeout(0.2)
            count = 0
            with contextlib.suppress(TimeoutError):
                while True:
                    server.accept()[0].close()
                    count += 1
            return count

    def close(self) -> None:
        self.kernel.close()
        self.outside.close()


OnNode = Callable[[Callable[[Node], None]], None]


def received(reader: socket.socket, most: int = 1 << 20, pause: float = 0.1) -> int:
    """How many bytes come until there are so many or none for a while."""
    reader.settimeout(pause)
    count = 0
    with contextlib.suppress(TimeoutError):
        while count < most and (data := reader.recv(65_536)):
            count += len(data)
    return count


def until(happens: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < deadline


def tracked() -> int:
    return int(Path("/proc/sys/net/netfilter/nf_conntrack_count").read_text())

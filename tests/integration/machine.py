"""What the lab must not change about the machine it runs on, and what it may take of it."""

from __future__ import annotations

import os
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Machine:
    named_namespaces: str
    mounts: str
    links: str
    addresses: str
    firewall: str


def look() -> Machine:
    """The machine's own namespaces, mounts, interfaces and firewall, now."""
    return Machine(
        named_namespaces=_output("ip", "netns", "list"),
        mounts=Path("/proc/self/mountinfo").read_text(),
        links=_output("ip", "-oneline", "link", "show"),
        addresses=_output("ip", "-oneline", "address", "show"),
        firewall=_output("nft", "list", "ruleset"),
    )


def processes_of(name: str) -> list[int]:
    """The machine's processes that belong to the lab of this name: they share its first process's namespace."""
    mark = f"/run/asterisk-ext-lab/{name}/".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if mark in (entry / "cmdline").read_bytes() or mark in (entry / "mountinfo").read_bytes():
                    found.append(int(entry.name))
            except (FileNotFoundError, ProcessLookupError, OSError):
                continue
    return found


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def free_ports(count: int) -> int:
    """The first of ``count`` neighbouring ports of the loopback that nobody uses."""
    for first in range(10000 + os.getpid() * 8 % 20000, 60000, count):
        try:
            sockets = [socket.create_server(("127.0.0.1", first + number)) for number in range(count)]
        except OSError:
            continue
        for item in sockets:
            item.close()
        return first
    raise AssertionError("no free ports")

"""The fleet that the whole test run shares, and a way to try `lab up` beside it."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest

from tests.integration.fleet import Lab, lab_command
from tests.integration.guard_ground import Ground


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """Two nodes with everything on them, brought up once for the test run."""
    handle = Lab(f"tests-{os.getpid()}")
    drivers = ("--driver", "nftables", "--driver", "iptables")
    done = lab_command("up", "--detach", "--name", handle.name, "--nodes", "2", *drivers, "--port", str(free_ports(2)))
    assert done.returncode == 0, done.stderr
    yield handle
    assert lab_command("down", "--name", handle.name).returncode == 0


@pytest.fixture(scope="session")
def ground(lab: Lab) -> Iterator[Ground]:
    opened = Ground(lab.name)
    yield opened
    opened.close()


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

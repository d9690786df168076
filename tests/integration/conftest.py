"""The fleet that the whole test run shares, and a way to try `lab up` beside it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from asterisk_ext.lab import namespaces
from asterisk_ext.lab.plan import STATE
from tests.integration.fleet import COMMAND, Lab, lab_command
from tests.integration.guard_ground import Ground

DRIVERS = ("--driver", "nftables", "--driver", "iptables")
"""The first node's kernel driver and the second's."""


@pytest.fixture(scope="session", autouse=True)
def nothing_left_by_a_run_that_was_killed() -> None:
    """Its labs bear its process's id in their names."""
    for place in STATE.glob("*-*"):
        kind, _, pid = place.name.partition("-")
        if kind in ("tests", "own") and pid.isdigit() and not Path("/proc", pid).exists():
            lab_command("down", "--name", place.name)


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """Two nodes with everything on them, one for each kernel driver; brought up once, gone with the run."""
    handle = Lab(f"tests-{os.getpid()}")
    command = [*COMMAND, "up", "--name", handle.name, "--nodes", "2", *DRIVERS, "--port", str(free_ports(2))]
    with subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=partial(namespaces.die_with_parent, True),
    ) as process:
        assert process.stderr is not None
        said: list[str] = []
        while not said or "Ctrl-C" not in said[-1]:
            said.append(process.stderr.readline())
            assert said[-1], "".join(said)
        yield handle
        process.send_signal(signal.SIGINT)
        assert process.wait() == 0


@pytest.fixture
def no_call_of_an_earlier_test(lab: Lab) -> None:
    """The phones that answered end theirs a little later than the caller, and the other node's are seen later still."""
    lab.calls_until(lambda rows: not rows)


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

"""The fleet that these tests share; what disturbs Asterisk or the lab itself has one of its own, in a folder beside."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from functools import partial

import pytest

from asterisk_ext.lab import namespaces
from tests.integration.fleet import COMMAND, Lab
from tests.integration.guard_ground import Ground
from tests.integration.machine import free_ports

DRIVERS = ("--driver", "nftables", "--driver", "iptables")
"""The first node's kernel driver and the second's."""


@pytest.fixture(scope="package")
def lab() -> Iterator[Lab]:
    """Two nodes with everything on them, one for each kernel driver; brought up once, gone with the last test here."""
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


@pytest.fixture(scope="package")
def ground(lab: Lab) -> Iterator[Ground]:
    opened = Ground(lab.name)
    yield opened
    opened.close()

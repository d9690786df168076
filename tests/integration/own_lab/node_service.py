"""The node service of one of a lab's servers: killed as by a power cut, and started again."""

from __future__ import annotations

import os
import select
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from asterisk_ext.lab import asterisk_install, services, state
from asterisk_ext.lab.enter import command_line
from asterisk_ext.lab.status import place_of
from tests.integration.guard_ground import Ground


def kill(ground: Ground, node: str) -> None:
    """The one that the lab started; returns when it is gone."""
    place, first = place_of(ground.plan.name)
    inner = next(one.pid for one in state.read(place).processes if (one.host, one.name) == (node, "node"))
    handle = os.pidfd_open(state.machine_pids(first)[inner])
    signal.pidfd_send_signal(handle, signal.SIGKILL)
    select.select([handle], [], [])
    os.close(handle)


@contextmanager
def started(ground: Ground, node: str) -> Iterator[None]:
    """By the lab's own command; it ends with the lab, if not with the block."""
    told = services.of_node(asterisk_install.find(), ground.plan.driver(node))
    command = next(service.command for service in told if service.name == "node")
    with ground.file(node, "var/log/asterisk-ext/node.log").open("ab") as log:
        line = command_line(ground.plan.name, node, command)
        process = subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        yield
    finally:
        process.kill()
        process.wait()

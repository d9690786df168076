"""The node services of a lab's servers: killed as by a power cut, and started again."""

from __future__ import annotations

import subprocess
from pathlib import Path

from asterisk_ext.lab import asterisk_install, services, state
from asterisk_ext.lab.enter import command_line
from asterisk_ext.lab.status import place_of
from tests.integration.guard_ground import Ground, kill


class NodeServices:
    """Those that the lab started, and those that ``start`` has started since, which end with ``close`` or the lab."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._started: dict[str, subprocess.Popen[bytes]] = {}

    def kill(self, *nodes: str) -> None:
        """Returns when they are gone."""
        for node in nodes:
            kill(self._process(node))
            if node in self._started:
                self._started.pop(node).wait()

    def start(self, *nodes: str) -> None:
        """By the lab's own command; they answer a while later."""
        for node in nodes:
            told = services.of_node(asterisk_install.find(), self._ground.plan.driver(node))
            command = next(service.command for service in told if service.name == "node")
            line = command_line(self._ground.plan.name, node, command)
            with self._ground.file(node, "var/log/asterisk-ext/node.log").open("ab") as log:
                self._started[node] = subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def close(self) -> None:
        self.kill(*self._started)

    def _process(self, node: str) -> int:
        if node in self._started:
            entering = self._started[node].pid
            return int(Path(f"/proc/{entering}/task/{entering}/children").read_text())
        place, first = place_of(self._ground.plan.name)
        inner = next(one.pid for one in state.read(place).processes if (one.host, one.name) == (node, "node"))
        return state.machine_pids(first)[inner]

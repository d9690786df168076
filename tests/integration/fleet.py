"""What tests can do with the running lab."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

from asterisk_ext.lab import probes
from asterisk_ext.lab.call_probe import Happened
from asterisk_ext.lab.enter import command_line
from asterisk_ext.lab.register_probe import Tried

COMMAND = [sys.executable, "-m", "asterisk_ext.cli.lab"]


def lab_command(*arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run `asterisk-ext lab …` as a user would."""
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, env=env, check=False)


@dataclass(frozen=True, slots=True)
class Lab:
    name: str

    def status(self) -> dict[str, Any]:
        """`lab status --json`."""
        done = lab_command("status", "--name", self.name, "--json")
        assert done.returncode == 0, done.stderr
        told: dict[str, Any] = json.loads(done.stdout)
        return told

    def run(self, machine: str, *command: str) -> subprocess.CompletedProcess[str]:
        """`lab exec`, without a second interpreter."""
        line = command_line(self.name, machine, command)
        return subprocess.run(line, capture_output=True, text=True, check=False)

    def asterisk(self, node: str, command: str) -> str:
        """What Asterisk's command line answers on a node."""
        done = self.run(node, "/usr/local/bin/asterisk", "-rx", command)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def call(self, caller: str, number: str, *, node: str = "", seconds: float = 3) -> Happened:
        """A call from a sample account, or from ``carrier``; returns when it is over."""
        return probes.call(self.name, caller, number, node=node, seconds=seconds)

    def register(self, account: str, *, node: str = "") -> Tried:
        return probes.register(self.name, account, node=node)

    def attack(
        self, *, node: str = "node1", failures: int = 4, attacker: str = "attacker1", tcp: bool = False
    ) -> Tried:
        return probes.attack(self.name, node=node, failures=failures, attacker=attacker, tcp=tcp)

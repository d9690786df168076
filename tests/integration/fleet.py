"""What tests can do with the running lab."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

from asterisk_ext.lab import probes
from asterisk_ext.lab.call_probe import Happened
from asterisk_ext.lab.enter import PATH, command_line
from asterisk_ext.lab.register_probe import Tried

COMMAND = [sys.executable, "-m", "asterisk_ext.cli.main", "lab"]


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
        environment = {**os.environ, "PATH": PATH}
        return subprocess.run(line, capture_output=True, text=True, env=environment, check=False)

    def ext(self, node: str, *words: str, given: str = "") -> str:
        """What `asterisk-ext` prints, run as root on a node; raises on a refusal."""
        line = command_line(self.name, node, ("/usr/local/bin/asterisk-ext", *words))
        done = subprocess.run(line, input=given, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def told(self, node: str, *words: str) -> Any:
        """The same, as JSON."""
        return json.loads(self.ext(node, *words, "--json"))

    def console(self, node: str = "node1") -> str:
        """Where a node's console is reached from this machine; ends in a slash."""
        return _consoles(self)[node]

    def token(self) -> str:
        """An operator's token for the API."""
        return _token(self)

    def api(self, path: str, node: str = "node1") -> urllib.request.Request:
        return urllib.request.Request(  # noqa: S310 - our own console's URL
            f"{self.console(node)}api/v1/{path}", headers={"Authorization": f"Bearer {self.token()}"}
        )

    def asked(self, path: str, node: str = "node1") -> Any:
        """What a node's API answers to a GET, without an interpreter of its own; raises OSError where it does not."""
        with urllib.request.urlopen(self.api(path, node), timeout=30) as answer:  # noqa: S310 - our own console's URL
            return json.load(answer)

    def calls_until(
        self, happened: Callable[[dict[str, dict[str, Any]]], bool], node: str = "node1", seconds: float = 20
    ) -> dict[str, dict[str, Any]]:
        """Follow the stream of live calls until the rows (by linkedid) are as wanted; returns them."""
        rows: dict[str, dict[str, Any]] = {}
        until = time.monotonic() + seconds
        with urllib.request.urlopen(self.api("calls/stream", node), timeout=seconds) as stream:  # noqa: S310
            for kind, data in events(stream):
                assert time.monotonic() < until, f"after {seconds} s the calls are {rows}"
                if kind == "snapshot":
                    rows = {row["linkedid"]: row for row in data["calls"]}
                elif kind == "call":
                    rows[data["call"]["linkedid"]] = data["call"]
                elif kind == "gone":
                    rows.pop(data["linkedid"], None)
                if happened(rows):
                    return rows
        raise AssertionError(f"the stream of calls ended with {rows}")

    def asterisk(self, node: str, command: str) -> str:
        """What Asterisk's command line answers on a node."""
        done = self.run(node, "asterisk", "-rx", command)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def call(self, caller: str, number: str, *, node: str = "", seconds: float = 3) -> Happened:
        """A call from a sample account, or from ``carrier``; returns when it is over."""
        return probes.call(self.name, caller, number, node=node, seconds=seconds)

    def register(self, account: str, *, node: str = "", seconds: int = 60) -> Tried:
        return probes.register(self.name, account, node=node, seconds=seconds)

    def attack(
        self, *, node: str = "node1", failures: int = 4, attacker: str = "attacker1", tcp: bool = False
    ) -> Tried:
        return probes.attack(self.name, node=node, failures=failures, attacker=attacker, tcp=tcp)


def calls_so_far(lab: Lab, node: str) -> int:
    """How many calls a node's Asterisk has had since it started."""
    told = lab.asterisk(node, "core show calls")
    return int(next(line for line in told.splitlines() if "processed" in line).split()[0])


@contextmanager
def frozen(lab: Lab, node: str, *services: str) -> Iterator[None]:
    """These services of a server, or its Asterisk and its node service, are there and say nothing."""
    [told] = [one for one in lab.status()["nodes"] if one["name"] == node]
    pids = [told["services"][name]["pid"] for name in services or ("asterisk", "node")]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def events(stream: Any) -> Iterator[tuple[str, Any]]:
    """Server-sent events as they arrive: name and decoded data; a comment, which says that it lives, has no name."""
    kind = ""
    for raw in stream:
        field, _, value = raw.decode().rstrip("\n").partition(": ")
        if field == "event":
            kind = value
        elif field == "data":
            yield kind, json.loads(value)
        elif raw.startswith(b":"):
            yield "", None


@cache
def _consoles(lab: Lab) -> dict[str, str]:
    return {node["name"]: node["console"] for node in lab.status()["nodes"]}


@cache
def _token(lab: Lab) -> str:
    return lab.ext("node1", "token", "add", "tests", "--role", "operator").strip()

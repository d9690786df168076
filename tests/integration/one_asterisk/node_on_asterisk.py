"""The whole node service beside one Asterisk, in its namespaces, with the settings that ship; and its API."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from asterisk_ext import config
from asterisk_ext.cli.client import ask
from asterisk_ext.domain.errors import Refusal
from asterisk_ext.lab.node_settings import as_toml
from tests.integration.one_asterisk.asterisk import NODE, SOURCE, OneAsterisk

STATE = "/var/lib/asterisk-ext"
"""Where both find the state, Asterisk in its own tree and the service outside of it."""


class NodeOnAsterisk:
    """``one`` is the Asterisk, whose state lies at ``state``."""

    def __init__(self, one: OneAsterisk, place: Path, gate: config.Gate, state: str = "") -> None:
        self.one = one
        self._state = state or str(one.state)
        self._place = place
        self._gate = gate
        self.socket = str(place / "run/admin.sock")
        self.log = place / "node.log"
        self.process: subprocess.Popen[str] | None = None
        self.runs = 0

    def start(self) -> None:
        (self._place / "run").mkdir(parents=True)
        for name, secret in (("ari", "tracking-password"), ("ari-act", "hanging-up-password")):
            (self._place / f"{name}.secret").write_text(secret)
        program = self._place / "asterisk"
        program.write_text(
            f"#!{sys.executable}\nimport os, sys\nos.execvp('chroot', {self.one.chroot()!r} + "
            "['/usr/sbin/asterisk', *sys.argv[1:]])\n"
        )
        program.chmod(0o755)
        (self._place / "config.toml").write_text(as_toml(self._settings(program)))
        for words in (
            ["mount", "-t", "tmpfs", "tmpfs", "/var/lib"],
            ["mkdir", STATE],
            ["mount", "--bind", self._state, STATE],
        ):
            assert self.one.spawn(words).wait(30) == 0
        self.run()
        self.until_it_answers()

    def run(self) -> None:
        """Start the service, or start it again; it answers a moment later."""
        command = [sys.executable, "-m", "asterisk_ext.cli.main", "node", "run", "--config"]
        with self.log.open("a") as output:
            words = [*command, str(self._place / "config.toml")]
            self.process = self.one.spawn(words, cwd=SOURCE, stdout=output, stderr=subprocess.STDOUT)

    def kill(self) -> None:
        """Without a word of warning."""
        assert self.process is not None
        self.one.end(self.process)

    def ask(self, method: str, path: str, body: object = None, data: object = None) -> Any:
        """One request to the API; raises the refusal."""
        return ask(self.socket, method, path, body, json.dumps(data).encode() if data else None)

    def fresh_place(self, name: str) -> Path:
        """A directory for a program that is run once."""
        self.runs += 1
        return self._place / f"{self.runs}-{name.replace(' ', '-')}"

    def add_servers(self, *names: str) -> None:
        """The first is this node."""
        for number, name in enumerate(names, start=1):
            record = {"id": number, "name": name, "technology": "CORE SERVER", "ip": f"198.18.1.{number}"}
            self.ask("POST", "servers", {**record, "registration": f"{name}.example"})

    def until_known(self, pbx: int) -> None:
        """Wait until Asterisk has been given a virtual PBX."""
        until = time.monotonic() + 60
        while time.monotonic() < until:
            with closing(sqlite3.connect(self.one.database)) as database:
                if database.execute("SELECT 1 FROM pbx WHERE id = ?", (str(pbx),)).fetchone():
                    return
            time.sleep(0.02)
        raise TimeoutError(self.log.read_text())

    def until_it_answers(self) -> None:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                self.ask("GET", "status")
            except Refusal:
                time.sleep(0.1)
            else:
                return
        raise TimeoutError(self.log.read_text())

    def _settings(self, program: Path) -> config.Config:
        return config.Config(
            node=config.Node(state=STATE, run=str(self._place / "run")),
            countries=config.Countries(sources=(), schedule=""),
            admin_http=config.AdminHttp(host=NODE),
            fleet=config.Fleet(host=NODE),
            gate=self._gate,
            guard=config.Guard(socket=str(self._place / "run/guard.sock")),
            asterisk=config.Asterisk(
                realtime=f"{STATE}/{self.one.database.name}",
                missed_calls=f"{STATE}/missed_calls",
                program=str(program),
                registrations=str(self.one.etc / "asterisk-ext.registrations.conf"),
                ari_secret_file=str(self._place / "ari.secret"),
                ari_acting_user="asterisk-ext-hangup",
                ari_acting_secret_file=str(self._place / "ari-act.secret"),
            ),
        )


@contextmanager
def node_on_asterisk(
    place: Path, gate: config.Gate | None = None, hoster_dialplan: str = ""
) -> Iterator[NodeOnAsterisk]:
    """Both run until the end of the block."""
    one, gate = OneAsterisk(place / "asterisk", hoster_dialplan, verbose=0), gate or config.Gate()
    one.caps = gate.announcements_per_pbx, gate.announcements_per_node
    try:
        one.start([])
        one.projection.close()
        node = NodeOnAsterisk(one, place / "node", gate)
        node.start()
        yield node
    finally:
        one.stop()

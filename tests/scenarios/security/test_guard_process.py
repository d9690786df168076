"""The guard as it runs on a node, without Asterisk: a log grows, real packets are counted, the process is killed."""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.own_network import add_address, in_own_network

ROOT = Path(__file__).parents[3]
NODE, ATTACKER, CUSTOMER = "198.18.0.1", "198.18.0.66", "198.18.0.20"
UNPRIVILEGED = 65534
DEADLINE = 10.0


def line(address: str, number: int, event: str = "failed", transport: str = "UDP") -> str:
    now = datetime.now(UTC)
    stamp = now.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+0000"
    head = f'[{now:%Y-%m-%d %H:%M:%S}.000] SECURITY[77] res_security_log.c: SecurityEvent="'
    ends = f'LocalAddress="IPV4/{transport}/{NODE}/5060",RemoteAddress="IPV4/{transport}/{address}/5070"'
    peer = f'SessionID="{number}@x",{ends}'
    if event == "failed":
        return (
            f'{head}ChallengeResponseFailed",EventTV="{stamp}",Severity="Error",Service="PJSIP",EventVersion="1",'
            f'AccountID="1_200",{peer},Challenge="1795375008/6e",Response="{number:032x}",ExpectedResponse=""\n'
        )
    return (
        f'{head}SuccessfulAuth",EventTV="{stamp}",Severity="Informational",Service="PJSIP",EventVersion="1",'
        f'AccountID="1_200",{peer},UsingPassword="1"\n'
    )


class Node:
    """A directory, a log, a listening phone port, and the guard as an unprivileged user."""

    def __init__(self, directory: Path) -> None:
        for address in (NODE, ATTACKER, CUSTOMER):
            add_address(address)
        self.log = directory / "log" / "security"
        self.log.parent.mkdir()
        self.log.touch(mode=0o640)
        state = directory / "state"
        state.mkdir()
        os.chown(state, UNPRIVILEGED, UNPRIVILEGED)
        self.socket = state / "guard.sock"
        self.config = directory / "config.toml"
        self.config.write_text(
            f'[guard]\nsocket = "{self.socket}"\nstate = "{state}"\nlog = "{self.log}"\nnever_ban = []\n'
        )
        self.phone = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.phone.bind((NODE, 5060))
        self.phone.settimeout(0.2)
        self.guard = self.start()

    def start(self) -> subprocess.Popen[bytes]:
        caps = "-all,+net_admin,+dac_read_search"
        guard = subprocess.Popen(
            [
                *("setpriv", f"--reuid={UNPRIVILEGED}", f"--regid={UNPRIVILEGED}", "--clear-groups", "--no-new-privs"),
                *(f"--inh-caps={caps}", f"--ambient-caps={caps}", f"--bounding-set={caps}"),
                *(sys.executable, "-m", "asterisk_ext.cli.main", "guard", "run", "--config", str(self.config)),
            ],
            cwd=ROOT,
        )
        try:
            self.until(lambda: self.socket.exists() and self.cli("list") is not None)
        except AssertionError:
            guard.kill()
            raise
        return guard

    def cli(self, *arguments: str) -> list[dict[str, object]] | None:
        done = subprocess.run(
            [sys.executable, "-m", "asterisk_ext.cli.main", "ban", *arguments, "--json", "--config", str(self.config)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        return [json.loads(row) for row in done.stdout.splitlines()] if done.returncode == 0 else None

    def write(self, *lines: str) -> None:
        with self.log.open("a") as log:
            log.writelines(lines)

    def hears(self, address: str) -> bool:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.bind((address, 0))
            sender.sendto(b"OPTIONS", (NODE, 5060))
        try:
            return bool(self.phone.recvfrom(100)[1][0] == address)
        except TimeoutError:
            return False

    def until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + DEADLINE
        while not condition():
            assert time.monotonic() < deadline, "the guard did not get there in time"
            time.sleep(0.02)

    def stop(self) -> None:
        self.guard.terminate()
        self.guard.wait(10)
        self.phone.close()


def in_node(directory: Path, body: Callable[[Node], None]) -> None:
    def inside() -> None:
        node = Node(directory)
        try:
            body(node)
        finally:
            node.stop()

    in_own_network(inside)


def test_after_four_failures_the_kernel_drops_the_attackers_packets_and_nobody_elses(tmp_path: Path) -> None:
    def body(node: Node) -> None:
        node.write(*(line(ATTACKER, number) for number in range(3)))
        assert node.hears(ATTACKER)
        node.write(line(ATTACKER, 3))
        node.until(lambda: not node.hears(ATTACKER))
        assert node.hears(CUSTOMER)
        bans = node.cli("list")
        assert bans is not None
        assert [(ban["source"], ban["failures"]) for ban in bans] == [(ATTACKER, 4)]

    in_node(tmp_path, body)


def test_support_lifts_a_ban_and_the_count_starts_anew(tmp_path: Path) -> None:
    def body(node: Node) -> None:
        node.write(*(line(ATTACKER, number) for number in range(4)))
        node.until(lambda: not node.hears(ATTACKER))
        assert node.cli("lift", ATTACKER) is not None
        assert node.hears(ATTACKER)
        node.write(*(line(ATTACKER, number) for number in range(10, 13)))
        node.until(lambda: (node.cli("explain", ATTACKER) or [{}])[0].get("failures_counted") == 3)
        assert node.hears(ATTACKER)
        assert node.cli("lift", ATTACKER) is None

    in_node(tmp_path, body)


def test_a_killed_guard_loses_no_ban_counts_nothing_twice_and_goes_on_where_it_was(tmp_path: Path) -> None:
    def body(node: Node) -> None:
        node.write(*(line(ATTACKER, number) for number in range(4)), *(line(CUSTOMER, number) for number in range(3)))
        node.until(lambda: not node.hears(ATTACKER))
        node.guard.kill()
        node.guard.wait()
        assert not node.hears(ATTACKER)
        subprocess.run(["nft", "flush", "ruleset"], check=True)
        node.socket.unlink()
        node.guard = node.start()
        assert not node.hears(ATTACKER)
        assert node.hears(CUSTOMER)
        node.write(line(CUSTOMER, 9))
        node.until(lambda: not node.hears(CUSTOMER))

    in_node(tmp_path, body)


def test_what_another_program_flushes_is_put_back(tmp_path: Path) -> None:
    def body(node: Node) -> None:
        node.write(*(line(ATTACKER, number) for number in range(4)))
        node.until(lambda: not node.hears(ATTACKER))
        subprocess.run(["nft", "flush", "ruleset"], check=True)
        node.until(lambda: not node.hears(ATTACKER))

    in_node(tmp_path, body)


@pytest.mark.parametrize("rotate", ["rename", "copytruncate", "delete"])
def test_the_log_may_be_rotated_under_the_guard(tmp_path: Path, rotate: str) -> None:
    def body(node: Node) -> None:
        node.write(*(line(ATTACKER, number) for number in range(2)))
        node.until(lambda: (node.cli("explain", ATTACKER) or [{}])[0].get("failures_counted") == 2)
        if rotate == "rename":
            node.log.rename(node.log.with_suffix(".1"))
        elif rotate == "delete":
            node.log.unlink()
        else:
            os.truncate(node.log, 0)
        node.write(*(line(ATTACKER, number) for number in range(2, 4)))
        node.until(lambda: not node.hears(ATTACKER))

    in_node(tmp_path, body)


def test_a_registered_phone_is_slowed_and_reported_not_banned_by_forgeable_failures(tmp_path: Path) -> None:
    def body(node: Node) -> None:
        node.write(line(CUSTOMER, 0, "succeeded"), *(line(CUSTOMER, number) for number in range(1, 30)))
        node.write(*(line(ATTACKER, number) for number in range(4)))
        node.until(lambda: not node.hears(ATTACKER))
        assert node.hears(CUSTOMER)
        told = (node.cli("explain", CUSTOMER) or [{}])[0]
        assert (told["banned"], told["protected"], told["accounts"]) == (False, True, ["1_200"])
        spared = node.cli("spared") or []
        assert [(row["source"], row["reason"], row["accounts"]) for row in spared] == [(CUSTOMER, "slowed", ["1_200"])]
        assert node.cli("lift", CUSTOMER) is not None
        assert node.cli("spared") == []

    in_node(tmp_path, body)


def test_whoever_watches_on_the_command_line_is_told_what_happens(tmp_path: Path) -> None:
    def body(node: Node) -> None:
        command = [sys.executable, "-m", "asterisk_ext.cli.main", "ban", "events", "--json", "--config"]
        with subprocess.Popen([*command, str(node.config)], cwd=ROOT, stdout=subprocess.PIPE) as watching:
            said = watching.stdout
            assert said is not None

            def happens() -> bool:
                node.cli("add", ATTACKER)
                node.cli("lift", ATTACKER)
                return bool(select.select([said.fileno()], [], [], 0)[0])

            node.until(happens)
            told = json.loads(said.readline())
            watching.terminate()
        assert told["event"] in ("banned", "lifted")
        assert told["source"] == ATTACKER

    in_node(tmp_path, body)

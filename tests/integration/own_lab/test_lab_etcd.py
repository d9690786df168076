"""Three nodes that join by the documented command and keep their registry in an etcd cluster of their own, then in the
first of them."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from asterisk_ext.lab.enter import command_line
from asterisk_ext.lab.topology import ETCD_PORT
from tests.integration.fleet import Lab, lab_command
from tests.integration.guard_ground import Ground
from tests.integration.machine import free_ports
from tests.integration.own_lab.broken_night import broken_night
from tests.integration.own_lab.night import night
from tests.integration.own_lab.node_service import NodeServices
from tests.integration.own_lab.reaper import reaped


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A lab of this file's own."""
    name = f"own-{os.getpid()}"
    wanted = ("--nodes", "3", "--registry", "etcd", "--dns", "--port", str(free_ports(3)))
    with reaped(name):
        done = lab_command("up", "--detach", "--name", name, *wanted)
        assert done.returncode == 0, done.stderr
        yield Lab(name)


@pytest.fixture(scope="module")
def ground(lab: Lab) -> Iterator[Ground]:
    with closing(Ground(lab.name)) as opened:
        yield opened


@pytest.fixture(scope="module")
def services(ground: Ground) -> Iterator[NodeServices]:
    with closing(NodeServices(ground)) as opened:
        yield opened


def until(happened: Callable[[], bool], seconds: float = 180) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.2)


def moved(lab: Lab, node: str, *words: str) -> None:
    """`server maintenance …`, again while the cluster is busy choosing its leader."""
    wanted = words[0] == "enter"

    def done() -> bool:
        if (states(lab, node)[words[1]] == "in_maintenance") is not wanted:
            lab.run(node, "asterisk-ext", "server", "maintenance", *words)
        return (states(lab, node)[words[1]] == "in_maintenance") is wanted

    until(done)


def states(lab: Lab, node: str) -> dict[str, str]:
    return {row["server"]["name"]: row["state"] for row in lab.asked("servers", node)}


def banned(lab: Lab, node: str) -> list[str]:
    return [ban["address"] for ban in lab.asked("bans", node) if node in ban["servers"]]


async def test_nobody_notices_a_night_of_maintenance(lab: Lab, ground: Ground) -> None:
    await night(lab, ground)


def test_a_partitioned_node_goes_on_alone_and_catches_up_when_it_returns(lab: Lab) -> None:
    until(lambda: states(lab, "node1") == dict.fromkeys(("node1", "node2", "node3"), "active"))
    assert lab.run("node3", "ip", "link", "set", "eth0", "down").returncode == 0
    until(lambda: states(lab, "node1")["node3"] == "unreachable")
    lab.ext("node3", "ban", "add", "203.0.113.7")
    refused = lab.run("node3", "asterisk-ext", "server", "token", "node2")
    assert refused.returncode == 1
    moved(lab, "node1", "enter", "node1", "node2")
    alone = {row["server"]["name"]: row["state"] for row in lab.told("node3", "server", "list")}
    assert alone["node1"] != "in_maintenance"
    assert lab.run("node3", "ip", "link", "set", "eth0", "up").returncode == 0
    until(lambda: states(lab, "node3")["node1"] == "in_maintenance")
    until(lambda: "203.0.113.7" in banned(lab, "node1"))
    moved(lab, "node1", "leave", "node1")


def test_a_fleet_on_etcd_goes_on_when_a_server_of_the_cluster_dies_and_lets_no_other_node_change_it(lab: Lab) -> None:
    until(lambda: states(lab, "node2") == dict.fromkeys(("node1", "node2", "node3"), "active"))
    first = lab.status()["nodes"][0]
    os.kill(first["services"]["etcd"]["pid"], signal.SIGKILL)
    moved(lab, "node2", "enter", "node1", "node2")
    refused = lab.run("node3", "asterisk-ext", "server", "token", "node1")
    assert (refused.returncode, refused.stderr.partition(":")[0]) == (1, "registry.denied")
    assert states(lab, "node3")["node1"] == "in_maintenance"


async def test_nobody_notices_a_night_with_the_embedded_registry_either_in_which_services_are_killed_at_three_steps(
    lab: Lab, ground: Ground, services: NodeServices
) -> None:
    await broken_night(lab, ground, services)


def test_a_removed_servers_open_connections_with_the_cluster_end(lab: Lab) -> None:
    address = {row["server"]["name"]: row["server"]["ip"] for row in lab.told("node2", "server", "list")}
    connect = f"exec 3<>/dev/tcp/{address['node2']}/{ETCD_PORT}; cat <&3"
    with subprocess.Popen(command_line(lab.name, "node3", ("bash", "-c", connect))) as connected:
        try:
            shown = ("ss", "-Htn", "state", "established", "sport", "=", f":{ETCD_PORT}", "dst", address["node3"])
            until(lambda: bool(lab.run("node2", *shown).stdout))
            until(lambda: lab.run("node2", "asterisk-ext", "server", "remove", "node3").returncode == 0)
            connected.wait(60)
        finally:
            connected.kill()

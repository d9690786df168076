"""Three nodes that join by the documented command and keep their registry in an etcd cluster of their own."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator

import pytest

from tests.integration.conftest import free_ports
from tests.integration.fleet import Lab, lab_command
from tests.integration.own_lab.reaper import reaped


@pytest.fixture
def lab() -> Iterator[Lab]:
    name = f"own-{os.getpid()}"
    wanted = ("--nodes", "3", "--registry", "etcd", "--port", str(free_ports(3)))
    with reaped(name):
        done = lab_command("up", "--detach", "--name", name, *wanted)
        assert done.returncode == 0, done.stderr
        yield Lab(name)


def until(happened: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.2)


def test_a_fleet_on_etcd_goes_on_when_a_server_of_the_cluster_dies_and_lets_no_other_node_change_it(lab: Lab) -> None:
    def states() -> dict[str, str]:
        return {row["server"]["name"]: row["state"] for row in lab.told("node2", "server", "list")}

    until(lambda: states() == dict.fromkeys(("node1", "node2", "node3"), "active"))
    first = lab.status()["nodes"][0]
    os.kill(first["services"]["etcd"]["pid"], signal.SIGKILL)
    lab.ext("node2", "server", "maintenance", "enter", "node1", "node3")
    until(lambda: states()["node1"] == "in_maintenance")
    refused = lab.run("node3", "asterisk-ext", "server", "maintenance", "leave", "node1")
    assert (refused.returncode, refused.stderr.partition(":")[0]) == (1, "registry.denied")
    assert states()["node1"] == "in_maintenance"

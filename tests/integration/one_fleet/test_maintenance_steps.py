"""The steps of a maintenance, on the real fleet."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.integration.fleet import Lab, calls_so_far, frozen
from tests.integration.guard_ground import until

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("no_call_of_an_earlier_test")]
PATIENCE = 60.0


@pytest.fixture(autouse=True)
def at_home(lab: Lab) -> Iterator[None]:
    """Both servers report, which may take a while after a test that froze one, and virtual PBXs go home afterwards."""
    ends = time.monotonic() + PATIENCE
    while any(row["state"] != "active" for row in lab.told("node1", "server", "list")):
        assert time.monotonic() < ends, lab.told("node1", "server", "list")
        time.sleep(0.2)
    yield
    if lab.told("node1", "server", "list")[0]["destination"]:
        lab.ext("node1", "server", "maintenance", "leave", "node1")


@pytest.fixture
def node2_frozen(lab: Lab) -> Iterator[None]:
    """Node2's node service is there and says nothing."""
    with frozen(lab, "node2", "node"):
        yield


def status_until(lab: Lab, wanted: Callable[[dict[str, Any]], bool], node: str = "node1") -> dict[str, Any]:
    """The first status of node1's maintenance that is as wanted."""
    ends = time.monotonic() + PATIENCE
    told: dict[str, Any] = {}
    while time.monotonic() < ends:
        told = lab.asked("servers/node1/maintenance", node)
        if wanted(told):
            return told
        time.sleep(0.2)
    raise AssertionError(told)


def test_a_maintenance_comes_to_safe_to_switch_off_and_every_console_says_so(lab: Lab) -> None:
    lab.ext("node1", "server", "maintenance", "enter", "node1", "node2", "--reason", "troca de fonte")
    # What is seen is told at once; the journal is written at the next look.
    told = status_until(lab, lambda told: told["safe"] and told["plan"]["journal"][-1]["step"] == "done")
    steps = {stage["step"]: stage for stage in told["plan"]["journal"]}
    assert list(steps) == ["prepare", "flip", "serve", "dns", "drain", "done"]
    assert all(stage["ended"] >= stage["began"] > 0 for stage in steps.values())
    assert (told["plan"]["reason"], told["seen"]["pointer"]) == ("troca de fonte", "node2")
    assert status_until(lab, lambda told: bool(told["safe"]), "node2")["plan"]["source"] == "node1"
    lab.ext("node1", "server", "maintenance", "leave", "node1")
    assert status_until(lab, lambda told: told["plan"]["closed"])["seen"]["pointer"] is None


def test_one_virtual_pbx_moves_alone_and_its_former_home_keeps_its_emergency_calls(lab: Lab) -> None:
    try:
        assert "node2 serves it" in lab.ext("node1", "pbx", "move", "1", "node2")
        assert lab.register("1_209", node="node2").as_expected
        served = {row["pbx"]["id"]: row["server"] for row in lab.told("node1", "pbx", "list")}
        assert served[1] == "node2"
        assert served[2] == "node1"
        assert lab.call("1_209", "190", seconds=1).final == 200
    finally:
        lab.register("1_209", node="node2", seconds=0)
        lab.ext("node1", "pbx", "move", "1", "node1")
        lab.ext("node1", "pbx", "settle", "1")
    assert lab.register("1_209", node="node1").as_expected


def test_a_destination_that_falls_silent_before_it_has_taken_them_in_gets_nothing(lab: Lab, node2_frozen: None) -> None:
    done = lab.run("node1", "/usr/local/bin/asterisk-ext", "server", "maintenance", "enter", "node1", "node2")
    told = status_until(lab, lambda told: told["plan"]["closed"])
    assert told["plan"]["failed"] == "maintenance.host_silent" or "maintenance.dead_end" in done.stderr
    assert lab.told("node1", "server", "list")[0]["destination"] == ""
    assert lab.call("1_209", "190", seconds=1).final == 200


def test_a_source_back_from_the_dead_hands_over_what_it_believed_to_be_its_own(lab: Lab) -> None:
    try:
        with frozen(lab, "node2"):
            lab.ext("node1", "server", "maintenance", "enter", "node2", "node1")
            assert lab.register("3_209", node="node1").as_expected
        until(lambda: lab.asked("servers/node2/maintenance")["seen"]["calls"] == 0, "it goes by the map", PATIENCE)
        before = calls_so_far(lab, "node1")
        assert lab.call("carrier", "5132210300", node="node2", seconds=1).final == 200
        assert calls_so_far(lab, "node1") > before, "it serves nothing itself"
        assert lab.call("3_209", "190", node="node2", seconds=1).final == 200
    finally:
        lab.register("3_209", node="node1", seconds=0)
        lab.ext("node1", "server", "maintenance", "leave", "node2")

"""Any console shows the whole fleet: calls and bans of the other node, and a node that falls silent."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.integration.fleet import Lab, events
from tests.integration.one_fleet.test_live_calls import up

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("no_call_of_an_earlier_test")]


def ask(lab: Lab, path: str, method: str = "GET") -> Any:
    request = lab.api(path)
    request.method = method
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - our own console's URL
        return json.loads(answer.read() or b"null")


def snapshot_until(lab: Lab, fits: Callable[[dict[str, Any]], bool], seconds: float = 30) -> dict[str, Any]:
    """Follow node1's stream until a snapshot is as wanted."""
    until = time.monotonic() + seconds
    with urllib.request.urlopen(lab.api("calls/stream"), timeout=seconds) as stream:  # noqa: S310
        for kind, data in events(stream):
            assert time.monotonic() < until, data
            if kind == "snapshot" and fits(data):
                return dict(data)
    raise AssertionError("the stream ended")


@pytest.fixture
def node_service(lab: Lab) -> Iterator[int]:
    """The process of node2's node service; it goes on at the end whatever happened."""
    [node2] = [node for node in lab.status()["nodes"] if node["name"] == "node2"]
    [pid] = [service["pid"] for name, service in node2["services"].items() if "node" in name]
    yield pid
    os.kill(pid, signal.SIGCONT)


def test_a_call_of_the_other_node_comes_to_this_console_and_goes(lab: Lab) -> None:
    snapshot_until(lab, lambda data: not data.get("silent"))
    caller = threading.Thread(target=lab.call, args=("3_200", "201"), kwargs={"seconds": 8})
    caller.start()
    row = up(lab.calls_until(lambda rows: up(rows, "201") is not None), "201")
    assert row is not None
    assert (row["server"], row["pbx"]) == ("node2", "3")
    assert [(call["server"], call["linkedid"]) for call in ask(lab, "calls")] == [("node2", row["linkedid"])]
    lab.calls_until(lambda rows: not rows)
    caller.join()


def test_a_call_of_the_other_node_is_hung_up_from_here_and_noted_once(lab: Lab) -> None:
    caller = threading.Thread(target=lab.call, args=("3_200", "201"), kwargs={"seconds": 60})
    caller.start()
    row = up(lab.calls_until(lambda rows: up(rows, "201") is not None), "201")
    assert row is not None
    ask(lab, f"calls/{row['linkedid']}/hangup", "POST")
    lab.calls_until(lambda rows: not rows)
    caller.join()
    noted = [entry for entry in ask(lab, "audit?count=20") if entry["thing"] == row["linkedid"]]
    assert [(entry["who"], entry["act"]) for entry in noted] == [("tests", "call.hang_up")]


def test_a_silent_nodes_calls_stand_apart_and_come_back(lab: Lab, node_service: int) -> None:
    caller = threading.Thread(target=lab.call, args=("3_200", "201"), kwargs={"seconds": 45})
    caller.start()
    row = up(lab.calls_until(lambda rows: up(rows, "201") is not None), "201")
    assert row is not None
    before = time.time()
    os.kill(node_service, signal.SIGSTOP)
    data = snapshot_until(lab, lambda data: bool(data.get("silent")) and bool(data["silent"][0]["calls"]))
    [silent] = data["silent"]
    assert data["calls"] == []
    assert silent["server"] == "node2"
    assert before - 10 < silent["since"] <= time.time()
    assert [call["linkedid"] for call in silent["calls"]] == [row["linkedid"]]
    assert ask(lab, "calls") == []
    assert [server["server"] for server in ask(lab, "calls/silent")] == ["node2"]
    os.kill(node_service, signal.SIGCONT)
    data = snapshot_until(lab, lambda data: not data.get("silent"))
    assert [call["linkedid"] for call in data["calls"]] == [row["linkedid"]]
    ask(lab, f"calls/{row['linkedid']}/hangup", "POST")
    lab.calls_until(lambda rows: not rows)
    caller.join()


def test_a_ban_of_the_other_node_is_seen_and_lifted_from_here(lab: Lab) -> None:
    lab.attack(node="node2", failures=4)
    try:
        found = {ban["address"]: ban["servers"] for ban in ask(lab, "bans")}
        assert found["198.18.66.1"] == ["node2"]
        assert ask(lab, "bans/198.18.66.1/lift", "POST") == {"confirmed": ["node2"], "silent": []}
        assert "198.18.66.1" not in {ban["address"] for ban in ask(lab, "bans")}
    finally:
        lab.run("node2", "/usr/local/bin/asterisk-ext", "ban", "lift", "198.18.66.1")


def test_the_other_nodes_firewall_is_planned_tried_and_brought_back_from_here(lab: Lab) -> None:
    there = ("--server", "node2")
    lab.ext("node1", "firewall", "allow", "https", *there, "--from", "203.0.113.5")
    try:
        view = lab.told("node1", "firewall", "plan", *there)
        assert view["unproved"] == "" and view["asked"] > 0
        assert [(one["change"], one["rule"]["type"]) for one in view["changes"]] == [("new", "https")]
        digest, cut = view["digest"], str(view["cut_count"])
        lab.ext("node1", "firewall", "apply", digest, "--acknowledge", cut, *there)
        tried = {node: lab.told(node, "firewall", "rules")["state"]["pending"] for node in ("node1", "node2")}
        assert tried["node1"] is None
        assert (tried["node2"]["digest"], tried["node2"]["by"]) == (digest, "root")
        assert lab.told("node1", "firewall", "rules", *there)["state"]["pending"]["digest"] == digest
        lab.ext("node1", "firewall", "rollback", *there)
        assert lab.told("node2", "firewall", "rules")["state"]["pending"] is None
        told = lab.ext("node1", "firewall", "explain", "203.0.113.5", "tcp/443", *there)
        assert "does not get in" in told and "by the draft: gets in" in told
    finally:
        ask(lab, "servers/node2/firewall/discard", "POST")


def test_a_silent_nodes_firewall_is_said_to_be_silent(lab: Lab, node_service: int) -> None:
    os.kill(node_service, signal.SIGSTOP)
    assert lab.told("node1", "firewall", "rules", "--server", "node2")["silent"] is True
    os.kill(node_service, signal.SIGCONT)
    assert lab.told("node1", "firewall", "rules", "--server", "node2")["silent"] is False

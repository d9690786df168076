"""Nobody locks himself out: on the real lab, from other machines, with nmap, for both drivers."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest

from asterisk_ext.lab.topology import Kind
from tests.integration.fleet import Lab
from tests.integration.guard_ground import NODES, Ground, until
from tests.integration.one_fleet.test_guard_rights import as_user

pytestmark = [pytest.mark.lab, pytest.mark.parametrize(("node", "account"), NODES)]

NOBODY: dict[str, Any] = {"id": "nobody", "type": "any", "verdict": "deny"}
FLUSH = {"nftables": "nft flush ruleset", "iptables": "iptables-legacy -F"}


@pytest.fixture(autouse=True)
def as_it_was(ground: Ground, node: str) -> Iterator[None]:
    yield
    if ground.ask(node, verb="firewall")["pending"]:
        ground.ask(node, verb="firewall_rollback")


def scanned(ground: Ground, node: str, machine: str = "operator") -> dict[int, str]:
    """What nmap finds of a few TCP ports."""
    told = ground.net(machine, "nmap", "-Pn", "-n", "-p", "22,5060,8480,3306", ground.ip(node))
    return {int(port): state for port, state in re.findall(r"(\d+)/tcp\s+(\w+)", told)}


def candidate(ground: Ground, node: str, *first: dict[str, Any]) -> dict[str, Any]:
    """The rules in force with others before them; nodes and trunks as they are needed."""
    firewall = ground.ask(node, verb="firewall")["confirmed"]["firewall"]
    needs = firewall["needs"]
    return {"rules": [*first, *firewall["rules"]], "nodes": needs["nodes"], "trunks": needs["trunks"]}


def session(ground: Ground) -> list[dict[str, Any]]:
    """The operator's machine, at the console."""
    (operator,) = ground.plan.topology.of(Kind.OPERATOR)
    return [{"address": operator.ipv4, "protocol": "tcp", "port": 8480}]


def test_default_deny_holds_and_what_the_template_opens_is_open(ground: Ground, node: str, account: str) -> None:
    found = scanned(ground, node)
    assert found[3306] == "filtered"
    assert {found[port] for port in (22, 5060, 8480)} <= {"open", "closed"}


def test_a_lock_out_is_stopped_by_the_plan_and_forced_it_is_rolled_back_by_the_kernel(
    ground: Ground, node: str, account: str
) -> None:
    tried = {"candidate": candidate(ground, node, NOBODY), "by": "ana", "session": session(ground), "seconds": 3}
    plan = ground.ask(node, verb="firewall_plan", candidate=tried["candidate"], questions=session(ground))
    (answer,) = plan["answers"]
    assert (plan["unproved"], answer["before"]["allowed"], answer["through"]) == ("", True, False)
    with ground.caller(node) as caller:
        caller.sendall(json.dumps({"verb": "firewall_apply", **tried}).encode() + b"\n")
        refused = json.loads(caller.makefile("rb").readline())
    assert refused["error_id"] == "firewall.cuts_you"
    assert scanned(ground, node)[8480] == "open"
    with ground.events(node) as events:
        ground.ask(node, verb="firewall_apply", **{**tried, "force": True, "seconds": 5})
        assert next(event["event"] for event in events) == "firewall_on_trial"
        assert set(scanned(ground, node).values()) == {"filtered"}
        assert next(event["event"] for event in events if event["event"].startswith("fire")) == "firewall_timed_out"
    assert scanned(ground, node)[8480] == "open"


def test_the_way_back_needs_no_guard(ground: Ground, node: str, account: str) -> None:
    tried = candidate(ground, node, NOBODY)
    ground.ask(node, verb="firewall_apply", candidate=tried, by="ana", session=[], force=True, seconds=4)
    began = time.monotonic()
    ground.kill_guard(node)
    try:
        assert set(scanned(ground, node).values()) == {"filtered"}
        until(lambda: scanned(ground, node)[8480] == "open", "the kernel goes back")
        assert time.monotonic() - began < 30
    finally:
        ground.start_guard(node)
    state = ground.ask(node, verb="firewall")
    assert (state["pending"], state["ended"]) == (None, "restarted")
    assert scanned(ground, node)[8480] == "open"


def test_confirmed_rules_stay_over_a_restart_of_the_guard(ground: Ground, node: str, account: str) -> None:
    before = ground.ask(node, verb="firewall")["confirmed"]["firewall"]["rules"]
    no_ssh = {"id": "no-ssh", "type": "ssh", "verdict": "deny"}
    pending = ground.ask(
        node, verb="firewall_apply", candidate=candidate(ground, node, no_ssh), by="ana", session=session(ground)
    )
    ground.ask(node, verb="firewall_confirm", digest=pending["digest"])
    ground.kill_guard(node)
    ground.start_guard(node)
    assert (scanned(ground, node)[22], scanned(ground, node)[8480]) == ("filtered", "open")
    again = {**candidate(ground, node), "rules": before}
    pending = ground.ask(node, verb="firewall_apply", candidate=again, by="ana", session=session(ground))
    ground.ask(node, verb="firewall_confirm", digest=pending["digest"])
    assert scanned(ground, node)[22] in ("open", "closed")


def test_what_somebody_flushes_is_put_back_and_told(ground: Ground, node: str, account: str) -> None:
    with ground.events(node) as events:
        ground.net(node, *FLUSH[ground.plan.driver(node)].split())
        assert next(event for event in events) == {"event": "repaired", "rules": True}
    assert scanned(ground, node)[3306] == "filtered"


def test_the_node_service_may_not_open_everything_without_roots_word(
    ground: Ground, lab: Lab, node: str, account: str
) -> None:
    everything = {**candidate(ground, node), "rules": [{"id": "x", "type": "any"}]}
    request = {"verb": "firewall_apply", "candidate": everything, "by": "ana", "force": True}
    service = ground.asterisk_uid(node)
    told = json.loads(as_user(ground, lab, node, service, json.dumps(request)))
    assert (told["ok"], told["error_id"]) == (False, "firewall.needs_endorsement")
    endorsement = json.dumps({"verb": "firewall_endorse", "digest": "0123456789ab"})
    endorsed = json.loads(as_user(ground, lab, node, service, endorsement))
    assert (endorsed["ok"], endorsed["error_id"]) == (False, "guard.not_allowed")

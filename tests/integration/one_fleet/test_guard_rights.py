"""What the guard's process may do, and who may ask it for something."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from asterisk_ext.lab.node_tree import GUARD_UID
from tests.integration.fleet import Lab
from tests.integration.guard_ground import NODES, SOCKET, Ground

pytestmark = [pytest.mark.lab, pytest.mark.parametrize(("node", "account"), NODES)]

DAC_READ_SEARCH, NET_ADMIN, NET_RAW = (1 << number for number in (2, 12, 13))
"""linux/capability.h"""
NOBODY = 65534
ASK = """
import socket, sys
with socket.socket(socket.AF_UNIX) as caller:
    caller.connect(sys.argv[1])
    caller.sendall(sys.argv[2].encode() + b"\\n")
    print(caller.makefile().readline())
"""


def test_the_guard_has_a_user_of_its_own_and_the_firewall_s_and_the_log_s_rights_only(
    ground: Ground, node: str, account: str
) -> None:
    status = dict(line.split(":\t", 1) for line in Path(f"/proc/{ground.guard(node)}/status").read_text().splitlines())
    # The legacy tables are spoken to through a raw socket.
    more = NET_RAW if ground.plan.driver(node) == "iptables" else 0
    assert {int(number) for number in status["Uid"].split()} == {GUARD_UID}
    assert {int(number) for number in status["Gid"].split()} == {GUARD_UID}
    assert status["Groups"].split() == []
    for kind in ("CapPrm", "CapEff", "CapBnd", "CapInh", "CapAmb"):
        assert int(status[kind], 16) == DAC_READ_SEARCH | NET_ADMIN | more, kind
    assert status["NoNewPrivs"] == "1"


@pytest.mark.parametrize("request_", ['{"verb":"list"}', '{"verb":"lift","address":"198.18.66.1"}', "no request"])
def test_a_caller_without_rights_is_refused_whatever_it_asks_for(
    ground: Ground, lab: Lab, node: str, account: str, request_: str
) -> None:
    refused = json.loads(as_user(ground, lab, node, NOBODY, request_))
    assert (refused["ok"], refused["error_id"]) == (False, "guard.not_allowed")


def test_the_node_s_service_may_list_bans_but_not_weaken_the_never_ban_list(
    ground: Ground, lab: Lab, node: str, account: str
) -> None:
    service = ground.asterisk_uid(node)
    assert json.loads(as_user(ground, lab, node, service, '{"verb":"list"}'))["ok"]
    refused = json.loads(as_user(ground, lab, node, service, '{"verb":"allow","network":"0.0.0.0/0"}'))
    assert (refused["ok"], refused["error_id"]) == (False, "guard.not_allowed")
    assert "0.0.0.0/0" not in ground.ask(node, verb="status")["never_ban"]


def as_user(ground: Ground, lab: Lab, node: str, uid: int, request: str) -> str:
    identity = (f"--reuid={uid}", f"--regid={ground.asterisk_gid(node)}", "--clear-groups", "--inh-caps=-all")
    done = lab.run(node, "setpriv", *identity, "--", sys.executable, "-I", "-S", "-c", ASK, f"/{SOCKET}", request)
    assert done.returncode == 0, done.stderr
    return done.stdout

from __future__ import annotations

import pytest

from asterisk_ext.lab import plan as plans
from asterisk_ext.lab.phones import files
from asterisk_ext.lab.topology import Kind
from asterisk_ext.lab.traffic import sample_calls, shares


@pytest.mark.parametrize(("calls", "dealt"), [(0, [0, 0, 0]), (2, [1, 1, 0]), (10, [4, 3, 3])])
def test_calls_are_dealt_out_evenly_and_none_is_lost(calls: int, dealt: list[int]) -> None:
    assert shares(calls, 3) == dealt


def test_only_active_tenants_call_and_each_calls_its_own_node() -> None:
    plan = plans.make(name="lab", nodes=2, calls=6, port=8480, detach=False)
    found = sample_calls(plan)
    assert [(kind, node) for kind, node, _ in found] == [
        (Kind.PHONES, "node1"),
        (Kind.PHONES, "node2"),
        (Kind.CARRIER, "node1"),
        (Kind.CARRIER, "node2"),
    ]
    assert not any(row[0].startswith("2_") for _, _, rows in found for row in rows)
    assert {row[3] for _, node, rows in found for row in rows if node == "node2"} == {"198.18.1.2"}


def test_a_phone_registers_to_its_tenants_node_and_answers() -> None:
    plan = plans.make(name="lab", nodes=2, calls=0, port=8480, detach=False)
    accounts = files(plan.topology.host("phones1"), plan.phones, plan.topology)["accounts"].splitlines()
    assert accounts[0].startswith("<sip:1_200@198.18.1.1>;auth_user=1_200;")
    assert "<sip:3_200@198.18.1.2>" in accounts[5]
    assert all("answermode=auto" in line for line in accounts)


def test_no_phone_holds_a_spare_account() -> None:
    plan = plans.make(name="lab", nodes=2, calls=6, port=8480, detach=False)
    assert {account.name for account in plan.accounts} - {account.name for account in plan.phones} == {
        "1_209",
        "2_209",
        "3_209",
        "9_709",
    }
    assert not any("209" in row for _, _, rows in sample_calls(plan) for row in rows)

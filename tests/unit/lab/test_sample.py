from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from asterisk_ext.domain import pbx, pbx_rules
from asterisk_ext.lab import plan as plans
from asterisk_ext.lab import sample
from asterisk_ext.services import tenant_file


@pytest.fixture
def plan() -> plans.Plan:
    return plans.make(name="lab", nodes=2, calls=0, port=8480, detach=False)


def records(plan: plans.Plan, nodes: tuple[str, ...]) -> list[pbx.Pbx]:
    document = sample.tenants(nodes, "198.18.20.1", plan.passwords)
    entries = tenant_file.read(json.dumps(document).encode())
    return [tenant_file.record(entry, None, "2026-01-01T00:00:00Z")[0] for entry in entries]


def test_the_samples_virtual_pbxs_are_accepted_by_the_product(plan: plans.Plan) -> None:
    found = records(plan, ("node1", "node2"))
    for item in found:
        pbx_rules.check(item)
    assert [(item.id, item.home, item.status, item.mode) for item in found] == [
        (1, "node1", "active", "managed"),
        (2, "node1", "partial_block", "managed"),
        (3, "node2", "active", "managed"),
        (9, "node1", "active", "gate_only"),
    ]


def test_phones_know_the_password_whose_digest_the_product_keeps(plan: plans.Plan) -> None:
    kept = {
        item.account(ext.number): ext.digest for item in records(plan, ("node1", "node2")) for ext in item.extensions
    }
    assert kept == {account.name: pbx.digest(account.name, account.password) for account in plan.accounts}


def test_a_fleet_of_one_node_hosts_everybody(plan: plans.Plan) -> None:
    assert {item.home for item in records(plan, ("node1",))} == {"node1"}


def test_secrets_are_new_in_every_run() -> None:
    first, second = (plans.make(name="lab", nodes=1, calls=0, port=8480, detach=False) for _ in range(2))
    assert not set(first.passwords.values()) & set(second.passwords.values())
    assert len(set(first.passwords.values()) | set(first.users.values())) == len(first.accounts) + len(first.users)


def test_a_plan_is_read_back_as_it_was_written(plan: plans.Plan, tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_bytes(msgspec.json.encode(plan))
    assert plans.read(tmp_path / "plan.json") == plan

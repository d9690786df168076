"""Live calls on the real fleet: the table and Asterisk's own list tell the same."""

from __future__ import annotations

import threading
import urllib.request
from typing import Any

import pytest

from tests.integration.fleet import Lab

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("no_call_of_an_earlier_test")]


def up(rows: dict[str, dict[str, Any]], number: str) -> dict[str, Any] | None:
    """The row of the call to ``number`` once both ends are up: Asterisk answers the caller only after the callee."""
    for row in rows.values():
        caller = (row["origin"]["dialled"], row["origin"]["state"])
        if caller == (number, "Up") and any(leg["state"] == "Up" for leg in row["destinations"]):
            return row
    return None


def channels(lab: Lab, node: str) -> set[str]:
    """`core show channels concise`: the channels' names."""
    return {line.split("!")[0] for line in lab.asterisk(node, "core show channels concise").splitlines() if "!" in line}


def in_rows(rows: dict[str, dict[str, Any]]) -> set[str]:
    legs = [leg for row in rows.values() for leg in (row["origin"], *row["destinations"])]
    return {leg["channel"] for leg in legs if leg["state"] != "Busy"}


def test_a_call_between_phones_is_a_row_with_both_legs_and_ends_with_it(lab: Lab) -> None:
    caller = threading.Thread(target=lab.call, args=("1_200", "201"), kwargs={"seconds": 4})
    caller.start()
    row = up(lab.calls_until(lambda rows: up(rows, "201") is not None), "201")
    assert row is not None
    assert (row["pbx"], row["server"]) == ("1", "node1")
    assert row["origin"]["channel"].startswith("PJSIP/1_200-")
    assert (row["origin"]["caller"], row["origin"]["state"], row["origin"]["codecs"]) == ("200", "Up", ["alaw"])
    [leg] = row["destinations"]
    assert leg["channel"].startswith("PJSIP/1_201-")
    assert (leg["state"], leg["answerer"], leg["codecs"]) == ("Up", "201", ["alaw"])
    assert {row["origin"]["channel"], leg["channel"]} == channels(lab, "node1")
    gone = lab.calls_until(lambda rows: up(rows, "201") is None)
    caller.join()
    assert in_rows(gone) == channels(lab, "node1")


def test_a_ring_group_called_from_outside_is_one_row_with_its_answerer(lab: Lab) -> None:
    caller = threading.Thread(target=lab.call, args=("carrier", "4831210114"), kwargs={"seconds": 4})
    caller.start()
    row = up(lab.calls_until(lambda rows: up(rows, "4831210114") is not None), "4831210114")
    assert row is not None
    assert row["origin"]["channel"].startswith("PJSIP/1_trunk14-")
    answerers = [leg for leg in row["destinations"] if leg["answerer"]]
    assert [leg["channel"].split("-")[0] for leg in answerers] == [f"PJSIP/1_{leg['answerer']}" for leg in answerers]
    assert len(answerers) == 1
    lab.calls_until(lambda rows: not rows)
    caller.join()


def test_the_other_nodes_calls_are_at_the_other_node(lab: Lab) -> None:
    caller = threading.Thread(target=lab.call, args=("3_200", "201"), kwargs={"seconds": 3})
    caller.start()
    rows = lab.calls_until(lambda rows: up(rows, "201") is not None, node="node2")
    assert in_rows(rows) == channels(lab, "node2")
    caller.join()


def test_a_call_is_hung_up_from_the_command_line_and_an_emergency_is_not(lab: Lab) -> None:
    caller = threading.Thread(target=lab.call, args=("1_200", "201"), kwargs={"seconds": 60})
    caller.start()
    row = up(lab.calls_until(lambda rows: up(rows, "201") is not None), "201")
    assert row is not None
    lab.ext("node1", "call", "hangup", "--yes", row["linkedid"])
    lab.calls_until(lambda rows: not rows)
    caller.join()
    emergency = threading.Thread(target=lab.call, args=("1_200", "190"), kwargs={"seconds": 4})
    emergency.start()
    row = up(lab.calls_until(lambda rows: up(rows, "190") is not None), "190")
    assert row is not None
    refused = lab.run("node1", "/usr/local/bin/asterisk-ext", "call", "hangup", "--yes", row["linkedid"])
    assert refused.returncode == 1
    assert "call.emergency" in refused.stderr
    emergency.join()


def test_a_tenants_token_sees_that_tenants_calls_only(lab: Lab) -> None:
    token = lab.ext("node1", "token", "add", "litoral", "--role", "viewer", "--pbx", "2").strip()
    caller = threading.Thread(target=lab.call, args=("1_200", "201"), kwargs={"seconds": 3})
    caller.start()
    lab.calls_until(lambda rows: up(rows, "201") is not None)
    request = urllib.request.Request(  # noqa: S310 - our own console's URL
        f"{lab.console()}api/v1/calls", headers={"Authorization": f"Bearer {token}"}
    )
    with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310
        assert answer.read() == b"[]"
    caller.join()

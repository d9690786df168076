"""A server into maintenance and back, on the real fleet."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from tests.integration.fleet import Lab

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("no_call_of_an_earlier_test")]

PROBE = "1_209"
"""An extension whose phone no one else registers."""


@pytest.fixture(autouse=True)
def at_home(lab: Lab) -> Iterator[None]:
    yield
    if lab.told("node1", "server", "list")[0]["destination"]:
        lab.ext("node1", "server", "maintenance", "leave", "node1")


def served_by(lab: Lab) -> dict[int, str]:
    return {row["pbx"]["id"]: row["server"] for row in lab.told("node1", "pbx", "list")}


def test_before_maintenance_the_destination_knows_no_visitor(lab: Lab) -> None:
    tried = lab.register(PROBE, node="node2")
    assert not tried.as_expected
    assert 200 not in tried.statuses


def test_all_virtual_pbxs_move_at_once_and_exactly_they_come_home(lab: Lab) -> None:
    home = served_by(lab)
    lab.ext("node1", "server", "maintenance", "enter", "node1", "node2")
    assert set(served_by(lab).values()) == {"node2"}
    lab.ext("node1", "server", "maintenance", "leave", "node1")
    assert served_by(lab) == home


def test_phones_call_where_they_are_until_they_have_come_home(lab: Lab) -> None:
    lab.ext("node1", "server", "maintenance", "enter", "node1", "node2")
    assert lab.register(PROBE, node="node2").as_expected
    lab.ext("node1", "server", "maintenance", "leave", "node1")
    assert lab.call(PROBE, "200", node="node2", seconds=1).final == 200
    assert lab.call(PROBE, "190", node="node2", seconds=1).final == 200
    assert lab.register(PROBE, node="node2", seconds=0).as_expected
    assert lab.register(PROBE, node="node1").as_expected


def test_a_call_in_progress_goes_on_across_the_flip_and_back(lab: Lab) -> None:
    heard: list[float] = []

    def call() -> None:
        heard.append(len(lab.call("1_200", "201", seconds=6).samples()) / 16000)

    caller = threading.Thread(target=call)
    caller.start()
    lab.calls_until(lambda rows: any(leg["state"] == "Up" for row in rows.values() for leg in row["destinations"]))
    lab.ext("node1", "server", "maintenance", "enter", "node1", "node2")
    lab.ext("node1", "server", "maintenance", "leave", "node1")
    caller.join()
    assert heard[0] > 5.5


def test_a_blocked_tenant_is_blocked_at_the_destination_too(lab: Lab) -> None:
    lab.ext("node1", "server", "maintenance", "enter", "node1", "node2")
    assert lab.call("2_209", "04833330000", node="node2").final == 403
    assert lab.call("2_209", "190", node="node2", seconds=1).final == 200


def test_what_would_lose_tenants_is_refused_with_its_reason(lab: Lab) -> None:
    lab.ext("node1", "server", "maintenance", "enter", "node1", "node2")
    for words, error_id in (
        (("node2", "node1"), "maintenance.cycle"),
        (("node1", "node2"), "maintenance.already"),
        (("node2", "node2"), "maintenance.same_server"),
        (("node2", "node9"), "server.unknown"),
    ):
        done = lab.run("node1", "/usr/local/bin/asterisk-ext", "server", "maintenance", "enter", *words)
        assert done.returncode == 1
        assert error_id in done.stderr


def test_the_journal_tells_who_did_it_and_the_way_back(lab: Lab) -> None:
    lab.ext("node1", "server", "maintenance", "enter", "node1", "node2", "--reason", "troca de fonte")
    entry = next(entry for entry in lab.told("node1", "audit", "list") if entry["act"] == "server.maintenance")
    assert (entry["who"], entry["thing"], entry["undo"]) == ("root", "node1", "servers/node1/maintenance/leave")

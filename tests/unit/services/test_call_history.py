"""The fleet's calls of the last hour: this node's own and what the others report, while they do."""

from __future__ import annotations

import pytest

from asterisk_ext.domain.access import ROOT, Actor, Role
from asterisk_ext.domain.errors import Refusal
from asterisk_ext.domain.server import LATE_AFTER, Report, Server
from asterisk_ext.services.call_history import CallHistory

NOW = 6_000.0


class Fleet:
    def __init__(self, **reports: Report) -> None:
        self._reports = reports

    def servers(self) -> list[Server]:
        return []

    def reports(self) -> dict[str, Report]:
        return self._reports


def test_own_calls_are_counted_now_and_the_others_as_they_report() -> None:
    fleet = Fleet(node1=Report(at=NOW, calls=99), node2=Report(at=NOW, calls=5))
    history = CallHistory("node1", lambda: 3, fleet, lambda: NOW)
    history.look()
    assert history.last_hour(ROOT) == [{"at": NOW, "calls": 8}]


def test_a_server_that_is_late_does_not_count() -> None:
    fleet = Fleet(node1=Report(at=NOW), node2=Report(at=NOW - LATE_AFTER - 1, calls=5))
    history = CallHistory("node1", lambda: 3, fleet, lambda: NOW)
    history.look()
    assert history.last_hour(ROOT) == [{"at": NOW, "calls": 3}]


def test_a_large_fleets_reports_count_by_when_they_were_heard() -> None:
    heard = NOW - 25
    late = Report(at=heard - LATE_AFTER - 1, calls=7)
    fleet = Fleet(node1=Report(at=heard), node2=Report(at=heard - 2, calls=5), node3=late)
    history = CallHistory("node1", lambda: 3, fleet, lambda: NOW)
    history.look()
    assert history.last_hour(ROOT) == [{"at": NOW, "calls": 8}]


def test_who_sees_one_virtual_pbx_does_not_see_the_fleet_s_calls() -> None:
    history = CallHistory("node1", lambda: 3, Fleet(), lambda: NOW)
    with pytest.raises(Refusal, match="virtual PBX"):
        history.last_hour(Actor("hoster's customer", Role.VIEWER, pbx=7))

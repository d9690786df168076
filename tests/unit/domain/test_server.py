"""What state a server is shown in."""

from __future__ import annotations

from dataclasses import replace

import pytest

from asterisk_ext.domain.errors import Refusal
from asterisk_ext.domain.server import LATE_AFTER, Report, Server, State, Technology, check, state

NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("report", "in_maintenance", "shown"),
    [
        (None, False, State.AWAITING),
        (None, True, State.AWAITING),
        (Report(at=NOW), False, State.ACTIVE),
        (Report(at=NOW - LATE_AFTER), False, State.ACTIVE),
        (Report(at=NOW - LATE_AFTER - 1), False, State.UNREACHABLE),
        (Report(at=NOW), True, State.MAINTENANCE),
        (Report(at=NOW - 3600), True, State.MAINTENANCE),
    ],
)
def test_the_state_follows_from_the_last_report_and_the_map(
    report: Report | None, in_maintenance: bool, shown: State
) -> None:
    assert state(report, in_maintenance, NOW) is shown


def test_only_core_servers_and_nodes_host_virtual_pbxs() -> None:
    assert [kind for kind in Technology if kind.hosts] == [Technology.CORE_SERVER, Technology.NODE]


@pytest.mark.parametrize(
    "change", [{"name": "a b"}, {"name": "-x"}, {"ip": "198.18.1"}, {"ip": "host"}, {"registration": "a;b"}]
)
def test_a_record_with_unusable_values_is_refused(change: dict[str, str]) -> None:
    good = Server(id=1, name="node1", technology=Technology.NODE, ip="198.18.1.1", registration="sip.example.net")
    with pytest.raises(Refusal) as refusal:
        check(replace(good, **change))  # type: ignore[arg-type]
    assert refusal.value.field == next(iter(change))

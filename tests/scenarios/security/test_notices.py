"""NOTICE lines: what can be told of them, and what a forger still can."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from asterisk_ext.cli.guard import guard
from asterisk_ext.config import Config
from asterisk_ext.domain.security_event import AttemptCounter
from firewall.log.notices import NoticeLogReader
from tests.scenarios.security.cases import Case, cases

ALL = cases("notices.log")


@pytest.mark.parametrize("piece", [1 << 20, 41, 1])
@pytest.mark.parametrize("case", ALL, ids=str)
def test_a_notice_counts_against_the_address_it_names_or_against_nobody(case: Case, piece: int) -> None:
    reader, counter = NoticeLogReader(), AttemptCounter()
    found = [event for i in range(0, len(case.log), piece) for event, _ in reader.feed(case.log[i : i + piece])]
    assert [event.address for event in found if counter.count(event)] == [case.address] * case.attempts
    assert reader.taken == len(case.log)


def test_an_offline_scan_of_notices_prints_the_same(tmp_path: Path) -> None:
    log = tmp_path / "messages"
    log.write_bytes(b"".join(case.log for case in ALL))
    done = CliRunner().invoke(guard, ["scan", str(log), "--notices", "--json"])
    rows = [json.loads(row) for row in done.output.splitlines()]
    assert [row["address"] for row in rows] == [case.address for case in ALL for _ in range(case.attempts)]


def test_an_offline_scan_of_notices_prints_bans(tmp_path: Path) -> None:
    log = tmp_path / "messages"
    log.write_bytes(b"".join(case.log for case in ALL if case.address == "198.18.1.78") * 4)
    done = CliRunner().invoke(guard, ["scan", str(log), "--notices", "--bans", "--json"])
    assert [json.loads(row)["address"] for row in done.output.splitlines()] == ["198.18.1.78"]


def test_notices_are_not_read_unless_the_hoster_asks_for_it() -> None:
    assert Config().guard.notices is False


def test_an_endless_line_is_passed_over_in_bounded_memory() -> None:
    reader = NoticeLogReader()
    for _ in range(100):
        assert reader.feed(b"x" * 5000) == []
    [(event, _)] = reader.feed(b"\n" + ALL[0].log)
    assert event.address == ALL[0].address

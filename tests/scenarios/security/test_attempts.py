"""From real log lines to counted attempts: always the true peer, never another, nothing hidden."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from asterisk_ext.cli.guard import guard
from asterisk_ext.domain.errors import Refusal
from asterisk_ext.domain.security_event import SUCCEEDED, AttemptCounter, SecurityEvent
from firewall.log.scan import scan_failures
from firewall.log.security_reader import SecurityLogReader
from tests.scenarios.security.cases import Case, cases

FILES = ("ordinary-attempts.log", "transports-asterisk-22.10.log", "hostile-asterisk-22.10.log")
ALL = [case for name in FILES for case in cases(name)]


def followed(log: bytes, piece: int) -> list[SecurityEvent]:
    """The events as the running guard sees them when the log arrives in pieces."""
    reader = SecurityLogReader()
    found = [event for i in range(0, len(log), piece) for event, _ in reader.feed(log[i : i + piece])]
    found += [event for event, _ in reader.settle()]
    assert reader.taken == len(log)
    return found


def counted(events: list[SecurityEvent]) -> list[SecurityEvent]:
    counter = AttemptCounter()
    return [event for event in events if event.name != SUCCEEDED and counter.count(event)]


@pytest.mark.parametrize("piece", [1 << 20, 997, 1], ids=["at once", "in pieces", "byte by byte"])
@pytest.mark.parametrize("case", ALL, ids=str)
def test_the_running_guard_counts_the_attempts_of_the_true_peer(case: Case, piece: int) -> None:
    if piece == 1 and len(case.log) > 5000:
        piece = 41
    events = followed(case.log, piece)
    assert [event.address for event in counted(events)] == [case.address] * case.attempts
    successes = [event.address for event in events if event.name == SUCCEEDED]
    assert successes == [case.address] * case.success


@pytest.mark.parametrize("case", ALL, ids=str)
def test_an_offline_scan_counts_the_same(case: Case, tmp_path: Path) -> None:
    log = tmp_path / "security"
    log.write_bytes(case.log)
    out = io.StringIO()
    scan_failures(log, out, as_json=True)
    rows = [json.loads(row) for row in out.getvalue().splitlines()]
    assert [row["address"] for row in rows] == [case.address] * case.attempts
    assert all(list(row) == ["time", "address", "service", "transport", "account", "event"] for row in rows)


def test_all_cases_in_one_file_are_counted_as_each_alone(tmp_path: Path) -> None:
    log = tmp_path / "security"
    log.write_bytes(b"".join(case.log for case in ALL))
    out = io.StringIO()
    scan_failures(log, out, as_json=True)
    addresses = [json.loads(row)["address"] for row in out.getvalue().splitlines()]
    assert addresses == [case.address for case in ALL for _ in range(case.attempts)]


def test_a_scan_prints_the_bans_the_policy_leads_to_by_the_events_own_times(tmp_path: Path) -> None:
    log = tmp_path / "security"
    log.write_bytes(b"".join(case.log for case in ALL for _ in range(2)))
    done = CliRunner().invoke(guard, ["scan", str(log), "--bans", "--json"])
    rows = [json.loads(row) for row in done.output.splitlines()]
    assert rows
    assert all(list(row) == ["address", "time", "failures"] and row["failures"] == 4 for row in rows)
    assert "9.9.9.9" not in {row["address"] for row in rows}


@pytest.mark.parametrize("path", ["absent", "."])
def test_a_log_that_cannot_be_read_is_refused(tmp_path: Path, path: str) -> None:
    done = CliRunner().invoke(guard, ["scan", str(tmp_path / path), "--json"])
    assert isinstance(done.exception, Refusal)
    assert done.exception.error_id == "log.unreadable"


@pytest.mark.parametrize("content", [bytes(range(256)) * 9, b'x Severity="Error",Service="' * 200_000])
def test_a_binary_file_and_an_endless_line_are_refused(tmp_path: Path, content: bytes) -> None:
    log = tmp_path / "security"
    log.write_bytes(content)
    done = CliRunner().invoke(guard, ["scan", str(log), "--json"])
    assert isinstance(done.exception, Refusal)
    assert (done.exception.error_id, done.output) == ("log.not_a_log", "")


def test_an_endless_line_after_a_log_and_zeros_within_it_hide_nothing(tmp_path: Path) -> None:
    log = tmp_path / "security"
    log.write_bytes(ALL[0].log + bytes(5000) + b"\n" + ALL[0].log + b'x Severity="Error",Service="' * 200_000)
    done = CliRunner().invoke(guard, ["scan", str(log), "--json"])
    assert [json.loads(row)["address"] for row in done.output.splitlines()] == [ALL[0].address] * ALL[0].attempts


def test_a_policy_of_no_failures_is_refused(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text("[guard]\nfailures = 0\n")
    (tmp_path / "security").write_bytes(ALL[0].log)
    done = CliRunner().invoke(guard, ["scan", str(tmp_path / "security"), "--bans", "--config", str(config)])
    assert isinstance(done.exception, Refusal)
    assert (done.exception.error_id, done.output) == ("config.unreadable", "")

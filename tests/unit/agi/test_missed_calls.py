"""What the dialplan noted while the service was dead is listed once, and nothing else is."""

from __future__ import annotations

from pathlib import Path

import pytest

from agi.blocked_calls import BlockedCallLog
from agi.missed_calls import MissedCalls
from asterisk_ext.domain.blocked_calls import Wanted
from asterisk_ext.domain.gate import Audio, BlockedCall, Direction

NOW = 1_800_000_000
AUDIO = "/sounds/library/ab/audio"
LINE = f"{NOW}|2|PJSIP/2_200-00000011|200|04833334444|outbound|partial_block|{AUDIO}|7"
CALL = BlockedCall(
    at=NOW,
    pbx=2,
    channel="PJSIP/2_200-00000011",
    caller="200",
    number="04833334444",
    direction=Direction.OUTBOUND,
    audio=Audio.PARTIAL,
    file=AUDIO,
    recording="aviso",
    heard=7,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "missed_calls"


@pytest.fixture
def log(tmp_path: Path) -> BlockedCallLog:
    return BlockedCallLog(tmp_path / "blocked.sqlite3", lambda: NOW)


@pytest.fixture
def missed(path: Path, log: BlockedCallLog) -> MissedCalls:
    return MissedCalls(path, log, lambda: {AUDIO: "aviso"})


def noted(path: Path, *lines: str) -> None:
    path.write_text("".join(line + "\n" for line in lines), errors="surrogateescape")


def is_fresh_and_private(path: Path) -> bool:
    there = path.stat()
    return there.st_size == 0 and there.st_mode & 0o077 == 0


async def test_a_noted_call_is_listed_with_its_audio(missed: MissedCalls, path: Path, log: BlockedCallLog) -> None:
    noted(path, LINE)
    await missed.take()
    await missed.take()
    assert await log.calls(Wanted()) == [CALL]
    assert is_fresh_and_private(path), "it names callers"


async def test_a_line_written_while_the_file_is_set_aside_is_not_lost(
    missed: MissedCalls, path: Path, log: BlockedCallLog
) -> None:
    noted(path, LINE)
    with path.open("a") as slow:
        await missed.take()
        slow.write(LINE.replace("|200|", "|201|").replace("011", "012") + "\n")
    await missed.take()
    assert sorted(call.caller for call in await log.calls(Wanted())) == ["200", "201"]


async def test_a_file_that_was_read_but_not_removed_lists_nothing_twice(
    missed: MissedCalls, path: Path, log: BlockedCallLog
) -> None:
    for _ in range(2):
        noted(path.with_name("missed_calls.read"), LINE)
        await missed.take()
    assert await log.calls(Wanted()) == [CALL]
    assert [count.calls for count in await log.counts()] == [1]


@pytest.mark.parametrize(
    "line",
    [
        "",
        LINE[:-1],
        LINE + "|",
        LINE.replace("|2|", "|two|"),
        LINE.replace("200|", "<script>|"),
        LINE.replace("outbound", "sideways"),
        LINE.replace("partial_block", "'; DROP TABLE blocked; --"),
        LINE.replace(AUDIO, "/sounds/$(id)"),
        LINE.replace("04833334444", "٠٤٨"),
        "x" * 100_000,
        "\udcff\x00",
    ],
)
async def test_what_is_no_line_of_the_dialplan_is_passed_over_and_what_follows_is_listed(
    missed: MissedCalls, path: Path, log: BlockedCallLog, line: str
) -> None:
    noted(path, line, LINE)
    await missed.take()
    await missed.take()
    assert await log.calls(Wanted()) == [CALL]


async def test_what_could_not_be_listed_is_listed_later(path: Path, tmp_path: Path) -> None:
    log = BlockedCallLog(tmp_path / "later" / "blocked.sqlite3", lambda: NOW)
    missed = MissedCalls(path, log, dict)
    noted(path, LINE)
    await missed.take()
    with pytest.raises(OSError, match="No such file"):
        await missed.take()
    (tmp_path / "later").mkdir()
    await missed.take()
    assert [call.channel for call in await log.calls(Wanted())] == [CALL.channel]

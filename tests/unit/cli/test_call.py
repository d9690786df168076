from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from asterisk_ext.cli.main import cli
from asterisk_ext.domain.errors import Refusal

RECORDINGS = Path(__file__).parents[2] / "scenarios/calls"


def replay(*arguments: str) -> str:
    result = CliRunner().invoke(cli, ["call", "replay", *arguments], catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


def test_a_recording_is_replayed_to_a_moment_as_json() -> None:
    rows = json.loads(replay(str(RECORDINGS / "group.jsonl.gz"), "--at", "3", "--json"))
    assert [leg["answerer"] for row in rows for leg in row["destinations"]] == ["200"]


def test_a_recording_is_replayed_to_its_end_as_a_table() -> None:
    assert "PJSIP/1_220-0000000b" in replay(str(RECORDINGS / "busy.jsonl.gz"))


def test_control_characters_in_a_callers_name_do_not_reach_the_terminal(tmp_path: Path) -> None:
    channel = {"id": "1.1", "name": "PJSIP/\x1b[2J", "state": "Ring", "creationtime": "", "caller": {"number": "\n1"}}
    line = {"t": 1.0, "e": {"type": "ChannelCreated", "channel": channel}}
    (tmp_path / "hostile").write_text(json.dumps(line))
    output = replay(str(tmp_path / "hostile"))
    assert "\x1b" not in output
    assert len(output.splitlines()) == 2


@pytest.mark.parametrize(
    ("content", "error_id"),
    [
        (None, "call.recording_unreadable"),
        (b"\x1f\x8b\x08nonsense", "call.recording_unreadable"),
        (b'{"t":1}\n', "call.recording_bad_line"),
        (b'{"t":"1","e":{"type":"Dial"}}\n', "call.recording_bad_line"),
        (b"\xff\xfe\n", "call.recording_bad_line"),
        (b"[" * 100_000, "call.recording_bad_line"),
    ],
)
def test_a_recording_that_cannot_be_read_is_refused(tmp_path: Path, content: bytes | None, error_id: str) -> None:
    file = tmp_path / "recording"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(Refusal) as refusal:
        CliRunner().invoke(cli, ["call", "replay", str(file), "--json"], catch_exceptions=False)
    assert refusal.value.error_id == error_id


def test_an_empty_recording_has_no_calls(tmp_path: Path) -> None:
    (tmp_path / "empty").write_bytes(b"\n")
    assert json.loads(replay(str(tmp_path / "empty"), "--json")) == []

"""Recorded event streams of a real Asterisk, and the rows that a person reading the events would write.

``NAME.rows.json`` lists moments of ``NAME.jsonl.gz``: ``at`` in seconds after its first event, and the rows then.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from asterisk_ext.cli.call import rows_at

HERE = Path(__file__).parent
MOMENTS = [
    pytest.param(path.name.removesuffix(".rows.json"), moment, id=f"{path.name.removesuffix('.rows.json')}@{at}")
    for path in sorted(HERE.glob("*.rows.json"))
    for moment in json.loads(path.read_text())
    for at in [moment["at"]]
]


@pytest.mark.parametrize(("name", "moment"), MOMENTS)
def test_a_recording_replayed_to_a_moment_gives_the_rows_of_that_moment(name: str, moment: dict[str, object]) -> None:
    at = moment["at"]
    assert isinstance(at, float)
    assert rows_at(HERE / f"{name}.jsonl.gz", at, "node1") == moment["rows"]


def test_every_recording_of_one_scenario_has_its_expected_rows() -> None:
    recordings = {path.name.removesuffix(".jsonl.gz") for path in HERE.glob("*.jsonl.gz")}
    assert recordings - {"mixed-load-2200-calls"} == {
        path.name.removesuffix(".rows.json") for path in HERE.glob("*.rows.json")
    }


def test_an_uncompressed_recording_gives_the_same_rows(tmp_path: Path) -> None:
    plain = tmp_path / "p2p.jsonl"
    plain.write_bytes(gzip.decompress((HERE / "p2p.jsonl.gz").read_bytes()))
    assert rows_at(plain, 3, None) == rows_at(HERE / "p2p.jsonl.gz", 3, None) != []

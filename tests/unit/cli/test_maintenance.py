"""What the command line says of a maintenance, before and meanwhile."""

from __future__ import annotations

from typing import Any

from asterisk_ext.cli.maintenance import foretold, lines

WHAT: dict[str, Any] = {
    "source": "node1", "destination": "node2", "tenants": 187, "extensions": 1870, "registered": None, "calls": 9,
    "technology": "NODE", "version": "0.1.0", "same_version": True, "served_after": 401, "calls_there": 3,
    "audios_missing": [], "registering": 4, "by_address": [{"pbx": 1, "trunk": "trunk14", "host": "198.18.20.1"}],
    "follows": None, "by_bare_address": None, "stays_gate_only": [], "remembered_until": 0.0, "seconds": 150,
}  # fmt: skip


def told(safe: bool | None, *, calls: int | None = 3, pointer: str | None = "node2", **plan: object) -> dict[str, Any]:
    stages = [
        {"step": "flip", "began": 100.0, "ended": 100.01, "facts": {}},
        {"step": "drain", "began": 100.01, "ended": 0.0, "facts": {}},
    ]
    made = {"source": "node1", "destination": "node2", "heading": "away", "journal": stages, "failed": "", "why": ""}
    seen = {"pointer": pointer, "served": True, "calls": calls}
    return {"plan": {**made, "closed": False, **plan}, "seen": seen, "safe": safe, "names": None}


def test_a_preview_says_what_is_not_known_and_what_does_not_follow() -> None:
    text = "\n".join(foretold(WHAT, None))
    assert "   187  virtual PBXs pass to node2, which serves 401 then" in text
    assert "     ?  phones register again" in text
    assert "not kept at a DNS server" in text
    assert "1_trunk14 (198.18.20.1)" in text
    assert "names that node2 has no certificate for: not known" in text
    assert "certificate" not in "\n".join(foretold(WHAT, []))


def test_a_status_counts_down_and_says_the_word_that_decides() -> None:
    said = lines(told(False))
    assert said[0] == "node1 is in maintenance; node2 serves its virtual PBXs"
    assert said[-1] == "do not switch node1 off yet: 3 calls in progress there"
    assert "under way  node1 drained of its calls" in said[2]
    assert lines(told(False, calls=0))[-1].endswith("a step above has not")
    assert lines(told(True, calls=0))[-1] == "safe to switch off node1: no call in progress there"
    assert lines(told(None, calls=None))[-1].endswith("is not known")


def test_what_was_given_up_is_told_with_its_reason() -> None:
    said = lines(told(False, pointer=None, failed="maintenance.host_silent", why="node2 fell silent.", closed=True))
    assert said[0] == "node1 is active; its virtual PBXs are at home"
    assert said[-1] == "given up: node2 fell silent. (maintenance.host_silent)"

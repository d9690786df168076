"""``asterisk-ext firewall lists``: what it asks of the node service, by the revision that it saw."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from asterisk_ext.cli import firewall_lists
from asterisk_ext.cli.main import cli

OFFICES: dict[str, Any] = {
    "entries": ["203.0.113.5", "192.0.2.0/24"],
    "by": "ana",
    "at": "2026-08-13T06:14:22Z",
    "revision": 7,
}
TOLD = {"offices": {**OFFICES, "servers": ["node1"]}}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, Any]]:
    made: list[tuple[str, str, Any]] = []

    def ask(settings: Path, method: str, path: str, body: Any = None) -> Any:
        made.append((method, path, body))
        return {"entries": body["entries"], "revision": 8} if body else TOLD

    monkeypatch.setattr(firewall_lists, "ask", ask)
    return made


def run(*arguments: str, given: str = "") -> tuple[int, str]:
    result = CliRunner().invoke(cli, ["firewall", "lists", *arguments], input=given)
    return result.exit_code, result.output


def test_lists_are_shown_with_whose_rules_name_them(asked: list[tuple[str, str, Any]]) -> None:
    assert "offices  2        node1        ana" in run("show")[1]
    assert run("show", "offices") == (0, "203.0.113.5\n192.0.2.0/24\n")
    assert run("show", "nobody")[0] == 2


def test_entries_are_added_and_dropped_by_the_revision_that_was_seen(asked: list[tuple[str, str, Any]]) -> None:
    run("add", "offices", "198.51.100.1")
    assert asked[-1][2] == {"entries": [*OFFICES["entries"], "198.51.100.1"], "revision": 7}
    run("add", "fresh", "198.51.100.1")
    assert asked[-1] == ("PUT", "firewall/lists/fresh", {"entries": ["198.51.100.1"], "revision": 0})
    run("drop", "offices", "203.0.113.5")
    assert asked[-1][2] == {"entries": ["192.0.2.0/24"], "revision": 7}
    assert run("drop", "offices", "8.8.8.8")[0] == 2
    run("remove", "offices")
    assert asked[-1][:2] == ("DELETE", "firewall/lists/offices?revision=7")


def test_a_file_becomes_a_list_without_its_comments(asked: list[tuple[str, str, Any]]) -> None:
    run("set", "offices", given="# offices\n203.0.113.5  # Florianópolis\n\n192.0.2.1\n")
    assert asked[-1][2] == {"entries": ["203.0.113.5", "192.0.2.1"], "revision": None}

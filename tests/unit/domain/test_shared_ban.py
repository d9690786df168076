"""Whose bans a node makes its own."""

from __future__ import annotations

from dataclasses import replace

import pytest

from asterisk_ext.domain.shared_ban import Evidence, Lift, wanted

NOW = 1000.0
KNOWN = ("node1", "node2", "node3")


def told(node: str, *, proven: bool, since: float = 900.0, until: float = 2000.0) -> Evidence:
    return Evidence(node=node, address="192.0.2.9", since=since, until=until, proven=proven)


@pytest.mark.parametrize(
    ("evidence", "is_wanted"),
    [
        ([told("node2", proven=True)], True),
        ([told("node2", proven=False)], False),
        ([told("node2", proven=False), told("node3", proven=False)], True),
        ([told("node2", proven=False), told("node1", proven=False)], True),
        ([told("node2", proven=False), told("node1", proven=True)], True),
        ([told("node1", proven=True)], False),
        ([told("node2", proven=True, until=NOW)], False),
        ([told("stranger", proven=True)], False),
    ],
    ids=[
        "another node proved it",
        "forged packets reach one node",
        "two others saw it",
        "another and this one saw it",
        "this one proved what another saw",
        "this node's own needs no word of others",
        "it has ended",
        "a removed node says nothing",
    ],
)
def test_a_node_bans_on_others_word_what_is_proved_or_seen_twice(evidence: list[Evidence], is_wanted: bool) -> None:
    assert ("192.0.2.9" in wanted(evidence, {}, KNOWN, "node1", NOW)) is is_wanted


def test_what_an_operator_lifted_is_banned_again_only_for_what_came_later_whatever_the_clocks_say() -> None:
    lifted = {"192.0.2.9": Lift(serial=2, at=950.0)}
    fast = replace(told("node2", proven=True, since=900.0 + 3600), lift=1)
    slow = replace(told("node3", proven=True, since=960.0 - 3600), lift=2)
    assert wanted([fast], lifted, KNOWN, "node1", NOW) == {}
    assert wanted([fast, slow], lifted, KNOWN, "node1", NOW)["192.0.2.9"].node == "node3"

"""Calls between the fleet's servers, as Asterisk's file."""

from __future__ import annotations

from pathlib import Path

import pytest

from dialplan.node_trunk import RELOADS, NodeTrunk, Place, render

PLACE = Place(bind="198.18.1.1", port=5062, identity="/var/lib/asterisk-ext/identity")


class Console:
    """Asterisk's."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answers = True

    def __call__(self, words: str) -> str:
        if not self.answers:
            raise OSError("silent")
        self.asked.append(words)
        return ""


@pytest.fixture
def console() -> Console:
    return Console()


@pytest.fixture
def trunk(tmp_path: Path, console: Console) -> NodeTrunk:
    (tmp_path / "node.pem").write_text("first")
    return NodeTrunk(tmp_path / "nodes.conf", PLACE, tmp_path / "node.pem", console)


def test_both_ends_show_a_certificate_and_nobody_else_is_known() -> None:
    text = render(PLACE, {"198.18.1.3", "198.18.1.2"})
    for line in ("require_client_cert = yes", "verify_client = yes", "verify_server = yes", "bind = 198.18.1.1:5062"):
        assert f"{line}\n" in text
    assert [line for line in text.splitlines() if line.startswith("match")] == [
        "match = 198.18.1.2",
        "match = 198.18.1.3",
    ]


def test_what_is_no_address_is_not_written() -> None:
    with pytest.raises(ValueError, match="does not appear"):
        render(PLACE, {"198.18.1.2\nmatch = 0.0.0.0/0"})


def test_applying_the_same_twice_asks_asterisk_once(trunk: NodeTrunk, console: Console) -> None:
    assert trunk.apply({"198.18.1.2"})
    assert not trunk.apply({"198.18.1.2"})
    assert console.asked == list(RELOADS)


def test_a_renewed_certificate_is_taken_up(trunk: NodeTrunk, console: Console, tmp_path: Path) -> None:
    trunk.apply({"198.18.1.2"})
    (tmp_path / "node.pem").write_text("second")
    assert trunk.apply({"198.18.1.2"})


def test_a_removed_server_is_known_no_more(trunk: NodeTrunk, tmp_path: Path) -> None:
    trunk.apply({"198.18.1.2"})
    assert trunk.apply(set())
    assert (tmp_path / "nodes.conf").read_text() == ""


def test_an_asterisk_that_was_silent_is_told_again(trunk: NodeTrunk, console: Console) -> None:
    console.answers = False
    with pytest.raises(OSError, match="silent"):
        trunk.apply({"198.18.1.2"})
    console.answers = True
    assert trunk.apply({"198.18.1.2"})


def test_a_service_that_starts_anew_has_asterisk_read_nothing_again(
    trunk: NodeTrunk, console: Console, tmp_path: Path
) -> None:
    assert trunk.apply({"198.18.1.2"})
    again = NodeTrunk(tmp_path / "nodes.conf", PLACE, tmp_path / "node.pem", console)
    assert not again.apply({"198.18.1.2"})
    (tmp_path / "nodes.conf").unlink()
    assert again.apply({"198.18.1.2"})
    assert (tmp_path / "nodes.conf").exists()
    assert console.asked == [*RELOADS, *RELOADS]

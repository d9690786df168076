"""From a wrong password to the kernel's drop, on the real fleet."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Iterator

import pytest

from tests.integration.fleet import Lab, events

pytestmark = pytest.mark.lab

ATTACKER = "198.18.66.1"


@pytest.fixture(autouse=True)
def forgiven(lab: Lab) -> Iterator[None]:
    """Every test begins and ends with nobody banned."""
    yield
    for address in banned(lab):
        lab.ext("node1", "ban", "lift", address)


def banned(lab: Lab) -> list[str]:
    return [json.loads(line)["source"] for line in lab.ext("node1", "ban", "list", "--json").splitlines()]


def dropped(lab: Lab) -> int:
    """Packets that the kernel has dropped because their sender is banned."""
    told = lab.run("node1", "nft", "list", "counter", "inet", "asterisk_ext", "banned").stdout
    return int(re.findall(r"packets (\d+)", told)[0])


def answers(lab: Lab) -> int:
    """How many of one attempt's REGISTERs are answered."""
    return len(lab.attack(failures=1).statuses)


def test_the_fourth_failure_shuts_the_attacker_out_in_the_kernel(lab: Lab) -> None:
    tried = lab.attack(failures=4)
    assert len(tried.statuses) == 8, "each attempt is challenged and refused"
    assert banned(lab) == [ATTACKER]
    before = dropped(lab)
    assert answers(lab) == 0
    assert dropped(lab) > before


def test_three_failures_are_not_enough(lab: Lab) -> None:
    lab.attack(failures=3, attacker="attacker2")
    assert banned(lab) == []
    assert lab.attack(failures=1, attacker="attacker2").statuses[0] == 401
    assert banned(lab) == ["198.18.66.2"]


def test_lifting_a_ban_lets_the_address_in_again(lab: Lab) -> None:
    lab.attack(failures=4)
    lab.ext("node1", "ban", "lift", ATTACKER)
    assert banned(lab) == []
    assert answers(lab) == 2
    lab.ext("node1", "ban", "add", ATTACKER)  # lifted at the end, which forgets the failure just made


def test_a_ban_tells_why(lab: Lab) -> None:
    lab.attack(failures=4)
    told = lab.told("node1", "ban", "explain", ATTACKER)
    assert told["banned"]
    assert len(told["lines"]) >= 4
    assert all(f'RemoteAddress="IPV4/UDP/{ATTACKER}/' in line for line in told["lines"])


def test_the_api_tells_of_a_ban_as_it_happens_and_afterwards_which_attempts_made_it(lab: Lab) -> None:
    with urllib.request.urlopen(lab.api("bans/stream"), timeout=20) as stream:  # noqa: S310
        lab.attack(failures=4)
        kind, data = next((kind, data) for kind, data in events(stream) if kind)
    assert (kind, data["source"], data["failures"]) == ("banned", ATTACKER, 4)
    with urllib.request.urlopen(lab.api("bans"), timeout=20) as answer:  # noqa: S310
        [ban] = [row for row in json.load(answer) if row["address"] == ATTACKER]
    tried = [(attempt["service"], attempt["transport"], attempt["account"]) for attempt in ban["attempts"]]
    assert tried == [("PJSIP", "UDP", "1_200")] * 4


def test_a_monitoring_system_gets_counts_and_no_address(lab: Lab) -> None:
    lab.attack(failures=4)
    with urllib.request.urlopen(lab.api("metrics"), timeout=20) as answer:  # noqa: S310
        text = answer.read().decode()
    assert "asterisk_ext_guard_up 1\n" in text
    assert re.search(r'asterisk_ext_guard_failures_total\{service="PJSIP",transport="UDP"\} [1-9]', text)
    assert "198.18." not in text


def test_the_phones_with_right_passwords_go_on(lab: Lab) -> None:
    lab.attack(failures=4)
    assert lab.register("1_209").as_expected


def test_what_no_rule_lets_in_is_dropped(lab: Lab) -> None:
    closed = lab.run("attacker2", "nmap", "-Pn", "-n", "-p", "22,80,4573,5038,8088", "--open", "-oG", "-", "198.18.1.1")
    assert "/open/" not in closed.stdout

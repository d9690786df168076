"""Between a machine's boot and the guard's start the last confirmed rules and the bans hold."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from asterisk_ext.domain.firewall import Firewall
from asterisk_ext.domain.firewall_rule import Rule
from asterisk_ext.domain.firewall_trial import Confirmed, Pending
from asterisk_ext.domain.firewall_types import Protocol
from firewall.guard_state import Ban, GuardState
from firewall.rules.kept_rules import CONFIRMED, PENDING
from tests.contract.test_firewall_rules import ENEMIES, FRIENDS, Node
from tests.own_network import in_own_network

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "firewall/systemd/asterisk-ext-firewall.service"
BANNED = "198.19.0.20"
OFFICE = Rule(id="1", type="any_udp", ports="7000", origins=("198.19.0.0/24", "2001:db8:1::/48"))
TRIED = Rule(id="2", type="any_udp", ports="9000")


@pytest.fixture(params=["nftables", "iptables"])
def driver(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def written(place: Path, driver: str) -> Path:
    """The settings of a node that went down while rules were on trial."""
    now = time.time()
    state = GuardState(place / "guard.sqlite")
    state.put_firewall(CONFIRMED, msgspec.json.encode(Confirmed(Firewall(rules=(OFFICE,)), "ana", now - 60)))
    tried = Firewall(rules=(OFFICE, TRIED))
    state.put_firewall(PENDING, msgspec.json.encode(Pending(tried, "0" * 12, "ana", now, now + 60)))
    state.put_ban(Ban(BANNED, now - 10, now + 600, 4, "log"))
    state.close()
    config = place / "config.toml"
    config.write_text(f'[guard]\ndriver = "{driver}"\nstate = "{place}"\n[node]\nstate = "{place}"\n')
    return config


def boot(config: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "asterisk_ext.cli.main", "guard", "restore", "--config", str(config)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_the_confirmed_rules_and_the_bans_hold_and_an_unconfirmed_trial_is_over(tmp_path: Path, driver: str) -> None:
    config = written(tmp_path, driver)

    def inside() -> None:
        node = Node(driver)
        assert node.enters(ENEMIES[0], Protocol.UDP, 9000), "nothing filters before"
        done = boot(config)
        assert done.stdout == "1 rules and 1 bans are in force\nrules on trial that nobody had confirmed are gone\n"
        assert node.enters("198.19.0.21", Protocol.UDP, 7000) and node.enters(FRIENDS[1], Protocol.UDP, 7000)
        assert not node.enters(BANNED, Protocol.UDP, 7000)
        for stranger in ENEMIES:
            assert not node.enters(stranger, Protocol.UDP, 9000)
        node.close()

    in_own_network(inside)
    state = GuardState(tmp_path / "guard.sqlite")
    assert state.firewall(PENDING) is None and state.firewall(CONFIRMED) is not None
    state.close()


def test_with_a_damaged_state_the_default_rules_hold_and_it_is_said(tmp_path: Path, driver: str) -> None:
    config = written(tmp_path, driver)
    (tmp_path / "guard.sqlite").write_bytes(b"no database at all" * 100)

    def inside() -> None:
        node = Node(driver)
        done = boot(config)
        assert (done.returncode, "guard.state_unreadable" in done.stderr) == (1, True), done.stderr
        assert node.enters(ENEMIES[0], Protocol.UDP, 5060)
        assert not node.enters(ENEMIES[0], Protocol.UDP, 7000)
        node.close()

    in_own_network(inside)


def test_a_running_guard_is_not_interfered_with(tmp_path: Path) -> None:
    config = written(tmp_path, "nftables")
    running = GuardState(tmp_path / "guard.sqlite")
    done = boot(config)
    running.close()
    assert (done.returncode, "guard.already_running" in done.stderr) == (1, True)


def test_the_unit_comes_before_any_network_and_systemd_takes_it(tmp_path: Path) -> None:
    text = UNIT.read_text()
    assert re.search(r"^Before=.*\bnetwork-pre\.target\b.*\basterisk-ext-guard\.service\b", text, re.MULTILINE)
    assert re.search(r"^ExecStart=\S+/asterisk-ext guard restore$", text, re.MULTILINE)
    verify = shutil.which("systemd-analyze")
    if verify is None:
        return
    unit = tmp_path / UNIT.name
    unit.write_text(re.sub(r"^ExecStart=\S+", f"ExecStart={sys.executable}", text, flags=re.MULTILINE))
    done = subprocess.run([verify, "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False)
    assert UNIT.name not in done.stderr, done.stderr


@pytest.mark.parametrize("language", ["en", "pt-BR"])
def test_the_page_on_installing_shows_the_unit_as_it_is(language: str) -> None:
    assert UNIT.read_text() in (ROOT / f"docs/{language}/install.md").read_text()

"""Other managers of the firewall are found by their own traces."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from firewall.kernel.drivers import kernel_of
from firewall.kernel.port import Kernel
from firewall.kernel.ruleset import TABLE, Ruleset
from firewall.rules.foreign_rules import DOCKER, FIREWALLD, UFW, Chain, in_force, rulers
from firewall.rules.other_managers import NFTABLES, PERSISTENT, found
from tests.own_network import in_own_network


def put(path: Path, text: str = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_a_machine_of_our_own_has_none(tmp_path: Path) -> None:
    put(tmp_path / "etc/ufw/ufw.conf", "# ENABLED=yes\nENABLED=no\n")
    assert found(tmp_path, ()) == []


def test_each_is_named(tmp_path: Path) -> None:
    put(tmp_path / "etc/ufw/ufw.conf", "LOGLEVEL=low\nENABLED=yes\n")
    (tmp_path / "run/firewalld").mkdir(parents=True)
    put(tmp_path / "run/docker.sock")
    wants = tmp_path / "etc/systemd/system/sysinit.target.wants"
    wants.mkdir(parents=True)
    (wants / "nftables.service").symlink_to("/lib/systemd/system/nftables.service")
    assert found(tmp_path, ()) == [UFW, FIREWALLD, DOCKER, NFTABLES]


def test_who_will_act_at_the_next_boot_is_named_by_his_enabled_unit(tmp_path: Path) -> None:
    for target, unit in (
        ("multi-user.target", "docker.service"),
        ("multi-user.target", "netfilter-persistent.service"),
        ("basic.target", "firewalld.service"),
    ):
        wants = tmp_path / f"etc/systemd/system/{target}.wants"
        wants.mkdir(parents=True, exist_ok=True)
        (wants / unit).symlink_to(f"/lib/systemd/system/{unit}")
    assert found(tmp_path, ()) == [FIREWALLD, DOCKER, PERSISTENT]


def test_whoever_has_rules_in_force_is_named_once(tmp_path: Path) -> None:
    put(tmp_path / "run/docker.sock")
    assert found(tmp_path, [DOCKER, "table inet filter"]) == [DOCKER, "table inet filter"]


@pytest.mark.parametrize(
    ("chain", "whose"),
    [
        (Chain("ip", "filter", "ufw-before-input", False), [UFW]),
        (Chain("ip", "nat", "DOCKER", False), [DOCKER]),
        (Chain("ip", "docker-bridges", "filter-FORWARD", False), [DOCKER]),
        (Chain("inet", "firewalld", "filter_INPUT", True), [FIREWALLD]),
        (Chain("inet", "filter", "input", True), ["table inet filter"]),
        (Chain("inet", "counting", "postrouting", False), []),
        (Chain("inet", TABLE, "prerouting", True), []),
    ],
)
def test_chains_tell_whose_they_are(chain: Chain, whose: list[str]) -> None:
    assert rulers([chain]) == whose


def test_legacy_chains_tell_it_too() -> None:
    assert rulers([], b"...ufw-user-input...DOCKER-USER...") == [UFW, DOCKER]


@pytest.mark.parametrize("driver", ["nftables", "iptables"])
def test_the_kernels_own_rules_are_read_and_ours_are_not_a_strangers(driver: str) -> None:
    def inside() -> None:
        kernel: Kernel = kernel_of(driver)
        kernel.apply(Ruleset())
        assert in_force() == []
        theirs = "table inet mine { chain in { type filter hook input priority 0; policy accept; }; }\n"
        theirs += "table ip filter { chain ufw-user-input { }; }"
        subprocess.run(["nft", "-f", "-"], input=theirs, text=True, check=True)
        subprocess.run(["iptables-legacy", "-N", "DOCKER-USER"], check=True)
        assert sorted(in_force()) == [DOCKER, "table inet mine", UFW]
        kernel.close()

    in_own_network(inside)

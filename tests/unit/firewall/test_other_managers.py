"""Other managers of the firewall are found by their own traces."""

from __future__ import annotations

from pathlib import Path

from firewall.other_managers import DOCKER, FIREWALLD, NFTABLES, UFW, found


def put(path: Path, text: str = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_a_machine_of_our_own_has_none(tmp_path: Path) -> None:
    put(tmp_path / "etc/ufw/ufw.conf", "# ENABLED=yes\nENABLED=no\n")
    assert found(tmp_path) == []


def test_each_is_named(tmp_path: Path) -> None:
    put(tmp_path / "etc/ufw/ufw.conf", "LOGLEVEL=low\nENABLED=yes\n")
    (tmp_path / "run/firewalld").mkdir(parents=True)
    put(tmp_path / "run/docker.sock")
    wants = tmp_path / "etc/systemd/system/sysinit.target.wants"
    wants.mkdir(parents=True)
    (wants / "nftables.service").symlink_to("/lib/systemd/system/nftables.service")
    assert found(tmp_path) == [UFW, FIREWALLD, DOCKER, NFTABLES]

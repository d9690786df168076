"""AMI, where a hoster lets it listen everywhere: strangers do not reach it, and what its log omits is no guess."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from tests.integration.fleet import Lab
from tests.integration.guard_ground import LOG, NODES, Ground, until

pytestmark = [pytest.mark.lab, pytest.mark.parametrize(("node", "account"), NODES)]

AMI_PORT = 5038
CONFIG = "etc/asterisk/manager.conf"
EVERYWHERE = f"""[general]
enabled = yes
bindaddr = 0.0.0.0
port = {AMI_PORT}
[admin]
secret = right
"""
SECONDS = 2.0


@pytest.fixture(autouse=True)
def ami(ground: Ground, lab: Lab, node: str) -> Iterator[None]:
    path = ground.file(node, CONFIG)
    kept = path.read_text()
    path.write_text(EVERYWHERE)
    lab.asterisk(node, "manager reload")
    yield
    path.write_text(kept)
    lab.asterisk(node, "manager reload")


def login(ground: Ground, node: str, user: bytes, machine: str) -> bytes:
    """What AMI answers to a login with a wrong secret."""
    with ground.inside(machine, socket.socket) as opened:
        opened.settimeout(SECONDS)
        opened.connect((ground.ip(node), AMI_PORT))
        opened.sendall(b"Action: Login\r\nUsername: " + user + b"\r\nSecret: wrong\r\n\r\n")
        told = b""
        while b"\r\n\r\n" not in told:
            told += opened.recv(1000)
        return told


def test_a_stranger_does_not_reach_it_and_a_name_that_is_no_utf8_is_refused_without_a_line(
    ground: Ground, node: str, account: str
) -> None:
    with pytest.raises(TimeoutError):
        login(ground, node, b"admin", "attacker1")
    log = ground.file(node, LOG)
    before = log.stat().st_size

    def told() -> str:
        with log.open("rb") as opened:
            opened.seek(before)
            return "\n".join(line for line in opened.read().decode(errors="replace").splitlines() if "AMI" in line)

    # Nobody can have such a name: what is refused so is never a guess at somebody's secret.
    assert b"Authentication failed" in login(ground, node, b"admin\xff", node)
    assert b"Authentication failed" in login(ground, node, b"admin", node)
    until(lambda: 'AccountID="admin"' in told(), "the guess is logged")
    assert told().count("SecurityEvent") == 1

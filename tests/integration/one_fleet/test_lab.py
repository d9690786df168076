from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from asterisk_ext.lab.plan import STATE
from tests.integration.fleet import Lab, lab_command
from tests.integration.guard_ground import Ground
from tests.integration.machine import free_ports
from tests.integration.sip_phone import Phone

pytestmark = pytest.mark.lab


def test_every_node_runs_an_asterisk_that_is_fully_booted(lab: Lab) -> None:
    assert [node["name"] for node in lab.status()["nodes"]] == ["node1", "node2"]
    assert "fully booted" in lab.asterisk("node1", "core waitfullybooted")
    assert "fully booted" in lab.asterisk("node2", "core waitfullybooted")


def test_the_status_tells_the_machines_own_process_ids(lab: Lab) -> None:
    for node in lab.status()["nodes"]:
        pid = node["services"]["asterisk"]["pid"]
        assert Path(f"/proc/{pid}/comm").read_text() == "asterisk\n"


def test_asterisk_runs_as_its_own_user_and_without_capabilities(lab: Lab) -> None:
    pid = lab.status()["nodes"][0]["services"]["asterisk"]["pid"]
    facts = dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    assert facts["Uid"].split()[1] != "0"
    assert int(facts["CapEff"], 16) == 0


def test_a_command_runs_on_the_machine_it_is_meant_for(lab: Lab) -> None:
    addresses = {
        name: lab.run(name, "ip", "-oneline", "-4", "address", "show", "eth0").stdout.split()[3]
        for name in ("node1", "phones1", "carrier", "attacker1", "operator")
    }
    assert addresses == {
        "node1": "198.18.1.1/15",
        "phones1": "198.18.10.1/15",
        "carrier": "198.18.20.1/15",
        "attacker1": "198.18.66.1/15",
        "operator": "198.18.0.10/15",
    }


def test_a_commands_exit_status_is_passed_on(lab: Lab) -> None:
    assert lab_command("exec", "--name", lab.name, "node1", "--", "sh", "-c", "exit 7").returncode == 7


def test_asterisks_command_line_works_in_a_node(lab: Lab) -> None:
    done = lab_command("exec", "--name", lab.name, "node1", "--", "asterisk", "-rx", "core show channels")
    assert "active channel" in done.stdout


def test_an_unknown_machine_is_refused_by_name(lab: Lab) -> None:
    done = lab_command("exec", "--name", lab.name, "node7", "--", "true")
    assert done.returncode != 0
    assert done.stderr.startswith("lab.no_machine (machine): The lab")
    assert "node7" in done.stderr


def test_machines_reach_each_other_by_both_protocols(lab: Lab) -> None:
    for address in ("198.18.1.2", "2001:2:0:102::1"):
        assert lab.run("node1", "ping", "-c", "1", "-W", "2", address).returncode == 0


def test_what_a_node_writes_stays_in_the_node(lab: Lab) -> None:
    assert lab.run("node1", "touch", "/etc/asterisk-ext/only-here", "/usr/local/only-here").returncode == 0
    assert not Path("/usr/local/only-here").exists()
    assert lab.run("node2", "ls", "/etc/asterisk-ext/only-here").returncode != 0


def test_secrets_are_readable_by_their_service_alone(lab: Lab) -> None:
    secrets = ("/etc/asterisk/ari.conf", "/var/lib/asterisk-ext/identity/node.pem", "/etc/asterisk-ext/ari.secret")
    modes = lab.run("node2", "stat", "-c", "%a %U %G", *secrets)
    assert modes.stdout.splitlines() == ["600 asterisk asterisk", "600 asterisk asterisk", "640 root asterisk"]
    assert (STATE / lab.name).stat().st_mode & 0o077 == 0


def test_a_call_between_the_hotels_phones_carries_audio(lab: Lab) -> None:
    heard = lab.call("9_700", "701")
    assert heard.final == 200
    assert len(heard.samples()) > 2 * 8000 * 2


def test_a_call_to_a_number_that_does_not_exist_is_refused_without_audio(lab: Lab) -> None:
    heard = lab.call("9_700", "799")
    assert (heard.final, heard.samples()) == (404, b"")


def test_the_hotels_queue_conference_and_outside_line_answer(lab: Lab) -> None:
    assert [lab.call("9_700", number, seconds=1).final for number in ("750", "760", "04832210000")] == [200, 200, 200]


async def test_the_hotels_night_porter_hands_a_guest_on_by_transfer(lab: Lab, ground: Ground) -> None:
    spare = ground.plan.account("9_709")
    guest = Phone((ground.ip("node1"), 5060), ground.address("phones1"), 5060, spare.name, spare.password)
    await guest.open(lambda ip, port: ground.bound(ip, port, "phones1"))
    try:
        assert await guest.hand_on("770", "701") == 202
        rows = await asyncio.to_thread(lab.calls_until, lambda rows: talking(rows) == {"9_702", "9_701"})
        assert len(rows) == 1
    finally:
        guest.close()
    [linkedid] = rows
    lab.ext("node1", "call", "hangup", "--yes", linkedid)


def talking(rows: dict[str, dict[str, Any]]) -> set[str]:
    """The endpoints of all answered legs."""
    legs = [leg for row in rows.values() for leg in (row["origin"], *row["destinations"])]
    return {leg["channel"].removeprefix("PJSIP/").rpartition("-")[0] for leg in legs if leg["state"] == "Up"}


def test_a_phone_registers_with_its_own_password_and_no_other(lab: Lab) -> None:
    assert lab.register("9_709").as_expected
    assert 200 not in lab.attack(node="node2", failures=1, attacker="attacker4").statuses


def test_the_console_of_every_node_is_reached_from_the_machine_as_the_operator(lab: Lab) -> None:
    for node in lab.status()["nodes"]:
        console = urlsplit(node["console"])
        with socket.create_connection((console.hostname, console.port), 10) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: console\r\n\r\n")
            assert connection.recv(9) == b"HTTP/1.1 "
            peers = lab.run(node["name"], "ss", "-Htn", "state", "established", "sport", "=", ":8480").stdout
            assert "198.18.0.10:" in peers


def test_the_phones_are_registered_when_the_lab_is_ready(lab: Lab) -> None:
    contacts = lab.asterisk("node1", "pjsip show contacts")
    assert all(f" {account}/sip:" in contacts for account in ("1_200", "2_201", "9_700"))


def test_a_second_lab_of_the_same_name_is_refused(lab: Lab) -> None:
    done = lab_command("up", "--detach", "--name", lab.name, "--port", str(free_ports(1)))
    assert done.returncode != 0
    assert done.stderr.startswith("lab.name_taken (name):")
    assert lab.status()["ready"]

"""Virtual PBXs changed by the command line, on the running fleet."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.fleet import Lab
from tests.integration.guard_ground import until

TRUNK = ("put", "3", "trunks", "trunk16")
PASSWORD = "pa55-w0rd-of-the-lab"


@pytest.fixture
def routes_of_its_own(lab: Lab) -> Iterator[None]:
    lab.ext("node1", "pbx", "put", "1", "routes", "48XXXXXXXX", "trunks=trunk14", "strip=2", "prepend=0021")
    yield
    lab.ext("node1", "pbx", "drop", "1", "routes", "48XXXXXXXX")


def test_a_trunk_that_is_told_to_register_does_so_on_the_server_that_serves_it(lab: Lab) -> None:
    def registers(node: str) -> bool:
        return "3_trunk16" in lab.asterisk(node, "pjsip show registrations")

    credentials = ("username=u16", "register=yes", "--secret-from", "-")
    lab.ext("node1", "pbx", *TRUNK, *credentials, given=PASSWORD)
    try:
        until(lambda: registers("node2"), "a registration moves", every=0.25)
        assert not registers("node1")
        assert PASSWORD not in lab.run("node2", "cat", "/etc/asterisk/asterisk-ext.registrations.conf").stdout
        for file in ("/var/log/asterisk/messages", "/var/log/asterisk-ext/node.log"):
            assert PASSWORD not in lab.run("node2", "sh", "-c", f"cat {file} 2>/dev/null").stdout
        lab.ext("node1", "server", "maintenance", "enter", "node2", "node1")
        until(lambda: registers("node1"), "a registration moves", every=0.25)
        assert not registers("node2")
        lab.ext("node1", "server", "maintenance", "leave", "node2")
        until(lambda: registers("node2"), "a registration moves", every=0.25)
    finally:
        lab.ext("node1", "pbx", *TRUNK, "register=no")
    until(lambda: not registers("node2"), "a registration moves", every=0.25)


def test_a_call_takes_the_route_of_its_number_and_one_without_a_route_does_not_leave(
    lab: Lab, routes_of_its_own: None
) -> None:
    assert lab.call("1_200", "04833334444").final == 200
    assert lab.call("1_200", "01133334444").final != 200
    assert lab.call("1_200", "190").final == 200


def test_an_export_is_a_file_that_changes_nothing_when_it_is_imported(lab: Lab, tmp_path: Path) -> None:
    file = lab.ext("node1", "pbx", "export", "--json")
    assert "digest" not in file
    said = json.loads(lab.ext("node2", "pbx", "import", "--dry-run", "-", given=file))
    assert (said["changed"], said["unchanged"]) == ([], 4)


def test_a_file_of_blocks_is_in_force_at_the_next_call_and_lifted_by_another(lab: Lab) -> None:
    lab.ext("node1", "pbx", "block", "--file", "-", "--reason", "fatura", given="1,total\n3\n")
    try:
        assert lab.call("1_200", "201").final != 200
        assert lab.call("1_200", "190").final == 200
    finally:
        said = json.loads(lab.ext("node1", "pbx", "unblock", "--file", "-", given="1\n3\n"))
    assert said["changed"] == [1, 3]
    assert lab.call("1_200", "201").final == 200


def test_asterisks_include_files_are_written_where_they_differ_and_calls_go_on(lab: Lab) -> None:
    assert lab.ext("node1", "node", "asterisk-files", "--dry-run") == ""
    file = "/etc/asterisk/asterisk-ext.extensions.conf"
    lab.run("node1", "sh", "-c", f"echo '; by hand' >> {file}")
    assert lab.ext("node1", "node", "asterisk-files") == "asterisk-ext.extensions.conf written\n"
    assert "by hand" not in lab.run("node1", "cat", file).stdout
    assert lab.call("1_200", "201").final == 200

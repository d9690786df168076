"""The command line of virtual PBXs: what it asks of the node, and what it prints."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from asterisk_ext.cli import pbx as whole
from asterisk_ext.cli import pbx_blocks, pbx_parts
from asterisk_ext.domain.errors import Refusal
from asterisk_ext.ports import UNREACHABLE

TENANT = {
    "pbx": {
        "id": 1,
        "name": "P",
        "domain": "p.example.net",
        "home": "node1",
        "since": "2026",
        "extensions": [{"number": "200", "name": "Copa", "contacts": 1}],
        "trunks": [{"name": "trunk14", "host": "198.18.20.1", "has_secret": True}],
        "routes": [],
    },
    "revision": 7,
}


class Node:
    """Answers as the node service does, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, Any]] = []
        self.answers: dict[str, Any] = {}

    def __call__(self, settings: Path, method: str, path: str, body: Any = None, data: bytes | None = None) -> Any:
        sent = json.loads(data) if data is not None and data[:1] == b"{" else body
        self.asked.append((method, path, sent))
        answer = self.answers.get(path.partition("?")[0])
        return answer(sent, path) if callable(answer) else answer


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch) -> Node:
    made = Node()
    for module in (whole, pbx_blocks, pbx_parts):
        monkeypatch.setattr(module, "ask", made)
    return made


def run(*words: str, given: str = "") -> Any:
    return CliRunner().invoke(whole.pbx, list(words), input=given)


def test_a_large_file_goes_in_portions_after_all_of_it_was_checked(node: Node, tmp_path: Path) -> None:
    file = tmp_path / "tenants.json"
    file.write_text(json.dumps({"tenants": [{"id": number} for number in range(1, 121)]}))

    def answer(sent: Any, path: str) -> Any:
        ids = [entry["id"] for entry in sent["tenants"]]
        if path.endswith("dry_run=true"):
            return {"changed": ids[:110], "unchanged": 10, "failed": {}, "passwords": {}}
        if 60 in ids:
            raise UNREACHABLE.refuse()
        return {"changed": ids, "failed": {}, "passwords": {f"{ids[0]}_200": "made up"}}

    node.answers["pbx/import"] = answer
    done = run("import", str(file))
    said = json.loads(done.stdout)
    assert [len(sent["tenants"]) for _, _, sent in node.asked] == [120, 50, 50, 10]
    assert (len(said["changed"]), said["unchanged"], len(said["failed"])) == (60, 10, 50)
    assert said["passwords"] == {"1_200": "made up", "101_200": "made up"}
    assert done.exit_code == 1


def test_a_dry_run_of_an_import_asks_once(node: Node, tmp_path: Path) -> None:
    file = tmp_path / "tenants.json"
    file.write_text('{"tenants": [{"id": 1}]}')
    node.answers["pbx/import"] = {"changed": [1], "unchanged": 0, "failed": {}, "passwords": {}}
    assert run("import", "--dry-run", str(file)).exit_code == 0
    assert [path for _, path, _ in node.asked] == ["pbx/import?dry_run=true"]


def test_an_export_goes_into_a_file_that_only_its_owner_reads(node: Node, tmp_path: Path) -> None:
    node.answers["pbx/export"] = {"tenants": [{"id": 1}]}
    file = tmp_path / "out.yaml"
    file.write_text("older")
    file.chmod(0o644)
    assert run("export", "--secrets", "--output", str(file)).exit_code == 0
    assert node.asked == [("GET", "pbx/export?secrets=true", None)]
    assert file.read_text() == "tenants:\n- id: 1\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert json.loads(run("export", "--json").stdout) == {"tenants": [{"id": 1}]}


def test_blocks_come_from_a_file_or_for_one(node: Node) -> None:
    node.answers["pbx/blocks"] = {"changed": [], "unchanged": [], "failed": {}}
    run("block", "--file", "-", "--level", "total", "--reason", "fatura", "--dry-run", given="1\n2,partial,outra\n")
    run("unblock", "7")
    assert [sent for _, _, sent in node.asked] == [
        {
            "blocks": [
                {"pbx": 1, "status": "total_block", "reason": "fatura"},
                {"pbx": 2, "status": "partial_block", "reason": "outra"},
            ],
            "dry_run": True,
        },
        {"blocks": [{"pbx": 7, "status": "active", "reason": ""}], "dry_run": False},
    ]
    assert run("block").exit_code == 2
    assert run("block", "1", "--file", "-").exit_code == 2


def test_a_part_is_changed_by_the_fields_that_are_named(node: Node) -> None:
    node.answers["pbx/1"] = TENANT
    run("put", "1", "extensions", "200", "contacts=2", "codecs=alaw,opus", "webrtc=yes")
    run("put", "1", "trunks", "trunk15", "host=sip.example.net", "username=u", "--secret-from", "-", given="pa55\n")
    run("put", "1", "routes", "[2-5]X.", "trunks=trunk14")
    assert [(path, sent) for method, path, sent in node.asked if method == "PUT"] == [
        (
            "pbx/1/extensions/200?revision=7",
            {"number": "200", "name": "Copa", "contacts": 2, "codecs": ["alaw", "opus"], "webrtc": True},
        ),
        (
            "pbx/1/trunks/trunk15?revision=7",
            {"name": "trunk15", "host": "sip.example.net", "username": "u", "secret": "pa55"},
        ),
        ("pbx/1/routes/%5B2-5%5DX.?revision=7", {"pattern": "[2-5]X.", "trunks": ["trunk14"]}),
    ]


def test_the_records_own_fields_are_changed_and_its_parts_go_back_as_they_were(node: Node) -> None:
    node.answers["pbx/1"] = TENANT
    run("put", "1", "max_calls=8", "outside_prefixes=0,9")
    (_, path, sent) = node.asked[-1]
    assert path == "pbx/1?revision=7"
    assert (sent["max_calls"], sent["outside_prefixes"]) == (8, ["0", "9"])
    assert sent["trunks"] == [{"name": "trunk14", "host": "198.18.20.1"}]
    assert "since" not in sent


@pytest.mark.parametrize(
    "words", ["max_calls", "max_calls=x", "colour=red", "secret=x", "trunks trunk14 secret=x", "trunks"]
)
def test_a_word_that_is_no_field_changes_nothing_and_a_password_is_no_argument(node: Node, words: str) -> None:
    node.answers["pbx/1"] = TENANT
    assert run("put", "1", *words.split()).exit_code == 2
    assert all(method == "GET" for method, _, _ in node.asked)


def test_a_part_and_a_whole_are_removed(node: Node) -> None:
    run("drop", "1", "routes", "00.")
    run("remove", "1", "--revision", "5")
    assert node.asked == [("DELETE", "pbx/1/routes/00.", None), ("DELETE", "pbx/1?revision=5", None)]


def test_a_proposal_asks_nobody(node: Node, tmp_path: Path) -> None:
    file = tmp_path / "pjsip.conf"
    file.write_text("[1_200]\ntype = endpoint\n")
    done = run("propose", str(file), "--home", "node1", "--domain", "example.net")
    assert "pbx1.example.net" in done.stdout
    assert "no trunk" in done.stderr
    assert node.asked == []


def test_a_refusal_reaches_who_called(node: Node) -> None:
    def refuse(sent: Any, path: str) -> Any:
        raise UNREACHABLE.refuse()

    node.answers["pbx/blocks"] = refuse
    assert isinstance(run("unblock", "7").exception, Refusal)

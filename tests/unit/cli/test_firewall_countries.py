"""``asterisk-ext firewall countries``, with the node service's answers given."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from asterisk_ext.cli import firewall_countries
from asterisk_ext.cli.main import cli
from asterisk_ext.domain.errors import Refusal
from tests.unit.firewall.countries.registry_files import written

IDLE = {
    "phase": "idle",
    "by": "root",
    "began": 1.0,
    "ended": 2.0,
    "file": "",
    "done": 0,
    "total": 0,
    "number": 5,
    "files": 5,
    "since": "2026-11-01",
    "error_id": "",
    "what": "",
    "remedy": "",
}
BRAZIL = {
    "code": "BR",
    "names": {"en": "Brazil", "pt-BR": "Brasil"},
    "in_use": True,
    "prefixes4": 4889,
    "prefixes6": 8896,
    "addresses4": 87_000_000,
}


class Service:
    """What was asked of the node service; answers by method and path, each used up but the last."""

    def __init__(self, **answers: list[Any]) -> None:
        self.asked: list[tuple[str, str, object, bytes | None]] = []
        self.answers = answers

    def ask(self, settings: Path, method: str, path: str, body: object = None, data: bytes | None = None) -> Any:
        self.asked.append((method, path, body, data))
        listed = self.answers.get(f"{method} {path.removeprefix('firewall/countries')}", [None])
        return listed.pop(0) if len(listed) > 1 else listed[0]


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Service:
    made = Service()
    monkeypatch.setattr(firewall_countries, "ask", made.ask)
    monkeypatch.setattr(firewall_countries, "POLL_SECONDS", 0)
    return made


def run(*arguments: str) -> str:
    result = CliRunner().invoke(cli, ["firewall", "countries", *arguments], catch_exceptions=True)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.output


def test_the_list_shows_names_counts_and_what_is_in_use(service: Service) -> None:
    service.answers["GET "] = [{"since": "2026-02-01", "source": "s", "licence": "l", "countries": [BRAZIL]}]
    shown = run("list")
    assert "BR    Brazil   4889           8896" in shown
    assert "data of 2026-02-01" in shown


def test_one_country_is_shown_one_prefix_a_line(service: Service) -> None:
    service.answers["GET /BR"] = [{"country": BRAZIL, "ipv4": ["200.160.0.0/16"], "ipv6": ["2804::/16"]}]
    assert run("show", "br") == "200.160.0.0/16\n2804::/16\n"


def test_an_update_is_waited_for_and_says_the_new_day(service: Service) -> None:
    going_on = {**IDLE, "phase": "fetching", "ended": 0.0, "file": "lacnic"}
    service.answers.update({"POST /update": [going_on], "GET /update": [going_on, IDLE]})
    assert run("update") == "country lists of 2026-11-01 are in use\n"
    assert ("POST", "firewall/countries/update", {"from_files": False}, None) in service.asked


def test_an_update_that_was_refused_ends_with_its_error_id(service: Service) -> None:
    refused = {**IDLE, "since": "", "error_id": "country.shrunken", "what": "It lacks much.", "remedy": "Look."}
    service.answers["POST /update"] = [refused]
    with pytest.raises(Refusal) as refusal:
        run("update")
    assert refusal.value.error_id == "country.shrunken"


def test_files_are_handed_over_each_under_its_registrys_name(service: Service, tmp_path: Path) -> None:
    service.answers["POST /update"] = [IDLE]
    files = written(tmp_path)
    Path(files[0]).write_bytes(gzip.compress(Path(files[0]).read_bytes()))
    run("update", *(word for file in files for word in ("--file", file)))
    handed = {path.rpartition("/")[2]: data for method, path, _, data in service.asked if method == "PUT"}
    assert sorted(handed) == ["afrinic", "apnic", "arin", "lacnic", "ripencc"]
    assert b"2|afrinic|" in gzip.decompress(handed["afrinic"] or b"")
    assert service.asked[-1][2] == {"from_files": True}

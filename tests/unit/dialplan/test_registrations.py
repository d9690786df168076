"""The include file with the trunks that register: what is in it, and that Asterisk keeps the old one if it must."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from asterisk_ext.domain.errors import Refusal
from asterisk_ext.domain.pbx import Pbx
from dialplan.registrations import INCLUDE, RELOAD, Registrations, registrations, render
from tests.unit.dialplan.tenants import clinic, shop


def registering(pbx: Pbx, **fields: object) -> Pbx:
    trunk = replace(pbx.trunks[0], username="user14", secret="pa55", register=True)
    return replace(pbx, trunks=(replace(trunk, **fields), *pbx.trunks[1:]))  # type: ignore[arg-type]


class Asterisk:
    """Answers as Asterisk's console does; ``blind_to`` are trunks that it does not take."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.blind_to: set[str] = set()
        self.reloads = 0

    def __call__(self, words: str) -> str:
        if words == RELOAD:
            self.reloads += 1
            return ""
        text = self._path.read_text() if self._path.exists() else ""
        names = re.findall(r"^\[(\w+)\]$", text, re.MULTILINE)
        return "".join(
            f" {name}/sip:198.18.20.1:5060   {name}  Registered (exp. 285s)\n"
            for name in names
            if name not in self.blind_to
        )


@pytest.fixture
def asterisk(tmp_path: Path) -> Asterisk:
    return Asterisk(tmp_path / INCLUDE)


@pytest.fixture
def registrar(tmp_path: Path, asterisk: Callable[[str], str]) -> Registrations:
    return Registrations(tmp_path / INCLUDE, asterisk)


def test_the_file_tells_where_and_as_whom_and_holds_no_password() -> None:
    text = render(registrations([registering(clinic(), transport="tcp"), shop()]))
    assert "[1_trunk14]\ntype = registration\nendpoint = 1_trunk14\nline = yes\noutbound_auth = 1_trunk14\n" in text
    assert "server_uri = sip:198.18.20.1:5060\\;transport=tcp\nclient_uri = sip:user14@198.18.20.1\n" in text
    assert "contact_user = 4831210114\n" in text
    assert "pa55" not in text
    assert "2_trunk16" not in text


def test_applying_twice_touches_asterisk_once(registrar: Registrations, asterisk: Asterisk, tmp_path: Path) -> None:
    assert registrar.apply([registering(clinic())])
    assert not registrar.apply([registering(clinic())])
    assert asterisk.reloads == 1
    assert registrar.present() == {"1_trunk14"}
    assert (tmp_path / INCLUDE).stat().st_mode & 0o777 == 0o600


def test_without_such_trunks_there_is_not_even_a_file(registrar: Registrations, tmp_path: Path) -> None:
    assert not registrar.apply([clinic(), shop()])
    assert not (tmp_path / INCLUDE).exists()


def test_a_file_that_asterisk_does_not_take_whole_is_rolled_back(registrar: Registrations, asterisk: Asterisk) -> None:
    registrar.apply([registering(clinic())])
    asterisk.blind_to = {"2_trunk16"}
    with pytest.raises(Refusal) as refusal:
        registrar.apply([registering(clinic()), registering(shop())])
    assert refusal.value.error_id == "registrations.rolled_back"
    assert refusal.value.params["first"] == "2_trunk16"
    assert registrar.present() == {"1_trunk14"}


@pytest.mark.parametrize("name", ["u\n[evil]", "u;x", "u@x", "${SHELL(id)}", "", "u" * 4096])
def test_a_value_that_could_end_its_line_is_never_written(registrar: Registrations, name: str) -> None:
    with pytest.raises(Refusal) as refusal:
        registrar.apply([registering(clinic(), username=name)])
    assert refusal.value.error_id == "registrations.unsafe"
    assert registrar.present() == set()

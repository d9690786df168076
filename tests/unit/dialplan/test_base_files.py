"""The include files in Asterisk's directory: written once, taken up, and put back where Asterisk lacks something."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from asterisk_ext.domain.errors import Refusal
from dialplan.base_config import includes, render
from dialplan.base_files import BaseFiles
from tests.unit.dialplan.test_base_config import CONFIG

FILES = render(CONFIG)


class Asterisk:
    """Shows the contexts of the include file, as after a reload; ``lacks`` one; ``silent`` answers nothing."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.lacks = ""
        self.silent = False
        self.told: list[str] = []

    def __call__(self, words: str) -> str:
        if self.silent:
            raise OSError("no Asterisk here")
        self.told.append(words)
        path = self._directory / "asterisk-ext.extensions.conf"
        names = re.findall(r"^\[([a-z-]+)\]$", path.read_text(), re.MULTILINE) if path.exists() else []
        return "".join(f"[ Context '{name}' created by 'pbx_config' ]\n" for name in names if name != self.lacks)


@pytest.fixture
def asterisk(tmp_path: Path) -> Asterisk:
    for main, ours in includes().items():
        (tmp_path / main).write_text(f'#include "{ours}"\n')
    return Asterisk(tmp_path)


@pytest.fixture
def base(tmp_path: Path, asterisk: Asterisk) -> BaseFiles:
    return BaseFiles(tmp_path, asterisk)


def test_every_file_is_written_for_asterisks_user_alone_and_only_once(
    base: BaseFiles, asterisk: Asterisk, tmp_path: Path
) -> None:
    assert sorted(base.compare(FILES).changed) == sorted(FILES)
    found = base.apply(FILES)
    assert sorted(found.changed) == sorted(FILES)
    assert "asterisk-ext.sorcery.conf" in found.restart
    assert "dialplan reload" in asterisk.told
    assert {(tmp_path / name).stat().st_mode & 0o777 for name in FILES} == {0o600}
    asterisk.told.clear()
    assert base.apply(FILES).changed == []
    assert asterisk.told == []


def test_files_that_asterisk_does_not_take_whole_are_put_back(
    base: BaseFiles, asterisk: Asterisk, tmp_path: Path
) -> None:
    base.apply(FILES)
    asterisk.lacks = "asterisk-ext-gate"
    changed = {**FILES, "asterisk-ext.extensions.conf": FILES["asterisk-ext.extensions.conf"] + "; more\n"}
    with pytest.raises(Refusal) as refusal:
        base.apply(changed)
    assert (refusal.value.error_id, refusal.value.params["missing"]) == ("dialplan.rolled_back", "asterisk-ext-gate")
    assert (tmp_path / "asterisk-ext.extensions.conf").read_text() == FILES["asterisk-ext.extensions.conf"]


def test_first_files_that_fail_leave_none(base: BaseFiles, asterisk: Asterisk, tmp_path: Path) -> None:
    asterisk.lacks = "asterisk-ext-gate"
    with pytest.raises(Refusal):
        base.apply(FILES)
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("asterisk-ext")]


def test_an_asterisk_that_is_down_takes_them_up_when_it_starts(base: BaseFiles, asterisk: Asterisk) -> None:
    asterisk.silent = True
    assert sorted(base.apply(FILES).changed) == sorted(FILES)


def test_a_file_of_asterisks_that_does_not_include_ours_is_named(base: BaseFiles, tmp_path: Path) -> None:
    (tmp_path / "pjsip.conf").write_text("; nothing\n")
    assert base.compare(FILES).not_included == ["pjsip.conf"]


def test_a_disk_that_is_full_half_way_leaves_the_former_files(
    base: BaseFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base.apply(FILES)
    written = BaseFiles._write

    def full(self: BaseFiles, name: str, text: str) -> None:
        if text.endswith("; more\n") and "pjsip" in name:
            raise OSError("no space left on device")
        written(self, name, text)

    monkeypatch.setattr(BaseFiles, "_write", full)
    with pytest.raises(OSError, match="no space"):
        base.apply({name: text + "; more\n" for name, text in FILES.items()})
    assert {name: (tmp_path / name).read_text() for name in FILES} == FILES

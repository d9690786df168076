"""The settings file."""

from __future__ import annotations

from pathlib import Path

import pytest

from asterisk_ext import config
from asterisk_ext.domain.errors import Refusal


def test_what_is_left_out_has_its_default(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text('[node]\nname = "fln-core-01"\n')
    loaded = config.load(path)
    assert (loaded.node.name, loaded.guard.failures, loaded.admin_http.port) == ("fln-core-01", 4, 8480)


@pytest.mark.parametrize(
    "text",
    [
        "[node]\nnmae = 'typo'\n",
        "[guard]\nfailures = 0\n",
        "[admin_http]\nport = 70000\n",
        "[admin_http]\nzone = 'Atlantis/Capital'\n",
        "[admin_http]\nzone = '../../etc/passwd'\n",
        "not toml",
        "[guard]\nfailures = 'x'",
        "[dns]\nserver = 'ns.example.net'\nzone = 'sip.example.net'\n",
        "[dns]\nserver = '198.18.1.53'\n",
    ],
)
def test_a_file_with_a_fault_is_refused_with_its_place(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config.toml"
    path.write_text(text)
    with pytest.raises(Refusal) as refusal:
        config.load(path)
    assert refusal.value.error_id == "config.unreadable"
    assert str(path) in refusal.value.what


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refusal) as refusal:
        config.load(tmp_path / "absent.toml")
    assert refusal.value.error_id == "config.unreadable"

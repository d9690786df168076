from __future__ import annotations

from pathlib import Path

import pytest

from asterisk_ext.lab import asterisk_etc, node_settings
from asterisk_ext.lab import plan as plans
from asterisk_ext.lab.asterisk_install import Install
from dialplan import base_config


@pytest.fixture
def texts(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "usr/lib/any/asterisk/modules").mkdir(parents=True)
    install = Install(tmp_path, "Asterisk 22.0.0", 101, 102)
    plan = plans.make(name="lab", nodes=2, calls=0, port=8480, detach=False)
    node = plan.topology.nodes[0]
    return asterisk_etc.render(node, plan, install, node_settings.settings(node, plan.topology, install))


def test_every_file_of_the_products_is_included_by_asterisks_own(texts: dict[str, str]) -> None:
    for name, theirs in base_config.includes().items():
        assert f'#include "{theirs}"' in texts[name]
        assert theirs in texts


def test_the_products_log_channel_stands_among_the_log_files(texts: dict[str, str]) -> None:
    assert texts["logger.conf"].index("[logfiles]") < texts["logger.conf"].index("#include")


def test_asterisk_is_told_where_its_modules_lie_as_it_sees_them(texts: dict[str, str]) -> None:
    assert "astmoddir = /usr/lib/any/asterisk/modules\n" in texts["asterisk.conf"]


def test_signalling_is_served_at_the_nodes_own_addresses_alone(texts: dict[str, str]) -> None:
    binds = [line for line in texts["pjsip.conf"].splitlines() if line.startswith("bind")]
    assert sorted(set(binds)) == [
        *("bind = 198.18.1.1:5060", "bind = 198.18.1.1:5061"),
        *("bind = [2001:2:0:101::1]:5060", "bind = [2001:2:0:101::1]:5061"),
    ]


def test_the_hotels_dialplan_asks_the_gate_before_every_call(texts: dict[str, str]) -> None:
    lines = texts["hotel_extensions.conf"].splitlines()
    assert all(
        "Gosub(asterisk-ext-gate" in line or "Goto(" in line for line in lines if ",1," in line and "exten" in line
    )

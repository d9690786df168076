"""No secret is the fleet's: each server has its own key, so a stolen one opens no other, and none has to be changed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from asterisk_ext.composition.membership import AUTHORITY
from tests.contract.fleet_of_nodes import fleet

KEY = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----(.+?)-----END", re.DOTALL)


def keys(place: Path) -> set[bytes]:
    """The private keys in any file below ``place``, databases included."""
    files = [file for file in place.rglob("*") if file.is_file()]
    return {found.strip() for file in files for found in KEY.findall(file.read_bytes())}


async def test_a_server_holds_its_own_key_alone_and_none_is_held_by_two(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    async with fleet(tmp_path_factory.mktemp("p"), 3) as nodes:
        held = [keys(node.place) for node in nodes]
    first, *others = held
    assert [len(each) for each in others] == [1, 1]
    assert len(first) == 2, "its own, and the authority's"
    assert len(set().union(*held)) == 4
    assert keys(nodes[0].state / AUTHORITY) < first

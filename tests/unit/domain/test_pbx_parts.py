"""Parts of a virtual PBX come, change and go without leaving anything that leads nowhere."""

from __future__ import annotations

from dataclasses import replace

import pytest

from asterisk_ext.domain.errors import Refusal
from asterisk_ext.domain.pbx import Extension, RingGroup, Route
from asterisk_ext.domain.pbx_parts import SHAPES, Kind, key_of, part, parts, with_part, without_part
from asterisk_ext.domain.pbx_rules import check
from tests.unit.domain.test_pbx import GOOD

WITH_ROUTE = replace(GOOD, routes=(Route(pattern="00.", trunks=("trunk14",)),))


def test_a_part_takes_the_place_of_the_one_of_its_name() -> None:
    changed = with_part(GOOD, Kind.EXTENSIONS, "200", replace(GOOD.extensions[0], name="Portaria"))
    assert [(item.number, item.name) for item in changed.extensions] == [("200", "Portaria"), ("201", "")]


def test_a_new_part_comes_last() -> None:
    changed = with_part(GOOD, Kind.EXTENSIONS, "205", Extension(number="205", digest="2" * 32))
    assert [item.number for item in changed.extensions] == ["200", "201", "205"]


def test_what_leads_to_a_renamed_part_follows_it() -> None:
    renumbered = with_part(GOOD, Kind.EXTENSIONS, "200", replace(GOOD.extensions[0], number="300"))
    assert renumbered.ring_groups[0].members == ("300", "201")
    group = with_part(renumbered, Kind.RING_GROUPS, "600", replace(renumbered.ring_groups[0], number="700"))
    assert group.dids[0].target == "700"
    trunk = with_part(WITH_ROUTE, Kind.TRUNKS, "trunk14", replace(GOOD.trunks[0], name="trunk15"))
    assert (trunk.routes[0].trunks, trunk.emergency_trunks) == (("trunk15",), ("trunk15",))
    for record in (renumbered, group, trunk):
        check(record)


@pytest.mark.parametrize(
    ("kind", "key", "uses"),
    [
        (Kind.EXTENSIONS, "200", "ring group 600"),
        (Kind.RING_GROUPS, "600", "DID 4831210114"),
        (Kind.TRUNKS, "trunk14", "route 00., emergency calls"),
    ],
)
def test_a_part_that_something_leads_to_stays(kind: Kind, key: str, uses: str) -> None:
    with pytest.raises(Refusal) as refusal:
        without_part(WITH_ROUTE, kind, key)
    assert (refusal.value.error_id, refusal.value.params["uses"]) == ("pbx.part_in_use", uses)


def test_a_part_that_nothing_leads_to_goes() -> None:
    assert without_part(GOOD, Kind.DIDS, "4831210114").dids == ()
    assert without_part(WITH_ROUTE, Kind.ROUTES, "00.").routes == ()


def test_a_part_that_is_not_there_is_not_found() -> None:
    with pytest.raises(Refusal) as refusal:
        part(GOOD, Kind.EXTENSIONS, "999")
    assert refusal.value.error_id == "pbx.no_such_part"


def test_every_kind_of_part_has_a_shape_and_a_name() -> None:
    full = replace(WITH_ROUTE, ring_groups=(RingGroup(number="600", members=("200",)),))
    assert [key_of(parts(full, kind)[0]) for kind in SHAPES] == ["200", "trunk14", "600", "4831210114", "00."]

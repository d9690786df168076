"""Two virtual PBXs behind one carrier's address, as tests of the projection need them."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from asterisk_ext.domain.pbx import Did, Extension, Pbx, RingGroup, Status, Trunk
from asterisk_ext.domain.pbx_rules import check
from dialplan.difference import Difference
from dialplan.projection import Projection

CARRIER = "198.18.20.1"


def clinic() -> Pbx:
    return _checked(
        Pbx(
            id=1,
            name="Clínica Vale Azul",
            domain="vale-azul.example",
            home="node1",
            max_calls=4,
            extensions=(
                Extension(number="200", name="Recepção", digest="a" * 32),
                Extension(number="201", digest="b" * 32, webrtc=True, codecs=("opus", "alaw"), contacts=2),
            ),
            trunks=(
                Trunk(name="trunk14", host=CARRIER, caller_id="4831210114"),
                Trunk(name="trunk15", host="2001:2::20:1", port=5080, transport="tcp", codecs=("alaw",)),
            ),
            ring_groups=(
                RingGroup(number="600", members=("200", "601"), timeout=20),
                RingGroup(number="601", members=("201", "600")),
            ),
            dids=(Did(number="4831210114", target="600"),),
            emergency_trunks=("trunk15", "trunk14"),
            outside_prefixes=("0", "9"),
            emergency_numbers=("190", "100"),
        )
    )


def shop() -> Pbx:
    return _checked(
        Pbx(
            id=2,
            name="Auto Peças Litoral",
            domain="litoral.example",
            home="node1",
            status=Status.PARTIAL_BLOCK,
            language="en",
            extensions=(Extension(number="200", digest="c" * 32),),
            trunks=(Trunk(name="trunk16", host=CARRIER),),
            dids=(Did(number="4833741428", target="200"),),
            emergency_trunks=("trunk16",),
        )
    )


def _checked(pbx: Pbx) -> Pbx:
    check(pbx)
    return pbx


def project(path: Path, tenants: Iterable[Pbx], confirmed: bool = False) -> Difference:
    """Apply once, as a process of its own would."""
    with closing(Projection(path)) as projection:
        return projection.apply(tenants, confirmed=confirmed)


def compare(path: Path, tenants: Iterable[Pbx]) -> Difference:
    with closing(Projection(path)) as projection:
        return projection.compare(tenants)

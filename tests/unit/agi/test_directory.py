"""What the gate learns from the node's copy, and the list of blocked calls."""

from __future__ import annotations

from typing import cast

from agi.directory import FleetDirectory
from asterisk_ext.domain.errors import Problem
from asterisk_ext.domain.gate import Announcement, Audio
from asterisk_ext.domain.pbx import Pbx, Status
from asterisk_ext.ports import Fleet

UNKNOWN = Problem("pbx.unknown", 404, "no {pbx}", "")
PBX = Pbx(
    id=2, name="x", domain="x.example", home="n", status=Status.PARTIAL_BLOCK, language="en", emergency_numbers=()
)


class OneTenant:
    def tenant(self, pbx: int) -> Pbx:
        if pbx != PBX.id:
            raise UNKNOWN.refuse(pbx=pbx)
        return PBX


def directory() -> FleetDirectory:
    return FleetDirectory(
        cast(Fleet, OneTenant()),
        lambda pbx: {audio: (Announcement(f"/{pbx.language}/{audio}", 8),) for audio in Audio},
    )


def test_a_tenants_status_audios_and_emergency_numbers_are_told() -> None:
    facts = directory().gate_facts(2)
    assert facts is not None
    assert facts.status is Status.PARTIAL_BLOCK
    assert facts.announcements[Audio.TOTAL][0].file == "/en/total_block"
    assert "0190" in facts.emergency_forms, "190 can be switched off by nobody"


def test_an_unknown_tenant_is_none() -> None:
    assert directory().gate_facts(3) is None

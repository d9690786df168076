"""What the gate learns from the node's copy, and the list of blocked calls."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from agi.blocked_calls import RecentBlockedCalls
from agi.directory import FleetDirectory
from asterisk_ext.domain.errors import Problem
from asterisk_ext.domain.gate import Announcement, Audio, BlockedCall, Direction
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
        cast(Fleet, OneTenant()), lambda language: {audio: Announcement(f"/{language}/{audio}", 8) for audio in Audio}
    )


def test_a_tenants_status_audios_and_emergency_numbers_are_told() -> None:
    facts = directory().gate_facts(2)
    assert facts is not None
    assert facts.status is Status.PARTIAL_BLOCK
    assert facts.announcements[Audio.TOTAL].file == "/en/total_block"
    assert "0190" in facts.emergency_forms, "190 can be switched off by nobody"


def test_an_unknown_tenant_is_none() -> None:
    assert directory().gate_facts(3) is None


def test_blocked_calls_are_counted_and_the_newest_come_first() -> None:
    calls = RecentBlockedCalls(most=2)
    call = BlockedCall(
        at=1,
        pbx=1,
        channel="",
        caller="",
        number="",
        direction=Direction.INBOUND,
        audio=Audio.NEUTRAL,
        file="",
        heard=0,
    )
    for number in (1, 2, 1):
        calls.note(replace(call, pbx=number))
    assert [call.pbx for call in calls.latest()] == [1, 2]
    assert [call.pbx for call in calls.latest(2)] == [2]
    assert calls.counts() == {Audio.PARTIAL: 0, Audio.TOTAL: 0, Audio.NEUTRAL: 3}

"""The gate's script against a scripted Asterisk."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from agi.gate import Caps, Gate
from agi.protocol import Environment, Reply
from agi.server import HungUp
from asterisk_ext.domain.gate import Announcement, Audio, BlockedCall, Direction, GateFacts, Policy, decide
from asterisk_ext.domain.pbx import Status

Announcements = Mapping[Audio, Sequence[Announcement]]
ANNOUNCEMENTS: Announcements = {audio: (Announcement(f"/sounds/{audio.value}", 8.0),) for audio in Audio}


class FakeSession:
    """Asterisk as the script sees it: notes each command and answers it."""

    def __init__(self, *arguments: str) -> None:
        values = {f"arg_{number}": value for number, value in enumerate(arguments, 1)}
        self.environment = Environment(
            {"network_script": "gate", "channel": "PJSIP/2_200-1", "callerid": "200", **values}
        )
        self.sent: list[tuple[str, ...]] = []
        self.playing = asyncio.Event()
        self.until_played = asyncio.Event()
        self.until_played.set()
        self.hangs_up_while_playing = False
        self.missing: set[str] = set()
        self.playback_status = ""

    async def ask(self, *words: str, within: float = 2.0) -> Reply:
        self.sent.append(words)
        return Reply(200, "1")

    async def set_variable(self, name: str, value: str) -> None:
        await self.ask("SET VARIABLE", name, value)

    async def get_variable(self, name: str) -> str:
        assert name == "PLAYBACKSTATUS"
        return self.playback_status

    async def execute(self, application: str, arguments: str = "", within: float = 2.0) -> Reply:
        if application == "Playback":
            self.sent.append(("EXEC", application, arguments))
            self.playing.set()
            await self.until_played.wait()
            if self.hangs_up_while_playing:
                raise HungUp
            self.playback_status = "FAILED" if arguments.split(",")[0] in self.missing else "SUCCESS"
            return Reply(200, "0")
        return await self.ask("EXEC", application, arguments)

    @property
    def verdict(self) -> str:
        return next((words[2] for words in self.sent if words[1] == "AST_EXT_VERDICT"), "")


class FakeDirectory:
    def __init__(self, status: Status | None, announcements: Announcements | None = None) -> None:
        self._status = status
        self._announcements = ANNOUNCEMENTS if announcements is None else announcements

    def gate_facts(self, pbx: int) -> GateFacts | None:
        if self._status is None or pbx != 2:
            return None
        forms = frozenset({"190", "0190", "55190"})
        return GateFacts(status=self._status, emergency_forms=forms, announcements=self._announcements)


class Listed:
    """As the list has it: what is said of the same call later takes the place of what was said before."""

    def __init__(self) -> None:
        self.calls: list[BlockedCall] = []

    def note(self, call: BlockedCall) -> None:
        if self.calls and replace(self.calls[-1], file=call.file, recording=call.recording, heard=call.heard) == call:
            self.calls.pop()
        self.calls.append(call)


def gate(directory: FakeDirectory, listed: Listed, policy: Policy | None = None, caps: Caps | None = None) -> Gate:
    return Gate(directory, listed, itertools.count(1000.0).__next__, policy, caps)


async def run(script: Gate, session: FakeSession) -> FakeSession:
    await script(session)  # type: ignore[arg-type]
    return session


async def test_an_active_tenants_call_passes_and_is_not_listed() -> None:
    listed = Listed()
    session = await run(gate(FakeDirectory(Status.ACTIVE), listed), FakeSession("2", "outbound", "4833334444"))
    assert session.sent == [("SET VARIABLE", "AST_EXT_VERDICT", "pass")]
    assert listed.calls == []


async def test_a_blocked_caller_gets_the_verdict_before_the_audio_and_is_never_answered() -> None:
    listed = Listed()
    session = await run(gate(FakeDirectory(Status.PARTIAL_BLOCK), listed), FakeSession("2", "outbound", "4833334444"))
    assert session.sent == [
        ("SET VARIABLE", "TIMEOUT(absolute)", "11.0"),
        ("SET VARIABLE", "AST_EXT_VERDICT", "partial_block"),
        ("SET VARIABLE", "GROUP(asterisk_ext_announcement)", "2"),
        ("EXEC", "Progress", ""),
        ("EXEC", "Playback", "/sounds/partial_block,noanswer"),
    ]
    (call,) = listed.calls
    assert (call.at, call.pbx, call.number, call.audio, call.file) == (
        1000.0, 2, "4833334444", Audio.PARTIAL, "/sounds/partial_block",
    )  # fmt: skip


async def test_a_call_is_listed_while_it_still_hears_its_audio() -> None:
    listed = Listed()
    session = FakeSession("2", "outbound", "4833334444")
    session.until_played.clear()
    playing = asyncio.create_task(run(gate(FakeDirectory(Status.PARTIAL_BLOCK), listed), session))
    await session.playing.wait()
    assert [(call.number, call.heard) for call in listed.calls] == [("4833334444", 0.0)]
    session.until_played.set()
    await playing
    assert [call.file for call in listed.calls] == ["/sounds/partial_block"]


async def test_where_an_audio_is_missing_the_next_best_is_played_and_listed() -> None:
    own, platform = Announcement("/own", 30.0, "litoral"), Announcement("/platform", 8.0, "aviso")
    listed = Listed()
    session = FakeSession("2", "outbound", "4833334444")
    session.missing = {"/own"}
    directory = FakeDirectory(Status.PARTIAL_BLOCK, {Audio.PARTIAL: (own, platform)})
    await run(gate(directory, listed), session)
    assert session.sent[0] == ("SET VARIABLE", "TIMEOUT(absolute)", "33.0"), "time for the longest of them"
    assert [words[2] for words in session.sent if words[1] == "Playback"] == ["/own,noanswer", "/platform,noanswer"]
    assert (listed.calls[0].file, listed.calls[0].recording) == ("/platform", "aviso")


async def test_where_every_audio_is_missing_nothing_counts_as_heard() -> None:
    listed = Listed()
    session = FakeSession("2", "outbound", "4833334444")
    session.missing = {"/sounds/partial_block"}
    await run(gate(FakeDirectory(Status.PARTIAL_BLOCK), listed), session)
    assert session.verdict == "partial_block", "the dialplan plays what it finds"
    assert (listed.calls[0].file, listed.calls[0].heard) == ("", 0.0)


async def test_with_the_option_a_blocked_call_is_answered_first() -> None:
    script = gate(FakeDirectory(Status.TOTAL_BLOCK), Listed(), Policy(answer=True))
    session = await run(script, FakeSession("2", "internal", "201"))
    assert ("EXEC", "Answer", "") in session.sent
    assert ("EXEC", "Progress", "") not in session.sent


@pytest.mark.parametrize("number", ["190", "0190", "55190"])
async def test_an_emergency_number_passes_here_too(number: str) -> None:
    session = await run(gate(FakeDirectory(Status.TOTAL_BLOCK), Listed()), FakeSession("2", "outbound", number))
    assert session.verdict == "pass"


async def test_a_call_from_outside_to_an_emergency_number_is_no_emergency() -> None:
    session = await run(gate(FakeDirectory(Status.TOTAL_BLOCK), Listed()), FakeSession("2", "inbound", "190"))
    assert session.verdict == "neutral"


async def test_the_hosters_support_line_passes() -> None:
    script = gate(FakeDirectory(Status.TOTAL_BLOCK), Listed(), Policy(support_lines=("08005551234",)))
    assert (await run(script, FakeSession("2", "outbound", "08005551234"))).verdict == "pass"


@pytest.mark.parametrize(
    "arguments",
    [(), ("2",), ("2", "sideways", "1"), ("", "outbound", "1"), ("٢", "outbound", "1"), ("9" * 13, "outbound", "1")],
)
async def test_a_question_that_is_none_gets_no_verdict_so_that_the_dialplan_decides(arguments: tuple[str, ...]) -> None:
    session = await run(gate(FakeDirectory(Status.TOTAL_BLOCK), Listed()), FakeSession(*arguments))
    assert session.sent == []


async def test_an_unknown_tenant_gets_no_verdict_so_that_the_dialplan_decides() -> None:
    assert (await run(gate(FakeDirectory(None), Listed()), FakeSession("2", "outbound", "1"))).sent == []


async def test_a_missing_audio_leaves_the_default_to_the_dialplan() -> None:
    listed = Listed()
    session = await run(gate(FakeDirectory(Status.PARTIAL_BLOCK, {}), listed), FakeSession("2", "outbound", "1"))
    assert session.sent == [("SET VARIABLE", "AST_EXT_VERDICT", "partial_block")]
    assert [call.file for call in listed.calls] == [""]


async def test_above_the_tenants_cap_a_call_ends_at_once() -> None:
    listed = Listed()
    script = gate(FakeDirectory(Status.PARTIAL_BLOCK), listed, caps=Caps(tenant=1, node=9))
    first = FakeSession("2", "outbound", "1")
    first.until_played.clear()
    playing = asyncio.create_task(run(script, first))
    await first.playing.wait()
    second = await run(script, FakeSession("2", "outbound", "1"))
    assert second.sent == [("SET VARIABLE", "AST_EXT_VERDICT", "end")]
    first.until_played.set()
    await playing
    assert (await run(script, FakeSession("2", "outbound", "1"))).verdict == "partial_block"


async def test_a_caller_who_hangs_up_is_listed_and_frees_the_place() -> None:
    listed = Listed()
    script = gate(FakeDirectory(Status.PARTIAL_BLOCK), listed, caps=Caps(tenant=1, node=1))
    for _ in range(2):
        session = FakeSession("2", "outbound", "1")
        session.hangs_up_while_playing = True
        await run(script, session)
    assert [call.file for call in listed.calls] == ["/sounds/partial_block"] * 2
    assert all(call.heard < 8.0 for call in listed.calls)


POLICIES = [Policy(), Policy(internal_passes_in_total_block=True)]
TABLE = {
    (Status.ACTIVE, Direction.OUTBOUND): None,
    (Status.ACTIVE, Direction.INBOUND): None,
    (Status.ACTIVE, Direction.INTERNAL): None,
    (Status.PARTIAL_BLOCK, Direction.OUTBOUND): Audio.PARTIAL,
    (Status.PARTIAL_BLOCK, Direction.INBOUND): None,
    (Status.PARTIAL_BLOCK, Direction.INTERNAL): None,
    (Status.TOTAL_BLOCK, Direction.OUTBOUND): Audio.TOTAL,
    (Status.TOTAL_BLOCK, Direction.INBOUND): Audio.NEUTRAL,
    (Status.TOTAL_BLOCK, Direction.INTERNAL): Audio.TOTAL,
}
"""SPEC, section 5, row by row."""


@pytest.mark.parametrize(
    ("status", "direction", "emergency", "policy"),
    [*itertools.product([*Status, None], Direction, [False, True], POLICIES)],
)
def test_the_policy_table_is_obeyed(
    status: Status | None, direction: Direction, emergency: bool, policy: Policy
) -> None:
    expected = None if status is None or emergency else TABLE[status, direction]
    if policy.internal_passes_in_total_block and direction is Direction.INTERNAL:
        expected = None
    assert decide(status, direction, emergency, policy).audio == expected

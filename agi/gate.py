"""The gate: decides what a call gets, tells the dialplan first, then plays (SPEC, section 5)."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from agi.server import HungUp, Session
from agi.variables import ABSOLUTE_TIMEOUT, ANNOUNCING, END, PLAYBACK_STATUS, VERDICT
from asterisk_ext.domain.gate import (
    PASS,
    Announcement,
    BlockedCall,
    Direction,
    GateFacts,
    Policy,
    Verdict,
    decide,
)

DIRECTIONS = {direction.value: direction for direction in Direction}
SPARE = 3.0
"""Seconds that Asterisk may take beyond an announcement's length before it is cut."""


class TenantDirectory(Protocol):
    def gate_facts(self, pbx: int) -> GateFacts | None:
        """From the node's own data, at once; None for a virtual PBX that is not known here."""
        ...


class BlockedCalls(Protocol):
    def note(self, call: BlockedCall) -> None:
        """Count and list, once however often the same call is told of; must not block."""
        ...


@dataclass(frozen=True, slots=True)
class Caps:
    """Announcements that may play at once: a blocked dialler must not become a denial of service."""

    tenant: int = 10
    node: int = 200


class Gate:
    """The AGI script ``gate``: arguments are virtual PBX, direction and number."""

    def __init__(
        self,
        directory: TenantDirectory,
        observer: BlockedCalls,
        clock: Callable[[], float],
        policy: Policy | None = None,
        caps: Caps | None = None,
    ) -> None:
        self._directory = directory
        self._observer = observer
        self._clock = clock
        self._policy = policy or Policy()
        self._caps = caps or Caps()
        self._playing: Counter[int] = Counter()

    async def __call__(self, session: Session) -> None:
        call = asked(session)
        facts = self._directory.gate_facts(call.pbx) if call else None
        if call is None or facts is None:
            return
        verdict = judge(call, facts, self._policy)
        if verdict.audio is None:
            await session.set_variable(VERDICT, "pass")
            return
        blocked = BlockedCall(
            at=self._clock(),
            pbx=call.pbx,
            channel=session.environment.channel,
            caller=session.environment.get("callerid"),
            number=call.number,
            direction=call.direction,
            audio=verdict.audio,
            file="",
            heard=0.0,
        )
        choices = facts.announcements.get(verdict.audio, ())
        if not self._may_play(call.pbx):
            await session.set_variable(VERDICT, END)
        elif choices:
            await self._announce(session, blocked, choices)
            return
        else:
            await session.set_variable(VERDICT, verdict.audio.value)
        self._observer.note(blocked)

    def _may_play(self, pbx: int) -> bool:
        return self._playing[pbx] < self._caps.tenant and self._playing.total() < self._caps.node

    async def _announce(self, session: Session, call: BlockedCall, choices: Sequence[Announcement]) -> None:
        """Verdict first, then the first audio that is there.

        Noted as soon as Asterisk knows the verdict, in case this service does not live to see the end; from then on
        the dialplan will not note it.
        """
        longest = max(choice.seconds for choice in choices) + SPARE
        self._playing[call.pbx] += 1
        loop = asyncio.get_running_loop()
        choice, begun = choices[0], loop.time()
        try:
            await session.set_variable(ABSOLUTE_TIMEOUT, f"{longest:.1f}")
            await session.set_variable(VERDICT, call.audio.value)
            self._observer.note(call)
            await session.set_variable(ANNOUNCING, str(call.pbx))
            await session.execute("Answer" if self._policy.answer else "Progress")
            with contextlib.suppress(HungUp, TimeoutError):
                for choice in choices:
                    begun = loop.time()
                    await session.execute("Playback", f"{choice.file},noanswer", within=longest + SPARE)
                    if await session.get_variable(PLAYBACK_STATUS) != "FAILED":
                        break
                else:
                    return
        finally:
            self._playing[call.pbx] -= 1
            if not self._playing[call.pbx]:
                del self._playing[call.pbx]
        heard = min(loop.time() - begun, choice.seconds)
        self._observer.note(replace(call, file=choice.file, recording=choice.name, heard=heard))


@dataclass(frozen=True, slots=True)
class Asked:
    pbx: int
    direction: Direction
    number: str


def asked(session: Session) -> Asked | None:
    """What the dialplan asks about; None where that is no question, so that the dialplan decides by itself."""
    pbx, direction, number = (session.environment.argument(place) for place in (1, 2, 3))
    if not (pbx.isascii() and pbx.isdigit() and len(pbx) <= 12) or direction not in DIRECTIONS:
        return None
    return Asked(int(pbx), DIRECTIONS[direction], number)


def judge(call: Asked, facts: GateFacts, policy: Policy) -> Verdict:
    """The verdict; emergency numbers and the support line pass here too, though the dialplan asks about none."""
    if call.number in policy.support_lines:
        return PASS
    emergency = call.direction is not Direction.INBOUND and call.number in facts.emergency_forms
    return decide(facts.status, call.direction, emergency, policy)

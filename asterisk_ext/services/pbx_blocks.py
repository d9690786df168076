"""Setting and lifting many blocks at once, as a billing system does every night."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from asterisk_ext.domain.access import Act, Actor, require
from asterisk_ext.domain.errors import Problem, Refusal
from asterisk_ext.domain.pbx import Status
from asterisk_ext.domain.pbx_rules import check_reason
from asterisk_ext.ports import Fleet
from asterisk_ext.services.virtual_pbx import UNKNOWN, VirtualPbxs

TOO_MANY = Problem(
    "pbx.too_many_blocks",
    422,
    "Nothing was changed: {count} virtual PBXs at once are more than {most}.",
    "Send them in parts.",
)
TWICE = Problem(
    "pbx.block_twice",
    422,
    "Nothing was changed: the virtual PBX {pbx} is in the list twice.",
    "Say once what its status shall be.",
)
UNREADABLE = Problem(
    "pbx.block_file_unreadable",
    422,
    "Nothing was changed: line {line} of the file is {text!r}.",
    "Give one virtual PBX a line: its id, then partial or total, then the reason, with commas between.",
)
MOST = 10_000
LEVELS = {
    "partial": Status.PARTIAL_BLOCK,
    "total": Status.TOTAL_BLOCK,
    "active": Status.ACTIVE,
    **{status.value: status for status in Status},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    pbx: int
    status: Status
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    changed: tuple[int, ...]
    """Those whose status or reason is another now, or would be."""
    unchanged: tuple[int, ...]
    failed: Mapping[int, str] = field(default_factory=dict)
    """Those left as they were, with the refusal's ``error_id``."""


class PbxBlocks:
    def __init__(self, fleet: Fleet, virtual_pbxs: VirtualPbxs) -> None:
        self._fleet = fleet
        self._virtual_pbxs = virtual_pbxs

    async def set(self, actor: Actor, wanted: Sequence[Wanted], dry_run: bool = False) -> Done:
        """Give each virtual PBX its status; a list with one that does not exist is refused whole."""
        require(actor, Act.CHANGE_PBX)
        if len(wanted) > MOST:
            raise TOO_MANY.refuse(count=len(wanted), most=MOST)
        now = {pbx.id: pbx for pbx in self._fleet.tenants()}
        seen: set[int] = set()
        for at, item in enumerate(wanted):
            if item.pbx not in now:
                raise UNKNOWN.refuse(field=f"blocks[{at}].pbx", pbx=item.pbx)
            if item.pbx in seen:
                raise TWICE.refuse(field=f"blocks[{at}].pbx", pbx=item.pbx)
            seen.add(item.pbx)
            check_reason(item.pbx, item.reason, f"blocks[{at}].reason")
        differing = [item for item in wanted if _differs(item, now[item.pbx].status, now[item.pbx].reason)]
        unchanged = tuple(sorted(seen - {item.pbx for item in differing}))
        if dry_run:
            return Done(changed=tuple(item.pbx for item in differing), unchanged=unchanged)
        changed, failed, last = [], {}, 0
        for item in differing:
            try:
                ordered = await self._virtual_pbxs.order_status(actor, item.pbx, item.status, item.reason)
            except Refusal as refusal:
                failed[item.pbx] = refusal.error_id
            else:
                changed.append(item.pbx)
                last = max(last, ordered)
        await self._virtual_pbxs.obeyed(last)
        return Done(changed=tuple(changed), unchanged=unchanged, failed=failed)


def _differs(item: Wanted, status: Status, reason: str) -> bool:
    return item.status is not status or (status is not Status.ACTIVE and item.reason != reason)


def read(text: str, status: Status | None = None, reason: str = "") -> list[Wanted]:
    """Lines of ``id``, ``id,level`` or ``id,level,reason``; blank lines and such that begin with # are passed over.

    Without a level a line means ``status``, and ``reason`` where it gives none. Refuses ``pbx.block_file_unreadable``.
    """
    wanted = []
    for at, line in enumerate(text.splitlines(), start=1):
        number, _, rest = line.partition(",")
        level, _, said = (part.strip() for part in rest.partition(","))
        number = number.strip()
        if not number or number.startswith("#"):
            continue
        known = LEVELS.get(level, None if level else status)
        if known is None or not (number.isascii() and number.isdecimal() and len(number) <= 8):
            raise UNREADABLE.refuse(field=f"line {at}", line=at, text=line[:80])
        wanted.append(Wanted(pbx=int(number), status=known, reason=said or reason))
    return wanted

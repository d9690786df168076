"""What the gate knows of a tenant, from the node's own copy of the registry."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from asterisk_ext.domain.emergency import NEVER_OFF, dialled_forms
from asterisk_ext.domain.errors import Refusal
from asterisk_ext.domain.gate import Announcement, Audio, GateFacts
from asterisk_ext.domain.pbx import Pbx
from asterisk_ext.ports import Fleet


class FleetDirectory:
    """``announcements`` tells the audios of a virtual PBX as Asterisk plays them, the best first."""

    def __init__(self, fleet: Fleet, announcements: Callable[[Pbx], Mapping[Audio, Sequence[Announcement]]]) -> None:
        self._fleet = fleet
        self._announcements = announcements

    def gate_facts(self, pbx: int) -> GateFacts | None:
        try:
            tenant = self._fleet.tenant(pbx)
        except Refusal:
            return None
        numbers = dict.fromkeys((*NEVER_OFF, *tenant.emergency_numbers))
        return GateFacts(
            status=tenant.status,
            emergency_forms=frozenset(dialled_forms(numbers, tenant.outside_prefixes)),
            announcements=self._announcements(tenant),
        )

"""What the gate must know of a tenant, from the node's own copy of the registry."""

from __future__ import annotations

from collections.abc import Mapping

from asterisk_ext.domain.emergency import dialled_forms
from asterisk_ext.domain.errors import Refusal
from asterisk_ext.domain.gate import Announcement, Audio, GateFacts
from asterisk_ext.ports import Fleet


class FleetDirectory:
    """``agi.gate.TenantDirectory``; ``announcements`` by language."""

    def __init__(self, fleet: Fleet, announcements: Mapping[str, Mapping[Audio, Announcement]]) -> None:
        self._fleet = fleet
        self._announcements = announcements

    def gate_facts(self, pbx: int) -> GateFacts | None:
        try:
            tenant = self._fleet.tenant(pbx)
        except Refusal:
            return None
        return GateFacts(
            status=tenant.status,
            emergency_forms=frozenset(dialled_forms(tenant.emergency_numbers, tenant.outside_prefixes)),
            announcements=self._announcements.get(tenant.language, {}),
        )

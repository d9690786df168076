"""What keeps a node's trunks right in Asterisk, composed: the addresses of carriers, and registrations with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from asterisk_ext.config import Asterisk
from asterisk_ext.ports import Clock, Fleet
from asterisk_ext.services.carrier_names import CarrierNames
from asterisk_ext.services.registering import Registering
from asterisk_ext.tasks import Tasks
from dialplan.kept_projection import KeptProjection
from dialplan.registrations import Registrations, asterisk_command


class Trunks:
    """``projector`` takes the virtual PBXs of the node and gives them to Asterisk with their carriers' addresses."""

    def __init__(self, node: str, fleet: Fleet, settings: Asterisk, clock: Clock) -> None:
        registrar = Registrations(Path(settings.registrations), asterisk_command(settings.program))
        self._kept = KeptProjection(Path(settings.realtime), settings.sounds)
        self.projector = CarrierNames(self._kept)
        self._registering = Registering(node, fleet, registrar, clock)

    def addresses(self) -> Mapping[str, Sequence[str]]:
        """``services.firewall_plan.Carriers``"""
        return self.projector.addresses()

    def revision(self) -> int:
        """The registry's revision by which Asterisk registers trunks."""
        return self._registering.revision

    def keep(self, tasks: Tasks) -> None:
        tasks.keep("copy of Asterisk's database", self._kept.run)
        tasks.keep("names of carriers", self.projector.run)
        tasks.keep("registrations of trunks", self._registering.run)

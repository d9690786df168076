"""What keeps a node's trunks right in Asterisk, composed: the addresses of carriers, and registrations with them."""

from __future__ import annotations

from pathlib import Path

from asterisk_ext.config import Asterisk
from asterisk_ext.ports import Clock, Fleet, Projector
from asterisk_ext.services.carrier_names import CarrierNames
from asterisk_ext.services.registering import Registering
from asterisk_ext.tasks import Tasks
from dialplan.registrations import Registrations, asterisk_command


class Trunks:
    """``projector`` is what the virtual PBXs are given to; it hands them on to ``to`` with carriers' addresses."""

    def __init__(self, node: str, fleet: Fleet, to: Projector, settings: Asterisk, clock: Clock) -> None:
        registrar = Registrations(Path(settings.registrations), asterisk_command(settings.program))
        self.projector = CarrierNames(to)
        self._registering = Registering(node, fleet, registrar, clock)

    def keep(self, tasks: Tasks) -> None:
        tasks.keep("names of carriers", self.projector.run)
        tasks.keep("registrations of trunks", self._registering.run)

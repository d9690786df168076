"""What keeps a node's trunks right in Asterisk, composed: the addresses of carriers, registrations with them, and calls
between the fleet's servers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from asterisk_ext.config import Asterisk
from asterisk_ext.ports import Clock, Fleet
from asterisk_ext.services.carrier_names import CarrierNames
from asterisk_ext.services.node_trunk import NodeTrunks
from asterisk_ext.services.registering import Registering
from asterisk_ext.tasks import Tasks
from dialplan.kept_projection import KeptProjection
from dialplan.node_trunk import NodeTrunk, Place
from dialplan.registrations import Registrations, asterisk_command

HASTE = 1.0
"""Seconds that a change waits for Asterisk to forget what was."""


class Trunks:
    """``projector`` takes the virtual PBXs of the node and gives them to Asterisk with their carriers' addresses."""

    def __init__(self, node: str, fleet: Fleet, settings: Asterisk, clock: Clock, bind: str, identity: Path) -> None:
        """``bind``: where the other servers reach this one; ``identity``: the directory of its certificate."""
        command = asterisk_command(settings.program)
        registrar = Registrations(Path(settings.registrations), command)
        place = Place(bind=bind, port=settings.node_port, identity=str(identity))
        self._nodes = NodeTrunks(node, fleet, NodeTrunk(Path(settings.nodes), place, identity / "node.pem", command))
        told = asterisk_command(settings.program, HASTE)
        self._kept = KeptProjection(Path(settings.realtime), settings.sounds, told)
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
        tasks.keep("calls between servers", self._nodes.run)

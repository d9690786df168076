"""The gate composed: what a node's settings say of blocked calls, for the service and for Asterisk's own files."""

from __future__ import annotations

from pathlib import Path

from agi.blocked_calls import BlockedCallLog
from agi.directory import FleetDirectory
from agi.gate import BlockedCalls, Caps
from agi.gate import Gate as Script
from agi.missed_calls import MissedCalls
from agi.server import Server
from asterisk_ext.config import Config, Gate
from asterisk_ext.domain.gate import Policy
from asterisk_ext.ports import Clock, Fleet
from asterisk_ext.services.audio_delivery import AudioDelivery
from asterisk_ext.services.audio_library import library
from asterisk_ext.tasks import Tasks
from dialplan.audio.announcements import Announcements
from dialplan.audio.sound_folder import playable


def policy(settings: Gate) -> Policy:
    return Policy(settings.internal_passes_in_total_block, settings.answer, settings.support_lines)


def listening(config: Config, fleet: Fleet, audios: AudioDelivery, blocked: BlockedCalls, clock: Clock) -> Server:
    """The FastAGI server, to be entered."""
    caps = Caps(config.gate.announcements_per_pbx, config.gate.announcements_per_node)
    directory = FleetDirectory(fleet, Announcements(config.asterisk.sounds, audios.choices))
    gate = Script(directory, blocked, clock, policy(config.gate), caps)
    return Server({"gate": gate}, config.fastagi.host, config.fastagi.port)


def keep_list(tasks: Tasks, config: Config, fleet: Fleet, blocked: BlockedCallLog) -> None:
    """Write what the gate notes, and take over what Asterisk noted by itself."""

    def recordings() -> dict[str, str]:
        known = library(fleet).recordings.values()
        return {playable(config.asterisk.sounds, found.stem): found.name for found in known}

    tasks.keep("blocked calls", blocked.run)
    missed = MissedCalls(Path(config.asterisk.missed_calls), blocked, recordings)
    tasks.keep("calls blocked without the gate", missed.run)

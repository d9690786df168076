"""What a server has of Asterisk, composed: nothing on a DATABASE or CDN server, where guard and health run alone."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from agi.blocked_calls import BlockedCallLog
from ari_apps.client import Ari
from ari_apps.live_calls import Follower
from asterisk_ext.composition import gate
from asterisk_ext.composition.membership import IDENTITY, Membership
from asterisk_ext.composition.trunks import Trunks
from asterisk_ext.config import Config, secret
from asterisk_ext.own_program import OwnProgram, ToldFile
from asterisk_ext.ports import Clock
from asterisk_ext.ports.asterisk import PhoneBook
from asterisk_ext.services.audio_delivery import AudioDelivery
from asterisk_ext.services.audit import Audit
from asterisk_ext.services.cutting import Cutting
from asterisk_ext.services.firewall_plan import Carriers
from asterisk_ext.services.live_calls import LiveCalls
from asterisk_ext.services.maintenance_hook import MaintenanceHook
from asterisk_ext.services.no_asterisk import NoAsterisk
from asterisk_ext.services.reporting import Obeyed, Reporting
from asterisk_ext.services.serving import Serving
from asterisk_ext.tasks import Tasks
from asterisk_ext.version import VERSION
from dialplan.audio.defaults import install_default_audios
from dialplan.audio.sound_folder import SoundsOnDisk
from dialplan.registered_phones import RegisteredPhones


@dataclass(frozen=True, slots=True)
class Hosting:
    calls: LiveCalls
    phones: PhoneBook
    carriers: Carriers
    reporting: Reporting
    blocked: BlockedCallLog
    obeyed: Callable[[int], Awaitable[None]]
    """Waits a short while until Asterisk does what a revision of the registry says of virtual PBXs."""
    keep: Callable[[Tasks], None]
    """Starts what keeps Asterisk right and follows it."""
    gate: AbstractAsyncContextManager[object]
    """What Asterisk asks, while it is entered."""


@asynccontextmanager
async def hosting(
    config: Config, member: Membership, audit: Audit, bans: Obeyed, clock: Clock
) -> AsyncIterator[Hosting]:
    name, asterisk, copy = config.node.name, config.asterisk, member.copy
    blocked = BlockedCallLog.of(Path(config.node.state) / "blocked_calls.sqlite3", clock, config.audio)
    files = (asterisk.ari_secret_file, asterisk.ari_acting_secret_file)
    look, act = map(secret, files) if asterisk.here else ("", "")
    async with (
        Ari.open(asterisk.ari_url, asterisk.ari_user, look) as looking,
        Ari.open(asterisk.ari_url, asterisk.ari_acting_user, act) as acting,
    ):
        calls = LiveCalls(name, acting, copy, audit)
        if not asterisk.here:
            absent = NoAsterisk(copy)
            calls.none(clock())
            count = calls.count_by_pbx
            reporting = Reporting(name, VERSION, absent, absent, absent, count, copy, bans, clock, hosts=False)
            yield Hosting(calls, absent, absent, reporting, blocked, absent.obeyed, lambda tasks: None, nullcontext())
            return
        install_default_audios(Path(asterisk.sounds))
        audios = AudioDelivery(name, copy, member.registry, SoundsOnDisk(Path(asterisk.sounds)), clock)
        identity = Path(config.node.state) / IDENTITY
        trunks = Trunks(name, copy, asterisk, clock, config.fleet.host, identity)
        phones = RegisteredPhones(asterisk.program)
        serving = Serving(name, copy, trunks.projector, audios, asterisk.node_port)
        own, told = config.maintenance, ToldFile(Path(config.node.state) / "maintenance_told.json")
        hook = MaintenanceHook(name, copy, OwnProgram(own.hook, own.hook_seconds), told)

        def keep(tasks: Tasks) -> None:
            tasks.keep("audios", audios.run)
            gate.keep_list(tasks, config, copy, blocked)
            tasks.keep("projection to Asterisk", serving.run)
            tasks.keep("maintenance hook", hook.run)
            trunks.keep(tasks)
            tasks.keep("live calls", Follower(looking, acting, calls, f"asterisk-ext-{name}", clock).run)
            if config.gate.cut_calls:
                tasks.keep("cutting calls", Cutting(copy, calls, config.gate.support_lines).run)

        count, problem = calls.count_by_pbx, lambda: hook.problem
        reporting = Reporting(
            name, VERSION, serving, audios, phones, count, copy, bans, clock, trunks=trunks.revision, hook=problem
        )
        asked = gate.listening(config, copy, audios, blocked, clock)
        yield Hosting(calls, phones, trunks, reporting, blocked, serving.obeyed, keep, asked)

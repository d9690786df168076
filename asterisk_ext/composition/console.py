"""What the console and the API are given: the use cases, composed over a node's own parts."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

from admin_http.services import BanPolicy, Services
from asterisk_ext.composition.membership import Membership
from asterisk_ext.config import Audio, Config
from asterisk_ext.domain.audio import Limits
from asterisk_ext.names.certified import certified_names
from asterisk_ext.ports.audio import BlockedCallLog
from asterisk_ext.ports.guard import Guard
from asterisk_ext.services.audios import Audios
from asterisk_ext.services.audit import Audit
from asterisk_ext.services.bans import Bans
from asterisk_ext.services.blocked_calls import BlockedCalls
from asterisk_ext.services.call_history import CallHistory
from asterisk_ext.services.countries import Countries
from asterisk_ext.services.firewall import Firewalls
from asterisk_ext.services.fleet_bans import FleetBans
from asterisk_ext.services.fleet_calls import FleetCalls
from asterisk_ext.services.joining import Joining
from asterisk_ext.services.maintenance import Maintenance
from asterisk_ext.services.maintenance_runner import MaintenanceRunner
from asterisk_ext.services.pbx_blocks import PbxBlocks
from asterisk_ext.services.pbx_move import PbxMove
from asterisk_ext.services.pbx_parts import PbxParts
from asterisk_ext.services.promotion import Promotion
from asterisk_ext.services.servers import Servers
from asterisk_ext.services.users import Users
from asterisk_ext.services.virtual_pbx import Obeyed, VirtualPbxs
from asterisk_ext.version import VERSION
from dialplan.audio.converter import ConverterClient
from dialplan.audio.defaults import shipped_recordings


def services(
    config: Config,
    *,
    audit: Audit,
    guard: Guard,
    countries: Countries,
    firewall: Firewalls,
    calls: FleetCalls,
    history: CallHistory,
    runner: MaintenanceRunner,
    blocked: BlockedCallLog,
    member: Membership,
    obeyed: Obeyed,
) -> Services:
    registry, copy, peers, clock = member.registry, member.copy, member.peers, member.clock
    virtual_pbxs = VirtualPbxs(registry, copy, audit, clock, obeyed)
    return Services(
        servers=Servers(registry, copy, audit, clock),
        maintenance=Maintenance(registry, copy, runner, clock, certified=certified_names),
        virtual_pbxs=virtual_pbxs,
        pbx_move=PbxMove(registry, copy, virtual_pbxs, clock),
        pbx_parts=PbxParts(copy, virtual_pbxs),
        pbx_blocks=PbxBlocks(copy, virtual_pbxs),
        users=Users(registry, copy, audit),
        promotion=Promotion(config.node.name, copy, member.succession, audit, clock),
        audit=audit,
        bans=Bans(config.node.name, guard, audit, peers, copy, registry, clock),
        fleet_bans=FleetBans(registry, copy, audit, clock),
        countries=countries,
        firewall=firewall,
        live_calls=calls,
        call_history=history,
        blocked_calls=BlockedCalls(config.node.name, blocked, peers, copy, audit),
        audios=Audios(
            registry, copy, audit, ConverterClient(Path(config.audio.converter)), limits(config.audio), clock
        ),
        shipped=shipped_recordings(),
        blocked_calls_days=config.audio.blocked_calls_days,
        fleet=copy,
        clock=clock,
        node=config.node.name,
        peer_of=member.admission.peer_of,
        joining=Joining(registry, copy, audit, member.door, clock),
        ban_policy=BanPolicy.of(config.guard),
        hoster=config.admin_http.hoster,
        zone=ZoneInfo(config.admin_http.zone),
        version=VERSION,
    )


def limits(settings: Audio) -> Limits:
    return Limits(
        megabytes=settings.largest_mb, announcement=settings.longest_announcement, music=settings.longest_music
    )

"""The node service's composition root: all that runs, how it stops, and who owns each task."""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from functools import partial
from pathlib import Path

from admin_http.app import build
from admin_http.listen import listening
from agi.blocked_calls import BlockedCallLog
from agi.directory import FleetDirectory
from agi.gate import Gate
from agi.server import Server as FastAgi
from ari_apps.client import Ari
from ari_apps.live_calls import Follower
from asterisk_ext import console
from asterisk_ext.config import Config, secret
from asterisk_ext.peer import HttpPeers
from asterisk_ext.registry.engine import open_engine, serve
from asterisk_ext.schedule import scheduled
from asterisk_ext.services.audio_delivery import AudioDelivery
from asterisk_ext.services.audit import Audit
from asterisk_ext.services.countries import Countries
from asterisk_ext.services.firewall import Firewalls
from asterisk_ext.services.fleet_calls import FleetCalls
from asterisk_ext.services.friends import Friends
from asterisk_ext.services.live_calls import LiveCalls
from asterisk_ext.services.reporting import PERIOD, Reporting
from asterisk_ext.services.serving import Serving
from asterisk_ext.store import LocalCopy
from asterisk_ext.tasks import Tasks
from asterisk_ext.trunks import Trunks
from asterisk_ext.version import VERSION
from dialplan.audio.announcements import Announcements
from dialplan.audio.defaults import install_default_audios
from dialplan.audio.sound_folder import SoundsOnDisk
from dialplan.registered_phones import RegisteredPhones
from firewall.guard_client import GuardClient
from firewall.node_countries import CountryFiles, NodeCountries
from firewall.node_firewall import NodeFirewall
from firewall.node_guard import NodeGuard


async def run(config: Config) -> None:
    """Run until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with running(config):
        logging.getLogger(__name__).info("%s is up", config.node.name)
        await stop.wait()


@asynccontextmanager
async def running(config: Config) -> AsyncIterator[None]:
    """Everything of a node, for as long as the context lasts."""
    name, state, asterisk, clock = config.node.name, Path(config.node.state), config.asterisk, time.time
    fleet_secret, http = secret(config.registry.secret_file), config.admin_http
    async with AsyncExitStack() as stack:
        registry = open_engine(config.registry, state, fleet_secret, clock)
        stack.push_async_callback(registry.close)
        copy = stack.enter_context(closing(LocalCopy(state / "copy.sqlite3", clock)))
        ari = partial(Ari.open, asterisk.ari_url)
        looking = await stack.enter_async_context(ari(asterisk.ari_user, secret(asterisk.ari_secret_file)))
        acting = await stack.enter_async_context(ari(asterisk.ari_acting_user, secret(asterisk.ari_acting_secret_file)))
        to_guard = GuardClient(Path(config.guard.socket))
        guard, firewall = NodeGuard(to_guard, config.guard.ban_hours), NodeFirewall(to_guard)
        install_default_audios(Path(asterisk.sounds))
        blocked = BlockedCallLog.of(state / "blocked_calls.sqlite3", clock, config.audio)
        audit = Audit(registry, copy, clock)
        countries = Countries(NodeCountries(to_guard), CountryFiles(state), config.countries.sources, audit, clock)
        calls = LiveCalls(name, acting, copy, audit)
        audios = AudioDelivery(name, copy, registry, SoundsOnDisk(Path(asterisk.sounds)), clock)
        trunks, phones = Trunks(name, copy, asterisk, clock), RegisteredPhones(asterisk.program)
        serving = Serving(name, copy, trunks.projector, audios)
        reporting = Reporting(name, VERSION, serving, audios, phones, calls.count)
        peers = HttpPeers(fleet_secret)
        stack.push_async_callback(peers.close)
        fleet_calls = FleetCalls(name, calls, peers, copy, clock)
        app = build(
            console.services(
                config,
                registry=registry,
                copy=copy,
                audit=audit,
                guard=guard,
                firewall=Firewalls(name, registry, copy, firewall, phones, audit, clock),
                countries=countries,
                peers=peers,
                calls=fleet_calls,
                blocked=blocked,
                clock=clock,
                fleet_secret=fleet_secret,
            )
        )
        serve(registry, app, fleet_secret)
        tasks = await stack.enter_async_context(Tasks())
        tasks.keep("copy of the registry", lambda: copy.follow(registry))
        tasks.keep("reports of the nodes", lambda: copy.hear(registry), pause=PERIOD)
        tasks.keep("report of this node", lambda: reporting.run(registry))
        tasks.keep("audios", audios.run)
        tasks.keep("blocked calls", blocked.run)
        tasks.keep("projection to Asterisk", serving.run)
        trunks.keep(tasks)
        tasks.keep("guard's never-ban list", Friends(copy, guard, firewall).run)
        tasks.keep("country lists", countries.run)
        jobs = {"country lists": (config.countries.schedule, countries.due)}
        await stack.enter_async_context(scheduled(jobs, http.zone))
        tasks.keep("live calls", Follower(looking, acting, calls, f"asterisk-ext-{name}", clock).run)
        tasks.keep("calls of the fleet", fleet_calls.run)
        gate = Gate(FleetDirectory(copy, Announcements(asterisk.sounds, audios.choices)), blocked, clock)
        await stack.enter_async_context(FastAgi({"gate": gate}, config.fastagi.host, config.fastagi.port))
        await stack.enter_async_context(listening(app, http.host, http.port, Path(config.node.run) / "admin.sock"))
        yield
